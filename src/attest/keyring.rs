//! The keys that somebody believes: a directory of public keys, each named by its file. Nothing else makes a key count.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::key::{KeyError, KeyId, PublicKey, read_public};
use crate::fs::{self, FsError};

/// How the names of public keys' files end.
const PUBLIC: &str = ".pub";

/// Keys with the names that their reader knows them by.
#[derive(Debug, Default)]
pub struct Keyring(BTreeMap<KeyId, Held>);

/// A key of a keyring.
#[derive(Debug)]
pub struct Held {
    /// The file's name without its end.
    pub name: String,
    /// The key.
    pub key: PublicKey,
}

/// Why there is no keyring.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// No key in the directory.
    #[error("{} holds no public key: there is no file NAME{PUBLIC}", path.display())]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// One key under two names would vote twice.
    #[error("{one}{PUBLIC} and {other}{PUBLIC} in {} are the same key {id}: a builder counts once", path.display())]
    Twice {
        /// The directory.
        path: PathBuf,
        /// The key.
        id: KeyId,
        /// The first file.
        one: String,
        /// The second.
        other: String,
    },
    /// A file that is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file operation.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Keyring {
    /// Reads every `*.pub` of a directory.
    ///
    /// # Errors
    /// When there is none, one of them is no public key, or two are the same.
    pub fn read(directory: &Path) -> Result<Self, KeyringError> {
        let mut ring = Self::default();
        for name in fs::list(directory)? {
            let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(PUBLIC)) else { continue };
            let key = read_public(&directory.join(&name))?;
            let id = key.id();
            let held = Held { name: stem.to_owned(), key };
            if let Some(other) = ring.0.insert(id, held) {
                let (path, one) = (directory.to_owned(), other.name);
                return Err(KeyringError::Twice { path, id, one, other: stem.to_owned() });
            }
        }
        match ring.0.is_empty() {
            true => Err(KeyringError::Empty { path: directory.to_owned() }),
            false => Ok(ring),
        }
    }

    /// A key, if it is believed.
    pub fn get(&self, id: &KeyId) -> Option<&Held> {
        self.0.get(id)
    }

    /// All keys.
    pub fn iter(&self) -> impl Iterator<Item = (&KeyId, &Held)> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
