//! One entry of a zip archive, by the header that stands before it (APPNOTE 4.3.7).
//!
//! The directory at the end is not asked: an entry that it does not list is there all the same. What is stored as it
//! is needs no entry to be found. Knows nothing of other entries.

use super::expand::{self, Expanded};

/// An entry whose header fits what the format allows.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// The entry's name.
    pub name: String,
    /// What can be done with it.
    pub content: Content<'a>,
}

/// How an entry's content is kept.
#[derive(Debug)]
pub(super) enum Content<'a> {
    /// As it is, or in a stream that has a beginning of its own; at this offset from the header, of this length.
    Plain(usize, usize),
    /// Deflated; more may follow.
    Deflated(&'a [u8]),
    /// LZMA; more may follow.
    Lzma(&'a [u8]),
    /// By a method that is not understood.
    Unknown,
    /// Encrypted.
    Encrypted,
}

const HEADER: usize = 30;
/// How much of a name is kept, in characters.
const LONGEST_NAME: usize = 255;
/// Bits of the flags that no version of the format gives a meaning to.
const RESERVED: u16 = 0xd780;

/// The entry whose header these bytes begin with.
pub(super) fn entry(bytes: &[u8]) -> Option<Entry<'_>> {
    let number = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let (version, flags, method) = (number(4)? & 0xff, number(6)?, number(8)?);
    let packed = u32::from_le_bytes(*bytes.get(18..)?.first_chunk()?);
    let (name_end, extra) = (HEADER + usize::from(number(26)?), usize::from(number(28)?));
    let name = std::str::from_utf8(bytes.get(HEADER..name_end)?).ok()?;
    let data = bytes.get(name_end + extra..)?;
    if version > 63 || flags & RESERVED != 0 || name.is_empty() || name.chars().any(char::is_control) {
        return None;
    }
    let content = match method {
        _ if flags & 1 != 0 || method == 99 => Content::Encrypted,
        0 | 12 | 93 | 95 => Content::Plain(name_end + extra, usize::try_from(packed).ok()?),
        8 => Content::Deflated(data),
        14 => Content::Lzma(data),
        1..=20 | 94..=98 => Content::Unknown,
        _ => return None,
    };
    Some(Entry { name: name.chars().take(LONGEST_NAME).collect(), content })
}

/// Decompresses an entry's LZMA: version and length of the properties, the properties, the stream (APPNOTE 5.8.8).
pub(super) fn lzma(data: &[u8], most: usize) -> Option<Expanded> {
    let properties = data.get(4..9).filter(|_| data[2..4] == [5, 0])?;
    let dictionary = u32::from_le_bytes(*properties[1..].first_chunk()?);
    Some(expand::raw_lzma(properties[0], dictionary, u64::MAX, &data[9..], most))
}
