//! The OCI image layout: a directory of blobs named by their digests, and an index. Also as one tar archive.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use sha2::Digest as _;

use super::oci::{self, Document, Entry, LAYOUT, LAYOUT_FILE, Platform};
use super::output::Place;
use super::rootfs::Rootfs;
use super::{Beside, ImageError, Options, Several, Summary, layer};
use crate::archive::{EPOCH, Meta, TarWriter};
use crate::digest::Sha256;
use crate::fs;
use crate::path::RelPath;
use crate::recipe::Target;
use crate::store::Store;

/// Where blobs lie, below the layout.
const BLOBS: &str = "blobs/sha256";
const DIRECTORY: Meta = Meta { mode: 0o755, uid: 0, gid: 0 };
const FILE: Meta = Meta { mode: 0o644, uid: 0, gid: 0 };

/// Writes a layout into a directory that is not there yet.
///
/// # Errors
/// As [`super::write`].
pub(super) fn write(
    rootfs: &Rootfs,
    options: &Options,
    store: &Store,
    directory: &Path,
) -> Result<Summary, ImageError> {
    let image = write_layers(rootfs, options, store, directory)?;
    let index = oci::index(rootfs, Entry::Manifest(&image.manifest, image.platform));
    write_documents(directory, &[&image.config, &image.manifest], &index)?;
    Ok(image.summary)
}

/// Writes a layout of an image for several platforms into a directory that is not there yet.
///
/// # Errors
/// As [`super::write`].
pub(super) fn write_several(
    variants: &[(Target, &Rootfs)],
    options: &Options,
    store: &Store,
    directory: &Path,
) -> Result<Several, ImageError> {
    let images = variants.iter().map(|(target, rootfs)| {
        write_layers(rootfs, &Options { target: target.clone(), ..options.clone() }, store, directory)
    });
    let images = images.collect::<Result<Vec<_>, _>>()?;
    let (_, rootfs) = variants.first().expect("an image is for some platform");
    let several = oci::platforms(rootfs, images.iter().map(|image| (&image.manifest, image.platform)));
    let mut documents: Vec<&Document> = images.iter().flat_map(|image| [&image.config, &image.manifest]).collect();
    documents.push(&several);
    write_documents(directory, &documents, &oci::index(rootfs, Entry::Index(&several)))?;
    let blobs = fs::list(&directory.join(BLOBS))?;
    let size = |name| {
        let path = directory.join(BLOBS).join(name);
        path.metadata().map(|facts| facts.len()).map_err(fs::failed("inspect", &path))
    };
    let size = blobs.into_iter().map(size).sum::<Result<u64, _>>()?;
    Ok(Several { index: several.digest, images: images.into_iter().map(|image| image.summary).collect(), size })
}

/// An image whose layers are written, and its documents not yet.
struct Layered {
    summary: Summary,
    config: Document,
    manifest: Document,
    platform: Platform,
}

fn write_layers(rootfs: &Rootfs, options: &Options, store: &Store, directory: &Path) -> Result<Layered, ImageError> {
    let platform = Platform::of(&options.target)?;
    let blobs = directory.join(BLOBS);
    fs::create_dir_all(&blobs)?;
    let layers = layer::write_all(rootfs, Some(options.compression), options, store, &blobs)?;
    let config = oci::config(rootfs, platform, &layers);
    let manifest = oci::manifest(rootfs, &config, &layers, options.compression);
    let documents = (config.bytes.len() + manifest.bytes.len()) as u64;
    let summary = Summary {
        manifest: Some(manifest.digest),
        config: Some(config.digest),
        size: documents + layers.iter().map(|layer| layer.size).sum::<u64>(),
        layers,
        files: rootfs.files(),
        linked: 0,
    };
    Ok(Layered { summary, config, manifest, platform })
}

/// Writes a layout's documents, all flushed at once.
fn write_documents(directory: &Path, documents: &[&Document], index: &Document) -> fs::Result<()> {
    let blobs = directory.join(BLOBS);
    let blob = |document: &Document| layer::blob_path(&blobs, &document.digest);
    let mut files: Vec<(PathBuf, &[u8])> =
        documents.iter().map(|document| (blob(document), document.bytes.as_slice())).collect();
    files.push((directory.join("index.json"), &index.bytes));
    files.push((directory.join(LAYOUT_FILE), LAYOUT.as_bytes()));
    write_flushed(&files)
}

/// Adds files to a layout that nobody sees yet; scripts can be run.
///
/// # Errors
/// When one cannot be written.
pub(super) fn add(directory: &Path, files: &Beside) -> Result<(), ImageError> {
    let files: Vec<_> = files.iter().map(|(path, bytes)| (path.under(directory), bytes.as_slice())).collect();
    for above in files.iter().filter_map(|(path, _)| path.parent()) {
        fs::create_dir_all(above)?;
    }
    write_flushed(&files)?;
    for (path, _) in files.iter().filter(|(_, bytes)| bytes.starts_with(b"#!")) {
        fs::set_mode(path, 0o755)?;
    }
    Ok(())
}

fn write_flushed(files: &[(PathBuf, &[u8])]) -> fs::Result<()> {
    for (path, bytes) in files {
        fs::write(path, bytes)?;
    }
    fs::sync_all(&files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>())
}

/// Writes a layout that is there as a tar archive; gives its size.
///
/// # Errors
/// When a blob is not what its name says, or the archive cannot be written.
pub(super) fn archive(layout: &Path, place: &Place) -> Result<u64, ImageError> {
    let mut archive = Archive::create(place.draft())?;
    archive.add_directory("blobs")?;
    archive.add_directory(BLOBS)?;
    for name in fs::list(&layout.join(BLOBS))? {
        let digest = name.to_string_lossy().parse().expect("each blob bears its digest as its name");
        archive.add_blob(&digest, &layout.join(BLOBS).join(name))?;
    }
    archive.add_file("index.json", &layout.join("index.json"))?;
    archive.add_file(LAYOUT_FILE, &layout.join(LAYOUT_FILE))?;
    archive.finish()
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

    /// Adds a blob of a layout, after which it is known to be what its name says.
    fn add_blob(&mut self, digest: &Sha256, path: &Path) -> Result<(), ImageError> {
        let file = fs::open(path)?;
        let size = file.metadata().map_err(fs::failed("inspect", path))?.len();
        let mut hasher = sha2::Sha256::new();
        self.add(&format!("blobs/sha256/{digest}"), size, Hashing { file, hasher: &mut hasher })?;
        let found = Sha256::from_bytes(hasher.finalize().into());
        if found == *digest { Ok(()) } else { Err(ImageError::Blob { path: path.to_owned(), digest: *digest }) }
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

/// Hashes what is read.
struct Hashing<'a> {
    file: File,
    hasher: &'a mut sha2::Sha256,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

fn entry_name(name: &str) -> RelPath {
    RelPath::new(name).expect("names of archives are made of digests and fixed words")
}
