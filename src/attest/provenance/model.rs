//! The fields of SLSA v1's predicate, those that are never used left out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::digest::{Blake3, ObjectId, Sha256};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Predicate {
    pub build_definition: BuildDefinition,
    pub run_details: RunDetails,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BuildDefinition {
    pub build_type: &'static str,
    pub external_parameters: External,
    pub internal_parameters: Internal,
    pub resolved_dependencies: Vec<Descriptor>,
}

/// What whoever asked for the build decides.
#[derive(Serialize)]
pub(super) struct External {
    pub spec: SpecFile,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    pub targets: BTreeSet<String>,
    pub format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
}

#[derive(Serialize)]
pub(super) struct SpecFile {
    pub name: String,
    pub digest: BTreeMap<&'static str, String>,
}

/// What drystone decides.
#[derive(Serialize)]
pub(super) struct Internal {
    pub sandbox: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
}

#[derive(Serialize)]
pub(super) struct RunDetails {
    pub builder: Builder,
    pub byproducts: Vec<Descriptor>,
}

#[derive(Serialize)]
pub(super) struct Builder {
    pub id: String,
    pub version: BTreeMap<&'static str, &'static str>,
}

/// in-toto's ResourceDescriptor: something that has a digest. Ordered by kind, then name.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Descriptor {
    #[serde(skip)]
    kind: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    digest: BTreeMap<&'static str, String>,
    annotations: BTreeMap<&'static str, Annotation>,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(untagged)]
enum Annotation {
    One(String),
    Several(Vec<String>),
}

impl Descriptor {
    pub fn new(kind: &'static str, name: String) -> Self {
        let annotations = BTreeMap::from([("kind", Annotation::One(kind.to_owned()))]);
        Self { kind, name, uri: None, digest: BTreeMap::new(), annotations }
    }

    pub fn sha256(mut self, digest: &Sha256) -> Self {
        self.digest.insert("sha256", digest.to_string());
        self
    }

    pub fn blake3(mut self, digest: &Blake3) -> Self {
        self.digest.insert("blake3", digest.to_string());
        self
    }

    /// The BLAKE3 of the object's manifest.
    pub fn object(mut self, id: &ObjectId) -> Self {
        self.digest.insert("blake3", id.to_string());
        self
    }

    pub fn at(mut self, uri: Option<String>) -> Self {
        self.uri = uri;
        self
    }

    /// With an annotation of one text.
    pub fn noting(mut self, key: &'static str, value: String) -> Self {
        self.annotations.insert(key, Annotation::One(value));
        self
    }

    /// With the places where it is published, if there are any.
    pub fn found_at(mut self, locations: Vec<String>) -> Self {
        if !locations.is_empty() {
            self.annotations.insert("locations", Annotation::Several(locations));
        }
        self
    }
}
