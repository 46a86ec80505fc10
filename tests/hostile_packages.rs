//! Debian packages are laid over each other into one root with merged /usr; what would leave that root, or is in
//! two packages, is refused with the package's name, and leaves nothing behind.

mod quarry;

use std::path::PathBuf;

use drystone::archive::{self, ArchiveError, Limits};
use quarry::*;

/// Unpacks packages named `a.deb`, `b.deb`, … and lists the root.
fn root(packages: &[Vec<u8>], limits: &Limits) -> Result<Vec<String>, ArchiveError> {
    let scratch = tempfile::tempdir().unwrap();
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for (letter, bytes) in ('a'..).zip(packages) {
        let file = scratch.path().join(format!("{letter}.deb"));
        std::fs::write(&file, bytes).unwrap();
        files.push((format!("{letter}.deb"), file));
    }
    let out = scratch.path().join("out");
    let result = archive::unpack_packages(&files, &out, limits).map(|()| listing(&out));
    assert_eq!(out.exists(), result.is_ok());
    result
}

fn refused(packages: &[Vec<u8>]) -> String {
    told(&root(packages, &Limits::default()).unwrap_err())
}

#[test]
fn packages_share_one_root_with_merged_usr() {
    let first = deb(&[
        directory("./"),
        directory("./bin/"),
        entry(b'0', "./bin/dash", "", "elf"),
        symlink("./bin/sh", "dash"),
        file("./usr/share/doc/dash", "doc"),
    ]);
    let second = deb(&[
        directory("./"),
        directory("./usr/share/doc/"),
        symlink("./usr/bin/awk", "/etc/alternatives/awk"),
        symlink("./lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
        file("./lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "ld"),
        hard_link("./usr/lib/copy", "./lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
    ]);
    assert_eq!(
        root(&[first, second], &Limits::default()).unwrap(),
        [
            "644 usr/bin/dash = elf",
            "644 usr/lib/copy = ld",
            "644 usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 = ld",
            "644 usr/share/doc/dash = doc",
            "755 usr/",
            "755 usr/bin/",
            "755 usr/lib/",
            "755 usr/lib/x86_64-linux-gnu/",
            "755 usr/lib64/",
            "755 usr/share/",
            "755 usr/share/doc/",
            "link bin -> usr/bin",
            "link lib -> usr/lib",
            "link lib64 -> usr/lib64",
            "link sbin -> usr/sbin",
            "link usr/bin/awk -> /etc/alternatives/awk",
            "link usr/bin/sh -> dash",
            "link usr/lib64/ld-linux-x86-64.so.2 -> /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
        ]
    );
}

#[test]
fn a_file_that_is_in_two_packages() {
    let one = |entries: &[Vec<u8>]| deb(entries);
    assert_eq!(
        refused(&[one(&[file("./bin/sh", "1")]), one(&[file("./usr/bin/sh", "2")])]),
        "b.deb: the entry `./usr/bin/sh` is also in a.deb"
    );
    assert_eq!(
        refused(&[one(&[symlink("./usr/x", "y")]), one(&[symlink("./usr/x", "y")])]),
        "b.deb: the entry `./usr/x` is also in a.deb"
    );
    assert_eq!(refused(&[one(&[file("./x", "1"), file("./x", "2")])]), "a.deb: the entry `./x` is there twice");
    assert_eq!(
        refused(&[one(&[file("./usr/x", "")]), one(&[file("./usr/x/y", "")])]),
        "b.deb: the entry `./usr/x/y` lies below `usr/x`, which is a file"
    );
    assert_eq!(
        refused(&[one(&[symlink("./usr/x", "/etc")]), one(&[file("./usr/x/y", "")])]),
        "b.deb: the entry `./usr/x/y` would be written through the symbolic link `usr/x`"
    );
}

#[test]
fn an_entry_that_leaves_the_root() {
    assert_eq!(
        refused(&[deb(&[file("./../x", "")])]),
        "a.deb: the entry `./../x` has an unusable path: it has a `..` component"
    );
    assert_eq!(
        refused(&[deb(&[symlink("./usr/x", "../../y")])]),
        "a.deb: the entry `./usr/x` is a link to `../../y`, which is unusable: it leaves the archive"
    );
    assert_eq!(
        refused(&[deb(&[symlink("./usr/x", "/lib/../../y")])]),
        "a.deb: the entry `./usr/x` is a link to `/lib/../../y`, which is unusable: it leaves the archive"
    );
    assert_eq!(
        refused(&[deb(&[symlink("./usr/x", "/usr/up/.."), symlink("./usr/up", "/")])]),
        "a.deb: the entry `usr/x` is a link to `/usr/up/..`, which is unusable: it goes up again behind a symbolic link"
    );
}

#[test]
fn a_file_that_is_no_package() {
    let ar = |members: &[Vec<u8>]| [b"!<arch>\n".as_slice(), &members.concat()].concat();
    let (binary, data) = (member("debian-binary", b"2.0\n"), member("data.tar.gz", &gzip(&tar(&[]))));
    let unlike = |reason: &str| format!("a.deb is not a Debian package: {reason}");
    assert_eq!(refused(&[b"<html>".to_vec()]), unlike("it does not start as an ar archive does"));
    assert_eq!(refused(&[ar(&[])]), unlike("its first member is not `debian-binary` with a version 2"));
    let three = member("debian-binary", b"3.0\n");
    assert_eq!(refused(&[ar(&[three])]), unlike("its first member is not `debian-binary` with a version 2"));
    assert_eq!(refused(&[ar(std::slice::from_ref(&binary))]), unlike("it has no `data.tar`"));
    assert_eq!(refused(&[ar(&[binary.clone(), data.clone(), data.clone()])]), unlike("it has two `data.tar`"));
    assert_eq!(
        refused(&[ar(&[binary.clone(), member("evil", b""), data.clone()])]),
        "a.deb: the entry `evil` is not a Debian package: it has an unknown member"
    );
    assert_eq!(
        refused(&[ar(&[binary.clone(), data.clone(), vec![b'x'; 60]])]),
        "a.deb is malformed: it has a broken ar header"
    );
    let ignored = ar(&[binary, member("_extra", b"odd"), data]);
    assert_eq!(root(&[ignored], &Limits::default()).unwrap().len(), 4);
}

#[test]
fn a_package_that_ends_early() {
    let whole = deb(&[file("./usr/x", "content")]);
    assert_eq!(refused(&[whole[..whole.len() - 20].to_vec()]), "a.deb is truncated");
    assert_eq!(refused(&[whole[..100].to_vec()]), "a.deb is truncated");
}

#[test]
fn the_limits_count_all_packages_together() {
    let package = |name: &str| deb(&[file(name, &"x".repeat(60))]);
    let error = root(&[package("./a"), package("./b")], &Limits { bytes: 600, entries: 10 }).unwrap_err();
    assert_eq!(told(&error), "b.deb: the entry `./b` unpacks to more than the limit of 600 bytes");
    let error = root(&[package("./a"), package("./b")], &Limits { bytes: 10_000, entries: 1 }).unwrap_err();
    assert_eq!(told(&error), "b.deb: the entry `./b` unpacks to more than the limit of 1 files and directories");
}
