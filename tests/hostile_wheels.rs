//! A wheel of a Python index is laid out as an installer does that has no Python; one that would leave the root, or is
//! no wheel at all, is refused with the package's name, and leaves nothing behind.

mod quarry;

use std::io::{Cursor, Write as _};

use drystone::archive::{self, ArchiveError, Limits};
use quarry::*;
use zip::write::SimpleFileOptions;

type Writer = zip::ZipWriter<Cursor<Vec<u8>>>;

fn add(writer: &mut Writer, name: &str, mode: u32, content: &str) {
    writer.start_file(name, SimpleFileOptions::default().unix_permissions(mode)).unwrap();
    writer.write_all(content.as_bytes()).unwrap();
}

/// A wheel with a description of this version, and what else is put into it.
fn wheel(version: &str, fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    fill(&mut writer);
    add(&mut writer, "wall-1.dist-info/WHEEL", 0o644, &format!("Wheel-Version: {version}\nTag: py3-none-any\n"));
    writer.finish().unwrap().into_inner()
}

/// Unpacks a Debian package and a wheel over each other, and lists the root.
fn root(wheel: &[u8]) -> Result<Vec<String>, ArchiveError> {
    let scratch = tempfile::tempdir().unwrap();
    let package = deb(&[file("./usr/lib/wall/LICENSE", "MIT"), file("./usr/bin/sh", "elf")]);
    let files = [("wall.deb", package.as_slice()), ("wall.whl", wheel)].map(|(name, bytes)| {
        let file = scratch.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        (name.to_owned(), file)
    });
    let out = scratch.path().join("out");
    let result = archive::unpack_packages(&files, &out, &Limits::default()).map(|()| listing(&out));
    assert_eq!(out.exists(), result.is_ok());
    result
}

fn refused(wheel: &[u8]) -> String {
    told(&root(wheel).unwrap_err())
}

#[test]
fn every_part_has_its_place_and_scripts_are_programs() {
    let bytes = wheel("1.9", |writer| {
        add(writer, "wall/__init__.py", 0o644, "");
        add(writer, "wall/bin/build", 0o755, "elf");
        add(writer, "wall-1.data/scripts/wall", 0o644, "#!python\n");
        add(writer, "wall-1.data/data/share/wall/data", 0o644, "data");
        add(writer, "wall-1.data/headers/wall.h", 0o644, "int wall;");
        add(writer, "wall-1.data/platlib/wall/more", 0o644, "more");
    });
    let listed = root(&bytes).unwrap();
    let files: Vec<&str> = listed.iter().map(String::as_str).filter(|line| line.contains(" = ")).collect();
    assert_eq!(
        files,
        [
            "644 usr/bin/sh = elf",
            "644 usr/include/wall/wall.h = int wall;",
            "644 usr/lib/wall-1.dist-info/WHEEL = Wheel-Version: 1.9\nTag: py3-none-any\n",
            "644 usr/lib/wall/LICENSE = MIT",
            "644 usr/lib/wall/__init__.py = ",
            "644 usr/lib/wall/more = more",
            "644 usr/share/wall/data = data",
            "755 usr/bin/wall = #!python\n",
            "755 usr/lib/wall/bin/build = elf",
        ]
    );
    assert!(listed.contains(&"link bin -> usr/bin".to_owned()), "{listed:?}");
}

#[test]
fn what_leaves_the_root_or_has_no_place() {
    let one = |name: &str| wheel("1.0", |writer| add(writer, name, 0o644, "x"));
    assert_eq!(
        refused(&one("../../etc/passwd")),
        "wall.whl: the entry `../../etc/passwd` has an unusable path: it has a `..` component"
    );
    assert_eq!(
        refused(&one("wall-1.data/data/../../../etc/passwd")),
        "wall.whl: the entry `wall-1.data/data/../../../etc/passwd` has an unusable path: it has a `..` component"
    );
    assert_eq!(
        refused(&one("wall-1.data/etc/passwd")),
        "wall.whl: the entry `wall-1.data/etc/passwd` has an unusable path: a wheel's data has no such part"
    );
    assert_eq!(
        refused(&one("wall-1.data/scripts/sh")),
        "wall.whl: the entry `wall-1.data/scripts/sh` is also in wall.deb"
    );
    let link = wheel("1.0", |writer| writer.add_symlink("wall/x", "y", SimpleFileOptions::default()).unwrap());
    assert_eq!(refused(&link), "wall.whl: the entry `wall/x` is a symbolic link in a wheel, which is not unpacked");
}

#[test]
fn two_parts_of_one_wheel_for_the_same_place() {
    let bytes = wheel("1.0", |writer| {
        add(writer, "wall/x", 0o644, "1");
        add(writer, "wall-1.data/purelib/wall/x", 0o644, "2");
    });
    assert_eq!(refused(&bytes), "wall.whl: the entry `wall-1.data/purelib/wall/x` is there twice");
}

#[test]
fn a_zip_archive_that_is_no_wheel_or_one_of_tomorrow() {
    let mut plain = zip::ZipWriter::new(Cursor::new(Vec::new()));
    add(&mut plain, "wall/x", 0o644, "x");
    let plain = plain.finish().unwrap().into_inner();
    assert_eq!(refused(&plain), "wall.whl is not a Python wheel: it has no `*.dist-info/WHEEL`");
    let future = wheel("2.0", |_| {});
    assert_eq!(
        refused(&future),
        "wall.whl is not a Python wheel: its `Wheel-Version` is not 1, which is what is known"
    );
}
