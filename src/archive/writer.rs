//! Deterministic tar, as image layers need it: the same calls write the same bytes, always.
//!
//! ustar (POSIX.1-1988) throughout; an entry that it cannot express (a long path or target, one that is not
//! ASCII, a large number) gets a pax header (POSIX.1-2001) with only what does not fit. No names of users or
//! groups, no devices, one time for all. Knows nothing of layers or compression; the order is the caller's.

use std::io::{self, Read, Write};

use super::pax;
use crate::path::RelPath;

/// What a file or directory has beside its content. Links belong to root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits, those for setuid, setgid and sticky included.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// A tar archive that was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The archive could not be written.
    #[error("cannot write `{path}` into the archive")]
    Write {
        /// The entry.
        path: String,
        /// What the writer said.
        source: io::Error,
    },
    /// The content could not be read.
    #[error("cannot read what is to be `{path}` in the archive")]
    Read {
        /// The entry.
        path: String,
        /// What the reader said.
        source: io::Error,
    },
    /// The content is not as long as was announced: it changed on the way.
    #[error("`{path}` should have {size} bytes, but has {}", if *longer { "more" } else { "fewer" })]
    Size {
        /// The entry.
        path: String,
        /// What was announced.
        size: u64,
        /// Whether there was more than that.
        longer: bool,
    },
    /// A symbolic link's target that is empty or holds a control character.
    #[error("the symbolic link `{path}` has a target that is empty or holds a control character")]
    Target {
        /// The link.
        path: String,
    },
    /// The end of the archive could not be written.
    #[error("cannot write the end of the archive")]
    End(#[source] io::Error),
}

/// Writes a tar archive entry by entry.
#[derive(Debug)]
pub struct TarWriter<W: Write> {
    output: W,
    mtime: u64,
}

const BLOCK: usize = 512;

impl<W: Write> TarWriter<W> {
    /// An archive all of whose entries have the time `mtime`, in seconds since 1970.
    pub fn new(output: W, mtime: u64) -> Self {
        Self { output, mtime }
    }

    /// Writes a directory.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn directory(&mut self, path: &RelPath, meta: Meta) -> Result<(), WriteError> {
        let header = self.header(b'5', &format!("{path}/"), "", meta, 0);
        self.write(path, &header)
    }

    /// Writes a file of `size` bytes.
    ///
    /// # Errors
    /// When the content cannot be read or is not `size` bytes long, or the output cannot be written. Then the
    /// archive is of no use.
    pub fn file(&mut self, path: &RelPath, meta: Meta, size: u64, mut content: impl Read) -> Result<(), WriteError> {
        let header = self.header(b'0', path.as_str(), "", meta, size);
        self.write(path, &header)?;
        let mut buffer = vec![0; super::BUFFER.min(usize::try_from(size).unwrap_or(usize::MAX).saturating_add(1))];
        let mut left = size;
        loop {
            let length = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(source) if source.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(WriteError::Read { path: path.to_string(), source }),
            };
            let too_long = || WriteError::Size { path: path.to_string(), size, longer: true };
            left = left.checked_sub(length as u64).ok_or_else(too_long)?;
            self.write(path, &buffer[..length])?;
        }
        if left > 0 {
            return Err(WriteError::Size { path: path.to_string(), size, longer: false });
        }
        self.write(path, &vec![0; padding(size)])
    }

    /// Writes a symbolic link.
    ///
    /// # Errors
    /// When the target is empty or holds a control character, or the output cannot be written.
    pub fn symlink(&mut self, path: &RelPath, target: &str) -> Result<(), WriteError> {
        if target.is_empty() || target.chars().any(char::is_control) {
            return Err(WriteError::Target { path: path.to_string() });
        }
        // Linux gives every symbolic link this mode.
        let meta = Meta { mode: 0o777, uid: 0, gid: 0 };
        let header = self.header(b'2', path.as_str(), target, meta, 0);
        self.write(path, &header)
    }

    /// Writes the end of the archive, and gives back what it was written to.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self) -> Result<W, WriteError> {
        let end = self.output.write_all(&[0; 2 * BLOCK]).and_then(|()| self.output.flush());
        end.map_err(WriteError::End)?;
        Ok(self.output)
    }

    fn write(&mut self, path: &RelPath, bytes: &[u8]) -> Result<(), WriteError> {
        self.output.write_all(bytes).map_err(|source| WriteError::Write { path: path.to_string(), source })
    }

    /// An entry's header blocks.
    fn header(&self, kind: u8, path: &str, target: &str, meta: Meta, size: u64) -> Vec<u8> {
        let Meta { mode, uid, gid } = meta;
        let mut records = String::new();
        let mut header = Header::new(kind);
        header.path(path, &mut records);
        header.text(157..257, "linkpath", target, &mut records);
        header.number(100..108, "mode", mode.into(), &mut records);
        header.number(108..116, "uid", uid.into(), &mut records);
        header.number(116..124, "gid", gid.into(), &mut records);
        header.number(124..136, "size", size, &mut records);
        header.number(136..148, "mtime", self.mtime, &mut records);
        let mut blocks = Vec::new();
        if !records.is_empty() {
            blocks.extend(self.extended_header(path, &records));
        }
        blocks.extend(header.sealed());
        blocks
    }

    /// A pax header with its records. Its own name is shown only by programs that do not know pax.
    fn extended_header(&self, path: &str, records: &str) -> Vec<u8> {
        let mut header = Header::new(b'x');
        let mut unused = String::new();
        header.text(0..100, "path", &format!("PaxHeaders/{}", ascii_tail(path, 80)), &mut unused);
        header.number(100..108, "mode", 0o644, &mut unused);
        header.number(108..116, "uid", 0, &mut unused);
        header.number(116..124, "gid", 0, &mut unused);
        header.number(124..136, "size", records.len() as u64, &mut unused);
        header.number(136..148, "mtime", self.mtime, &mut unused);
        let mut blocks = header.sealed().to_vec();
        blocks.extend_from_slice(records.as_bytes());
        blocks.resize(blocks.len() + padding(records.len() as u64), 0);
        blocks
    }
}

/// How many bytes fill up the last block.
fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).expect("less than a block");
    (BLOCK - over) % BLOCK
}

/// The end of a text, with what is not ASCII replaced: a field's value beside the pax record that really counts.
fn ascii_tail(text: &str, length: usize) -> String {
    let ascii: String = text.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
    ascii[ascii.len().saturating_sub(length)..].trim_start_matches('/').to_owned()
}

/// One ustar header block. What does not fit its field becomes a pax record.
struct Header([u8; BLOCK]);

impl Header {
    fn new(kind: u8) -> Self {
        let mut block = [0; BLOCK];
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        // devmajor and devminor, zero for all that is no device.
        block[329..336].fill(b'0');
        block[337..344].fill(b'0');
        Self(block)
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// The path: 100 bytes of name, and before it, parted at a slash, up to 155 bytes of prefix.
    fn path(&mut self, path: &str, records: &mut String) {
        if path.is_ascii() && path.len() > 100 {
            let parts = path.match_indices('/').map(|(at, _)| (&path[..at], &path[at + 1..]));
            let fits = |(prefix, name): &(&str, &str)| prefix.len() <= 155 && (1..=100).contains(&name.len());
            if let Some((prefix, name)) = parts.into_iter().find(fits) {
                self.put(0, name.as_bytes());
                self.put(345, prefix.as_bytes());
                return;
            }
        }
        self.text(0..100, "path", path, records);
    }

    fn text(&mut self, field: std::ops::Range<usize>, key: &str, value: &str, records: &mut String) {
        if value.is_ascii() && value.len() <= field.len() {
            self.put(field.start, value.as_bytes());
        } else {
            records.push_str(&pax::record(key, value));
            self.put(field.start, ascii_tail(value, field.len()).as_bytes());
        }
    }

    fn number(&mut self, field: std::ops::Range<usize>, key: &str, value: u64, records: &mut String) {
        let width = field.len() - 1;
        let digits = format!("{value:0width$o}");
        if digits.len() <= width {
            self.put(field.start, digits.as_bytes());
        } else {
            records.push_str(&pax::record(key, &value.to_string()));
            self.put(field.start, "0".repeat(width).as_bytes());
        }
    }

    /// The block with its checksum: six octal digits, a zero byte and a space.
    fn sealed(mut self) -> [u8; BLOCK] {
        self.0[148..156].fill(b' ');
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        self.put(148, format!("{sum:06o}\0 ").as_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: Meta = Meta { mode: 0o644, uid: 0, gid: 0 };

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    fn archive(fill: impl FnOnce(&mut TarWriter<Vec<u8>>) -> Result<(), WriteError>) -> Result<Vec<u8>, WriteError> {
        let mut writer = TarWriter::new(Vec::new(), 0);
        fill(&mut writer)?;
        writer.finish()
    }

    #[test]
    fn what_fits_a_plain_header_gets_no_other() {
        let plain = archive(|tar| tar.file(&path(&format!("{}/x", "d".repeat(150))), META, 1, b"x".as_slice()));
        assert_eq!(plain.unwrap().len(), 512 + 512 + 1024);
        let long = archive(|tar| tar.file(&path(&"f".repeat(101)), META, 1, b"x".as_slice())).unwrap();
        assert_eq!(long.len(), 1024 + 512 + 512 + 1024);
        assert_eq!(long[512..635], *format!("111 path={}\n{}", "f".repeat(101), "\0".repeat(12)).as_bytes());
    }

    #[test]
    fn what_is_not_ascii_stands_only_in_a_pax_record() {
        let bytes = archive(|tar| tar.symlink(&path("größe"), "ß")).unwrap();
        let records = "16 path=größe\n15 linkpath=ß\n";
        assert_eq!(bytes[512..512 + records.len()], *records.as_bytes());
        assert_eq!(bytes[1024..1030], *b"gr__e\0");
        assert_eq!(bytes[1024 + 157..1024 + 159], *b"_\0");
    }

    #[test]
    fn content_that_is_not_as_long_as_announced_is_an_error() {
        let sized = |size| archive(|tar| tar.file(&path("f"), META, size, b"1234".as_slice())).unwrap_err().to_string();
        assert_eq!(sized(5), "`f` should have 5 bytes, but has fewer");
        assert_eq!(sized(3), "`f` should have 3 bytes, but has more");
        assert_eq!(sized(0), "`f` should have 0 bytes, but has more");
    }

    #[test]
    fn a_target_that_no_manifest_could_hold_is_an_error() {
        for target in ["", "a\nb"] {
            assert_eq!(
                archive(|tar| tar.symlink(&path("l"), target)).unwrap_err().to_string(),
                "the symbolic link `l` has a target that is empty or holds a control character"
            );
        }
    }

    #[test]
    fn a_full_disk_is_told_with_the_entry() {
        let mut space = [0; 700];
        let mut writer = TarWriter::new(space.as_mut_slice(), 0);
        let error = writer.file(&path("f"), META, 512, [0; 512].as_slice()).unwrap_err();
        assert_eq!(error.to_string(), "cannot write `f` into the archive");
    }
}
