//! The directory that an archive is unpacked into, and the memory of what was put there.
//!
//! Everything below the destination was made here, so what is at a path is looked up in memory and never asked of
//! the file system. Nothing is replaced. Still, each directory on the way is opened without following links, and
//! files are created only where nothing is: should both memory and this code be wrong, the kernel refuses.
//! Knows nothing of archive formats.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps};

use super::budget::{Budget, Limits};
use super::error::{ArchiveError, Fault};
use super::layout::Target;
use super::{BUFFER, EPOCH};
use crate::fs::{self, FsError};
use crate::path::RelPath;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const NEW_FILE: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The place of a directory in [`Destination::directories`].
type DirectoryIndex = usize;
const ROOT: DirectoryIndex = 0;

/// What is at a path.
#[derive(Debug, Clone, Copy)]
enum Node {
    Directory(DirectoryIndex),
    /// And which archive it came from.
    File(usize),
    Symlink(usize),
}

#[derive(Debug)]
struct Directory {
    path: Option<RelPath>,
    entries: HashMap<Box<str>, Node>,
}

/// A directory that grows, and goes away again when it is dropped before [`Destination::finish`].
#[derive(Debug)]
pub(super) struct Destination {
    path: PathBuf,
    root: OwnedFd,
    directories: Vec<Directory>,
    /// The directory that was written to last, kept open: archives list a directory's entries together.
    current: Option<(DirectoryIndex, OwnedFd)>,
    /// The archives so far.
    labels: Vec<String>,
    /// Links that are judged when all is there, with the archive of each.
    winding: Vec<(RelPath, String, usize)>,
    pub(super) budget: Budget,
    buffer: Vec<u8>,
    finished: bool,
}

impl Destination {
    /// Creates the directory, which must not exist.
    pub(super) fn create(path: &Path, limits: &Limits) -> Result<Self, FsError> {
        std::fs::create_dir(path).map_err(fs::failed("create the directory", path))?;
        let root = rustix::fs::open(path, DIRECTORY, Mode::empty()).map_err(|errno| {
            // Made by us a moment ago, and still empty; the error that is worth telling is the first.
            drop(std::fs::remove_dir(path));
            fs::failed("open the directory", path)(errno.into())
        })?;
        Ok(Self {
            path: path.to_owned(),
            root,
            directories: vec![Directory { path: None, entries: HashMap::new() }],
            current: None,
            labels: Vec::new(),
            winding: Vec::new(),
            budget: Budget::new(*limits),
            buffer: vec![0; BUFFER],
            finished: false,
        })
    }

    /// What comes now is from this archive.
    pub(super) fn begin(&mut self, label: &str) {
        self.labels.push(label.to_owned());
    }

    fn origin(&self) -> usize {
        self.labels.len().saturating_sub(1)
    }

    fn failed(&self, action: &'static str, path: &RelPath, error: impl Into<io::Error>) -> Fault {
        fs::failed(action, &path.under(&self.path))(error.into()).into()
    }

    /// Makes a directory, or finds that it is there.
    pub(super) fn directory(&mut self, path: &RelPath) -> Result<(), Fault> {
        self.directory_index(path).map(drop)
    }

    /// The index of a directory, which is made with those above it where it is missing.
    fn directory_index(&mut self, path: &RelPath) -> Result<DirectoryIndex, Fault> {
        let mut index = ROOT;
        let mut end = 0;
        for name in path.as_str().split('/') {
            end += name.len();
            let here = &path.as_str()[..end];
            index = match self.directories[index].entries.get(name) {
                Some(Node::Directory(below)) => *below,
                Some(Node::File(_)) if here == path.as_str() => return Err(Fault::DirectoryOver("a file")),
                Some(Node::File(_)) => return Err(Fault::BelowFile(here.to_owned())),
                Some(Node::Symlink(_)) if here == path.as_str() => {
                    return Err(Fault::DirectoryOver("a symbolic link"));
                }
                Some(Node::Symlink(_)) => return Err(Fault::ThroughLink(here.to_owned())),
                None => self.make_directory(index, name, here)?,
            };
            end += 1;
        }
        Ok(index)
    }

    fn make_directory(&mut self, parent: DirectoryIndex, name: &str, path: &str) -> Result<DirectoryIndex, Fault> {
        self.budget.take_entry()?;
        let path = RelPath::new(path).expect("a leading part of a RelPath is one");
        let made = rustix::fs::mkdirat(self.open(parent)?, name, Mode::from_raw_mode(0o755));
        made.map_err(|errno| self.failed("create the directory", &path, errno))?;
        let index = self.directories.len();
        self.directories.push(Directory { path: Some(path), entries: HashMap::new() });
        self.directories[parent].entries.insert(name.into(), Node::Directory(index));
        Ok(index)
    }

    /// Opens a directory, coming from the root over directories only.
    fn open(&mut self, index: DirectoryIndex) -> Result<BorrowedFd<'_>, Fault> {
        let Some(path) = self.directories[index].path.clone() else { return Ok(self.root.as_fd()) };
        if self.current.as_ref().is_none_or(|(open, _)| *open != index) {
            let mut opened: Option<OwnedFd> = None;
            for name in path.as_str().split('/') {
                let above = opened.as_ref().unwrap_or(&self.root);
                let below = rustix::fs::openat(above, name, DIRECTORY, Mode::empty());
                opened = Some(below.map_err(|errno| self.failed("open the directory", &path, errno))?);
            }
            self.current = opened.map(|directory| (index, directory));
        }
        Ok(self.current.as_ref().map_or(self.root.as_fd(), |(_, directory)| directory.as_fd()))
    }

    /// Finds the place for a new file or link, and takes it. Whatever fails after that ends the unpacking.
    fn claim(&mut self, path: &RelPath, node: Node) -> Result<DirectoryIndex, Fault> {
        let parent = match path.parent() {
            Some(parent) => self.directory_index(&parent).map_err(|fault| match fault {
                Fault::DirectoryOver("a file") => Fault::BelowFile(parent.to_string()),
                Fault::DirectoryOver(_) => Fault::ThroughLink(parent.to_string()),
                other => other,
            })?,
            None => ROOT,
        };
        match self.directories[parent].entries.get(path.file_name()) {
            Some(Node::Directory(_)) => return Err(Fault::OverDirectory),
            Some(Node::File(origin) | Node::Symlink(origin)) if *origin == self.origin() => return Err(Fault::Twice),
            Some(Node::File(origin) | Node::Symlink(origin)) => {
                return Err(Fault::AlsoIn { archive: self.labels[*origin].clone() });
            }
            None => {}
        }
        self.budget.take_entry()?;
        self.directories[parent].entries.insert(path.file_name().into(), node);
        Ok(parent)
    }

    fn create_file(&mut self, path: &RelPath, size: u64) -> Result<File, Fault> {
        let node = Node::File(self.origin());
        let parent = self.claim(path, node)?;
        self.budget.take_bytes(size)?;
        let created = rustix::fs::openat(self.open(parent)?, path.file_name(), NEW_FILE, Mode::from_raw_mode(0o644));
        Ok(created.map_err(|errno| self.failed("create", path, errno))?.into())
    }

    /// Writes a file of exactly `size` bytes, which `content` must end after.
    pub(super) fn file(
        &mut self,
        path: &RelPath,
        executable: bool,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), Fault> {
        let mut file = self.create_file(path, size)?;
        let mut left = size;
        loop {
            let length = match content.read(&mut self.buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Fault::reading(error)),
            };
            if length == 0 {
                break;
            }
            left = left.checked_sub(length as u64).ok_or(Fault::Malformed("it is larger than it says"))?;
            let written = file.write_all(&self.buffer[..length]);
            written.map_err(|error| self.failed("write", path, error))?;
        }
        if left > 0 {
            return Err(Fault::Truncated);
        }
        self.seal(path, &file, executable)
    }

    fn seal(&self, path: &RelPath, file: &File, executable: bool) -> Result<(), Fault> {
        // Not left to the mode at creation, from which the umask takes its part.
        let mode = Mode::from_raw_mode(if executable { 0o755 } else { 0o644 });
        rustix::fs::fchmod(file, mode)
            .and_then(|()| rustix::fs::futimens(file, &fixed_times()))
            .map_err(|errno| self.failed("set mode and time of", path, errno))
    }

    /// Makes a symbolic link.
    pub(super) fn symlink(&mut self, path: &RelPath, target: &str, kind: Target) -> Result<(), Fault> {
        let node = Node::Symlink(self.origin());
        let parent = self.claim(path, node)?;
        self.budget.take_bytes(target.len() as u64)?;
        let directory = self.open(parent)?;
        rustix::fs::symlinkat(target, directory, path.file_name())
            .and_then(|()| {
                rustix::fs::utimensat(directory, path.file_name(), &fixed_times(), AtFlags::SYMLINK_NOFOLLOW)
            })
            .map_err(|errno| self.failed("create the symbolic link", path, errno))?;
        if kind == Target::Winding {
            self.winding.push((path.clone(), target.to_owned(), self.origin()));
        }
        Ok(())
    }

    /// Makes a file that is a copy of one that is there; `None` when there is no such file.
    pub(super) fn copy(&mut self, path: &RelPath, original: &RelPath) -> Result<Option<()>, Fault> {
        let Some(parent) = self.holder(original) else { return Ok(None) };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(self.open(parent)?, original.file_name(), flags, Mode::empty());
        let mut source: File = opened.map_err(|errno| self.failed("open", original, errno))?.into();
        let metadata = source.metadata().map_err(|error| self.failed("inspect", original, error))?;
        let executable = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o100 != 0;
        let mut file = self.create_file(path, metadata.len())?;
        io::copy(&mut source, &mut file).map_err(|error| self.failed("write", path, error))?;
        self.seal(path, &file, executable)?;
        Ok(Some(()))
    }

    /// Whether a directory is at the path.
    pub(super) fn is_directory(&self, path: &RelPath) -> bool {
        let mut index = ROOT;
        path.as_str().split('/').all(|name| match self.directories[index].entries.get(name) {
            Some(Node::Directory(below)) => {
                index = *below;
                true
            }
            _ => false,
        })
    }

    /// The directory that holds a regular file; `None` when there is no such file.
    fn holder(&self, path: &RelPath) -> Option<DirectoryIndex> {
        let mut index = ROOT;
        for directory in path.ancestors() {
            match self.directories[index].entries.get(directory.file_name()) {
                Some(Node::Directory(below)) => index = *below,
                _ => return None,
            }
        }
        matches!(self.directories[index].entries.get(path.file_name()), Some(Node::File(_))).then_some(index)
    }

    /// Whether a target that goes down and up again goes up from a real directory. What a symbolic link leads to
    /// may lie higher than the text says.
    fn winds_through_link(&self, link: &RelPath, target: &str) -> bool {
        let mut way = vec![ROOT];
        if !target.starts_with('/') {
            for directory in link.ancestors() {
                match self.directories[*way.last().expect("the root stays")].entries.get(directory.file_name()) {
                    Some(Node::Directory(below)) => way.push(*below),
                    _ => return true,
                }
            }
        }
        let mut components = target.split('/').filter(|component| !matches!(*component, "" | ".")).peekable();
        while let Some(component) = components.next() {
            if component == ".." {
                way.pop();
                if way.is_empty() {
                    return true;
                }
                continue;
            }
            match self.directories[*way.last().expect("checked when it shrinks")].entries.get(component) {
                Some(Node::Directory(below)) => way.push(*below),
                Some(Node::Symlink(_)) => return components.any(|component| component == ".."),
                // Leads nowhere, now and in a tree that nobody adds to.
                Some(Node::File(_)) | None => return false,
            }
        }
        false
    }

    /// Ends the unpacking: judges the links that had to wait, gives every directory its mode and time, and keeps
    /// the directory.
    pub(super) fn finish(mut self) -> Result<(), ArchiveError> {
        for (link, target, origin) in &self.winding {
            if self.winds_through_link(link, target) {
                let reason = "it goes up again behind a symbolic link";
                let fault = Fault::Target { target: target.clone(), reason };
                return Err(fault.of_entry(&self.labels[*origin], link.as_str().as_bytes()));
            }
        }
        self.seal_directories().map_err(|fault| fault.of(self.labels.last().map_or("", String::as_str)))?;
        self.finished = true;
        Ok(())
    }

    fn seal_directories(&mut self) -> Result<(), Fault> {
        let mode = Mode::from_raw_mode(0o755);
        // Made after those above them, so in reverse each comes after all that is below it.
        for index in (0..self.directories.len()).rev() {
            let directory = self.open(index)?;
            rustix::fs::fchmod(directory, mode)
                .and_then(|()| rustix::fs::futimens(directory, &fixed_times()))
                .map_err(|errno| {
                    let path = &self.directories[index].path;
                    let path = path.as_ref().map_or_else(|| self.path.clone(), |path| path.under(&self.path));
                    fs::failed("set mode and time of", &path)(errno.into())
                })?;
        }
        Ok(())
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        if !self.finished {
            // The error that brought us here is the one to tell; the caller's own clean-up finds what is left.
            drop(fs::remove_tree(&self.path));
        }
    }
}

fn fixed_times() -> Timestamps {
    let time = Timespec { tv_sec: EPOCH.cast_signed(), tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}
