//! What somebody names, as a location with a name and a version.

use std::sync::OnceLock;

use regex::Regex;

use crate::cli::failure::Failure;
use crate::cli::network::Network;
use crate::fetch;
use crate::recipe::{Location, Match, Shelf, Template, version};

/// Where a new recipe's source comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The location as a recipe writes it.
    pub url: String,
    /// What Debian has put behind the version, if it has repacked it.
    pub repacked: String,
}

impl Origin {
    /// Reads what somebody names; asks where versions are listed, if it has none. There may be several: the next is for
    /// when the one before is listed, and not there.
    pub fn of(what: &str, release: Option<&str>, network: &Network) -> Result<Vec<Self>, Failure> {
        if let Some(name) = what.strip_prefix("crate:") {
            return Ok(vec![match name.split_once('/') {
                Some((name, version)) => Self::of_crate(name, version),
                None => Self::of_crate(name, &newest_crate(name, network)?),
            }]);
        }
        if what.contains(':') {
            what.parse::<Location>().map_err(|error| Failure::user(error.to_string(), String::new()))?;
            return Self::of_location(what, release).map(|origin| vec![origin]).ok_or_else(|| {
                Failure::user(
                    format!("{what} does not say which version it is"),
                    "say it: --release VERSION, and perhaps --name NAME".to_owned(),
                )
            });
        }
        Self::in_pool(what, network)
    }

    /// Its location with the version in it.
    pub fn location(&self) -> Result<Location, Failure> {
        let location = self.url.replace("{version}", &self.version);
        location.parse().map_err(|error| Failure::user(format!("{error}"), "write it as it is downloaded".to_owned()))
    }

    /// What people call the file.
    pub fn label(&self) -> String {
        let url = self.url.replace("{version}", &self.version);
        url.rsplit(['/', ':']).next().unwrap_or_default().to_owned()
    }

    fn of_crate(name: &str, version: &str) -> Self {
        let url = format!("crate:{name}/{{version}}");
        Self { name: named(name), version: version.to_owned(), url, repacked: String::new() }
    }

    /// By the file's name, or for one that is only a version by the directories above it.
    fn of_location(text: &str, release: Option<&str>) -> Option<Self> {
        static PATTERN: OnceLock<Regex> = OnceLock::new();
        let pattern = PATTERN.get_or_init(|| {
            let pattern = r"^(?:(?P<name>[A-Za-z][\w+.-]*?)[-_])?[vV]?(?P<version>[0-9][\w.+~-]*?)(?:\.orig)?\.(?:tar(?:\.\w+)?|t[gx]z|tbz2?|zip|crate)$";
            Regex::new(pattern).expect("the pattern is valid")
        });
        let file = text.rsplit(['/', ':']).next()?;
        let found = pattern.captures(file);
        let own = found.as_ref().and_then(|found| found.name("name")).map(|name| name.as_str().to_owned());
        let full = release.or_else(|| Some(found.as_ref()?.name("version")?.as_str()))?;
        let (version, repacked) = match text.starts_with("debian:") {
            true => version::without_repacking(full),
            false => (full, ""),
        };
        let own = own.filter(|name| name != "v").or_else(|| project(text)).or_else(|| {
            let stem = file.split(['-', '_', '.']).next()?;
            stem.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| stem.to_owned())
        })?;
        Some(Self {
            name: named(&own),
            version: version.to_owned(),
            url: with_hole(text, version),
            repacked: repacked.to_owned(),
        })
    }

    /// The releases of a source package, the newest first.
    fn in_pool(name: &str, network: &Network) -> Result<Vec<Self>, Failure> {
        let prefix = match name.strip_prefix("lib").and_then(|rest| rest.chars().next()) {
            Some(letter) => format!("lib{letter}"),
            None => name.chars().take(1).collect(),
        };
        let text = format!("debian:pool/main/{prefix}/{name}/{name}_{{version}}.orig.tar.xz");
        let template = Template::read(&text, "0").expect("the text has a place for the version");
        let listed = network.wait(fetch::list(template.shelf(), &network.mirrors, &network.client));
        let listed = listed.map_err(|refusal| unknown(name, &refusal.brief()))?;
        let matches = listed.iter().filter_map(|listed| template.fit(&listed.name));
        let mut released: Vec<Match> = matches.filter(|found| version::is_release(&found.spelled)).collect();
        let rank = |found: &Match| (!found.repacked.is_empty(), template.distance(found));
        released.sort_by(|one, other| {
            version::compare(&other.spelled, &one.spelled).then_with(|| rank(one).cmp(&rank(other)))
        });
        if released.is_empty() {
            return Err(unknown(name, &format!("{} lists no release", template.shelf())));
        }
        let origin = |found: Match| Self {
            name: named(name),
            version: found.spelled.clone(),
            url: template.at_match(&found),
            repacked: found.repacked,
        };
        Ok(released.into_iter().map(origin).collect())
    }
}

fn unknown(name: &str, why: &str) -> Failure {
    Failure::found(
        format!("{name} was looked for in the Debian archive and not found: {why}"),
        &format!("name the source itself: drystone new https://…/{name}-VERSION.tar.gz"),
    )
}

fn newest_crate(name: &str, network: &Network) -> Result<String, Failure> {
    let shelf = Shelf::Crate(name.to_owned());
    let listed = network.wait(fetch::list(&shelf, &network.mirrors, &network.client));
    let why = |why: String| Failure::found(format!("crate:{name}: {why}"), "name its version: crate:NAME/VERSION");
    let listed = listed.map_err(|refusal| why(refusal.brief()))?;
    let released = listed.into_iter().map(|listed| listed.name).filter(|version| version::is_release(version));
    released.max_by(|one, other| version::compare(one, other)).ok_or_else(|| why("it has no release".to_owned()))
}

/// A name that a recipe can have.
fn named(name: &str) -> String {
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '_' | '.');
    name.to_lowercase().chars().filter(|c| usable(*c)).collect()
}

/// The project that forges name above their archives: `…/OWNER/PROJECT/archive/v1.2.tar.gz`.
fn project(url: &str) -> Option<String> {
    let parts: Vec<&str> = url.split('/').collect();
    let at = parts.iter().position(|part| matches!(*part, "archive" | "releases" | "-"))?;
    parts.get(at.checked_sub(1)?).map(|part| (*part).to_owned())
}

/// The location with a hole for the version: everywhere, or for a version that is but a number at its last place.
fn with_hole(text: &str, version: &str) -> String {
    if version.contains('.') {
        // Not in the host's name.
        let start = text.find("://").and_then(|at| text[at + 3..].find('/').map(|slash| at + 3 + slash)).unwrap_or(0);
        return format!("{}{}", &text[..start], text[start..].replace(version, "{version}"));
    }
    match text.rfind(version) {
        Some(at) => format!("{}{{version}}{}", &text[..at], &text[at + version.len()..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_says_what_it_is() {
        for (text, name, version, url) in [
            (
                "https://example.org/gnu/hello/hello-2.12.tar.gz",
                "hello",
                "2.12",
                "https://example.org/gnu/hello/hello-{version}.tar.gz",
            ),
            (
                "https://example.org/jqlang/jq/releases/download/jq-1.8.2/jq-1.8.2.tar.gz",
                "jq",
                "1.8.2",
                "https://example.org/jqlang/jq/releases/download/jq-{version}/jq-{version}.tar.gz",
            ),
            (
                "https://example.org/Owner/xxHash/archive/refs/tags/v0.8.3.tar.gz",
                "xxhash",
                "0.8.3",
                "https://example.org/Owner/xxHash/archive/refs/tags/v{version}.tar.gz",
            ),
            (
                "debian:pool/main/u/util-linux/util-linux_2.41.5.orig.tar.xz",
                "util-linux",
                "2.41.5",
                "debian:pool/main/u/util-linux/util-linux_{version}.orig.tar.xz",
            ),
            (
                "debian:pool/main/t/tar/tar_1.35+dfsg.orig.tar.xz",
                "tar",
                "1.35",
                "debian:pool/main/t/tar/tar_{version}+dfsg.orig.tar.xz",
            ),
            ("https://example.org/less-668.tar.gz", "less", "668", "https://example.org/less-{version}.tar.gz"),
        ] {
            let origin = Origin::of_location(text, None).unwrap();
            assert_eq!((origin.name.as_str(), origin.version.as_str(), origin.url.as_str()), (name, version, url));
        }
        assert_eq!(Origin::of_location("https://example.org/zip30.tar.gz", None), None);
        let named = Origin::of_location("https://example.org/zip30.tar.gz", Some("3.0")).unwrap();
        assert_eq!((named.name.as_str(), named.url.as_str()), ("zip30", "https://example.org/zip30.tar.gz"));
    }
}
