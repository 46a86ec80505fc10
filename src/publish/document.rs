//! The documents that registries and layouts hold, as far as they are read here: descriptors, manifests, indexes.
//! Pure. Follows the OCI image specification 1.1, and Docker's second schema, which is the same in other words.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::PublishError;
use crate::digest::Sha256;

/// The media type of an image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an index of manifests.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The annotation that gives a manifest of a layout its name.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// What a manifest is asked for as; a registry may otherwise convert it.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                                 application/vnd.docker.distribution.manifest.v2+json, \
                                 application/vnd.docker.distribution.manifest.list.v2+json";

/// What a program needs to run: `linux/amd64`, `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The architecture, in Go's words.
    pub architecture: String,
    /// The operating system, in Go's words.
    pub os: String,
    /// The architecture's variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Whatever else the index says of it, such as a version.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

impl Platform {
    /// Whether something for `self` is what somebody wants who names `wanted`.
    pub(super) fn suits(&self, wanted: &Self) -> bool {
        let Self { architecture, os, variant, more: _ } = wanted;
        self.architecture == *architecture && self.os == *os && (variant.is_none() || self.variant == *variant)
    }
}

/// A text that is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no platform: it is OS/ARCHITECTURE, such as linux/amd64, or OS/ARCHITECTURE/VARIANT", text.escape_debug())]
pub struct PlatformError {
    text: String,
}

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
                more: BTreeMap::new(),
            }),
            _ => Err(PlatformError { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { architecture, os, variant, more: _ } = self;
        write!(f, "{os}/{architecture}")?;
        variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

/// What names a blob or manifest: its type, digest and size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type.
    pub media_type: String,
    /// The digest; only sha256 is read.
    #[serde(serialize_with = "write_digest", deserialize_with = "read_digest")]
    pub digest: Sha256,
    /// The size in bytes.
    pub size: u64,
    /// What an artifact is, in an index of referrers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What a manifest of an index is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

impl Descriptor {
    /// A descriptor of bytes that are at hand.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Sha256::of(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
            platform: None,
        }
    }

    /// Whether it names a document that names others.
    pub fn is_manifest(&self) -> bool {
        matches!(self.media_type.as_str(), MANIFEST | INDEX | DOCKER_MANIFEST | DOCKER_INDEX)
    }

    /// Whether it names an index.
    pub fn is_index(&self) -> bool {
        is_index(&self.media_type)
    }

    /// Whether its blob may be left out of layouts and registries: it is only to be had elsewhere.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.media_type.contains(".nondistributable.") || self.media_type.contains(".foreign.")
    }
}

/// Whether a media type is that of an index.
pub(super) fn is_index(media_type: &str) -> bool {
    matches!(media_type, INDEX | DOCKER_INDEX)
}

/// The digest as specifications write it.
pub(super) fn oci(digest: &Sha256) -> String {
    format!("sha256:{digest}")
}

fn write_digest<S: serde::Serializer>(digest: &Sha256, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("sha256:{digest}"))
}

fn read_digest<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Sha256, D::Error> {
    use serde::de::Error as _;
    let text = String::deserialize(deserializer)?;
    let digest = text
        .strip_prefix("sha256:")
        .ok_or_else(|| D::Error::custom(format_args!("`{}`: only sha256 digests are read", text.escape_debug())))?;
    digest.parse().map_err(D::Error::custom)
}

/// A manifest or an index: what both say, and what each names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The media type that it states itself.
    #[serde(default)]
    pub media_type: Option<String>,
    /// What an artifact is.
    #[serde(default)]
    pub artifact_type: Option<String>,
    /// An image manifest's configuration.
    #[serde(default)]
    pub config: Option<Descriptor>,
    /// An image manifest's layers.
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    /// An index's manifests.
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
    /// What it belongs to.
    #[serde(default)]
    pub subject: Option<Descriptor>,
    /// Notes.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

impl Document {
    /// Reads a document; `what` names it in the error.
    pub(super) fn read(bytes: &[u8], what: &str) -> Result<Self, PublishError> {
        serde_json::from_slice(bytes).map_err(|source| PublishError::Document { what: what.to_owned(), source })
    }

    /// The blobs that it names: the configuration first, then the layers.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.layers)
    }

    /// What sort of artifact it is, for an index of referrers ("Pushing manifests with subject").
    pub(super) fn kind(&self) -> Option<String> {
        let own = self.artifact_type.clone().filter(|kind| !kind.is_empty());
        own.or_else(|| self.config.as_ref().map(|config| config.media_type.clone()))
    }
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

    #[test]
    fn a_descriptor_with_another_algorithm_is_refused_by_name() {
        let text = br#"{"manifests":[{"mediaType":"x","digest":"sha512:ab","size":1}]}"#;
        let error = Document::read(text, "the index").unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("`sha512:ab`: only sha256 digests are read"), "{source}");
    }

    #[test]
    fn an_artifact_without_a_type_has_that_of_its_configuration() {
        let digest = Sha256::of(b"");
        let config = format!(r#""config":{{"mediaType":"application/x","digest":"sha256:{digest}","size":0}}"#);
        let kind = |text: String| Document::read(text.as_bytes(), "it").unwrap().kind();
        assert_eq!(kind(format!("{{{config}}}")).as_deref(), Some("application/x"));
        assert_eq!(kind(format!(r#"{{"artifactType":"",{config}}}"#)).as_deref(), Some("application/x"));
        assert_eq!(kind(format!(r#"{{"artifactType":"application/y",{config}}}"#)).as_deref(), Some("application/y"));
        assert_eq!(kind(r#"{"manifests":[]}"#.to_owned()), None);
    }
}
