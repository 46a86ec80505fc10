//! [`RelPath`]: a path that cannot leave the directory it is joined to; and what a [`glob`] over such paths means.
//!
//! Knows nothing of what lies at the path. The rules are those of the manifest: UTF-8, `/` between components,
//! no `.` or `..`, no empty component, no control character. A name that breaks them is rejected, never repaired.

use std::borrow::Borrow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use globset::{Glob, GlobBuilder};
use serde::{Deserialize, Serialize};

/// Reads a glob: `*` stays within a directory, `**` does not, and `{a,}` may be empty.
///
/// # Errors
/// When the text is no glob.
pub fn glob(text: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(text).literal_separator(true).empty_alternates(true).build()
}

/// Why a text is not a [`RelPath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a usable relative path: {reason}", path.escape_debug())]
pub struct PathError {
    /// The offending text.
    pub path: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// A validated relative path, never empty. Ordered by bytes, as manifests are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelPath(String);

impl RelPath {
    /// Validates a text.
    ///
    /// # Errors
    /// When it is empty, absolute, too long, or has a component that is empty, `.`, `..` or holds a control character.
    pub fn new(text: impl Into<String>) -> Result<Self, PathError> {
        let path = text.into();
        match fault(&path) {
            Some(reason) => Err(PathError { path, reason }),
            None => Ok(Self(path)),
        }
    }

    /// The path as text, without a leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This path below `base`.
    pub fn under(&self, base: &Path) -> PathBuf {
        base.join(&self.0)
    }

    /// This path with `tail` below it.
    pub fn join(&self, tail: &RelPath) -> Self {
        Self(format!("{}/{}", self.0, tail.0))
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().expect("rsplit yields at least one part")
    }

    /// The directory that holds this path; `None` at the top.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// All directories above this path, outermost first.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        self.0.match_indices('/').map(|(at, _)| Self(self.0[..at].to_owned()))
    }
}

/// How many symbolic links a path may lead through; the kernel's own bound (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// What stands at a path while another is being followed through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A directory.
    Directory,
    /// A symbolic link with this text.
    Link(&'a str),
    /// Anything else.
    Other,
}

/// Where an absolute path leads, all links followed as the kernel follows them for a process whose root this is
/// (path_resolution(7)). `None` when it leads nowhere, or to `/` itself, which is no relative path.
pub fn resolve<'a>(absolute: &str, look: impl Fn(&RelPath) -> Option<Step<'a>>) -> Option<RelPath> {
    let mut rest: Vec<String> = absolute.rsplit('/').map(str::to_owned).collect();
    let mut above: Vec<String> = Vec::new();
    let mut links = 0;
    while let Some(name) = rest.pop() {
        match name.as_str() {
            "" | "." => continue,
            ".." => {
                above.pop();
                continue;
            }
            _ => above.push(name),
        }
        match look(&RelPath::new(above.join("/")).ok()?)? {
            Step::Directory => {}
            Step::Other if rest.iter().any(|part| !part.is_empty()) => return None,
            Step::Other => {}
            Step::Link(target) => {
                links += 1;
                if links > MAX_LINKS {
                    return None;
                }
                if target.starts_with('/') {
                    above.clear();
                } else {
                    above.pop();
                }
                rest.extend(target.rsplit('/').map(str::to_owned));
            }
        }
    }
    RelPath::new(above.join("/")).ok()
}

fn fault(path: &str) -> Option<&'static str> {
    // PATH_MAX and NAME_MAX of limits.h bound what any Linux file system takes.
    if path.is_empty() {
        return Some("it is empty");
    }
    if path.len() >= 4096 {
        return Some("it is longer than 4095 bytes");
    }
    if path.starts_with('/') {
        return Some("it is absolute");
    }
    if path.chars().any(char::is_control) {
        return Some("it holds a control character");
    }
    path.split('/').find_map(|component| match component {
        "" => Some("it has an empty component"),
        "." => Some("it has a `.` component"),
        ".." => Some("it has a `..` component"),
        long if long.len() > 255 => Some("it has a component longer than 255 bytes"),
        _ => None,
    })
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for RelPath {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

impl TryFrom<String> for RelPath {
    type Error = PathError;
    fn try_from(text: String) -> Result<Self, PathError> {
        Self::new(text)
    }
}

impl From<RelPath> for String {
    fn from(path: RelPath) -> Self {
        path.0
    }
}

/// For ranges of sorted paths: all that lies below one is contiguous.
impl Borrow<str> for RelPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<Path> for RelPath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_could_leave_the_root_is_rejected_with_its_reason() {
        for (text, reason) in [
            ("", "it is empty"),
            ("/etc/passwd", "it is absolute"),
            ("usr/../../etc", "it has a `..` component"),
            ("./usr", "it has a `.` component"),
            ("usr//bin", "it has an empty component"),
            ("usr/", "it has an empty component"),
            ("usr/a\nb", "it holds a control character"),
        ] {
            assert_eq!(RelPath::new(text).unwrap_err().reason, reason, "{text:?}");
        }
    }

    #[test]
    fn ancestors_run_from_the_outside_in() {
        let path = RelPath::new("usr/share/man").unwrap();
        let above: Vec<_> = path.ancestors().map(String::from).collect();
        assert_eq!(above, ["usr", "usr/share"]);
        assert_eq!(path.parent().unwrap().as_str(), "usr/share");
        assert_eq!(path.file_name(), "man");
    }

    proptest! {
        #[test]
        fn an_accepted_path_stays_below_its_base(text in "[a./]{0,12}") {
            if let Ok(path) = RelPath::new(text) {
                let joined = path.under(Path::new("/base"));
                prop_assert!(joined.components().all(|c| !matches!(c, std::path::Component::ParentDir)));
                prop_assert!(joined.starts_with("/base"));
            }
        }
    }
}
