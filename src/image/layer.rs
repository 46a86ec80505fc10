//! A layer as a blob: its tar archive, compressed, digested while it is written.
//!
//! Objects' files, hashed → tar, hashed (the diffID) → blocks; and on another thread: blocks → compression on all
//! cores → hashed (the digest) and counted → file. Layers are made in parallel too, so that many small ones keep all
//! cores busy as well as one big one does.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread::ScopedJoinHandle;

use rayon::iter::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use sha2::Digest as _;

use super::kept::Kept;
use super::object::ObjectFile;
use super::pack::{Cutter, Press};
use super::rootfs::{Content, Inode, Kind, Layer, Rootfs};
use super::{Compression, ImageError, LayerSummary, Options};
use crate::archive::{EPOCH, Meta, TarWriter, WriteError};
use crate::digest::Sha256;
use crate::fs;
use crate::path::RelPath;
use crate::store::Store;

const BUFFER: usize = 1 << 16;

/// Writes all layers of an image into a directory, in parallel; each file bears its digest as its name. Those that
/// were made before are brought from the store, the others are kept there. Without a compression they are plain tar
/// archives.
///
/// # Errors
/// When an object's file is missing or corrupt, or a layer cannot be written.
pub(super) fn write_all(
    rootfs: &Rootfs,
    compression: Option<Compression>,
    options: &Options,
    store: &Store,
    directory: &Path,
) -> Result<Vec<LayerSummary>, ImageError> {
    let threads = rayon::current_num_threads();
    Press::with(threads, compression, |press| {
        std::thread::scope(|flushes| {
            let layers = rootfs.layers().par_iter().enumerate();
            let written = layers.map(|(index, layer)| {
                let unnamed = directory.join(format!("layer-{index}"));
                let kept = Kept::place(layer, compression, store);
                let there = kept.as_ref().map(|kept| kept.bring(layer, options.links, &unnamed)).transpose()?.flatten();
                let is_new = there.is_none();
                let summary = there.map_or_else(|| write(layer, press, store, &unnamed), Ok)?;
                let blob = blob_path(directory, &summary.digest);
                fs::rename(&unnamed, &blob)?;
                // The blob of another platform's image may be there as a link to the same file: nothing was renamed.
                fs::remove_file(&unnamed)?;
                let made = summary.clone();
                // The processor goes on with the next layer while the disk is busy with this one.
                let flush = is_new.then(|| flushes.spawn(move || flush(&blob, &made, kept)));
                Ok((summary, flush))
            });
            let written: Vec<_> = written.collect::<Result<_, ImageError>>()?;
            let flushed = |(summary, flush): (LayerSummary, Option<ScopedJoinHandle<'_, _>>)| {
                flush.map_or(Ok(()), |flush| flush.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))?;
                Ok(summary)
            };
            written.into_iter().map(flushed).collect()
        })
    })
}

/// Sees to it that a new blob outlives a power cut, and keeps it in the store.
fn flush(blob: &Path, summary: &LayerSummary, kept: Option<Kept<'_>>) -> Result<(), ImageError> {
    fs::sync(blob)?;
    kept.map_or(Ok(()), |kept| kept.keep(summary, blob))
}

/// Where a directory of blobs keeps one.
pub(super) fn blob_path(directory: &Path, digest: &Sha256) -> PathBuf {
    directory.join(digest.to_string())
}

fn write(layer: &Layer, press: &Press<'_>, store: &Store, path: &Path) -> Result<LayerSummary, ImageError> {
    let failed = || fs::failed("write", path);
    let mut file = Digester::new(BufWriter::with_capacity(BUFFER, fs::create(path)?));
    let (cutter, packer) = press.stream();
    let (packed, archived) = std::thread::scope(|scope| {
        let archive = scope.spawn(|| archive(layer, store, path, cutter));
        let packed = packer.pack(&mut file);
        (packed, archive.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    // When the packer fails, the archive only finds that nobody takes it any more.
    packed.map_err(failed())?;
    let diff_id = archived?;
    let (mut file, digest, size) = file.finish();
    file.flush().map_err(failed())?;
    Ok(LayerSummary { digest, diff_id, size, origin: layer.origin.clone() })
}

/// Writes the layer's archive; gives its digest.
fn archive(layer: &Layer, store: &Store, path: &Path, cutter: Cutter<'_>) -> Result<Sha256, ImageError> {
    let failed = |source| ImageError::Tar { path: path.to_owned(), source };
    let mut tar = TarWriter::new(Digester::new(cutter), EPOCH);
    for (name, inode) in &layer.entries {
        append(&mut tar, name, inode, store, &failed)?;
    }
    let (cutter, diff_id, _) = tar.finish().map_err(failed)?.finish();
    cutter.finish().map_err(fs::failed("write", path))?;
    Ok(diff_id)
}

fn append(
    tar: &mut TarWriter<impl Write>,
    name: &RelPath,
    inode: &Inode,
    store: &Store,
    failed: &impl Fn(WriteError) -> ImageError,
) -> Result<(), ImageError> {
    let meta = Meta { mode: inode.mode, uid: inode.owner.uid, gid: inode.owner.gid };
    let appended = match &inode.kind {
        Kind::Directory => tar.directory(name, meta),
        Kind::Symlink { target } => tar.symlink(name, target),
        Kind::File(Content::Inline(bytes)) => tar.file(name, meta, bytes.len() as u64, bytes.as_slice()),
        Kind::File(Content::Object { id, digest }) => {
            let mut file = ObjectFile::open(store, id, name, *digest)?;
            let appended = tar.file(name, meta, file.metadata()?.len(), &mut file);
            appended.map_err(failed)?;
            return file.verify();
        }
    };
    appended.map_err(failed)
}

/// Hashes and counts what passes through.
struct Digester<W> {
    writer: W,
    hasher: sha2::Sha256,
    size: u64,
}

impl<W> Digester<W> {
    fn new(writer: W) -> Self {
        Self { writer, hasher: sha2::Sha256::new(), size: 0 }
    }

    fn finish(self) -> (W, Sha256, u64) {
        (self.writer, Sha256::from_bytes(self.hasher.finalize().into()), self.size)
    }
}

impl<W: Write> Write for Digester<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
