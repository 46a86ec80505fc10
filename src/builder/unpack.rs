//! Sources from the store into a build's directory; seeds into one object.

use std::path::{Path, PathBuf};

use super::BuildError;
use crate::archive::{self, ArchiveError, EPOCH, Limits};
use crate::digest::Sha256;
use crate::fs;
use crate::path::RelPath;
use crate::plan::{BuildWork, Unpack};
use crate::recipe::Source;
use crate::store::{Scratch, Store};

/// Fills `/build` (`directory` on this machine): the sources, and the recipe's own files below `files`.
pub fn prepare(store: &Store, name: &str, work: &BuildWork, directory: &Path) -> Result<(), BuildError> {
    make(directory)?;
    for source in &work.sources {
        place(store, name, source, directory)?;
    }
    make(&directory.join("src"))?;
    let files = directory.join("files");
    make(&files)?;
    for file in &work.files {
        make_above(&file.name, &files)?;
        write(&file.name.under(&files), &fs::read(&file.path)?)?;
    }
    Ok(())
}

/// Makes a directory with the mode that it has for everybody, whatever the caller's umask is: a build can see it, and
/// put it into an archive.
fn make(directory: &Path) -> Result<(), BuildError> {
    fs::create_dir_all(directory)?;
    Ok(fs::set_mode(directory, 0o755)?)
}

/// Makes the directories between `base` and what lies at `path` below it.
fn make_above(path: &RelPath, base: &Path) -> Result<(), BuildError> {
    path.ancestors().try_for_each(|above| make(&above.under(base)))
}

/// Writes a file with the mode and time that unpacked ones have.
fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    fs::write(path, bytes)?;
    fs::set_mode(path, 0o644)?;
    Ok(fs::set_time(path, EPOCH)?)
}

fn place(store: &Store, name: &str, source: &Source, directory: &Path) -> Result<(), BuildError> {
    let file = fetched(store, &source.sha256);
    let destination = source.into.under(directory);
    make_above(&source.into, directory)?;
    if !source.unpack {
        make(&destination)?;
        return write(&destination.join(source.file_name()), &fs::read(&file)?);
    }
    let unpacked = archive::unpack(&file, &source.file_name(), &destination, source.strip, &Limits::default());
    unpacked.map_err(|source| BuildError::Unpack { name: name.to_owned(), source })
}

fn fetched(store: &Store, sha256: &Sha256) -> PathBuf {
    store.source(sha256).expect("a build starts when its sources are in the store")
}

/// Unpacks seed packages into one tree; returns its directory.
pub fn seeds(store: &Store, name: &str, work: &Unpack, scratch: &Scratch) -> Result<PathBuf, BuildError> {
    let packages: Vec<_> = work
        .packages
        .iter()
        .map(|package| (format!("{} {}", package.name, package.version), fetched(store, &package.sha256)))
        .collect();
    let destination = scratch.path().join("seeds");
    let failed = |source: ArchiveError| BuildError::Unpack { name: name.to_owned(), source };
    archive::unpack_packages(&packages, &destination, &Limits::default()).map_err(failed)?;
    for (path, target) in &work.links {
        make_above(path, &destination)?;
        fs::symlink(target, &path.under(&destination))?;
    }
    if work.only.is_empty() {
        return Ok(destination);
    }
    let chosen = scratch.path().join("chosen");
    for path in &work.only {
        make_above(path, &chosen)?;
        fs::rename(&path.under(&destination), &path.under(&chosen))?;
    }
    Ok(chosen)
}
