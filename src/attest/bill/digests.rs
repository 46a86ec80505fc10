//! What the files of an object hash to, by every algorithm that a bill of materials states. The only part of the
//! evidence that reads files; knows nothing of images.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::AttestError;
use crate::digest::{Blake3, Sha1, Sha256};
use crate::path::RelPath;
use crate::tree::{Entry, Tree};
use crate::{elf, fs};

/// What one file hashes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigests {
    /// How many bytes it has.
    pub size: u64,
    /// Its SHA-1, which SPDX 2.3 demands (section 8.4).
    pub sha1: Sha1,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Its BLAKE3.
    pub blake3: Blake3,
    /// Whether it is an ELF file that a kernel can start, so that libraries can be inside it.
    pub is_program: bool,
}

/// What the files of one object hash to. They follow from the object's id, so they may be kept under it.
pub type ObjectDigests = BTreeMap<RelPath, FileDigests>;

/// Hashes the files of an object that lies in a directory, on all cores.
///
/// # Errors
/// When a file cannot be read, or is not what the object's tree says.
pub fn digests(directory: &Path, tree: &Tree) -> Result<ObjectDigests, AttestError> {
    let files: Vec<_> = tree
        .iter()
        .filter_map(|(path, entry)| match entry {
            Entry::File { digest, .. } => Some((path, digest)),
            Entry::Dir | Entry::Symlink { .. } => None,
        })
        .collect();
    let hashed = files.into_par_iter().map(|(path, expected)| {
        let place = path.under(directory);
        let found = hash_file(&place)?;
        if found.blake3 == *expected { Ok((path.clone(), found)) } else { Err(AttestError::Corrupt { path: place }) }
    });
    hashed.collect()
}

impl FileDigests {
    /// Hashes bytes that are in memory.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hashers = Hashers::default();
        hashers.update(bytes);
        hashers.finish()
    }
}

fn hash_file(path: &Path) -> fs::Result<FileDigests> {
    let mut file = fs::open(path)?;
    let mut hashers = Hashers::default();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).map_err(fs::failed("read", path))? {
            0 => return Ok(hashers.finish()),
            count => hashers.update(&buffer[..count]),
        }
    }
}

/// All algorithms in one pass.
#[derive(Default)]
struct Hashers {
    start: Vec<u8>,
    size: u64,
    sha1: sha1::Sha1,
    sha256: sha2::Sha256,
    blake3: blake3::Hasher,
}

impl Hashers {
    fn update(&mut self, bytes: &[u8]) {
        let missing = elf::START.saturating_sub(self.start.len()).min(bytes.len());
        self.start.extend_from_slice(&bytes[..missing]);
        self.size += bytes.len() as u64;
        self.sha1.update(bytes);
        self.sha256.update(bytes);
        self.blake3.update(bytes);
    }

    fn finish(self) -> FileDigests {
        FileDigests {
            size: self.size,
            sha1: Sha1::from_bytes(self.sha1.finalize().into()),
            sha256: Sha256::from_bytes(self.sha256.finalize().into()),
            blake3: Blake3::from_bytes(*self.blake3.finalize().as_bytes()),
            is_program: elf::is_program(&self.start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scan;

    #[test]
    fn every_algorithm_agrees_with_its_test_vector() {
        // FIPS 180-4 and the test vectors of BLAKE3: the message "abc".
        let digests = FileDigests::of(b"abc");
        assert_eq!(digests.sha1.to_string(), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(digests.sha256.to_string().starts_with("ba7816bf8f01cfea"));
        assert_eq!(digests.blake3, Blake3::of(b"abc"));
        assert_eq!((digests.size, digests.is_program), (3, false));
    }

    #[test]
    fn a_directory_is_hashed_file_by_file_and_a_changed_file_is_found() {
        let scratch = tempfile::tempdir().unwrap();
        let program = scratch.path().join("usr/bin/x");
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        std::fs::write(scratch.path().join("readme"), "text").unwrap();
        std::os::unix::fs::symlink("readme", scratch.path().join("link")).unwrap();
        let tree = scan(scratch.path()).unwrap().tree;
        let found = digests(scratch.path(), &tree).unwrap();
        assert_eq!(found.keys().map(RelPath::as_str).collect::<Vec<_>>(), ["readme", "usr/bin/x"]);
        let size = std::fs::metadata(&program).unwrap().len();
        let own = &found[&RelPath::new("usr/bin/x").unwrap()];
        assert_eq!((own.size, own.is_program), (size, true));
        std::fs::write(scratch.path().join("readme"), "test").unwrap();
        let error = digests(scratch.path(), &tree).unwrap_err();
        assert!(matches!(error, AttestError::Corrupt { path } if path.ends_with("readme")));
    }
}
