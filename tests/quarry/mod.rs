//! Archives built by hand for the tests, entry by entry, so that they can lie.
#![allow(dead_code, reason = "each test uses its own part")]

use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use drystone::archive::{self, ArchiveError, Limits};

/// One tar entry with a ustar header, whose name and target are put in as they are.
pub fn entry(kind: u8, path: impl AsRef<[u8]>, target: &str, content: impl AsRef<[u8]>) -> Vec<u8> {
    let (path, content) = (path.as_ref(), content.as_ref());
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path);
    header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.as_old_mut().linkflag = [kind];
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

pub fn directory(path: &str) -> Vec<u8> {
    entry(b'5', path, "", "")
}

pub fn file(path: impl AsRef<[u8]>, content: &str) -> Vec<u8> {
    entry(b'0', path, "", content)
}

pub fn symlink(path: &str, target: &str) -> Vec<u8> {
    entry(b'2', path, target, "")
}

pub fn hard_link(path: &str, target: &str) -> Vec<u8> {
    entry(b'1', path, target, "")
}

/// An entry whose header claims another size than its content has.
pub fn claiming(mut entry: Vec<u8>, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_old();
    header.as_mut_bytes().copy_from_slice(&entry[..512]);
    header.set_size(size);
    header.set_cksum();
    entry[..512].copy_from_slice(header.as_bytes());
    entry
}

/// A pax header with one record.
pub fn pax(kind: u8, key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length = (rest..).find(|length| rest + length.to_string().len() == *length).unwrap();
    entry(kind, "PaxHeader", "", format!("{length} {key}={value}\n"))
}

/// Entries and the end of an archive.
pub fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Each part as a member of its own, and where each ends.
pub fn members(parts: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = Vec::new();
    let ends = parts.iter().map(|part| {
        bytes.extend(gzip(part));
        bytes.len()
    });
    let ends = ends.collect();
    (bytes, ends)
}

pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = xz2::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 1).unwrap()
}

/// A compression's name and function.
pub type Compression = (&'static str, fn(&[u8]) -> Vec<u8>);

pub const COMPRESSIONS: [Compression; 4] = [("gzip", gzip), ("xz", xz), ("bzip2", bzip2), ("zstd", zstd)];

/// One member of an `ar` archive.
pub fn member(name: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100644, content.len()).into_bytes();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    bytes
}

/// A Debian package with these entries.
pub fn deb(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    bytes.extend(member("debian-binary", b"2.0\n"));
    bytes.extend(member("control.tar.gz", &gzip(&tar(&[]))));
    bytes.extend(member("data.tar.xz", &xz(&tar(entries))));
    bytes
}

/// The errors of a chain, as a user would see them.
pub fn told(error: &ArchiveError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// What is said about an archive that must not be unpacked, of which nothing may be left.
pub fn refusal(bytes: &[u8], strip: usize, limits: &Limits) -> String {
    let scratch = tempfile::tempdir().unwrap();
    let archive = scratch.path().join("archive");
    std::fs::write(&archive, bytes).unwrap();
    let result = archive::unpack(&archive, "a.tar", &scratch.path().join("out"), strip, limits);
    let error = result.expect_err("the archive was unpacked");
    assert_eq!(names(scratch.path()), ["archive"], "something was left behind after: {error}");
    told(&error)
}

/// [`refusal`] of a tar archive of these entries, nothing stripped.
pub fn refused(entries: &[Vec<u8>]) -> String {
    refusal(&tar(entries), 0, &Limits::default())
}

/// Unpacks an archive that is fine, and lists it: a line for each entry, sorted.
pub fn unpacked(bytes: &[u8], strip: usize) -> Vec<String> {
    let scratch = tempfile::tempdir().unwrap();
    let archive = scratch.path().join("archive");
    std::fs::write(&archive, bytes).unwrap();
    let out = scratch.path().join("out");
    archive::unpack(&archive, "a.tar", &out, strip, &Limits::default())
        .unwrap_or_else(|error| panic!("{}", told(&error)));
    listing(&out)
}

/// Every entry below a directory: mode and path, then `=` and the content or `->` and the target. All of the
/// fixed time.
pub fn listing(directory: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    list(directory, "", &mut lines);
    lines.sort();
    lines
}

fn list(directory: &Path, prefix: &str, lines: &mut Vec<String>) {
    use std::os::unix::fs::MetadataExt as _;
    assert_time(directory);
    for name in names(directory) {
        let (path, shown) = (directory.join(&name), format!("{prefix}{name}"));
        let metadata = path.symlink_metadata().unwrap();
        assert_time(&path);
        let mode = metadata.mode() & 0o7777;
        if metadata.is_dir() {
            lines.push(format!("{mode:o} {shown}/"));
            list(&path, &format!("{shown}/"), lines);
        } else if metadata.is_symlink() {
            lines.push(format!("link {shown} -> {}", std::fs::read_link(&path).unwrap().display()));
        } else {
            assert_eq!(metadata.nlink(), 1, "{shown}");
            lines.push(format!("{mode:o} {shown} = {}", String::from_utf8_lossy(&std::fs::read(&path).unwrap())));
        }
    }
}

fn assert_time(path: &Path) {
    use std::os::unix::fs::MetadataExt as _;
    let time = path.symlink_metadata().unwrap().mtime();
    assert_eq!(time.unsigned_abs(), archive::EPOCH, "{}", path.display());
}

pub fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
