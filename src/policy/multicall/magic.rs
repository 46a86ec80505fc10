//! Where in a file's bytes something begins that is worth a look: a program, or a compressed stream.
//!
//! What merely contains files (tar, ar, cpio, a file system's image) need not be understood to find a program in
//! it. Knows only beginnings; whoever reads on says whether it was one.

use memchr::memmem;

/// What begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// An ELF file.
    Elf,
    /// A member of a gzip stream (RFC 1952), deflated.
    Gzip,
    /// An xz stream.
    Xz,
    /// A frame of a zstd stream (RFC 8878).
    Zstd,
    /// A bzip2 stream.
    Bzip2,
    /// The format that came before xz, with the default settings.
    Lzma,
    /// A member of an lzip stream.
    Lzip,
    /// An entry of a zip archive (APPNOTE 4.3.7).
    Zip,
    /// A 7z archive.
    SevenZip,
    /// A RAR archive.
    Rar,
}

const BEGINNINGS: [(Kind, &[u8]); 10] = [
    (Kind::Elf, crate::elf::MAGIC),
    (Kind::Gzip, b"\x1f\x8b\x08"),
    (Kind::Xz, b"\xfd7zXZ\0"),
    (Kind::Zstd, b"\x28\xb5\x2f\xfd"),
    (Kind::Bzip2, b"1AY&SY"),
    (Kind::Lzma, b"\x5d\0\0"),
    (Kind::Lzip, b"LZIP\x01"),
    (Kind::Zip, b"PK\x03\x04"),
    (Kind::SevenZip, b"7z\xbc\xaf\x27\x1c"),
    (Kind::Rar, b"Rar!\x1a\x07"),
];

/// How much stands before the bytes that give a bzip2 stream away: `BZh` and the block size.
const BZIP2_HEADER: usize = 4;

/// Something that may begin here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    /// Where.
    pub at: usize,
    /// What.
    pub kind: Kind,
}

/// How many bytes are searched for all beginnings before the next ones are: they stay in the processor's cache.
const STRETCH: usize = 128 * 1024;

/// What may begin in these bytes, in order, and whether that is all: after `most` of them it is left at that.
pub(super) fn hits(bytes: &[u8], most: usize) -> (Vec<Hit>, bool) {
    let finders = BEGINNINGS.map(|(kind, beginning)| (kind, memmem::Finder::new(beginning)));
    let mut hits = Vec::new();
    for start in (0..bytes.len()).step_by(STRETCH) {
        for (kind, finder) in &finders {
            // A beginning that the stretch's end cuts in two is still found.
            let end = bytes.len().min(start + STRETCH + finder.needle().len() - 1);
            for at in finder.find_iter(&bytes[start..end]) {
                hits.extend(begins(*kind, bytes, start + at).map(|at| Hit { at, kind: *kind }));
            }
        }
        if hits.len() > most {
            break;
        }
    }
    hits.sort_unstable();
    let all = hits.len() <= most;
    hits.truncate(most);
    (hits, all)
}

/// Where it begins, if what surrounds the telling bytes fits.
fn begins(kind: Kind, bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    match kind {
        Kind::Bzip2 => {
            let start = at.checked_sub(BZIP2_HEADER)?;
            (bytes[start..].starts_with(b"BZh") && matches!(bytes[start + 3], b'1'..=b'9')).then_some(start)
        }
        // Flags that are not reserved.
        Kind::Gzip => (rest.get(3)? & 0xe0 == 0).then_some(at),
        Kind::Lzma => is_lzma(rest).then_some(at),
        Kind::SevenZip => is_seven_zip(rest).then_some(at),
        Kind::Rar => is_rar(rest).then_some(at),
        Kind::Elf | Kind::Xz | Kind::Zstd | Kind::Lzip | Kind::Zip => Some(at),
    }
}

/// A header of the format that has no magic number: a dictionary's size as encoders choose it, a size that is unknown
/// or below 256 GiB, and the zero byte that every range coder begins with (LZMA SDK, `lzma.txt`).
fn is_lzma(rest: &[u8]) -> bool {
    let (Some(dictionary), Some(size), Some(first)) =
        (rest[1..].first_chunk(), rest.get(5..).and_then(<[u8]>::first_chunk), rest.get(13))
    else {
        return false;
    };
    let dictionary = u32::from_le_bytes(*dictionary);
    let chosen = dictionary.is_power_of_two() || dictionary.is_multiple_of(3) && (dictionary / 3).is_power_of_two();
    let size = u64::from_le_bytes(*size);
    chosen && *first == 0 && (size == u64::MAX || (1..1 << 38).contains(&size))
}

/// The checksum of a start header is right (7zFormat.txt); programs that read the format hold only its signature.
fn is_seven_zip(rest: &[u8]) -> bool {
    let (Some(sum), Some(header)) = (rest.get(8..12), rest.get(12..32)) else { return false };
    let mut crc = flate2::Crc::new();
    crc.update(header);
    sum == crc.sum().to_le_bytes()
}

/// The first header of RAR 4 (its type and size) or RAR 5 (a checksum, and its type after its size) follows.
fn is_rar(rest: &[u8]) -> bool {
    match rest.get(6) {
        Some(0) => rest.get(9) == Some(&0x73) && rest.get(12..14) == Some(&[13, 0]),
        Some(1) => {
            let Some((sum, header)) = rest.get(8..).and_then(|rest| rest.split_at_checked(4)) else { return false };
            let Some(covered) = header.first().and_then(|size| header.get(..1 + usize::from(*size))) else {
                return false;
            };
            let mut crc = flate2::Crc::new();
            crc.update(covered);
            header[0] < 0x80 && sum == crc.sum().to_le_bytes()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_found_in_order_across_stretches_up_to_a_number() {
        let mut bytes = vec![0; 2 * STRETCH];
        bytes[STRETCH - 2..STRETCH + 2].copy_from_slice(crate::elf::MAGIC);
        bytes[7..11].copy_from_slice(b"PK\x03\x04");
        bytes[99..103].copy_from_slice(crate::elf::MAGIC);
        let hit = |at, kind| Hit { at, kind };
        let all = [hit(7, Kind::Zip), hit(99, Kind::Elf), hit(STRETCH - 2, Kind::Elf)];
        assert_eq!(hits(&bytes, 3), (all.to_vec(), true));
        assert_eq!(hits(&bytes, 2), (all[..2].to_vec(), false));
    }

    #[test]
    fn a_dictionary_that_no_encoder_chooses_is_no_lzma() {
        let header = |dictionary: u32| [b"\x5d", &dictionary.to_le_bytes()[..], &[0xff; 8], &[0]].concat();
        assert!(is_lzma(&header(1 << 23)) && is_lzma(&header(3 << 20)));
        assert!(!is_lzma(&header(0x00ab_0000)) && !is_lzma(&header(1 << 23)[..13]));
    }
}
