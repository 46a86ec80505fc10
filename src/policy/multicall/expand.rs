//! Decompresses what may be anything: as far as it goes, and never past a bound.
//!
//! A stream that breaks off is no error here. What came out before is what a program that is laxer than ours would
//! have made of it. Knows nothing of what the bytes mean.

use std::io::{self, Read};

use xz2::stream::{Action, Error, Status, Stream};

use super::magic::Kind;

/// The memory that liblzma may ask for: the largest dictionary of `xz`, 1.5 GiB. No more is used than comes out.
const MEMORY: u64 = 2 << 30;
/// How much is asked of a decoder at once.
const STEP: usize = 64 * 1024;

/// What came of a stream.
#[derive(Debug, Default)]
pub(super) struct Expanded {
    /// The content.
    pub content: Vec<u8>,
    /// How much of the input was read.
    pub read: usize,
    /// Where each member began.
    pub members: Vec<usize>,
    /// Whether there is more than the bound allowed.
    pub cut: bool,
}

/// The name of a compression, as people know it; `None` for what is no stream.
pub(super) fn name(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Gzip => "gzip",
        Kind::Xz => "xz",
        Kind::Zstd => "zstd",
        Kind::Bzip2 => "bzip2",
        Kind::Lzma => "lzma",
        Kind::Lzip => "lzip",
        Kind::Elf | Kind::Zip | Kind::SevenZip | Kind::Rar => return None,
    })
}

/// Decompresses a stream of all members that follow each other.
pub(super) fn expand(kind: Kind, input: &[u8], most: usize) -> Expanded {
    let mut all = Expanded::default();
    while continues(kind, &input[all.read..]) {
        all.members.push(all.read);
        let (read, complete) = member(kind, &input[all.read..], &mut all, most);
        all.read += read;
        if !complete || read == 0 {
            break;
        }
    }
    all
}

/// Whether another member follows. Padding between xz streams is not passed over: the second is found on its own.
fn continues(kind: Kind, input: &[u8]) -> bool {
    match kind {
        Kind::Gzip => input.starts_with(b"\x1f\x8b"),
        Kind::Xz => input.starts_with(b"\xfd7zXZ\0"),
        Kind::Zstd => input.starts_with(b"\x28\xb5\x2f\xfd"),
        Kind::Bzip2 => input.starts_with(b"BZh"),
        Kind::Lzip => input.starts_with(b"LZIP"),
        Kind::Lzma => input.starts_with(b"\x5d\0\0"),
        Kind::Elf | Kind::Zip | Kind::SevenZip | Kind::Rar => false,
    }
}

/// Decompresses one member; says how much of the input it read, and whether it came to the member's end.
fn member(kind: Kind, input: &[u8], all: &mut Expanded, most: usize) -> (usize, bool) {
    match kind {
        Kind::Gzip => {
            let mut decoder = flate2::bufread::GzDecoder::new(input);
            let complete = drain(&mut decoder, all, most);
            (input.len() - decoder.into_inner().len(), complete)
        }
        Kind::Bzip2 => {
            let mut decoder = bzip2::bufread::BzDecoder::new(input);
            let complete = drain(&mut decoder, all, most);
            (input.len() - decoder.into_inner().len(), complete)
        }
        Kind::Zstd => {
            let Ok(decoder) = zstd::stream::read::Decoder::with_buffer(input) else { return (0, false) };
            let mut decoder = decoder.single_frame();
            // The largest window that a frame can ask for; no more of it is used than comes out.
            let complete = decoder.window_log_max(31).is_ok() && drain(&mut decoder, all, most);
            (input.len() - decoder.finish().len(), complete)
        }
        Kind::Xz => lzma_family(Stream::new_stream_decoder(MEMORY, 0), &[], input, all, most),
        Kind::Lzma => lzma_alone(input, all, most),
        Kind::Lzip => lzip(input, all, most),
        Kind::Elf | Kind::Zip | Kind::SevenZip | Kind::Rar => (0, false),
    }
}

/// What a raw deflate stream (RFC 1951) holds.
pub(super) fn inflate(input: &[u8], most: usize) -> Expanded {
    let mut all = Expanded::default();
    let mut decoder = flate2::bufread::DeflateDecoder::new(input);
    drain(&mut decoder, &mut all, most);
    all.read = input.len() - decoder.into_inner().len();
    all
}

/// A raw LZMA stream whose properties are known, to its end or to `size` bytes.
pub(super) fn raw_lzma(properties: u8, dictionary: u32, size: u64, input: &[u8], most: usize) -> Expanded {
    let mut all = Expanded::default();
    let header = lzma_header(properties, dictionary, size, most);
    (all.read, _) = lzma_family(Stream::new_lzma_decoder(MEMORY), &header, input, &mut all, most);
    all
}

/// The format that came before xz: properties, dictionary, size, stream.
fn lzma_alone(input: &[u8], all: &mut Expanded, most: usize) -> (usize, bool) {
    let (Some((header, stream)), Some(dictionary)) = (input.split_at_checked(13), input.get(1..)) else {
        return (0, false);
    };
    let (Some(dictionary), Some(size)) = (dictionary.first_chunk(), header[5..].first_chunk()) else {
        return (0, false);
    };
    let header = lzma_header(header[0], u32::from_le_bytes(*dictionary), u64::from_le_bytes(*size), most);
    let (read, complete) = lzma_family(Stream::new_lzma_decoder(MEMORY), &header, stream, all, most);
    (header.len() + read, complete)
}

/// A member of lzip: a header of six bytes, a stream with an end marker, a trailer of twenty (lzip's manual).
fn lzip(input: &[u8], all: &mut Expanded, most: usize) -> (usize, bool) {
    const HEADER: usize = 6;
    const TRAILER: usize = 20;
    let Some((header, stream)) = input.split_at_checked(HEADER) else { return (0, false) };
    let header = lzma_header(0x5d, dictionary_of_lzip(header[5]), u64::MAX, most);
    let (read, complete) = lzma_family(Stream::new_lzma_decoder(MEMORY), &header, stream, all, most);
    ((HEADER + read + TRAILER).min(input.len()), complete)
}

/// A power of two, less some sixteenths of it.
fn dictionary_of_lzip(code: u8) -> u32 {
    let base = 1u32 << (code & 31);
    base - (base / 16) * u32::from(code >> 5)
}

/// The header of the format that came before xz. A dictionary that is larger than what may come out is of no use.
fn lzma_header(properties: u8, dictionary: u32, size: u64, most: usize) -> Vec<u8> {
    let dictionary = dictionary.min(u32::try_from(most).unwrap_or(u32::MAX));
    [&[properties][..], &dictionary.to_le_bytes(), &size.to_le_bytes()].concat()
}

/// Reads a decoder to its end, and says whether there was one before it broke off or came to the bound.
fn drain(decoder: &mut impl Read, all: &mut Expanded, most: usize) -> bool {
    let mut buffer = vec![0; STEP];
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => return true,
            Ok(length) if all.take(&buffer[..length], most) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return false,
        }
    }
}

/// Feeds a header and then the input to one of liblzma's decoders; says how much of the input it took, and whether
/// it came to the stream's end.
fn lzma_family(
    stream: Result<Stream, Error>,
    header: &[u8],
    input: &[u8],
    all: &mut Expanded,
    most: usize,
) -> (usize, bool) {
    let Ok(mut stream) = stream else { return (0, false) };
    let mut buffer = vec![0; STEP];
    let (mut rest, mut input) = (header, Some(input));
    let mut taken = 0;
    loop {
        if rest.is_empty()
            && let Some(input) = input.take()
        {
            (rest, taken) = (input, 0);
        }
        let (read, written) = (stream.total_in(), stream.total_out());
        let status = stream.process(rest, &mut buffer, Action::Run);
        let consumed = usize::try_from(stream.total_in() - read).unwrap_or_default();
        let produced = usize::try_from(stream.total_out() - written).unwrap_or_default();
        all.cut |= matches!(status, Err(Error::MemLimit | Error::Mem));
        let whole = all.take(&buffer[..produced], most);
        taken += consumed;
        rest = &rest[consumed..];
        match status {
            Ok(Status::StreamEnd) => return (taken, whole),
            Ok(_) if whole && (consumed > 0 || produced > 0) => {}
            Ok(_) | Err(_) => return (taken, false),
        }
    }
}

impl Expanded {
    /// Takes what came out, up to the bound, and says whether that was all.
    fn take(&mut self, bytes: &[u8], most: usize) -> bool {
        let room = most - self.content.len();
        self.cut |= bytes.len() > room;
        self.content.extend_from_slice(&bytes[..bytes.len().min(room)]);
        !self.cut
    }
}
