//! The OCI image layout: a directory of blobs named by their digests, and an index. Also as one tar archive.

use std::fs::File;
use std::io::{BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use super::oci::{self, Document, LAYOUT, LAYOUT_FILE, Platform};
use super::output::Place;
use super::rootfs::Rootfs;
use super::{Beside, ImageError, ObjectPaths, Options, Summary, layer};
use crate::archive::{EPOCH, Meta, TarWriter};
use crate::fs;
use crate::path::RelPath;

const DIRECTORY: Meta = Meta { mode: 0o755, uid: 0, gid: 0 };
const FILE: Meta = Meta { mode: 0o644, uid: 0, gid: 0 };

/// Writes a layout into a directory that is not there yet.
///
/// # Errors
/// As [`super::write`].
pub(super) fn write(
    rootfs: &Rootfs,
    options: &Options,
    objects: ObjectPaths<'_>,
    directory: &Path,
) -> Result<Summary, ImageError> {
    let platform = Platform::of(&options.target)?;
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let layers = layer::write_all(rootfs, Some(options.compression), objects, &blobs)?;
    let config = oci::config(rootfs, platform, &layers);
    let manifest = oci::manifest(rootfs, &config, &layers, options.compression);
    let index = oci::index(rootfs, &manifest, platform);
    for Document { bytes, digest } in [&config, &manifest] {
        write_synced(&layer::blob_path(&blobs, digest), bytes)?;
    }
    write_synced(&directory.join("index.json"), &index.bytes)?;
    write_synced(&directory.join(LAYOUT_FILE), LAYOUT.as_bytes())?;
    let documents = (config.bytes.len() + manifest.bytes.len()) as u64;
    Ok(Summary {
        manifest: Some(manifest.digest),
        config: Some(config.digest),
        size: documents + layers.iter().map(|layer| layer.size).sum::<u64>(),
        layers,
        files: rootfs.files(),
    })
}

/// Adds files to a layout that nobody sees yet.
///
/// # Errors
/// When one cannot be written.
pub(super) fn add(directory: &Path, files: &Beside) -> Result<(), ImageError> {
    for (path, bytes) in files {
        let path = path.under(directory);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above)?;
        }
        write_synced(&path, bytes)?;
    }
    Ok(())
}

fn write_synced(path: &Path, bytes: &[u8]) -> fs::Result<()> {
    fs::write(path, bytes)?;
    fs::sync(path)
}

/// Writes a layout as a tar archive.
///
/// # Errors
/// As [`super::write`].
pub(super) fn write_archive(
    rootfs: &Rootfs,
    options: &Options,
    objects: ObjectPaths<'_>,
    place: &Place,
) -> Result<Summary, ImageError> {
    let layout = place.scratch("layout");
    let mut summary = write(rootfs, options, objects, &layout)?;
    let mut archive = Archive::create(place.draft())?;
    archive.add_directory("blobs")?;
    archive.add_directory("blobs/sha256")?;
    for name in fs::list(&layout.join("blobs/sha256"))? {
        let name = format!("blobs/sha256/{}", name.display());
        archive.add_file(&name, &layout.join(&name))?;
    }
    archive.add_file("index.json", &layout.join("index.json"))?;
    archive.add_file(LAYOUT_FILE, &layout.join(LAYOUT_FILE))?;
    summary.size = archive.finish()?;
    Ok(summary)
}

/// A tar archive of files that are on the disk, under names of our own.
pub(super) struct Archive {
    path: PathBuf,
    tar: TarWriter<BufWriter<File>>,
}

impl Archive {
    pub fn create(path: PathBuf) -> fs::Result<Self> {
        let file = BufWriter::with_capacity(1 << 16, fs::create(&path)?);
        Ok(Self { path, tar: TarWriter::new(file, EPOCH) })
    }

    pub fn add_directory(&mut self, name: &str) -> Result<(), ImageError> {
        let added = self.tar.directory(&entry_name(name), DIRECTORY);
        added.map_err(|source| ImageError::Tar { path: self.path.clone(), source })
    }

    pub fn add_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), ImageError> {
        self.add(name, bytes.len() as u64, bytes)
    }

    pub fn add_file(&mut self, name: &str, path: &Path) -> Result<(), ImageError> {
        let file = fs::open(path)?;
        let size = file.metadata().map_err(fs::failed("inspect", path))?.len();
        self.add(name, size, file)
    }

    fn add(&mut self, name: &str, size: u64, content: impl Read) -> Result<(), ImageError> {
        let added = self.tar.file(&entry_name(name), FILE, size, content);
        added.map_err(|source| ImageError::Tar { path: self.path.clone(), source })
    }

    /// Ends the archive, and says how many bytes it has.
    pub fn finish(self) -> Result<u64, ImageError> {
        let Self { path, tar } = self;
        let mut file = tar.finish().map_err(|source| ImageError::Tar { path: path.clone(), source })?;
        let complete = |file: &mut BufWriter<File>| {
            file.flush()?;
            file.get_ref().sync_data()?;
            Ok(file.get_ref().metadata()?.len())
        };
        Ok(complete(&mut file).map_err(fs::failed("write", &path))?)
    }
}

fn entry_name(name: &str) -> RelPath {
    RelPath::new(name).expect("names of archives are made of digests and fixed words")
}
