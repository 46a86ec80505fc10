//! The cache: what was made from an object and can be made again from it, such as the blob of an image's layer.
//!
//! ```text
//! cache/<kind>/<key>        an entry, a small text file:
//!     drystone-cache 1
//!     object OBJECT-ID      what it was made from
//!     blob SHA256 SIZE      the file that belongs to it, if one does
//!     NAME VALUE            what its maker noted, sorted
//!     check BLAKE3          of the lines above
//! cache/<kind>/<key>.blob   that file, 0444, dated at the fixed epoch
//! ```
//! The key is the maker's: a BLAKE3, by the canonical encoding, over all that the result depends on, so that there is
//! nothing to invalidate. The blob is published first; an entry counts from the moment its text is there. Neither is
//! flushed: an entry that a power cut left empty or torn fails its check and counts as not there.
//!
//! # What is trusted
//! Files that are handed out by hard link can be written to from outside. So a blob is believed to be what its entry
//! says only while its size, mode and time are those that it was sealed with: writing to it sets its time. One that
//! looks otherwise is hashed; if it is right after all it is sealed again, if not the entry is dropped. Bits that rot
//! on the disk change no time: [`Store::verify`] hashes every blob, and whoever reads a blob must check it against
//! the digest by which it is named, as every client of a registry does. An entry can therefore give a wrong blob, but
//! never one that passes for right.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::verify::hash_file;
use super::{Fault, Result, Store, StoreError};
use crate::archive::EPOCH;
use crate::digest::{Blake3, ObjectId, Sha256};
use crate::fs::{self, Durability};

const HEAD: &str = "drystone-cache 1";
const BLOB_MODE: u32 = 0o444;

/// An entry of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    /// What it was made from; the entry goes when that goes.
    pub object: ObjectId,
    /// The file that belongs to it.
    pub blob: Option<Blob>,
    /// What its maker noted: a word, and a line of text.
    pub notes: BTreeMap<String, String>,
}

/// The file of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// What its bytes hash to.
    pub sha256: Sha256,
    /// How many they are.
    pub size: u64,
}

impl Cached {
    fn text(&self) -> String {
        let Self { object, blob, notes } = self;
        let mut text = format!("{HEAD}\nobject {object}\n");
        if let Some(Blob { sha256, size }) = blob {
            text.push_str(&format!("blob {sha256} {size}\n"));
        }
        for (name, value) in notes {
            text.push_str(&format!("{name} {value}\n"));
        }
        let check = Blake3::of(text.as_bytes());
        text.push_str(&format!("check {check}\n"));
        text
    }

    /// `None` when the text is torn, or not of the form that this drystone writes.
    fn parse(text: &str) -> Option<Self> {
        let (lines, check) = text.strip_suffix('\n')?.rsplit_once("\ncheck ")?;
        let lines = format!("{lines}\n");
        if check != Blake3::of(lines.as_bytes()).to_string() {
            return None;
        }
        let mut lines = lines.lines().peekable();
        lines.next().filter(|line| *line == HEAD)?;
        let object = lines.next()?.strip_prefix("object ")?.parse().ok()?;
        let blob = match lines.next_if(|line| line.starts_with("blob ")) {
            Some(line) => {
                let (sha256, size) = line.strip_prefix("blob ")?.split_once(' ')?;
                Some(Blob { sha256: sha256.parse().ok()?, size: size.parse().ok()? })
            }
            None => None,
        };
        let note = |line: &str| line.split_once(' ').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some(Self { object, blob, notes: lines.map(note).collect::<Option<_>>()? })
    }
}

impl Store {
    /// The entry of this kind with this key, if it is there and whole.
    ///
    /// # Errors
    /// When the cache cannot be read.
    pub fn cached(&self, kind: &str, key: &Blake3) -> Result<Option<Cached>> {
        let path = self.entry_path(kind, key);
        let Some(entry) = fs::read_if_exists(&path)?.as_deref().and_then(Cached::parse) else { return Ok(None) };
        let Some(blob) = &entry.blob else { return Ok(Some(entry)) };
        let file = self.blob_path(kind, key);
        if is_sealed(&file, blob) {
            return Ok(Some(entry));
        }
        // In a store that this user may not write to, whoever comes next finds it as it is now.
        if hash_file(&file).is_ok_and(|found| found == blob.sha256) {
            drop(seal(&file));
            return Ok(Some(entry));
        }
        drop(fs::remove_file(&path).and_then(|()| fs::remove_file(&file)));
        Ok(None)
    }

    /// Where the blob of an entry is, or would be.
    pub fn blob_path(&self, kind: &str, key: &Blake3) -> PathBuf {
        self.root.join("cache").join(kind).join(format!("{key}.blob"))
    }

    fn entry_path(&self, kind: &str, key: &Blake3) -> PathBuf {
        self.root.join("cache").join(kind).join(key.to_string())
    }

    /// Keeps an entry, with the file whose digest the caller has found. The file stays where it is; where it can be,
    /// it is shared, and then it is sealed: read-only and dated at the fixed epoch.
    ///
    /// `kind` is one word. A store that this user may not write to keeps nothing, and that is no error: the cache
    /// only saves time.
    ///
    /// # Errors
    /// When the store cannot be written for another reason.
    pub fn put_cached(&self, kind: &str, key: &Blake3, entry: &Cached, blob: Option<&Path>) -> Result<()> {
        debug_assert_eq!(entry.blob.is_some(), blob.is_some(), "an entry says whether it has a blob");
        let session = match self.session() {
            Err(error) if is_forbidden(&error) => return Ok(()),
            session => session?,
        };
        fs::create_dir_all(&self.root.join("cache").join(kind))?;
        if let Some(blob) = blob {
            let fresh = session.fresh("blob");
            fs::share(blob, &fresh, true)?;
            seal(&fresh)?;
            fs::rename(&fresh, &self.blob_path(kind, key))?;
            // Two names of one file: then rename(2) does nothing, and the first name stays.
            fs::remove_file(&fresh)?;
        }
        let text = entry.text();
        Ok(fs::publish(session.directory(), &self.entry_path(kind, key), text.as_bytes(), Durability::Remakable)?)
    }

    /// Removes the entries whose object `is_alive` denies, those that cannot be read, and blobs without an entry.
    /// Only for whoever has the store alone.
    pub(super) fn collect_cache(&self, is_alive: &dyn Fn(&ObjectId) -> bool) -> Result<usize> {
        let mut removed = 0;
        for kind in self.kinds()? {
            let directory = self.root.join("cache").join(&kind);
            let mut kept = BTreeSet::new();
            for key in self.named::<Blake3>(&format!("cache/{kind}"))? {
                let entry = fs::read_if_exists(&self.entry_path(&kind, &key))?.as_deref().and_then(Cached::parse);
                if entry.is_some_and(|entry| is_alive(&entry.object)) {
                    kept.extend([key.to_string(), format!("{key}.blob")]);
                } else {
                    removed += 1;
                }
            }
            // What a crash leaves is a blob that no entry names.
            for name in fs::list(&directory)? {
                if !kept.contains(&*name.to_string_lossy()) {
                    fs::remove_file(&directory.join(name))?;
                }
            }
        }
        Ok(removed)
    }

    /// Hashes every entry and blob. What is corrupt is moved to `quarantine/`, or removed if it is only a text.
    pub(super) fn verify_cache(&self, done: &(dyn Fn() + Sync)) -> Result<(usize, Vec<Fault>)> {
        let mut count = 0;
        let mut faults = Vec::new();
        for kind in self.kinds()? {
            let keys = self.named::<Blake3>(&format!("cache/{kind}"))?;
            count += keys.len();
            let found: Vec<_> = keys
                .into_par_iter()
                .map(|key| {
                    let fault = self.cache_fault(&kind, &key);
                    done();
                    Ok(fault?.map(|how| (key, how)))
                })
                .collect::<Result<_>>()?;
            for (key, how) in found.into_iter().flatten() {
                fs::remove_file(&self.entry_path(&kind, &key))?;
                if self.blob_path(&kind, &key).exists() {
                    self.quarantine(&format!("cache/{kind}"), &format!("{key}.blob"))?;
                }
                faults.push(Fault { what: format!("cache/{kind}/{key}"), how });
            }
        }
        Ok((count, faults))
    }

    fn cache_fault(&self, kind: &str, key: &Blake3) -> Result<Option<String>> {
        let text = fs::read_if_exists(&self.entry_path(kind, key))?;
        let Some(entry) = text.as_deref().and_then(Cached::parse) else {
            return Ok(Some("it is not what was written there".to_owned()));
        };
        let Some(blob) = entry.blob else { return Ok(None) };
        match hash_file(&self.blob_path(kind, key)) {
            Ok(found) if found == blob.sha256 => Ok(None),
            Ok(found) => Ok(Some(format!("the SHA-256 of its blob is {found}"))),
            Err(StoreError::Fs(error)) if error.source.kind() == std::io::ErrorKind::NotFound => {
                Ok(Some("its blob is missing".to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    fn kinds(&self) -> Result<Vec<String>> {
        let names = fs::list(&self.root.join("cache"))?;
        Ok(names.iter().filter_map(|name| name.to_str().map(str::to_owned)).collect())
    }
}

/// Whether nobody has touched a blob since it was published.
fn is_sealed(file: &Path, blob: &Blob) -> bool {
    let Ok(metadata) = std::fs::symlink_metadata(file) else { return false };
    metadata.is_file()
        && metadata.len() == blob.size
        && metadata.mode() & 0o7777 == BLOB_MODE
        && (metadata.mtime(), metadata.mtime_nsec()) == (EPOCH.cast_signed(), 0)
}

fn seal(file: &Path) -> fs::Result<()> {
    fs::set_mode(file, BLOB_MODE)?;
    fs::set_time(file, EPOCH)
}

/// Whether the store is one that this user may only read.
fn is_forbidden(error: &StoreError) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let StoreError::Fs(error) = error else { return false };
    matches!(error.source.kind(), PermissionDenied | ReadOnlyFilesystem)
}

#[cfg(test)]
mod tests;
