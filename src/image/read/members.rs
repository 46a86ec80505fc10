//! The named parts of a stored image: files below a directory, or members of a tar archive. Read in any order and by
//! several threads at once; an archive that is compressed is uncompressed into a nameless file first.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Limits, ReadError, json};
use crate::archive::{self, ArchiveError, Fault, TarKind, TarReader};
use crate::fs;

/// How many links between members are followed: `docker save` links a layer that it has written before.
const MAX_LINKS: usize = 8;

/// A stored image's parts.
#[derive(Debug)]
pub(super) enum Members {
    /// Files below a directory.
    Directory(PathBuf),
    /// Members of an archive.
    Archive(Archive),
}

/// A tar archive whose members are known.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    file: Arc<std::fs::File>,
    members: BTreeMap<String, Member>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Member {
    Bytes {
        at: u64,
        length: u64,
    },
    Link(String),
    /// Two members have the name: readers take the first or the last.
    Twice,
    /// Neither a file nor a link.
    Other,
}

/// A part's bytes.
#[derive(Debug, Clone)]
pub(super) struct Section {
    file: Arc<std::fs::File>,
    at: u64,
    end: u64,
}

impl Section {
    pub fn length(&self) -> u64 {
        self.end - self.at
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.length()).unwrap_or(usize::MAX).min(buffer.len());
        let length = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl Members {
    /// Looks through an archive.
    ///
    /// # Errors
    /// When it is no tar archive, or is malformed.
    pub fn of_archive(path: &Path, limits: &Limits) -> Result<Self, ReadError> {
        let label = path.display().to_string();
        let file = uncompressed(path, &label, limits)?;
        let end = file.metadata().map_err(fs::failed("inspect", path))?.len();
        let reading = file.try_clone().map_err(fs::failed("read", path))?;
        let mut tar = TarReader::of_file(reading, &label, &limits.archive());
        let mut members = BTreeMap::new();
        while let Some(entry) = tar.next_entry().map_err(|error| no_archive(path, error))? {
            let Some(name) = name(&entry.path) else { continue };
            let (at, length) = tar.stored();
            if at.checked_add(length).is_none_or(|last| last > end) {
                return Err(Fault::Truncated.of_entry(&label, &entry.path).into());
            }
            let member = match entry.kind {
                TarKind::Directory => continue,
                TarKind::File { .. } if !tar.is_sparse() => Member::Bytes { at, length },
                TarKind::HardLink { target } => self::name(&target).map_or(Member::Other, Member::Link),
                TarKind::Symlink { target } => beside(&name, &target).map_or(Member::Other, Member::Link),
                TarKind::File { .. } | TarKind::Device { .. } | TarKind::Special(_) => Member::Other,
            };
            members.entry(name).and_modify(|known| *known = Member::Twice).or_insert(member);
        }
        Ok(Self::Archive(Archive { path: path.to_owned(), file: Arc::new(file), members }))
    }

    /// Whether there is a part of that name.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Directory(directory) => directory.join(name).exists(),
            Self::Archive(archive) => archive.members.contains_key(name),
        }
    }

    /// The names at the top, for people.
    pub fn top(&self) -> Vec<String> {
        let Self::Archive(archive) = self else { return Vec::new() };
        let mut top: Vec<String> =
            archive.members.keys().map(|name| name.split('/').next().unwrap_or_default().to_owned()).collect();
        top.dedup();
        top
    }

    /// The bytes of a part; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be opened, is no regular file, or is there twice.
    pub fn open(&self, name: &str) -> Result<Option<Section>, ReadError> {
        match self {
            Self::Directory(directory) => open_file(&directory.join(name)),
            Self::Archive(archive) => archive.open(name),
        }
    }

    /// The bytes of a document; `None` when it is not there.
    ///
    /// # Errors
    /// As [`Members::open`]; also when it is larger than a document may be.
    pub fn document(&self, name: &str, label: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(mut section) = self.open(name)? else { return Ok(None) };
        if section.length() > json::LARGEST {
            let reason = format!("it has more than {} bytes", json::LARGEST);
            return Err(ReadError::Malformed { document: label.to_owned(), reason });
        }
        let mut bytes = Vec::new();
        section.read_to_end(&mut bytes).map_err(fs::failed("read", Path::new(label)))?;
        Ok(Some(bytes))
    }
}

impl Archive {
    fn open(&self, name: &str) -> Result<Option<Section>, ReadError> {
        let malformed = |reason: &str| {
            Err(ReadError::Malformed {
                document: format!("{} in {}", name, self.path.display()),
                reason: reason.into(),
            })
        };
        let mut current = name;
        for _ in 0..MAX_LINKS {
            match self.members.get(current) {
                None => return Ok(None),
                Some(Member::Bytes { at, length }) => {
                    return Ok(Some(Section { file: self.file.clone(), at: *at, end: at + length }));
                }
                Some(Member::Link(target)) => current = target,
                Some(Member::Twice) => return malformed("the archive has it twice"),
                Some(Member::Other) => return malformed("it is not a regular file"),
            }
        }
        malformed("it is a link that leads in a circle")
    }
}

/// A regular file, however it is reached: whether its bytes are the right ones, their digest tells.
fn open_file(path: &Path) -> Result<Option<Section>, ReadError> {
    // A named pipe would wait for a writer.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = match std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        file => file.map_err(fs::failed("open", path))?,
    };
    let metadata = file.metadata().map_err(fs::failed("inspect", path))?;
    if !metadata.is_file() {
        return Err(ReadError::Path { path: path.to_owned(), reason: "is not a regular file".to_owned() });
    }
    Ok(Some(Section { file: Arc::new(file), at: 0, end: metadata.len() }))
}

/// The archive itself, or what it is uncompressed.
fn uncompressed(path: &Path, label: &str, limits: &Limits) -> Result<std::fs::File, ReadError> {
    let Some(section) = open_file(path)? else { return Err(ReadError::Missing { name: label.to_owned() }) };
    let mut start = [0; 8];
    let length = section.file.read_at(&mut start, 0).map_err(fs::failed("read", path))?;
    if !archive::is_compressed(&start[..length]) {
        return section.file.try_clone().map_err(fs::failed("read", path)).map_err(ReadError::from);
    }
    let fault = |error| ReadError::from(Fault::reading(error).of(label));
    let mut stream = archive::decompress(io::BufReader::with_capacity(1 << 17, section)).map_err(fault)?;
    let scratch = std::env::temp_dir();
    let mut file = tempfile::tempfile_in(&scratch).map_err(fs::failed("create a file in", &scratch))?;
    let mut buffer = vec![0; 1 << 17];
    let mut total = 0;
    loop {
        let length = match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(fault(error)),
        };
        total += length as u64;
        if total > limits.bytes {
            return Err(Fault::TooManyBytes { limit: limits.bytes }.of(label).into());
        }
        file.write_all(&buffer[..length]).map_err(fs::failed("uncompress the archive into", &scratch))?;
    }
    file.seek(SeekFrom::Start(0)).map_err(fs::failed("read", path))?;
    Ok(file)
}

fn no_archive(path: &Path, error: ArchiveError) -> ReadError {
    match error.fault {
        Fault::Unrecognised => {
            ReadError::NoImage { path: path.to_owned(), what: "it is a file, but not a tar archive".to_owned() }
        }
        _ => error.into(),
    }
}

/// A member's name without what means nothing; `None` for one that is no name at all, which nothing can refer to.
fn name(path: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(path).ok()?;
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.is_empty() || parts.contains(&"..") { None } else { Some(parts.join("/")) }
}

/// The member that a symbolic link leads to.
fn beside(link: &str, target: &[u8]) -> Option<String> {
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in std::str::from_utf8(target).ok()?.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_between_members_stays_inside() {
        assert_eq!(beside("abc/layer.tar", b"../def/layer.tar").as_deref(), Some("def/layer.tar"));
        assert_eq!(beside("layer.tar", b"../../etc/passwd"), None);
        assert_eq!(name(b"./manifest.json").as_deref(), Some("manifest.json"));
        assert_eq!(name(b"../manifest.json"), None);
    }
}
