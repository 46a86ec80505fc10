//! Programs that UPX packed for Linux, unpacked by their structure alone.
//!
//! Behind the program headers stand 24 bytes of notes (`l_info` with the letters `UPX!`, and `p_info`), then block
//! after block, each with a header of twelve bytes (`b_info`). The first block is the packed program's own ELF and
//! program headers; the next ones fill its segments in order. What starts the program needs these headers, so they
//! cannot be altered; it needs neither the letters nor the notes, so those are not looked at. Calls and jumps that
//! UPX rewrote in code are left so: what is judged is data. Knows nothing of how the program starts.

use super::expand;
use super::nrv::{self, Variant};
use super::program::{Program, Words};

/// The length of `l_info` and `p_info`.
const NOTES: usize = 24;
/// The length of `b_info`.
const BLOCK: usize = 12;

/// A program as it was before it was packed.
#[derive(Debug)]
pub(super) struct Unpacked {
    /// Its headers and segments, as far as they could be unpacked.
    pub content: Vec<u8>,
    /// Whether nothing is missing of the segments.
    pub complete: bool,
}

/// Unpacks a program of at most `most` bytes; `None` when it is not packed so.
pub(super) fn unpack(program: &Program, most: usize) -> Option<Unpacked> {
    let words = program.words();
    let mut rest = program.bytes().get(program.end_of_headers()? + NOTES..)?;
    let first = Block::read(words, rest).filter(|block| block.is_of_headers(words))?;
    let mut unpacked = Unpacked { content: Vec::new(), complete: false };
    let Some(headers) = first.unpack(most) else { return Some(unpacked) };
    rest = first.rest;
    unpacked.content.extend_from_slice(&headers);
    let Some(extents) = Program::extents(&headers) else { return Some(unpacked) };
    for (start, length) in extents {
        // The first segment shows the headers.
        let (mut at, end) = (start.max(headers.len()), start.saturating_add(length));
        while at < end {
            let Some(block) = Block::read(words, rest).filter(|block| block.unpacked <= end - at) else {
                return Some(unpacked);
            };
            let Some(content) = block.unpack(most.saturating_sub(at)) else { return Some(unpacked) };
            if unpacked.content.len() < at + content.len() {
                unpacked.content.resize(at + content.len(), 0);
            }
            unpacked.content[at..at + content.len()].copy_from_slice(&content);
            at += content.len();
            rest = block.rest;
        }
    }
    unpacked.complete = true;
    Some(unpacked)
}

struct Block<'a> {
    unpacked: usize,
    method: u8,
    packed: &'a [u8],
    /// What follows the block.
    rest: &'a [u8],
}

impl<'a> Block<'a> {
    fn read(words: Words, bytes: &'a [u8]) -> Option<Self> {
        let size = |at| words.u32(bytes, at).and_then(|size| usize::try_from(size).ok());
        let (unpacked, packed, method) = (size(0)?, size(4)?, *bytes.get(8)?);
        let (packed, rest) = bytes.get(BLOCK..)?.split_at_checked(packed)?;
        let known = (2..=10).contains(&method) || (14..=16).contains(&method) || packed.len() == unpacked;
        (unpacked > 0 && packed.len() <= unpacked && known).then_some(Self { unpacked, method, packed, rest })
    }

    /// Whether its size is that of an ELF header and some program headers.
    fn is_of_headers(&self, words: Words) -> bool {
        let (header, entry) = words.header_lengths();
        let entries = self.unpacked.checked_sub(header);
        entries.is_some_and(|length| length > 0 && length % entry == 0 && length / entry < 64)
    }

    /// The block's content; `None` when it does not unpack to what its header says.
    fn unpack(&self, most: usize) -> Option<Vec<u8>> {
        let (length, input) = (self.unpacked, self.packed);
        if length > most {
            return None;
        }
        if input.len() == length {
            return Some(input.to_vec());
        }
        let content = match self.method {
            method @ 2..=10 => {
                let variant = [Variant::B, Variant::D, Variant::E][usize::from((method - 2) / 3)];
                let width = [4, 1, 2][usize::from((method - 2) % 3)];
                return nrv::decompress(variant, width, input, length);
            }
            14 => lzma(input, length)?,
            15 => expand::inflate(input, length).content,
            _ => expand::expand(super::magic::Kind::Zstd, input, length).content,
        };
        (content.len() == length).then_some(content)
    }
}

/// UPX's form of LZMA: two bytes with the three properties, then the stream.
fn lzma(input: &[u8], length: usize) -> Option<Vec<u8>> {
    let (properties, stream) = input.split_at_checked(2)?;
    let (position, literal, context) = (properties[0] & 7, properties[1] >> 4, properties[1] & 15);
    let properties = position.checked_mul(5)?.checked_add(literal)?.checked_mul(9)?.checked_add(context)?;
    let size = u32::try_from(length).ok()?;
    Some(expand::raw_lzma(properties, size.next_power_of_two().max(4096), u64::from(size), stream, length).content)
}
