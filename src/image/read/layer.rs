//! One layer: its archive becomes a list of changes, and its digests are verified while it is read. Knows nothing of
//! other layers.

use std::cell::RefCell;
use std::io::{self, BufReader, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::Scope;
use sha2::Digest as _;

use super::examiner::Examiner;
use super::layout::Blob;
use super::members::Section;
use super::merge::{Body, Change, Inode, What};
use super::{Limits, ReadError};
use crate::archive::{self, Fault, TarEntry, TarKind, TarReader};
use crate::digest::{self, Sha256};
use crate::path::RelPath;
use crate::recipe::Owner;

const BUFFER: usize = 1 << 17;

/// How deep a tree may be, as for archives that are unpacked.
const DEPTH: usize = 128;
/// The most bytes that all names may have together.
const NAMES: u64 = 512 << 20;

/// How much all layers of an image may still have.
#[derive(Debug)]
pub(super) struct Meter {
    pub limits: Limits,
    bytes: AtomicU64,
    entries: AtomicU64,
    names: AtomicU64,
}

impl Meter {
    pub fn new(limits: Limits) -> Self {
        Self { limits, bytes: AtomicU64::new(0), entries: AtomicU64::new(0), names: AtomicU64::new(0) }
    }

    /// Takes note of uncompressed bytes.
    pub fn take_bytes(&self, count: u64) -> Result<(), Fault> {
        let limit = self.limits.bytes;
        if self.bytes.fetch_add(count, Ordering::Relaxed) + count > limit {
            return Err(Fault::TooManyBytes { limit });
        }
        Ok(())
    }

    /// Takes note of entries whose names have so many bytes.
    pub fn take_entries(&self, count: u64, names: usize) -> Result<(), Fault> {
        let limit = self.limits.entries;
        if self.entries.fetch_add(count, Ordering::Relaxed) + count > limit {
            return Err(Fault::TooManyEntries { limit });
        }
        if self.names.fetch_add(names as u64, Ordering::Relaxed) + names as u64 > NAMES {
            return Err(Fault::Malformed("the names of its entries are too long in all"));
        }
        Ok(())
    }
}

/// What passes through is hashed and, where a meter is given, counted.
struct Tee<'t, R> {
    reader: R,
    hasher: &'t RefCell<sha2::Sha256>,
    meter: Option<&'t Meter>,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.hasher.borrow_mut().update(&buffer[..length]);
        if let Some(meter) = self.meter {
            meter.take_bytes(length as u64).map_err(io::Error::other)?;
        }
        Ok(length)
    }
}

/// Reads a layer.
///
/// # Errors
/// When it is altered, malformed, too large, or has an entry that runtimes would refuse or read differently.
pub(super) fn read<'s, T: Send + Sync + 's>(
    blob: &Blob,
    diff_id: &Sha256,
    meter: &Meter,
    examiner: &'s Examiner<'s, T>,
    scope: &Scope<'s>,
) -> Result<Vec<Change<T>>, ReadError> {
    let (raw, plain) = (RefCell::new(sha2::Sha256::new()), RefCell::new(sha2::Sha256::new()));
    let result = changes(blob, &raw, &plain, meter, examiner, scope);
    let changes = match (result, &blob.digest) {
        // What follows from altered bytes is not worth telling.
        (Err(ReadError::Archive(error)), Some(digest)) => match altered(&blob.section, digest) {
            Some(found) => return Err(ReadError::Digest { blob: blob.label.clone(), found }),
            None => return Err(error.into()),
        },
        (result, _) => result?,
    };
    let digest = |hasher: RefCell<sha2::Sha256>| Sha256::from_bytes(hasher.into_inner().finalize().into());
    let found = digest(raw);
    if blob.digest.is_some_and(|expected| expected != found) {
        return Err(ReadError::Digest { blob: blob.label.clone(), found });
    }
    match digest(plain) {
        found if found == *diff_id => Ok(changes),
        found => Err(ReadError::DiffId { layer: blob.label.clone(), expected: *diff_id, found }),
    }
}

/// The digest of a blob's bytes, if it is another.
fn altered(section: &Section, expected: &Sha256) -> Option<Sha256> {
    let mut hasher = sha2::Sha256::new();
    digest::feed(&mut section.clone(), &mut hasher).ok()?;
    let found = Sha256::from_bytes(hasher.finalize().into());
    (found != *expected).then_some(found)
}

fn changes<'s, T: Send + Sync + 's>(
    blob: &Blob,
    raw: &RefCell<sha2::Sha256>,
    plain: &RefCell<sha2::Sha256>,
    meter: &Meter,
    examiner: &'s Examiner<'s, T>,
    scope: &Scope<'s>,
) -> Result<Vec<Change<T>>, ReadError> {
    let label = blob.label.as_str();
    let input = Tee { reader: blob.section.clone(), hasher: raw, meter: None };
    let stream = archive::decompress(BufReader::with_capacity(BUFFER, input));
    let stream = stream.map_err(|error| Fault::reading(error).of(label))?;
    let stream = Tee { reader: stream, hasher: plain, meter: Some(meter) };
    let stream = BufReader::with_capacity(BUFFER, stream);
    let mut tar = TarReader::new(stream, label, &meter.limits.archive());
    let mut changes = Vec::new();
    while let Some(entry) = tar.next_entry()? {
        meter.take_entries(1, entry.path.len()).map_err(|fault| fault.of(label))?;
        let refused = |reason: String| ReadError::Entry {
            layer: label.to_owned(),
            path: String::from_utf8_lossy(&entry.path).into_owned(),
            reason,
        };
        let Some(path) = place(&entry.path).map_err(|reason| refused(format!("has an unusable path: {reason}")))?
        else {
            if entry.kind == TarKind::Directory {
                continue;
            }
            return Err(refused("has no name".to_owned()));
        };
        let what = match hidden(&path).map_err(|reason| refused(reason.to_owned()))? {
            Some(what) => what,
            None => match content(&entry, &mut tar, meter) {
                Ok(content) => what(&entry, content, examiner, scope).map_err(refused)?,
                Err(Unread::Fault(fault)) => return Err(fault.of_entry(label, &entry.path).into()),
                Err(Unread::Refused(reason)) => return Err(refused(reason)),
            },
        };
        changes.push(Change { path, what });
    }
    Ok(changes)
}

/// Where an entry goes: archives of layers may begin names with `/` or `./`. `None` is the root itself.
fn place(path: &[u8]) -> Result<Option<RelPath>, &'static str> {
    let text = std::str::from_utf8(path).map_err(|_| "it is not UTF-8")?;
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.len() > DEPTH {
        return Err("it has more than 128 components");
    }
    if parts.is_empty() {
        return Ok(None);
    }
    RelPath::new(parts.join("/")).map(Some).map_err(|error| error.reason)
}

/// What a whiteout hides (OCI image specification 1.1, "Whiteouts"); `None` for an ordinary entry.
fn hidden<T>(path: &RelPath) -> Result<Option<What<T>>, &'static str> {
    let Some(name) = path.file_name().strip_prefix(".wh.") else { return Ok(None) };
    match name {
        ".wh..opq" => Ok(Some(What::HideBelow(path.parent()))),
        "" | "." | ".." => Err("is a whiteout of nothing"),
        name if name.starts_with(".wh.") => Err("is a mark of AUFS, which runtimes read differently"),
        name => {
            let beside = path.parent().map(|parent| format!("{parent}/")).unwrap_or_default();
            let hidden = RelPath::new(format!("{beside}{name}")).map_err(|error| error.reason)?;
            Ok(Some(What::Hide(hidden)))
        }
    }
}

/// Why a file's bytes were not read.
enum Unread {
    Fault(Fault),
    Refused(String),
}

/// The bytes of a file; `None` for what is no file.
fn content(entry: &TarEntry, tar: &mut TarReader<impl Read>, meter: &Meter) -> Result<Option<Vec<u8>>, Unread> {
    let TarKind::File { size } = entry.kind else { return Ok(None) };
    let limit = meter.limits.file;
    if size > limit {
        return Err(Unread::Refused(format!("has {size} bytes; files of more than {limit} are not examined")));
    }
    if tar.is_sparse() {
        // Holes do not come out of the archive, where they would be counted.
        meter.take_bytes(size).map_err(Unread::Fault)?;
    }
    // What is announced is not believed before it comes.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(BUFFER).min(1 << 24));
    tar.read_to_end(&mut bytes).map_err(|error| Unread::Fault(Fault::reading(error)))?;
    Ok(Some(bytes))
}

fn what<'s, T: Send + Sync + 's>(
    entry: &TarEntry,
    content: Option<Vec<u8>>,
    examiner: &'s Examiner<'s, T>,
    scope: &Scope<'s>,
) -> Result<What<T>, String> {
    if let Some(name) = entry.attributes.iter().find(|name| is_of_overlay(name)) {
        let name = name.escape_debug();
        return Err(format!("has the attribute {name}, by which overlay file systems hide what lies below"));
    }
    let body = match &entry.kind {
        TarKind::Directory => Body::Directory,
        TarKind::File { size } => {
            Body::File { size: *size, examined: examiner.submit(scope, content.unwrap_or_default()) }
        }
        TarKind::Symlink { target } => Body::Symlink(target_text(target)?),
        TarKind::HardLink { target } => {
            let unusable = |reason| format!("is a hard link with an unusable target: {reason}");
            let target = place(target).map_err(unusable)?.ok_or_else(|| unusable("it is the root"))?;
            return Ok(What::Link { target, mode: entry.mode, owner: owner(entry) });
        }
        TarKind::Device { what: "a character device", major: 0, minor: 0 } => {
            return Err("is a character device 0:0, which overlay file systems take for a whiteout".to_owned());
        }
        TarKind::Device { what, .. } => Body::Special(what),
        TarKind::Special("a named pipe") => Body::Special("a named pipe"),
        TarKind::Special(what) => return Err(format!("is {what}, which no runtime unpacks")),
    };
    Ok(What::Put(Inode { body, mode: entry.mode, owner: owner(entry), attributes: entry.attributes.clone() }))
}

fn owner(entry: &TarEntry) -> Owner {
    Owner { uid: entry.uid, gid: entry.gid }
}

fn is_of_overlay(name: &str) -> bool {
    ["trusted.overlay.", "user.overlay.", "user.fuseoverlayfs."].iter().any(|prefix| name.starts_with(prefix))
}

/// The text of a symbolic link, which symlink(2) would take.
pub(super) fn target_text(target: &[u8]) -> Result<String, String> {
    let unusable = |reason| format!("is a symbolic link with an unusable target: {reason}");
    let text = std::str::from_utf8(target).map_err(|_| unusable("it is not UTF-8"))?;
    match text.len() {
        0 => Err(unusable("it is empty")),
        4096.. => Err(unusable("it is longer than 4095 bytes")),
        _ if text.contains('\0') => Err(unusable("it holds a zero byte")),
        _ => Ok(text.to_owned()),
    }
}
