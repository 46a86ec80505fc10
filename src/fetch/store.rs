//! The part of the store that fetching needs: a directory of verified sources.

use std::path::{Path, PathBuf};

use crate::digest::Sha256;
use crate::fs::{self, FsError};

/// A directory of sources.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// What the store refuses.
pub type StoreError = FsError;

impl Store {
    /// A store at a directory.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The source, if it is there.
    pub fn source(&self, sha256: &Sha256) -> Option<PathBuf> {
        let path = self.root.join("sources").join(sha256.to_string());
        path.exists().then_some(path)
    }

    /// Where a partial download is kept.
    pub fn partial_source(&self, sha256: &Sha256) -> PathBuf {
        self.root.join("tmp").join(format!("{sha256}.partial"))
    }

    /// Publishes a verified download.
    ///
    /// # Errors
    /// As the steps give them.
    pub fn adopt_source(&self, sha256: &Sha256, partial: &Path) -> Result<PathBuf, StoreError> {
        let sources = self.root.join("sources");
        fs::create_dir_all(&sources)?;
        let path = sources.join(sha256.to_string());
        fs::sync(partial)?;
        fs::set_mode(partial, 0o444)?;
        fs::rename(partial, &path)?;
        Ok(path)
    }
}
