//! An image from a registry into a layout, with what belongs to it.
//!
//! Everything grows in a hidden directory beside the output, which outlives a failure: the next pull goes on with
//! what is there. Each blob is checked against its digest and size before it counts; the output appears in one step,
//! as a layout that drystone wrote. Blobs that the output's old state has are not fetched again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde_json::json;

use super::attach::artifacts;
use super::document::{REF_NAME, is_document, is_elsewhere};
use super::error::PublishError;
use super::evidence::{self, write_synced};
use super::layout::Part;
use super::reference::Reference;
use super::registry::{Manifest, Registry, Remote, Target, all};
use crate::attest::{Artifact, Descriptor, INDEX, Platform};
use crate::digest::{Sha256, feed};
use crate::fetch::Partial;
use crate::fs::{self, failed};
use crate::http::{Address, Call, Method};
use crate::image::{Format, LAYOUT, LAYOUT_FILE, OURS, Place};
use crate::progress::{Event, Sink};

/// How deep indexes may stand in indexes.
const DEPTH: usize = 8;

/// Which images of an index are pulled. A manifest that is no index is pulled whatever is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The one for a platform; the index is left out.
    One(Platform),
    /// All of them, and the index.
    All,
}

/// What a pull brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The image in the layout.
    pub image: Descriptor,
    /// What the reference names: the image, or an index that it was chosen from.
    pub named: Descriptor,
    /// Blobs that were fetched.
    pub fetched: usize,
    /// Bytes of those.
    pub bytes: u64,
    /// Blobs that were there already.
    pub there: usize,
    /// What belongs to the image and to the index that it was chosen from.
    pub artifacts: Vec<Artifact>,
}

/// What is to be in the layout.
struct Wanted {
    named: Descriptor,
    image: Descriptor,
    documents: Vec<Part>,
    blobs: Vec<Descriptor>,
}

pub(super) async fn pull(
    registry: &Registry,
    from: &Reference,
    choice: &Choice,
    output: &Path,
    sink: &dyn Sink,
) -> Result<Pulled, PublishError> {
    let remote = registry.repository(&from.repository);
    let place = Place::resume(output, Format::Oci)?;
    let _lock = lock(&place, output)?;
    let wanted = Wanted::find(&remote, from, choice).await?;
    let mut subjects: Vec<Sha256> = wanted.documents.iter().map(|part| part.descriptor.digest.0).collect();
    subjects.push(wanted.named.digest.0);
    subjects.dedup();
    let artifacts = artifacts(&remote, &subjects).await?;
    let blobs = place.draft().join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let download = Download { remote: &remote, blobs: &blobs, place: &place, output, sink };
    let fetched = all(wanted.blobs.iter().map(|blob| download.fetch(blob)), remote.policy().jobs).await?;
    for Part { descriptor, bytes } in &wanted.documents {
        write_synced(&blobs.join(descriptor.digest.0.to_string()), bytes)?;
    }
    prune(&blobs, &wanted)?;
    write_index(&place.draft(), from, &wanted.image)?;
    fs::remove_tree(&place.draft().join("referrers"))?;
    evidence::write(&place.draft(), &artifacts)?;
    let sizes = wanted.blobs.iter().zip(&fetched).filter(|(_, fetched)| **fetched).map(|(blob, _)| blob.size);
    let pulled = Pulled {
        image: wanted.image.clone(),
        named: wanted.named.clone(),
        fetched: sizes.clone().count(),
        bytes: sizes.sum(),
        there: fetched.iter().filter(|fetched| !**fetched).count(),
        artifacts,
    };
    place.publish()?;
    let digests: Vec<Sha256> = wanted.blobs.iter().map(|blob| blob.digest.0).collect();
    registry.memory().remember(&from.repository, &digests);
    Ok(pulled)
}

/// Holds others off the hidden directory, until it is dropped.
fn lock(place: &Place, output: &Path) -> Result<std::fs::File, PublishError> {
    let path = place.scratch("lock");
    let file = fs::create(&path)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(PublishError::Busy { path: output.to_owned() }),
        Err(error) => Err(failed("lock", &path)(error.into()).into()),
    }
}

impl Wanted {
    async fn find(remote: &Remote<'_>, from: &Reference, choice: &Choice) -> Result<Self, PublishError> {
        let named = get(remote, from, &Target::of(from)?).await?;
        let top = named.descriptor.clone();
        let chosen = match choice {
            Choice::One(platform) if top.is_index() => {
                let entry = named.document.manifests.iter().find(|entry| suits(entry, platform));
                let Some(entry) = entry else { return Err(no_platform(from, platform, &named)) };
                let mut chosen = get(remote, from, &Target::Digest(entry.digest.0)).await?;
                chosen.descriptor.platform.clone_from(&entry.platform);
                chosen
            }
            _ => named,
        };
        let mut wanted =
            Self { named: top, image: chosen.descriptor.clone(), documents: Vec::new(), blobs: Vec::new() };
        let mut pending = vec![(chosen, 0)];
        let mut seen = BTreeSet::new();
        while let Some((Manifest { descriptor, bytes, document }, depth)) = pending.pop() {
            let children = if descriptor.is_index() { &document.manifests[..] } else { &[] };
            for child in children.iter().chain(document.blobs()).filter(|child| seen.insert(child.digest.0)) {
                match is_document(child) {
                    true if depth == DEPTH => {
                        let reason = format!("indexes stand {DEPTH} deep in it");
                        return Err(PublishError::Unfit { what: from.to_string(), reason });
                    }
                    true => pending.push((get(remote, from, &Target::Digest(child.digest.0)).await?, depth + 1)),
                    false if is_elsewhere(child) && !remote.has_blob(&child.digest.0).await? => {}
                    false => wanted.blobs.push(child.clone()),
                }
            }
            wanted.documents.push(Part { descriptor, bytes });
        }
        Ok(wanted)
    }
}

async fn get(remote: &Remote<'_>, from: &Reference, target: &Target) -> Result<Manifest, PublishError> {
    let reference = match target {
        Target::Digest(digest) => from.by_digest(*digest),
        Target::Tag(_) => from.clone(),
    };
    let found = remote.manifest(target).await?;
    found.map_err(|said| PublishError::NotThere { reference: Box::new(reference), said })
}

fn suits(entry: &Descriptor, wanted: &Platform) -> bool {
    is_document(entry) && entry.platform.as_ref().is_some_and(|platform| platform.suits(wanted))
}

fn no_platform(from: &Reference, wanted: &Platform, index: &Manifest) -> PublishError {
    let there = index.document.manifests.iter().filter_map(|entry| entry.platform.as_ref());
    let mut there: Vec<String> = there.map(ToString::to_string).collect();
    there.dedup();
    PublishError::NoPlatform { reference: Box::new(from.clone()), wanted: Box::new(wanted.clone()), there }
}

/// Removes blobs that a pull of something else has left.
fn prune(blobs: &Path, wanted: &Wanted) -> Result<(), PublishError> {
    let documents = wanted.documents.iter().map(|part| &part.descriptor);
    let names: BTreeSet<String> = documents.chain(&wanted.blobs).map(|one| one.digest.0.to_string()).collect();
    for name in fs::list(blobs)? {
        if !name.to_str().is_some_and(|name| names.contains(name)) {
            fs::remove_file(&blobs.join(name))?;
        }
    }
    Ok(())
}

fn write_index(draft: &Path, from: &Reference, image: &Descriptor) -> Result<(), PublishError> {
    let mut image = image.clone();
    image.annotations.clear();
    image.annotations.extend(from.tag.as_ref().map(|tag| (REF_NAME.to_owned(), tag.to_string())));
    let index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [image],
        "annotations": { OURS: format!("{}/{}", from.host, from.repository) },
    });
    write_synced(&draft.join("index.json"), &serde_json::to_vec(&index).expect("this is plain data"))?;
    write_synced(&draft.join(LAYOUT_FILE), LAYOUT.as_bytes())?;
    Ok(())
}

/// Fetches blobs into the draft of a layout.
struct Download<'a> {
    remote: &'a Remote<'a>,
    blobs: &'a Path,
    place: &'a Place,
    output: &'a Path,
    sink: &'a dyn Sink,
}

impl Download<'_> {
    /// Sees to it that a blob is there; says whether it had to be fetched.
    async fn fetch(&self, blob: &Descriptor) -> Result<bool, PublishError> {
        let path = self.blobs.join(blob.digest.0.to_string());
        let old = self.output.join("blobs/sha256").join(blob.digest.0.to_string());
        if is_whole(&path, blob).await? || adopt(&old, &path, blob).await? {
            return Ok(false);
        }
        let partial = self.place.scratch("partial").join(blob.digest.0.to_string());
        let locked = blocking(move || Partial::try_lock(&partial)).await?;
        let mut partial = locked.ok_or_else(|| PublishError::Busy { path: self.output.to_owned() })?;
        let result = self.fill(blob, &mut partial).await;
        if result.is_ok() {
            self.sink.event(Event::DownloadFinished { name: blob.digest.0.short() });
            fs::sync(partial.path())?;
            fs::rename(partial.path(), &path)?;
        }
        partial.release()?;
        result.map(|()| true)
    }

    /// Downloads until the whole is there.
    async fn fill(&self, blob: &Descriptor, partial: &mut Partial) -> Result<(), PublishError> {
        let (mut failures, mut most) = (0, partial.length());
        // What an earlier run left may be all of it, or something else.
        while partial.length() != blob.size || partial.digest() != blob.digest.0 {
            let Err(error) = self.transfer(blob, partial).await else { continue };
            failures = if partial.length() > most { 1 } else { failures + 1 };
            most = most.max(partial.length());
            if !error.is_transient() || failures >= self.remote.policy().tries {
                return Err(error);
            }
            let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            self.sink.event(Event::DownloadRetried { name: blob.digest.0.short(), reason });
            tokio::time::sleep(self.remote.policy().pause_after(failures)).await;
        }
        Ok(())
    }

    /// The error for bytes that are not the blob; they are thrown away.
    fn wrong(&self, blob: &Descriptor, partial: &mut Partial) -> PublishError {
        let error = self.remote.wrong_blob(blob, &partial.digest(), partial.length());
        // Whatever cannot be emptied is hashed again by the next run.
        drop(partial.restart());
        error
    }

    /// Appends what the registry has beyond what is there, up to the end.
    async fn transfer(&self, blob: &Descriptor, partial: &mut Partial) -> Result<(), PublishError> {
        let doing = format!("get sha256:{} of {}", blob.digest.0.short(), self.remote.place());
        if partial.length() >= blob.size {
            partial.restart()?;
        }
        let address = self.remote.address(&format!("blobs/{}", blob.digest))?;
        let mut answer = self.remote.ask(&part(&address, partial.length()), &doing).await?;
        let is_next = answer.part().is_some_and(|(start, _)| start == partial.length());
        if partial.length() > 0 && !(answer.status() == 206 && is_next) {
            // It gives all of it, or has no such part: only the whole can tell.
            partial.restart()?;
            if answer.status() != 200 {
                answer = self.remote.ask(&part(&address, 0), &doing).await?;
            }
        }
        let mut answer = self.remote.expect(answer, &[200, 206], &doing).await?;
        let (name, size) = (blob.digest.0.short(), Some(blob.size));
        self.sink.event(Event::DownloadStarted { name, size, resumed_at: partial.length() });
        while let Some(chunk) = answer.chunk().await.map_err(|source| self.remote.http(&doing, source))? {
            let bytes = chunk.as_ref();
            partial.append("", bytes)?;
            self.sink.event(Event::DownloadAdvanced { name: blob.digest.0.short(), bytes: bytes.len() as u64 });
            if partial.length() > blob.size {
                break;
            }
        }
        // The registry has said that this is the end.
        if partial.length() != blob.size || partial.digest() != blob.digest.0 {
            return Err(self.wrong(blob, partial));
        }
        Ok(())
    }
}

/// The request for what is behind the first bytes.
fn part(address: &Address, from: u64) -> Call {
    let call = Call::new(Method::Get, address.clone());
    if from > 0 { call.header("range", format!("bytes={from}-")) } else { call }
}

/// Work on files, in a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("reading files does not panic")
}

/// Whether a file is a blob, every byte of it.
async fn is_whole(path: &Path, blob: &Descriptor) -> Result<bool, PublishError> {
    let (path, size, digest) = (path.to_owned(), blob.size, blob.digest.0);
    blocking(move || {
        use sha2::Digest as _;
        if !path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == size) {
            return Ok(false);
        }
        let mut hasher = sha2::Sha256::new();
        feed(&mut fs::open(&path)?, &mut hasher).map_err(failed("read", &path))?;
        Ok(Sha256::from_bytes(hasher.finalize().into()) == digest)
    })
    .await
}

/// Takes a blob from the output's old state, if it is there and whole.
async fn adopt(old: &Path, path: &PathBuf, blob: &Descriptor) -> Result<bool, PublishError> {
    Ok(is_whole(old, blob).await? && std::fs::hard_link(old, path).is_ok())
}
