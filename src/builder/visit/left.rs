//! What a failed build left, where it was kept.

use std::path::PathBuf;

use super::phases::Phase;
use crate::builder::execute::{TAIL, kept_name};
use crate::builder::workshop::Workshop;
use crate::builder::{BuildError, Options};
use crate::fs;
use crate::plan::Derivation;

/// A kept directory, and how far the build had come.
#[derive(Debug)]
pub struct Left {
    /// The directory.
    pub place: PathBuf,
    /// The last thing that the build began: a phase, or `check`, which comes after all of them.
    pub failed: String,
    /// The last lines of its log.
    pub tail: Vec<String>,
}

impl Left {
    /// Looks for what a derivation's last failure left.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn find(options: &Options, derivation: &Derivation) -> Result<Option<Self>, BuildError> {
        let Some(directory) = &options.keep_failed else { return Ok(None) };
        let place = directory.join(kept_name(&derivation.name, &derivation.key().0));
        if !place.join("build").is_dir() {
            return Ok(None);
        }
        let log = fs::read(&place.join("log"))?;
        let log = String::from_utf8_lossy(&log);
        // What else drystone says there is more than one word.
        let mut begun = log.lines().filter_map(|line| line.strip_prefix("[drystone] "));
        let failed = begun.rfind(|line| !line.contains(' ')).unwrap_or("unpack").to_owned();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL)..].iter().map(|line| (*line).to_owned()).collect();
        Ok(Some(Self { place, failed, tail }))
    }

    /// Which phase failed, counted from the first; none where it was what comes after them.
    pub fn stage(&self, phases: &[Phase]) -> Option<usize> {
        phases.iter().position(|phase| phase.name == self.failed)
    }

    /// Puts copies in place of what a build begins with: what was kept stays as it is.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn copy_to(&self, workshop: &Workshop<'_>) -> Result<(), BuildError> {
        fs::copy_tree(&self.place.join("build"), &workshop.build)?;
        Ok(fs::copy_tree(&self.place.join("out"), &workshop.out)?)
    }
}
