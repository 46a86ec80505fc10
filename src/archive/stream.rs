//! Compressed streams: gzip (RFC 1952), xz, bzip2 and zstd (RFC 8878), each possibly of several members.
//!
//! All four formats allow members one after another, and every decoder has its own idea of what may follow the
//! last one. So each member gets its own decoder here, and between members the rule is the same for all: another
//! member, or the end. Knows nothing of what the bytes mean.

use std::io::{self, BufRead, Read};

use super::error::Fault;

/// The memory that an xz stream may ask for; `xz -9` needs 65 MiB. (zstd's own limit is a window of 128 MiB.)
const XZ_MEMORY: u64 = 256 << 20;

/// A compression, told by a stream's first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Gzip,
    Xz,
    Bzip2,
    Zstd,
}

impl Format {
    /// The format of a member that starts so. At the end of the input a part of a magic number will do: then it
    /// is the decoder that finds the member truncated.
    fn of(start: &[u8]) -> Option<Self> {
        let begins = |magic: &[u8]| {
            let length = magic.len().min(start.len());
            length > 0 && start[..length] == magic[..length]
        };
        // A skippable frame of zstd (as pzstd writes) has any magic number from 0x184D2A50 to 0x184D2A5F.
        let skippable = start.len() >= 4 && start[0] & 0xf0 == 0x50 && start[1..4] == [0x2a, 0x4d, 0x18];
        match () {
            () if begins(&[0x1f, 0x8b]) => Some(Self::Gzip),
            () if begins(&[0xfd, b'7', b'z', b'X', b'Z', 0]) => Some(Self::Xz),
            () if begins(b"BZh") => Some(Self::Bzip2),
            () if begins(&[0x28, 0xb5, 0x2f, 0xfd]) || skippable => Some(Self::Zstd),
            () => None,
        }
    }
}

/// Whether a stream begins as a compressed one does.
pub fn is_compressed(start: &[u8]) -> bool {
    Format::of(start).is_some()
}

/// The decompressed bytes of a stream; those of a stream that is not compressed as they are.
///
/// # Errors
/// When the stream's first bytes cannot be read.
pub fn decompress<'a>(mut input: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    match Format::of(input.fill_buf()?) {
        Some(format) => Ok(Box::new(Members { format, decoder: Some(Decoder::new(format, input)?) })),
        None => Ok(Box::new(input)),
    }
}

/// All members of a compressed stream.
struct Members<R: BufRead> {
    format: Format,
    /// `None` after the end.
    decoder: Option<Decoder<R>>,
}

/// The decoder of one member.
enum Decoder<R: BufRead> {
    Gzip(Box<flate2::bufread::GzDecoder<R>>),
    Xz(XzMember<R>),
    Bzip2(bzip2::bufread::BzDecoder<R>),
    Zstd(zstd::stream::read::Decoder<'static, R>),
}

impl<R: BufRead> Decoder<R> {
    fn new(format: Format, input: R) -> io::Result<Self> {
        Ok(match format {
            Format::Gzip => Self::Gzip(Box::new(flate2::bufread::GzDecoder::new(input))),
            Format::Xz => Self::Xz(XzMember::new(input)?),
            Format::Bzip2 => Self::Bzip2(bzip2::bufread::BzDecoder::new(input)),
            Format::Zstd => Self::Zstd(zstd::stream::read::Decoder::with_buffer(input)?.single_frame()),
        })
    }

    fn into_inner(self) -> R {
        match self {
            Self::Gzip(decoder) => decoder.into_inner(),
            Self::Xz(decoder) => decoder.input,
            Self::Bzip2(decoder) => decoder.into_inner(),
            Self::Zstd(decoder) => decoder.finish(),
        }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Xz(decoder) => decoder.read(buffer),
            Self::Bzip2(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

impl<R: BufRead> Members<R> {
    /// Goes on to the next member, or to the end.
    fn advance(&mut self) -> io::Result<()> {
        let Some(decoder) = self.decoder.take() else { return Ok(()) };
        let mut input = decoder.into_inner();
        if self.format == Format::Xz {
            skip_padding(&mut input)?;
        }
        let start = input.fill_buf()?;
        if !start.is_empty() {
            if Format::of(start) != Some(self.format) {
                return Err(io::Error::other(Fault::Trailing));
            }
            self.decoder = Some(Decoder::new(self.format, input)?);
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let length = decoder.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            self.advance()?;
        }
        Ok(0)
    }
}

/// Skips xz's stream padding: zero bytes, a multiple of four (the .xz file format, 2.2).
fn skip_padding(input: &mut impl BufRead) -> io::Result<()> {
    let mut padding = 0;
    loop {
        let start = input.fill_buf()?;
        let zeros = start.iter().take_while(|byte| **byte == 0).count();
        let more = zeros > 0 && zeros == start.len();
        input.consume(zeros);
        padding += zeros;
        if !more {
            break;
        }
    }
    if padding % 4 != 0 {
        return Err(io::Error::other(Fault::Trailing));
    }
    Ok(())
}

/// Decodes one xz stream and stops at its end. (xz2's own reader takes what follows for corruption.)
struct XzMember<R> {
    input: R,
    stream: xz2::stream::Stream,
    ended: bool,
}

impl<R: BufRead> XzMember<R> {
    fn new(input: R) -> io::Result<Self> {
        let stream = xz2::stream::Stream::new_stream_decoder(XZ_MEMORY, 0)?;
        Ok(Self { input, stream, ended: false })
    }
}

impl<R: BufRead> Read for XzMember<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use xz2::stream::{Action, Error, Status};
        while !self.ended && !buffer.is_empty() {
            let input = self.input.fill_buf()?;
            let at_end = input.is_empty();
            let (read, written) = (self.stream.total_in(), self.stream.total_out());
            let status = self.stream.process(input, buffer, Action::Run).map_err(|error| match error {
                Error::MemLimit => io::Error::other(Fault::Memory { limit: XZ_MEMORY }),
                other => other.into(),
            })?;
            let consumed = self.stream.total_in() - read;
            let produced = self.stream.total_out() - written;
            self.input.consume(usize::try_from(consumed).expect("no more is consumed than the buffer holds"));
            self.ended = status == Status::StreamEnd;
            if produced > 0 {
                return Ok(usize::try_from(produced).expect("no more is produced than the buffer holds"));
            }
            if at_end && !self.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}
