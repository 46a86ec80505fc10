//! The compressed bytes are always the same, and what everybody can read.

use std::io::Read as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::digest::Sha256;

const BOTH: [Compression; 2] = [Compression::Gzip, Compression::Zstd];

/// Compressible text that is not periodic.
fn text(numbers: u32) -> Vec<u8> {
    (0..numbers).flat_map(|number| number.wrapping_mul(2_654_435_761).to_string().into_bytes()).collect()
}

/// Compresses what arrives in pieces of one size, on so many threads.
fn compressed_by(threads: usize, bytes: &[u8], piece: usize, compression: Option<Compression>) -> Vec<u8> {
    let mut packed = Vec::new();
    Press::with(threads, compression, |press| {
        let (mut cutter, packer) = press.stream();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for piece in bytes.chunks(piece) {
                    cutter.write_all(piece).unwrap();
                    cutter.flush().unwrap();
                }
                cutter.finish().unwrap();
            });
            packer.pack(&mut packed).unwrap();
        });
    });
    packed
}

fn compressed(bytes: &[u8], piece: usize, compression: Option<Compression>) -> Vec<u8> {
    compressed_by(2, bytes, piece, compression)
}

/// The parts of a stream, each uncompressed by itself.
fn parts(mut packed: &[u8], compression: Compression) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    while !packed.is_empty() {
        let mut part = Vec::new();
        packed = match compression {
            // These read one member or frame and no more.
            Compression::Gzip => {
                let mut decoder = flate2::bufread::GzDecoder::new(packed);
                decoder.read_to_end(&mut part).unwrap();
                decoder.into_inner()
            }
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).unwrap().single_frame();
                decoder.read_to_end(&mut part).unwrap();
                decoder.finish()
            }
        };
        parts.push(part);
    }
    parts
}

fn size(compression: Compression) -> usize {
    match compression {
        Compression::Gzip => GZIP_BLOCK,
        Compression::Zstd => ZSTD_BLOCK,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn how_a_stream_arrives_does_not_change_its_compressed_bytes(piece in 1usize..2_000_000) {
        let text = text(200_000);
        for compression in BOTH {
            let packed = compressed(&text, piece, Some(compression));
            prop_assert!(packed == compressed(&text, 1 << 20, Some(compression)));
        }
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let text = text(1_200_000);
    for compression in BOTH {
        let with = |threads| compressed_by(threads, &text, 1 << 17, Some(compression));
        let one = with(1);
        assert!(one == with(2) && one == with(7), "{compression:?}");
    }
}

#[test]
fn each_block_comes_out_again_whatever_the_length() {
    let text = text(1_200_000);
    for length in [1, GZIP_BLOCK - 1, GZIP_BLOCK, GZIP_BLOCK + 1, 3 * GZIP_BLOCK, ZSTD_BLOCK, text.len()] {
        let bytes = &text[..length];
        for compression in BOTH {
            let packed = compressed(bytes, 1 << 17, Some(compression));
            let blocks: Vec<_> = bytes.chunks(size(compression)).collect();
            assert!(parts(&packed, compression) == blocks, "{compression:?} of {length} bytes");
        }
        assert!(compressed(bytes, 1 << 17, None) == bytes, "{length} bytes, not compressed");
    }
}

#[test]
fn a_stream_of_nothing_is_a_stream_too() {
    for compression in BOTH {
        assert_eq!(parts(&compressed(b"", 1, Some(compression)), compression), [b""], "{compression:?}");
    }
    assert_eq!(compressed(b"", 1, None), b"");
}

#[test]
fn what_cannot_be_compressed_hardly_grows() {
    let mut noise = vec![0; 2 * GZIP_BLOCK];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    for compression in BOTH {
        let packed = compressed(&noise, 1 << 17, Some(compression));
        assert!(packed.len() < noise.len() + noise.len() / 1000, "{compression:?}: {}", packed.len());
        assert!(parts(&packed, compression).concat() == noise);
    }
}

#[test]
fn gzip_blobs_are_about_as_small_as_those_of_zlib() {
    let text = text(1_200_000);
    let packed = compressed(&text, 1 << 17, Some(Compression::Gzip)).len();
    let mut zlib = Vec::new();
    let level = flate2::Compression::new(6);
    flate2::read::GzEncoder::new(text.as_slice(), level).read_to_end(&mut zlib).unwrap();
    assert!(packed < zlib.len() + zlib.len() / 33, "{packed}, {} by zlib's level 6", zlib.len());
}

#[test]
fn a_gzip_header_tells_neither_time_nor_system_nor_name() {
    // RFC 1952: magic, deflate, no flags, no time, default level, unknown system.
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    assert_eq!(compressed(b"stone", 5, Some(Compression::Gzip))[..10], header);
}

#[test]
fn the_tools_of_the_compressions_find_nothing_wrong() {
    let text = text(1_200_000);
    for (compression, tool) in [(Compression::Gzip, "gzip"), (Compression::Zstd, "zstd")] {
        let packed = compressed(&text, 1 << 17, Some(compression));
        let started = Command::new(tool).arg("-tq").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut checking) = started else {
            eprintln!("skipped: {tool} is not installed");
            continue;
        };
        checking.stdin.take().unwrap().write_all(&packed).unwrap();
        let output = checking.wait_with_output().unwrap();
        assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{tool}");
    }
}

/// Another result is another digest for every image: whoever updates the compressor must know that.
#[test]
fn the_compressed_bytes_are_those_that_are_published() {
    let digest = |compression| Sha256::of(&compressed(&text(1_200_000), 1 << 16, Some(compression))).short();
    assert_eq!(digest(Compression::Gzip), "31166f5ba8fe");
    assert_eq!(digest(Compression::Zstd), "8b1ab586f02e");
}

#[test]
fn the_encoders_are_named_as_they_are() {
    let lock = include_str!("../../../Cargo.lock");
    let locked = |name: &str| {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).unwrap();
        rest.split_once('"').unwrap().0
    };
    // The crate that brings libdeflate's sources has its version, and a number of its own behind it.
    let (libdeflate, _) = locked("libdeflate-sys").rsplit_once('.').unwrap();
    let [first, second] = GZIP_LEVELS;
    let levels = format!("levels {first} and {second} in turn");
    let gzip = format!("libdeflate {libdeflate}, {levels}, members of {} KiB", GZIP_BLOCK >> 10);
    assert_eq!(encoder(Compression::Gzip), gzip);
    let (_, zstd) = locked("zstd-sys").split_once("+zstd.").unwrap();
    let zstd = format!("zstd {zstd}, level {ZSTD_LEVEL}, frames of {} MiB", ZSTD_BLOCK >> 20);
    assert_eq!(encoder(Compression::Zstd), zstd);
}
