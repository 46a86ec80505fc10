//! A directory of this machine becomes a [`Tree`]: every file hashed, on all cores.

use std::cell::RefCell;
use std::fs::{File, FileType};
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Result, StoreError};
use crate::digest::Blake3;
use crate::fs;
use crate::path::RelPath;
use crate::tree::{Entry, Tree};

/// Files from this size on are mapped instead of read: below it, the mapping costs more than the copy.
const MAP_FROM: u64 = 256 << 10;

/// What a directory holds.
#[derive(Debug)]
pub struct Scanned {
    /// The tree.
    pub tree: Tree,
    /// Files that are setuid or setgid; a tree does not say so.
    pub setuid: Vec<RelPath>,
    /// The sizes of all files together, in bytes.
    pub bytes: u64,
}

struct Found {
    path: RelPath,
    entry: Entry,
    setuid: bool,
    bytes: u64,
}

/// Hashes a directory's content.
///
/// # Errors
/// When a file cannot be read, or cannot be part of an object: a device, a socket, a name that is no [`RelPath`].
pub fn scan(root: &Path) -> Result<Scanned> {
    let mut files = Vec::new();
    let mut scanned = Scanned { tree: Tree::new(), setuid: Vec::new(), bytes: 0 };
    let unfit = |source| StoreError::Tree { path: root.to_owned(), source };
    let mut pending: Vec<(PathBuf, Option<RelPath>)> = vec![(root.to_owned(), None)];
    while let Some((directory, below)) = pending.pop() {
        for entry in std::fs::read_dir(&directory).map_err(fs::failed("list", &directory))? {
            let entry = entry.map_err(fs::failed("list", &directory))?;
            let path = entry.path();
            let name = relative(below.as_ref(), &path)?;
            let kind = entry.file_type().map_err(fs::failed("inspect", &path))?;
            if kind.is_dir() {
                scanned.tree.insert(name.clone(), Entry::Dir).map_err(unfit)?;
                pending.push((path, Some(name)));
            } else {
                files.push((path, name, kind));
            }
        }
    }
    let found: Vec<Found> =
        files.into_par_iter().map(|(path, name, kind)| look(&path, name, kind)).collect::<Result<_>>()?;
    for Found { path, entry, setuid, bytes } in found {
        if setuid {
            scanned.setuid.push(path.clone());
        }
        scanned.bytes += bytes;
        scanned.tree.insert(path, entry).map_err(unfit)?;
    }
    scanned.setuid.sort();
    Ok(scanned)
}

fn relative(below: Option<&RelPath>, path: &Path) -> Result<RelPath> {
    let unfit = |reason: String| StoreError::Unfit { path: path.to_owned(), reason };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| unfit("its name is not UTF-8".into()))?;
    let name = match below {
        Some(below) => format!("{below}/{name}"),
        None => name.to_owned(),
    };
    RelPath::new(name).map_err(|error| unfit(error.reason.to_owned()))
}

fn look(path: &Path, name: RelPath, kind: FileType) -> Result<Found> {
    if kind.is_symlink() {
        let target = std::fs::read_link(path).map_err(fs::failed("read the link", path))?;
        let target = target.into_os_string().into_string();
        let target = target
            .map_err(|_| StoreError::Unfit { path: path.to_owned(), reason: "its target is not UTF-8".into() })?;
        return Ok(Found { path: name, entry: Entry::Symlink { target }, setuid: false, bytes: 0 });
    }
    if !kind.is_file() {
        let what = match () {
            () if kind.is_fifo() => "a named pipe",
            () if kind.is_socket() => "a socket",
            () => "a device node",
        };
        return Err(StoreError::Unfit { path: path.to_owned(), reason: format!("it is {what}") });
    }
    let file = fs::open(path)?;
    let metadata = file.metadata().map_err(fs::failed("inspect", path))?;
    let digest = hash(&file, path, metadata.len())?;
    let mode = metadata.mode();
    let entry = Entry::File { executable: mode & 0o111 != 0, digest };
    Ok(Found { path: name, entry, setuid: mode & 0o6000 != 0, bytes: metadata.len() })
}

fn hash(mut file: &File, path: &Path, size: u64) -> Result<Blake3> {
    thread_local!(static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
    let read = fs::failed("read", path);
    if size >= MAP_FROM {
        let mut hasher = blake3::Hasher::new();
        hasher.update_mmap(path).map_err(read)?;
        return Ok(Blake3::from_bytes(*hasher.finalize().as_bytes()));
    }
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        file.read_to_end(buffer).map_err(read)?;
        Ok(Blake3::of(buffer))
    })
}
