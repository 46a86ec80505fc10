//! A zip archive that lies in one of its two directories, or that wants what a tar archive must not have, is
//! refused and leaves nothing behind; an honest one is unpacked.

mod quarry;

use std::io::{Cursor, Write as _};

use drystone::archive::Limits;
use quarry::*;
use zip::write::SimpleFileOptions;

type Writer = zip::ZipWriter<Cursor<Vec<u8>>>;

fn zip(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    fill(&mut writer);
    writer.finish().unwrap().into_inner()
}

fn add(writer: &mut Writer, name: &str, mode: u32, content: &str) {
    writer.start_file(name, SimpleFileOptions::default().unix_permissions(mode)).unwrap();
    writer.write_all(content.as_bytes()).unwrap();
}

fn one(name: &str, content: &str) -> Vec<u8> {
    zip(|writer| add(writer, name, 0o644, content))
}

/// Replaces a name by one of the same length, wherever it stands, or only the first time (before the entry).
fn rename(bytes: &[u8], from: &str, to: &str, times: usize) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    for _ in 0..times {
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

fn refused(bytes: &[u8]) -> String {
    refusal(bytes, 0, &Limits::default())
}

#[test]
fn an_honest_archive_is_unpacked() {
    let bytes = zip(|writer| {
        writer.add_directory("p-1/empty/", SimpleFileOptions::default()).unwrap();
        add(writer, "p-1/configure", 0o755, "#!/bin/sh");
        add(writer, "p-1/src/a.c", 0o600, &"int a;\n".repeat(3));
        writer.add_symlink("p-1/src/b.c", "../src/a.c", SimpleFileOptions::default()).unwrap();
    });
    assert_eq!(
        unpacked(&bytes, 1),
        [
            "644 src/a.c = int a;\nint a;\nint a;\n",
            "755 configure = #!/bin/sh",
            "755 empty/",
            "755 src/",
            "link src/b.c -> ../src/a.c"
        ]
    );
    assert_eq!(unpacked(&zip(|_| {}), 0), [""; 0]);
}

#[test]
fn an_entry_that_leaves_the_directory() {
    assert_eq!(
        refused(&rename(&one("aaa/b", "x"), "aaa/b", "../ab", 2)),
        "a.tar: the entry `../ab` has an unusable path: it has a `..` component"
    );
    assert_eq!(
        refused(&rename(&one("aaa/b", "x"), "aaa/b", "/aa/b", 2)),
        "a.tar: the entry `/aa/b` has an unusable path: it is absolute"
    );
    assert_eq!(
        refused(&rename(&one("aaa/b", "x"), "aaa/b", "..\\ab", 2)),
        "a.tar: the entry `..\\\\ab` has an unusable path: it holds a backslash"
    );
    let link = zip(|writer| writer.add_symlink("l", "../x", SimpleFileOptions::default()).unwrap());
    assert_eq!(refused(&link), "a.tar: the entry `l` is a link to `../x`, which is unusable: it leaves the archive");
    let through = zip(|writer| {
        writer.add_symlink("l", ".", SimpleFileOptions::default()).unwrap();
        add(writer, "l/x", 0o644, "x");
    });
    assert_eq!(refused(&through), "a.tar: the entry `l/x` would be written through the symbolic link `l`");
}

#[test]
fn a_name_that_is_there_twice() {
    let two = zip(|writer| {
        add(writer, "other", 0o644, "");
        add(writer, "name-a", 0o644, "shown");
        add(writer, "name-b", 0o644, "built");
    });
    assert_eq!(refused(&rename(&two, "name-b", "name-a", 2)), "a.tar: the entry `name-a` is there twice");
}

#[test]
fn directories_that_do_not_agree() {
    assert_eq!(
        refused(&rename(&one("name-a", "x"), "name-a", "name-b", 1)),
        "a.tar is not a usable zip archive: invalid Zip archive: header inconsistency detected: \
         Local file header filename mismatch (does not match central directory)"
    );
}

#[test]
fn content_that_is_not_what_was_said() {
    let stored = zip(|writer| {
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        writer.start_file("f", options).unwrap();
        writer.write_all(b"original").unwrap();
    });
    assert_eq!(
        refused(&rename(&stored, "original", "modified", 1)),
        "a.tar: the entry `f` is corrupt: Invalid checksum"
    );
}

#[test]
fn a_size_that_is_not_true() {
    // The size stands at offset 22 of the local header, and at 24 of the one in the directory.
    let claiming = |size: u32| {
        let mut bytes = one("f", "1234");
        let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        for at in [22, directory + 24] {
            bytes[at..at + 4].copy_from_slice(&size.to_le_bytes());
        }
        bytes
    };
    assert_eq!(unpacked(&claiming(4), 0), ["644 f = 1234"]);
    assert_eq!(refused(&claiming(5)), "a.tar: the entry `f` is truncated");
    assert_eq!(
        refused(&claiming(3)),
        "a.tar: the entry `f` is corrupt: File is larger than its declared uncompressed size"
    );
    assert_eq!(refused(&claiming(u32::MAX - 1)), "a.tar: the entry `f` is truncated");
}

#[test]
fn more_than_the_limits() {
    let bomb = one("bomb", &"0".repeat(100_000));
    assert!(bomb.len() < 1000);
    assert_eq!(
        refusal(&bomb, 0, &Limits { bytes: 1000, entries: 10 }),
        "a.tar: the entry `bomb` unpacks to more than the limit of 1000 bytes"
    );
    let many = zip(|writer| (0..4).for_each(|number| add(writer, &number.to_string(), 0o644, "")));
    assert_eq!(
        refusal(&many, 0, &Limits { bytes: 1000, entries: 3 }),
        "a.tar: the entry `3` unpacks to more than the limit of 3 files and directories"
    );
}

#[test]
fn an_archive_that_ends_early_or_late() {
    let whole = one("f", "x");
    let late = [whole.as_slice(), b"garbage"].concat();
    assert_eq!(refused(&late), "a.tar is followed by data that does not belong to it");
    assert_eq!(
        refused(&whole[..whole.len() - 1]),
        "a.tar is not a usable zip archive: invalid Zip archive: Unexpected end of zip::format::blocks::Zip32CDEBlock"
    );
}
