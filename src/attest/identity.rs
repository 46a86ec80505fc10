//! What an image is known by, so that a statement about it can name it. Knows nothing of what is stated.

use super::Resource;
use crate::digest::Sha256;

/// What an image is known by, which depends on the form that it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// An OCI image: its manifest's digest.
    Manifest(Sha256),
    /// An image for Docker alone: its configuration's digest, which Docker calls the image's id.
    Config(Sha256),
    /// A plain directory: in-toto's `dirHash` of it.
    Directory(Sha256),
}

impl Identity {
    /// The subject of statements about the image.
    pub fn subject(&self, name: &str) -> Resource {
        match self {
            Self::Manifest(digest) | Self::Config(digest) => Resource::sha256(name, digest),
            Self::Directory(digest) => Resource::directory(name, digest),
        }
    }
}
