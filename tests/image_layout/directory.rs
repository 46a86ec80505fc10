//! The root file system as a plain directory has the modes, times and owners of the image.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use drystone::image::{EPOCH, Format};

use crate::stones::Store;

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
