//! Writes exports.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::index::{Index, Member};
use super::{ExportError, Exported, SEAL, Selection};
use crate::archive::{EPOCH, Meta, TarWriter, WriteError};
use crate::digest::{Blake3, DerivationKey, ObjectId, Sha256};
use crate::fs;
use crate::path::RelPath;
use crate::store::verify::hash_file;
use crate::store::{Store, StoreError};
use crate::tree::{Entry, Tree};

/// zstd's own default: as small as gzip's best, and many times as fast.
const LEVEL: i32 = 3;

pub(super) const DIRECTORY: Meta = Meta { mode: 0o755, uid: 0, gid: 0 };
pub(super) const EXECUTABLE: Meta = Meta { mode: 0o555, uid: 0, gid: 0 };
pub(super) const PLAIN: Meta = Meta { mode: 0o444, uid: 0, gid: 0 };

impl Store {
    /// Writes an export to `output`, which is replaced when all is written. `advance` is told of bytes that were read.
    ///
    /// Every object's file is hashed on the way, so that nothing corrupt leaves the store.
    ///
    /// # Errors
    /// When something of the selection is not there or corrupt, or the archive cannot be written.
    pub fn export(&self, selection: &Selection, output: &Path, advance: &dyn Fn(u64)) -> Result<Exported, ExportError> {
        let collected = Collected::of(self, selection)?;
        let directory = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(directory).map_err(fs::failed("create a file in", directory))?;
        let index = Writer::write(self, &collected, file.as_file_mut(), output, advance)?;
        let metadata = file.as_file().metadata().map_err(fs::failed("inspect", output))?;
        let mode = Permissions::from_mode(0o644);
        file.as_file().set_permissions(mode).map_err(fs::failed("set the mode of", output))?;
        file.persist(output).map_err(|error| fs::failed("move into place", output)(error.error))?;
        let traces = collected.texts.iter().filter(|(member, _)| matches!(member, Member::Trace(_))).count();
        let (objects, sources) = (collected.trees.len(), collected.sources.len());
        Ok(Exported { index, objects, traces, sources, size: metadata.len() })
    }
}

/// What an export is written from: all texts, and where the rest is.
struct Collected {
    index: Index,
    texts: Vec<(Member, Vec<u8>)>,
    trees: BTreeMap<ObjectId, Tree>,
    sources: Vec<Sha256>,
}

impl Collected {
    fn of(store: &Store, selection: &Selection) -> Result<Self, ExportError> {
        let Selection { objects, traces, roots, sources, logs, bytes } = selection;
        let trees = objects.iter().map(|id| Ok((*id, store.tree(id)?))).collect::<Result<_, StoreError>>()?;
        let mut collected = Self { index: Index::new(*bytes), texts: Vec::new(), trees, sources: Vec::new() };
        for (id, tree) in &collected.trees {
            collected.texts.push((Member::Manifest(*id), tree.manifest().into_bytes()));
        }
        let roots = roots.iter().filter(|(_, id)| objects.contains(id));
        let roots: String = roots.map(|(name, id)| format!("{id}  {name}\n")).collect();
        collected.texts.push((Member::Roots, roots.into_bytes()));
        for key in traces {
            collected.derivation(store, key, *logs)?;
        }
        for (member, text) in &collected.texts {
            collected.index.add(member.clone(), Blake3::of(text));
        }
        for sha256 in sources {
            collected.source(store, sha256)?;
        }
        Ok(collected)
    }

    /// A trace with what belongs to it.
    fn derivation(&mut self, store: &Store, key: &DerivationKey, log: bool) -> Result<(), ExportError> {
        let Some(trace) = store.trace(key)? else {
            return Err(corrupt(&Member::Trace(*key).path(), "is not there, or an object of it is not"));
        };
        if !trace.outputs.values().all(|id| self.trees.contains_key(id)) {
            return Ok(());
        }
        self.texts.push((Member::Trace(*key), trace.text(key).into_bytes()));
        if let Some(inputs) = store.inputs(key)? {
            if inputs.key() != *key {
                return Err(corrupt(&Member::Inputs(*key).path(), "does not explain its key"));
            }
            self.texts.push((Member::Inputs(*key), inputs.text().into_bytes()));
        }
        // A check that builds again replaces the log, and leaves the trace as it is.
        if log
            && let Some(text) = store.log(key)?
            && Blake3::of(&text) == trace.log
        {
            self.texts.push((Member::Log(*key), fs::read(&store.log_path(key))?));
        }
        Ok(())
    }

    fn source(&mut self, store: &Store, sha256: &Sha256) -> Result<(), ExportError> {
        let member = Member::Source(*sha256);
        let Some(path) = store.source(sha256) else { return Err(corrupt(&member.path(), "is not there")) };
        let found = hash_file(&path)?;
        if found != *sha256 {
            return Err(corrupt(&member.path(), &format!("is corrupt: its SHA-256 is {found}")));
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update_mmap(&path).map_err(fs::failed("read", &path))?;
        self.index.add(member, Blake3::from_bytes(*hasher.finalize().as_bytes()));
        self.sources.push(*sha256);
        Ok(())
    }
}

fn corrupt(what: &str, how: &str) -> ExportError {
    ExportError::Corrupt { what: what.to_owned(), how: how.to_owned() }
}

/// The compressed archive, hashed as it grows.
type Compressed<'f> = zstd::Encoder<'static, Hashed<BufWriter<&'f mut File>>>;

struct Writer<'w, 'f> {
    store: &'w Store,
    tar: TarWriter<Compressed<'f>>,
    output: &'w Path,
    advance: &'w dyn Fn(u64),
}

impl<'w, 'f> Writer<'w, 'f> {
    /// Writes all; returns what the index hashes to.
    fn write(
        store: &'w Store,
        collected: &Collected,
        file: &'f mut File,
        output: &'w Path,
        advance: &'w dyn Fn(u64),
    ) -> Result<Blake3, ExportError> {
        let failed = |error: io::Error| ExportError::Fs(fs::failed("write", output)(error));
        let mut encoder = zstd::Encoder::new(Hashed::new(BufWriter::new(file)), LEVEL).map_err(failed)?;
        encoder.include_checksum(true).map_err(failed)?;
        let mut writer = Self { store, tar: TarWriter::new(encoder, EPOCH), output, advance };
        let index = collected.index.text();
        writer.text("index", index.as_bytes())?;
        let texts: BTreeMap<String, &Vec<u8>> =
            collected.texts.iter().map(|(member, text)| (member.path(), text)).collect();
        for (member, digest) in collected.index.members() {
            // All objects come between the manifests and the roots.
            if *member == Member::Roots && collected.index.bytes {
                collected.trees.iter().try_for_each(|(id, tree)| writer.object(id, tree))?;
            }
            match (member, texts.get(&member.path())) {
                (Member::Source(sha256), _) => writer.source(sha256, digest)?,
                (member, Some(text)) => writer.text(&member.path(), text)?,
                (member, None) => return Err(corrupt(&member.path(), "is not there")),
            }
        }
        let written = |source| ExportError::Write { path: output.to_owned(), source };
        let Hashed { mut inner, hasher, .. } = writer.tar.finish().map_err(written)?.finish().map_err(failed)?;
        let seal = [&SEAL[..], hasher.finalize().as_bytes()].concat();
        inner.write_all(&seal).and_then(|()| inner.flush()).map_err(failed)?;
        Ok(Blake3::of(index.as_bytes()))
    }

    fn done<T>(&self, result: Result<T, WriteError>) -> Result<T, ExportError> {
        result.map_err(|source| ExportError::Write { path: self.output.to_owned(), source })
    }

    fn text(&mut self, path: &str, text: &[u8]) -> Result<(), ExportError> {
        let path = RelPath::new(path).expect("members have plain names");
        let written = self.tar.file(&path, PLAIN, text.len() as u64, text);
        self.done(written)
    }

    fn object(&mut self, id: &ObjectId, tree: &Tree) -> Result<(), ExportError> {
        let base = RelPath::new(format!("objects/{id}")).expect("an id is a plain word");
        let begun = self.tar.directory(&base, DIRECTORY);
        self.done(begun)?;
        let root = self.store.object_path(id);
        for (path, entry) in tree.iter() {
            let member = format!("{base}/{path}");
            let member = RelPath::new(&member).map_err(|error| corrupt(&member, error.reason))?;
            let place = path.under(&root);
            match entry {
                Entry::Dir => {
                    let written = self.tar.directory(&member, DIRECTORY);
                    self.done(written)?;
                }
                Entry::Symlink { target } => {
                    if std::fs::read_link(&place).map_err(fs::failed("read the link", &place))? != Path::new(target) {
                        return Err(corrupt(member.as_str(), NOT_TRUE));
                    }
                    let written = self.tar.symlink(&member, target);
                    self.done(written)?;
                }
                Entry::File { executable, digest } => {
                    self.file(&member, &place, if *executable { EXECUTABLE } else { PLAIN }, digest)?;
                }
            }
        }
        Ok(())
    }

    fn source(&mut self, sha256: &Sha256, digest: &Blake3) -> Result<(), ExportError> {
        let member = Member::Source(*sha256);
        let Some(place) = self.store.source(sha256) else { return Err(corrupt(&member.path(), "is not there")) };
        let path = RelPath::new(member.path()).expect("members have plain names");
        self.file(&path, &place, PLAIN, digest)
    }

    /// A file of the store, which must hash to `digest`.
    fn file(&mut self, member: &RelPath, place: &Path, meta: Meta, digest: &Blake3) -> Result<(), ExportError> {
        let metadata = std::fs::metadata(place).map_err(fs::failed("inspect", place))?;
        let executable = metadata.permissions().mode() & 0o111 != 0;
        if !metadata.is_file() || executable != (meta == EXECUTABLE) {
            return Err(corrupt(member.as_str(), NOT_TRUE));
        }
        let mut content = Hashed::new(fs::open(place)?);
        let written = self.tar.file(member, meta, metadata.len(), &mut content);
        self.done(written)?;
        (self.advance)(metadata.len());
        if content.digest() != *digest {
            return Err(corrupt(member.as_str(), NOT_TRUE));
        }
        Ok(())
    }
}

const NOT_TRUE: &str = "is not what its name or manifest says";

/// What is read or written, hashed.
pub(super) struct Hashed<T> {
    pub inner: T,
    pub hasher: blake3::Hasher,
}

impl<T> Hashed<T> {
    pub fn new(inner: T) -> Self {
        Self { inner, hasher: blake3::Hasher::new() }
    }

    pub fn digest(&self) -> Blake3 {
        Blake3::from_bytes(*self.hasher.finalize().as_bytes())
    }
}

impl<T: Read> Read for Hashed<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        Ok(length)
    }
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
