//! A root file system that is a directory: read from descriptor to descriptor, never through a symbolic link.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rayon::Scope;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};

use super::ReadError;
use super::contents::Entry;
use super::examiner::Examiner;
use super::layer::{Meter, target_text};
use super::merge::{Body, kind};
use crate::fs;
use crate::path::RelPath;
use crate::recipe::Owner;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// A named pipe that took a file's place meanwhile would wait for a writer.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// How deep a tree may be; each level holds a descriptor open.
const DEPTH: usize = 128;

/// A walk through a directory.
struct Walk<'w, 's, T> {
    root: &'w Path,
    device: u64,
    meter: &'w Meter,
    examiner: &'s Examiner<'s, T>,
    scope: &'w Scope<'s>,
    found: BTreeMap<RelPath, Found<T>>,
    /// Files with several names: device and inode → number.
    linked: BTreeMap<(u64, u64), usize>,
}

struct Found<T> {
    body: Body<T>,
    stat: Stat,
    attributes: BTreeSet<String>,
    inode: usize,
}

/// What was found in a directory, until all files are examined.
pub(super) struct Pending<T>(BTreeMap<RelPath, Found<T>>);

/// Reads a directory.
///
/// # Errors
/// When something in it cannot be read, has a name that no image can hold, or another file system is mounted there.
pub(super) fn read<'s, T: Send + Sync + 's>(
    root: &Path,
    meter: &Meter,
    examiner: &'s Examiner<'s, T>,
    scope: &Scope<'s>,
) -> Result<Pending<T>, ReadError> {
    // The root itself may be named by a link.
    let opened = rustix::fs::open(root, DIRECTORY.difference(OFlags::NOFOLLOW), Mode::empty());
    let directory = opened.map_err(|errno| fs::failed("open the directory", root)(errno.into()))?;
    let stat = rustix::fs::fstat(&directory).map_err(|errno| fs::failed("inspect", root)(errno.into()))?;
    let (found, linked) = (BTreeMap::new(), BTreeMap::new());
    let mut walk = Walk { root, device: stat.st_dev, meter, examiner, scope, found, linked };
    walk.directory(&directory, None)?;
    Ok(Pending(walk.found))
}

impl<T> Pending<T> {
    /// The finished tree, once all files were examined.
    pub fn finish(self) -> BTreeMap<RelPath, Entry<T>> {
        let entry = |(path, found): (RelPath, Found<T>)| {
            let Found { body, stat, attributes, inode } = found;
            let owner = Owner { uid: stat.st_uid, gid: stat.st_gid };
            (path, Entry { kind: kind(&body, inode), mode: stat.st_mode & 0o7777, owner, attributes, layer: None })
        };
        self.0.into_iter().map(entry).collect()
    }
}

impl<'s, T: Send + Sync + 's> Walk<'_, 's, T> {
    fn failed(&self, action: &'static str, path: Option<&RelPath>, errno: rustix::io::Errno) -> ReadError {
        let path = path.map_or_else(|| self.root.to_owned(), |path| path.under(self.root));
        fs::failed(action, &path)(errno.into()).into()
    }

    fn refused(&self, path: &RelPath, reason: impl Into<String>) -> ReadError {
        ReadError::Path { path: path.under(self.root), reason: reason.into() }
    }

    fn directory(&mut self, directory: &OwnedFd, path: Option<&RelPath>) -> Result<(), ReadError> {
        let listing = |errno| self.failed("list", path, errno);
        let mut names = Vec::new();
        for entry in Dir::read_from(directory).map_err(listing)? {
            let entry = entry.map_err(listing)?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push(entry.file_name().to_owned());
            }
        }
        names.iter().try_for_each(|name| self.entry(directory, path, name))
    }

    fn entry(&mut self, above: &OwnedFd, parent: Option<&RelPath>, name: &CString) -> Result<(), ReadError> {
        let text = name.to_string_lossy();
        let joined = parent.map_or_else(|| text.to_string(), |parent| format!("{parent}/{text}"));
        let unusable = |reason| ReadError::Path { path: self.root.join(&joined), reason };
        if name.to_str().is_err() {
            return Err(unusable("has a name that is not UTF-8".to_owned()));
        }
        let path = RelPath::new(joined.clone())
            .map_err(|error| unusable(format!("has an unusable path: {}", error.reason)))?;
        let taken = self.meter.take_entries(1, joined.len());
        taken.map_err(|fault| self.refused(&path, format!("is too much: the directory {fault}")))?;
        let stat = rustix::fs::statat(above, name, AtFlags::SYMLINK_NOFOLLOW);
        let stat = stat.map_err(|errno| self.failed("inspect", Some(&path), errno))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => self.below(above, name, &path, stat),
            FileType::RegularFile => self.file(above, name, &path),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(above, name, Vec::new());
                let target = target.map_err(|errno| self.failed("read the link", Some(&path), errno))?;
                let text = target_text(target.to_bytes()).map_err(|reason| self.refused(&path, reason))?;
                self.note(path, Body::Symlink(text), stat, BTreeSet::new());
                Ok(())
            }
            other => {
                let what = match other {
                    FileType::CharacterDevice => "a character device",
                    FileType::BlockDevice => "a block device",
                    FileType::Fifo => "a named pipe",
                    FileType::Socket => "a socket",
                    _ => "of an unknown kind",
                };
                self.note(path, Body::Special(what), stat, BTreeSet::new());
                Ok(())
            }
        }
    }

    fn note(&mut self, path: RelPath, body: Body<T>, stat: Stat, attributes: BTreeSet<String>) {
        let next = self.found.len();
        let inode =
            if stat.st_nlink > 1 { *self.linked.entry((stat.st_dev, stat.st_ino)).or_insert(next) } else { next };
        self.found.insert(path, Found { body, stat, attributes, inode });
    }

    fn below(&mut self, above: &OwnedFd, name: &CString, path: &RelPath, stat: Stat) -> Result<(), ReadError> {
        if stat.st_dev != self.device {
            let reason = "is on another file system: unmount it, or name a copy that holds the image alone";
            return Err(self.refused(path, reason));
        }
        if path.ancestors().count() >= DEPTH {
            return Err(self.refused(path, "lies deeper than 128 directories"));
        }
        let opened = rustix::fs::openat(above, name, DIRECTORY, Mode::empty());
        let directory = opened.map_err(|errno| self.failed("open the directory", Some(path), errno))?;
        let attributes = self.attributes(&directory, path)?;
        self.note(path.clone(), Body::Directory, stat, attributes);
        self.directory(&directory, Some(path))
    }

    fn file(&mut self, above: &OwnedFd, name: &CString, path: &RelPath) -> Result<(), ReadError> {
        let opened = rustix::fs::openat(above, name, FILE, Mode::empty());
        let file = opened.map_err(|errno| self.failed("open", Some(path), errno))?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| self.failed("inspect", Some(path), errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(self.refused(path, "changed while it was read"));
        }
        let limit = self.meter.limits.file;
        let attributes = self.attributes(&file, path)?;
        let mut bytes = Vec::new();
        let read = std::fs::File::from(file).take(limit + 1).read_to_end(&mut bytes);
        read.map_err(fs::failed("read", &path.under(self.root)))?;
        if bytes.len() as u64 > limit {
            return Err(self.refused(path, format!("has more than {limit} bytes; such files are not examined")));
        }
        let taken = self.meter.take_bytes(bytes.len() as u64);
        taken.map_err(|fault| self.refused(path, format!("is too much: the directory {fault}")))?;
        let size = bytes.len() as u64;
        let body = Body::File { size, examined: self.examiner.submit(self.scope, bytes) };
        self.note(path.clone(), body, stat, attributes);
        Ok(())
    }

    /// The names of extended attributes; a file system without them has none.
    fn attributes(&self, file: impl AsFd, path: &RelPath) -> Result<BTreeSet<String>, ReadError> {
        // The most that Linux gives (XATTR_LIST_MAX, limits.h).
        let mut names = vec![0; 1 << 16];
        match rustix::fs::flistxattr(file, &mut names) {
            Ok(length) => {
                let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
                Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
            }
            Err(rustix::io::Errno::NOTSUP) => Ok(BTreeSet::new()),
            Err(errno) => Err(self.failed("list the attributes of", Some(path), errno)),
        }
    }
}
