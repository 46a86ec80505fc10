//! A claim about artifacts that are named by their digests: an in-toto statement. Knows nothing of how it is signed.
//!
//! Follows the [in-toto attestation framework, statement v1][spec]. The bytes follow from the value alone.
//!
//! [spec]: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md

use std::collections::BTreeMap;

use serde::Serialize;

use crate::digest::Sha256;

/// What a statement of this framework's version says that it is.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// How an image came to be: SLSA v1.
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
/// A bill of materials in SPDX. The type without a version is the registered one, and what cosign means by
/// `spdxjson`; the document states its version itself.
pub const SPDX: &str = "https://spdx.dev/Document";
/// A bill of materials in CycloneDX; as with SPDX.
pub const CYCLONEDX: &str = "https://cyclonedx.org/bom";

/// What came of holding an image against its policy: findings, waivers with their reasons and days, and the
/// executables that may be there.
pub const POLICY_REPORT: &str = "https://drystone.io/policy-report/v1";
/// How a container of the image is to run: a map from a file's name to its text.
pub const CONTROLS: &str = "https://drystone.io/runtime-controls/v1";

/// An artifact that a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resource {
    /// Its name, for people; what it is depends on the digest alone.
    pub name: String,
    /// Its digests by algorithm, in lower-case hexadecimal; never empty.
    pub digest: BTreeMap<String, String>,
}

impl Resource {
    /// An artifact that is known by its SHA-256, such as an image by its manifest's.
    pub fn sha256(name: impl Into<String>, digest: &Sha256) -> Self {
        Self { name: name.into(), digest: BTreeMap::from([("sha256".to_owned(), digest.to_string())]) }
    }

    /// A directory, known by the framework's `dirHash`: the SHA-256 of what `sha256sum` prints of its files.
    pub fn directory(name: impl Into<String>, digest: &Sha256) -> Self {
        Self { name: name.into(), digest: BTreeMap::from([("dirHash".to_owned(), digest.to_string())]) }
    }
}

/// Subjects, and what is said of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    subjects: Vec<Resource>,
    predicate_type: String,
    /// Serialised at once: a generic JSON value would not keep the order of its fields.
    predicate: String,
}

impl Statement {
    /// Says something of subjects; the type's URI tells how it is to be read.
    ///
    /// # Panics
    /// When the predicate has a map whose keys are no texts.
    pub fn new(subjects: Vec<Resource>, predicate_type: impl Into<String>, predicate: &impl Serialize) -> Self {
        let predicate = serde_json::to_string(predicate).expect("a predicate is plain data");
        Self { subjects, predicate_type: predicate_type.into(), predicate }
    }

    /// Says what a document says; it must be JSON.
    pub fn of_document(subjects: Vec<Resource>, predicate_type: impl Into<String>, document: &str) -> Self {
        Self { subjects, predicate_type: predicate_type.into(), predicate: document.to_owned() }
    }

    /// What it is about.
    pub fn subjects(&self) -> &[Resource] {
        &self.subjects
    }

    /// The URI that tells how the predicate is to be read.
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// What it says, as JSON.
    pub fn predicate(&self) -> &str {
        &self.predicate
    }

    /// The statement as JSON: what is signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = Head { kind: STATEMENT_TYPE, subject: &self.subjects, predicate_type: &self.predicate_type };
        let mut text = serde_json::to_string(&head).expect("the head is plain data");
        text.pop();
        text.push_str(",\"predicate\":");
        text.push_str(&self.predicate);
        text.push('}');
        text.into_bytes()
    }
}

/// All but the predicate.
#[derive(Serialize)]
struct Head<'a> {
    #[serde(rename = "_type")]
    kind: &'static str,
    subject: &'a [Resource],
    #[serde(rename = "predicateType")]
    predicate_type: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_the_fields_of_the_framework_in_its_order() {
        #[derive(Serialize)]
        struct Verdict {
            zeal: u8,
            answer: &'static str,
        }
        let digest = Sha256::of(b"abc");
        let subject = Resource::sha256("jq", &digest);
        let statement =
            Statement::new(vec![subject.clone()], "https://x.example/v1", &Verdict { zeal: 1, answer: "yes" });
        let text = String::from_utf8(statement.to_bytes()).unwrap();
        assert_eq!(
            text,
            format!(
                "{{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{{\"name\":\"jq\",\"digest\":\
                 {{\"sha256\":\"{digest}\"}}}}],\"predicateType\":\"https://x.example/v1\",\"predicate\":\
                 {{\"zeal\":1,\"answer\":\"yes\"}}}}"
            )
        );
        let again = Statement::of_document(vec![subject], "https://x.example/v1", statement.predicate());
        assert_eq!(again, statement);
    }
}
