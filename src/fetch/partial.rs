//! [`Partial`]: a file while it is downloaded, locked against other processes, hashed as it grows.
//!
//! Knows nothing of where bytes come from beyond a label for blame. The file outlives an interrupted run, so that the
//! next one goes on where it ended; what it holds is always rehashed first. The lock is flock(2) on the file itself:
//! the kernel drops it when the process ends, however it ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use sha2::Digest as _;

use crate::digest::{Sha256, feed};
use crate::fs::{self, failed};

/// Where the bytes so far came from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Nothing,
    One(String),
    /// Several places, or an earlier run.
    Mixed,
}

/// A partial download that this process alone may write.
#[derive(Debug)]
pub struct Partial {
    path: PathBuf,
    file: File,
    hasher: sha2::Sha256,
    length: u64,
    origin: Origin,
}

impl Partial {
    /// Opens or creates the file and hashes what is there; `None` while another download holds its lock.
    ///
    /// # Errors
    /// When the file cannot be made, locked or read.
    pub fn try_lock(path: &Path) -> fs::Result<Option<Self>> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = open(path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(failed("lock", path)(error.into())),
        }
        // Between our open and our lock its last holder may have published or removed it: then this is another file.
        if !is_at(&file, path)? {
            return Ok(None);
        }
        let mut hasher = sha2::Sha256::new();
        let length = feed(&mut file, &mut hasher).map_err(failed("read", path))?;
        let origin = if length == 0 { Origin::Nothing } else { Origin::Mixed };
        Ok(Some(Self { path: path.to_owned(), file, hasher, length, origin }))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The digest of the bytes so far.
    pub fn digest(&self) -> Sha256 {
        Sha256::from_bytes(self.hasher.clone().finalize().into())
    }

    /// Whether every byte so far came from this place, in this run: then it alone is to blame for them.
    pub fn is_all_from(&self, place: &str) -> bool {
        self.origin == Origin::One(place.to_owned())
    }

    /// Appends bytes that came from a place.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn append(&mut self, place: &str, bytes: &[u8]) -> fs::Result<()> {
        match &self.origin {
            Origin::Nothing => self.origin = Origin::One(place.to_owned()),
            Origin::One(other) if other == place => {}
            Origin::One(_) | Origin::Mixed => self.origin = Origin::Mixed,
        }
        self.file.write_all(bytes).map_err(failed("write", &self.path))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Throws away what is there.
    ///
    /// # Errors
    /// When the file cannot be emptied.
    pub fn restart(&mut self) -> fs::Result<()> {
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(failed("empty", &self.path))?;
        self.hasher = sha2::Sha256::new();
        self.length = 0;
        self.origin = Origin::Nothing;
        Ok(())
    }

    /// Lets go: what is worth resuming stays, an empty file does not.
    ///
    /// # Errors
    /// When an empty file cannot be removed.
    pub fn release(self) -> fs::Result<()> {
        // The lock is held until `self.file` is dropped, after the removal: nobody else's file is removed.
        if self.length == 0 { fs::remove_file(&self.path) } else { Ok(()) }
    }
}

fn open(path: &Path) -> fs::Result<File> {
    let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    match open() {
        // A crash between the steps of publication may leave the file read-only.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && path.exists() => {
            fs::set_mode(path, 0o644)?;
            open().map_err(failed("open", path))
        }
        result => result.map_err(failed("open", path)),
    }
}

fn is_at(file: &File, path: &Path) -> fs::Result<bool> {
    let ours = file.metadata().map_err(failed("inspect", path))?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("inspect", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_run_left_is_rehashed_and_grows() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("tmp/partial");
        let mut first = Partial::try_lock(&path).unwrap().unwrap();
        first.append("a", b"sto").unwrap();
        first.release().unwrap();

        let mut second = Partial::try_lock(&path).unwrap().unwrap();
        assert_eq!(second.length(), 3);
        second.append("b", b"ne").unwrap();
        assert_eq!(second.digest(), Sha256::of(b"stone"));
        assert!(!second.is_all_from("b"), "its first bytes are of the earlier run");
        second.restart().unwrap();
        second.append("b", b"stone").unwrap();
        assert!(second.is_all_from("b"));
        assert_eq!(fs::read(&path).unwrap(), b"stone");
    }

    #[test]
    fn two_downloads_cannot_hold_the_same_file() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("partial");
        let first = Partial::try_lock(&path).unwrap().unwrap();
        assert!(Partial::try_lock(&path).unwrap().is_none());
        first.release().unwrap();
        assert!(!path.exists(), "an empty file is not left behind");
        assert!(Partial::try_lock(&path).unwrap().is_some());
    }

    #[test]
    fn a_file_that_its_last_holder_published_is_not_written_again() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("partial");
        let file = open(&path).unwrap();
        assert!(is_at(&file, &path).unwrap());
        fs::rename(&path, &scratch.path().join("source")).unwrap();
        assert!(!is_at(&file, &path).unwrap());
        open(&path).unwrap();
        assert!(!is_at(&file, &path).unwrap(), "another file has the name now");
    }

    #[test]
    fn a_file_that_a_crash_left_read_only_is_taken_over() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("partial");
        fs::write(&path, "stone").unwrap();
        fs::set_mode(&path, 0o444).unwrap();
        let partial = Partial::try_lock(&path).unwrap().unwrap();
        assert_eq!(partial.digest(), Sha256::of(b"stone"));
    }
}
