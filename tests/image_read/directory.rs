//! A root file system that is a directory.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use drystone::image::read::{Form, Kind};

use crate::mason::{content, listing, read};

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn put(root: &Path, name: &str, text: &str, mode: u32) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn modes_links_and_pipes_are_read_and_no_link_is_followed() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("root");
    put(scratch.path(), "outside/key", "secret", 0o600);
    put(&root, "usr/bin/su", "su", 0o4755);
    std::fs::hard_link(root.join("usr/bin/su"), root.join("usr/bin/sudo")).unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    symlink(scratch.path().join("outside"), root.join("escape")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let contents = read(root.to_str().unwrap()).unwrap();
    assert_eq!((contents.form, contents.manifest, contents.config.is_none()), (Form::Directory, None, true));
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let lines = listing(&contents);
    let expect = |line: String| assert!(lines.contains(&line), "no {line:?} in {lines:#?}");
    expect("bin -> usr/bin".to_owned());
    expect(format!("escape -> {}", scratch.path().join("outside").display()));
    expect(format!("pipe 600 {uid}:{gid} a named pipe"));
    expect(format!("usr/bin/su 4755 {uid}:{gid} {}", content("su")));
    assert_eq!(lines.len(), 7, "{lines:#?}");
    assert_eq!(contents.size(), 2, "two names of one file");
    let inode = |path: &str| match &contents.entries[path].kind {
        Kind::File(file) => file.inode,
        other => panic!("{other:?}"),
    };
    assert_eq!(inode("usr/bin/su"), inode("usr/bin/sudo"));
}

#[test]
fn capabilities_and_devices_are_read() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    put(root, "usr/bin/ping", "ping", 0o755);
    // vfs_cap_data of version 2 (capabilities(7)): CAP_NET_RAW, permitted and effective.
    let value = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let set =
        rustix::fs::setxattr(root.join("usr/bin/ping"), "security.capability", &value, rustix::fs::XattrFlags::empty());
    if !is_root() || set.is_err() {
        eprintln!("skipped: only root can give a file capabilities, on a file system that keeps them");
        return;
    }
    let made = rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("null"),
        rustix::fs::FileType::CharacterDevice,
        rustix::fs::Mode::from_raw_mode(0o600),
        rustix::fs::makedev(1, 3),
    );
    let contents = read(root.to_str().unwrap()).unwrap();
    assert!(contents.entries["usr/bin/ping"].attributes.contains("security.capability"));
    if made.is_ok() {
        assert!(matches!(contents.entries["null"].kind, Kind::Special("a character device")));
    }
}

#[test]
fn a_directory_that_is_no_root_says_what_it_is() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let refusal = || {
        let text = read(root.to_str().unwrap()).err().unwrap().replace(root.to_str().unwrap(), "DIR");
        text.strip_prefix("DIR is no image that can be read: ")
            .unwrap()
            .split("; an image is")
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(refusal(), "it has none of the usual directories of a root");
    put(root, "notes.txt", "", 0o644);
    assert_eq!(refusal(), "it has none of the usual directories of a root");
    put(root, "config.json", "{}", 0o644);
    std::fs::create_dir(root.join("rootfs")).unwrap();
    assert_eq!(refusal(), "it is a runtime's bundle; name the directory `rootfs` in it");
    std::fs::remove_file(root.join("config.json")).unwrap();
    put(root, "manifest.json", "[]", 0o644);
    assert!(refusal().starts_with("it holds the parts of an image as loose files"));
    put(root, "index.json", "{}", 0o644);
    std::fs::create_dir(root.join("blobs")).unwrap();
    assert_eq!(refusal(), "it is an image layout without its file `oci-layout`");
}

#[test]
fn one_program_at_the_top_is_a_root() {
    let scratch = tempfile::tempdir().unwrap();
    put(scratch.path(), "hello", "x", 0o755);
    assert_eq!(read(scratch.path().to_str().unwrap()).unwrap().entries.len(), 1);
}

#[test]
fn another_file_system_in_it_is_refused() {
    // The kernel's own tree has others mounted in it, on every machine.
    let Err(refusal) = read("/sys") else {
        eprintln!("skipped: nothing is mounted below /sys");
        return;
    };
    assert!(refusal.contains("is on another file system") || refusal.contains("cannot"), "{refusal}");
}

#[test]
fn a_name_that_no_image_can_hold_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let scratch = tempfile::tempdir().unwrap();
    put(scratch.path(), "etc/x", "", 0o644);
    std::fs::write(scratch.path().join(std::ffi::OsStr::from_bytes(b"etc/\xff")), "").unwrap();
    let refusal = read(scratch.path().to_str().unwrap()).err().unwrap();
    assert!(refusal.ends_with("has a name that is not UTF-8"), "{refusal}");
}
