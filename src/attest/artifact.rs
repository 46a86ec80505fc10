//! A manifest that belongs to an image, with the blobs that it names. Knows nothing of what it says, nor of
//! registries.

use crate::digest::Sha256;

/// A signature or an attestation as a registry stores it: an OCI image manifest, usually with a `subject`
/// ([OCI image specification 1.1](https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The manifest's bytes; its media type is the one that it states itself.
    pub manifest: Vec<u8>,
    /// What the manifest names: configuration and layers, in any order.
    pub blobs: Vec<Vec<u8>>,
    /// The tag that it bears, where its format wants one (cosign's `sha256-….sig`).
    pub tag: Option<String>,
}

impl Artifact {
    /// The manifest's digest.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.manifest)
    }
}
