//! Reads exports: each member is the one that must come next, and is hashed, before anybody may use it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, Write};
use std::path::Path;
use std::rc::Rc;

use super::index::{Index, Member};
use super::texts::Texts;
use super::write::{DIRECTORY, EXECUTABLE, Hashed, PLAIN};
use super::{ExportError, MOST, MOST_TEXT, SEAL, SEAL_LENGTH, Wrong};
use crate::archive::{Limits, Meta, TarKind, TarReader, decompress};
use crate::digest::{Blake3, ObjectId, Sha256};
use crate::fs;
use crate::path::RelPath;
use crate::tree::{Entry, Tree};

/// How much is read at once.
const BUFFER: usize = 128 * 1024;

/// The sizes of an object's files, in bytes.
pub type Sizes = BTreeMap<RelPath, u64>;

/// An export between two members.
pub struct Reader<'r> {
    archive: String,
    tar: TarReader<Box<dyn Read + 'r>>,
    /// Of all bytes before the seal that were read.
    hasher: Rc<RefCell<blake3::Hasher>>,
    seal: Blake3,
    index: Index,
    index_digest: Blake3,
    text_left: u64,
}

/// The archive's bytes, as they are stored.
struct Stored<'r> {
    file: io::Take<File>,
    hasher: Rc<RefCell<blake3::Hasher>>,
    advance: &'r dyn Fn(u64),
}

impl Read for Stored<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.hasher.borrow_mut().update(&buffer[..length]);
        (self.advance)(length as u64);
        Ok(length)
    }
}

impl<'r> Reader<'r> {
    /// Opens an export and reads its index. `advance` is told of bytes that were read from the file.
    pub fn open(path: &Path, advance: &'r dyn Fn(u64)) -> Result<Self, ExportError> {
        let archive = path.display().to_string();
        let mut file = fs::open(path)?;
        let (length, seal) = seal(&mut file, path)?.ok_or_else(|| Wrong::NoSeal.with(&archive))?;
        let hasher = Rc::new(RefCell::new(blake3::Hasher::new()));
        let stored = Stored { file: file.take(length), hasher: Rc::clone(&hasher), advance };
        let unpacked = decompress(BufReader::with_capacity(BUFFER, stored)).map_err(fs::failed("read", path))?;
        let limits = Limits { bytes: MOST_TEXT, entries: u64::MAX };
        let tar = TarReader::marked(unpacked, &archive, &limits);
        let index = Index::new(false);
        let (text_left, index_digest) = (MOST_TEXT, Blake3::of(b""));
        let mut reader = Self { archive, tar, hasher, seal, index, index_digest, text_left };
        let text = reader.text("index", None)?;
        reader.index_digest = Blake3::of(&text);
        let text = String::from_utf8(text).map_err(|_| reader.wrong("index", Wrong::Index(1)))?;
        reader.index = Index::parse(&text).map_err(|wrong| reader.wrong("index", wrong))?;
        Ok(reader)
    }

    /// Sees to it that the objects' bytes are there.
    pub fn needs_bytes(&self) -> Result<(), ExportError> {
        if self.index.bytes { Ok(()) } else { Err(Wrong::NoBytes.with(&self.archive)) }
    }

    /// Reads all, in its order. `object` and `source` must read what they are called for, by [`Reader::object`] and
    /// [`Reader::source`]; what they make of it proves itself. The texts are given only when all was as it should be.
    pub fn read(
        mut self,
        object: &mut dyn FnMut(&mut Self, &ObjectId, &Tree) -> Result<(), ExportError>,
        source: &mut dyn FnMut(&mut Self, &Sha256) -> Result<(), ExportError>,
    ) -> Result<Texts, ExportError> {
        let mut texts = Texts::new(self.index_digest);
        let members: Vec<(Member, Blake3)> =
            self.index.members().map(|(member, digest)| (member.clone(), *digest)).collect();
        for (member, digest) in members {
            if member == Member::Roots && self.index.bytes {
                for (id, tree) in &texts.trees {
                    object(&mut self, id, tree)?;
                }
            }
            if let Member::Source(sha256) = member {
                source(&mut self, &sha256)?;
            } else {
                let text = self.text(&member.path(), Some(&digest))?;
                let taken = texts.take(&member, text);
                taken.map_err(|wrong| self.wrong(&member.path(), wrong))?;
            }
        }
        self.finish()?;
        Ok(texts)
    }

    /// Sees to it that nothing follows, and that all bytes are those that were sealed.
    fn finish(mut self) -> Result<(), ExportError> {
        match self.tar.next_entry() {
            Ok(None) => {}
            Ok(Some(entry)) => return Err(self.wrong(&String::from_utf8_lossy(&entry.path), Wrong::Unlisted)),
            Err(error) => return Err(Wrong::Archive(error.fault).with(&self.archive)),
        }
        let found = Blake3::from_bytes(*self.hasher.borrow().finalize().as_bytes());
        if found == self.seal { Ok(()) } else { Err(Wrong::Seal.with(&self.archive)) }
    }

    /// Reads an object. Its files are written below `into`, if that is named; directories and links are not, but for
    /// directories that files need.
    pub fn object(&mut self, id: &ObjectId, tree: &Tree, into: Option<&Path>) -> Result<Sizes, ExportError> {
        let base = format!("objects/{id}");
        let mut sizes = Sizes::new();
        let mut left = MOST;
        self.member(&base, &TarKind::Directory, DIRECTORY)?;
        for (path, entry) in tree.iter() {
            let member = format!("{base}/{path}");
            match entry {
                Entry::Dir => {
                    self.member(&member, &TarKind::Directory, DIRECTORY)?;
                    if let Some(place) = into.map(|into| path.under(into)) {
                        std::fs::create_dir(&place).map_err(fs::failed("create the directory", &place))?;
                    }
                }
                Entry::Symlink { target } => {
                    if leads_out(path, target) {
                        return Err(self.wrong(&member, Wrong::LeadsOut(target.clone())));
                    }
                    let kind = TarKind::Symlink { target: target.clone().into_bytes() };
                    self.member(&member, &kind, Meta { mode: 0o777, ..PLAIN })?;
                }
                Entry::File { executable, digest } => {
                    let size = self.file_member(&member, if *executable { EXECUTABLE } else { PLAIN })?;
                    left = left.checked_sub(size).ok_or_else(|| self.wrong(&member, Wrong::TooLarge(MOST)))?;
                    match into.map(|into| path.under(into)) {
                        Some(place) => {
                            let file = File::create_new(&place).map_err(fs::failed("create", &place))?;
                            self.content(&member, size, digest, file, &place)?;
                        }
                        None => self.content(&member, size, digest, io::sink(), Path::new(""))?,
                    }
                    sizes.insert(path.clone(), size);
                }
            }
        }
        Ok(sizes)
    }

    /// Reads a source, into a file if one is named.
    pub fn source(&mut self, sha256: &Sha256, into: Option<&Path>) -> Result<(), ExportError> {
        use sha2::Digest as _;
        let path = Member::Source(*sha256).path();
        let size = self.file_member(&path, PLAIN)?;
        if size > MOST {
            return Err(self.wrong(&path, Wrong::TooLarge(MOST)));
        }
        let digest = self.index.digest(&Member::Source(*sha256));
        let mut output: Box<dyn Write> = match into {
            Some(place) => Box::new(File::create_new(place).map_err(fs::failed("create", place))?),
            None => Box::new(io::sink()),
        };
        let mut hasher = sha2::Sha256::new();
        let both = Both { output: &mut output, hasher: &mut hasher };
        self.content(&path, size, &digest, both, into.unwrap_or(Path::new("")))?;
        let found = Sha256::from_bytes(hasher.finalize().into());
        if found == *sha256 { Ok(()) } else { Err(self.wrong(&path, differs("SHA-256", sha256, &found))) }
    }

    /// A member that is a text, which hashes to `digest`.
    fn text(&mut self, path: &str, digest: Option<&Blake3>) -> Result<Vec<u8>, ExportError> {
        let size = self.file_member(path, PLAIN)?;
        let left = self.text_left.checked_sub(size);
        self.text_left = left.ok_or_else(|| self.wrong(path, Wrong::TooLarge(MOST_TEXT)))?;
        let mut text = Vec::new();
        let read = (&mut self.tar).take(size).read_to_end(&mut text);
        read.map_err(|error| self.wrong(path, Wrong::Archive(crate::archive::Fault::reading(error))))?;
        let found = Blake3::of(&text);
        match digest {
            Some(digest) if found != *digest => Err(self.wrong(path, differs("BLAKE3", digest, &found))),
            _ => Ok(text),
        }
    }

    /// Goes on to the next member, which must be this file; gives its size.
    fn file_member(&mut self, path: &str, meta: Meta) -> Result<u64, ExportError> {
        match self.member(path, &TarKind::File { size: 0 }, meta)? {
            TarKind::File { size } => Ok(size),
            _ => unreachable!("a member is of the kind that is asked for"),
        }
    }

    /// Goes on to the next member, which must be this one. Of a file, the size is not compared.
    fn member(&mut self, path: &str, kind: &TarKind, meta: Meta) -> Result<TarKind, ExportError> {
        let entry = match self.tar.next_entry() {
            Ok(Some(entry)) => entry,
            Ok(None) => return Err(self.wrong(path, Wrong::Missing)),
            Err(error) => return Err(self.wrong(path, Wrong::Archive(error.fault))),
        };
        let is_directory = *kind == TarKind::Directory;
        let expected = format!("{path}{}", if is_directory { "/" } else { "" });
        if entry.path != expected.as_bytes() {
            return Err(self.wrong(path, Wrong::Another(String::from_utf8_lossy(&entry.path).into_owned())));
        }
        let same = matches!((kind, &entry.kind), (TarKind::File { .. }, TarKind::File { .. })) || *kind == entry.kind;
        let found = Meta { mode: entry.mode, uid: entry.uid, gid: entry.gid };
        if !same || self.tar.is_sparse() || found != meta || !entry.attributes.is_empty() {
            let (expected, found) = (described(kind, meta), described(&entry.kind, found));
            return Err(self.wrong(path, Wrong::Kind { expected, found }));
        }
        Ok(entry.kind)
    }

    /// The bytes of the current member: written to `output`, and hashed.
    fn content(
        &mut self,
        path: &str,
        size: u64,
        digest: &Blake3,
        output: impl Write,
        place: &Path,
    ) -> Result<(), ExportError> {
        let mut output = Hashed::new(output);
        let mut buffer = vec![0; BUFFER];
        let mut left = size;
        while left > 0 {
            let length = self.tar.read(&mut buffer);
            let length =
                length.map_err(|error| self.wrong(path, Wrong::Archive(crate::archive::Fault::reading(error))))?;
            output.write_all(&buffer[..length]).map_err(fs::failed("write", place))?;
            left -= length as u64;
        }
        output.flush().map_err(fs::failed("write", place))?;
        let found = output.digest();
        if found == *digest { Ok(()) } else { Err(self.wrong(path, differs("BLAKE3", digest, &found))) }
    }

    fn wrong(&self, member: &str, wrong: Wrong) -> ExportError {
        wrong.with_member(&self.archive, member)
    }
}

/// The length of what stands before the seal, and the seal; `None` when there is none.
fn seal(file: &mut File, path: &Path) -> Result<Option<(u64, Blake3)>, ExportError> {
    let read = |file: &mut File| -> io::Result<Option<(u64, Blake3)>> {
        let length = file.metadata()?.len();
        let Some(before) = length.checked_sub(SEAL_LENGTH) else { return Ok(None) };
        file.seek(io::SeekFrom::Start(before))?;
        let (mut head, mut digest) = ([0; SEAL.len()], [0; 32]);
        file.read_exact(&mut head)?;
        file.read_exact(&mut digest)?;
        file.rewind()?;
        Ok((head == SEAL).then_some((before, Blake3::from_bytes(digest))))
    };
    Ok(read(file).map_err(fs::failed("read", path))?)
}

/// Whether a relative link climbs above the tree that it is in. An absolute one is resolved in an image's root.
fn leads_out(path: &RelPath, target: &str) -> bool {
    let mut depth = path.ancestors().count();
    !target.starts_with('/')
        && target.split('/').any(|component| match component {
            "" | "." => false,
            ".." => match depth.checked_sub(1) {
                Some(above) => {
                    depth = above;
                    false
                }
                None => true,
            },
            _ => {
                depth += 1;
                false
            }
        })
}

fn differs(kind: &'static str, expected: &impl ToString, found: &impl ToString) -> Wrong {
    Wrong::Digest { kind, expected: expected.to_string(), found: found.to_string() }
}

fn described(kind: &TarKind, meta: Meta) -> String {
    let Meta { mode, uid, gid } = meta;
    let what = match kind {
        TarKind::Directory => "a directory".to_owned(),
        TarKind::File { .. } => "a file".to_owned(),
        TarKind::Symlink { target } => {
            format!("a symbolic link to `{}`", String::from_utf8_lossy(target).escape_debug())
        }
        TarKind::HardLink { .. } => "a hard link".to_owned(),
        TarKind::Device { what, .. } | TarKind::Special(what) => (*what).to_owned(),
    };
    format!("{what} of {uid}:{gid} with the mode {mode:04o}")
}

/// Writes to an output and a hasher.
struct Both<'b> {
    output: &'b mut dyn Write,
    hasher: &'b mut sha2::Sha256,
}

impl Write for Both<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use sha2::Digest as _;
        let length = self.output.write(bytes)?;
        self.hasher.update(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
