//! Sources from the store into a build's directory; seeds into one object.

use std::path::{Path, PathBuf};

use super::BuildError;
use crate::archive::{self, ArchiveError, EPOCH, Limits};
use crate::fs;
use crate::plan::{BuildWork, Unpack};
use crate::recipe::Source;
use crate::store::{Scratch, Store};

/// Fills `/build` (`directory` on this machine): the sources, and the recipe's own files below `files`.
pub fn prepare(store: &Store, name: &str, work: &BuildWork, directory: &Path) -> Result<(), BuildError> {
    fs::create_dir_all(directory)?;
    for source in &work.sources {
        place(store, name, source, directory)?;
    }
    fs::create_dir_all(&directory.join("src"))?;
    let files = directory.join("files");
    fs::create_dir_all(&files)?;
    for file in &work.files {
        let destination = file.name.under(&files);
        if let Some(parent) = destination.parent() {
            fs::create_dir_all(parent)?;
        }
        write(&destination, &fs::read(&file.path)?)?;
    }
    open_up(directory)
}

/// Writes a file with the mode and time that unpacked ones have.
fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    fs::write(path, bytes)?;
    fs::set_mode(path, 0o644)?;
    Ok(fs::set_time(path, EPOCH)?)
}

/// Gives the directories that were made here the mode that they have for everybody, whatever the caller's umask is:
/// a build can see it, and put it into an archive. What came out of a source archive has its mode already.
fn open_up(directory: &Path) -> Result<(), BuildError> {
    fs::set_mode(directory, 0o755)?;
    for name in fs::list(directory)? {
        let path = directory.join(name);
        if path.is_dir() && !path.is_symlink() {
            open_up(&path)?;
        }
    }
    Ok(())
}

fn place(store: &Store, name: &str, source: &Source, directory: &Path) -> Result<(), BuildError> {
    let file = fetched(store, source);
    let destination = source.into.under(directory);
    if !source.unpack {
        fs::create_dir_all(&destination)?;
        let place = destination.join(source.file_name());
        return write(&place, &fs::read(&file)?);
    }
    if let Some(parent) = destination.parent() {
        fs::create_dir_all(parent)?;
    }
    let unpacked = archive::unpack(&file, &source.file_name(), &destination, source.strip, &Limits::default());
    unpacked.map_err(|source| BuildError::Unpack { name: name.to_owned(), source })
}

fn fetched(store: &Store, source: &Source) -> PathBuf {
    store.source(&source.sha256).expect("a build starts when its sources are in the store")
}

/// Unpacks seed packages into one tree; returns its directory.
pub fn seeds(store: &Store, name: &str, work: &Unpack, scratch: &Scratch) -> Result<PathBuf, BuildError> {
    let packages: Vec<_> = work
        .packages
        .iter()
        .map(|package| {
            let path = store.source(&package.sha256).expect("a build starts when its sources are in the store");
            (format!("{} {}", package.name, package.version), path)
        })
        .collect();
    let destination = scratch.path().join("seeds");
    let failed = |source: ArchiveError| BuildError::Unpack { name: name.to_owned(), source };
    archive::unpack_debs(&packages, &destination, &Limits::default()).map_err(failed)?;
    for (path, target) in &work.links {
        fs::symlink(target, &path.under(&destination))?;
    }
    Ok(destination)
}
