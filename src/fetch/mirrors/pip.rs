//! The package indexes that pip is configured with (pip's user guide, "Configuration").
//!
//! Knows the environment variables and the `pip.conf` files in pip's order. An unconfigured pip has a default that is
//! not written here: it is read out of the pip that this host has, and without one there is no index.

use std::path::{Path, PathBuf};

use super::{Environment, words};
use crate::fetch::error::ConfigError;
use crate::fs;

/// The main index and then the extra ones, each from the place that pip prefers.
pub(super) fn indexes(
    env: Environment<'_>,
    home: Option<&Path>,
    config_home: Option<&Path>,
    root: &Path,
) -> Result<Vec<String>, ConfigError> {
    let mut main = Vec::new();
    let mut extra = Vec::new();
    let mut disabled = false;
    for path in files(env, home, config_home, root) {
        for (key, value) in settings(&fs::read_if_exists(&path)?.unwrap_or_default()) {
            match key.as_str() {
                "index-url" => main = words(&value),
                "extra-index-url" => extra = words(&value),
                "no-index" => disabled = is_true(&value),
                _ => {}
            }
        }
    }
    let variable = |name: &str| env(name).filter(|value| !value.trim().is_empty());
    if let Some(value) = variable("PIP_INDEX_URL") {
        main = words(&value);
    }
    if let Some(value) = variable("PIP_EXTRA_INDEX_URL") {
        extra = words(&value);
    }
    if let Some(value) = variable("PIP_NO_INDEX") {
        disabled = is_true(&value);
    }
    if disabled {
        return Ok(Vec::new());
    }
    if main.is_empty() {
        main = built_in(root)?.into_iter().collect();
    }
    Ok(main.into_iter().chain(extra).collect())
}

/// The index that this host's pip uses when nobody names one: it stands in its own sources. Where they are laid out in
/// another way than today's, there is none.
fn built_in(root: &Path) -> Result<Option<String>, ConfigError> {
    const SOURCE: &str = "pip/_internal/models/index.py";
    let mut places = vec![root.join("usr/lib/python3/dist-packages")];
    for library in ["usr/local/lib", "usr/lib"].map(|library| root.join(library)) {
        let names = if library.is_dir() { fs::list(&library)? } else { Vec::new() };
        let versions = names.iter().filter(|name| name.to_string_lossy().starts_with("python3."));
        let packages = |name| ["site-packages", "dist-packages"].map(|packages| library.join(name).join(packages));
        places.extend(versions.flat_map(packages));
    }
    for place in places {
        let text = fs::read_if_exists(&place.join(SOURCE))?.unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("PyPI = PackageIndex("));
        let base = line.and_then(|line| line.split('"').nth(1)).filter(|base| base.starts_with("https://"));
        if let Some(base) = base {
            return Ok(Some(format!("{}/simple", base.trim_end_matches('/'))));
        }
    }
    Ok(None)
}

/// The files that pip reads; later ones win.
fn files(env: Environment<'_>, home: Option<&Path>, config_home: Option<&Path>, root: &Path) -> Vec<PathBuf> {
    let chosen = env("PIP_CONFIG_FILE").filter(|path| !path.is_empty());
    // pip's way to say that no file counts.
    if chosen.as_deref() == Some("/dev/null") {
        return Vec::new();
    }
    let mut files = vec![root.join("etc/xdg/pip/pip.conf"), root.join("etc/pip.conf")];
    files.extend(home.map(|home| home.join(".pip/pip.conf")));
    files.extend(config_home.map(|home| home.join("pip/pip.conf")));
    files.extend(env("VIRTUAL_ENV").map(|environment| Path::new(&environment).join("pip.conf")));
    files.extend(chosen.map(PathBuf::from));
    files
}

/// The settings of `[global]`, then those of `[download]`, which win for what downloads.
fn settings(text: &str) -> Vec<(String, String)> {
    let mut global: Vec<(String, String)> = Vec::new();
    let mut download: Vec<(String, String)> = Vec::new();
    let mut section = String::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
            continue;
        }
        let settings = match section.as_str() {
            "global" => &mut global,
            "download" => &mut download,
            _ => continue,
        };
        if line.starts_with(char::is_whitespace) {
            if let Some((_, value)) = settings.last_mut() {
                value.push('\n');
                value.push_str(trimmed);
            }
        } else if let Some((key, value)) = line.split_once(['=', ':']) {
            settings.push((key.trim().to_lowercase().replace('_', "-"), value.trim().to_owned()));
        }
    }
    global.into_iter().chain(download).collect()
}

fn is_true(value: &str) -> bool {
    ["1", "true", "yes", "on", "y", "t"].contains(&value.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }
        root
    }

    fn indexes_of(root: &Path, variables: &[(&str, &str)]) -> Vec<String> {
        let env =
            |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.to_string());
        let home = root.join("home/mason");
        indexes(&env, Some(&home), Some(&home.join(".config")), root).unwrap()
    }

    #[test]
    fn the_users_file_goes_before_the_hosts_and_the_environment_before_both() {
        let root = host(&[
            ("etc/pip.conf", "[global]\nindex-url = https://host.example.org/simple\ncert = /x\n"),
            (
                "home/mason/.config/pip/pip.conf",
                "# mine\n[global]\nindex_url: https://mine.example.org/simple/\nextra-index-url =\n    \
                 https://a.example.org/simple\n    ; not this\n    https://b.example.org/simple\n\
                 [install]\nindex-url = https://no.example.org\n",
            ),
        ]);
        let extra = ["https://a.example.org/simple", "https://b.example.org/simple"];
        assert_eq!(indexes_of(root.path(), &[]), ["https://mine.example.org/simple/", extra[0], extra[1]]);
        let variables = [("PIP_INDEX_URL", "https://env.example.org/simple"), ("PIP_EXTRA_INDEX_URL", "")];
        assert_eq!(indexes_of(root.path(), &variables), ["https://env.example.org/simple", extra[0], extra[1]]);
        assert!(indexes_of(root.path(), &[("PIP_CONFIG_FILE", "/dev/null")]).is_empty());
        assert!(indexes_of(root.path(), &[("PIP_NO_INDEX", "1")]).is_empty());
    }

    #[test]
    fn a_section_for_downloads_goes_before_the_global_one() {
        let text = "[download]\nindex-url = https://d.example.org\n[global]\nindex-url = https://g.example.org\n";
        let root = host(&[("etc/pip.conf", text)]);
        assert_eq!(indexes_of(root.path(), &[]), ["https://d.example.org"]);
    }

    #[test]
    fn an_unconfigured_pip_has_an_index_of_its_own() {
        let source = "# The main one.\nPyPI = PackageIndex(\"https://pip.example.org/\", files=\"x\")\n";
        let place = "usr/local/lib/python3.12/site-packages/pip/_internal/models/index.py";
        let root = host(&[(place, source), ("etc/pip.conf", "[global]\nextra-index-url = https://a.example.org\n")]);
        assert_eq!(indexes_of(root.path(), &[]), ["https://pip.example.org/simple", "https://a.example.org"]);
        assert!(indexes_of(root.path(), &[("PIP_NO_INDEX", "1")]).is_empty());
    }

    #[test]
    fn without_a_pip_there_is_no_index() {
        let root = host(&[("etc/pip.conf", "[global]\ncert = /x\n")]);
        assert!(indexes_of(root.path(), &[]).is_empty());
    }
}
