//! tar as it is found: ustar (POSIX.1-1988), pax, GNU's long names, and the headers without a magic number
//! that came before. Reads one header after another, and hands each entry to the destination.
//!
//! The `tar` crate takes headers apart; the way from one to the next is our own, because the crate reads long
//! names of any size into memory, takes an archive that ends at a header's edge for complete, and lets a line
//! feed in a pax value hide the records behind it. Knows nothing of compression.

use std::io::{self, BufRead, BufReader, Read};

use super::BUFFER;
use super::budget::Budget;
use super::destination::Destination;
use super::error::{ArchiveError, Fault};
use super::layout::{Layout, Place};
use super::pax::{self, Extensions};
use super::stream;

const BLOCK: usize = 512;

/// The longest name or pax header that is read: room for any path, and for attributes that are skipped.
const METADATA: u64 = 1 << 20;

/// Unpacks a tar archive, compressed or not, and sees to it that nothing follows it.
pub(super) fn unpack(
    input: impl BufRead,
    label: &str,
    layout: Layout,
    destination: &mut Destination,
) -> Result<(), ArchiveError> {
    let stream = stream::decompress(input).map_err(|error| Fault::reading(error).of(label))?;
    let input = BufReader::with_capacity(BUFFER, stream);
    let mut tarball = Tarball { input, left: 0, padding: 0, started: false };
    while let Some(entry) = tarball.next(label, &mut destination.budget)? {
        install(&entry, &mut tarball, layout, destination).map_err(|fault| fault.of_entry(label, &entry.path))?;
    }
    Ok(())
}

struct Tarball<R> {
    input: R,
    /// Content of the current entry that was not read yet.
    left: u64,
    /// Bytes from the end of the content to the next header.
    padding: u64,
    /// Whether a header was seen.
    started: bool,
}

/// What a header, and those that extend it, say.
#[derive(Debug)]
struct Entry {
    path: Vec<u8>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Directory,
    File { executable: bool, size: u64 },
    Symlink { target: Vec<u8> },
    HardLink { target: Vec<u8> },
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
    /// The next entry; `None` at the end of the archive.
    fn next(&mut self, label: &str, budget: &mut Budget) -> Result<Option<Entry>, ArchiveError> {
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
                _ => return self.entry(&header, pending, label).map(Some),
            }
        }
    }

    /// Passes over what is left of the current entry; should the input end on the way, there is no next header.
    fn skip_content(&mut self) -> Result<(), Fault> {
        let length = self.left + self.padding;
        io::copy(&mut (&mut self.input).take(length), &mut io::sink()).map_err(Fault::reading)?;
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    fn set_content(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    /// The next header; `None` at the block of zeros that ends the archive.
    fn header(&mut self) -> Result<Option<tar::Header>, Fault> {
        let mut header = tar::Header::new_old();
        let read = fill(&mut self.input, header.as_mut_bytes()).map_err(Fault::reading)?;
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

    /// Skips a global header (git puts the commit there), unless it names or measures all entries that follow.
    fn global_header(&mut self, budget: &mut Budget) -> Result<(), Fault> {
        budget.take_entry()?;
        let text = self.metadata(budget)?;
        if pax::parse(&text)? != Extensions::default() {
            return Err(Fault::Malformed("its global header gives every entry the same path or size"));
        }
        Ok(())
    }

    fn entry(&mut self, header: &tar::Header, pending: Pending, label: &str) -> Result<Entry, ArchiveError> {
        let extensions = pending.extensions.unwrap_or_default();
        let ambiguous = extensions.path.is_some() && pending.long_path.is_some()
            || extensions.link.is_some() && pending.long_link.is_some();
        let path = extensions.path.or(pending.long_path).unwrap_or_else(|| header.path_bytes().into_owned());
        let of_entry = |fault: Fault| fault.of_entry(label, &path);
        if ambiguous {
            return Err(of_entry(Fault::Malformed("it has two long names")));
        }
        if let Some(size) = extensions.size {
            self.set_content(size);
        }
        let target = extensions.link.or(pending.long_link);
        let target = target.or_else(|| header.link_name_bytes().map(|name| name.into_owned())).unwrap_or_default();
        let size = self.left;
        let kind = match header.as_old().linkflag[0] {
            // Before there was a flag for directories, a slash at the end of the name was the sign.
            0 | b'0' if path.ends_with(b"/") => Kind::Directory,
            0 | b'0' | b'7' => {
                let mode = number(&header.as_old().mode).ok_or(Fault::Malformed("its mode is not a number"));
                Kind::File { executable: mode.map_err(of_entry)? & 0o100 != 0, size }
            }
            b'1' => Kind::HardLink { target },
            b'2' => Kind::Symlink { target },
            b'5' => Kind::Directory,
            flag => Kind::Special(special(flag)),
        };
        if size > 0 && !matches!(kind, Kind::File { .. } | Kind::Special(_)) {
            // Some readers skip as many bytes, others read a header there.
            return Err(of_entry(Fault::Malformed("it is a directory or link, but has a size")));
        }
        Ok(Entry { path, kind })
    }
}

/// The current entry's content.
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

/// Puts an entry where it belongs.
fn install(entry: &Entry, content: &mut impl Read, layout: Layout, destination: &mut Destination) -> Result<(), Fault> {
    if let Kind::Special(what) = entry.kind {
        return Err(Fault::Special(what));
    }
    let place = match layout.place(&entry.path)? {
        Place::At(place) => place,
        Place::Root if !matches!(entry.kind, Kind::Directory) => return Err(Fault::Path("it is empty")),
        Place::Root | Place::Outside => {
            // Left out, but its size was unpacked all the same.
            let Kind::File { size, .. } = entry.kind else { return destination.budget.take_entry() };
            destination.budget.take_entry()?;
            return destination.budget.take_bytes(size);
        }
    };
    match &entry.kind {
        Kind::Directory => destination.directory(&place),
        Kind::File { executable, size } => destination.file(&place, *executable, *size, content),
        Kind::Symlink { target } => {
            let (target, kind) = layout.target(&place, target)?;
            destination.symlink(&place, &target, kind)
        }
        Kind::HardLink { target } => {
            let missing = || Fault::HardLink { target: String::from_utf8_lossy(target).into_owned() };
            let Place::At(original) = layout.place(target).map_err(|_| missing())? else { return Err(missing()) };
            destination.copy(&place, &original)?.ok_or_else(missing)
        }
        Kind::Special(what) => Err(Fault::Special(what)),
    }
}

/// Sets what may be set only once for an entry.
fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Fault> {
    match slot.replace(value) {
        Some(_) => Err(Fault::Malformed("two extended headers in a row describe the same entry")),
        None => Ok(()),
    }
}

fn special(flag: u8) -> &'static str {
    match flag {
        b'3' | b'4' => "a device node",
        b'6' => "a named pipe",
        b'S' => "a sparse file",
        _ => "of an unknown kind",
    }
}

/// A number as tar has it: octal digits, ended by a space or zero byte, or (GNU) base 256 after a byte 0x80.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((0x80, digits)) = field.split_first() {
        let (high, low) = digits.split_at(digits.len().saturating_sub(8));
        let fits = high.iter().all(|byte| *byte == 0);
        return fits.then(|| low.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
    }
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|byte| matches!(byte, b' ' | 0)).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if !rest.iter().all(|byte| matches!(byte, b' ' | 0)) {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| match digit {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256_and_nothing_else() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"77777777777\0"), Some(0o77777777777));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(8 << 30));
        for bad in
            [b"0000648\0".as_slice(), b"+000644\0", b"0644\x001\0\0", b"\xff\xff\xff\xff\xff\xff\xff\xff", b"0x\0"]
        {
            assert_eq!(number(bad), None, "{bad:?}");
        }
        assert_eq!(number(b"\x80\x01\0\0\0\0\0\0\0\0\0\0"), None);
    }
}
