//! The module proxies that go uses on this host (Go modules reference, "GOPROXY protocol"), and how paths are spelled
//! there.
//!
//! Knows the variable `GOPROXY` and the file in which `go env -w` keeps it. Where neither names a proxy go uses one
//! that it knows by itself; here no host is known.

use std::path::{Path, PathBuf};

use super::Environment;
use crate::fetch::error::ConfigError;
use crate::fs;

/// The bases of the proxies, in the order in which go tries them.
pub(super) fn proxies(env: Environment<'_>, config_home: Option<&Path>) -> Result<Vec<String>, ConfigError> {
    let named = |name: &str| env(name).filter(|value| !value.is_empty());
    let list = match named("GOPROXY") {
        Some(list) => Some(list),
        None => {
            let file = named("GOENV").map(PathBuf::from).or_else(|| config_home.map(|home| home.join("go/env")));
            let file = file.filter(|file| file.is_absolute());
            let text = file.map(|file| fs::read_if_exists(&file)).transpose()?.flatten().unwrap_or_default();
            text.lines().find_map(|line| line.trim().strip_prefix("GOPROXY=").map(str::to_owned))
        }
    };
    // `off` ends the list, and `direct` asks the modules' own repositories, which have no digests to hold them to.
    let list = list.unwrap_or_default();
    let words = list.split([',', '|']).map(str::trim).take_while(|word| *word != "off");
    Ok(words.filter(|word| !word.is_empty() && *word != "direct").map(str::to_owned).collect())
}

/// A path or version as proxies spell it: an upper-case letter is a `!` and the lower-case one.
pub(super) fn escaped(text: &str) -> String {
    let spelled = |c: char| if c.is_ascii_uppercase() { format!("!{}", c.to_ascii_lowercase()) } else { c.to_string() };
    text.chars().map(spelled).collect()
}
