//! Where an image is and how it is stored, told by what is there.

use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Config, ReadError};
use crate::digest::Sha256;
use crate::fs;

/// How an image is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A directory in the OCI image layout.
    Layout,
    /// The same as a tar archive.
    LayoutArchive,
    /// What `docker save` writes.
    DockerArchive,
    /// A root file system as a directory.
    Directory,
}

/// An image on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What it was called.
    pub name: String,
    /// The directory or file.
    pub path: PathBuf,
    /// Which image of it.
    pub reference: Reference,
    pub(super) place: Place,
}

/// What is at a source's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Layout,
    Archive,
    Directory,
}

/// Which of the images in a layout or archive is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The only one.
    Only,
    /// The one with a tag.
    Tag(String),
    /// The one whose manifest or index has a digest.
    Digest(Sha256),
}

/// What an image runs on, as OCI names it: `linux/arm64`, `linux/amd64/v2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The operating system.
    pub os: String,
    /// The architecture.
    pub architecture: String,
    /// The architecture's variant.
    pub variant: Option<String>,
}

impl Source {
    /// Finds an image by `PATH`, `PATH:TAG` or `PATH@sha256:DIGEST`.
    ///
    /// # Errors
    /// When nothing is there, or what is there is no image.
    pub fn find(name: &str) -> Result<Self, ReadError> {
        let missing = || ReadError::Missing { name: name.to_owned() };
        let (path, reference) = parts(name).ok_or_else(missing)?;
        let path = PathBuf::from(path);
        let place = if path.is_dir() { directory(&path)? } else { Place::Archive };
        if place == Place::Directory && reference != Reference::Only {
            let what = "it is a root file system, which has no tags".to_owned();
            return Err(ReadError::NoImage { path, what });
        }
        Ok(Self { name: name.to_owned(), path, reference, place })
    }
}

/// A path that is there, and which image of it. A path may hold colons, and so may a tag of `docker save`.
fn parts(name: &str) -> Option<(&str, Reference)> {
    let there = |path: &str| Path::new(path).exists();
    if there(name) {
        return Some((name, Reference::Only));
    }
    if let Some((path, digest)) = name.rsplit_once("@sha256:").filter(|(path, _)| there(path)) {
        return Some((path, Reference::Digest(digest.parse().ok()?)));
    }
    let mut cuts = name.rmatch_indices(':').map(|(at, _)| (&name[..at], &name[at + 1..]));
    cuts.find(|(path, _)| there(path)).map(|(path, tag)| (path, Reference::Tag(tag.to_owned())))
}

/// What a directory is.
fn directory(path: &Path) -> Result<Place, ReadError> {
    let has = |name: &str| path.join(name).exists();
    let no_image = |what: &str| Err(ReadError::NoImage { path: path.to_owned(), what: what.to_owned() });
    if has("oci-layout") {
        return Ok(Place::Layout);
    }
    if has("index.json") && has("blobs") {
        return no_image("it is an image layout without its file `oci-layout`");
    }
    if has("config.json") && has("rootfs") {
        return no_image("it is a runtime's bundle; name the directory `rootfs` in it");
    }
    if has("manifest.json") {
        return no_image("it holds the parts of an image as loose files; name the archive, or copy it to a layout");
    }
    if is_rootfs(path)? { Ok(Place::Directory) } else { no_image("it has none of the usual directories of a root") }
}

/// Whether a directory looks like a root file system: it has a usual name in it, or a program.
fn is_rootfs(path: &Path) -> Result<bool, ReadError> {
    const USUAL: [&str; 19] = [
        "app", "bin", "boot", "data", "dev", "etc", "home", "lib", "lib64", "opt", "proc", "root", "run", "sbin",
        "srv", "sys", "tmp", "usr", "var",
    ];
    for name in fs::list(path)? {
        if USUAL.iter().any(|usual| name == *usual) {
            return Ok(true);
        }
        let program = path.join(name).symlink_metadata();
        if program.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl From<&Config> for Platform {
    fn from(Config { os, architecture, variant, .. }: &Config) -> Self {
        Self { os: os.clone(), architecture: architecture.clone(), variant: variant.clone() }
    }
}

/// A text that names no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform: it needs the form OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/arm64")]
pub struct PlatformError(String);

impl FromStr for Platform {
    type Err = PlatformError;
    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some((*variant).to_owned())),
            _ => return Err(PlatformError(text.to_owned())),
        };
        if parts.iter().any(|part| part.is_empty()) {
            return Err(PlatformError(text.to_owned()));
        }
        Ok(Self { os: (*os).to_owned(), architecture: (*architecture).to_owned(), variant })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { os, architecture, variant } = self;
        write!(f, "{os}/{architecture}")?;
        variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Layout => "OCI layout",
            Self::LayoutArchive => "OCI archive",
            Self::DockerArchive => "Docker archive",
            Self::Directory => "directory",
        })
    }
}
