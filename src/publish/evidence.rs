//! What belongs to an image, beside it in its layout. What was pulled along lies in `referrers/`, an OCI image layout
//! of its own; what was made here lies in `evidence/`, which [`attest`] knows.
//!
//! The index of `referrers/` names each artifact's manifest, with the tag that it bears as `org.opencontainers.image.ref.name`. So
//! any client that reads layouts reads it, and the image's own index still names one image and nothing else. Knows
//! nothing of what the artifacts say, nor of registries.

use std::path::Path;

use serde_json::json;

use super::document::{Document, REF_NAME};
use super::error::PublishError;
use super::layout::Layout;
use crate::attest::{self, Artifact, Descriptor, INDEX, MANIFEST};
use crate::digest::Sha256;
use crate::fs;
use crate::image::{LAYOUT, LAYOUT_FILE};

/// The directory, below the image's layout.
const DIRECTORY: &str = "referrers";

/// Writes artifacts beside the image in a layout that nobody reads yet.
pub(super) fn write(layout: &Path, artifacts: &[Artifact]) -> Result<(), PublishError> {
    if artifacts.is_empty() {
        return Ok(());
    }
    let root = layout.join(DIRECTORY);
    let blobs = root.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let mut manifests = Vec::new();
    for artifact in artifacts {
        for bytes in artifact.blobs.iter().chain([&artifact.manifest]) {
            write_synced(&blobs.join(Sha256::of(bytes).to_string()), bytes)?;
        }
        let document = Document::read(&artifact.manifest, &format!("the artifact sha256:{}", artifact.digest()))?;
        let mut descriptor = Descriptor::of(document.media_type.as_deref().unwrap_or(MANIFEST), &artifact.manifest);
        descriptor.artifact_type = document.kind();
        descriptor.annotations.extend(artifact.tag.clone().map(|tag| (REF_NAME.to_owned(), tag)));
        manifests.push(descriptor);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    write_synced(&root.join("index.json"), &serde_json::to_vec(&index).expect("this is plain data"))?;
    write_synced(&root.join(LAYOUT_FILE), LAYOUT.as_bytes())?;
    Ok(())
}

pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> fs::Result<()> {
    fs::write(path, bytes)?;
    fs::sync(path)
}

impl Layout {
    /// What belongs to the image: what its `evidence/` says, and what a pull has left in its `referrers/`. What
    /// belongs to other images of the layout is left out.
    ///
    /// # Errors
    /// When something of it cannot be read, is missing or altered.
    pub fn artifacts(&self) -> Result<Vec<Artifact>, PublishError> {
        let mut all = attest::artifacts(self.path())?;
        for artifact in self.referrers()? {
            if !all.contains(&artifact) {
                all.push(artifact);
            }
        }
        let mut digests: Vec<Sha256> = self.closure()?.documents.iter().map(|part| part.descriptor.digest.0).collect();
        digests.extend(all.iter().map(Artifact::digest));
        let tags: Vec<String> = digests.iter().map(|digest| format!("sha256-{digest}.")).collect();
        let mut own = Vec::new();
        for artifact in all {
            let subject =
                Document::read(&artifact.manifest, &format!("the artifact sha256:{}", artifact.digest()))?.subject;
            let is_own = match (&subject, &artifact.tag) {
                (Some(subject), _) => digests.contains(&subject.digest.0),
                (None, Some(tag)) => tags.iter().any(|own| tag.starts_with(own)),
                (None, None) => false,
            };
            if is_own {
                own.push(artifact);
            }
        }
        Ok(own)
    }

    /// What lies beside the image in the layout's `referrers/`, as a pull left it there.
    ///
    /// # Errors
    /// When what is there is no layout, or something of it is missing or altered.
    pub fn referrers(&self) -> Result<Vec<Artifact>, PublishError> {
        let root = self.path().join(DIRECTORY);
        let index = root.join("index.json");
        let Some(text) = fs::read_if_exists(&index)? else { return Ok(Vec::new()) };
        let manifests = Document::read(text.as_bytes(), &index.display().to_string())?.manifests;
        manifests.iter().map(|manifest| read(&root, manifest)).collect()
    }
}

fn read(root: &Path, manifest: &Descriptor) -> Result<Artifact, PublishError> {
    let bytes = blob(root, manifest)?;
    let document = Document::read(&bytes, &format!("the artifact sha256:{}", manifest.digest.0))?;
    let blobs = document.blobs().map(|one| blob(root, one)).collect::<Result<Vec<_>, _>>()?;
    Ok(Artifact { manifest: bytes, blobs, tag: manifest.annotations.get(REF_NAME).cloned() })
}

fn blob(root: &Path, descriptor: &Descriptor) -> Result<Vec<u8>, PublishError> {
    let path = root.join("blobs/sha256").join(descriptor.digest.0.to_string());
    if !path.exists() {
        return Err(PublishError::Missing { layout: root.to_owned(), digest: descriptor.digest.0 });
    }
    let bytes = fs::read(&path)?;
    match Sha256::of(&bytes) {
        found if found == descriptor.digest.0 => Ok(bytes),
        found => Err(PublishError::Altered { path, found }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(tag: Option<&str>) -> Artifact {
        let config = b"{}".to_vec();
        let descriptor = serde_json::to_value(Descriptor::of("application/x", &config)).unwrap();
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor, "layers": [] });
        let tag = tag.map(str::to_owned);
        Artifact { manifest: serde_json::to_vec(&manifest).unwrap(), blobs: vec![config], tag }
    }

    #[test]
    fn artifacts_are_read_as_they_were_written() {
        let scratch = tempfile::tempdir().unwrap();
        let image = Descriptor::of(MANIFEST, b"");
        let index = json!({ "schemaVersion": 2, "manifests": [image] });
        fs::write(&scratch.path().join("index.json"), index.to_string()).unwrap();
        fs::write(&scratch.path().join(LAYOUT_FILE), LAYOUT).unwrap();
        let layout = Layout::open(scratch.path(), None).unwrap();
        assert_eq!(layout.referrers().unwrap(), []);
        let artifacts = [artifact(None), artifact(Some("sha256-0.sig"))];
        write(scratch.path(), &artifacts).unwrap();
        assert_eq!(layout.referrers().unwrap(), artifacts);
        let blob = scratch.path().join("referrers/blobs/sha256").join(Sha256::of(b"{}").to_string());
        fs::write(&blob, "{ }").unwrap();
        let error = layout.referrers().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} has been altered", blob.display())), "{error}");
    }
}
