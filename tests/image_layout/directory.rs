//! The root file system as a plain directory has the modes, times and owners of the image.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use drystone::image::{EPOCH, Format, Options, compose, write};

use crate::stones::{Store, options, spec};

/// Every path below a directory as `MODE UID:GID [-> TARGET]`, after its time was checked.
pub fn listing(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            assert_eq!(metadata.mtime(), i64::try_from(EPOCH).unwrap(), "{name}");
            let target = if metadata.is_symlink() {
                format!(" -> {}", path.read_link().unwrap().display())
            } else {
                String::new()
            };
            let line = format!("{:o} {}:{}{target}", metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
            found.insert(name, line);
            if metadata.is_dir() {
                open.push(path);
            }
        }
    }
    found
}

#[test]
fn a_plain_directory_is_the_root_file_system() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let output = scratch.path().join("rootfs");
    let summary = store.write(Format::Rootfs, &output).unwrap();
    assert_eq!((summary.manifest, summary.config, summary.layers.len(), summary.files), (None, None, 0, 11));
    let listing = listing(&output);
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let nobody = if uid == 0 { "65532:65532".to_owned() } else { format!("{uid}:{gid}") };
    for (path, expected) in [
        ("bin", format!("777 {uid}:{gid} -> usr/bin")),
        ("data", format!("750 {nobody}")),
        ("etc/motd", format!("640 {nobody}")),
        ("tmp", format!("1777 {uid}:{gid}")),
        ("usr/bin", format!("755 {uid}:{gid}")),
        ("usr/bin/su", format!("4755 {nobody}")),
        ("usr/bin/sed", format!("555 {uid}:{gid}")),
        ("usr/share/licence", format!("444 {uid}:{gid}")),
    ] {
        assert_eq!(listing[path], expected, "{path}");
    }
    assert_eq!(std::fs::read(output.join("usr/bin/cat")).unwrap(), b"cat");
    assert_eq!(output.metadata().unwrap().mode() & 0o7777, 0o755);
}

/// All that a change through a hard link would change.
fn inode(path: &Path) -> (u64, u32, u32, u32, i64) {
    let metadata = path.metadata().unwrap();
    (metadata.ino(), metadata.mode(), metadata.uid(), metadata.gid(), metadata.mtime())
}

#[test]
fn files_of_the_store_are_shared_and_stay_as_they_are() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let sed = store.sed();
    let in_store = store.path(&sed.id).join("usr/bin/sed");
    let before = inode(&in_store);
    let rootfs = compose(&spec(), std::slice::from_ref(&sed)).unwrap();
    let made = |name: &str, links| {
        let output = scratch.path().join(name);
        let summary = write(&rootfs, &Options { links, ..options(Format::Rootfs) }, store.store(), &output).unwrap();
        (summary.linked, output)
    };
    let (linked, shared) = made("shared", true);
    // A file system with reflinks has no need of hard links.
    assert_eq!(linked == 1, inode(&shared.join("usr/bin/sed")).0 == before.0);
    let (none, own) = made("own", false);
    assert_eq!(none, 0);
    assert_ne!(inode(&own.join("usr/bin/sed")).0, before.0);
    assert_eq!(listing(&shared), listing(&own));
    assert_eq!(inode(&in_store), before);
    drop(std::fs::remove_dir_all(&shared));
    assert_eq!(inode(&in_store), before);
}

#[test]
fn a_file_that_is_not_yet_as_it_is_to_be_is_not_shared() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let sed = store.sed();
    let in_store = store.path(&sed.id).join("usr/bin/sed");
    // As a copy of a store that did not keep times has it.
    let file = std::fs::File::open(&in_store).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let output = scratch.path().join("rootfs");
    let summary = store.write_image(&spec(), &[sed], Format::Rootfs, &output).unwrap();
    assert_eq!(summary.linked, 0);
    assert_eq!(in_store.metadata().unwrap().mtime(), 0);
    listing(&output);
}
