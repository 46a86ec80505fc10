//! Compresses a stream on all cores, to bytes that depend on nothing but the stream.
//!
//! The stream is cut into blocks of one size. Each is compressed by itself, so that any thread may do it at any time,
//! and what comes out is put together in order. Where blocks begin depends on nothing but their size, and a block's
//! result on nothing but its bytes: the number of threads does not matter, nor how the stream arrives.
//!
//! - gzip: a member for each block; members may follow each other (RFC 1952, 2.2). The encoder, libdeflate, takes a
//!   block as a whole, not as a stream, which makes it twice as fast as zlib's kind.
//! - zstd: a frame for each block; frames may follow each other (RFC 8878, 3).
//!
//! A stream of nothing is one block of nothing. Knows nothing of what is in the stream.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use libdeflater::{CompressionLvl, Compressor};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::Compression;

/// Blobs as small as those of zlib's level 6, in half the time. Level 1 takes three quarters of this one's time, and
/// its blobs are a twentieth larger.
const GZIP_LEVEL: i32 = 2;
const GZIP_BLOCK: usize = 512 << 10;

const ZSTD_LEVEL: i32 = 3;
const ZSTD_BLOCK: usize = 4 << 20;

/// How many bytes are handed over, and compressed, at once; a memory bound, of which the result knows nothing.
const AT_ONCE: usize = 8 << 20;

/// What makes the bytes of a compressed layer: another encoder, version, level or block size can make others of the
/// same archive. A layer's identity is therefore its diffID.
pub fn encoder(compression: Compression) -> &'static str {
    match compression {
        Compression::Gzip => "libdeflate 1.26, level 2, members of 512 KiB",
        Compression::Zstd => "zstd 1.5.7, level 3, frames of 4 MiB",
    }
}

/// Cuts what is written to it into blocks.
pub(super) struct Cutter {
    sender: SyncSender<Vec<u8>>,
    size: usize,
    block: Vec<u8>,
    /// Whether no block was handed over yet.
    first: bool,
}

/// The two ends of a compression: what is written to the first, on one thread, is compressed by the second on another.
pub(super) fn packer(compression: Option<Compression>) -> (Cutter, Packer) {
    let size = match compression {
        None | Some(Compression::Gzip) => GZIP_BLOCK,
        Some(Compression::Zstd) => ZSTD_BLOCK,
    };
    let (sender, blocks) = sync_channel(AT_ONCE / size);
    let cutter = Cutter { sender, size, block: Vec::with_capacity(size), first: true };
    (cutter, Packer { blocks, compression, most: AT_ONCE / size })
}

impl Cutter {
    fn hand_over(&mut self) -> io::Result<()> {
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(self.size));
        self.first = false;
        // Whoever compresses has failed, and tells why.
        self.sender.send(block).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Ends the stream.
    pub fn finish(mut self) -> io::Result<()> {
        if self.block.is_empty() && !self.first { Ok(()) } else { self.hand_over() }
    }
}

impl Write for Cutter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.size - self.block.len());
        self.block.extend_from_slice(&bytes[..count]);
        if self.block.len() == self.size {
            self.hand_over()?;
        }
        Ok(count)
    }

    /// A flush would end a block early.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compresses the blocks that a [`Cutter`] cuts.
pub(super) struct Packer {
    blocks: Receiver<Vec<u8>>,
    compression: Option<Compression>,
    most: usize,
}

impl Packer {
    /// Writes the compressed stream, until the cutter is gone. One that went without [`Cutter::finish`] leaves a
    /// stream that is whole in form but not in content.
    pub fn pack(self, output: &mut impl Write) -> io::Result<()> {
        while let Ok(first) = self.blocks.recv() {
            let mut blocks = vec![first];
            blocks.extend(self.blocks.try_iter().take(self.most - 1));
            let packed: Vec<_> =
                blocks.into_par_iter().map(|block| pack_block(block, self.compression)).collect::<io::Result<_>>()?;
            for bytes in packed {
                output.write_all(&bytes)?;
            }
        }
        Ok(())
    }
}

fn pack_block(block: Vec<u8>, compression: Option<Compression>) -> io::Result<Vec<u8>> {
    match compression {
        None => Ok(block),
        Some(Compression::Zstd) => zstd::bulk::compress(&block, ZSTD_LEVEL),
        Some(Compression::Gzip) => GZIP.with_borrow_mut(|gzip| gzip.member(&block)),
    }
}

/// An encoder with its tables, and room for what it writes: each thread makes one and keeps it.
struct Gzip {
    encoder: Compressor,
    room: Vec<u8>,
}

thread_local! {
    static GZIP: RefCell<Gzip> = RefCell::new(Gzip::new());
}

impl Gzip {
    fn new() -> Self {
        let level = CompressionLvl::new(GZIP_LEVEL).expect("a level that libdeflate has");
        let mut encoder = Compressor::new(level);
        let room = vec![0; encoder.gzip_compress_bound(GZIP_BLOCK)];
        Self { encoder, room }
    }

    fn member(&mut self, block: &[u8]) -> io::Result<Vec<u8>> {
        let length = self.encoder.gzip_compress(block, &mut self.room).map_err(io::Error::other)?;
        Ok(self.room[..length].to_vec())
    }
}

#[cfg(test)]
mod tests;
