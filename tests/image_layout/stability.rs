//! The same spec and objects give the same bytes, and the same object gives the same layer.

use std::collections::BTreeMap;
use std::path::Path;

use drystone::image::{Format, ImageError, Origin};
use drystone::recipe::{ImageConfig, ImageSpec};
use rustix::fs::Mode;

use crate::stones::{Store, spec};

/// Every file of a directory with its bytes.
pub fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn two_writes_in_other_places_with_another_umask_have_the_same_bytes() {
    let formats = [Format::Oci, Format::OciArchive, Format::DockerArchive];
    let write_all = || {
        let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
        for (index, format) in formats.into_iter().enumerate() {
            store.write(format, &scratch.path().join(index.to_string())).unwrap();
        }
        files(scratch.path())
    };
    let first = write_all();
    let before = rustix::process::umask(Mode::from_raw_mode(0o077));
    let second = write_all();
    rustix::process::umask(before);
    assert!(first.len() > 8);
    assert!(first == second, "the bytes differ");
}

#[test]
fn two_images_share_the_layer_of_a_component() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let both = store.write(Format::Oci, &scratch.path().join("both")).unwrap();
    let plain = ImageSpec {
        config: ImageConfig::default(),
        users: Vec::new(),
        groups: Vec::new(),
        files: Vec::new(),
        directories: Vec::new(),
        links: Vec::new(),
        ..spec()
    };
    let only = store.write_image(&plain, &[store.sed()], Format::Oci, &scratch.path().join("only")).unwrap();
    assert_eq!(only.layers.len(), 1);
    assert!(both.layers.contains(&only.layers[0]));
    assert!(matches!(&only.layers[0].origin, Origin::Object { id, .. } if *id == store.sed().id));
}

#[test]
fn a_damaged_object_does_not_become_an_image() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let output = scratch.path().join("image");
    let cat = store.cat();
    for format in [Format::Oci, Format::OciArchive, Format::DockerArchive, Format::Rootfs] {
        let parts = [store.sed(), cat.clone()];
        let damaged = store.damage(&cat.id, "usr/bin/cat", Some("dog"));
        let error = store.write_image(&spec(), &parts, format, &output).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{} is corrupt: its bytes are not those that its object's manifest names; verify the store",
                damaged.display()
            )
        );
        store.damage(&cat.id, "usr/bin/cat", None);
        let error = store.write_image(&spec(), &parts, format, &output).unwrap_err();
        assert!(matches!(error, ImageError::Fs(_)));
        assert_eq!(error.to_string(), format!("cannot open {}", damaged.display()));
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "nothing is left behind");
    }
}
