//! `drystone attest`.

mod collect;
mod make;
mod push;
mod state;

use std::path::{Path, PathBuf};

use super::args::{Attest, AttestVerb, Common};
use super::failure::Failure;
use super::project;
use crate::attest::attestation::{files, read};
use crate::attest::{Attestation, AttestationError};

/// The directory of attestations in a project.
const DIRECTORY: &str = "attestations";

/// Does what a verb below `attest` says.
pub fn run(common: &Common, args: &Attest) -> Result<(), Failure> {
    match &args.verb {
        AttestVerb::Make(args) => make::run(common, args),
        AttestVerb::Collect(args) => collect::run(common, args),
        AttestVerb::Push(args) => push::run(common, args),
    }
}

/// The directory that was named, else the project's own.
pub fn directory(common: &Common, named: Option<&Path>) -> Result<PathBuf, Failure> {
    named.map_or_else(|| Ok(project::find(common)?.join(DIRECTORY)), |named| Ok(named.to_owned()))
}

/// A file's name, and what it says, or why it is no attestation.
pub type Said = (String, Result<Attestation, AttestationError>);

/// All attestations in a file or below a directory, and what is wrong with the others.
pub fn read_all(place: &Path) -> Result<Vec<Said>, Failure> {
    if !place.exists() {
        let message = format!("there are no attestations in {}: there is no such directory", place.display());
        return Err(Failure::user(message, "gather some: drystone attest collect FROM…".to_owned()));
    }
    files(place)?.iter().map(|file| Ok((file.display().to_string(), read(file)?))).collect()
}
