//! Sources: files that are named by their SHA-256, as they were downloaded.

use std::path::{Path, PathBuf};

use super::verify::hash_file;
use super::{Result, Store};
use crate::digest::Sha256;
use crate::fs;

impl Store {
    /// Where a source is, if it is there.
    pub fn source(&self, sha256: &Sha256) -> Option<PathBuf> {
        let path = self.source_path(sha256);
        path.exists().then_some(path)
    }

    /// Where the beginning of a source that is being downloaded is kept, also for a later process to go on with.
    pub fn partial_source(&self, sha256: &Sha256) -> PathBuf {
        self.root.join("sources").join(format!("{sha256}.part"))
    }

    /// Takes a source over from another store, if that has it and its bytes are the right ones; they are hashed.
    pub fn borrow_source(&self, sha256: &Sha256, from: &Self) -> Result<bool> {
        let Some(path) = from.source(sha256) else { return Ok(false) };
        if self.source(sha256).is_some() {
            return Ok(true);
        }
        if hash_file(&path)? != *sha256 {
            return Ok(false);
        }
        let scratch = self.scratch()?;
        let copy = scratch.path().join("source");
        fs::share(&path, &copy, true)?;
        self.adopt_source(sha256, &copy)?;
        Ok(true)
    }

    /// Publishes a file whose bytes the caller has found to hash to `sha256`. The file is moved.
    pub fn adopt_source(&self, sha256: &Sha256, file: &Path) -> Result<PathBuf> {
        let path = self.source_path(sha256);
        fs::set_mode(file, 0o444)?;
        fs::sync(file)?;
        fs::rename(file, &path)?;
        Ok(path)
    }
}
