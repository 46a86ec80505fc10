//! Layouts as small as a story needs them.

use std::path::Path;

use drystone::attest::{Artifact, Descriptor, INDEX, MANIFEST};
use drystone::digest::Sha256;
use drystone::publish::Layout;
use serde_json::{Value, json};

pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Bytes that no other number gives.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Writes a blob, and describes it.
pub fn blob(layout: &Path, media_type: &str, bytes: &[u8]) -> Value {
    let blobs = layout.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(Sha256::of(bytes).to_string()), bytes).unwrap();
    json!(Descriptor::of(media_type, bytes))
}

/// Writes an image manifest with these layers; its architecture makes it unlike others.
pub fn manifest(layout: &Path, architecture: &str, layers: &[Vec<u8>]) -> Value {
    let diff_ids: Vec<String> = layers.iter().map(|layer| format!("sha256:{}", Sha256::of(layer))).collect();
    let config =
        json!({ "architecture": architecture, "os": "linux", "rootfs": { "type": "layers", "diff_ids": diff_ids } });
    let config = blob(layout, CONFIG, config.to_string().as_bytes());
    let layers: Vec<Value> = layers.iter().map(|layer| blob(layout, LAYER, layer)).collect();
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
    blob(layout, MANIFEST, manifest.to_string().as_bytes())
}

/// Writes an index of manifests, each with its platform.
pub fn index(layout: &Path, manifests: &[(&str, Value)]) -> Value {
    let entry = |(architecture, manifest): &(&str, Value)| {
        let mut entry = manifest.clone();
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        entry
    };
    let manifests: Vec<Value> = manifests.iter().map(entry).collect();
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    blob(layout, INDEX, index.to_string().as_bytes())
}

/// Ends a layout with its index, in which each image has a name.
pub fn finish(layout: &Path, images: &[(&str, Value)]) {
    let entry = |(name, image): &(&str, Value)| {
        let mut entry = image.clone();
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        entry
    };
    let index = json!({ "schemaVersion": 2, "manifests": images.iter().map(entry).collect::<Vec<_>>() });
    std::fs::write(layout.join("index.json"), index.to_string()).unwrap();
    std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

/// A layout with one image of these layers, named `1.0`.
pub fn image(layout: &Path, layers: &[Vec<u8>]) -> Layout {
    let manifest = manifest(layout, "amd64", layers);
    finish(layout, &[("1.0", manifest)]);
    Layout::open(layout, None).unwrap()
}

/// An artifact that says something of a manifest.
pub fn artifact(subject: &Descriptor, kind: &str, says: &str) -> Artifact {
    let config = b"{}".to_vec();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind,
        "config": Descriptor::of("application/vnd.oci.empty.v1+json", &config),
        "layers": [Descriptor::of("text/plain", says.as_bytes())],
        "subject": { "mediaType": subject.media_type, "digest": subject.digest, "size": subject.size },
        "annotations": { "says": says },
    });
    Artifact { manifest: manifest.to_string().into_bytes(), blobs: vec![config, says.as_bytes().to_vec()], tag: None }
}
