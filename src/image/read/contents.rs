//! An image as it was read: what its documents say, and every path of its root file system.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Form;
use crate::digest::Sha256;
use crate::path::{RelPath, Step};
use crate::recipe::Owner;

/// An image as it was read. `T` is what was made of each file's bytes.
#[derive(Debug)]
pub struct Contents<T> {
    /// What it was called.
    pub name: String,
    /// How it is stored.
    pub form: Form,
    /// The digest of its manifest; only OCI forms have one.
    pub manifest: Option<Sha256>,
    /// The manifest's annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its configuration; a plain directory has none.
    pub config: Option<Config>,
    /// Its layers, lowest first; a plain directory has none.
    pub layers: Vec<Layer>,
    /// Every path but the root.
    pub entries: BTreeMap<RelPath, Entry<T>>,
    /// The files and links that a later layer has replaced or taken away, with the index of the first layer that had
    /// brought each. An image of ours has none.
    pub covered: BTreeMap<RelPath, usize>,
}

/// What an image's configuration says (OCI image specification 1.1, "Image Configuration").
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The SHA-256 of its bytes, Docker's image id.
    pub digest: Sha256,
    /// As OCI names it, `amd64`.
    pub architecture: String,
    /// `linux`.
    pub os: String,
    /// The architecture's variant.
    pub variant: Option<String>,
    /// When it was made, if it says so.
    pub created: Option<String>,
    /// The user; empty where none is said, which is root.
    pub user: String,
    /// The program and its first words.
    pub entrypoint: Vec<String>,
    /// Further words.
    pub cmd: Vec<String>,
    /// Environment variables, as `NAME=VALUE`.
    pub env: Vec<String>,
    /// The working directory.
    pub workdir: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Exposed ports.
    pub ports: BTreeSet<String>,
    /// Volumes.
    pub volumes: BTreeSet<String>,
    /// The signal that stops it.
    pub stop_signal: Option<String>,
    /// The whole document.
    pub document: serde_json::Value,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The SHA-256 of the blob as it is stored; unknown in the older form of `docker save`.
    pub digest: Option<Sha256>,
    /// The SHA-256 of the uncompressed archive.
    pub diff_id: Sha256,
    /// Bytes, as it is stored.
    pub size: u64,
    /// The media type, where one is stated.
    pub media_type: Option<String>,
    /// The history's `created_by`.
    pub created_by: Option<String>,
    /// The descriptor's annotations.
    pub annotations: BTreeMap<String, String>,
}

/// A path of the root file system.
#[derive(Debug)]
pub struct Entry<T> {
    /// What it is.
    pub kind: Kind<T>,
    /// The permission bits, those for set-user-ID, set-group-ID and sticky included.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
    /// The names of its extended attributes.
    pub attributes: BTreeSet<String>,
    /// The index of the layer that brings it; `None` in a plain directory.
    pub layer: Option<usize>,
}

/// What a path is.
#[derive(Debug)]
pub enum Kind<T> {
    /// A directory.
    Directory,
    /// A regular file.
    File(File<T>),
    /// A symbolic link.
    Symlink {
        /// Its text.
        target: String,
    },
    /// A device, a named pipe or a socket, by that name.
    Special(&'static str),
}

/// A regular file.
#[derive(Debug)]
pub struct File<T> {
    /// Bytes.
    pub size: u64,
    /// Its content.
    pub digest: Sha256,
    /// What was made of its bytes; files with the same content share it.
    pub examined: Arc<T>,
    /// A number that the names of one file (hard links) share, and no others.
    pub inode: usize,
}

impl<T> Contents<T> {
    /// What stands at a path, for those who follow another through it ([`crate::path::resolve`]).
    pub fn step(&self, path: &RelPath) -> Option<Step<'_>> {
        Some(match &self.entries.get(path)?.kind {
            Kind::Directory => Step::Directory,
            Kind::Symlink { target } => Step::Link(target),
            Kind::File(_) | Kind::Special(_) => Step::Other,
        })
    }

    /// The bytes of all files, each hard link's once.
    pub fn size(&self) -> u64 {
        let files = self.entries.values().filter_map(|entry| match &entry.kind {
            Kind::File(file) => Some((file.inode, file.size)),
            _ => None,
        });
        files.collect::<BTreeMap<_, _>>().values().sum()
    }
}

impl Config {
    /// `linux/amd64`, with the variant where there is one.
    pub fn platform(&self) -> String {
        let variant = self.variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}
