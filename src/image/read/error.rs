//! Why an image could not be read.

use std::path::PathBuf;

use crate::archive::ArchiveError;
use crate::digest::Sha256;
use crate::fs::FsError;

/// Why an image could not be read. Each names the image, and what of it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nothing is there.
    #[error("there is no image {name}: it must be an image layout, an archive or a directory on this machine")]
    Missing {
        /// What was asked for.
        name: String,
    },
    /// Something is there that is no image.
    #[error(
        "{} is no image that can be read: {what}; an image is an OCI layout (a directory or its archive), an archive of `docker save`, or a root file system as a directory",
        path.display()
    )]
    NoImage {
        /// Where.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// A tag or digest that the image does not have.
    #[error("{name} has no image {wanted}; it has {}", listed(available))]
    Unknown {
        /// The layout or archive.
        name: String,
        /// What was asked for.
        wanted: String,
        /// The tags that there are.
        available: Vec<String>,
    },
    /// Several images, and none was named.
    #[error("{name} holds several images: say which, as {name}:TAG; it has {}", listed(available))]
    Several {
        /// The layout or archive.
        name: String,
        /// The tags that there are.
        available: Vec<String>,
    },
    /// A platform that the image is not made for.
    #[error("{name} is not made for {wanted}; it has {}", listed(available))]
    Platform {
        /// The image.
        name: String,
        /// What was asked for.
        wanted: String,
        /// What there is.
        available: Vec<String>,
    },
    /// A document of the image that is not what its format asks for.
    #[error("{document} is malformed: {reason}")]
    Malformed {
        /// Which.
        document: String,
        /// What is wrong.
        reason: String,
    },
    /// A document of the image that is no JSON, or not of its form.
    #[error("{document} is malformed")]
    Json {
        /// Which.
        document: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Something that this reader does not know.
    #[error("{document} cannot be read: {reason}")]
    Unsupported {
        /// Which.
        document: String,
        /// What is not known.
        reason: String,
    },
    /// A blob that is not there.
    #[error("{blob} is missing: the image is not whole; copy it again")]
    NoBlob {
        /// Which.
        blob: String,
    },
    /// A blob that has another size than its descriptor says.
    #[error("{blob} has {found} bytes, but {expected} are announced: it was cut or altered; copy the image again")]
    Size {
        /// Which.
        blob: String,
        /// What the descriptor says.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// A blob whose bytes are not those that its digest names.
    #[error("{blob} has the digest sha256:{found}: it was altered; copy the image again")]
    Digest {
        /// Which.
        blob: String,
        /// The digest that it has.
        found: Sha256,
    },
    /// A layer whose uncompressed bytes are not those that the configuration names.
    #[error(
        "{layer} has the diffID sha256:{found}, but the configuration says sha256:{expected}: the image is not what it says it is"
    )]
    DiffId {
        /// Which.
        layer: String,
        /// What the configuration says.
        expected: Sha256,
        /// What it has.
        found: Sha256,
    },
    /// An entry of a layer that runtimes would refuse or read differently.
    #[error("{layer}: the entry `{}` {reason}", path.escape_debug())]
    Entry {
        /// The layer.
        layer: String,
        /// The entry, as the layer spells it.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A path of a directory that cannot be part of an image.
    #[error("{} {reason}", path.display())]
    Path {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file operation.
    #[error(transparent)]
    Fs(#[from] FsError),
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none that has a name".to_owned() } else { names.join(", ") }
}
