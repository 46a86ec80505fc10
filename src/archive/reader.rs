//! Reads a tar archive with all that it says: modes, owners, devices, attributes, holes. Writes nothing, so that
//! nothing that it says can do harm; what it means is for the caller to judge.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};

use super::budget::{Budget, Limits};
use super::error::{ArchiveError, Fault};
use super::headers::{Ending, Entry, Kind, Tarball, read_over};
use super::sparse::{Map, Run};

/// An entry of a tar archive, as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarEntry {
    /// Its name, not validated.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: TarKind,
    /// The permission bits, those for set-user-ID, set-group-ID and sticky included.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// The names of its extended attributes.
    pub attributes: BTreeSet<String>,
}

/// What an entry of a tar archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TarKind {
    /// A directory.
    Directory,
    /// A regular file; its content can be read next.
    File {
        /// Bytes, holes included.
        size: u64,
    },
    /// A symbolic link.
    Symlink {
        /// Its text.
        target: Vec<u8>,
    },
    /// Another name of an earlier entry.
    HardLink {
        /// That entry's name, not validated.
        target: Vec<u8>,
    },
    /// A device.
    Device {
        /// Which of the two kinds, for people.
        what: &'static str,
        /// The driver.
        major: u64,
        /// The device.
        minor: u64,
    },
    /// Something else, for people.
    Special(&'static str),
}

/// A tar archive that is read entry by entry. After [`TarReader::next_entry`] gave a file, it reads as that file's bytes.
#[derive(Debug)]
pub struct TarReader<R> {
    tarball: Tarball<R>,
    label: String,
    budget: Budget,
    /// The current entry's holes, and how far it was read.
    sparse: Option<(Map, u64)>,
}

impl<R: Read> TarReader<R> {
    /// Reads an archive that may end without the blocks that mark its end. `label` names it in errors.
    pub fn new(input: R, label: &str, limits: &Limits) -> Self {
        Self::over(Tarball::new(input, Ending::Open, read_over), label, limits)
    }

    /// Reads an archive that must end with the mark of its end. `label` names it in errors.
    pub fn marked(input: R, label: &str, limits: &Limits) -> Self {
        Self::over(Tarball::new(input, Ending::Marked, read_over), label, limits)
    }

    fn over(tarball: Tarball<R>, label: &str, limits: &Limits) -> Self {
        Self { tarball, label: label.to_owned(), budget: Budget::new(*limits), sparse: None }
    }

    /// The next entry; `None` at the end. What was not read of the last one is passed over.
    ///
    /// # Errors
    /// When the archive cannot be read, is malformed or means different things to different readers, or has more
    /// entries, metadata or zeros in holes than the limits allow.
    pub fn next_entry(&mut self) -> Result<Option<TarEntry>, ArchiveError> {
        self.sparse = None;
        let Some(entry) = self.tarball.next(&self.label, &mut self.budget)? else { return Ok(None) };
        let path = entry.path.clone();
        self.accept(entry).map(Some).map_err(|fault| fault.of_entry(&self.label, &path))
    }

    fn accept(&mut self, entry: Entry) -> Result<TarEntry, Fault> {
        self.budget.take_entry()?;
        let Entry { path, kind, mode, uid, gid, attributes } = entry;
        let kind = match kind {
            Kind::Directory => TarKind::Directory,
            Kind::File { size } => TarKind::File { size },
            Kind::Sparse(map) => {
                let size = map.size;
                self.budget.take_bytes(size.saturating_sub(self.tarball.content().1))?;
                self.sparse = Some((map, 0));
                TarKind::File { size }
            }
            Kind::Symlink { target } => TarKind::Symlink { target },
            Kind::HardLink { target } => TarKind::HardLink { target },
            Kind::Device { what, major, minor } => TarKind::Device { what, major, minor },
            Kind::Special(what) => TarKind::Special(what),
        };
        let mode = mode.ok_or(Fault::Malformed("its mode is not a number"))? & 0o7777;
        let (uid, gid) = uid.zip(gid).ok_or(Fault::Malformed("its owner is not a number of 32 bits"))?;
        Ok(TarEntry { path, kind, mode, uid, gid, attributes })
    }

    /// Where in the archive the current entry's unread content begins, and how many bytes of it are stored.
    pub fn stored(&self) -> (u64, u64) {
        self.tarball.content()
    }

    /// Whether the current entry has holes.
    pub fn is_sparse(&self) -> bool {
        self.sparse.is_some()
    }
}

impl TarReader<BufReader<File>> {
    /// Reads an archive that is a file and must end with the mark of its end; passes over content by seeking.
    pub fn of_file(file: File, label: &str, limits: &Limits) -> Self {
        let input = BufReader::with_capacity(super::BUFFER, file);
        Self::over(Tarball::new(input, Ending::Marked, seek_over), label, limits)
    }
}

fn seek_over(input: &mut BufReader<File>, length: u64) -> io::Result<()> {
    let length = i64::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    input.seek_relative(length)
}

impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((map, position)) = &mut self.sparse else { return self.tarball.read(buffer) };
        let Some(run) = map.at(*position) else { return Ok(0) };
        let (Run::Hole(length) | Run::Stored(length)) = run;
        let most = usize::try_from(length).unwrap_or(usize::MAX).min(buffer.len());
        let read = match run {
            Run::Hole(_) => {
                buffer[..most].fill(0);
                most
            }
            Run::Stored(_) => self.tarball.read(&mut buffer[..most])?,
        };
        *position += read as u64;
        Ok(read)
    }
}
