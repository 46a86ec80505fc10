//! Where a recipe is built: its directories, and the sandbox over them.

use std::path::{Path, PathBuf};

use super::{BuildError, unpack};
use crate::digest::ObjectId;
use crate::fs;
use crate::plan::BuildWork;
use crate::sandbox::{Limits, Spec, Variation};
use crate::store::Store;

/// A build's directories.
pub struct Workshop<'a> {
    store: &'a Store,
    name: &'a str,
    /// What is `/build` inside.
    pub build: PathBuf,
    /// What is `/out` inside.
    pub out: PathBuf,
}

impl<'a> Workshop<'a> {
    /// Names the directories, below a scratch directory.
    pub fn new(store: &'a Store, name: &'a str, scratch: &Path) -> Self {
        Self { store, name, build: scratch.join("build"), out: scratch.join("out") }
    }

    /// Puts in place what every build begins with.
    ///
    /// # Errors
    /// When a source cannot be unpacked or a directory cannot be written.
    pub fn furnish(&self, work: &BuildWork) -> Result<(), BuildError> {
        unpack::prepare(self.store, self.name, work, &self.build)?;
        fs::create_dir_all(&self.out)?;
        Ok(fs::set_mode(&self.out, 0o755)?)
    }

    /// What is run, and over what.
    pub fn spec(&self, work: &BuildWork, limits: &Limits) -> Spec {
        Spec {
            root: objects(self.store, &work.root),
            sysroot: objects(self.store, &work.sysroot),
            build: self.build.clone(),
            out: Some(self.out.clone()),
            env: work.env.clone(),
            steps: work.steps.clone(),
            limits: limits.clone(),
            emulator: None,
            variation: Variation::default(),
        }
    }
}

/// Where objects are in the store.
pub fn objects(store: &Store, ids: &[ObjectId]) -> Vec<PathBuf> {
    ids.iter().map(|id| store.object_path(id)).collect()
}
