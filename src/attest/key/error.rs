//! What can be wrong with a key or with its file.

use std::path::PathBuf;

use crate::fs::FsError;

/// Why there is no key. Never says anything of a private key's content.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is not PEM, or was damaged.
    #[error("this is not a key in PEM form: there is no whole `-----BEGIN …-----` block with base64 in it")]
    Pem,
    /// PEM, but of something else.
    #[error("this is a PEM text of `{}`, not a key that can be used", label.escape_debug())]
    Label {
        /// What it says it is.
        label: String,
    },
    /// A public key where a private one is needed.
    #[error("this is a public key; signing takes the private one")]
    Public,
    /// A private key where a public one is needed.
    #[error("this is a private key; verifying takes the public one")]
    Private,
    /// Another algorithm, another curve, or damaged.
    #[error("this is not an ECDSA key on the curve P-256, or the file is damaged")]
    Curve,
    /// The text inside a sealed key is not what cosign writes.
    #[error("the sealed key is damaged, or not what cosign writes: {reason}")]
    Sealed {
        /// What is wrong.
        reason: String,
    },
    /// scrypt parameters that cosign does not write. They say how much memory opening the key takes.
    #[error(
        "the sealed key asks for scrypt with N={n}, r={r}, p={p}; cosign's are r=8, p=1 and an N of 32768, 65536 or 131072"
    )]
    Scrypt {
        /// The cost.
        n: u64,
        /// The block size.
        r: u64,
        /// The parallelisation.
        p: u64,
    },
    /// The passphrase does not fit, which looks the same as a key that was altered.
    #[error("the passphrase does not open the key, or the file is damaged")]
    Passphrase,
    /// Nobody is protected by an empty passphrase.
    #[error("the passphrase is empty, so the key would be open to whoever can read the file")]
    EmptyPassphrase,
    /// No random numbers.
    #[error("the system gives no random numbers: {reason}")]
    Random {
        /// What it said.
        reason: String,
    },
    /// A private key that others can read.
    #[error("{} has the mode {mode:04o}, so others than its owner may use the key; if they have not: chmod 600 {}", path.display(), path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Something is there that must not be overwritten.
    #[error("{} is there already, and a key is never overwritten: name another file, or move it away", path.display())]
    Occupied {
        /// The file.
        path: PathBuf,
    },
    /// Larger than any key.
    #[error("{} is larger than {limit} bytes, which no key is", path.display())]
    Large {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// What is wrong with the key in a file.
    #[error("{} is no usable key", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<KeyError>,
    },
    /// A file operation.
    #[error(transparent)]
    Fs(#[from] FsError),
}
