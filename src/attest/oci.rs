//! Manifests and descriptors of the OCI image specification 1.1, as far as they say what belongs to an image. Knows
//! nothing of what the blobs mean, nor of where they lie.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Artifact;
use crate::digest::{ParseError, Sha256};

/// The media type of an image's manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an index of manifests.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of an image's configuration.
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Docker's names for the same three.
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(super) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(super) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// The configuration of a manifest that needs none, and its only content.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const EMPTY_CONTENT: &[u8] = b"{}";
/// Registries need not take larger manifests (the distribution specification, "Pushing Manifests").
pub(super) const MANIFEST_LIMIT: u64 = 4 << 20;

/// Annotations, sorted.
pub type Annotations = BTreeMap<String, String>;

/// A digest as OCI writes it: `sha256:` and 64 digits. No other algorithm is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OciDigest(pub Sha256);

/// A text that is no such digest.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// Another algorithm, or none.
    #[error("`{}` is not a digest of the form sha256:…", .0.escape_debug())]
    Algorithm(String),
    /// Not 64 digits.
    #[error(transparent)]
    Digits(#[from] ParseError),
}

impl TryFrom<String> for OciDigest {
    type Error = DigestError;
    fn try_from(text: String) -> Result<Self, DigestError> {
        match text.strip_prefix("sha256:") {
            Some(digits) => Ok(Self(digits.parse()?)),
            None => Err(DigestError::Algorithm(text)),
        }
    }
}

impl From<OciDigest> for String {
    fn from(digest: OciDigest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for OciDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

/// What a manifest says of a blob, or an index of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the bytes are.
    pub media_type: String,
    /// Their SHA-256.
    pub digest: OciDigest,
    /// How many there are.
    pub size: u64,
    /// What an artifact is, in a list of those that refer to something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What else is known of them.
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
    /// What a manifest's image runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// What an image runs on, in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The processor.
    pub architecture: String,
    /// The operating system.
    pub os: String,
    /// The processor's variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// A text that is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no platform: it is OS/ARCHITECTURE, such as linux/amd64, or OS/ARCHITECTURE/VARIANT", .0.escape_debug())]
pub struct PlatformError(String);

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match *parts.as_slice() {
            [os, architecture, ref variant @ ..] if variant.len() <= 1 && parts.iter().all(is_word) => Ok(Self {
                architecture: architecture.to_owned(),
                os: os.to_owned(),
                variant: variant.first().map(|&variant| variant.to_owned()),
            }),
            _ => Err(PlatformError(text.to_owned())),
        }
    }
}

impl Platform {
    /// Whether something for `self` is what somebody wants who names `wanted`.
    pub fn suits(&self, wanted: &Self) -> bool {
        let Self { architecture, os, variant } = wanted;
        self.architecture == *architecture && self.os == *os && (variant.is_none() || self.variant == *variant)
    }
}

impl Descriptor {
    /// The descriptor of bytes that are in memory.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: OciDigest(Sha256::of(bytes)),
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: Annotations::new(),
            platform: None,
        }
    }

    /// Whether it is of one image.
    pub fn is_manifest(&self) -> bool {
        matches!(self.media_type.as_str(), MANIFEST | DOCKER_MANIFEST)
    }

    /// Whether it is of several manifests.
    pub fn is_index(&self) -> bool {
        matches!(self.media_type.as_str(), INDEX | DOCKER_INDEX)
    }

    /// What another document's `subject` says: no annotations, no platform.
    fn bare(&self) -> Self {
        Self { artifact_type: None, annotations: Annotations::new(), platform: None, ..self.clone() }
    }
}

/// A manifest, in the specification's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub schema_version: u8,
    #[serde(default)]
    pub media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
}

impl Manifest {
    /// A manifest with a configuration and nothing else.
    pub fn new(config: Descriptor) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            artifact_type: None,
            config,
            layers: Vec::new(),
            subject: None,
            annotations: Annotations::new(),
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        to_json(self)
    }
}

/// An index.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Index {
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
}

/// Compact JSON.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("maps have text keys, and writing to memory cannot fail")
}

/// One blob that refers to an image: an artifact whose type is the blob's media type
/// (the image specification 1.1, "Guidelines for Artifact Usage").
pub(super) fn referrer(subject: &Descriptor, media_type: &str, blob: Vec<u8>, annotations: Annotations) -> Artifact {
    referrer_of_kind(subject, media_type, media_type, blob, annotations)
}

/// The same of an artifact that is something else than its blob.
pub(super) fn referrer_of_kind(
    subject: &Descriptor,
    kind: &str,
    media_type: &str,
    blob: Vec<u8>,
    annotations: Annotations,
) -> Artifact {
    let manifest = Manifest {
        artifact_type: Some(kind.to_owned()),
        layers: vec![Descriptor::of(media_type, &blob)],
        subject: Some(subject.bare()),
        annotations,
        ..Manifest::new(Descriptor::of(EMPTY, EMPTY_CONTENT))
    };
    Artifact { manifest: manifest.to_bytes(), blobs: vec![EMPTY_CONTENT.to_vec(), blob], tag: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_two_words_or_three() {
        for text in ["linux/amd64", "linux/arm/v7"] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
        }
        for bad in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/a b"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
        let there: Platform = "linux/arm64/v8".parse().unwrap();
        assert!(there.suits(&"linux/arm64".parse().unwrap()));
        assert!(!there.suits(&"linux/arm64/v9".parse().unwrap()));
        assert!(!there.suits(&"linux/arm".parse().unwrap()));
    }
}
