//! A layer as a blob: its tar archive, compressed, digested while it is written.
//!
//! Tar → blocks, hashed (the diffID) → compression → hashed (the digest) and counted → file. The compressor always
//! gets blocks of the same size, so that its output cannot depend on how the archive's parts arrived.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use rayon::iter::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use sha2::Digest as _;

use super::object::ObjectFile;
use super::rootfs::{Content, Inode, Kind, Layer, Rootfs};
use super::{Compression, ImageError, LayerSummary, ObjectPaths};
use crate::archive::{EPOCH, Meta, TarWriter, WriteError};
use crate::digest::Sha256;
use crate::fs;
use crate::path::RelPath;

const BLOCK: usize = 1 << 16;
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;
/// RFC 1952: the operating system is unknown.
const GZIP_UNKNOWN_SYSTEM: u8 = 255;

/// Writes all layers of an image into a directory, in parallel; each file bears its digest as its name.
/// Without a compression they are plain tar archives.
///
/// # Errors
/// When an object's file is missing or corrupt, or a layer cannot be written.
pub(super) fn write_all(
    rootfs: &Rootfs,
    compression: Option<Compression>,
    objects: ObjectPaths<'_>,
    directory: &Path,
) -> Result<Vec<LayerSummary>, ImageError> {
    let layers = rootfs.layers().par_iter().enumerate();
    layers
        .map(|(index, layer)| {
            let unnamed = directory.join(format!("layer-{index}"));
            let summary = write(layer, compression, objects, &unnamed)?;
            fs::sync(&unnamed)?;
            fs::rename(&unnamed, &blob_path(directory, &summary.digest))?;
            Ok(summary)
        })
        .collect()
}

/// Where a directory of blobs keeps one.
pub(super) fn blob_path(directory: &Path, digest: &Sha256) -> PathBuf {
    directory.join(digest.to_string())
}

fn write(
    layer: &Layer,
    compression: Option<Compression>,
    objects: ObjectPaths<'_>,
    path: &Path,
) -> Result<LayerSummary, ImageError> {
    let failed = || fs::failed("write", path);
    let tar_failed = |source| ImageError::Tar { path: path.to_owned(), source };
    let file = Digester::new(BufWriter::with_capacity(BLOCK, fs::create(path)?));
    let encoder = Encoder::new(file, compression).map_err(failed())?;
    let mut tar = TarWriter::new(Blocks::new(Digester::new(encoder)), EPOCH);
    for (name, inode) in &layer.entries {
        append(&mut tar, name, inode, objects, &tar_failed)?;
    }
    let blocks = tar.finish().map_err(tar_failed)?;
    let (encoder, diff_id, _) = blocks.finish().map_err(failed())?.finish();
    let (mut file, digest, size) = encoder.finish().map_err(failed())?.finish();
    file.flush().map_err(failed())?;
    Ok(LayerSummary { digest, diff_id, size, origin: layer.origin.clone() })
}

fn append(
    tar: &mut TarWriter<impl Write>,
    name: &RelPath,
    inode: &Inode,
    objects: ObjectPaths<'_>,
    failed: &impl Fn(WriteError) -> ImageError,
) -> Result<(), ImageError> {
    let meta = Meta { mode: inode.mode, uid: inode.owner.uid, gid: inode.owner.gid };
    let appended = match &inode.kind {
        Kind::Directory => tar.directory(name, meta),
        Kind::Symlink { target } => tar.symlink(name, target),
        Kind::File(Content::Inline(bytes)) => tar.file(name, meta, bytes.len() as u64, bytes.as_slice()),
        Kind::File(Content::Object { id, digest }) => {
            let mut file = ObjectFile::open(objects, id, name, *digest)?;
            let appended = tar.file(name, meta, file.size()?, &mut file);
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

/// Passes on blocks of one size, however the bytes arrive.
struct Blocks<W> {
    writer: W,
    block: Vec<u8>,
}

impl<W: Write> Blocks<W> {
    fn new(writer: W) -> Self {
        Self { writer, block: Vec::with_capacity(BLOCK) }
    }

    fn finish(mut self) -> io::Result<W> {
        self.writer.write_all(&self.block)?;
        Ok(self.writer)
    }
}

impl<W: Write> Write for Blocks<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..count]);
        if self.block.len() == BLOCK {
            self.writer.write_all(&self.block)?;
            self.block.clear();
        }
        Ok(count)
    }

    /// A flush would end a block early, and with it a compressor's.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Encoder<W: Write> {
    Plain(W),
    Gzip(GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    fn new(writer: W, compression: Option<Compression>) -> io::Result<Self> {
        Ok(match compression {
            None => Self::Plain(writer),
            Some(Compression::Gzip) => {
                let header = GzBuilder::new().mtime(0).operating_system(GZIP_UNKNOWN_SYSTEM);
                Self::Gzip(header.write(writer, flate2::Compression::new(GZIP_LEVEL)))
            }
            Some(Compression::Zstd) => Self::Zstd(zstd::Encoder::new(writer, ZSTD_LEVEL)?),
        })
    }

    fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(writer) => Ok(writer),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(writer) => writer.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(writer) => writer.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Text that is longer than a block, compressible and not periodic.
    fn text() -> Vec<u8> {
        (0u32..30_000).flat_map(|number| number.wrapping_mul(2_654_435_761).to_string().into_bytes()).collect()
    }

    fn compressed(bytes: &[u8], piece: usize, compression: Compression) -> Vec<u8> {
        let mut blocks = Blocks::new(Encoder::new(Vec::new(), Some(compression)).unwrap());
        for piece in bytes.chunks(piece) {
            blocks.write_all(piece).unwrap();
            blocks.flush().unwrap();
        }
        blocks.finish().unwrap().finish().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn how_an_archive_arrives_does_not_change_its_compressed_bytes(piece in 1usize..200_000) {
            let text = text();
            for compression in [Compression::Gzip, Compression::Zstd] {
                prop_assert_eq!(compressed(&text, piece, compression), compressed(&text, 1 << 20, compression));
            }
        }
    }

    #[test]
    fn a_gzip_header_tells_neither_time_nor_system_nor_name() {
        // RFC 1952: magic, deflate, no flags, no time, default level, unknown system.
        let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        assert_eq!(compressed(b"stone", 5, Compression::Gzip)[..10], header);
    }

    /// Another result is another digest for every image: whoever updates the compressor must know that.
    #[test]
    fn the_compressed_bytes_are_those_that_are_published() {
        let digest = |compression| Sha256::of(&compressed(&text(), 1 << 16, compression)).short();
        assert_eq!(digest(Compression::Gzip), "53bad9f4a0a2");
        assert_eq!(digest(Compression::Zstd), "f769e1073d36");
    }
}
