//! [`Location`]: where a source may be found, as recipes write it.
//!
//! Knows no host: the mirror forms (`debian:`, `crate:`, `pypi:`) name a file in a collection, and the user's
//! configuration says where copies of the collection are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::path::RelPath;

/// A place that may yield a source's bytes; only a hint, for the digest decides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Location {
    /// An `http:`, `https:` or `file:` URL.
    Url(String),
    /// A path below a Debian archive's root: `debian:pool/main/s/sed/sed_4.9.orig.tar.xz`.
    Debian(RelPath),
    /// A crate as its registry packs it: `crate:NAME/VERSION`.
    Crate {
        /// The crate's name.
        name: String,
        /// Its exact version.
        version: String,
    },
    /// A file of a Python project: `pypi:PROJECT/FILE`.
    Pypi {
        /// The project's name.
        project: String,
        /// The file's name.
        file: String,
    },
}

/// A text that is no [`Location`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a location: {reason}", text.escape_debug())]
pub struct LocationParseError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Location {
    /// The name that the file has there, for people: the last component of a path or URL.
    pub fn file_name(&self) -> String {
        match self {
            Self::Url(url) => {
                let path = url.split(['?', '#']).next().unwrap_or(url);
                path.rsplit('/').next().unwrap_or(path).to_owned()
            }
            Self::Debian(path) => path.file_name().to_owned(),
            Self::Crate { name, version } => format!("{name}-{version}.crate"),
            Self::Pypi { file, .. } => file.clone(),
        }
    }
}

fn parse_url(text: &str) -> Result<Location, String> {
    let after_scheme = ["http://", "https://", "file://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let Some(rest) = after_scheme else {
        return Err("it needs http://, https://, file:///, debian:PATH, crate:NAME/VERSION or pypi:PROJECT/FILE".into());
    };
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("a URL holds no space or control character".into());
    }
    let absolute_file = text.starts_with("file:///");
    match rest.split('/').next() {
        None | Some("") if !absolute_file => Err("the URL names no host".into()),
        Some(_) if text.starts_with("file://") && !absolute_file => Err("a file: URL starts with file:///".into()),
        _ => Ok(Location::Url(text.to_owned())),
    }
}

/// Splits `NAME/REST` where both parts hold only letters, digits and the given signs, and start with neither `.` nor `-`.
fn parse_pair(form: &str, rest: &str, signs: &str) -> Result<(String, String), String> {
    let fits = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && part.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
    };
    match rest.split_once('/') {
        Some((first, second)) if fits(first) && fits(second) => Ok((first.to_owned(), second.to_owned())),
        _ => Err(format!("it needs the form {form}, of letters, digits and {signs}")),
    }
}

impl FromStr for Location {
    type Err = LocationParseError;

    fn from_str(text: &str) -> Result<Self, LocationParseError> {
        let parsed = match text.split_once(':') {
            Some(("debian", path)) => RelPath::new(path).map(Self::Debian).map_err(|error| error.reason.to_owned()),
            Some(("crate", rest)) => {
                parse_pair("crate:NAME/VERSION", rest, "-_.+").map(|(name, version)| Self::Crate { name, version })
            }
            Some(("pypi", rest)) => {
                parse_pair("pypi:PROJECT/FILE", rest, "-_.+!").map(|(project, file)| Self::Pypi { project, file })
            }
            _ => parse_url(text),
        };
        parsed.map_err(|reason| LocationParseError { text: text.to_owned(), reason })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Debian(path) => write!(f, "debian:{path}"),
            Self::Crate { name, version } => write!(f, "crate:{name}/{version}"),
            Self::Pypi { project, file } => write!(f, "pypi:{project}/{file}"),
        }
    }
}

impl TryFrom<String> for Location {
    type Error = LocationParseError;
    fn try_from(text: String) -> Result<Self, LocationParseError> {
        text.parse()
    }
}

impl From<Location> for String {
    fn from(location: Location) -> Self {
        location.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_survives_its_text_form_and_knows_its_file_name() {
        for (text, file_name) in [
            ("https://example.org/a/sed-4.9.tar.xz?raw=1#top", "sed-4.9.tar.xz"),
            ("file:///srv/sources/x.tar", "x.tar"),
            ("debian:pool/main/s/sed/sed_4.9.orig.tar.xz", "sed_4.9.orig.tar.xz"),
            ("crate:ripgrep/14.1.0+build", "ripgrep-14.1.0+build.crate"),
            ("pypi:Jinja2/jinja2-3.1.4.tar.gz", "jinja2-3.1.4.tar.gz"),
        ] {
            let location: Location = text.parse().unwrap();
            assert_eq!(location.to_string(), text);
            assert_eq!(location.file_name(), file_name);
        }
    }

    #[test]
    fn what_is_no_location_is_rejected_with_its_reason() {
        let forms = "it needs http://, https://, file:///, debian:PATH, crate:NAME/VERSION or pypi:PROJECT/FILE";
        for (text, reason) in [
            ("ftp://example.org/x", forms),
            ("/srv/x", forms),
            ("https:///x", "the URL names no host"),
            ("https://", "the URL names no host"),
            ("file://srv/x", "a file: URL starts with file:///"),
            ("https://example.org/a b", "a URL holds no space or control character"),
            ("debian:../x", "it has a `..` component"),
            ("debian:/pool/x", "it is absolute"),
            ("crate:ripgrep", "it needs the form crate:NAME/VERSION, of letters, digits and -_.+"),
            ("crate:a/../b", "it needs the form crate:NAME/VERSION, of letters, digits and -_.+"),
            ("pypi:a/..", "it needs the form pypi:PROJECT/FILE, of letters, digits and -_.+!"),
        ] {
            let error = text.parse::<Location>().unwrap_err().to_string();
            assert_eq!(error, format!("`{text}` is not a location: {reason}"));
        }
    }
}
