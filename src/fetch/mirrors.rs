//! [`Mirrors`]: where this host finds Debian's archive, cargo's registry, a proxy of Go's modules and a Python index.
//!
//! No host is known here. For each kind the first of these that names one decides, and the others are not asked:
//! the environment (`DRYSTONE_MIRROR_DEBIAN`, `DRYSTONE_MIRROR_CRATES`, `DRYSTONE_MIRROR_GO`, `DRYSTONE_MIRROR_PYPI`:
//! bases separated by spaces), the user's `drystone/config.toml`, and what the host's own clients ([`apt`], [`cargo`],
//! [`go`], [`pip`]) use.
//! A mirror needs no trust: what it gives is verified by digest.

mod apt;
mod apt_conf;
mod cargo;
mod go;
mod pip;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::error::{ConfigError, Refusal};
use super::index::{Address, CrateFile, SparseIndex, normalized};
use super::suites::SourceIndex;
use crate::digest::Sha256;
use crate::fs;
use crate::http::Route;
use crate::recipe::{Location, Shelf};

/// The environment as a function, so that tests give their own.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The bases of the mirror forms, in the order in which they are tried.
#[derive(Debug, Clone, Default)]
pub struct Mirrors {
    debian: Vec<Archive>,
    crates: Vec<Registry>,
    /// Indexes that list crates which others give.
    crate_lists: Vec<Arc<SparseIndex>>,
    go: Vec<String>,
    pypi: Vec<String>,
    routes: Vec<Route>,
    config_file: Option<PathBuf>,
}

/// A Debian archive.
#[derive(Debug, Clone)]
struct Archive {
    base: String,
    sources: Arc<SourceIndex>,
}

impl Archive {
    fn new(base: &str) -> Self {
        let base = base_url(base);
        Self { sources: Arc::new(SourceIndex::new(&base)), base }
    }
}

/// Where crates come from.
#[derive(Debug, Clone)]
enum Registry {
    /// A download template, as `dl` in an index's `config.json`.
    Template(String),
    /// An index that has to be asked for its template.
    Sparse(Arc<SparseIndex>),
}

impl Registry {
    fn new(text: &str) -> Self {
        match text.strip_prefix("sparse+") {
            Some(index) => Self::Sparse(Arc::new(SparseIndex::new(index))),
            None => Self::Template(base_url(text)),
        }
    }
}

/// The user's own configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    mirrors: Bases,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Bases {
    debian: Vec<String>,
    crates: Vec<String>,
    go: Vec<String>,
    pypi: Vec<String>,
}

impl Mirrors {
    /// The mirrors that a host's environment and files name. `root` is `/`, or a directory that stands for it.
    ///
    /// # Errors
    /// When a configuration file is there and cannot be read or is not TOML where it should be.
    pub fn from_host(env: Environment<'_>, root: &Path) -> Result<Self, ConfigError> {
        let home = env("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let config_home = directory(env, "XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|home| home.join(".config")));
        let config_file = config_home.as_ref().map(|home| home.join("drystone/config.toml"));
        let Config { mirrors: Bases { debian, crates, go, pypi } } = match &config_file {
            Some(path) => read_toml(path)?.unwrap_or_default(),
            None => Config::default(),
        };
        let chosen = |variable: &str, configured: Vec<String>| {
            let from_env: Vec<String> = words(env(variable).as_deref().unwrap_or_default());
            Some(if from_env.is_empty() { configured } else { from_env }).filter(|bases| !bases.is_empty())
        };

        let (debian, routes) = match chosen("DRYSTONE_MIRROR_DEBIAN", debian) {
            Some(bases) => (bases, Vec::new()),
            None => apt::bases(&root.join("etc/apt"), root)?,
        };
        let (crates, crate_lists) = match chosen("DRYSTONE_MIRROR_CRATES", crates) {
            Some(bases) => (bases, Vec::new()),
            None => match directory(env, "CARGO_HOME").or_else(|| home.as_ref().map(|home| home.join(".cargo"))) {
                Some(cargo_home) => (cargo::registries(&cargo_home)?, cargo::indexes(&cargo_home)?),
                None => (Vec::new(), Vec::new()),
            },
        };
        let go = match chosen("DRYSTONE_MIRROR_GO", go) {
            Some(bases) => bases,
            None => go::proxies(env, config_home.as_deref())?,
        };
        let pypi = match chosen("DRYSTONE_MIRROR_PYPI", pypi) {
            Some(bases) => bases,
            None => pip::indexes(env, home.as_deref(), config_home.as_deref(), root)?,
        };
        Ok(Self {
            debian: debian.iter().map(|base| Archive::new(base)).collect(),
            crates: crates.iter().map(|base| Registry::new(base)).collect(),
            crate_lists: crate_lists.iter().map(|index| Arc::new(SparseIndex::new(index))).collect(),
            go: go.iter().map(|base| base_url(base)).collect(),
            pypi: pypi.iter().map(|base| base_url(base)).collect(),
            routes,
            config_file,
        })
    }

    /// How the client has to reach some of the mirrors: apt's proxies.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// All addresses of a location, in the order in which they are to be tried.
    ///
    /// # Errors
    /// [`Refusal::NoMirror`], with what to set, for a mirror form when no mirror of its kind is known.
    pub fn resolve(&self, location: &Location, sha256: &Sha256) -> Result<Vec<Address>, Refusal> {
        let (kind, addresses): (_, Vec<_>) = match location {
            Location::Url(url) => return Ok(vec![Address::Url(url.clone())]),
            Location::Debian(path) => {
                let path = percent_encoded(path.as_str());
                let address = |Archive { base, .. }: &Archive| Address::Url(format!("{base}/{path}"));
                (&DEBIAN, self.debian.iter().map(address).collect())
            }
            Location::Crate { name, version } => {
                let file = CrateFile { name: name.clone(), version: version.clone(), sha256: *sha256 };
                let address = |registry: &Registry| match registry {
                    Registry::Template(template) => Address::Url(file.url(template)),
                    Registry::Sparse(index) => Address::Sparse { registry: index.clone(), file: file.clone() },
                };
                (&CRATES, self.crates.iter().map(address).collect())
            }
            Location::Go { module, version } => {
                // A version can have a `+`, which some servers read as a space.
                let path = format!("{}/@v/{}.zip", go::escaped(module), go::escaped(version).replace('+', "%2b"));
                (&GO, self.go.iter().map(|base| Address::Url(format!("{base}/{path}"))).collect())
            }
            Location::Pypi { project, file } => {
                let page = |base: &String| format!("{base}/{}/", normalized(project));
                let address = |base| Address::Simple { page: page(base), file: file.clone() };
                (&PYPI, self.pypi.iter().map(address).collect())
            }
        };
        if addresses.is_empty() {
            return Err(Refusal::NoMirror {
                location: location.to_string(),
                kind: kind.name,
                advice: kind.advice(self.config_file.as_deref()),
            });
        }
        Ok(addresses)
    }
}

/// A page that lists names.
#[derive(Debug, Clone)]
pub(super) enum Page {
    /// A directory, by its URL.
    Directory(String),
    /// A directory of a Debian archive, and the archive's index, which knows it too.
    Pool { url: String, path: String, sources: Arc<SourceIndex> },
    /// A crate in an index.
    Crate(Arc<SparseIndex>, String),
    /// A project's page in a Python index.
    Project(String),
}

impl Mirrors {
    /// The pages that may list what is on a shelf.
    pub(super) fn pages(&self, shelf: &Shelf) -> Result<Vec<Page>, Refusal> {
        let (kind, location, known, pages): (_, _, _, Vec<_>) = match shelf {
            Shelf::Url(url) => return Ok(vec![Page::Directory(url.clone())]),
            Shelf::Debian(path) => {
                let page = |Archive { base, sources }: &Archive| {
                    let url = format!("{base}/{}/", percent_encoded(path));
                    match url.starts_with("file:") {
                        true => Page::Directory(url),
                        false => Page::Pool { url, path: path.clone(), sources: sources.clone() },
                    }
                };
                (&DEBIAN, format!("debian:{path}"), !self.debian.is_empty(), self.debian.iter().map(page).collect())
            }
            Shelf::Crate(name) => {
                fn index(registry: &Registry) -> Option<&Arc<SparseIndex>> {
                    match registry {
                        Registry::Template(_) => None,
                        Registry::Sparse(index) => Some(index),
                    }
                }
                let indexes = self.crates.iter().filter_map(index).chain(&self.crate_lists);
                let pages = indexes.map(|index| Page::Crate(index.clone(), name.clone())).collect();
                (&CRATES, format!("crate:{name}"), !self.crates.is_empty(), pages)
            }
            Shelf::Pypi(project) => {
                let page = |base: &String| Page::Project(format!("{base}/{}/", normalized(project)));
                (&PYPI, format!("pypi:{project}"), !self.pypi.is_empty(), self.pypi.iter().map(page).collect())
            }
        };
        match (pages.is_empty(), known) {
            (false, _) => Ok(pages),
            (true, true) => Err(Refusal::NoList { shelf: location }),
            (true, false) => {
                Err(Refusal::NoMirror { location, kind: kind.name, advice: kind.advice(self.config_file.as_deref()) })
            }
        }
    }
}

/// What people call a kind of mirror, and what they write to name one.
struct Kind {
    name: &'static str,
    variable: &'static str,
    key: &'static str,
    example: &'static str,
}

const DEBIAN: Kind = Kind {
    name: "Debian",
    variable: "DRYSTONE_MIRROR_DEBIAN",
    key: "debian",
    example: "https://mirror.example.org/debian",
};
const CRATES: Kind = Kind {
    name: "crate",
    variable: "DRYSTONE_MIRROR_CRATES",
    key: "crates",
    example: "sparse+https://index.example.org/",
};
const GO: Kind =
    Kind { name: "Go module", variable: "DRYSTONE_MIRROR_GO", key: "go", example: "https://goproxy.example.org" };
const PYPI: Kind =
    Kind { name: "PyPI", variable: "DRYSTONE_MIRROR_PYPI", key: "pypi", example: "https://pypi.example.org/simple" };

impl Kind {
    fn advice(&self, config_file: Option<&Path>) -> String {
        let Self { variable, key, example, .. } = self;
        let variable = format!("set {variable}={example}");
        match config_file {
            Some(path) => format!("{variable}, or write `mirrors.{key} = [\"{example}\"]` into {}", path.display()),
            None => variable,
        }
    }
}

/// A directory that an environment variable names; a relative one is ignored, as the XDG specification has it.
fn directory(env: Environment<'_>, variable: &str) -> Option<PathBuf> {
    env(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A base without its last slash; a plain absolute path becomes a `file:` URL.
fn base_url(text: &str) -> String {
    let text = text.trim_end_matches('/');
    if text.starts_with('/') { format!("file://{text}") } else { text.to_owned() }
}

/// A path as apt puts it into a URL: all but the unreserved signs of RFC 3986, section 2.3, is encoded, `+` too.
fn percent_encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02x}")),
        }
    }
    encoded
}

fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, ConfigError> {
    let Some(text) = fs::read_if_exists(path)? else { return Ok(None) };
    toml::from_str(&text).map(Some).map_err(|error| ConfigError::of_toml(path, &text, &error))
}

/// The names in a directory that have an ending, sorted; none where there is no directory.
fn files_with_ending(directory: &Path, ending: &str) -> Result<Vec<PathBuf>, ConfigError> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let names = fs::list(directory)?.into_iter().map(|name| directory.join(name));
    Ok(names.filter(|path| path.extension().is_some_and(|found| found == ending)).collect())
}

#[cfg(test)]
mod tests;
