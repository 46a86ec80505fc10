//! A tar archive that wants to write somewhere else, to look different to another reader, or to fill the disk is
//! refused with a sentence that names the archive and the entry, and leaves nothing behind.

mod quarry;

use drystone::archive::Limits;
use quarry::*;

fn limits(bytes: u64, entries: u64) -> Limits {
    Limits { bytes, entries }
}

#[test]
fn a_path_that_leaves_the_directory() {
    assert_eq!(
        refused(&[file("/etc/passwd", "x")]),
        "a.tar: the entry `/etc/passwd` has an unusable path: it is absolute"
    );
    assert_eq!(
        refused(&[file("ok", ""), file("a/../../b", "x")]),
        "a.tar: the entry `a/../../b` has an unusable path: it has a `..` component"
    );
    assert_eq!(
        refusal(&tar(&[file("top/../b", "x")]), 1, &Limits::default()),
        "a.tar: the entry `top/../b` has an unusable path: it has a `..` component"
    );
    assert_eq!(
        refusal(&tar(&[file("../top/b", "x")]), 1, &Limits::default()),
        "a.tar: the entry `../top/b` has an unusable path: it has a `..` component"
    );
    assert_eq!(
        refused(&[pax(b'x', "path", "../../b"), file("a", "x")]),
        "a.tar: the entry `../../b` has an unusable path: it has a `..` component"
    );
    assert_eq!(
        refused(&[entry(b'L', "././@LongLink", "", "/etc/passwd\0"), file("a", "x")]),
        "a.tar: the entry `/etc/passwd` has an unusable path: it is absolute"
    );
}

#[test]
fn a_path_that_is_not_a_line_of_text() {
    assert_eq!(
        refused(&[file("a\nb", "x")]),
        "a.tar: the entry `a\\nb` has an unusable path: it holds a control character"
    );
    assert_eq!(
        refused(&[file(b"caf\xe9", "x")]),
        "a.tar: the entry `caf\u{fffd}` has an unusable path: it is not UTF-8"
    );
    assert_eq!(
        refused(&[entry(b'L', "././@LongLink", "", "a\0b\0"), file("a", "x")]),
        "a.tar: the entry `a\\0b` has an unusable path: it holds a control character"
    );
    assert_eq!(refused(&[file(".", "")]), "a.tar: the entry `.` has an unusable path: it is empty");
}

#[test]
fn a_symbolic_link_that_leaves_the_directory() {
    let unusable = |target: &str| refused(&[directory("d/"), symlink("d/l", target)]);
    assert_eq!(unusable("/etc"), "a.tar: the entry `d/l` is a link to `/etc`, which is unusable: it is absolute");
    assert_eq!(
        unusable("../../x"),
        "a.tar: the entry `d/l` is a link to `../../x`, which is unusable: it leaves the archive"
    );
    assert_eq!(
        refusal(&tar(&[symlink("top/l", "../top/x")]), 1, &Limits::default()),
        "a.tar: the entry `top/l` is a link to `../top/x`, which is unusable: it leaves the archive"
    );
    assert_eq!(unusable(""), "a.tar: the entry `d/l` is a link to ``, which is unusable: it is empty");
    assert_eq!(
        unusable("x\x1b"),
        "a.tar: the entry `d/l` is a link to `x\\u{1b}`, which is unusable: it holds a control character"
    );
}

#[test]
fn a_symbolic_link_that_climbs_out_over_another() {
    // By its text, `over` stays inside: d/up/.. is d. In truth d/up is the root, and d/up/.. above it.
    assert_eq!(
        refused(&[symlink("over", "d/up/.."), directory("d/"), symlink("d/up", "..")]),
        "a.tar: the entry `over` is a link to `d/up/..`, which is unusable: it goes up again behind a symbolic link"
    );
    let fine = [symlink("over", "d/e/../x"), directory("d/e/"), symlink("d/up", "..")];
    assert_eq!(unpacked(&tar(&fine), 0), ["755 d/", "755 d/e/", "link d/up -> ..", "link over -> d/e/../x"]);
}

#[test]
fn an_entry_below_a_symbolic_link_or_a_file() {
    assert_eq!(
        refused(&[symlink("l", "."), file("l/x", "x")]),
        "a.tar: the entry `l/x` would be written through the symbolic link `l`"
    );
    assert_eq!(
        refused(&[directory("d"), symlink("d/l", "."), file("d/l/e/x", "x")]),
        "a.tar: the entry `d/l/e/x` would be written through the symbolic link `d/l`"
    );
    assert_eq!(refused(&[file("f", ""), file("f/x", "x")]), "a.tar: the entry `f/x` lies below `f`, which is a file");
}

#[test]
fn a_path_that_is_there_already() {
    assert_eq!(refused(&[file("a", "1"), file("./a", "2")]), "a.tar: the entry `./a` is there twice");
    assert_eq!(refused(&[symlink("a", "b"), file("a", "2")]), "a.tar: the entry `a` is there twice");
    assert_eq!(refused(&[file("a", "1"), symlink("a", "a")]), "a.tar: the entry `a` is there twice");
    assert_eq!(
        refused(&[file("a", ""), directory("a/")]),
        "a.tar: the entry `a/` is a directory, but was a file before"
    );
    assert_eq!(
        refused(&[symlink("a", "b"), directory("a/")]),
        "a.tar: the entry `a/` is a directory, but was a symbolic link before"
    );
    assert_eq!(
        refused(&[file("a/b", ""), file("a", "")]),
        "a.tar: the entry `a` is not a directory, but was one before"
    );
}

#[test]
fn a_hard_link_to_anything_but_an_earlier_file() {
    let not_earlier = |target: &str| {
        let entries = [directory("d/"), symlink("s", "later"), hard_link("h", target), file("later", "x")];
        refused(&entries)
    };
    for target in ["later", "../outside", "/etc/passwd", "s", "d", "s/x", "missing/x"] {
        assert_eq!(
            not_earlier(target),
            format!("a.tar: the entry `h` is a hard link to `{target}`, which is not an earlier file of the archive")
        );
    }
}

#[test]
fn an_entry_that_is_no_file_directory_or_link() {
    for (kind, what) in [(b'3', "a device node"), (b'4', "a device node"), (b'6', "a named pipe")] {
        let message = format!("a.tar: the entry `dev` is {what}, which is not unpacked");
        assert_eq!(refused(&[entry(kind, "dev", "", "")]), message);
    }
    assert_eq!(refused(&[entry(b'S', "s", "", "")]), "a.tar: the entry `s` is a sparse file, which is not unpacked");
    assert_eq!(
        refused(&[pax(b'x', "GNU.sparse.size", "1"), file("s", "")]),
        "a.tar: the entry `s` is a sparse file, which is not unpacked"
    );
    assert_eq!(
        refused(&[entry(b'V', "v", "", "")]),
        "a.tar: the entry `v` is of an unknown kind, which is not unpacked"
    );
}

#[test]
fn more_bytes_than_the_limit() {
    let over = "unpacks to more than the limit of 100 bytes";
    let stopped = |entries: &[Vec<u8>]| refusal(&gzip(&tar(entries)), 0, &limits(100, 10));
    let ninety = "x".repeat(90);
    assert_eq!(stopped(&[file("a", &ninety), file("b", &ninety)]), format!("a.tar: the entry `b` {over}"));
    assert_eq!(stopped(&[file("a", &ninety), hard_link("b", "a")]), format!("a.tar: the entry `b` {over}"));
    // The claim is enough: nothing of it needs to be there.
    assert_eq!(stopped(&[claiming(file("big", ""), 1 << 33)]), format!("a.tar: the entry `big` {over}"));
    assert_eq!(
        stopped(&[pax(b'x', "size", "18446744073709551615"), file("big", "")]),
        format!("a.tar: the entry `big` {over}")
    );
    assert_eq!(
        stopped(&[entry(b'L', "long", "", "x".repeat(101)), file("a", "")]),
        format!("a.tar: the entry `long` {over}")
    );
    // What stripping leaves out had to be decompressed too.
    let outside = gzip(&tar(&[file("a", &ninety), file("b", &ninety)]));
    assert_eq!(refusal(&outside, 1, &limits(100, 10)), format!("a.tar: the entry `b` {over}"));
    let mut zeros = tar(&[]);
    zeros.resize(1 << 20, 0);
    assert_eq!(refusal(&gzip(&zeros), 0, &limits(100, 10)), format!("a.tar {over}"));
}

#[test]
fn more_entries_than_the_limit() {
    let over = "unpacks to more than the limit of 3 files and directories";
    let stopped = |entries: &[Vec<u8>]| refusal(&tar(entries), 0, &limits(1000, 3));
    let files: Vec<_> = ["a", "b", "c", "d"].map(|name| file(name, "")).into();
    assert_eq!(stopped(&files), format!("a.tar: the entry `d` {over}"));
    assert_eq!(stopped(&[file("a/b/c/d", "")]), format!("a.tar: the entry `a/b/c/d` {over}"));
    let global = pax(b'g', "comment", "x");
    assert_eq!(stopped(&vec![global; 4]), format!("a.tar: the entry `PaxHeader` {over}"));
}

#[test]
fn a_name_too_long_to_be_read() {
    assert_eq!(
        refused(&[claiming(entry(b'L', "long", "", ""), 1 << 32), file("a", "")]),
        "a.tar: the entry `long` is malformed: its name or extended header is longer than a mebibyte"
    );
}

#[test]
fn a_stream_that_needs_too_much_memory() {
    // The dictionary's size is one byte of the block's header (the .xz file format, 5.3.1): 36 stands for 1 GiB.
    let mut bytes = xz(&tar(&[file("a", "x")]));
    let header = 12..12 + (usize::from(bytes[12]) + 1) * 4;
    bytes[16] = 36;
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[header.start..header.end - 4]);
    bytes[header.end - 4..header.end].copy_from_slice(&crc.sum().to_le_bytes());
    assert_eq!(refusal(&bytes, 0, &Limits::default()), "a.tar needs more than 268435456 bytes of memory to decompress");
}

#[test]
fn an_archive_that_ends_early() {
    let whole = tar(&[file("a", &"content ".repeat(200)), file("b", "x")]);
    // Without its end, in a header, in the padding, in the content of the second file and of the first.
    for length in [whole.len() - 1024, whole.len() - 1300, 512 + 1600 + 5] {
        assert_eq!(refusal(&whole[..length], 0, &Limits::default()), "a.tar is truncated", "{length}");
    }
    assert_eq!(refusal(&whole[..1000], 0, &Limits::default()), "a.tar: the entry `a` is truncated");
    assert_eq!(
        refused(&[entry(b'L', "././@LongLink", "", "name\0")]),
        "a.tar is malformed: it ends between a long name and its entry"
    );
    for (name, compress) in COMPRESSIONS {
        let compressed = compress(&whole);
        for length in [compressed.len() - 1, compressed.len() - 5] {
            let message = refusal(&compressed[..length], 0, &Limits::default());
            assert!(message.ends_with("is truncated"), "{name}: {message}");
        }
    }
}

#[test]
fn an_archive_of_members_that_ends_behind_one_of_them() {
    // Each member is whole, and so is each entry.
    let (whole, ends) = members(&[file("a", "x"), file("b", "y"), vec![0; 1024]]);
    assert_eq!(unpacked(&whole, 0), ["644 a = x", "644 b = y"]);
    for end in &ends[..2] {
        assert_eq!(refusal(&whole[..*end], 0, &Limits::default()), "a.tar is truncated");
    }
    let garbage = [&whole[..ends[0]], b"garbage", &whole[ends[0]..]].concat();
    let message = "a.tar is followed by data that does not belong to it";
    assert_eq!(refusal(&garbage, 0, &Limits::default()), message);
    assert_eq!(refusal(&[whole.as_slice(), b"\x1f"].concat(), 0, &Limits::default()), "a.tar is truncated");
}

#[test]
fn data_behind_the_end() {
    let whole = tar(&[file("a", "x")]);
    let message = "a.tar is followed by data that does not belong to it";
    assert_eq!(refusal(&[whole.clone(), whole.clone()].concat(), 0, &Limits::default()), message);
    for (name, compress) in COMPRESSIONS {
        for garbage in [b"garbage".as_slice(), b"\0", b"x"] {
            let bytes = [compress(&whole).as_slice(), garbage].concat();
            assert_eq!(refusal(&bytes, 0, &Limits::default()), message, "{name} {garbage:?}");
        }
        let hidden = compress(&[whole.as_slice(), b"hidden"].concat());
        assert_eq!(refusal(&hidden, 0, &Limits::default()), message, "{name}");
    }
}

#[test]
fn bytes_that_were_changed_on_the_way() {
    let mut damaged = tar(&[file("a", "x"), file("b", "y")]);
    damaged[1024] ^= 1;
    assert_eq!(refusal(&damaged, 0, &Limits::default()), "a.tar is malformed: a header's checksum is wrong");
    let whole = tar(&[file("a", "x")]);
    let mut compressed = gzip(&whole);
    let crc = compressed.len() - 8;
    compressed[crc] ^= 1;
    assert_eq!(
        refusal(&compressed, 0, &Limits::default()),
        "a.tar is corrupt: corrupt gzip stream does not have a matching checksum"
    );
}

#[test]
fn a_file_that_is_no_archive() {
    let message = "a.tar is neither a zip nor a tar archive (plain, or compressed by gzip, xz, bzip2 or zstd)";
    assert_eq!(refusal(b"", 0, &Limits::default()), message);
    assert_eq!(refusal(b"<html>Not found</html>", 0, &Limits::default()), message);
    assert_eq!(refusal("text ".repeat(1000).as_bytes(), 0, &Limits::default()), message);
    assert_eq!(refusal(&gzip("text ".repeat(1000).as_bytes()), 0, &Limits::default()), message);
}

#[test]
fn headers_that_readers_disagree_about() {
    let sized = "is malformed: it is a directory or link, but has a size";
    assert_eq!(refused(&[entry(b'2', "l", "x", file("hidden", ""))]), format!("a.tar: the entry `l` {sized}"));
    assert_eq!(refused(&[entry(b'5', "d/", "", file("hidden", ""))]), format!("a.tar: the entry `d/` {sized}"));
    assert_eq!(
        refused(&[entry(b'L', "long", "", "one\0"), pax(b'x', "path", "two"), file("a", "")]),
        "a.tar: the entry `two` is malformed: it has two long names"
    );
    assert_eq!(
        refused(&[pax(b'x', "path", "one"), pax(b'x', "path", "two"), file("a", "")]),
        "a.tar: the entry `PaxHeader` is malformed: two extended headers in a row describe the same entry"
    );
    assert_eq!(
        refused(&[pax(b'g', "path", "all"), file("a", "")]),
        "a.tar: the entry `PaxHeader` is malformed: its global header gives every entry the same path, size or owner"
    );
    let mut lettered = file("a", "");
    lettered[124..135].copy_from_slice(b"0000000000x");
    assert_eq!(refused(&[claiming_checksum(lettered)]), "a.tar: the entry `a` is malformed: its size is not a number");
}

fn claiming_checksum(mut entry: Vec<u8>) -> Vec<u8> {
    let mut header = tar::Header::new_old();
    header.as_mut_bytes().copy_from_slice(&entry[..512]);
    header.set_cksum();
    entry[..512].copy_from_slice(header.as_bytes());
    entry
}

#[test]
fn a_destination_that_is_there_stays_as_it_is() {
    let scratch = tempfile::tempdir().unwrap();
    let (archive, out) = (scratch.path().join("archive"), scratch.path().join("out"));
    std::fs::write(&archive, tar(&[file("a", "x")])).unwrap();
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("mine"), "").unwrap();
    let error = drystone::archive::unpack(&archive, "a.tar", &out, 0, &Limits::default()).unwrap_err();
    let told = told(&error).replace(&out.display().to_string(), "OUT");
    assert_eq!(told, "cannot unpack a.tar: cannot create the directory OUT: File exists (os error 17)");
    assert_eq!(names(&out), ["mine"]);
}
