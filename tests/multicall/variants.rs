//! What is done to hide a program.

use std::io::Write as _;

use drystone::policy::multicall;

use crate::{found, packages};

/// The bytes with every occurrence of a text overwritten.
pub fn without(bytes: &[u8], text: &str) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let places: Vec<_> = memchr::memmem::find_iter(&bytes, text.as_bytes()).collect();
    for at in places {
        bytes[at..at + text.len()].fill(b'x');
    }
    bytes
}

/// The program without a section header, and with its own name and version struck out.
pub fn stripped_and_edited(bytes: &[u8]) -> Vec<u8> {
    let texts = ["BusyBox", "busybox", "BUSYBOX", "ToyBox", "toybox", "Toybox", "Stand-alone", "sash", "multi-call"];
    let versions = ["1.35.0", "1.37.0", "0.8.9", "3.8", "uutils"];
    let mut edited = texts.iter().chain(&versions).fold(bytes.to_vec(), |bytes, text| without(&bytes, text));
    let start = usize::try_from(u64::from_le_bytes(bytes[40..48].try_into().unwrap())).unwrap();
    edited[start..].fill(0);
    edited[40..48].fill(0);
    edited[58..64].fill(0);
    edited
}

#[test]
fn neither_names_nor_versions_nor_sections_are_needed() {
    for program in packages::guilty() {
        let edited = stripped_and_edited(&program.bytes);
        let (before, after) = (found(&program.name, &program.bytes), found(&program.name, &edited));
        // BusyBox also lists its own name, so that striking it out cuts the list in two.
        assert!(2 * after.programs.len() >= before.programs.len(), "{}: {:?}", program.name, after.programs);
    }
}

#[test]
fn a_program_is_found_in_archives_and_streams_and_behind_other_bytes() {
    for program in packages::guilty().iter().filter(|program| program.bytes.len() < 4 << 20) {
        let bytes = &program.bytes[..];
        let ways: [(Vec<u8>, &[&str]); 10] = [
            (behind(bytes, 7), &["byte 7"]),
            (behind(bytes, 4096), &["byte 4096"]),
            (gzip(bytes), &["gzip"]),
            (behind(&gzip(bytes), 33), &["byte 33", "gzip"]),
            (xz(bytes), &["xz"]),
            (bzip2(bytes), &["bzip2"]),
            (zstd::encode_all(bytes, 1).unwrap(), &["zstd"]),
            (tar(bytes), &["tar: opt/data.bin"]),
            (gzip(&tar(&xz(&tar(bytes)))), &["gzip", "tar: opt/data.bin", "xz", "tar: opt/data.bin"]),
            (zip(bytes), &["zip: data.bin"]),
        ];
        for (hidden, way) in ways {
            let seen = found(&format!("{} in {way:?}", program.name), &hidden);
            assert_eq!(seen.within, way, "{}", program.name);
        }
    }
}

#[test]
fn a_package_that_lies_about_is_looked_into() {
    for program in packages::guilty() {
        let bytes = std::fs::read(packages::package(&program.name).unwrap()).unwrap();
        let within = found(&program.name, &bytes).within;
        let expected = ["ar: data.tar.xz", "xz", "tar: ./"];
        let fits = within.len() == 3 && within.iter().zip(expected).all(|(step, start)| step.starts_with(start));
        assert!(fits, "{}: {within:?}", program.name);
    }
}

#[test]
fn a_broken_archive_hides_nothing() {
    let Some(program) = packages::guilty().first() else { return };
    let packed = gzip(&program.bytes);
    assert!(multicall::multi_call(&packed[..packed.len() - 100]).is_some());
    let mut headless = zip(&program.bytes);
    headless.truncate(headless.len() - 60);
    assert!(multicall::multi_call(&headless).is_some());
}

fn behind(bytes: &[u8], offset: usize) -> Vec<u8> {
    [&vec![b'#'; offset][..], bytes, b"\n"].concat()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = xz2::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar(bytes: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, "opt/data.bin", bytes).unwrap();
    archive.into_inner().unwrap()
}

fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    archive.start_file("data.bin", options).unwrap();
    archive.write_all(bytes).unwrap();
    archive.finish().unwrap().into_inner()
}
