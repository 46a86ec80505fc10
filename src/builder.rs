//! Carries out a plan: what is not in the store yet is fetched, built in the sandbox, checked and registered.
//!
//! [`survey`] finds what is there already; with all of it there, nothing else happens. [`run`] does the rest, as
//! many derivations at once as there are jobs. One jobserver serves them all: each running build holds a token, and
//! each `make` takes further ones only while they are free, so that every core is busy and none is oversubscribed.
//!
//! # The life of a node
//! ```text
//! Waiting ─ inputs built ─► Ready ─ sources there, a token free ─► Running ─► Done | Failed
//!    └──────── a trace with this key ──────────────────────────────────────► Done
//! ```
//! After a failure nothing new is started, unless the run is to keep going; what runs is finished, and kept.

mod check;
mod compare;
mod download;
mod error;
mod execute;
mod lesson;
mod locked;
mod rebuild;
mod schedule;
mod survey;
mod test_run;
mod unpack;
mod visit;
mod workshop;

use std::path::PathBuf;

pub use check::Violation;
pub use error::{BuildError, BuildFailure};
pub use lesson::Lesson;
pub use locked::Locking;
pub use rebuild::{Rebuilt, World, interruptible, rebuild};
pub use schedule::{Report, provide, run};
pub use survey::{Standing, Survey, root_name, survey};
pub use visit::{Arrival, Request, Site, Visited, Where, visit};

use crate::sandbox::Limits;

/// How a plan is carried out.
#[derive(Debug, Clone)]
pub struct Options {
    /// Builds at once, and tokens of the jobserver.
    pub jobs: usize,
    /// Take sources only from the store.
    pub offline: bool,
    /// Build what was asked for again although it is there, and compare.
    pub check: bool,
    /// After a failure go on with what does not depend on it.
    pub keep_going: bool,
    /// Where a failed build's directory is moved to, to stay.
    pub keep_failed: Option<PathBuf>,
    /// What a build may use.
    pub limits: Limits,
    /// What everybody must get; nothing is held to a lock without.
    pub locking: Option<Locking>,
}

/// The most that the outputs of one build may hold, in bytes.
const OUTPUT_LIMIT: u64 = 8 << 30;
