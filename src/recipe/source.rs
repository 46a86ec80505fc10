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
    /// The file name that people know it by: the last part of its first location; a crate's as registries name it, a
    /// module's with its path.
    pub fn file_name(&self) -> String {
        let first = self.locations.first().expect("the parser rejects a source without a location");
        if let Location::Crate { name, version } = first {
            return format!("{name}-{version}.crate");
        }
        if let Location::Go { module, version } = first {
            return format!("{}@{version}.zip", module.replace('/', "_"));
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
    /// `gomod:MODULE/VERSION`: the zip archive of a Go module.
    Go {
        /// The module's path.
        module: String,
        /// Its exact version, with the `v`.
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
    "`{0}` is not a location: it needs the form https://…, http://…, file:///…, debian:pool/…, crate:NAME/VERSION, gomod:MODULE/VERSION or pypi:PROJECT/FILE"
)]
pub struct LocationError(String);

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url}"),
            Self::Debian(path) => write!(f, "debian:{path}"),
            Self::Crate { name, version } => write!(f, "crate:{name}/{version}"),
            Self::Go { module, version } => write!(f, "gomod:{module}/{version}"),
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
            "gomod" => module(rest).ok_or_else(error),
            "pypi" => pair().map(|(project, file)| Self::Pypi { project, file }),
            _ => Err(error()),
        }
    }
}

/// A module's path and version, as the Go modules reference spells them: a path's first part is a domain's name, and a
/// version begins with `v`.
fn module(text: &str) -> Option<Location> {
    let (module, version) = text.rsplit_once('/')?;
    let known = |text: &str, signs: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c));
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && known(part, "-._~");
    let domain = module.split('/').next()?;
    let numbered = version.strip_prefix('v')?.starts_with(|c: char| c.is_ascii_digit());
    let usable = module.split('/').all(part) && domain.contains('.') && numbered && known(version, "-.+");
    usable.then(|| Location::Go { module: module.to_owned(), version: version.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_has_a_domain_and_a_version() {
        let location: Location = "gomod:github.com/BurntSushi/toml/v2/v2.0.0+incompatible".parse().unwrap();
        let (module, version) = ("github.com/BurntSushi/toml/v2".to_owned(), "v2.0.0+incompatible".to_owned());
        assert_eq!(location, Location::Go { module, version });
        assert_eq!(location.to_string(), "gomod:github.com/BurntSushi/toml/v2/v2.0.0+incompatible");
        for other in
            ["fmt/v1.0.0", "example.org/x", "example.org/x/1.0.0", "example.org/../v1.0.0", "example.org//v1.0.0"]
        {
            assert!(format!("gomod:{other}").parse::<Location>().is_err(), "{other}");
        }
    }
}
