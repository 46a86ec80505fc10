//! Images that exist, ours or others', become a value: what their documents say, and every path of their root file
//! system with what was made of its bytes.
//!
//! Hostile input is the normal case. Nothing is unpacked: an archive's entries become values, and a file's bytes are
//! in memory only while they are examined. Every blob's size and digest is verified, and every layer's diffID; what
//! fails that is an error that names the blob, and nothing of the image is returned. Where two readers of the same
//! bytes would see two images (a field twice, a document that is index and manifest, an entry below a lower layer's
//! link), it is an error, so that nobody is shown one image and runs another. Knows no rules, and no registries.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `source` | where an image is, and how it is stored |
//! | `members` | the parts of a directory or archive, by name |
//! | `layout`, `docker` | from the index, or from `docker save`'s list, to one image |
//! | `documents`, `json` | what the documents say, read the way everybody reads them |
//! | `layer` | one layer's archive as a list of changes |
//! | `merge` | layers over each other |
//! | `directory` | a root file system as a directory |
//! | `examiner` | each content is examined once, in parallel |
//! | `contents` | what comes of it all |
//! | `made` | what a layer of ours says it was made from |

mod contents;
mod directory;
mod docker;
mod documents;
mod error;
mod examiner;
mod json;
mod layer;
mod layout;
mod made;
mod members;
mod merge;
mod source;

use std::collections::BTreeMap;
use std::sync::OnceLock;

pub use contents::{Config, Contents, Entry, File, Kind, Layer};
pub use error::ReadError;
pub use examiner::Examine;
pub use json::strict;
pub use made::Made;
pub use source::{Form, Platform, PlatformError, Reference, Source};

use crate::archive;
use crate::path::RelPath;
use documents::Configured;
use examiner::Examiner;
use layer::Meter;
use layout::{Blob, Found};
use members::Members;
use merge::Merger;
use source::Place;

/// How much an image may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Uncompressed bytes of all layers.
    pub bytes: u64,
    /// Entries of all layers.
    pub entries: u64,
    /// Bytes of one file, which must fit into memory.
    pub file: u64,
}

impl Default for Limits {
    /// 32 GiB in two million entries, none larger than 2 GiB: more than the largest images that people run.
    fn default() -> Self {
        Self { bytes: 32 << 30, entries: 2_000_000, file: 2 << 30 }
    }
}

impl Limits {
    fn archive(&self) -> archive::Limits {
        archive::Limits { bytes: self.bytes, entries: self.entries }
    }
}

/// Reads an image. Of an image for several platforms that one is read that fits `platform`. `examine` gets each
/// distinct content once, from several threads.
///
/// # Errors
/// When there is no such image, it is not whole, not what its digests say, malformed, too large, or means different
/// things to different readers.
pub fn contents<T: Send + Sync>(
    source: &Source,
    platform: &Platform,
    limits: Limits,
    examine: Examine<'_, T>,
) -> Result<Contents<T>, ReadError> {
    let (meter, examiner) = (Meter::new(limits), Examiner::new(examine));
    let Some((form, members)) = opened(source, limits)? else {
        return of_directory(source, &meter, &examiner);
    };
    let name = source.path.display().to_string();
    let found = match form {
        Form::DockerArchive => docker::find(&members, &name, &source.reference)?,
        _ => layout::find(&members, &name, &source.reference, platform)?,
    };
    if form == Form::LayoutArchive {
        layout::check_docker(&members, &name, &found)?;
    }
    let Found { manifest, annotations, configured, layers: blobs } = found;
    let (entries, covered) = merged(&blobs, &configured, &meter, &examiner)?;
    let Configured { config, diff_ids, created_by } = configured;
    let layers = blobs.into_iter().zip(diff_ids).zip(created_by).map(|((blob, diff_id), created_by)| {
        let Blob { section, digest, media_type, annotations, .. } = blob;
        Layer { digest, diff_id, size: section.length(), media_type, created_by, annotations }
    });
    let (name, config, layers) = (source.name.clone(), Some(config), layers.collect());
    Ok(Contents { name, form, manifest, annotations, config, layers, entries, covered })
}

/// What an image is for, each platform once; a root file system does not say. No layer is read.
///
/// # Errors
/// As [`contents`], as far as the documents go; also when it holds two images for one platform.
pub fn platforms(source: &Source, limits: Limits) -> Result<Vec<Platform>, ReadError> {
    let Some((form, members)) = opened(source, limits)? else { return Ok(Vec::new()) };
    let name = source.path.display().to_string();
    match form {
        Form::DockerArchive => Ok(vec![(&docker::find(&members, &name, &source.reference)?.configured.config).into()]),
        _ => layout::platforms(&members, &name, &source.reference),
    }
}

/// The form of an image, and its parts; `None` for a root file system, which has none.
fn opened(source: &Source, limits: Limits) -> Result<Option<(Form, Members)>, ReadError> {
    let members = match source.place {
        Place::Directory => return Ok(None),
        Place::Layout => return Ok(Some((Form::Layout, Members::Directory(source.path.clone())))),
        Place::Archive => Members::of_archive(&source.path, &limits)?,
    };
    match members.has("oci-layout") {
        true => Ok(Some((Form::LayoutArchive, members))),
        false if members.has("manifest.json") => Ok(Some((Form::DockerArchive, members))),
        false => Err(no_image(source, &members)),
    }
}

/// Entries, and what of lower layers is covered by higher ones.
type Merged<T> = (BTreeMap<RelPath, Entry<T>>, BTreeMap<RelPath, usize>);

/// Reads all layers in parallel, then lays them over each other.
fn merged<T: Send + Sync>(
    blobs: &[Blob],
    configured: &Configured,
    meter: &Meter,
    examiner: &Examiner<'_, T>,
) -> Result<Merged<T>, ReadError> {
    let results: Vec<OnceLock<Result<_, ReadError>>> = blobs.iter().map(|_| OnceLock::new()).collect();
    rayon::scope(|scope| {
        for ((blob, diff_id), result) in blobs.iter().zip(&configured.diff_ids).zip(&results) {
            scope.spawn(move |scope| {
                // Nobody else sets it.
                let _ = result.set(layer::read(blob, diff_id, meter, examiner, scope));
            });
        }
    });
    let mut merger = Merger::new(meter);
    for (index, (blob, result)) in blobs.iter().zip(results).enumerate() {
        let changes = result.into_inner().expect("the scope has ended, and every layer was read in it")?;
        merger.lay(index, &blob.label, changes)?;
    }
    Ok(merger.finish())
}

fn of_directory<T: Send + Sync>(
    source: &Source,
    meter: &Meter,
    examiner: &Examiner<'_, T>,
) -> Result<Contents<T>, ReadError> {
    let pending = rayon::scope(|scope| directory::read(&source.path, meter, examiner, scope))?;
    Ok(Contents {
        name: source.name.clone(),
        form: Form::Directory,
        manifest: None,
        annotations: BTreeMap::new(),
        config: None,
        layers: Vec::new(),
        entries: pending.finish(),
        covered: BTreeMap::new(),
    })
}

fn no_image(source: &Source, members: &Members) -> ReadError {
    let mut top = members.top();
    let rootfs = ["bin", "etc", "usr"].iter().any(|name| top.iter().any(|known| known == name));
    let what = if rootfs {
        "it is the archive of a root file system; unpack it and name the directory".to_owned()
    } else {
        let more = if top.len() > 5 { ", …" } else { "" };
        top.truncate(5);
        let names: Vec<_> = top.iter().map(|name| name.escape_debug().to_string()).collect();
        format!("it is an archive without `oci-layout` and `manifest.json` (it holds {}{more})", names.join(", "))
    };
    ReadError::NoImage { path: source.path.clone(), what }
}
