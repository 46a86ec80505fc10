//! Lays OCI layouts by hand, so that they can lie.
#![allow(dead_code, reason = "each test uses its own part")]

use std::path::PathBuf;

use drystone::digest::Sha256;
use drystone::image::Contents;
use drystone::image::read::{self, Kind, Limits, Source};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::quarry::{gzip, tar};

/// A layout, in a directory that is removed at the end.
pub struct Layout {
    scratch: TempDir,
}

/// An image's documents before they are written.
pub struct Image {
    pub layers: Vec<Vec<u8>>,
    pub config: Value,
    pub manifest: Value,
}

impl Image {
    /// An image of these layers, each an archive that may be compressed.
    pub fn of(layers: &[Vec<u8>]) -> Self {
        let diff_ids: Vec<_> = layers.iter().map(|layer| digest(&plain(layer))).collect();
        let config = json!({
            "architecture": "amd64", "os": "linux", "config": { "User": "65532" },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json" },
            "layers": layers.iter().map(|layer| descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer))
                .collect::<Vec<_>>(),
        });
        Self { layers: layers.to_vec(), config, manifest }
    }
}

impl Layout {
    /// A layout that is empty.
    pub fn bare() -> Self {
        let layout = Self { scratch: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(layout.path().join("blobs/sha256")).unwrap();
        layout.write("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
        layout
    }

    /// A layout of one image with these layers' entries.
    pub fn of(layers: &[&[Vec<u8>]]) -> Self {
        let layers: Vec<_> = layers.iter().map(|entries| gzip(&tar(entries))).collect();
        let layout = Self::bare();
        let manifest = layout.image(&Image::of(&layers));
        layout.index(&[manifest]);
        layout
    }

    pub fn path(&self) -> PathBuf {
        self.scratch.path().join("image")
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), bytes).unwrap();
    }

    pub fn blob_path(&self, digest: &str) -> PathBuf {
        self.path().join("blobs").join(digest.replace(':', "/"))
    }

    /// Writes a blob; gives its descriptor.
    pub fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        std::fs::write(self.blob_path(&digest(bytes)), bytes).unwrap();
        descriptor(media_type, bytes)
    }

    /// Writes an image's blobs; gives its manifest's descriptor.
    pub fn image(&self, image: &Image) -> Value {
        for layer in &image.layers {
            self.blob("", layer);
        }
        let mut manifest = image.manifest.clone();
        let media_type = manifest["config"]["mediaType"].as_str().unwrap().to_owned();
        manifest["config"] = self.blob(&media_type, image.config.to_string().as_bytes());
        self.blob("application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes())
    }

    /// Writes the index.
    pub fn index(&self, manifests: &[Value]) {
        self.write("index.json", json!({ "schemaVersion": 2, "manifests": manifests }).to_string());
    }

    pub fn read(&self) -> Result<Contents<usize>, String> {
        read(self.path().to_str().unwrap())
    }

    /// What the root file system holds.
    #[track_caller]
    pub fn listing(&self) -> Vec<String> {
        listing(&self.read().unwrap())
    }

    /// Why it cannot be read, its own place replaced.
    #[track_caller]
    pub fn refusal(&self) -> String {
        let text = self.read().expect_err("it must not be readable");
        let text = text.replace(self.path().to_str().unwrap(), "IMAGE");
        // A digest says nothing to who reads a test.
        let mut words = text.split("sha256:");
        let first = words.next().unwrap().to_owned();
        let shorten = |word: &str| match word.split_at_checked(64) {
            Some((digest, rest)) if digest.chars().all(|c| c.is_ascii_hexdigit()) => format!("…{rest}"),
            _ => word.to_owned(),
        };
        words.fold(first, |text, word| format!("{text}sha256:{}", shorten(word)))
    }
}

/// Entries of one layer cannot be read, and why.
#[track_caller]
pub fn refused(layers: &[&[Vec<u8>]]) -> String {
    Layout::of(layers).refusal()
}

/// Reads an image; of each file's bytes it keeps how many there are.
pub fn read(name: &str) -> Result<Contents<usize>, String> {
    read_for(name, "linux/amd64", Limits::default())
}

pub fn read_for(name: &str, platform: &str, limits: Limits) -> Result<Contents<usize>, String> {
    let source = Source::find(name).map_err(|error| told(&error))?;
    let platform = platform.parse().unwrap();
    read::contents(&source, &platform, limits, &|bytes: &[u8]| bytes.len()).map_err(|error| told(&error))
}

/// The errors of a chain, as a user would see them.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Every path as `PATH MODE UID:GID WHAT`; directories of mode 0755 that belong to root by their path alone.
pub fn listing<T>(contents: &Contents<T>) -> Vec<String> {
    let line = |(path, entry): (&drystone::path::RelPath, &read::Entry<T>)| {
        let owner = format!("{:o} {}:{}", entry.mode, entry.owner.uid, entry.owner.gid);
        let attributes: String = entry.attributes.iter().map(|name| format!(" [{name}]")).collect();
        match &entry.kind {
            Kind::Directory if owner == "755 0:0" => format!("{path}/{attributes}"),
            Kind::Directory => format!("{path}/ {owner}{attributes}"),
            Kind::File(file) => format!("{path} {owner} {} {}{attributes}", file.size, &file.digest.short()[..4]),
            Kind::Symlink { target } => format!("{path} -> {target}"),
            Kind::Special(what) => format!("{path} {owner} {what}"),
        }
    };
    contents.entries.iter().map(line).collect()
}

pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", Sha256::of(bytes))
}

/// How a listing shows a file of this content.
pub fn content(text: &str) -> String {
    format!("{} {}", text.len(), &Sha256::of(text.as_bytes()).short()[..4])
}

pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
}

/// What a layer is uncompressed.
fn plain(layer: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let stream = drystone::archive::decompress(layer);
    // One that is broken has any diffID.
    let _ = stream.map(|mut stream| std::io::Read::read_to_end(&mut stream, &mut bytes));
    bytes
}

/// An entry with another mode and owner.
pub fn owned(mut entry: Vec<u8>, mode: u32, uid: u64, gid: u64) -> Vec<u8> {
    let mut header = ::tar::Header::new_old();
    header.as_mut_bytes().copy_from_slice(&entry[..512]);
    header.set_mode(mode);
    header.set_uid(uid);
    header.set_gid(gid);
    header.set_cksum();
    entry[..512].copy_from_slice(header.as_bytes());
    entry
}
