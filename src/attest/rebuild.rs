//! What somebody says to have built: a statement that gives, for each derivation, the objects that it gave. Pure.
//!
//! # The predicate
//! Its type is [`REBUILD`]. One statement covers as many derivations as were built for one purpose.
//!
//! | field | what it is |
//! | --- | --- |
//! | `builder.id` | who built, as a URI; whose signature counts is for the verifier's keys to say, not for this |
//! | `builder.version` | of drystone, and of the sandbox |
//! | `system` | the kernel's release, the machine, how many CPUs |
//! | `project.lock` | the digest of the project's `drystone.lock`, if it has one |
//! | `project.revision` | the commit that was checked out, if the project is a git repository |
//! | `project.modified` | whether files of that commit were changed |
//! | `attested` | when this was said, in UTC (RFC 3339) |
//! | `derivations` | `name`, `target`, `key` and `outputs`: component → object |
//!
//! # The subjects
//! Each output, as `TARGET/NAME/COMPONENT`, known by the digest [`OBJECT_DIGEST`]: the ObjectId, which is the BLAKE3 of
//! the object's manifest in lower-case hexadecimal. The name is our own, as in-toto's [digest sets][set] allow: no
//! listed algorithm hashes such a manifest. The subjects must be exactly the outputs of the predicate, so that whoever
//! reads only one of the two is told the same.
//!
//! Fields that are not known are passed over, as in-toto asks of readers.
//!
//! [set]: https://github.com/in-toto/attestation/blob/v1.1.0/spec/v1/digest_set.md

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::statement::{Resource, STATEMENT_TYPE, Statement};
use crate::digest::{DerivationKey, Encoder, ObjectId, Sha256};
use crate::image::read;
use crate::plan::Outputs;

/// What derivations gave whoever signs it.
pub const REBUILD: &str = "https://drystone.io/rebuild/v1";
/// The algorithm's name in subjects: the BLAKE3 of an object's manifest.
pub const OBJECT_DIGEST: &str = "drystoneObject";

/// What one builder says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuild {
    /// Who says it.
    pub builder: Builder,
    /// Where it was built.
    pub system: System,
    /// What it was built from.
    pub project: ProjectState,
    /// When it was said.
    pub attested: String,
    /// What was built; never empty, and no key twice.
    pub derivations: Vec<Rebuilt>,
}

/// Who built, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    /// A URI.
    pub id: String,
    /// Versions by name.
    #[serde(default)]
    pub version: BTreeMap<String, String>,
}

/// A machine, as far as it could matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// The kernel's release.
    pub kernel: String,
    /// The processor's architecture.
    pub machine: String,
    /// How many CPUs could be used.
    pub cpus: usize,
}

/// A project, as it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectState {
    /// The digest of its lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockDigest>,
    /// Its commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// Whether files of the commit were changed; false without one.
    #[serde(default)]
    pub modified: bool,
}

/// A digest set of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockDigest {
    /// Its SHA-256.
    pub sha256: Sha256,
}

/// A digest set of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// The commit's hash in hexadecimal.
    pub git_commit: String,
}

/// One derivation, and what it gave.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rebuilt {
    /// Its name, for people: `jq-1.8.2`.
    pub name: String,
    /// What its outputs are for.
    pub target: String,
    /// Its key.
    pub key: DerivationKey,
    /// Its outputs.
    pub outputs: Outputs,
}

/// Why a text says nothing of this kind.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Not JSON, or with other fields.
    #[error("this is not a statement about rebuilds that can be read")]
    Json(#[from] serde_json::Error),
    /// Not of in-toto's version 1.
    #[error("the statement's type is `{}`, not {STATEMENT_TYPE}", .0.escape_debug())]
    Type(String),
    /// A statement about something else.
    #[error("it is a statement of the type `{}`, not {REBUILD}", .0.escape_debug())]
    Predicate(String),
    /// Nothing was built.
    #[error("it names no derivation")]
    Empty,
    /// A derivation twice.
    #[error("it names the derivation {} twice", .0.short())]
    Twice(DerivationKey),
    /// A subject that the predicate does not have, or with another object.
    #[error("its subject `{}` is not what its predicate says", .0.escape_debug())]
    Invented(String),
    /// An output that is no subject.
    #[error("its predicate names the output `{}`, which is none of its subjects", .0.escape_debug())]
    Unsaid(String),
}

/// A statement as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(rename = "_type")]
    kind: String,
    predicate_type: String,
}

#[derive(Deserialize)]
struct Body {
    subject: Vec<Subject>,
    predicate: Rebuild,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    name: String,
    #[serde(default)]
    digest: BTreeMap<String, String>,
}

impl Rebuild {
    /// The statement that is signed.
    pub fn statement(&self) -> Statement {
        let resource = |(name, object): (String, ObjectId)| Resource {
            name,
            digest: BTreeMap::from([(OBJECT_DIGEST.to_owned(), object.to_string())]),
        };
        Statement::new(self.subjects().into_iter().map(resource).collect(), REBUILD, self)
    }

    /// Reads a statement's bytes.
    ///
    /// # Errors
    /// When it is no such statement, or contradicts itself.
    pub fn parse(payload: &[u8]) -> Result<Self, RebuildError> {
        // JSON's readers do not agree on which of two equal fields counts (RFC 8259, section 4).
        let value = read::strict(payload, &[])?;
        // First what it is: what others state has other fields.
        let Head { kind, predicate_type } = Head::deserialize(&value)?;
        if kind != STATEMENT_TYPE {
            return Err(RebuildError::Type(kind));
        }
        if predicate_type != REBUILD {
            return Err(RebuildError::Predicate(predicate_type));
        }
        let Body { subject, predicate } = Body::deserialize(&value)?;
        if predicate.derivations.is_empty() {
            return Err(RebuildError::Empty);
        }
        let mut keys = BTreeSet::new();
        if let Some(twice) = predicate.derivations.iter().find(|one| !keys.insert(one.key)) {
            return Err(RebuildError::Twice(twice.key));
        }
        let mut unsaid: BTreeSet<(String, ObjectId)> = predicate.subjects().into_iter().collect();
        for Subject { name, digest } in subject {
            let object = digest.get(OBJECT_DIGEST).and_then(|digits| digits.parse().ok());
            // One that is there twice has been taken out the first time.
            if !object.is_some_and(|object| unsaid.remove(&(name.clone(), object))) {
                return Err(RebuildError::Invented(name));
            }
        }
        match unsaid.into_iter().next() {
            Some((name, _)) => Err(RebuildError::Unsaid(name)),
            None => Ok(predicate),
        }
    }

    /// The outputs by name, in order.
    fn subjects(&self) -> Vec<(String, ObjectId)> {
        let of = |one: &Rebuilt| {
            let place = format!("{}/{}", one.target, one.name);
            one.outputs.iter().map(|(component, object)| (format!("{place}/{component}"), *object)).collect::<Vec<_>>()
        };
        self.derivations.iter().flat_map(of).collect()
    }

    /// What is claimed, without who, where and when: of the same claims only the newest statement is of interest.
    pub fn claims(&self) -> String {
        let mut encoder = Encoder::new("drystone-rebuild", 1);
        let mut derivations: Vec<&Rebuilt> = self.derivations.iter().collect();
        derivations.sort_by_key(|one| one.key);
        for Rebuilt { name, target, key, outputs } in derivations {
            encoder.field("derivation", &key.to_string());
            encoder.field("name", name);
            encoder.field("target", target);
            encoder.list("output", outputs.iter().map(|(component, object)| format!("{component} {object}")));
        }
        encoder.finish().0.to_string()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A statement of one derivation for each pair of a key and an object, each with the output `bin`.
    pub(crate) fn saying(pairs: &[(u8, u8)]) -> Rebuild {
        let rebuilt = |(key, object): &(u8, u8)| Rebuilt {
            name: format!("stone-{key}"),
            target: "t".to_owned(),
            key: DerivationKey::from_bytes([*key; 32]),
            outputs: Outputs::from([("bin".to_owned(), ObjectId::from_bytes([*object; 32]))]),
        };
        Rebuild {
            builder: Builder { id: "https://mason.example".to_owned(), version: BTreeMap::new() },
            system: System { kernel: "6.1".to_owned(), machine: "x86_64".to_owned(), cpus: 2 },
            project: ProjectState::default(),
            attested: "2026-01-01T00:00:00Z".to_owned(),
            derivations: pairs.iter().map(rebuilt).collect(),
        }
    }

    fn altered(change: impl Fn(&mut Value)) -> String {
        let mut value: Value = serde_json::from_slice(&saying(&[(1, 1), (2, 2)]).statement().to_bytes()).unwrap();
        change(&mut value);
        Rebuild::parse(value.to_string().as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_statement_is_read_as_it_was_made() {
        let rebuild = saying(&[(1, 1), (2, 2)]);
        let bytes = rebuild.statement().to_bytes();
        assert_eq!(Rebuild::parse(&bytes).unwrap(), rebuild);
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["subject"][1], json!({"name": "t/stone-2/bin", "digest": {OBJECT_DIGEST: "02".repeat(32)}}));
    }

    #[test]
    fn the_claims_do_not_depend_on_time_place_and_order() {
        let one = saying(&[(1, 1), (2, 2)]);
        let other = Rebuild { attested: "2027-01-01T00:00:00Z".to_owned(), ..saying(&[(2, 2), (1, 1)]) };
        assert_eq!(one.claims(), other.claims());
        assert_ne!(one.claims(), saying(&[(1, 1), (2, 3)]).claims());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let twice = altered(|value| {
            value["predicate"]["derivations"][1] = value["predicate"]["derivations"][0].clone();
        });
        assert_eq!(twice, "it names the derivation 010101010101 twice");
        let invented = "its subject `t/stone-1/bin` is not what its predicate says";
        assert_eq!(altered(|value| value["subject"][0]["digest"][OBJECT_DIGEST] = "03".repeat(32).into()), invented);
        assert_eq!(altered(|value| value["subject"][1] = value["subject"][0].clone()), invented);
        assert_eq!(altered(|value| value["subject"][0]["digest"] = json!({"sha256": "01".repeat(32)})), invented);
        let unsaid = altered(|value| drop(value["subject"].as_array_mut().unwrap().pop()));
        assert_eq!(unsaid, "its predicate names the output `t/stone-2/bin`, which is none of its subjects");
        let empty = altered(|value| {
            value["subject"] = json!([]);
            value["predicate"]["derivations"] = json!([]);
        });
        assert_eq!(empty, "it names no derivation");
    }

    #[test]
    fn a_field_that_is_there_twice_is_refused() {
        let text = String::from_utf8(saying(&[(1, 1)]).statement().to_bytes()).unwrap();
        for (object, field) in [("01", "bin"), ("01", OBJECT_DIGEST)] {
            let once = format!("\"{field}\":\"{}\"", object.repeat(32));
            assert!(text.contains(&once), "{text}");
            let twice = text.replace(&once, &format!("\"{field}\":\"{}\",{once}", "02".repeat(32)));
            let error = match Rebuild::parse(twice.as_bytes()) {
                Err(RebuildError::Json(error)) => error.to_string(),
                other => panic!("{other:?}"),
            };
            assert!(error.starts_with(&format!("`{field}` is there twice")), "{error}");
        }
        // The fields that every statement has.
        let twice = text.replacen("\"derivations\":", "\"derivations\":[],\"derivations\":", 1);
        assert!(Rebuild::parse(twice.as_bytes()).is_err());
    }

    #[test]
    fn other_statements_are_named() {
        let provenance = altered(|value| value["predicateType"] = "https://slsa.dev/provenance/v1".into());
        assert_eq!(
            provenance,
            format!("it is a statement of the type `https://slsa.dev/provenance/v1`, not {REBUILD}")
        );
        let old = altered(|value| value["_type"] = "https://in-toto.io/Statement/v0.1".into());
        assert_eq!(old, format!("the statement's type is `https://in-toto.io/Statement/v0.1`, not {STATEMENT_TYPE}"));
    }
}
