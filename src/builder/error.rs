//! Why a plan was not carried out.

use std::path::PathBuf;

use super::check::Violation;
use super::lesson::Lesson;
use crate::archive::ArchiveError;
use crate::digest::DerivationKey;
use crate::fetch::{ConfigError, FetchError};
use crate::fs::FsError;
use crate::http::HttpError;
use crate::lock::Verdict;
use crate::plan::PlanError;
use crate::recipe::AssignmentError;
use crate::sandbox::SandboxError;
use crate::store::StoreError;
use crate::tree::TreeError;

/// Why a plan was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The graph could not be resolved.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file operation failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The mirrors' configuration could not be read.
    #[error(transparent)]
    Mirrors(#[from] ConfigError),
    /// The network client could not be made.
    #[error(transparent)]
    Client(#[from] HttpError),
    /// A source could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A source could not be unpacked.
    #[error("cannot unpack a source of {name}")]
    Unpack {
        /// The derivation.
        name: String,
        /// What is wrong with the archive.
        #[source]
        source: ArchiveError,
    },
    /// There is no sandbox.
    #[error("cannot build {name}")]
    Sandbox {
        /// The derivation.
        name: String,
        /// What is missing.
        #[source]
        source: SandboxError,
    },
    /// A step or a test failed.
    #[error(transparent)]
    Failed(Box<BuildFailure>),
    /// What was installed is not what the rules allow.
    #[error("the output of {name} breaks the rules:{}", list(violations))]
    Rules {
        /// The derivation.
        name: String,
        /// Each with its file.
        violations: Vec<Violation>,
        /// Where the build's directory was kept, if that was asked for.
        kept: Option<PathBuf>,
    },
    /// Installed files could not be divided into components.
    #[error("the output of {name} does not divide into components")]
    Components {
        /// The derivation.
        name: String,
        /// Why.
        #[source]
        source: Box<AssignmentError>,
        /// Where the build's directory was kept, if that was asked for.
        kept: Option<PathBuf>,
    },
    /// A build has no phase of this name.
    #[error("the build of {name} has no phase `{phase}`")]
    NoPhase {
        /// The derivation.
        name: String,
        /// What was asked for.
        phase: String,
        /// The phases that it has, in order.
        phases: Vec<String>,
    },
    /// A place to keep what is left that something is in already.
    #[error("{} is there already", path.display())]
    Occupied {
        /// The place.
        path: PathBuf,
    },
    /// There is no terminal to hand on.
    #[error("cannot make a terminal within this one")]
    Terminal(#[source] std::io::Error),
    /// The seeds do not make one tree.
    #[error("the seeds do not make one tree")]
    Seeds(#[source] TreeError),
    /// A second build gave other bits.
    #[error("{name} is not reproducible: building it again gave other outputs{}", lines(differences))]
    Differs {
        /// The derivation.
        name: String,
        /// The first differing files of each component.
        differences: Vec<String>,
    },
    /// Something is not what the lock says that everybody must get.
    #[error("{}{}", unlocked(name, *verdict), lines(differences))]
    Unlocked {
        /// The derivation.
        name: String,
        /// How it stands to the lock.
        verdict: Verdict,
        /// The first differing files of each component.
        differences: Vec<String>,
    },
    /// The run was told to stop.
    #[error("interrupted")]
    Interrupted,
}

/// A step or a test that failed.
#[derive(Debug, thiserror::Error)]
#[error("{name} failed in its phase `{phase}`: {how}")]
pub struct BuildFailure {
    /// The derivation.
    pub name: String,
    /// The phase, or the test.
    pub phase: String,
    /// Exit status, signal, limit, or what a test found.
    pub how: String,
    /// The last lines of the log.
    pub tail: Vec<String>,
    /// What the log says of the cause, and what usually helps.
    pub lessons: Vec<Lesson>,
    /// What finds the whole log.
    pub key: DerivationKey,
    /// Where the build's directory was kept, if that was asked for.
    pub kept: Option<PathBuf>,
}

impl BuildError {
    /// Takes note of where the build's directory was kept, where the error can say so.
    pub(super) fn with_kept(mut self, place: Option<PathBuf>) -> Self {
        if let Self::Rules { kept, .. } | Self::Components { kept, .. } = &mut self {
            *kept = place;
        }
        self
    }
}

/// How many broken rules an error spells out.
const SHOWN: usize = 20;

fn list(violations: &[Violation]) -> String {
    let mut text: String = violations.iter().take(SHOWN).map(|violation| format!("\n  {violation}")).collect();
    if violations.len() > SHOWN {
        text.push_str(&format!("\n  and {} more", violations.len() - SHOWN));
    }
    text
}

fn lines(differences: &[String]) -> String {
    differences.iter().map(|line| format!("\n  {line}")).collect()
}

fn unlocked(name: &str, verdict: Verdict) -> String {
    match verdict {
        Verdict::Unknown => format!("{name} is not in the lock"),
        Verdict::Changed => {
            format!("{name} is not what the lock says: its inputs have changed since, and it came out differently")
        }
        Verdict::Renewed => format!("{name} is what the lock says, but its inputs have changed since"),
        Verdict::Differs | Verdict::Same => {
            format!("{name} is not what everybody must get: the derivation that is locked gave other outputs here")
        }
    }
}
