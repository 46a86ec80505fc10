//! A location with a hole for the version: where versions of it are listed, which of the listed names fit, and what
//! the location of another version is.
//!
//! Most recipes write `{version}` for the hole. Where upstream spells the version in another way (`6.5-20250216` for
//! 6.5+20250216), the hole is found by the version's numbers, and other versions are spelled alike. Pure: knows
//! nothing of how a list is had.

use std::fmt;

use super::version::without_repacking;

const HOLE: &str = "{version}";
/// How archives end that can be unpacked; the first are preferred.
const ENDINGS: [&str; 7] = [".tar.xz", ".tar.zst", ".tar.gz", ".tgz", ".tar.bz2", ".zip", ".crate"];

/// Where names of other versions may be listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shelf {
    /// The page of a directory; its address ends with a slash.
    Url(String),
    /// A directory of a Debian archive.
    Debian(String),
    /// A crate's page in the registry's index.
    Crate(String),
    /// A project's page in a Python index.
    Pypi(String),
}

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url}"),
            Self::Debian(path) => write!(f, "debian:{path}"),
            Self::Crate(name) => write!(f, "crate:{name}"),
            Self::Pypi(project) => write!(f, "pypi:{project}"),
        }
    }
}

/// A location with its hole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As the recipe writes it.
    text: String,
    shelf: Shelf,
    /// What stands in the place of the hole now.
    spelled: String,
    /// The recipe's version.
    version: String,
    /// What a listed name has before the version.
    before: String,
    /// What it has after it: what Debian has put there, then what every version has, then the ending.
    after: (String, String, String),
}

/// A listed name that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The version in the recipe's spelling; `None` for a crate whose version is not that of what it holds.
    pub version: Option<String>,
    /// The version as it is listed.
    pub spelled: String,
    /// What Debian has put behind it: the archive is not upstream's.
    pub repacked: String,
    ending: String,
}

impl Template {
    /// Reads a location as a recipe writes it; `None` where the version is not in it.
    pub fn read(text: &str, version: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let spelled = if text.contains(HOLE) {
            HOLE.to_owned()
        } else if scheme == "crate" {
            rest.split_once('/')?.1.to_owned()
        } else {
            spelling(rest, version)?
        };
        // The first part of the path that has the hole: what stands before it is the same for all versions.
        let at = text.find(&spelled)?;
        let start = text[..at].rfind('/')? + 1;
        let end = text[at..].find('/').map_or(text.len(), |length| at + length);
        let directory = &text[scheme.len() + 1..start];
        let after = &text[at + spelled.len()..end];
        if after.contains(&spelled) {
            return None;
        }
        let plain = directory.trim_end_matches('/').to_owned();
        let shelf = match scheme {
            "http" | "https" | "file" if directory.len() > "//".len() => Shelf::Url(text[..start].to_owned()),
            "debian" => Shelf::Debian(plain),
            "crate" => Shelf::Crate(plain),
            "pypi" => Shelf::Pypi(plain),
            _ => return None,
        };
        Some(Self {
            text: text.to_owned(),
            shelf,
            version: version.to_owned(),
            before: text[start..at].to_owned(),
            after: split_after(after),
            spelled: if spelled == HOLE { version.to_owned() } else { spelled },
        })
    }

    /// Where other versions may be listed.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// What a name on the shelf says of the version, if it fits.
    pub fn fit(&self, name: &str) -> Option<Match> {
        let name = name.trim_end_matches('/');
        let (repacked, plain, ending) = &self.after;
        let rest = name.strip_prefix(self.before.as_str())?;
        let (rest, ending) = match ENDINGS.iter().find(|known| !ending.is_empty() && rest.ends_with(*known)) {
            Some(found) => (&rest[..rest.len() - found.len()], *found),
            None => (rest.strip_suffix(ending.as_str())?, ending.as_str()),
        };
        let full = rest.strip_suffix(plain.as_str())?;
        let (spelled, found) = if self.is_crate() { (full, "") } else { without_repacking(full) };
        // What the recipe's own version has behind it is the version's: `1.0+ds` may be what upstream calls it.
        let (spelled, found) = if repacked.is_empty() && !without_repacking(&self.spelled).1.is_empty() {
            (full, "")
        } else {
            (spelled, found)
        };
        let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '~' | '_');
        if !spelled.starts_with(|c: char| c.is_ascii_digit()) || !spelled.chars().all(usable) {
            return None;
        }
        Some(Match {
            version: self.version_of(spelled),
            spelled: spelled.to_owned(),
            repacked: found.to_owned(),
            ending: ending.to_owned(),
        })
    }

    /// Whether a listed archive is as far from upstream's as the recipe's is.
    pub fn is_alike(&self, found: &Match) -> bool {
        self.after.0.is_empty() == found.repacked.is_empty()
    }

    /// How well a listed archive's form fits: less is better.
    pub fn distance(&self, found: &Match) -> usize {
        let own = usize::from(found.ending != self.after.2);
        own * (1 + ENDINGS.iter().position(|ending| *ending == found.ending).unwrap_or(ENDINGS.len()))
    }

    /// The location of a version, as a recipe with that version would write it.
    pub fn at(&self, version: &str) -> String {
        let spelled = respelled(&self.version, &self.spelled, version);
        if self.text.contains(HOLE) { self.text.clone() } else { self.text.replace(&self.spelled, &spelled) }
    }

    /// The location of a name that was found, as a recipe with its version would write it.
    pub fn at_match(&self, found: &Match) -> String {
        let (repacked, plain, ending) = &self.after;
        let text = match self.text.contains(HOLE) {
            true => self.text.clone(),
            false => self.text.replace(&self.spelled, &found.spelled),
        };
        let (old, new) = (format!("{repacked}{plain}{ending}"), format!("{}{plain}{}", found.repacked, found.ending));
        match text.strip_suffix(&old) {
            Some(start) if old != new => format!("{start}{new}"),
            _ => text,
        }
    }

    /// What stands in the place of the hole now.
    pub fn spelled(&self) -> &str {
        &self.spelled
    }

    fn is_crate(&self) -> bool {
        matches!(self.shelf, Shelf::Crate(_))
    }

    fn version_of(&self, spelled: &str) -> Option<String> {
        if self.spelled == self.version {
            return Some(spelled.to_owned());
        }
        if self.is_crate() {
            // The version of what a crate wraps often stands behind its own: 300.6.1+3.6.3.
            let wrapped = |text: &str| text.split_once('+').map(|(_, wrapped)| wrapped.to_owned());
            return if wrapped(&self.spelled).as_ref() == Some(&self.version) { wrapped(spelled) } else { None };
        }
        Some(respelled(&self.spelled, &self.version, spelled))
    }
}

/// How a text spells a version: the same numbers and letters in the same order, each after a sign.
fn spelling(text: &str, version: &str) -> Option<String> {
    let parts: Vec<&str> = version.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let starts = text.match_indices(parts[0]).map(|(at, _)| at);
    let free = |at: &usize| !text[..*at].ends_with(|c: char| c.is_ascii_digit() || c == '.');
    starts.filter(free).find_map(|at| {
        let mut end = at + parts[0].len();
        for part in &parts[1..] {
            let rest = &text[end..];
            let sign = rest.chars().next().filter(|c| matches!(c, '.' | '-' | '+' | '~' | '_'))?;
            rest[sign.len_utf8()..].strip_prefix(part)?;
            end += sign.len_utf8() + part.len();
        }
        // A single number may be anything.
        let ends = parts.len() > 1 && !text[end..].starts_with(|c: char| c.is_ascii_digit());
        ends.then(|| text[at..end].to_owned())
    })
}

/// A version with its signs exchanged as they differ between two spellings of another one.
fn respelled(from: &str, to: &str, version: &str) -> String {
    let signs = |text: &str| text.chars().filter(|c| !c.is_ascii_alphanumeric()).collect::<Vec<_>>();
    let (from, to) = (signs(from), signs(to));
    if from.len() != to.len() {
        return version.to_owned();
    }
    let mut pairs = from.into_iter().zip(to);
    let exchange = |c: char| match c.is_ascii_alphanumeric() {
        true => c,
        false => pairs.next().filter(|(from, _)| *from == c).map_or(c, |(_, to)| to),
    };
    version.chars().map(exchange).collect()
}

/// What Debian has put behind the version, what every version has there, and the archive's ending.
fn split_after(after: &str) -> (String, String, String) {
    let ending = ENDINGS.into_iter().find(|ending| after.ends_with(ending)).unwrap_or_default();
    let rest = &after[..after.len() - ending.len()];
    // `+dfsg.orig`: what is put there is one word.
    let (word, plain) = rest.split_at(rest.rfind(".orig").unwrap_or(rest.len()));
    let (kept, repacked) = without_repacking(word);
    match kept.is_empty() {
        true => (repacked.to_owned(), plain.to_owned(), ending.to_owned()),
        false => (String::new(), rest.to_owned(), ending.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(url: &str, version: &str, names: &[&str]) -> Vec<String> {
        let template = Template::read(url, version).unwrap();
        let fits = names.iter().filter_map(|name| template.fit(name));
        fits.map(|found| format!("{}{}", found.version.unwrap(), found.repacked)).collect()
    }

    #[test]
    fn a_pool_directory_holds_more_than_upstreams_archives() {
        let names = [
            "sed_4.9-2.debian.tar.xz",
            "sed_4.9-2_amd64.deb",
            "sed_4.9.orig.tar.xz",
            "sed_4.9.orig.tar.xz.asc",
            "sed_4.10.orig.tar.gz",
            "sed_4.11+dfsg1.orig.tar.xz",
            "sed_4.9.orig-testsuite.tar.xz",
            "sed-udeb_4.9.orig.tar.xz",
            "../",
        ];
        let url = "debian:pool/main/s/sed/sed_{version}.orig.tar.xz";
        assert_eq!(versions(url, "4.9", &names), ["4.9", "4.10", "4.11+dfsg1"]);
        let template = Template::read(url, "4.9").unwrap();
        assert_eq!(template.shelf(), &Shelf::Debian("pool/main/s/sed".into()));
        let at = |name: &str| template.at_match(&template.fit(name).unwrap());
        assert_eq!(at("sed_4.11.orig.tar.xz"), url);
        assert_eq!(at("sed_4.10.orig.tar.gz"), "debian:pool/main/s/sed/sed_{version}.orig.tar.gz");
        assert!(!template.is_alike(&template.fit("sed_4.11+dfsg1.orig.tar.xz").unwrap()));
    }

    #[test]
    fn a_repacked_archive_is_followed_by_its_like() {
        let url = "debian:pool/main/libz/libzstd/libzstd_{version}+dfsg.orig.tar.xz";
        let template = Template::read(url, "1.5.7").unwrap();
        let found = template.fit("libzstd_1.5.8+dfsg2.orig.tar.xz").unwrap();
        assert_eq!((found.version.as_deref(), found.repacked.as_str()), (Some("1.5.8"), "+dfsg2"));
        assert!(template.is_alike(&found));
        assert_eq!(template.at_match(&found), "debian:pool/main/libz/libzstd/libzstd_{version}+dfsg2.orig.tar.xz");
        assert!(!template.is_alike(&template.fit("libzstd_1.5.8.orig.tar.xz").unwrap()));
        let url = "debian:pool/main/z/zlib/zlib_1.3.dfsg+really{version}.orig.tar.gz";
        assert_eq!(versions(url, "1.3.1", &["zlib_1.3.dfsg+really1.3.2.orig.tar.gz"]), ["1.3.2"]);
    }

    #[test]
    fn a_directory_for_each_version_is_looked_for_where_they_all_are() {
        let url = "https://example.org/dl/lz4/v{version}/lz4-{version}.tar.gz";
        let template = Template::read(url, "1.10.0").unwrap();
        assert_eq!(template.shelf(), &Shelf::Url("https://example.org/dl/lz4/".into()));
        assert_eq!(versions(url, "1.10.0", &["v1.10.1/", "v1.11.0", "latest/"]), ["1.10.1", "1.11.0"]);
        assert_eq!(template.at_match(&template.fit("v1.11.0/").unwrap()), url);
    }

    #[test]
    fn another_spelling_is_kept() {
        let url = "https://example.org/current/ncurses-6.5-20250216.tgz";
        let template = Template::read(url, "6.5+20250216").unwrap();
        let found = template.fit("ncurses-6.6-20260101.tgz").unwrap();
        assert_eq!(found.version.as_deref(), Some("6.6+20260101"));
        assert_eq!(template.at_match(&found), "https://example.org/current/ncurses-6.6-20260101.tgz");
        assert_eq!(template.at("6.6+20260101"), "https://example.org/current/ncurses-6.6-20260101.tgz");
        let quickjs = Template::read("https://example.org/quickjs-2025-04-26.tar.xz", "2025.04.26").unwrap();
        assert_eq!(quickjs.fit("quickjs-2026-01-02.tar.xz").unwrap().version.as_deref(), Some("2026.01.02"));
        assert_eq!(Template::read("https://example.org/zip30.tar.gz", "3.0"), None);
        assert_eq!(Template::read("https://example.org/glibc-2.41.tar.xz", "2026b"), None);
    }

    #[test]
    fn a_crates_version_may_be_its_own() {
        let plain = Template::read("crate:ripgrep/{version}", "14.1.0").unwrap();
        assert_eq!(plain.shelf(), &Shelf::Crate("ripgrep".into()));
        assert_eq!(plain.fit("15.0.0").unwrap().version.as_deref(), Some("15.0.0"));
        let wrapping = Template::read("crate:openssl-src/300.6.1+3.6.3", "3.6.3").unwrap();
        let found = wrapping.fit("300.7.0+3.7.0").unwrap();
        assert_eq!(found.version.as_deref(), Some("3.7.0"));
        assert_eq!(wrapping.at_match(&found), "crate:openssl-src/300.7.0+3.7.0");
        let own = Template::read("crate:sqlite3-src/0.7.1", "3.49.1").unwrap();
        assert_eq!(own.fit("0.8.0").unwrap().version, None);
    }
}
