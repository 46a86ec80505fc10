//! What can go wrong with a fetch: at one place ([`Refusal`]), with all of a source ([`FetchError`]), or in the
//! configuration of mirrors ([`ConfigError`]).

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::digest::Sha256;
use crate::fs::FsError;
use crate::http::HttpError;
use crate::store::StoreError;

/// A source that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It would have to be downloaded, and that was forbidden.
    #[error("{label} (sha256 {sha256}) is not in the store, and the run is offline: fetch it once with the network")]
    Offline {
        /// The source's file name.
        label: String,
        /// Its digest.
        sha256: Sha256,
    },
    /// No location gave the right bytes.
    #[error("cannot fetch {label} (sha256 {sha256}):{}", list(refusals))]
    Unavailable {
        /// The source's file name.
        label: String,
        /// Its digest.
        sha256: Sha256,
        /// The last answer of each place, in the order of the locations; then those that have no mirror.
        refusals: Vec<Refusal>,
    },
    /// The store's file system or the user's quota is full.
    #[error("the disk is full: no room for {label} at {}; free some space and run again (the download goes on where \
             it ended)", path.display())]
    DiskFull {
        /// The source's file name.
        label: String,
        /// The file that could not grow.
        path: PathBuf,
    },
    /// No location gave a file that is not pinned yet.
    #[error("cannot fetch {label}:{}", list(refusals))]
    Unpinned {
        /// The source's file name.
        label: String,
        /// The last answer of each place, in the order of the locations.
        refusals: Vec<Refusal>,
    },
    /// A file operation in the store failed.
    #[error("cannot keep {label}")]
    Disk {
        /// The source's file name.
        label: String,
        /// What failed.
        #[source]
        source: FsError,
    },
    /// The store did not take it.
    #[error("cannot put {label} into the store")]
    Store {
        /// The source's file name.
        label: String,
        /// Why.
        #[source]
        source: StoreError,
    },
}

impl FetchError {
    /// A file operation's failure, with the full disk told from the rest.
    pub(super) fn of_disk(label: &str, source: FsError) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        let label = label.to_owned();
        match source.source.kind() {
            StorageFull | QuotaExceeded => Self::DiskFull { label, path: source.path },
            _ => Self::Disk { label, source },
        }
    }

    /// The store's failure; a disk may turn out to be full only when the last bytes are flushed.
    pub(super) fn of_store(label: &str, source: StoreError) -> Self {
        match source {
            StoreError::Fs(error) => Self::of_disk(label, error),
            source => Self::Store { label: label.to_owned(), source },
        }
    }
}

/// Why one place did not yield a source. Each begins with the place.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// HTTP failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It gave other bytes; nothing of them was kept.
    #[error("{url}: wrong bytes: expected sha256 {expected}, found {found}")]
    WrongBytes {
        /// The place.
        url: String,
        /// The digest that the source is pinned to.
        expected: Sha256,
        /// The digest of what it gave.
        found: Sha256,
    },
    /// A `file:` URL's file cannot be read.
    #[error("{url}: no readable file")]
    File {
        /// The place.
        url: String,
        /// What the system says.
        #[source]
        source: FsError,
    },
    /// An index that does not have the file.
    #[error("{page}: does not list {file}")]
    NotListed {
        /// The index page.
        page: String,
        /// The file looked for.
        file: String,
    },
    /// An index that cannot be understood.
    #[error("{page}: not understood as {expected}")]
    BadIndex {
        /// The index page.
        page: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A page that takes longer than such pages do.
    #[error("{page}: no answer within {seconds} s")]
    Slow {
        /// The page.
        page: String,
        /// How long was waited.
        seconds: u64,
    },
    /// A place that gives files, and no list of them.
    #[error("{shelf}: the mirror that is configured gives single files and lists none")]
    NoList {
        /// What was to be listed.
        shelf: String,
    },
    /// A mirror form without a mirror.
    #[error("{location}: no {kind} mirror is known: {advice}")]
    NoMirror {
        /// The location as the recipe writes it.
        location: String,
        /// `Debian`, `crate` or `PyPI`.
        kind: &'static str,
        /// What to set.
        advice: String,
    },
}

impl Refusal {
    /// Whether trying again may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Http(error) if error.is_transient())
    }

    /// The error and what is at its bottom, in one short line.
    pub fn brief(&self) -> String {
        let mut bottom = None;
        let mut cause = self.source();
        while let Some(error) = cause {
            bottom = Some(error);
            cause = error.source();
        }
        bottom.map_or_else(|| self.to_string(), |bottom| format!("{self}: {bottom}"))
    }

    /// The error and its causes in one line: a list of refusals has no single source for a caller to walk.
    pub fn line(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        text
    }
}

fn list(refusals: &[Refusal]) -> String {
    if refusals.is_empty() {
        return " it has no location".to_owned();
    }
    refusals.iter().map(|refusal| format!("\n  {}", refusal.line())).collect()
}

/// A configuration file of mirrors that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is there and cannot be read.
    #[error(transparent)]
    Unreadable(#[from] FsError),
    /// Its text is wrong.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
}

impl ConfigError {
    /// A TOML error at its line.
    pub(super) fn of_toml(path: &std::path::Path, text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
        Self::Syntax { path: path.to_owned(), line, message: error.message().trim().replace('\n', "; ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_full_disk_is_said_plainly() {
        let full = |kind: io::ErrorKind| FsError { action: "write", path: "/store/x".into(), source: kind.into() };
        let plain = "the disk is full: no room for sed.tar at /store/x; free some space and run again \
                     (the download goes on where it ended)";
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            assert_eq!(FetchError::of_disk("sed.tar", full(kind)).to_string(), plain);
            assert_eq!(FetchError::of_store("sed.tar", full(kind).into()).to_string(), plain);
        }
        let other = FetchError::of_disk("sed.tar", full(io::ErrorKind::PermissionDenied));
        assert_eq!(other.to_string(), "cannot keep sed.tar");
        assert_eq!(other.source().unwrap().to_string(), "cannot write /store/x");
    }
}
