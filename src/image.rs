//! Objects and an image spec become a root file system as a value, then an OCI image whose bytes depend on nothing
//! else; and images that exist, ours or others', are read back as a value ([`mod@read`]).
//!
//! [`compose`] is pure: it lays the trees of store objects over each other, adds what the spec itself brings, and
//! says of every path what it is, which layer brings it and why it is there. [`write`] turns that value into files.
//! Knows nothing of recipes' steps, of plans, of how an object came to be, or of registries.
//!
//! # What is in the root file system
//! A union in which no path has two meanings: a path that two components bring must be the same file in both, and a
//! path that the spec brings must not be in any component, save that a `[[directory]]` may give a component's
//! directory another mode and owner. Files keep the store's modes (0555, 0444), directories are 0755, everything is
//! owned by 0:0 and dated [`EPOCH`], unless the spec says otherwise.
//!
//! # Layers
//! One layer for each object, sorted by the name of the output, then one for what the spec brings. An object's layer
//! depends on the object alone (and on `only`): two images that hold `sed` share its layer, and a registry stores
//! it once. Each layer states the directories above its entries, so that it can be read by itself. Layers are tar
//! archives, compressed with gzip or zstd on all cores (`pack`), by encoders whose output depends on no feature of the
//! processor. Another version of an encoder can make other bytes of the same archive, so what identifies a layer is
//! its diffID, and the manifest says which encoder it was ([`encoder`]).
//!
//! A layer's blob is made once for each object, and kept in the store's cache (`kept`). An image of layers that are
//! all there is made without reading or compressing anything.
//!
//! # The image
//! Follows the OCI image specification 1.1: layout, index, manifest, configuration. Documents are compact JSON with
//! the fields in the specification's order and sorted maps; nothing in them comes from the machine, its clock or its
//! user. The types are our own because oci-spec keeps annotations and labels in hash maps, whose order differs at
//! every run. `docker-archive` is what `docker save` writes: the same configuration, the layers uncompressed.
//!
//! # Writing
//! Everything grows in a hidden directory beside the output and takes its place by one rename (or exchange), so that
//! whoever looks sees the old state or the whole image. A layout that we wrote, an archive or an empty directory is
//! replaced; anything else that is there is an error.
//!
//! What the store lost since its last verification must not be published. So objects' files are hashed whenever they
//! become part of a layer or of a plain directory. A kept blob is not: the manifest names it by its digest, so that
//! whoever reads it notices, and a damaged one gives an image that nobody accepts, never another image. Where we read
//! it ourselves, for an archive, we notice too.
//!
//! # Sharing files with the store
//! Blobs and files come to the output by reflink where the file system can, else by hard link, else by copy. A hard
//! link is the store's own file under a second name. For a layout that is harmless: nobody edits a file that is named
//! by its digest, and the cache notices a blob that was written to. A plain directory is another matter, since people
//! change such a thing, and a program that is changed there would be changed in the store. So a file is linked only
//! where it is already all that it is to be (owner, mode, time: nothing is ever set through the second name) and
//! read-only, the command says so, and `Options::links` turns it off. An object that was changed nonetheless makes an
//! error of the next image that it is to be in, and of the next verification.

mod accounts;
mod compose;
mod directory;
mod docker;
mod error;
mod executables;
mod kept;
mod layer;
mod layout;
mod object;
mod oci;
mod output;
mod pack;
pub mod read;
mod rootfs;
mod runtime;

use std::collections::BTreeMap;
use std::path::Path;

use crate::digest::{ObjectId, Sha256};
use crate::path::RelPath;
use crate::recipe::{OutputRef, Target};
use crate::store::Store;
use crate::tree::Tree;

pub use crate::archive::EPOCH;
pub use compose::compose;
pub use error::ImageError;
pub use oci::{LAYOUT, LAYOUT_FILE, OURS};
pub use output::Place;
pub use pack::encoder;
pub use read::{Contents, ReadError};
pub use rootfs::{Content, Inode, Kind, Layer, Node, Origin, Provenance, Reason, Rootfs};

/// One component of an image, resolved: what the spec names, or what that needs at run time.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name, with the component.
    pub output: OutputRef,
    /// Its recipe's version; for people.
    pub version: String,
    /// The object that it is.
    pub id: ObjectId,
    /// That object's tree.
    pub tree: Tree,
    /// Only these files of it, or what lies below these directories of it.
    pub only: Option<Vec<RelPath>>,
    /// Whether the spec names it. Otherwise something else needs it at run time.
    pub named: bool,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A directory in the OCI image layout.
    Oci,
    /// The same as one tar file.
    OciArchive,
    /// A tar file as `docker save` writes and `docker load` reads it.
    DockerArchive,
    /// The root file system as a plain directory. Owners are kept only when root writes it.
    Rootfs,
}

/// How the layers of an OCI image are compressed. The other formats hold none that are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// What every client reads.
    #[default]
    Gzip,
    /// Smaller and faster, but older clients cannot read it.
    Zstd,
}

/// How an image is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// As what.
    pub format: Format,
    /// How its layers are compressed.
    pub compression: Compression,
    /// What its programs run on.
    pub target: Target,
    /// Whether files of the output may be hard links to the store's.
    pub links: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The manifest's digest: the image's name. Only OCI formats have one.
    pub manifest: Option<Sha256>,
    /// The configuration's digest, Docker's image id. A plain directory has none.
    pub config: Option<Sha256>,
    /// The layers, lowest first; none for a plain directory.
    pub layers: Vec<LayerSummary>,
    /// Bytes in all: of the blobs, of the archive, or of the directory's files.
    pub size: u64,
    /// How many files and links the root file system has.
    pub files: usize,
    /// How many of a plain directory's files are the store's own, by hard link.
    pub linked: usize,
}

/// An image for several platforms that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Several {
    /// The digest of the index that names the platforms' manifests: the image's name.
    pub index: Sha256,
    /// The images, one for each target in the order in which they were given. What two of them share counts for both.
    pub images: Vec<Summary>,
    /// Bytes in all: of the blobs, or of the archive.
    pub size: u64,
}

/// One layer that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerSummary {
    /// The SHA-256 of the layer as it is stored.
    pub digest: Sha256,
    /// The SHA-256 of the layer as an uncompressed tar archive.
    pub diff_id: Sha256,
    /// Its size in bytes, as it is stored.
    pub size: u64,
    /// What it was made from.
    pub origin: Origin,
}

/// What a target's images run on, as OCI writes it: `linux/amd64`.
///
/// # Errors
/// When the target's architecture is unknown.
pub fn platform(target: &Target) -> Result<String, ImageError> {
    oci::Platform::of(target).map(|platform| platform.to_string())
}

/// Writes an image. Whoever looks at `output` sees what was there before or the whole image.
///
/// # Errors
/// When `output` is something that must not be replaced, an object's file is missing or not what its tree says, the
/// target has no OCI platform, or a file cannot be written.
pub fn write(rootfs: &Rootfs, options: &Options, store: &Store, output: &Path) -> Result<Summary, ImageError> {
    write_with(rootfs, options, store, output, |_| Ok(Beside::new()))
}

/// Files that lie beside an image's own in a layout: path in the layout → bytes.
pub type Beside = BTreeMap<RelPath, Vec<u8>>;

/// [`write`], with what can be said only of an image that is done: once all of it is written, and before anybody sees
/// it, `beside` is told what it is. The files that it gives appear with the layout; other formats have no place for
/// them.
///
/// # Errors
/// As [`write`], and as `beside`: then nothing is written.
pub fn write_with<E: From<ImageError>>(
    rootfs: &Rootfs,
    options: &Options,
    store: &Store,
    output: &Path,
    beside: impl FnOnce(&Summary) -> Result<Beside, E>,
) -> Result<Summary, E> {
    let place = output::Place::claim(output, options.format)?;
    let summary = match options.format {
        Format::Oci => layout::write(rootfs, options, store, &place.draft())?,
        Format::OciArchive => {
            let layout = place.scratch("layout");
            let summary = layout::write(rootfs, options, store, &layout)?;
            Summary { size: layout::archive(&layout, &place)?, ..summary }
        }
        Format::DockerArchive => docker::write(rootfs, options, store, &place)?,
        Format::Rootfs => directory::write(rootfs, options, store, &place.draft())?,
    };
    let files = beside(&summary)?;
    if options.format == Format::Oci {
        layout::add(&place.draft(), &files)?;
    }
    place.publish().map_err(ImageError::from)?;
    Ok(summary)
}

/// [`write_with`] for several platforms: one image, of which each client takes what its machine runs. Only the OCI
/// formats can hold such a thing; the options' target counts for nothing.
///
/// # Errors
/// As [`write_with`]; also for a format that holds one image alone.
///
/// # Panics
/// Without a variant.
pub fn write_several<E: From<ImageError>>(
    variants: &[(Target, &Rootfs)],
    options: &Options,
    store: &Store,
    output: &Path,
    beside: impl FnOnce(&Several) -> Result<Beside, E>,
) -> Result<Several, E> {
    if matches!(options.format, Format::DockerArchive | Format::Rootfs) {
        return Err(
            ImageError::OnePlatform { targets: variants.iter().map(|(target, _)| target.clone()).collect() }.into()
        );
    }
    let place = output::Place::claim(output, options.format)?;
    let archived = options.format == Format::OciArchive;
    let layout = if archived { place.scratch("layout") } else { place.draft() };
    let mut several = layout::write_several(variants, options, store, &layout)?;
    let files = beside(&several)?;
    if archived {
        several.size = layout::archive(&layout, &place)?;
    } else {
        layout::add(&layout, &files)?;
    }
    place.publish().map_err(ImageError::from)?;
    Ok(several)
}
