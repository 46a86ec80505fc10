//! Reading an object's files while checking that they are what the object's manifest says: a store that was damaged
//! after its last verification must not become an image that is signed.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::ImageError;
use crate::digest::{Blake3, ObjectId};
use crate::fs;
use crate::path::RelPath;
use crate::store::Store;

/// A file of the store, hashed as it is read.
pub(super) struct ObjectFile {
    path: PathBuf,
    file: File,
    expected: Blake3,
    hasher: blake3::Hasher,
}

impl ObjectFile {
    /// Opens an object's file.
    pub fn open(store: &Store, id: &ObjectId, path: &RelPath, digest: Blake3) -> fs::Result<Self> {
        let path = path.under(&store.object_path(id));
        let file = fs::open(&path)?;
        Ok(Self { path, file, expected: digest, hasher: blake3::Hasher::new() })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file system knows of it.
    pub fn metadata(&self) -> fs::Result<Metadata> {
        self.file.metadata().map_err(fs::failed("inspect", &self.path))
    }

    /// Checks the bytes of what was made of it elsewhere, and tells how many they are.
    ///
    /// # Errors
    /// When they are not those that were expected.
    pub fn check(mut self, copy: &Path) -> Result<u64, ImageError> {
        self.hasher.update_reader(fs::open(copy)?).map_err(fs::failed("read", copy))?;
        let size = self.hasher.count();
        self.verify()?;
        Ok(size)
    }

    /// Checks, once the whole file was read, that its bytes are those that were expected.
    ///
    /// # Errors
    /// When they are others.
    pub fn verify(self) -> Result<(), ImageError> {
        let is_as_expected = self.hasher.finalize().as_bytes() == self.expected.as_bytes();
        if is_as_expected { Ok(()) } else { Err(ImageError::Corrupt { path: self.path }) }
    }
}

impl Read for ObjectFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
