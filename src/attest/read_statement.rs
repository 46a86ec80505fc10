//! In-toto statements, version 1: a predicate about things that are known by their digests
//! ([specification](https://github.com/in-toto/attestation/blob/v1.1.0/spec/v1/statement.md)). Knows of a predicate
//! only its type.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::oci::to_json;
use super::statement::STATEMENT_TYPE;
use crate::digest::Sha256;

/// cosign's predicate that says nothing but that the image is signed.
pub(super) const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// A statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadStatement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Resource>,
    /// What kind of predicate it is, as a URI.
    pub predicate_type: String,
    /// What is said of the subjects.
    #[serde(default)]
    pub predicate: Value,
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Resource {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default)]
    digest: BTreeMap<String, String>,
}

/// Why a text is no statement.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// Not JSON, or with other fields.
    #[error("this is not an in-toto statement")]
    Json(#[from] serde_json::Error),
    /// Another version.
    #[error("the statement's type is `{}`, not {STATEMENT_TYPE}", .0.escape_debug())]
    Type(String),
    /// About nothing that has a SHA-256.
    #[error("the statement names no subject by a sha256")]
    NoSubject,
}

impl ReadStatement {
    /// Reads a statement.
    ///
    /// # Errors
    /// When it is none of version 1, or not about a thing with a SHA-256.
    pub fn parse(json: &[u8]) -> Result<Self, StatementError> {
        let statement: Self = serde_json::from_slice(json)?;
        if statement.kind != STATEMENT_TYPE {
            return Err(StatementError::Type(statement.kind));
        }
        if statement.subjects().next().is_none() {
            return Err(StatementError::NoSubject);
        }
        Ok(statement)
    }

    /// The SHA-256 of everything that it is about.
    pub fn subjects(&self) -> impl Iterator<Item = Sha256> + '_ {
        self.subject.iter().filter_map(|resource| resource.digest.get("sha256")?.parse().ok())
    }

    /// Whether it is about a thing.
    pub fn is_about(&self, digest: &Sha256) -> bool {
        self.subjects().any(|subject| subject == *digest)
    }
}

/// What cosign 3 signs in place of the older payload: that this is the image, and nothing else of it.
pub(super) fn of_signature(manifest: &Sha256) -> Vec<u8> {
    to_json(&ReadStatement {
        kind: STATEMENT_TYPE.to_owned(),
        subject: vec![Resource { name: None, digest: BTreeMap::from([("sha256".to_owned(), manifest.to_string())]) }],
        predicate_type: SIGN.to_owned(),
        predicate: Value::Object(serde_json::Map::new()),
    })
}
