//! What can be wrong with an archive, told with the archive's name and the entry's. Knows nothing of how it was
//! found out.

use std::fmt;
use std::io;

use crate::fs::FsError;

/// An archive that was not unpacked, and why.
#[derive(Debug)]
pub struct ArchiveError {
    /// The archive, as the caller calls it.
    pub archive: String,
    /// The entry at fault, as the archive spells it (what is not UTF-8 replaced); `None` when it is the whole.
    pub entry: Option<String>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with an archive or an entry; each text continues a sentence that begins with its name.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The first bytes are not those of an archive.
    #[error("is neither a zip nor a tar archive (plain, or compressed by gzip, xz, bzip2 or zstd)")]
    Unrecognised,
    /// Not `ar` with the members that deb(5) asks for.
    #[error("is not a Debian package: {0}")]
    NotADeb(&'static str),
    /// Not a zip archive that describes itself as a wheel.
    #[error("is not a Python wheel: {0}")]
    NotAWheel(&'static str),
    /// The data ends before the archive does.
    #[error("is truncated")]
    Truncated,
    /// Something follows the archive's end.
    #[error("is followed by data that does not belong to it")]
    Trailing,
    /// A checksum or the compression's structure is wrong.
    #[error("is corrupt")]
    Corrupt(#[source] io::Error),
    /// The archive's own structure is wrong, or means different things to different readers.
    #[error("is malformed: {0}")]
    Malformed(&'static str),
    /// Zip's structure is wrong, or asks for something that is not supported.
    #[error("is not a usable zip archive")]
    Zip(#[source] zip::result::ZipError),
    /// The decompressor would need more memory than it is given.
    #[error("needs more than {limit} bytes of memory to decompress")]
    Memory {
        /// Bytes.
        limit: u64,
    },
    /// The operating system could not read it.
    #[error("cannot be read")]
    Read(#[source] io::Error),
    /// The limit of bytes.
    #[error("unpacks to more than the limit of {limit} bytes")]
    TooManyBytes {
        /// The limit.
        limit: u64,
    },
    /// The limit of entries.
    #[error("unpacks to more than the limit of {limit} files and directories")]
    TooManyEntries {
        /// The limit.
        limit: u64,
    },
    /// A path that is absolute, leaves the directory, or is not text.
    #[error("has an unusable path: {0}")]
    Path(&'static str),
    /// A symbolic link with an unusable target.
    #[error("is a link to `{}`, which is unusable: {reason}", Shown(target))]
    Target {
        /// The target.
        target: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A hard link to something that is not a file unpacked before.
    #[error("is a hard link to `{}`, which is not an earlier file of the archive", Shown(target))]
    HardLink {
        /// The target.
        target: String,
    },
    /// A kind of entry that has no place in a source or an image.
    #[error("is {0}, which is not unpacked")]
    Special(&'static str),
    /// A path that was there before, and is no directory.
    #[error("is there twice")]
    Twice,
    /// A path that is in two packages, and is no directory.
    #[error("is also in {archive}")]
    AlsoIn {
        /// The package that was unpacked before.
        archive: String,
    },
    /// A directory in the place of something else.
    #[error("is a directory, but was {0} before")]
    DirectoryOver(&'static str),
    /// A file or link in the place of a directory.
    #[error("is not a directory, but was one before")]
    OverDirectory,
    /// A path below a file.
    #[error("lies below `{0}`, which is a file")]
    BelowFile(String),
    /// A path below a symbolic link.
    #[error("would be written through the symbolic link `{0}`")]
    ThroughLink(String),
    /// The archive could not be opened, or the destination not be written.
    #[error(transparent)]
    File(#[from] FsError),
}

/// A name from an archive, safe and short enough for a terminal.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LENGTH: usize = 200;
        match self.0.char_indices().nth(LENGTH) {
            Some((end, _)) => write!(f, "{}…", self.0[..end].escape_debug()),
            None => write!(f, "{}", self.0.escape_debug()),
        }
    }
}

impl Fault {
    /// What an error from a stream of archive bytes means. Decoders report a short input as `UnexpectedEof`, and
    /// their own complaints without an error number.
    pub fn reading(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Truncated;
        }
        if error.raw_os_error().is_some() {
            return Self::Read(error);
        }
        error.downcast::<Self>().unwrap_or_else(Self::Corrupt)
    }

    /// This fault of an archive.
    pub fn of(self, archive: &str) -> ArchiveError {
        ArchiveError { archive: archive.to_owned(), entry: None, fault: self }
    }

    /// This fault of an entry of an archive.
    pub fn of_entry(self, archive: &str, entry: &[u8]) -> ArchiveError {
        let entry = Some(String::from_utf8_lossy(entry).into_owned());
        ArchiveError { archive: archive.to_owned(), entry, fault: self }
    }
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.entry, &self.fault) {
            // Not the archive's fault: what was tried, and where, is the source.
            (_, Fault::File(_)) => write!(f, "cannot unpack {}", self.archive),
            (Some(entry), fault) => write!(f, "{}: the entry `{}` {fault}", self.archive, Shown(entry)),
            (None, fault) => write!(f, "{} {fault}", self.archive),
        }
    }
}

impl std::error::Error for ArchiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::File(error) => Some(error),
            fault => fault.source(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_cannot_reach_the_terminal() {
        let error = Fault::Twice.of_entry("x.tar", b"a\x1b[2J\xff");
        assert_eq!(error.to_string(), "x.tar: the entry `a\\u{1b}[2J\u{fffd}` is there twice");
        let long = Fault::Twice.of_entry("x.tar", &[b'a'; 1000]).to_string();
        assert_eq!(long, format!("x.tar: the entry `{}…` is there twice", "a".repeat(200)));
    }
}
