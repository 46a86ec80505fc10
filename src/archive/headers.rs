//! tar's headers, one after another: ustar (POSIX.1-1988), pax, GNU's long names and sparse files, and the headers
//! without a magic number that came before. Says what an entry claims; whether that is acceptable is for others.
//!
//! The `tar` crate takes headers apart; the way from one to the next is our own, because the crate reads long
//! names of any size into memory, takes an archive that ends at a header's edge for complete, and lets a line
//! feed in a pax value hide the records behind it. Knows nothing of compression.

use std::collections::BTreeSet;
use std::io::{self, Read};

use super::budget::Budget;
use super::error::{ArchiveError, Fault};
use super::number::number;
use super::pax::{self, Extensions};
use super::sparse::{self, Map};

pub(super) const BLOCK: usize = 512;

/// The longest name or pax header that is read: room for any path, and for attributes that are skipped.
const METADATA: u64 = 1 << 20;

/// How an archive may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With a block of zeros and nothing else behind it.
    Marked,
    /// Also where a header would begin, as in layers whose length a digest vouches for.
    Open,
}

/// Passes over so many bytes of an input.
pub(super) type Skip<R> = fn(&mut R, u64) -> io::Result<()>;

/// Passes over bytes by reading them; should the input end on the way, there is no next header.
pub(super) fn read_over<R: Read>(input: &mut R, length: u64) -> io::Result<()> {
    io::copy(&mut input.take(length), &mut io::sink()).map(drop)
}

/// A tar archive between two headers.
#[derive(Debug)]
pub(super) struct Tarball<R> {
    input: R,
    skip: Skip<R>,
    ending: Ending,
    /// How many bytes of the archive lie before what is read next.
    position: u64,
    /// Content of the current entry that was not read yet.
    left: u64,
    /// Bytes from the end of the content to the next header.
    padding: u64,
    /// Whether a header was seen.
    started: bool,
}

/// What a header, and those that extend it, say.
#[derive(Debug)]
pub(super) struct Entry {
    pub path: Vec<u8>,
    pub kind: Kind,
    /// The permission bits, if they are a number.
    pub mode: Option<u32>,
    /// The owner's number, if it is one.
    pub uid: Option<u32>,
    /// The group's number, if it is one.
    pub gid: Option<u32>,
    /// The names of its extended attributes.
    pub attributes: BTreeSet<String>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Directory,
    File {
        size: u64,
    },
    /// Its stored bytes belong to the pieces of the map.
    Sparse(Map),
    Symlink {
        target: Vec<u8>,
    },
    HardLink {
        target: Vec<u8>,
    },
    Device {
        what: &'static str,
        major: u64,
        minor: u64,
    },
    Special(&'static str),
}

/// What extension headers said of the entry to come.
#[derive(Debug, Default)]
struct Pending {
    extensions: Option<Extensions>,
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.extensions.is_none() && self.long_path.is_none() && self.long_link.is_none()
    }
}

impl<R: Read> Tarball<R> {
    pub fn new(input: R, ending: Ending, skip: Skip<R>) -> Self {
        Self { input, skip, ending, position: 0, left: 0, padding: 0, started: false }
    }

    /// Where in the archive the unread content of the current entry begins, and how many bytes it has.
    pub fn content(&self) -> (u64, u64) {
        (self.position, self.left)
    }

    /// The next entry; `None` at the end of the archive.
    pub fn next(&mut self, label: &str, budget: &mut Budget) -> Result<Option<Entry>, ArchiveError> {
        let mut pending = Pending::default();
        loop {
            self.skip_content().map_err(|fault| fault.of(label))?;
            let Some(header) = self.header().map_err(|fault| fault.of(label))? else {
                if !pending.is_empty() {
                    return Err(Fault::Malformed("it ends between a long name and its entry").of(label));
                }
                self.end(budget).map_err(|fault| fault.of(label))?;
                return Ok(None);
            };
            let of_entry = |fault: Fault| fault.of_entry(label, &header.path_bytes());
            let size = number(&header.as_old().size).ok_or(Fault::Malformed("its size is not a number"));
            self.set_content(size.map_err(of_entry)?);
            match header.as_old().linkflag[0] {
                b'x' => {
                    let text = self.metadata(budget).map_err(of_entry)?;
                    once(&mut pending.extensions, pax::parse(&text).map_err(of_entry)?).map_err(of_entry)?;
                }
                b'L' => once(&mut pending.long_path, self.long_name(budget).map_err(of_entry)?).map_err(of_entry)?,
                b'K' => once(&mut pending.long_link, self.long_name(budget).map_err(of_entry)?).map_err(of_entry)?,
                b'g' => self.global_header(budget).map_err(of_entry)?,
                _ => return self.entry(&header, pending, label, budget).map(Some),
            }
        }
    }

    /// Passes over what is left of the current entry.
    fn skip_content(&mut self) -> Result<(), Fault> {
        let length = self.left + self.padding;
        if length > 0 {
            (self.skip)(&mut self.input, length).map_err(Fault::reading)?;
            self.position += length;
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    fn set_content(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn block(&mut self, block: &mut [u8; BLOCK]) -> Result<usize, Fault> {
        let read = fill(&mut self.input, block).map_err(Fault::reading)?;
        self.position += read as u64;
        Ok(read)
    }

    /// The next header; `None` at the block of zeros that ends the archive.
    fn header(&mut self) -> Result<Option<tar::Header>, Fault> {
        let mut header = tar::Header::new_old();
        let read = self.block(header.as_mut_bytes())?;
        if read == 0 && self.ending == Ending::Open {
            return Ok(None);
        }
        if read < BLOCK {
            return Err(if self.started { Fault::Truncated } else { Fault::Unrecognised });
        }
        let bytes = header.as_bytes();
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        // The sum of all bytes, those of the sum's own field taken as spaces.
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        let field = &bytes[148..156];
        if number(field) != Some(sum(bytes) - sum(field) + sum(&[b' '; 8])) {
            return Err(if self.started {
                Fault::Malformed("a header's checksum is wrong")
            } else {
                Fault::Unrecognised
            });
        }
        self.started = true;
        Ok(Some(header))
    }

    /// Sees to it that only zeros follow the end of the archive: tar fills up its last record.
    fn end(&mut self, budget: &mut Budget) -> Result<(), Fault> {
        let mut block = [0; 8192];
        loop {
            match self.input.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(length) if block[..length].iter().any(|byte| *byte != 0) => return Err(Fault::Trailing),
                Ok(length) => budget.take_bytes(length as u64)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::reading(error)),
            }
        }
    }

    /// The content of a header that extends others.
    fn metadata(&mut self, budget: &mut Budget) -> Result<Vec<u8>, Fault> {
        if self.left > METADATA {
            return Err(Fault::Malformed("its name or extended header is longer than a mebibyte"));
        }
        budget.take_bytes(self.left)?;
        let mut text = Vec::new();
        self.read_to_end(&mut text).map_err(Fault::reading)?;
        Ok(text)
    }

    /// A GNU long name, which ends with a zero byte.
    fn long_name(&mut self, budget: &mut Budget) -> Result<Vec<u8>, Fault> {
        let mut name = self.metadata(budget)?;
        if name.last() == Some(&0) {
            name.pop();
        }
        Ok(name)
    }

    /// Skips a global header (git puts the commit there), unless it says the same of all entries that follow.
    fn global_header(&mut self, budget: &mut Budget) -> Result<(), Fault> {
        budget.take_entry()?;
        let text = self.metadata(budget)?;
        if pax::parse(&text)? != Extensions::default() {
            return Err(Fault::Malformed("its global header gives every entry the same path, size or owner"));
        }
        Ok(())
    }

    fn entry(
        &mut self,
        header: &tar::Header,
        pending: Pending,
        label: &str,
        budget: &mut Budget,
    ) -> Result<Entry, ArchiveError> {
        let mut extensions = pending.extensions.unwrap_or_default();
        let ambiguous = extensions.path.is_some() && pending.long_path.is_some()
            || extensions.link.is_some() && pending.long_link.is_some();
        let path = extensions.path.take().or(pending.long_path).unwrap_or_else(|| header.path_bytes().into_owned());
        let path = extensions.sparse.name.take().unwrap_or(path);
        let of_entry = |fault: Fault| fault.of_entry(label, &path);
        if ambiguous {
            return Err(of_entry(Fault::Malformed("it has two long names")));
        }
        if let Some(size) = extensions.size {
            self.set_content(size);
        }
        let target = extensions.link.take().or(pending.long_link);
        let target = target.or_else(|| header.link_name_bytes().map(|name| name.into_owned())).unwrap_or_default();
        let kind = self.kind(header, &path, target, &extensions, budget).map_err(of_entry)?;
        let old = header.as_old();
        let narrow = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
        Ok(Entry {
            kind,
            mode: narrow(number(&old.mode)),
            uid: narrow(extensions.uid.or_else(|| number(&old.uid))),
            gid: narrow(extensions.gid.or_else(|| number(&old.gid))),
            attributes: extensions.attributes,
            path,
        })
    }

    fn kind(
        &mut self,
        header: &tar::Header,
        path: &[u8],
        target: Vec<u8>,
        extensions: &Extensions,
        budget: &mut Budget,
    ) -> Result<Kind, Fault> {
        let flag = header.as_old().linkflag[0];
        let size = self.left;
        let kind = match flag {
            // Before there was a flag for directories, a slash at the end of the name was the sign.
            0 | b'0' if path.ends_with(b"/") => Kind::Directory,
            0 | b'0' | b'7' if !extensions.sparse.is_empty() => Kind::Sparse(self.pax_map(extensions, budget)?),
            0 | b'0' | b'7' => Kind::File { size },
            b'S' => Kind::Sparse(self.gnu_map(header, budget)?),
            b'1' => Kind::HardLink { target },
            b'2' => Kind::Symlink { target },
            b'3' | b'4' => {
                let field = |range: std::ops::Range<usize>| number(&header.as_bytes()[range]);
                let numbers = field(329..337).zip(field(337..345));
                let (major, minor) = numbers.ok_or(Fault::Malformed("its device is not a number"))?;
                let what = if flag == b'3' { "a character device" } else { "a block device" };
                Kind::Device { what, major, minor }
            }
            b'5' => Kind::Directory,
            b'6' => Kind::Special("a named pipe"),
            _ => Kind::Special("of an unknown kind"),
        };
        if size > 0 && matches!(kind, Kind::Directory | Kind::HardLink { .. } | Kind::Symlink { .. }) {
            // Some readers skip as many bytes, others read a header there.
            return Err(Fault::Malformed("it is a directory or link, but has a size"));
        }
        Ok(kind)
    }

    /// The map of GNU tar's own format: in the header, and in blocks that follow it.
    fn gnu_map(&mut self, header: &tar::Header, budget: &mut Budget) -> Result<Map, Fault> {
        let (mut pieces, mut more, size) = sparse::in_header(header.as_bytes())?;
        while more {
            let mut block = [0; BLOCK];
            budget.take_bytes(BLOCK as u64)?;
            if self.block(&mut block)? < BLOCK {
                return Err(Fault::Truncated);
            }
            let (further, still_more) = sparse::in_block(&block)?;
            pieces.extend(further);
            more = still_more;
        }
        Map::new(pieces, size, self.left)
    }

    /// The map of one of the three pax formats; that of the last stands before the content.
    fn pax_map(&mut self, extensions: &Extensions, budget: &mut Budget) -> Result<Map, Fault> {
        let pieces = match extensions.sparse.pieces()? {
            Some(pieces) => pieces,
            None => {
                let mut map = sparse::Lines::default();
                let mut block = [0; BLOCK];
                while !map.is_complete() {
                    budget.take_bytes(BLOCK as u64)?;
                    self.read_exact(&mut block).map_err(Fault::reading)?;
                    map.add(&block)?;
                }
                map.pieces()
            }
        };
        Map::new(pieces, extensions.sparse.size()?, self.left)
    }
}

/// The current entry's content as it is stored.
impl<R: Read> Read for Tarball<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let length = self.input.read(&mut buffer[..most])?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= length as u64;
        self.position += length as u64;
        Ok(length)
    }
}

/// Reads until the buffer is full or the input ends. Unlike `read_exact`, it leaves the input's end and a decoder's
/// complaint about a truncated stream apart.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Sets what may be set only once for an entry.
fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Fault> {
    match slot.replace(value) {
        Some(_) => Err(Fault::Malformed("two extended headers in a row describe the same entry")),
        None => Ok(()),
    }
}
