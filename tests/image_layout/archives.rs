//! The two kinds of archive hold the same image as the layout.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use drystone::digest::Sha256;
use drystone::image::Format;
use serde_json::Value;

use crate::blobs::{Layout, entries};
use crate::stones::Store;

fn unpack(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(std::fs::File::open(archive).unwrap());
    let files = archive.entries().unwrap().filter_map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        entry.header().entry_type().is_file().then_some((name, bytes))
    });
    files.collect()
}

#[test]
fn an_oci_archive_is_the_layout_as_a_tar_file() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let (layout, archive) = (scratch.path().join("image"), scratch.path().join("image.tar"));
    let directory = store.write(Format::Oci, &layout).unwrap();
    let summary = store.write(Format::OciArchive, &archive).unwrap();
    assert_eq!((summary.manifest, &summary.layers), (directory.manifest, &directory.layers));
    assert_eq!(summary.size, archive.metadata().unwrap().len());
    let unpacked = scratch.path().join("unpacked");
    tar::Archive::new(std::fs::File::open(&archive).unwrap()).unpack(&unpacked).unwrap();
    assert_eq!(Layout::read(&unpacked).manifest, Layout::read(&layout).manifest);
    let names = entries(&std::fs::read(&archive).unwrap());
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(names.first().unwrap(), "blobs 755 0:0");
    assert_eq!(names.last().unwrap(), "oci-layout 644 0:0");
}

#[test]
fn a_docker_archive_names_its_configuration_and_its_uncompressed_layers() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let archive = scratch.path().join("image.tar");
    let summary = store.write(Format::DockerArchive, &archive).unwrap();
    assert_eq!((summary.manifest, summary.size), (None, archive.metadata().unwrap().len()));
    let mut files = unpack(&archive);
    let manifest: Value = serde_json::from_slice(&files.remove("manifest.json").unwrap()).unwrap();
    assert_eq!(manifest[0]["RepoTags"], serde_json::json!(["stones:4.9"]));
    let mut take = |name: &Value| files.remove(name.as_str().unwrap()).unwrap();
    let config = take(&manifest[0]["Config"]);
    assert_eq!(Some(Sha256::of(&config)), summary.config);
    let layers: Vec<_> = manifest[0]["Layers"].as_array().unwrap().iter().map(take).collect();
    assert!(files.is_empty(), "files that the manifest does not name: {:?}", files.keys());
    let diff_ids: Vec<_> = layers.iter().map(|layer| format!("sha256:{}", Sha256::of(layer))).collect();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"], Value::from(diff_ids));
    let layout = scratch.path().join("image");
    let oci = store.write(Format::Oci, &layout).unwrap();
    assert_eq!(oci.config, summary.config, "Docker's image id is the same");
}
