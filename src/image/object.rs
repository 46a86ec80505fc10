//! Reading an object's files while checking that they are what the object's manifest says: a store that was damaged
//! after its last verification must not become an image that is signed.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{ImageError, ObjectPaths};
use crate::digest::{Blake3, ObjectId};
use crate::fs;
use crate::path::RelPath;

/// A file of the store, hashed as it is read.
pub(super) struct ObjectFile {
    path: PathBuf,
    file: File,
    expected: Blake3,
    hasher: blake3::Hasher,
    failure: Option<io::Error>,
}

impl ObjectFile {
    /// Opens an object's file.
    pub fn open(objects: ObjectPaths<'_>, id: &ObjectId, path: &RelPath, digest: Blake3) -> fs::Result<Self> {
        let path = path.under(&objects(id));
        let file = fs::open(&path)?;
        Ok(Self { path, file, expected: digest, hasher: blake3::Hasher::new(), failure: None })
    }

    /// How many bytes it has.
    pub fn size(&self) -> fs::Result<u64> {
        Ok(self.file.metadata().map_err(fs::failed("inspect", &self.path))?.len())
    }

    /// Copies the whole file by `copy`, which writes to `destination`, and checks what was read. An error of
    /// reading is told from one of writing.
    ///
    /// # Errors
    /// When the file cannot be read, the destination not written, or the bytes are not those that were expected.
    pub fn copy(
        mut self,
        destination: &Path,
        copy: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> Result<(), ImageError> {
        let copied = copy(&mut self);
        if let Some(failure) = self.failure.take() {
            return Err(fs::failed("read", &self.path)(failure).into());
        }
        copied.map_err(fs::failed("write", destination))?;
        if self.hasher.finalize().as_bytes() != self.expected.as_bytes() {
            return Err(ImageError::Corrupt { path: self.path });
        }
        Ok(())
    }
}

impl Read for ObjectFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.file.read(buffer) {
            Ok(count) => {
                self.hasher.update(&buffer[..count]);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failure = Some(error);
                Err(kind.into())
            }
        }
    }
}
