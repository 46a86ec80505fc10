//! What of an image is signed: the manifest or index that its name leads to, and every manifest below.
//!
//! Clients differ in what they ask a signature of: cosign of the digest that is named, which is the index's; skopeo
//! and podman of the manifest for their own platform. So each of them gets one. Knows nothing of where documents
//! come from: a function fetches them.

use super::SignatureError;
use super::oci::{Descriptor, Index};
use crate::digest::Sha256;

/// Indexes may stand in indexes; no deeper than this.
const DEPTH: usize = 3;

/// A manifest or an index that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its digest, size, media type and, for a platform's manifest, the platform.
    pub descriptor: Descriptor,
    /// The index that names it; `None` for what the image's own name leads to.
    pub parent: Option<Sha256>,
}

impl Subject {
    /// Its digest.
    pub fn digest(&self) -> Sha256 {
        self.descriptor.digest.0
    }

    /// How people call it: its digest, and what it is.
    pub fn label(&self) -> String {
        let digest = &self.descriptor.digest;
        match &self.descriptor.platform {
            _ if self.descriptor.is_index() => format!("{digest} (index)"),
            Some(platform) => format!("{digest} ({platform})"),
            None => digest.to_string(),
        }
    }
}

/// The image that a descriptor leads to: itself first, then all that it names, however deep.
///
/// # Errors
/// When a document cannot be had or is not what it claims to be, and when indexes are nested too deep.
pub fn subjects(
    top: &Descriptor,
    fetch: &mut dyn FnMut(&Descriptor) -> Result<Vec<u8>, SignatureError>,
) -> Result<Vec<Subject>, SignatureError> {
    let mut found = vec![Subject { descriptor: top.clone(), parent: None }];
    collect(top, DEPTH, fetch, &mut found)?;
    Ok(found)
}

fn collect(
    of: &Descriptor,
    depth: usize,
    fetch: &mut dyn FnMut(&Descriptor) -> Result<Vec<u8>, SignatureError>,
    found: &mut Vec<Subject>,
) -> Result<(), SignatureError> {
    if !of.is_index() {
        return Ok(());
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Err(SignatureError::Depth { digest: of.digest, limit: DEPTH });
    };
    let bytes = fetch(of)?;
    let index: Index = serde_json::from_slice(&bytes)
        .map_err(|source| SignatureError::Document { what: format!("the index {}", of.digest), source })?;
    for descriptor in index.manifests {
        if found.iter().any(|known| known.digest() == descriptor.digest.0) {
            continue;
        }
        found.push(Subject { descriptor: descriptor.clone(), parent: Some(of.digest.0) });
        collect(&descriptor, depth, fetch, found)?;
    }
    Ok(())
}
