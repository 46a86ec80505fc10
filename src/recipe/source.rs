//! Sources: bytes known by their SHA-256, and the places that may have them.

use std::fmt;
use std::str::FromStr;

use crate::digest::Sha256;
use crate::path::RelPath;

/// One pinned source of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What the bytes must hash to.
    pub sha256: Sha256,
    /// Where they may be found; only hints, tried in order.
    pub locations: Vec<Location>,
    /// The directory below `/build` that it is unpacked or put into.
    pub into: RelPath,
    /// Leading path components that unpacking removes.
    pub strip: usize,
    /// Whether it is an archive to unpack; else the file is put as it is.
    pub unpack: bool,
}

impl Source {
    /// The file name that people know it by: the last part of its first location; a crate's as registries name it.
    pub fn file_name(&self) -> String {
        let first = self.locations.first().expect("the parser rejects a source without a location");
        if let Location::Crate { name, version } = first {
            return format!("{name}-{version}.crate");
        }
        let first = first.to_string();
        first.rsplit(['/', ':']).next().expect("rsplit yields at least one part").to_owned()
    }
}

/// A place that may have a source's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// An `https:`, `http:` or `file:` URL.
    Url(String),
    /// `debian:pool/…`: a file of a Debian archive, at whatever mirror the host uses.
    Debian(RelPath),
    /// `crate:NAME/VERSION`: a crate file of the Rust registry.
    Crate {
        /// The crate.
        name: String,
        /// Its exact version.
        version: String,
    },
    /// `pypi:PROJECT/FILE`: a file of a Python package index.
    Pypi {
        /// The project.
        project: String,
        /// The file's name.
        file: String,
    },
}

/// A text that is no location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a location: it needs the form https://…, http://…, file:///…, debian:pool/…, crate:NAME/VERSION or pypi:PROJECT/FILE"
)]
pub struct LocationError(String);

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url}"),
            Self::Debian(path) => write!(f, "debian:{path}"),
            Self::Crate { name, version } => write!(f, "crate:{name}/{version}"),
            Self::Pypi { project, file } => write!(f, "pypi:{project}/{file}"),
        }
    }
}

impl FromStr for Location {
    type Err = LocationError;
    fn from_str(text: &str) -> Result<Self, LocationError> {
        let error = || LocationError(text.to_owned());
        let (scheme, rest) = text.split_once(':').ok_or_else(error)?;
        let pair = || {
            let (left, right) = rest.split_once('/').ok_or_else(error)?;
            let known = |c: char| c.is_ascii_alphanumeric() || "-_.+!".contains(c);
            let usable = |part: &str| !part.is_empty() && !part.starts_with(['.', '-']) && part.chars().all(known);
            if usable(left) && usable(right) { Ok((left.to_owned(), right.to_owned())) } else { Err(error()) }
        };
        match scheme {
            "https" | "http" | "file" if rest.starts_with("//") && rest.len() > 2 => Ok(Self::Url(text.to_owned())),
            "debian" => RelPath::new(rest).map(Self::Debian).map_err(|_| error()),
            "crate" => pair().map(|(name, version)| Self::Crate { name, version }),
            "pypi" => pair().map(|(project, file)| Self::Pypi { project, file }),
            _ => Err(error()),
        }
    }
}
