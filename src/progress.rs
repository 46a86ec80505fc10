//! The events of a run, and the trait that receives them.
//!
//! Knows only names and numbers: nothing here prints, and nothing that sends an event knows who listens.

use std::time::Duration;

/// A thing that takes time, as people know it (`sed-4.9`, `sources: sed_4.9.orig.tar.xz`).
pub type Name = String;

/// Something that happened. Tasks of one kind have distinct names within a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The run's size became known.
    Planned {
        /// Builds and tests to run.
        builds: usize,
        /// Sources to fetch.
        downloads: usize,
    },
    /// More is to be run than was known.
    Extended {
        /// Builds and tests to run beside the others.
        builds: usize,
    },
    /// A download began or went on to its next location.
    DownloadStarted {
        /// The source's file name.
        name: Name,
        /// Its size in bytes, where the server tells.
        size: Option<u64>,
        /// Bytes that an interrupted download had left.
        resumed_at: u64,
    },
    /// More bytes arrived.
    DownloadAdvanced {
        /// The source's file name.
        name: Name,
        /// Bytes since the last event.
        bytes: u64,
    },
    /// A location did not answer well; the download is tried again.
    DownloadRetried {
        /// The source's file name.
        name: Name,
        /// What went wrong, in a line.
        reason: String,
    },
    /// A download is there.
    DownloadFinished {
        /// The source's file name.
        name: Name,
    },
    /// A download ended without its bytes; the error tells why.
    DownloadFailed {
        /// The source's file name.
        name: Name,
    },
    /// What is to be sent became known.
    UploadsPlanned {
        /// Blobs that are there already.
        there: usize,
        /// Blobs that are not.
        missing: usize,
    },
    /// A blob began to be sent, or goes on after something broke.
    UploadStarted {
        /// The blob's short digest.
        name: Name,
        /// Its size in bytes.
        size: u64,
        /// Bytes that are there already.
        resumed_at: u64,
    },
    /// More bytes left.
    UploadAdvanced {
        /// The blob's short digest.
        name: Name,
        /// Bytes since the last event.
        bytes: u64,
    },
    /// Something broke; the blob goes on.
    UploadRetried {
        /// The blob's short digest.
        name: Name,
        /// What went wrong, in a line.
        reason: String,
    },
    /// A blob came from another repository of the registry, and need not be sent.
    UploadSpared {
        /// The blob's short digest.
        name: Name,
        /// The other repository.
        from: String,
    },
    /// A blob is there.
    UploadFinished {
        /// The blob's short digest.
        name: Name,
    },
    /// A build or test began.
    BuildStarted {
        /// The derivation's name.
        name: Name,
    },
    /// A build entered a phase.
    BuildPhase {
        /// The derivation's name.
        name: Name,
        /// `unpack`, `configure`, `build`, …
        phase: String,
    },
    /// A build wrote a line.
    BuildLine {
        /// The derivation's name.
        name: Name,
        /// The line without its end.
        line: String,
    },
    /// A recipe did something that the sandbox contains and reports.
    Breach {
        /// The derivation's name.
        name: Name,
        /// What it did.
        what: String,
    },
    /// A build or test ended well.
    BuildFinished {
        /// The derivation's name.
        name: Name,
        /// How long it took.
        duration: Duration,
    },
    /// A build or test failed.
    BuildFailed {
        /// The derivation's name.
        name: Name,
    },
}

/// Receives events, from any thread.
pub trait Sink: Send + Sync {
    /// Takes one event; must not block for long.
    fn event(&self, event: Event);
}

/// A sink that drops everything, for callers that show nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Sink for Silent {
    fn event(&self, _: Event) {}
}
