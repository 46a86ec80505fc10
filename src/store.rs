//! The store: sources, objects, traces, logs, roots and a cache, as files. Knows nothing of recipes.
//!
//! ```text
//! sources/<sha256>            as downloaded, 0444
//! objects/<ObjectId>/…        read-only trees; every time is the fixed epoch
//! manifests/<ObjectId>        the manifest that the ObjectId is the BLAKE3 of
//! traces/<DerivationKey>      what a derivation gave: small text files
//! traces/<key>.inputs         what it was made of, for people: see `inputs`
//! traces/<key>.imported       that the trace came from another store: see `trace`
//! logs/<DerivationKey>.zst    what its build printed
//! cache/<kind>/<key>          what was made from an object and can be made again: see `cache`
//! roots/<target>/<name>       symbolic links into objects/: what people read, and what keeps an object alive
//! quarantine/                 what `verify` found corrupt, out of everybody's way
//! tmp/                        work in progress
//! lock                        held shared by whoever writes, exclusively by a collection
//! ```
//! There is no database. Everything appears by one rename of something complete, so a crash at any instruction
//! leaves the old state or the new one. Objects, manifests and sources are flushed first, so that a power cut does
//! too; a trace or log that it left empty counts as not there. An object counts from the moment its manifest is there, and
//! a derivation from the moment its trace is there and all its objects are.
//!
//! Processes share a store without a daemon. Each works in a directory of its own below `tmp/`, which it holds a
//! lock on for as long as it lives; whoever comes later empties what nobody holds. A derivation is built under a
//! lock named by its key, so that it is built once.

mod cache;
mod collect;
mod export;
mod holding;
mod inputs;
mod object;
mod scan;
mod session;
mod source;
mod trace;
mod verify;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use cache::{Blob, Cached};
pub use collect::Collected;
pub use export::{ExportError, Exported, Imported, Selection, Taken, Unsound, Wrong};
pub use holding::{Derived, Holding};
pub use inputs::Inputs;
pub use scan::{Scanned, scan};
pub use session::{KeyLock, Scratch};
pub use trace::Trace;
pub use verify::{Fault, Verified};

use crate::digest::{DerivationKey, ObjectId, ParseError, Sha256};
use crate::fs::{self, Durability, FsError};
use crate::tree::TreeError;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// There is no store.
    #[error("{} is no store: it has no {missing}/", path.display())]
    NotAStore {
        /// What was taken for one.
        path: PathBuf,
        /// What it lacks.
        missing: &'static str,
    },
    /// A tree is not one that the store can hold.
    #[error("{} cannot be a store object", path.display())]
    Tree {
        /// The directory that was to become an object.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: TreeError,
    },
    /// A file that is neither a regular file, a directory nor a symbolic link, or has a name that is no path.
    #[error("{} cannot be part of a store object: {reason}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A trace that is not of the documented form.
    #[error("the trace {} is not of the form that this drystone reads (line {line})", path.display())]
    Trace {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: usize,
    },
    /// A trace that is not what was written.
    #[error("the trace {} has been altered: its sum is not that of its lines", path.display())]
    Altered {
        /// The file.
        path: PathBuf,
    },
    /// A digest in a trace.
    #[error("in the trace {}", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: ParseError,
    },
    /// Something that needs the store for itself found it in use.
    #[error("the store {} is in use by another process: wait for it, then collect", path.display())]
    InUse {
        /// The store.
        path: PathBuf,
    },
    /// Data that came other than its name says.
    #[error("{} is not {expected} but {found}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The digest that was promised.
        expected: String,
        /// The digest that it has.
        found: String,
    },
}

/// The result of a store operation.
pub type Result<T> = std::result::Result<T, StoreError>;

const DIRECTORIES: [&str; 9] =
    ["sources", "objects", "manifests", "traces", "logs", "cache", "roots", "quarantine", "tmp"];

/// An open store.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    session: OnceLock<session::Session>,
}

impl Store {
    /// Opens a store, making its directories where they are missing. Takes no lock and writes nothing else.
    ///
    /// # Errors
    /// When a directory is missing and cannot be made.
    pub fn open(root: &Path) -> Result<Self> {
        let root = std::path::absolute(root).map_err(fs::failed("find", root))?;
        for directory in DIRECTORIES {
            let path = root.join(directory);
            if !path.is_dir() {
                fs::create_dir_all(&path)?;
            }
        }
        Ok(Self { root, session: OnceLock::new() })
    }

    /// Opens a store that is there, to read from it: nothing is made, so that it may be another user's.
    ///
    /// # Errors
    /// When it is not there, or is no store.
    pub fn look(root: &Path) -> Result<Self> {
        let root = std::path::absolute(root).map_err(fs::failed("find", root))?;
        for missing in ["manifests", "traces", "roots"] {
            if !root.join(missing).is_dir() {
                return Err(StoreError::NotAStore { path: root, missing });
            }
        }
        Ok(Self { root, session: OnceLock::new() })
    }

    /// Where the store is, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where an object's tree is, or would be.
    pub fn object_path(&self, id: &ObjectId) -> PathBuf {
        self.root.join("objects").join(id.to_string())
    }

    /// Where an object's manifest is, or would be.
    pub fn manifest_path(&self, id: &ObjectId) -> PathBuf {
        self.root.join("manifests").join(id.to_string())
    }

    fn source_path(&self, sha256: &Sha256) -> PathBuf {
        self.root.join("sources").join(sha256.to_string())
    }

    fn trace_path(&self, key: &DerivationKey) -> PathBuf {
        self.root.join("traces").join(key.to_string())
    }

    /// Where a derivation's compressed log is, or would be.
    pub fn log_path(&self, key: &DerivationKey) -> PathBuf {
        self.root.join("logs").join(format!("{key}.zst"))
    }

    /// Keeps a derivation's log: compressed, replacing an earlier one.
    pub fn put_log(&self, key: &DerivationKey, text: &[u8]) -> Result<()> {
        let path = self.log_path(key);
        let packed = zstd::encode_all(text, 3).map_err(fs::failed("compress", &path))?;
        Ok(fs::publish(self.session()?.directory(), &path, &packed, Durability::Remakable)?)
    }

    /// Reads a derivation's log back; `None` when there is none.
    pub fn log(&self, key: &DerivationKey) -> Result<Option<Vec<u8>>> {
        let path = self.log_path(key);
        if std::fs::metadata(&path).map_or(0, |metadata| metadata.len()) == 0 {
            return Ok(None);
        }
        let text = zstd::decode_all(fs::open(&path)?).map_err(fs::failed("decompress", &path))?;
        Ok(Some(text))
    }

    /// Names an object below a target (`sed-4.9`, `coreutils-9.7.cat`), replacing what the name meant before.
    pub fn set_root(&self, target: &str, name: &str, id: &ObjectId) -> Result<()> {
        let directory = self.root.join("roots").join(target);
        let link = directory.join(name);
        let text = format!("../../objects/{id}");
        if std::fs::read_link(&link).is_ok_and(|old| old == Path::new(&text)) {
            return Ok(());
        }
        fs::create_dir_all(&directory)?;
        let fresh = self.session()?.fresh("root");
        fs::symlink(&text, &fresh)?;
        Ok(fs::rename(&fresh, &link)?)
    }

    /// All roots: `target/name` → object.
    pub fn roots(&self) -> Result<BTreeMap<String, ObjectId>> {
        let directory = self.root.join("roots");
        let mut roots = BTreeMap::new();
        for target in fs::list(&directory)? {
            for name in fs::list(&directory.join(&target))? {
                let link = directory.join(&target).join(&name);
                let text = std::fs::read_link(&link).map_err(fs::failed("read the link", &link))?;
                let id = text.file_name().and_then(|id| id.to_str()).and_then(|id| id.parse().ok());
                if let Some(id) = id {
                    roots.insert(format!("{}/{}", target.to_string_lossy(), name.to_string_lossy()), id);
                }
            }
        }
        Ok(roots)
    }
}
