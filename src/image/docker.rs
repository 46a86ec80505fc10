//! The archive that `docker save` writes and `docker load`, podman and skopeo read: a `manifest.json` that names
//! the configuration and the uncompressed layers beside it.

use serde::Serialize;

use super::layout::Archive;
use super::oci::{self, Platform};
use super::output::Place;
use super::rootfs::Rootfs;
use super::{ImageError, Options, Summary, layer};
use crate::fs;
use crate::store::Store;

/// One image of the archive. The field names are Docker's.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    config: String,
    repo_tags: [String; 1],
    layers: Vec<String>,
}

/// Writes the archive.
///
/// # Errors
/// As [`super::write`].
pub(super) fn write(rootfs: &Rootfs, options: &Options, store: &Store, place: &Place) -> Result<Summary, ImageError> {
    let platform = Platform::of(&options.target)?;
    let scratch = place.scratch("layers");
    fs::create_dir_all(&scratch)?;
    let layers = layer::write_all(rootfs, None, options, store, &scratch)?;
    let config = oci::config(rootfs, platform, &layers);
    let image = Image {
        config: format!("{}.json", config.digest),
        repo_tags: [format!("{}:{}", rootfs.name(), rootfs.tag())],
        layers: layers.iter().map(|layer| format!("{}/layer.tar", layer.digest)).collect(),
    };
    let manifest = serde_json::to_vec(&[&image]).expect("no map, and writing to memory cannot fail");
    let mut archive = Archive::create(place.draft())?;
    // Readers look the manifest up first: in front, they need not run through the layers to find it.
    archive.add_bytes("manifest.json", &manifest)?;
    archive.add_bytes(&image.config, &config.bytes)?;
    for (layer, name) in layers.iter().zip(&image.layers) {
        archive.add_directory(&layer.digest.to_string())?;
        archive.add_file(name, &layer::blob_path(&scratch, &layer.digest))?;
    }
    let size = archive.finish()?;
    Ok(Summary { manifest: None, config: Some(config.digest), layers, size, files: rootfs.files(), linked: 0 })
}
