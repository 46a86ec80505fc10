//! What can be wrong with an export, told with the archive's name and the member's.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::archive::{self, WriteError};
use crate::fs::FsError;
use crate::path::PathError;
use crate::store::StoreError;
use crate::tree::TreeError;

/// Why nothing was exported, or not all imported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file operation failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The archive could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The archive.
        path: PathBuf,
        /// Why.
        #[source]
        source: WriteError,
    },
    /// The store itself does not have what it should.
    #[error("`{what}` of the store {how}, so nothing was exported")]
    Corrupt {
        /// The file, as seen from the store.
        what: String,
        /// What is wrong, as the rest of a sentence.
        how: String,
    },
    /// The archive is not what it should be.
    #[error(transparent)]
    Unsound(#[from] Box<Unsound>),
}

impl From<Unsound> for ExportError {
    fn from(unsound: Unsound) -> Self {
        Self::Unsound(Box::new(unsound))
    }
}

/// An export that is not what it should be, and where.
#[derive(Debug)]
pub struct Unsound {
    /// The archive.
    pub archive: String,
    /// The member; `None` when it is the whole.
    pub member: Option<String>,
    /// What is wrong.
    pub wrong: Wrong,
}

/// What is wrong with an export or a member; each text continues a sentence that begins with its name.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// It does not end as an export does.
    #[error("is not an export of drystone, or is truncated: it does not end with a seal")]
    NoSeal,
    /// Its bytes are not those that were written.
    #[error("was altered: its bytes are not those that it was sealed with, though what they unpack to is the same")]
    Seal,
    /// It cannot be imported.
    #[error("has only manifests and traces, which can be compared but not imported")]
    NoBytes,
    /// Its compression or tar's structure is wrong.
    #[error("{0}")]
    Archive(archive::Fault),
    /// The index does not have a documented form.
    #[error("is not an index that this drystone reads (line {0})")]
    Index(usize),
    /// A line that is not of the documented form.
    #[error("is not of the documented form (line {0})")]
    Line(usize),
    /// Another member is in its place.
    #[error("should be next, but `{}` is there", .0.escape_debug())]
    Another(String),
    /// The archive ends before it.
    #[error("is missing")]
    Missing,
    /// A member that the index does not name.
    #[error("is not in the index, or is there twice")]
    Unlisted,
    /// It is not what the manifest says, or has an owner, mode or attribute that no export gives.
    #[error("should be {expected}, but is {found}")]
    Kind {
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// More bytes than there may be.
    #[error("is larger than the limit of {0} bytes")]
    TooLarge(u64),
    /// It hashes to something else.
    #[error("was altered: its {kind} should be {expected}, but is {found}")]
    Digest {
        /// Of which kind.
        kind: &'static str,
        /// What was promised.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A manifest that is none.
    #[error("is not a manifest")]
    Manifest(#[source] TreeError),
    /// A path of a manifest that is too long below an object's own.
    #[error("has a path that cannot be")]
    Path(#[source] PathError),
    /// A symbolic link that leads out of its object.
    #[error("is a symbolic link to `{}`, which leads out of the object", .0.escape_debug())]
    LeadsOut(String),
    /// A trace, or inputs, that do not have the documented form.
    #[error("cannot be read")]
    Trace(#[source] StoreError),
    /// It tells of an object that is not there.
    #[error("tells of the object {0}, which is not in the archive")]
    NoObject(String),
    /// The fields do not hash to the key.
    #[error("does not explain its key: its fields hash to {0}")]
    Key(String),
    /// A log that cannot be unpacked.
    #[error("cannot be unpacked")]
    Log(#[source] io::Error),
}

impl Wrong {
    /// This, of a whole archive.
    pub(super) fn with(self, archive: &str) -> ExportError {
        Unsound { archive: archive.to_owned(), member: None, wrong: self }.into()
    }

    /// This, of a member.
    pub(super) fn with_member(self, archive: &str, member: &str) -> ExportError {
        Unsound { archive: archive.to_owned(), member: Some(member.to_owned()), wrong: self }.into()
    }
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { archive, member, wrong } = self;
        match member {
            Some(member) => write!(f, "{archive}: `{}` {wrong}", member.escape_debug()),
            None => write!(f, "{archive} {wrong}"),
        }
    }
}

impl std::error::Error for Unsound {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.wrong {
            Wrong::Archive(fault) => std::error::Error::source(fault),
            wrong => std::error::Error::source(wrong),
        }
    }
}
