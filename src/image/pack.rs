//! Compresses a stream on all cores, to bytes that depend on nothing but the stream.
//!
//! The stream is cut into blocks of one size. Each is compressed by itself, so that any thread may do it at any time,
//! and what comes out is put together in order. Where blocks begin depends on nothing but their size, and a block's
//! result on nothing but its bytes and its number: how many threads there are does not matter, nor how the stream
//! arrives.
//!
//! - gzip: a member for each block; members may follow each other (RFC 1952, 2.2). The encoder, libdeflate, takes a
//!   block as a whole, not as a stream, which makes it twice as fast as zlib's kind.
//! - zstd: a frame for each block; frames may follow each other (RFC 8878, 3).
//!
//! A stream of nothing is one block of nothing. Knows nothing of what is in the stream.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use libdeflater::{CompressionLvl, Compressor};

use super::Compression;

/// The levels at which a stream's blocks are compressed, in turn: libdeflate has none between. Level 2 alone would take
/// a fifth more time, level 1 alone would make blobs of programs 3 % larger. What is small, a block, is at level 2.
const GZIP_LEVELS: [i32; 2] = [2, 1];
const GZIP_BLOCK: usize = 512 << 10;

const ZSTD_LEVEL: i32 = 3;
const ZSTD_BLOCK: usize = 4 << 20;

/// How many bytes of one stream are under way at once; a memory bound, of which the result knows nothing.
const AT_ONCE: usize = 8 << 20;

/// What makes the bytes of a compressed layer: another encoder, version, level or block size can make others of the
/// same archive. A layer's identity is therefore its diffID.
pub fn encoder(compression: Compression) -> &'static str {
    match compression {
        Compression::Gzip => "libdeflate 1.26, levels 2 and 1 in turn, members of 512 KiB",
        Compression::Zstd => "zstd 1.5.7, level 3, frames of 4 MiB",
    }
}

/// A block that is to be compressed, and where the result goes.
struct Job {
    number: usize,
    block: Vec<u8>,
    done: SyncSender<Packed>,
}

type Packed = io::Result<Vec<u8>>;

/// Buffers that are not in use. Asking the system for new ones, page by page, would take a twentieth of the time.
struct Spares {
    capacity: usize,
    buffers: Mutex<Vec<Vec<u8>>>,
}

impl Spares {
    fn take(&self) -> Vec<u8> {
        let spare = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Vec::with_capacity(self.capacity))
    }

    fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

/// Threads that compress blocks, of however many streams.
pub(super) struct Press<'p> {
    jobs: SyncSender<Job>,
    spares: &'p Spares,
}

impl<'p> Press<'p> {
    /// Does `work` with so many threads at its side.
    pub fn with<T>(threads: usize, compression: Option<Compression>, work: impl FnOnce(&Press<'_>) -> T) -> T {
        let capacity = match compression {
            None | Some(Compression::Gzip) => GZIP_BLOCK,
            Some(Compression::Zstd) => ZSTD_BLOCK,
        };
        let spares = Spares { capacity, buffers: Mutex::new(Vec::new()) };
        let (jobs, waiting) = sync_channel(threads);
        let waiting = Arc::new(Mutex::new(waiting));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let (waiting, spares) = (waiting.clone(), &spares);
                scope.spawn(move || press(&waiting, spares, compression));
            }
            // When the last of them has ended, nobody waits for a result any more.
            drop(waiting);
            // And they end when it is gone.
            let press = Press { jobs, spares: &spares };
            work(&press)
        })
    }

    /// The two ends of a compression: what is written to the first, on one thread, is taken from the second on
    /// another.
    pub fn stream(&self) -> (Cutter<'p>, Packer<'p>) {
        let Self { jobs, spares } = self;
        let (order, results) = sync_channel(AT_ONCE / spares.capacity);
        (Cutter { jobs: jobs.clone(), order, spares, block: spares.take(), number: 0 }, Packer { results, spares })
    }
}

/// What one thread of a press does.
fn press(waiting: &Mutex<Receiver<Job>>, spares: &Spares, compression: Option<Compression>) {
    let mut gzip = Gzip::new();
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(Job { number, block, done }) = next() {
        let packed = match compression {
            None => Ok(block),
            Some(Compression::Gzip) => gzip.member(number, block, spares),
            Some(Compression::Zstd) => zstd::bulk::compress(&block, ZSTD_LEVEL),
        };
        // Nobody takes it any more when the stream has failed elsewhere.
        drop(done.send(packed));
    }
}

/// The encoders with their tables, and room for what they write.
struct Gzip {
    encoders: [Compressor; GZIP_LEVELS.len()],
    room: Vec<u8>,
}

impl Gzip {
    fn new() -> Self {
        let level = |level| CompressionLvl::new(level).expect("a level that libdeflate has");
        let mut encoders = GZIP_LEVELS.map(|number| Compressor::new(level(number)));
        let room = vec![0; encoders[0].gzip_compress_bound(GZIP_BLOCK)];
        Self { encoders, room }
    }

    fn member(&mut self, number: usize, block: Vec<u8>, spares: &Spares) -> Packed {
        let encoder = &mut self.encoders[number % GZIP_LEVELS.len()];
        let length = encoder.gzip_compress(&block, &mut self.room).map_err(io::Error::other)?;
        spares.give(block);
        let mut member = spares.take();
        member.extend_from_slice(&self.room[..length]);
        Ok(member)
    }
}

/// Cuts what is written to it into blocks, and gives them to the press.
pub(super) struct Cutter<'p> {
    jobs: SyncSender<Job>,
    order: SyncSender<Receiver<Packed>>,
    spares: &'p Spares,
    block: Vec<u8>,
    /// How many were handed over.
    number: usize,
}

impl Cutter<'_> {
    fn hand_over(&mut self) -> io::Result<()> {
        let block = std::mem::replace(&mut self.block, self.spares.take());
        let number = self.number;
        self.number += 1;
        let (done, result) = sync_channel(1);
        // Whoever takes the stream has failed, and tells why.
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.order.send(result).map_err(|_| gone())?;
        self.jobs.send(Job { number, block, done }).map_err(|_| gone())
    }

    /// Ends the stream.
    pub fn finish(mut self) -> io::Result<()> {
        if self.block.is_empty() && self.number > 0 { Ok(()) } else { self.hand_over() }
    }
}

impl Write for Cutter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.spares.capacity - self.block.len());
        self.block.extend_from_slice(&bytes[..count]);
        if self.block.len() == self.spares.capacity {
            self.hand_over()?;
        }
        Ok(count)
    }

    /// A flush would end a block early.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The compressed blocks of a stream, in order.
pub(super) struct Packer<'p> {
    results: Receiver<Receiver<Packed>>,
    spares: &'p Spares,
}

impl Packer<'_> {
    /// Writes the compressed stream, until the cutter is gone. One that went without [`Cutter::finish`] leaves a
    /// stream that is whole in form but not in content.
    pub fn pack(self, output: &mut impl Write) -> io::Result<()> {
        while let Ok(result) = self.results.recv() {
            let packed = result.recv().map_err(|_| io::Error::other("a thread that compresses has ended"))?;
            let packed = packed?;
            output.write_all(&packed)?;
            self.spares.give(packed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
