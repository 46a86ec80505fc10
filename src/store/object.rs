//! Objects: trees that are named by their manifests.

use std::path::Path;

use rayon::prelude::*;

use super::{Result, Store, StoreError, scan};
use crate::archive::EPOCH;
use crate::digest::{Blake3, ObjectId};
use crate::fs::{self, Durability};
use crate::path::RelPath;
use crate::tree::{Entry, Tree};

/// Up to this many files are flushed one by one; more are flushed with their whole file system, which is faster.
const FLUSH_SINGLY: usize = 32;

impl Store {
    /// Whether an object is there, whole.
    pub fn has_object(&self, id: &ObjectId) -> bool {
        self.manifest_path(id).exists()
    }

    /// The tree that an object is, from its manifest.
    ///
    /// # Errors
    /// When the manifest cannot be read or does not hash to the object's name.
    pub fn tree(&self, id: &ObjectId) -> Result<Tree> {
        let path = self.manifest_path(id);
        let text = fs::read_to_string(&path)?;
        let found = Blake3::of(text.as_bytes()).to_string();
        if found != id.to_string() {
            return Err(StoreError::Mismatch { path, expected: id.to_string(), found });
        }
        Tree::from_manifest(&text).map_err(|source| StoreError::Tree { path, source })
    }

    /// Hashes a directory and makes it an object. Its files are moved out of it.
    pub fn add(&self, directory: &Path) -> Result<ObjectId> {
        let scanned = scan(directory)?;
        self.put(directory, &scanned.tree)
    }

    /// Makes an object of those entries of `directory` that `tree` names; their files are moved out of it.
    ///
    /// The caller has computed `tree` from the same files ([`scan`]), and nobody writes them any more.
    pub fn put(&self, directory: &Path, tree: &Tree) -> Result<ObjectId> {
        let manifest = tree.manifest();
        let id = tree.id();
        if self.has_object(&id) {
            return Ok(id);
        }
        let staged = self.session()?.fresh("object");
        fs::create_dir_all(&staged)?;
        stage(directory, &staged, tree)?;
        let object = self.object_path(&id);
        if let Err(error) = std::fs::rename(&staged, &object) {
            // Left by a process that died before it could publish the manifest, or published meanwhile by another.
            if !self.has_object(&id) {
                fs::remove_tree(&object)?;
                std::fs::rename(&staged, &object).map_err(|_| fs::failed("move into place", &object)(error))?;
            }
        }
        seal(&object, 0o555)?;
        fs::publish(self.session()?.directory(), &self.manifest_path(&id), manifest.as_bytes(), Durability::Flushed)?;
        Ok(id)
    }
}

/// Moves a tree's files to their place in a new directory, and gives everything its mode and time.
fn stage(from: &Path, to: &Path, tree: &Tree) -> Result<()> {
    let directories: Vec<&RelPath> =
        tree.iter().filter(|(_, entry)| **entry == Entry::Dir).map(|(path, _)| path).collect();
    for directory in &directories {
        let path = directory.under(to);
        std::fs::create_dir(&path).map_err(fs::failed("create the directory", &path))?;
    }
    let files: Vec<_> = tree.iter().filter(|(_, entry)| **entry != Entry::Dir).collect();
    let flush = files.len() <= FLUSH_SINGLY;
    files.par_iter().try_for_each(|(path, entry)| place(&path.under(from), &path.under(to), entry, flush))?;
    if !flush {
        let directory = fs::open(to)?;
        rustix::fs::syncfs(&directory).map_err(|error| fs::failed("flush", to)(error.into()))?;
    }
    // The innermost first: a sealed directory's content cannot change.
    for directory in directories.iter().rev() {
        seal(&directory.under(to), 0o555)?;
    }
    Ok(())
}

fn place(from: &Path, to: &Path, entry: &Entry, flush: bool) -> Result<()> {
    match entry {
        Entry::Dir => {}
        Entry::Symlink { target } => fs::symlink(target, to)?,
        Entry::File { executable, .. } => {
            fs::rename(from, to)?;
            seal(to, if *executable { 0o555 } else { 0o444 })?;
            if flush {
                fs::sync(to)?;
            }
        }
    }
    Ok(())
}

/// Gives a file or directory its mode and the fixed time.
fn seal(path: &Path, mode: u32) -> Result<()> {
    fs::set_mode(path, mode)?;
    Ok(fs::set_time(path, EPOCH)?)
}
