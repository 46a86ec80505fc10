//! The fields of a CycloneDX 1.6 document in JSON, those that are never used left out.

use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    pub bom_format: &'static str,
    pub spec_version: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub serial_number: String,
    pub version: u8,
    pub metadata: Metadata,
    pub components: Vec<Component>,
    pub dependencies: Vec<Dependency>,
    pub compositions: Vec<Composition>,
}

#[derive(Serialize)]
pub(super) struct Metadata {
    pub timestamp: String,
    pub lifecycles: [Lifecycle; 1],
    pub tools: Tools,
    pub component: Component,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supplier: Option<Organization>,
}

#[derive(Serialize)]
pub(super) struct Lifecycle {
    pub phase: &'static str,
}

#[derive(Serialize)]
pub(super) struct Tools {
    pub components: [Component; 1],
}

#[derive(Serialize, Clone)]
pub(super) struct Organization {
    pub name: String,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Component {
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "String::is_empty")]
    pub reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supplier: Option<Organization>,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<License>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pedigree: Option<Pedigree>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external_references: Vec<ExternalReference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
}

#[derive(Serialize)]
pub(super) struct Hash {
    pub alg: &'static str,
    pub content: String,
}

/// Either form of the schema's `licenseChoice`.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum License {
    Listed { license: ListedLicense },
    Expression { expression: String, acknowledgement: &'static str },
}

#[derive(Serialize)]
pub(super) struct ListedLicense {
    pub id: String,
    pub acknowledgement: &'static str,
}

#[derive(Serialize)]
pub(super) struct Pedigree {
    pub ancestors: Vec<Component>,
    pub patches: Vec<Patch>,
}

#[derive(Serialize)]
pub(super) struct Patch {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub diff: Diff,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resolves: Vec<Issue>,
}

#[derive(Serialize)]
pub(super) struct Diff {
    pub url: String,
}

#[derive(Serialize)]
pub(super) struct Issue {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub id: String,
}

#[derive(Serialize)]
pub(super) struct ExternalReference {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<Hash>,
}

#[derive(Serialize)]
pub(super) struct Property {
    pub name: &'static str,
    pub value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dependency {
    #[serde(rename = "ref")]
    pub reference: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Composition {
    pub aggregate: &'static str,
    pub assemblies: Vec<String>,
    pub dependencies: Vec<String>,
}
