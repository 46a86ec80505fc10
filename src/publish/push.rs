//! An image from a layout into a registry: blobs first, then documents from the leaves up, then what is attached,
//! and the tag last of all.
//!
//! So a tag never names an image of which something is missing, its signatures included, whatever breaks off and
//! whenever. Each blob is asked for, even when the registry has the image's manifest already: that a registry has a
//! manifest does not prove that it has what the manifest names (the specification lets it take and keep such a one,
//! and blobs can be deleted by themselves), and many questions at once cost little more than one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::attach::attach_all;
use super::error::PublishError;
use super::feed::{Blob, Source};
use super::layout::{Closure, Layout, Part};
use super::memory::Memory;
use super::reference::{Reference, Repository, Tag};
use super::registry::{QUESTIONS, Registry, Remote, Target, all};
use super::upload::{Sent, Uploader};
use crate::attest::{Artifact, Descriptor};
use crate::digest::Sha256;
use crate::progress::{Event, Sink};

/// What a push did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The image by its digest, and by the tag that it was given.
    pub reference: Reference,
    /// Its type, digest and size.
    pub image: Descriptor,
    /// Blobs that were there already.
    pub there: usize,
    /// Blobs that came from another repository of the registry.
    pub mounted: usize,
    /// Blobs that were sent.
    pub sent: usize,
    /// Bytes of those.
    pub bytes: u64,
    /// Manifests that were put there.
    pub manifests: usize,
    /// Whether the tag was moved.
    pub tagged: bool,
    /// What was attached, by digest; also what was there already.
    pub attached: Vec<Sha256>,
}

/// The blobs of a push, counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    pub there: usize,
    pub mounted: usize,
    pub sent: usize,
    pub bytes: u64,
}

pub(super) async fn push(
    registry: &Registry,
    layout: &Layout,
    to: &Reference,
    artifacts: &[Artifact],
    sink: &dyn Sink,
) -> Result<Pushed, PublishError> {
    let image = layout.image();
    if to.digest.is_some_and(|digest| digest != image.digest.0) {
        return Err(PublishError::Other { reference: Box::new(to.clone()), found: image.digest.0 });
    }
    let tag = tag(layout, to);
    let closure = layout.closure()?;
    let remote = registry.repository(&to.repository);
    let doing = format!("push to {}", remote.place());
    remote.gate.widen(&[], &doing).await?;
    // The first question: it also settles who asks.
    let target = tag.clone().map_or(Target::Digest(image.digest.0), Target::Tag);
    let before = remote.has_manifest(&target).await?;
    let count = push_blobs(&remote, &blobs(layout, &closure), sink).await?;
    let (root, below) = closure.documents.split_last().expect("a closure ends with its image");
    let mut manifests = push_documents(&remote, below).await?;
    let is_new = before != Some(image.digest.0);
    // What is attached must not come before its image, nor the tag before what is attached.
    if is_new && (tag.is_none() || !artifacts.is_empty()) {
        remote.put_manifest(&Target::Digest(image.digest.0), &root.descriptor.media_type, &root.bytes).await?;
    }
    let attached = attach_all(&remote, artifacts, sink).await?;
    if is_new && tag.is_some() {
        remote.put_manifest(&target, &root.descriptor.media_type, &root.bytes).await?;
    }
    manifests += usize::from(is_new);
    let tagged = is_new && tag.is_some();
    let reference = Reference { tag, digest: Some(image.digest.0), ..to.clone() };
    let Count { there, mounted, sent, bytes } = count;
    Ok(Pushed { reference, image: image.clone(), there, mounted, sent, bytes, manifests, tagged, attached })
}

/// The tag that is asked for; without one and without a digest, the layout's own name for the image.
fn tag(layout: &Layout, to: &Reference) -> Option<Tag> {
    let own = || layout.name().and_then(|name| name.parse().ok());
    to.tag.clone().or_else(|| if to.digest.is_none() { own() } else { None })
}

fn blobs(layout: &Layout, closure: &Closure) -> Vec<Blob> {
    let blob = |one: &Descriptor| Blob {
        digest: one.digest.0,
        size: one.size,
        source: Source::File(layout.blob_path(&one.digest.0)),
    };
    closure.blobs.iter().map(blob).collect()
}

/// Blobs that are in memory, for example an artifact's.
pub(super) fn blobs_of(bytes: &[Vec<u8>]) -> Vec<Blob> {
    let blob = |bytes: &Vec<u8>| Blob {
        digest: Sha256::of(bytes),
        size: bytes.len() as u64,
        source: Source::Bytes(Arc::new(bytes.clone())),
    };
    bytes.iter().map(blob).collect()
}

/// Sees to it that the repository has these blobs.
pub(super) async fn push_blobs(remote: &Remote<'_>, blobs: &[Blob], sink: &dyn Sink) -> Result<Count, PublishError> {
    let there = all(blobs.iter().map(|blob| remote.has_blob(&blob.digest)), QUESTIONS).await?;
    let missing: Vec<&Blob> = blobs.iter().zip(there).filter(|(_, there)| !there).map(|(blob, _)| blob).collect();
    let mut count = Count { there: blobs.len() - missing.len(), ..Count::default() };
    sink.event(Event::UploadsPlanned { there: count.there, missing: missing.len() });
    let memory = remote.registry.memory();
    if !missing.is_empty() {
        let places = places(remote, &memory, &missing).await?;
        let uploader = Uploader { remote, memory: &memory, places: &places, sink };
        let uploads = missing.iter().map(|blob| uploader.send(blob));
        let sent = all(uploads, remote.policy().jobs).await?;
        for (blob, sent) in missing.into_iter().zip(sent) {
            match sent {
                Sent::Mounted => count.mounted += 1,
                Sent::Uploaded => (count.sent, count.bytes) = (count.sent + 1, count.bytes + blob.size),
            }
        }
    }
    memory.remember(&remote.name, &blobs.iter().map(|blob| blob.digest).collect::<Vec<_>>());
    Ok(count)
}

/// Which other repositories may have which of the missing blobs: those that the user names, then those that are
/// remembered.
async fn places(
    remote: &Remote<'_>,
    memory: &Memory,
    missing: &[&Blob],
) -> Result<BTreeMap<Sha256, Vec<Repository>>, PublishError> {
    let mut known = memory.places();
    let mut places = BTreeMap::new();
    for blob in missing {
        let named = remote.registry.access().mount_from.iter().cloned();
        let mut all: Vec<Repository> = named.chain(known.remove(&blob.digest).unwrap_or_default()).collect();
        all.retain(|from| *from != remote.name);
        places.insert(blob.digest, all);
    }
    let mut mounts: Vec<Repository> = places.values().flatten().cloned().collect();
    mounts.sort();
    mounts.dedup();
    let may_read = remote.gate.widen(&mounts, &format!("push to {}", remote.place())).await?;
    Ok(if may_read { places } else { BTreeMap::new() })
}

/// Puts documents there by their digests, those that others name first; says how many were missing.
async fn push_documents(remote: &Remote<'_>, documents: &[Part]) -> Result<usize, PublishError> {
    let digest = |part: &Part| Target::Digest(part.descriptor.digest.0);
    let there = all(documents.iter().map(async |part| remote.has_manifest(&digest(part)).await), QUESTIONS).await?;
    let missing = documents.iter().zip(there).filter(|(_, there)| there.is_none()).map(|(part, _)| part);
    let missing: Vec<&Part> = missing.collect();
    for Part { descriptor, bytes } in &missing {
        remote.put_manifest(&Target::Digest(descriptor.digest.0), &descriptor.media_type, bytes).await?;
    }
    Ok(missing.len())
}
