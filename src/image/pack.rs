//! Compresses a stream on all cores, to bytes that depend on nothing but the stream.
//!
//! The stream is cut into blocks of one size. Each is compressed by itself, so that any thread may do it at any time,
//! and what comes out is put together in order. Where blocks begin depends on nothing but their size, and a block's
//! result on nothing but its bytes and those just before it: the number of threads does not matter, nor how the stream
//! arrives.
//!
//! - gzip: one member (RFC 1952), as every reader takes it. A block is compressed with the 32 KiB before it as its
//!   dictionary, the reach of deflate (RFC 1951), and ends at a byte's boundary with an empty stored block; an empty
//!   last block ends the member. The checksums of the blocks are combined.
//! - zstd: a frame for each block; frames may follow each other (RFC 8878, 3).
//!
//! Knows nothing of what is in the stream.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use flate2::{Compress, Crc, FlushCompress};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::Compression;

const GZIP_LEVEL: u32 = 6;
const GZIP_BLOCK: usize = 512 << 10;
/// How far back deflate can refer (RFC 1951, 2).
const GZIP_REACH: usize = 32 << 10;
/// RFC 1952, 2.3: magic, deflate, no flags, no time, neither the fastest nor the smallest, system unknown.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// RFC 1951, 3.2.3 and 3.2.6: the last block, with fixed codes, that holds only its end.
const DEFLATE_END: [u8; 2] = [3, 0];

const ZSTD_LEVEL: i32 = 3;
const ZSTD_BLOCK: usize = 4 << 20;

/// How many bytes are handed over, and compressed, at once; a memory bound, of which the result knows nothing.
const AT_ONCE: usize = 8 << 20;

/// What makes the bytes of a compressed layer: another encoder, version, level or block size can make others of the
/// same archive. A layer's identity is therefore its diffID.
pub fn encoder(compression: Compression) -> &'static str {
    match compression {
        Compression::Gzip => "zlib-rs 0.6.8, level 6, blocks of 512 KiB",
        Compression::Zstd => "zstd 1.5.7, level 3, frames of 4 MiB",
    }
}

/// A part of the stream.
struct Block {
    /// The bytes just before it, as many as may be referred to.
    before: Vec<u8>,
    bytes: Vec<u8>,
}

/// Cuts what is written to it into blocks.
pub(super) struct Cutter {
    sender: SyncSender<Block>,
    size: usize,
    reach: usize,
    block: Block,
}

/// The two ends of a compression: what is written to the first, on one thread, is compressed by the second on another.
pub(super) fn packer(compression: Option<Compression>) -> (Cutter, Packer) {
    let (size, reach) = match compression {
        None | Some(Compression::Gzip) => (GZIP_BLOCK, GZIP_REACH),
        Some(Compression::Zstd) => (ZSTD_BLOCK, 0),
    };
    let (sender, blocks) = sync_channel(AT_ONCE / size);
    let block = Block { before: Vec::new(), bytes: Vec::with_capacity(size) };
    (Cutter { sender, size, reach, block }, Packer { blocks, compression, most: AT_ONCE / size })
}

impl Cutter {
    fn hand_over(&mut self) -> io::Result<()> {
        let before = self.block.bytes[self.block.bytes.len().saturating_sub(self.reach)..].to_vec();
        let next = Block { before, bytes: Vec::with_capacity(self.size) };
        let block = std::mem::replace(&mut self.block, next);
        // Whoever compresses has failed, and tells why.
        self.sender.send(block).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Ends the stream.
    pub fn finish(mut self) -> io::Result<()> {
        if self.block.bytes.is_empty() { Ok(()) } else { self.hand_over() }
    }
}

impl Write for Cutter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.size - self.block.bytes.len());
        self.block.bytes.extend_from_slice(&bytes[..count]);
        if self.block.bytes.len() == self.size {
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
    blocks: Receiver<Block>,
    compression: Option<Compression>,
    most: usize,
}

impl Packer {
    /// Writes the compressed stream, until the cutter is gone. One that went without [`Cutter::finish`] leaves a
    /// stream that is whole in form but not in content.
    pub fn pack(self, output: &mut impl Write) -> io::Result<()> {
        let mut checksum = Crc::new();
        if self.compression == Some(Compression::Gzip) {
            output.write_all(&GZIP_HEADER)?;
        }
        while let Ok(first) = self.blocks.recv() {
            let mut blocks = vec![first];
            blocks.extend(self.blocks.try_iter().take(self.most - 1));
            let packed: Vec<_> =
                blocks.into_par_iter().map(|block| pack_block(block, self.compression)).collect::<io::Result<_>>()?;
            for (bytes, part) in packed {
                checksum.combine(&part);
                output.write_all(&bytes)?;
            }
        }
        if self.compression == Some(Compression::Gzip) {
            output.write_all(&DEFLATE_END)?;
            output.write_all(&checksum.sum().to_le_bytes())?;
            output.write_all(&checksum.amount().to_le_bytes())?;
        }
        Ok(())
    }
}

/// A block's compressed bytes, and its checksum where one is needed.
fn pack_block(block: Block, compression: Option<Compression>) -> io::Result<(Vec<u8>, Crc)> {
    let mut checksum = Crc::new();
    let packed = match compression {
        None => block.bytes,
        Some(Compression::Zstd) => zstd::bulk::compress(&block.bytes, ZSTD_LEVEL)?,
        Some(Compression::Gzip) => {
            checksum.update(&block.bytes);
            deflate(&block)?
        }
    };
    Ok((packed, checksum))
}

fn deflate(block: &Block) -> io::Result<Vec<u8>> {
    let mut encoder = Compress::new(flate2::Compression::new(GZIP_LEVEL), false);
    if !block.before.is_empty() {
        encoder.set_dictionary(&block.before)?;
    }
    // Enough for what cannot be compressed: fixed codes (RFC 1951, 3.2.6) have at most nine bits for a byte.
    let mut packed = Vec::with_capacity(block.bytes.len() / 8 * 9 + 1024);
    let mut rest = block.bytes.as_slice();
    loop {
        let before = encoder.total_in();
        encoder.compress_vec(rest, &mut packed, FlushCompress::Sync)?;
        let taken = usize::try_from(encoder.total_in() - before).expect("no more than there was");
        rest = &rest[taken..];
        // zlib.h, deflate: a flush is complete when it leaves room in the output.
        if rest.is_empty() && packed.len() < packed.capacity() {
            return Ok(packed);
        }
        packed.reserve(1024);
    }
}

#[cfg(test)]
mod tests;
