//! What is at the output already is replaced only where nobody can miss it.

use drystone::image::Format;

use crate::blobs::Layout;
use crate::stones::{Store, spec};

#[test]
fn a_layout_of_ours_is_replaced_whole() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let output = scratch.path().join("image");
    store.write(Format::Oci, &output).unwrap();
    let smaller = store.write_image(&spec(), &[store.cat()], Format::Oci, &output).unwrap();
    assert_eq!(Layout::read(&output).layers.len(), smaller.layers.len());
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn an_archive_and_an_empty_directory_are_replaced() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    for (name, format) in [("oci.tar", Format::OciArchive), ("docker.tar", Format::DockerArchive)] {
        std::fs::write(scratch.path().join(name), "old").unwrap();
        let summary = store.write(format, &scratch.path().join(name)).unwrap();
        assert_eq!(scratch.path().join(name).metadata().unwrap().len(), summary.size);
    }
    for (name, format) in [("oci", Format::Oci), ("rootfs", Format::Rootfs)] {
        std::fs::create_dir(scratch.path().join(name)).unwrap();
        store.write(format, &scratch.path().join(name)).unwrap();
    }
}

#[test]
fn a_link_to_the_output_stays_a_link() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let (real, link) = (scratch.path().join("real"), scratch.path().join("link"));
    store.write(Format::Oci, &real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    store.write_image(&spec(), &[store.cat()], Format::Oci, &link).unwrap();
    assert!(link.is_symlink());
    assert_eq!(Layout::read(&real).layers.len(), 2);
}

#[test]
fn anything_else_is_refused_and_stays_as_it_is() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let full = scratch.path().join("home");
    std::fs::create_dir(&full).unwrap();
    std::fs::write(full.join("thesis"), "text").unwrap();
    let file = scratch.path().join("file");
    std::fs::write(&file, "text").unwrap();
    let shared = scratch.path().join("shared");
    store.write(Format::Oci, &shared).unwrap();
    let index = std::fs::read_to_string(shared.join("index.json")).unwrap();
    let entry = &index[index.find("[{").unwrap() + 1..=index.find("}]").unwrap()];
    std::fs::write(shared.join("index.json"), index.replace(entry, &format!("{entry},{entry}"))).unwrap();
    for (output, format, what) in [
        (&full, Format::Oci, "is not an image layout that drystone wrote"),
        (&shared, Format::Oci, "is not an image layout that drystone wrote"),
        (&full, Format::Rootfs, "is not empty"),
        (&shared, Format::Rootfs, "is not empty"),
        (&full, Format::OciArchive, "is not a file"),
        (&full, Format::DockerArchive, "is not a file"),
        (&file, Format::Oci, "is not a directory"),
        (&file, Format::Rootfs, "is not a directory"),
    ] {
        let error = store.write(format, output).unwrap_err().to_string();
        let there = output.display();
        assert_eq!(error, format!("{there} is there already and {what}: name another output, or remove it first"));
    }
    assert_eq!(std::fs::read(full.join("thesis")).unwrap(), b"text");
    assert_eq!(std::fs::read(&file).unwrap(), b"text");
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 3, "nothing is left behind");
}
