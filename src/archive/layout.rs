//! Where an entry of an archive goes, and where a link may point. Pure: knows texts, not what is on the disk.

use super::error::Fault;
use crate::path::RelPath;

/// How deep a tree may be. No source comes near it; without a limit, a tree could be unpacked that later walks
/// cannot hold open.
const DEPTH: usize = 128;

/// How an archive's paths become paths of the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// A source: its first components are removed, and its links stay inside of what is left.
    Source {
        /// How many.
        strip: usize,
    },
    /// A Debian package, unpacked into a root with merged `/usr`.
    Package,
    /// A Python wheel, installed with the prefix `usr` and the library `usr/lib`.
    Wheel,
}

/// The directories that merged `/usr` moves.
const MERGED: [&str; 5] = ["bin", "sbin", "lib", "lib32", "lib64"];

/// A validated place for an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The destination itself.
    Root,
    /// Nowhere: the path has no more components than are to be removed.
    Outside,
    /// Below the destination.
    At(RelPath),
}

/// What is known of a link's target after its text was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// It stays inside, whatever else there is.
    Inside,
    /// It goes down and up again (`a/../b`): inside only if what it goes down through is no symbolic link.
    Winding,
}

impl Layout {
    /// The place of an entry. Empty and `.` components are dropped, as tar writes `./` and zip `/` at the end.
    ///
    /// # Errors
    /// When the path is absolute, has a `..`, is not UTF-8 or not acceptable as a [`RelPath`], or is too deep.
    pub(super) fn place(self, path: &[u8]) -> Result<Place, Fault> {
        let text = text(path).map_err(Fault::Path)?;
        if text.starts_with('/') {
            return Err(Fault::Path("it is absolute"));
        }
        let components: Vec<&str> = text.split('/').filter(|component| !matches!(*component, "" | ".")).collect();
        if components.is_empty() {
            return Ok(Place::Root);
        }
        if components.contains(&"..") {
            return Err(Fault::Path("it has a `..` component"));
        }
        let kept = match self {
            Self::Source { strip } => components.get(strip..).unwrap_or_default().join("/"),
            Self::Package if MERGED.contains(&components[0]) => format!("usr/{}", components.join("/")),
            Self::Package => components.join("/"),
            Self::Wheel => installed(&components)?,
        };
        if kept.is_empty() {
            return Ok(Place::Outside);
        }
        if kept.split('/').count() > DEPTH {
            return Err(Fault::Path("it has more than 128 components"));
        }
        RelPath::new(kept).map(Place::At).map_err(|error| Fault::Path(error.reason))
    }

    /// Whether an entry is a program whatever its mode says: a wheel's scripts are, when they have been installed.
    pub(super) fn is_script(self, path: &[u8]) -> bool {
        let mut components = path.split(|byte| *byte == b'/');
        let data = components.next().is_some_and(|top| top.ends_with(DATA.as_bytes()));
        self == Self::Wheel && data && components.next() == Some(b"scripts".as_slice())
    }

    /// The target of the symbolic link at `link` (where [`Layout::place`] put it), as text, and what is left to
    /// check.
    ///
    /// # Errors
    /// When the target is not text, when it climbs above the root, or when it is absolute and the archive is no
    /// package.
    pub(super) fn target(self, link: &RelPath, target: &[u8]) -> Result<(String, Target), Fault> {
        let fault = |reason| Fault::Target { target: String::from_utf8_lossy(target).into_owned(), reason };
        let text = text(target).map_err(fault)?;
        if text.is_empty() {
            return Err(fault("it is empty"));
        }
        if text.len() >= 4096 {
            return Err(fault("it is longer than 4095 bytes"));
        }
        let absolute = text.starts_with('/');
        if absolute && self != Self::Package {
            return Err(fault("it is absolute"));
        }
        let mut depth = if absolute { 0 } else { link.ancestors().count() };
        let (mut descended, mut kind) = (false, Target::Inside);
        for component in text.split('/') {
            match component {
                "" | "." => {}
                ".." => {
                    depth = depth.checked_sub(1).ok_or_else(|| fault("it leaves the archive"))?;
                    if descended {
                        kind = Target::Winding;
                    }
                }
                _ => {
                    depth += 1;
                    descended = true;
                }
            }
        }
        Ok((text.to_owned(), kind))
    }
}

/// How the directory of a wheel ends whose parts go to other places than its library.
const DATA: &str = ".data";

/// Where an installer puts a file of a wheel (Python packaging user guide, "Binary distribution format"): what lies in
/// `NAME-VERSION.data/KEY` goes to the place of that name, all else to the library. Empty for what is only above.
fn installed(components: &[&str]) -> Result<String, Fault> {
    let Some(package) = components[0].strip_suffix(DATA) else {
        return Ok(format!("usr/lib/{}", components.join("/")));
    };
    let name = package.split('-').next().unwrap_or(package);
    let place = match components.get(1) {
        None => return Ok(String::new()),
        Some(&"scripts") => "usr/bin".to_owned(),
        Some(&"data") => "usr".to_owned(),
        Some(&"purelib" | &"platlib") => "usr/lib".to_owned(),
        Some(&"headers") => format!("usr/include/{name}"),
        Some(_) => return Err(Fault::Path("a wheel's data has no such part")),
    };
    let below = &components[2..];
    Ok(if below.is_empty() { String::new() } else { format!("{place}/{}", below.join("/")) })
}

fn text(bytes: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    if text.chars().any(char::is_control) {
        return Err("it holds a control character");
    }
    Ok(text)
}

/// The links that merged `/usr` puts in the place of the directories it moves: path and target.
pub(super) fn merged_links() -> impl Iterator<Item = (RelPath, RelPath)> {
    let path = |text: String| RelPath::new(text).expect("the names of the moved directories are plain");
    MERGED.into_iter().map(move |name| (path(name.to_owned()), path(format!("usr/{name}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Layout = Layout::Source { strip: 0 };

    fn at(path: &str) -> Place {
        Place::At(RelPath::new(path).unwrap())
    }

    fn reason(result: Result<impl std::fmt::Debug, Fault>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn stripping_counts_what_names_something() {
        let strip = Layout::Source { strip: 1 };
        assert_eq!(strip.place(b"./sed-4.9//lib/./x.c").unwrap(), at("lib/x.c"));
        assert_eq!(strip.place(b"sed-4.9/").unwrap(), Place::Outside);
        assert_eq!(strip.place(b"./").unwrap(), Place::Root);
        assert_eq!(reason(strip.place(b"sed-4.9/../../etc")), "has an unusable path: it has a `..` component");
        assert_eq!(reason(strip.place(b"/sed-4.9/x")), "has an unusable path: it is absolute");
        let deep = "d/".repeat(129);
        assert_eq!(reason(SOURCE.place(deep.as_bytes())), "has an unusable path: it has more than 128 components");
    }

    #[test]
    fn merged_usr_moves_only_whole_leading_components() {
        assert_eq!(Layout::Package.place(b"./lib64/ld.so").unwrap(), at("usr/lib64/ld.so"));
        assert_eq!(Layout::Package.place(b"./lib").unwrap(), at("usr/lib"));
        assert_eq!(Layout::Package.place(b"./libexec/x").unwrap(), at("libexec/x"));
        assert_eq!(Layout::Package.place(b"./opt/bin/x").unwrap(), at("opt/bin/x"));
    }

    #[test]
    fn a_wheel_goes_where_its_parts_are_installed() {
        let place = |path: &str| Layout::Wheel.place(path.as_bytes());
        assert_eq!(place("go/bin/go").unwrap(), at("usr/lib/go/bin/go"));
        assert_eq!(place("a_b-1.data/scripts/ab").unwrap(), at("usr/bin/ab"));
        assert_eq!(place("a_b-1.data/data/share/x").unwrap(), at("usr/share/x"));
        assert_eq!(place("a_b-1.data/platlib/a/b.so").unwrap(), at("usr/lib/a/b.so"));
        assert_eq!(place("a_b-1.data/headers/ab.h").unwrap(), at("usr/include/a_b/ab.h"));
        assert_eq!(place("a_b-1.data/scripts/").unwrap(), Place::Outside);
        assert_eq!(reason(place("a_b-1.data/etc/x")), "has an unusable path: a wheel's data has no such part");
        assert_eq!(reason(place("a_b-1.data/data/../../x")), "has an unusable path: it has a `..` component");
        assert!(Layout::Wheel.is_script(b"a_b-1.data/scripts/ab") && !Layout::Wheel.is_script(b"a_b-1.data/data/x"));
        assert!(!SOURCE.is_script(b"a_b-1.data/scripts/ab"));
    }

    #[test]
    fn a_target_may_climb_to_the_root_and_no_further() {
        let link = RelPath::new("a/b/link").unwrap();
        let inside = |target: &str| SOURCE.target(&link, target.as_bytes()).map(|(_, kind)| kind);
        assert_eq!(inside("../../x").unwrap(), Target::Inside);
        assert_eq!(inside("..").unwrap(), Target::Inside);
        assert_eq!(inside("c/../../x").unwrap(), Target::Winding);
        assert_eq!(reason(inside("../../../x")), "is a link to `../../../x`, which is unusable: it leaves the archive");
        assert_eq!(reason(inside("c/../../../../a/b")), {
            "is a link to `c/../../../../a/b`, which is unusable: it leaves the archive"
        });
        assert_eq!(reason(inside("/etc/x")), "is a link to `/etc/x`, which is unusable: it is absolute");
        assert_eq!(reason(inside("")), "is a link to ``, which is unusable: it is empty");
    }

    #[test]
    fn a_package_resolves_absolute_targets_from_its_root() {
        let link = RelPath::new("usr/bin/awk").unwrap();
        let (text, kind) = Layout::Package.target(&link, b"/etc/alternatives/awk").unwrap();
        assert_eq!((text.as_str(), kind), ("/etc/alternatives/awk", Target::Inside));
        assert_eq!(
            reason(Layout::Package.target(&link, b"/../x")),
            "is a link to `/../x`, which is unusable: it leaves the archive"
        );
    }
}
