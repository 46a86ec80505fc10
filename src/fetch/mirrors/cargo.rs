//! The registries that cargo uses in place of its default one, or else those that it has used on this host.
//!
//! Knows `$CARGO_HOME/config.toml` (Cargo reference, "Source Replacement") and the `config.json` that cargo keeps of
//! every sparse index under `registry/index/`. A git index or a vendored directory gives no downloads and is passed over.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::read_toml;
use crate::fetch::error::ConfigError;
use crate::fetch::index::IndexConfig;
use crate::fs;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    source: BTreeMap<String, Source>,
    registries: BTreeMap<String, Registry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Source {
    replace_with: Option<String>,
    registry: Option<String>,
    local_registry: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Registry {
    index: Option<String>,
}

/// Bases in the form of `DRYSTONE_MIRROR_CRATES`: `sparse+URL` of an index, or a download template.
pub(super) fn registries(cargo_home: &Path) -> Result<Vec<String>, ConfigError> {
    for name in ["config", "config.toml"] {
        let config: Option<Config> = read_toml(&cargo_home.join(name))?;
        // cargo prefers the old name where both exist.
        if let Some(config) = config {
            let replacement = replacement(&config, cargo_home);
            if let Some(base) = replacement {
                return Ok(vec![base]);
            }
            break;
        }
    }
    Ok(recorded(&cargo_home.join("registry/index"))?.into_iter().map(|(_, template)| template).collect())
}

/// Follows `replace-with` from cargo's name for its default registry.
fn replacement(config: &Config, cargo_home: &Path) -> Option<String> {
    let mut name = "crates-io";
    // A chain longer than the table has a cycle, which cargo rejects.
    for _ in 0..=config.source.len() {
        let Some(source) = config.source.get(name) else {
            let index = config.registries.get(name)?.index.as_ref()?;
            return index.starts_with("sparse+").then(|| index.clone());
        };
        match source {
            Source { replace_with: Some(next), .. } => name = next,
            Source { registry: Some(index), .. } => return index.starts_with("sparse+").then(|| index.clone()),
            Source { local_registry: Some(path), .. } => {
                // A relative path is seen from the directory that holds the configuration's directory.
                let base = cargo_home.parent().unwrap_or(cargo_home).join(path);
                return Some(format!("{}/{{crate}}-{{version}}.crate", base.display()));
            }
            Source { .. } => return None,
        }
    }
    None
}

/// The indexes that cargo has used here, which list versions. cargo names what it keeps of a sparse index after its
/// host and a hash; one below its host's root is not found so.
pub(super) fn indexes(cargo_home: &Path) -> Result<Vec<String>, ConfigError> {
    let url = |(name, _): (String, String)| name.rsplit_once('-').map(|(host, _)| format!("https://{host}/"));
    Ok(recorded(&cargo_home.join("registry/index"))?.into_iter().filter_map(url).collect())
}

/// What cargo keeps of indexes that it has used here, in the order of their names: with each its download template.
fn recorded(indexes: &Path) -> Result<Vec<(String, String)>, ConfigError> {
    let names = if indexes.is_dir() { fs::list(indexes)? } else { Vec::new() };
    let mut templates = Vec::new();
    for name in names {
        let text = fs::read_if_exists(&indexes.join(&name).join("config.json"))?.unwrap_or_default();
        // A record that cargo itself would fetch again is passed over.
        if let Ok(IndexConfig { dl, auth_required: false }) = serde_json::from_str(&text) {
            templates.push((name.to_string_lossy().into_owned(), dl));
        }
    }
    Ok(templates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cargo_home(config: &str) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::write(&home.path().join("config.toml"), config).unwrap();
        home
    }

    fn record(home: &Path, index: &str, config: &str) {
        let directory = home.join("registry/index").join(index);
        fs::create_dir_all(&directory).unwrap();
        fs::write(&directory.join("config.json"), config).unwrap();
    }

    #[test]
    fn the_replacement_of_the_default_registry_is_followed() {
        for (config, base) in [
            (
                "[source.crates-io]\nreplace-with = 'a'\n[source.a]\nreplace-with = 'b'\n\
                 [source.b]\nregistry = 'sparse+https://index.example.org/'\n",
                "sparse+https://index.example.org/",
            ),
            (
                "[source.crates-io]\nreplace-with = 'mine'\n\
                 [registries.mine]\nindex = 'sparse+https://mine.example.org/index/'\n",
                "sparse+https://mine.example.org/index/",
            ),
            (
                "[source.crates-io]\nreplace-with = 'disk'\n[source.disk]\nlocal-registry = '/srv/crates'\n",
                "/srv/crates/{crate}-{version}.crate",
            ),
        ] {
            let home = cargo_home(config);
            record(home.path(), "x.example.org-00", r#"{"dl": "https://unused.example.org"}"#);
            assert_eq!(registries(home.path()).unwrap(), [base]);
        }
    }

    #[test]
    fn without_a_usable_replacement_what_cargo_recorded_counts() {
        for config in [
            "[net]\nretry = 3\n",
            "[source.crates-io]\nreplace-with = 'git'\n[source.git]\nregistry = 'https://git.example.org/index'\n",
            "[source.crates-io]\nreplace-with = 'a'\n[source.a]\nreplace-with = 'crates-io'\n",
            "[source.crates-io]\nreplace-with = 'nowhere'\n",
        ] {
            let home = cargo_home(config);
            record(home.path(), "a.example.org-00", r#"{"dl": "https://a.example.org/dl", "api": "https://x"}"#);
            record(home.path(), "b.example.org-00", r#"{"dl": "https://b.example.org/dl", "auth-required": true}"#);
            record(home.path(), "c.example.org-00", "not json");
            assert_eq!(registries(home.path()).unwrap(), ["https://a.example.org/dl"], "{config}");
            assert_eq!(indexes(home.path()).unwrap(), ["https://a.example.org/"], "{config}");
        }
    }

    #[test]
    fn a_broken_configuration_is_named_with_its_line() {
        let home = cargo_home("[net]\nretry = = 3\n");
        let error = registries(home.path()).unwrap_err().to_string();
        let path = home.path().join("config.toml");
        assert_eq!(error, format!("{}:2: extra `=`, expected nothing", path.display()));
    }

    #[test]
    fn a_host_without_cargo_has_no_registry() {
        assert!(registries(Path::new("/nowhere")).unwrap().is_empty());
    }
}
