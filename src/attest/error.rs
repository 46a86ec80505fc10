//! Why an image could not be signed, or not even be looked at.

use std::path::PathBuf;

use super::oci::OciDigest;
use super::read_statement::StatementError;
use crate::digest::Sha256;
use crate::fs::FsError;

/// Why an image could not be signed or verified.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// A directory that is no image layout.
    #[error("{} is not an OCI image layout: it has no {missing}", path.display())]
    NotALayout {
        /// The directory.
        path: PathBuf,
        /// What it would have.
        missing: &'static str,
    },
    /// A layout without an image.
    #[error("the index of {} names no image", path.display())]
    Empty {
        /// The layout.
        path: PathBuf,
    },
    /// A document that is not what its media type says.
    #[error("{what} is not readable")]
    Document {
        /// Which one.
        what: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Indexes within indexes within indexes.
    #[error("{digest} is an index more than {limit} levels below the layout's own, which no client reads")]
    Depth {
        /// The index.
        digest: OciDigest,
        /// How many there may be.
        limit: usize,
    },
    /// A blob that is not what it should be.
    #[error(transparent)]
    Blob(Box<BlobFault>),
    /// A file of the evidence that is no statement.
    #[error("{} cannot be used", path.display())]
    Statement {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: StatementError,
    },
    /// A statement about something else.
    #[error("{} is a statement about {}, which is not in this image: make the evidence again", path.display(), list(subjects))]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is about.
        subjects: Vec<Sha256>,
    },
    /// A name that clients could not pull.
    #[error("`{}` is not an image's name: {reason}", text.escape_debug())]
    Reference {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file operation.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl From<BlobFault> for SignatureError {
    fn from(fault: BlobFault) -> Self {
        Self::Blob(Box::new(fault))
    }
}

fn list(digests: &[Sha256]) -> String {
    digests.iter().map(|digest| format!("sha256:{digest}")).collect::<Vec<_>>().join(" and ")
}

/// What is wrong with a blob.
#[derive(Debug, thiserror::Error)]
pub enum BlobFault {
    /// It is not there.
    #[error("the blob {digest} is missing")]
    Missing {
        /// Its name.
        digest: OciDigest,
    },
    /// It has another size than its descriptor says.
    #[error("the blob {digest} has {actual} bytes, and should have {expected}")]
    Size {
        /// Its name.
        digest: OciDigest,
        /// What the descriptor says.
        expected: u64,
        /// What is there.
        actual: u64,
    },
    /// Its bytes are others.
    #[error("the blob {digest} is altered: its bytes have the digest sha256:{actual}")]
    Altered {
        /// Its name.
        digest: OciDigest,
        /// What is there.
        actual: Sha256,
    },
    /// A document larger than registries take.
    #[error("the document {digest} has {size} bytes; at most {limit} can be stored in a registry")]
    Large {
        /// Its name.
        digest: OciDigest,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A layer that cannot be decompressed.
    #[error("the layer {digest} {what}")]
    Compression {
        /// Its name.
        digest: OciDigest,
        /// What is wrong, as a verb and its object.
        what: String,
    },
    /// A layer that unpacks to something else than the configuration says.
    #[error(
        "the layer {digest} unpacks to sha256:{actual}, but the configuration {config} says {expected}: whoever runs the image gets other files than those that are named"
    )]
    DiffId {
        /// The layer's name.
        digest: OciDigest,
        /// The configuration's name.
        config: OciDigest,
        /// What the configuration says.
        expected: OciDigest,
        /// What is there.
        actual: Sha256,
    },
    /// Layers without diffIDs, or the other way round.
    #[error("the manifest {manifest} has {layers} layers, but its configuration lists {diff_ids} of them")]
    Count {
        /// The manifest's name.
        manifest: OciDigest,
        /// How many layers it has.
        layers: usize,
        /// How many the configuration lists.
        diff_ids: usize,
    },
    /// A configuration that cannot be read.
    #[error("the configuration {config} is not readable: {reason}")]
    Config {
        /// Its name.
        config: OciDigest,
        /// What is wrong.
        reason: String,
    },
    /// A file among the blobs that is not named by its digest.
    #[error("{} does not bear its digest as its name", path.display())]
    Stray {
        /// The file.
        path: PathBuf,
    },
}
