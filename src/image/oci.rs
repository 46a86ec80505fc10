//! The documents of the OCI image specification 1.1, as bytes.
//!
//! The structs have the specification's fields in its order, those that are never used left out, and maps are
//! sorted; so the bytes follow from the values alone.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use super::rootfs::{Origin, Provenance, Rootfs};
use super::{Compression, ImageError, LayerSummary, encoder};
use crate::archive::EPOCH;
use crate::digest::Sha256;
use crate::recipe::{ImageConfig, Target};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const GZIP_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// The name of the marker file of a layout.
pub const LAYOUT_FILE: &str = "oci-layout";
/// Its content; the version is that of the layout, not of the specification.
pub const LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
/// The annotation by which an index tells that we wrote it.
pub const OURS: &str = "io.drystone.image";

/// The annotation by which a layer tells the object that it holds.
pub(super) const OBJECT: &str = "io.drystone.object";
/// What a layer's history begins with.
pub(super) const MADE_BY: &str = "drystone: ";
/// What follows for the layer that the spec brings, before the image's name.
pub(super) const MADE_OF_SPEC: &str = "the image spec ";
const ENCODER: &str = "io.drystone.encoder";
const REF_NAME: &str = "org.opencontainers.image.ref.name";
const CREATED: &str = "org.opencontainers.image.created";
const TITLE: &str = "org.opencontainers.image.title";
/// Labels with this prefix are repeated as annotations, where registries look for them.
const PREDEFINED: &str = "org.opencontainers.image.";

type Annotations = BTreeMap<String, String>;

/// A document: what is stored, and its name.
pub(super) struct Document {
    pub bytes: Vec<u8>,
    pub digest: Sha256,
}

impl Document {
    fn of(value: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(value).expect("maps have text keys, and writing to memory cannot fail");
        Self { digest: Sha256::of(&bytes), bytes }
    }

    fn descriptor(&self, media_type: &'static str) -> Descriptor {
        Descriptor::new(media_type, &self.digest, self.bytes.len() as u64)
    }
}

/// An architecture as Go, and so OCI, names it. The operating system is Linux.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Platform {
    architecture: &'static str,
    os: &'static str,
}

impl Platform {
    /// The platform of a target.
    ///
    /// # Errors
    /// When the target's architecture is unknown.
    pub fn of(target: &Target) -> Result<Self, ImageError> {
        let architecture = target.architecture().ok_or_else(|| ImageError::Platform { target: target.clone() })?;
        Ok(Self { architecture, os: "linux" })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// The image's configuration.
pub(super) fn config(rootfs: &Rootfs, platform: Platform, layers: &[LayerSummary]) -> Document {
    let created = created();
    Document::of(&Configuration {
        created: &created,
        architecture: platform.architecture,
        os: platform.os,
        config: Execution::of(rootfs.config()),
        rootfs: RootFs { kind: "layers", diff_ids: layers.iter().map(|layer| digest(&layer.diff_id)).collect() },
        history: layers
            .iter()
            .map(|layer| History { created: &created, created_by: created_by(&layer.origin, rootfs) })
            .collect(),
    })
}

/// The manifest.
pub(super) fn manifest(
    rootfs: &Rootfs,
    config: &Document,
    layers: &[LayerSummary],
    compression: Compression,
) -> Document {
    let media_type = match compression {
        Compression::Gzip => GZIP_LAYER,
        Compression::Zstd => ZSTD_LAYER,
    };
    let mut annotations = Annotations::from([(ENCODER.to_owned(), encoder(compression).to_owned())]);
    annotations.extend(described(rootfs));
    Document::of(&Manifest {
        schema_version: 2,
        media_type: MANIFEST,
        config: config.descriptor(CONFIG),
        layers: layers.iter().map(|layer| layer_descriptor(layer, media_type)).collect(),
        annotations,
    })
}

/// The index of a layout that holds one image, or one for several platforms.
pub(super) fn index(rootfs: &Rootfs, entry: Entry<'_>) -> Document {
    let mut descriptor = entry.descriptor();
    descriptor.annotations.insert(REF_NAME.to_owned(), rootfs.tag().to_owned());
    let annotations = Annotations::from([(OURS.to_owned(), rootfs.name().to_owned())]);
    Document::of(&Index::of(vec![descriptor], annotations))
}

/// The index that makes one image of several, each for its platform; it bears what their manifests have in common.
pub(super) fn platforms<'a>(rootfs: &Rootfs, manifests: impl Iterator<Item = (&'a Document, Platform)>) -> Document {
    let entries = manifests.map(|(manifest, platform)| Entry::Manifest(manifest, platform).descriptor());
    Document::of(&Index::of(entries.collect(), described(rootfs)))
}

/// What an index names.
pub(super) enum Entry<'a> {
    /// An image.
    Manifest(&'a Document, Platform),
    /// One for several platforms.
    Index(&'a Document),
}

impl Entry<'_> {
    fn descriptor(&self) -> Descriptor {
        match self {
            Self::Manifest(manifest, platform) => {
                Descriptor { platform: Some(*platform), ..manifest.descriptor(MANIFEST) }
            }
            Self::Index(index) => index.descriptor(INDEX),
        }
    }
}

/// What an image says of itself.
fn described(rootfs: &Rootfs) -> Annotations {
    let labels = rootfs.config().labels.iter().filter(|(key, _)| key.starts_with(PREDEFINED));
    let mut annotations =
        Annotations::from([(CREATED.to_owned(), created()), (TITLE.to_owned(), rootfs.name().to_owned())]);
    annotations.extend(labels.map(|(key, value)| (key.clone(), value.clone())));
    annotations
}

fn layer_descriptor(layer: &LayerSummary, media_type: &'static str) -> Descriptor {
    let mut descriptor = Descriptor::new(media_type, &layer.digest, layer.size);
    if let Origin::Object { id, .. } = &layer.origin {
        descriptor.annotations.insert(OBJECT.to_owned(), id.to_string());
    }
    descriptor
}

fn created_by(origin: &Origin, rootfs: &Rootfs) -> String {
    match origin {
        Origin::Object { outputs, .. } => {
            let outputs: Vec<_> = outputs.iter().map(Provenance::to_string).collect();
            format!("{MADE_BY}{}", outputs.join(", "))
        }
        Origin::Spec => format!("{MADE_BY}{MADE_OF_SPEC}{}", rootfs.name()),
    }
}

fn created() -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(EPOCH)).to_string()
}

fn digest(sha256: &Sha256) -> String {
    format!("sha256:{sha256}")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: &'static str,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    annotations: Annotations,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
}

impl Descriptor {
    fn new(media_type: &'static str, sha256: &Sha256, size: u64) -> Self {
        Self { media_type, digest: digest(sha256), size, annotations: Annotations::new(), platform: None }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
    annotations: Annotations,
}

impl Index {
    fn of(manifests: Vec<Descriptor>, annotations: Annotations) -> Self {
        Self { schema_version: 2, media_type: INDEX, manifests, annotations }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u8,
    media_type: &'static str,
    config: Descriptor,
    layers: Vec<Descriptor>,
    annotations: Annotations,
}

#[derive(Serialize)]
struct Configuration<'a> {
    created: &'a str,
    architecture: &'static str,
    os: &'static str,
    config: Execution<'a>,
    rootfs: RootFs,
    history: Vec<History<'a>>,
}

#[derive(Serialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<String>,
}

#[derive(Serialize)]
struct History<'a> {
    created: &'a str,
    created_by: String,
}

/// The specification keeps sets as maps to empty objects, as Go did.
#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Execution<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    exposed_ports: BTreeMap<&'a str, Nothing>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    entrypoint: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cmd: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    volumes: BTreeMap<&'a str, Nothing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_dir: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_signal: Option<&'a str>,
}

impl<'a> Execution<'a> {
    fn of(config: &'a ImageConfig) -> Self {
        let ImageConfig { entrypoint, cmd, env, user, workdir, labels, ports, stop_signal, volumes } = config;
        let set = |values: &'a [String]| values.iter().map(|value| (value.as_str(), Nothing {})).collect();
        Self {
            user: user.as_deref(),
            exposed_ports: set(ports),
            env: env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            entrypoint,
            cmd,
            volumes: set(volumes),
            working_dir: workdir.as_deref(),
            labels,
            stop_signal: stop_signal.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests;
