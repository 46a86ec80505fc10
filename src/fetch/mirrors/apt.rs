//! Debian archives among apt's sources: `sources.list`, `sources.list.d/*.list` and `*.sources` (sources.list(5)).
//!
//! Knows no archive by its host. An entry is taken for a Debian archive when its suite is one of Debian's and its
//! components are Debian's; a wrong guess costs a 404, for every file is verified. Archives that only carry security
//! updates come last, and those without `debian` in their URL after those with it.

use std::path::{Path, PathBuf};

use super::apt_conf::AptConf;
use super::{files_with_ending, words};
use crate::fetch::error::ConfigError;
use crate::fs;
use crate::http::Route;

/// One archive of an entry: apt reads an entry as the product of its URIs and suites.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    uri: String,
    suites: Vec<String>,
    components: Vec<String>,
}

/// The bases of Debian archives that apt uses, best first, and how apt's proxies reach them.
pub(super) fn bases(apt: &Path, root: &Path) -> Result<(Vec<String>, Vec<Route>), ConfigError> {
    let mut entries = Vec::new();
    let lists = files_with_ending(&apt.join("sources.list.d"), "list")?;
    for path in [apt.join("sources.list")].into_iter().chain(lists) {
        entries.extend(one_line_entries(&fs::read_if_exists(&path)?.unwrap_or_default()));
    }
    for path in files_with_ending(&apt.join("sources.list.d"), "sources")? {
        entries.extend(deb822_entries(&fs::read_if_exists(&path)?.unwrap_or_default()));
    }

    let mut ranked: Vec<(u8, String)> = Vec::new();
    for entry in entries.iter().filter(|entry| is_debian(entry)) {
        for base in archives(&entry.uri, root)? {
            let rank = rank(&base, entry);
            match ranked.iter_mut().find(|(_, known)| *known == base) {
                Some((known, _)) => *known = rank.min(*known),
                None => ranked.push((rank, base)),
            }
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    let bases: Vec<String> = ranked.into_iter().map(|(_, base)| base).collect();
    let conf = AptConf::read(apt)?;
    let routes = bases.iter().filter_map(|base| route(base, &conf)).collect();
    Ok((bases, routes))
}

/// `deb [ arch=amd64 signed-by=/x ] URI SUITE COMPONENT…`
fn one_line_entries(text: &str) -> Vec<Entry> {
    let entry = |line: &str| {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (kind, rest) = line.split_once(char::is_whitespace)?;
        let rest = match rest.trim_start().strip_prefix('[') {
            Some(options) => options.split_once(']')?.1,
            None => rest,
        };
        let mut words = words(rest).into_iter();
        let (uri, suite) = (words.next()?, words.next()?);
        matches!(kind, "deb" | "deb-src").then(|| Entry { uri, suites: vec![suite], components: words.collect() })
    };
    text.lines().filter_map(entry).collect()
}

/// Paragraphs of `Field: value`, continued on lines that begin with a space (deb822(5)).
fn deb822_entries(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')).chain([""]) {
        if line.trim().is_empty() {
            entries.extend(paragraph_entries(&std::mem::take(&mut fields)));
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_lowercase(), value.to_owned()));
        }
    }
    entries
}

fn paragraph_entries(fields: &[(String, String)]) -> Vec<Entry> {
    let values = |name: &str| {
        let found = fields.iter().find(|(field, _)| field == name);
        found.map_or_else(Vec::new, |(_, value)| words(value))
    };
    // apt's own words for no.
    let disabled = values("enabled")
        .iter()
        .any(|word| ["no", "false", "without", "off", "disable", "0"].contains(&word.to_lowercase().as_str()));
    let is_archive = values("types").iter().any(|kind| kind == "deb" || kind == "deb-src");
    if disabled || !is_archive {
        return Vec::new();
    }
    let entry = |uri| Entry { uri, suites: values("suites"), components: values("components") };
    values("uris").into_iter().map(entry).collect()
}

/// Names of Debian's distributions; a release that is missing here costs only the automatic choice of its mirror.
const DISTRIBUTIONS: &[&str] = &[
    "stable",
    "testing",
    "unstable",
    "oldstable",
    "oldoldstable",
    "sid",
    "experimental",
    "stretch",
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
];

fn is_debian(entry: &Entry) -> bool {
    let of_debian = |suite: &String| {
        let (name, rest) = match suite.find(['-', '/']) {
            Some(at) => suite.split_at(at),
            None => (suite.as_str(), ""),
        };
        let pockets = ["", "-updates", "-security", "/updates", "-backports", "-backports-sloppy", "-proposed-updates"];
        DISTRIBUTIONS.contains(&name) && pockets.contains(&rest)
    };
    let component = |name: &String| ["main", "contrib", "non-free", "non-free-firmware"].contains(&name.as_str());
    entry.suites.iter().any(of_debian)
        && entry.components.iter().any(|name| name == "main")
        && entry.components.iter().all(component)
}

fn rank(base: &str, entry: &Entry) -> u8 {
    let security = |suite: &String| suite.ends_with("-security") || suite.ends_with("/updates");
    if entry.suites.iter().all(security) {
        2
    } else if base.contains("debian") {
        0
    } else {
        1
    }
}

/// The archives that a URI stands for: itself, or those of its local mirror list; none when we do not speak its scheme.
fn archives(uri: &str, root: &Path) -> Result<Vec<String>, ConfigError> {
    if let Some(list) = uri.strip_prefix("mirror+file:") {
        let path = below(root, list);
        return Ok(mirror_list(&fs::read_if_exists(&path)?.unwrap_or_default()));
    }
    Ok(archive(uri).into_iter().collect())
}

fn archive(uri: &str) -> Option<String> {
    let uri = uri.trim_end_matches('/');
    let local = uri.strip_prefix("file:").or_else(|| uri.strip_prefix("copy:"));
    match local {
        Some(path) => Some(format!("file:///{}", path.trim_start_matches('/'))),
        None => ["http://", "https://"].iter().any(|scheme| uri.starts_with(scheme)).then(|| uri.to_owned()),
    }
}

/// Lines of a URI and, after a tab, such facts as `priority:1`; the lowest goes first (apt-transport-mirror(1)).
fn mirror_list(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut mirrors: Vec<(u32, String)> = lines
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let base = archive(words.next()?)?;
            let priority = words.find_map(|word| word.strip_prefix("priority:")?.parse().ok());
            Some((priority.unwrap_or(u32::MAX), base))
        })
        .collect();
    mirrors.sort_by_key(|(priority, _)| *priority);
    mirrors.into_iter().map(|(_, base)| base).collect()
}

fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn route(base: &str, conf: &AptConf) -> Option<Route> {
    let (scheme, rest) = base.split_once("://")?;
    let authority = rest.split('/').next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    let proxy = conf.proxy(scheme, host).filter(|_| scheme != "file")?;
    // apt also speaks SOCKS, which we do not: then the environment decides.
    let is_simple = |proxy: &String| proxy.starts_with("http://") || proxy.starts_with("https://");
    if !proxy.as_ref().is_none_or(is_simple) {
        return None;
    }
    Some(Route { prefix: format!("{base}/"), proxy })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(uri: &str, suites: &[&str], components: &[&str]) -> Entry {
        let owned = |words: &[&str]| words.iter().map(|word| word.to_string()).collect();
        Entry { uri: uri.to_owned(), suites: owned(suites), components: owned(components) }
    }

    #[test]
    fn one_line_entries_are_read_with_their_options_and_comments() {
        let text = "\
# deb http://old.example.org/debian bookworm main
deb http://deb.example.org/debian/ bookworm main contrib # the archive
deb-src [ arch=amd64,arm64 signed-by=/usr/share/keyrings/x.gpg ] https://deb.example.org/debian sid main

rpm http://deb.example.org/debian bookworm main
deb http://deb.example.org/incomplete
deb [ open http://deb.example.org/debian bookworm main
";
        let expected = [
            entry("http://deb.example.org/debian/", &["bookworm"], &["main", "contrib"]),
            entry("https://deb.example.org/debian", &["sid"], &["main"]),
        ];
        assert_eq!(one_line_entries(text), expected);
    }

    #[test]
    fn deb822_entries_are_read_with_continuations_comments_and_enabled() {
        let text = "\
Types: deb deb-src
# a comment within
URIs: http://deb.example.org/debian
  http://two.example.org/debian
suites: bookworm
\tbookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: No
Types: deb
URIs: http://off.example.org/debian
Suites: bookworm
Components: main
";
        let suites = ["bookworm", "bookworm-updates"];
        let expected = [
            entry("http://deb.example.org/debian", &suites, &["main"]),
            entry("http://two.example.org/debian", &suites, &["main"]),
        ];
        assert_eq!(deb822_entries(text), expected);
    }

    #[test]
    fn only_debians_own_archives_are_taken() {
        for (suite, component, taken) in [
            ("bookworm", "main", true),
            ("trixie-security", "main", true),
            ("buster/updates", "main", true),
            ("bookworm-pgdg", "main", false),
            ("jammy", "main", false),
            ("nodistro", "main", false),
            ("bookworm", "stable", false),
            ("bookworm", "main stable", false),
            ("cloud-sdk-bookworm", "main", false),
            ("./", "", false),
        ] {
            let components: Vec<&str> = component.split_whitespace().collect();
            assert_eq!(is_debian(&entry("http://x.example.org", &[suite], &components)), taken, "{suite} {component}");
        }
    }

    #[test]
    fn the_security_archive_comes_last_and_unnamed_archives_before_it() {
        let root = tempfile::tempdir().unwrap();
        let apt = root.path().join("etc/apt");
        fs::create_dir_all(&apt.join("sources.list.d")).unwrap();
        fs::create_dir_all(&apt.join("apt.conf.d")).unwrap();
        let list = "\
deb http://deb.example.org/debian-security bookworm-security main
deb http://cache.example.org/repository/ bookworm main
deb mirror+file:/etc/apt/mirrors.txt bookworm main
deb cdrom:[disc]/ bookworm main
";
        fs::write(&apt.join("sources.list"), list).unwrap();
        fs::write(&apt.join("sources.list.d/a.list"), "deb file:/srv/debian sid main\n").unwrap();
        fs::write(&apt.join("sources.list.d/a.list.save"), "deb http://no.example.org/debian sid main\n").unwrap();
        let mirrors = "http://b.example.org/debian\tpriority:2\n#\nhttp://a.example.org/debian/\tpriority:1\n";
        fs::write(&apt.join("mirrors.txt"), mirrors).unwrap();
        let conf = "Acquire::http::Proxy { a.example.org \"http://proxy.example.org:3128\"; \
                    b.example.org \"socks5h://proxy.example.org\"; };";
        fs::write(&apt.join("apt.conf.d/50proxy"), conf).unwrap();
        let (bases, routes) = bases(&apt, root.path()).unwrap();
        let expected = [
            "http://a.example.org/debian",
            "http://b.example.org/debian",
            "file:///srv/debian",
            "http://cache.example.org/repository",
            "http://deb.example.org/debian-security",
        ];
        assert_eq!(bases, expected);
        let proxy = Some("http://proxy.example.org:3128".to_owned());
        assert_eq!(routes, [Route { prefix: "http://a.example.org/debian/".to_owned(), proxy }]);
    }
}
