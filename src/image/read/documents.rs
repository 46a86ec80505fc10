//! The documents of images of others, as far as they say what is read: OCI's index, manifest and configuration
//! (image specification 1.1), which Docker's resemble, and the `manifest.json` of `docker save`. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Config, ReadError, json};
use crate::digest::Sha256;

/// The media types of lists of images.
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
/// The media types of images.
const MANIFESTS: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// The beginnings of layers' media types; what follows tells the compression, which the bytes tell as well.
const LAYERS: [&str; 4] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
];
/// What may follow.
const COMPRESSIONS: [&str; 5] = ["", "+gzip", "+zstd", ".gzip", ".zstd"];

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    pub annotations: Option<BTreeMap<String, String>>,
    pub platform: Option<PlatformFacts>,
    pub artifact_type: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct PlatformFacts {
    pub os: String,
    pub architecture: String,
    pub variant: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Index {
    pub manifests: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub media_type: Option<String>,
    pub artifact_type: Option<String>,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    pub annotations: Option<BTreeMap<String, String>>,
}

/// One image of Docker's `manifest.json`; the paths are names of the archive's members.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DockerImage {
    pub config: String,
    pub repo_tags: Option<Vec<String>>,
    pub layers: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Configuration {
    architecture: String,
    os: String,
    variant: Option<String>,
    created: Option<String>,
    config: Option<Execution>,
    rootfs: RootFs,
    history: Option<Vec<History>>,
}

#[derive(Debug, Deserialize)]
struct RootFs {
    diff_ids: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct History {
    created_by: Option<String>,
    #[serde(default)]
    empty_layer: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Execution {
    user: Option<String>,
    env: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    volumes: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    exposed_ports: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    working_dir: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    stop_signal: Option<String>,
}

/// What a configuration says of itself, of its layers' uncompressed digests, and of how each came to be.
pub(super) struct Configured {
    pub config: Config,
    pub diff_ids: Vec<Sha256>,
    /// One for each layer, or none at all where the history does not fit the layers.
    pub created_by: Vec<Option<String>>,
}

impl Descriptor {
    /// The digest, which must be a SHA-256.
    pub fn sha256(&self, document: &str) -> Result<Sha256, ReadError> {
        sha256(&self.digest, document)
    }

    pub fn is_index(&self) -> bool {
        INDEXES.contains(&self.media_type.as_str())
    }

    /// Whether it may be a container image, not something that is attached to one.
    pub fn may_be_image(&self) -> bool {
        let known = self.is_index() || MANIFESTS.contains(&self.media_type.as_str());
        known && self.artifact_type.is_none() && self.annotation("vnd.docker.reference.type").is_none()
    }

    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }
}

fn sha256(digest: &str, document: &str) -> Result<Sha256, ReadError> {
    let parsed = digest.strip_prefix("sha256:").and_then(|hex| hex.parse().ok());
    parsed.ok_or_else(|| ReadError::Unsupported {
        document: document.to_owned(),
        reason: format!("`{}` is not a digest of the form sha256:HEX", digest.escape_debug()),
    })
}

fn malformed(document: &str, reason: impl Into<String>) -> ReadError {
    ReadError::Malformed { document: document.to_owned(), reason: reason.into() }
}

/// Reads an index.
///
/// # Errors
/// When it is malformed, or could be taken for a manifest.
pub(super) fn index(bytes: &[u8], document: &str) -> Result<Index, ReadError> {
    let value = json::parse(bytes, json::OCI, document)?;
    // A document that is both shows each reader what it likes to see (CVE-2021-41190).
    if value.get("layers").is_some() || value.get("config").is_some() {
        return Err(malformed(document, "it is an index and has layers as well"));
    }
    json::typed(&value, document)
}

/// Reads an image's manifest.
///
/// # Errors
/// When it is malformed, could be taken for an index, or is not of a container image.
pub(super) fn manifest(bytes: &[u8], document: &str) -> Result<Manifest, ReadError> {
    let value = json::parse(bytes, json::OCI, document)?;
    if value.get("manifests").is_some() {
        return Err(malformed(document, "it is a manifest and lists manifests as well"));
    }
    if value.get("schemaVersion") != Some(&2.into()) {
        let reason = "its schemaVersion is not 2".to_owned();
        return Err(ReadError::Unsupported { document: document.to_owned(), reason });
    }
    let manifest: Manifest = json::typed(&value, document)?;
    let unsupported = |reason: String| Err(ReadError::Unsupported { document: document.to_owned(), reason });
    if let Some(media_type) = manifest.media_type.as_deref().filter(|known| !MANIFESTS.contains(known)) {
        return unsupported(format!("it is of the type {}", media_type.escape_debug()));
    }
    let media_type = manifest.config.media_type.as_str();
    if manifest.artifact_type.is_some() || !CONFIGS.contains(&media_type) {
        let kind = manifest.artifact_type.as_deref().unwrap_or(media_type).escape_debug();
        return unsupported(format!("it is no container image, but an artifact of the type {kind}"));
    }
    let is_layer = |media_type: &str| {
        let rest = LAYERS.iter().find_map(|start| media_type.strip_prefix(start));
        rest.is_some_and(|rest| COMPRESSIONS.contains(&rest))
    };
    if let Some(layer) = manifest.layers.iter().find(|layer| !is_layer(&layer.media_type)) {
        return unsupported(format!("it has a layer of the type {}", layer.media_type.escape_debug()));
    }
    Ok(manifest)
}

/// Reads Docker's list of images.
///
/// # Errors
/// When it is malformed.
pub(super) fn docker(bytes: &[u8], document: &str) -> Result<Vec<DockerImage>, ReadError> {
    json::typed(&json::parse(bytes, json::DOCKER, document)?, document)
}

/// Reads a configuration.
///
/// # Errors
/// When it is malformed.
pub(super) fn configuration(bytes: &[u8], document: &str) -> Result<Configured, ReadError> {
    let value = json::parse(bytes, json::OCI, document)?;
    let Configuration { architecture, os, variant, created, config, rootfs, history } = json::typed(&value, document)?;
    let diff_ids: Vec<Sha256> =
        rootfs.diff_ids.iter().flatten().map(|digest| sha256(digest, document)).collect::<Result<_, _>>()?;
    let history = history.unwrap_or_default().into_iter().filter(|entry| !entry.empty_layer);
    let created_by: Vec<_> = history.map(|entry| entry.created_by).collect();
    let created_by = if created_by.len() == diff_ids.len() { created_by } else { vec![None; diff_ids.len()] };
    let Execution { user, env, entrypoint, cmd, volumes, exposed_ports, working_dir, labels, stop_signal } =
        config.unwrap_or_default();
    let keys = |map: Option<BTreeMap<String, _>>| map.unwrap_or_default().into_keys().collect::<BTreeSet<_>>();
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    let config = Config {
        digest: Sha256::of(bytes),
        architecture,
        os,
        variant: said(variant),
        created,
        user: user.unwrap_or_default(),
        entrypoint: entrypoint.unwrap_or_default(),
        cmd: cmd.unwrap_or_default(),
        env: env.unwrap_or_default(),
        workdir: said(working_dir),
        labels: labels.unwrap_or_default(),
        ports: keys(exposed_ports),
        volumes: keys(volumes),
        stop_signal: said(stop_signal),
        document: value,
    };
    Ok(Configured { config, diff_ids, created_by })
}
