//! The documents that registries and layouts hold, as far as they are read here: manifests and indexes.
//! Pure. Follows the OCI image specification 1.1, and Docker's second schema, which is the same in other words.

use serde::Deserialize;

use super::PublishError;
use crate::attest::{Annotations, Descriptor};

/// The annotation that gives a manifest of a layout its name.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// What a manifest is asked for as; a registry may otherwise convert it.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                                 application/vnd.docker.distribution.manifest.v2+json, \
                                 application/vnd.docker.distribution.manifest.list.v2+json";

/// Whether a descriptor names a document that names others.
pub(super) fn is_document(descriptor: &Descriptor) -> bool {
    descriptor.is_manifest() || descriptor.is_index()
}

/// Whether a descriptor's blob may be left out of layouts and registries: it is only to be had elsewhere.
pub(super) fn is_elsewhere(descriptor: &Descriptor) -> bool {
    descriptor.media_type.contains(".nondistributable.") || descriptor.media_type.contains(".foreign.")
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
    pub annotations: Annotations,
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
    use crate::digest::Sha256;

    #[test]
    fn a_descriptor_with_another_algorithm_is_refused_by_name() {
        let text = br#"{"manifests":[{"mediaType":"x","digest":"sha512:ab","size":1}]}"#;
        let error = Document::read(text, "the index").unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("`sha512:ab` is not a digest of the form sha256:…"), "{source}");
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
