//! A layout that is read by hand holds what its documents say.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use drystone::digest::Sha256;
use drystone::image::{Compression, EPOCH, Format, Options, compose, write};
use drystone::recipe::Target;
use serde_json::Value;

use crate::stones::{Store, spec};

/// A layout's documents, after every blob's name and size was checked.
pub struct Layout {
    pub index: Value,
    pub manifest: Value,
    pub config: Value,
    /// The layers, uncompressed.
    pub layers: Vec<Vec<u8>>,
}

impl Layout {
    pub fn read(directory: &Path) -> Self {
        let marker = std::fs::read_to_string(directory.join("oci-layout")).unwrap();
        assert_eq!(marker, r#"{"imageLayoutVersion":"1.0.0"}"#);
        let mut blobs = BTreeMap::new();
        for entry in std::fs::read_dir(directory.join("blobs/sha256")).unwrap() {
            let entry = entry.unwrap();
            let bytes = std::fs::read(entry.path()).unwrap();
            assert_eq!(Sha256::of(&bytes).to_string(), entry.file_name().to_str().unwrap(), "a blob's name");
            blobs.insert(format!("sha256:{}", entry.file_name().display()), bytes);
        }
        let mut take = |descriptor: &Value| {
            let bytes = blobs.remove(descriptor["digest"].as_str().unwrap()).expect("the blob is there");
            assert_eq!(bytes.len() as u64, descriptor["size"].as_u64().unwrap(), "{descriptor}");
            bytes
        };
        let index: Value = serde_json::from_slice(&std::fs::read(directory.join("index.json")).unwrap()).unwrap();
        let manifest: Value = serde_json::from_slice(&take(&index["manifests"][0])).unwrap();
        let config: Value = serde_json::from_slice(&take(&manifest["config"])).unwrap();
        let layers: Vec<_> = manifest["layers"].as_array().unwrap().iter().map(&mut take).collect();
        assert!(blobs.is_empty(), "blobs that nothing names: {:?}", blobs.keys());
        let layers: Vec<_> = layers.into_iter().map(|layer| uncompress(&layer)).collect();
        let diff_ids: Vec<_> = layers.iter().map(|layer| format!("sha256:{}", Sha256::of(layer))).collect();
        assert_eq!(config["rootfs"]["diff_ids"], Value::from(diff_ids));
        Self { index, manifest, config, layers }
    }
}

fn uncompress(layer: &[u8]) -> Vec<u8> {
    if layer.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return zstd::decode_all(layer).unwrap();
    }
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(layer).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The entries of a tar archive as `PATH MODE UID:GID [-> TARGET]`, after their times were checked.
pub fn entries(archive: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(archive);
    let lines = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!(header.mtime().unwrap(), EPOCH);
        assert_eq!((header.username().unwrap(), header.groupname().unwrap()), (Some(""), Some("")));
        let path = entry.path().unwrap();
        let path = path.to_str().unwrap().trim_end_matches('/');
        let owner = format!("{}:{}", header.uid().unwrap(), header.gid().unwrap());
        let target = entry.link_name().unwrap().map(|target| format!(" -> {}", target.display()));
        format!("{path} {:o} {owner}{}", header.mode().unwrap(), target.unwrap_or_default())
    });
    lines.collect()
}

#[test]
fn every_blob_is_what_its_descriptor_says() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let output = scratch.path().join("image");
    let summary = store.write(Format::Oci, &output).unwrap();
    let layout = Layout::read(&output);
    let digest = |value: &Value| value["digest"].as_str().unwrap().trim_start_matches("sha256:").parse().unwrap();
    assert_eq!(summary.manifest, Some(digest(&layout.index["manifests"][0])));
    assert_eq!(summary.config, Some(digest(&layout.manifest["config"])));
    let blobs = [&layout.index["manifests"][0], &layout.manifest["config"]];
    let sizes = blobs.into_iter().chain(layout.manifest["layers"].as_array().unwrap());
    assert_eq!(summary.size, sizes.map(|blob| blob["size"].as_u64().unwrap()).sum::<u64>());
    assert_eq!(summary.files, 11);
    let written: Vec<_> = layout.manifest["layers"].as_array().unwrap().iter().map(digest).collect();
    assert_eq!(summary.layers.iter().map(|layer| layer.digest).collect::<Vec<_>>(), written);
    let unpacked: Vec<_> = layout.layers.iter().map(|layer| Sha256::of(layer)).collect();
    assert_eq!(summary.layers.iter().map(|layer| layer.diff_id).collect::<Vec<_>>(), unpacked);
}

#[test]
fn layers_hold_sorted_entries_below_directories_that_they_state() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let output = scratch.path().join("image");
    store.write(Format::Oci, &output).unwrap();
    let layout = Layout::read(&output);
    assert_eq!(
        entries(&layout.layers[0]),
        ["usr 755 0:0", "usr/bin 755 0:0", "usr/bin/cat 555 0:0", "usr/share 755 0:0", "usr/share/licence 444 0:0"]
    );
    assert_eq!(
        entries(&layout.layers[2]),
        ["usr 755 0:0", "usr/bin 755 0:0", "usr/bin/gsed 777 0:0 -> sed", "usr/bin/sed 555 0:0"]
    );
    assert_eq!(
        entries(&layout.layers[3]),
        [
            "bin 777 0:0 -> usr/bin",
            "data 750 65532:65532",
            "etc 755 0:0",
            "etc/group 444 0:0",
            "etc/motd 640 65532:65532",
            "etc/passwd 444 0:0",
            "srv 755 0:0",
            "tmp 1777 0:0",
            "usr 755 0:0",
            "usr/bin 755 0:0",
            "usr/bin/su 4755 65532:65532",
        ]
    );
    let history: Vec<_> = layout.config["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["created_by"].as_str().unwrap())
        .collect();
    assert_eq!(
        history,
        [
            "drystone: coreutils/cat 4.9",
            "drystone: deep/data 4.9",
            "drystone: sed/bin 4.9",
            "drystone: the image spec stones"
        ]
    );
    assert_eq!(layout.config["config"]["User"], "65532");
}

#[test]
fn the_types_of_oci_spec_read_the_documents() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let output = scratch.path().join("image");
    store.write(Format::Oci, &output).unwrap();
    let index = oci_spec::image::ImageIndex::from_file(output.join("index.json")).unwrap();
    let descriptor = &index.manifests()[0];
    assert_eq!(descriptor.platform().as_ref().unwrap().architecture(), &oci_spec::image::Arch::Amd64);
    let blob =
        |descriptor: &oci_spec::image::Descriptor| output.join("blobs/sha256").join(descriptor.digest().digest());
    let manifest = oci_spec::image::ImageManifest::from_file(blob(descriptor)).unwrap();
    let config = oci_spec::image::ImageConfiguration::from_file(blob(manifest.config())).unwrap();
    assert_eq!(config.created().as_deref(), Some("1980-01-01T00:00:00Z"));
    assert_eq!(config.rootfs().diff_ids().len(), manifest.layers().len());
    let object = &manifest.layers()[2].annotations().as_ref().unwrap()["io.drystone.object"];
    assert_eq!(*object, store.sed().id.to_string());
}

#[test]
fn zstd_layers_uncompress_to_the_same_archives() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let options = Options {
        format: Format::Oci,
        compression: Compression::Zstd,
        target: Target("aarch64-linux-musl".to_owned()),
        links: true,
    };
    let rootfs = compose(&spec(), &[store.sed()]).unwrap();
    let output = scratch.path().join("zstd");
    let zstd = write(&rootfs, &options, store.store(), &output).unwrap();
    Layout::read(&output);
    let gzip = Options { compression: Compression::Gzip, ..options };
    let gzip = write(&rootfs, &gzip, store.store(), &scratch.path().join("gzip")).unwrap();
    for (zstd, gzip) in zstd.layers.iter().zip(&gzip.layers) {
        assert_eq!(zstd.diff_id, gzip.diff_id);
        assert_ne!(zstd.digest, gzip.digest);
    }
    assert_eq!(zstd.config, gzip.config);
}
