//! Content that cannot be looked into: what is encrypted, and what is packed in ways that are not understood.
//!
//! Knows beginnings of files, and how evenly the bytes of a packed program are spread.

use std::collections::HashSet;

use super::Packing;
use super::program::Program;

/// Formats by how a file in them begins.
const FORMATS: [(&[u8], &str); 9] = [
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"\x89LZO\0\r\n\x1a\n", "lzop"),
    (b"\x1f\x9d", "compress"),
    (b"\x1f\xa0", "pack"),
    (b"hsqs", "squashfs"),
    (b"sqsh", "squashfs"),
    (b"MSCF\0\0\0\0", "cabinet"),
    (b"\x45\x3d\xcd\x28", "cramfs"),
];

/// Encrypted formats by how a file in them begins.
const ENCRYPTED: [(&[u8], &str); 4] = [
    (b"Salted__", "openssl"),
    (b"age-encryption.org/v1", "age"),
    (b"LUKS\xba\xbe", "LUKS"),
    (b"-----BEGIN PGP MESSAGE-----", "PGP"),
];

/// What a file that begins so hides.
pub(super) fn format(bytes: &[u8]) -> Option<Packing> {
    let find = |list: &[(&[u8], &'static str)]| {
        list.iter().find(|(beginning, _)| bytes.starts_with(beginning)).map(|(_, name)| *name)
    };
    find(&FORMATS).map(Packing::Format).or_else(|| find(&ENCRYPTED).map(Packing::Encrypted))
}

/// The length of a sample.
const SAMPLE: usize = 4096;
/// How many samples are taken.
const SAMPLES: usize = 16;
/// How many samples of ordinary bytes make a program an ordinary one.
const ORDINARY: usize = 4;
/// Bits for each byte from which on a sample is compressed or encrypted. Random bytes have 7.95 in such a sample.
const DENSE: f64 = 7.6;

/// How many bytes are looked at where a program starts, and how many different ones make them no code. Of code, 37 to
/// 45 are different; of random bytes, 57.
const START: (usize, usize) = (64, 52);

/// Whether almost all of a program is compressed or encrypted, by samples from all over it, and what it starts with is
/// not. (That is so in files of debugging information: their headers speak of another file's segments.)
pub(super) fn is_dense(program: &Program) -> bool {
    let bytes = program.bytes();
    let start = program.start().map(|start| start.iter().take(START.0).collect::<HashSet<_>>());
    if bytes.len() < 2 * SAMPLE || start.is_none_or(|different| different.len() >= START.1) {
        return false;
    }
    let step = (bytes.len() - SAMPLE) / (SAMPLES - 1);
    let ordinary = (0..SAMPLES).map(|index| &bytes[index * step..][..SAMPLE]).filter(|sample| entropy(sample) <= DENSE);
    ordinary.take(ORDINARY).count() < ORDINARY
}

/// Shannon's entropy, in bits for each byte.
fn entropy(sample: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in sample {
        counts[usize::from(*byte)] += 1;
    }
    let length = sample.len() as f64;
    let of = |count: u32| {
        let share = f64::from(count) / length;
        -share * share.log2()
    };
    counts.into_iter().filter(|count| *count > 0).map(of).sum()
}
