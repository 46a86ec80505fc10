//! What can be wrong with an image's signatures, in words.

use super::Others;
use crate::digest::Sha256;

/// Why an image is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody has signed a manifest.
    #[error("{subject} is not signed")]
    NotSigned {
        /// The manifest.
        subject: String,
    },
    /// Others have signed a manifest.
    #[error("{subject} is not signed by this key, but by {}", whose(others))]
    OtherKey {
        /// The manifest.
        subject: String,
        /// By whom.
        others: Others,
    },
    /// Something says that this key has signed it, and that is not so.
    #[error("{what} of {subject} was altered: {reason}")]
    Altered {
        /// The manifest.
        subject: String,
        /// What was altered.
        what: String,
        /// How that shows.
        reason: String,
    },
    /// The key has signed it, but as something of another image.
    #[error("{what} of {subject} is signed by this key, but belongs to {of}: it was moved here from another image")]
    Moved {
        /// The manifest with which it lies.
        subject: String,
        /// What it is.
        what: String,
        /// What it belongs to.
        of: String,
    },
    /// An artifact that belongs to no manifest of this image.
    #[error("the artifact sha256:{artifact} is of {of}, not of this image")]
    Foreign {
        /// The artifact's manifest.
        artifact: Sha256,
        /// What it belongs to.
        of: String,
    },
    /// An artifact that cannot be read.
    #[error("the artifact sha256:{artifact} is damaged: {reason}")]
    Damaged {
        /// The artifact's manifest.
        artifact: Sha256,
        /// How that shows.
        reason: String,
    },
    /// A statement that there must be.
    #[error("{subject} has no {need} statement that this key has signed")]
    Missing {
        /// The manifest.
        subject: String,
        /// What there must be.
        need: String,
    },
    /// A file of the evidence is not what is signed.
    #[error("{file} is not what was signed: it was altered, or made again since")]
    Differs {
        /// The file.
        file: String,
    },
    /// A file of the evidence is not signed.
    #[error("{file} is not signed by this key")]
    Unsigned {
        /// The file.
        file: String,
    },
}

fn whose(Others { count, signers }: &Others) -> String {
    let keys: Vec<_> = signers.iter().map(|signer| format!("the key {signer}")).collect();
    match (keys.is_empty(), count) {
        (true, 1) => "another one".to_owned(),
        (true, count) => format!("others ({count} signatures)"),
        (false, _) => keys.join(" and "),
    }
}
