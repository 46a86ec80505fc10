//! apt's proxies, as `apt.conf` and `apt.conf.d/` set them (apt.conf(5)).
//!
//! Knows the grammar of names, values and scopes; not `#include`, `#clear` or lists, which no proxy needs.

use std::collections::BTreeMap;
use std::path::Path;

use crate::fetch::error::ConfigError;
use crate::fs;

/// The settings, by lower-case name: apt does not tell cases apart.
#[derive(Debug, Default)]
pub(super) struct AptConf {
    settings: BTreeMap<String, String>,
}

impl AptConf {
    /// Reads the files in apt's order: later ones win.
    pub(super) fn read(directory: &Path) -> Result<Self, ConfigError> {
        let mut conf = Self::default();
        let parts = directory.join("apt.conf.d");
        let names = if parts.is_dir() { fs::list(&parts)? } else { Vec::new() };
        // apt takes names without an ending, or with `.conf`.
        let taken = names
            .iter()
            .map(|name| parts.join(name))
            .filter(|path| path.is_file() && path.extension().is_none_or(|ending| ending == "conf"));
        for path in taken.chain([directory.join("apt.conf")]) {
            if let Some(text) = fs::read_if_exists(&path)? {
                conf.add(&text);
            }
        }
        Ok(conf)
    }

    fn add(&mut self, text: &str) {
        let mut scopes: Vec<String> = Vec::new();
        let mut statement: Vec<String> = Vec::new();
        for token in tokens(text) {
            match token.as_str() {
                "{" => scopes.push(std::mem::take(&mut statement).into_iter().next().unwrap_or_default()),
                "}" => {
                    scopes.pop();
                    statement.clear();
                }
                ";" => {
                    if let [name, value] = statement.as_slice() {
                        let full = scopes.iter().chain([name]).map(String::as_str).collect::<Vec<_>>().join("::");
                        self.settings.insert(full.to_lowercase(), value.clone());
                    }
                    statement.clear();
                }
                _ => statement.push(token),
            }
        }
    }

    /// The proxy for a host: `None` when apt says nothing, `Some(None)` when it says `DIRECT`. As in apt, a host's own
    /// setting goes before the general one, and https falls back to what http has.
    pub(super) fn proxy(&self, scheme: &str, host: &str) -> Option<Option<String>> {
        let schemes: &[&str] = if scheme == "https" { &["https", "http"] } else { &["http"] };
        let find = |suffix: &str| {
            let names = schemes.iter().map(|scheme| format!("acquire::{scheme}::proxy{suffix}").to_lowercase());
            names.filter_map(|name| self.settings.get(&name)).find(|value| !value.is_empty())
        };
        let value = find(&format!("::{host}")).or_else(|| find(""))?;
        Some(if value.eq_ignore_ascii_case("direct") { None } else { Some(value.clone()) })
    }
}

/// Words, quoted words (without their quotes), `{`, `}` and `;`; comments are `//`, `#` to the end of the line, `/* */`.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") || first == '#' {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            let end = rest[1..].find('"').map_or(rest.len(), |end| end + 1);
            tokens.push(rest[1..end].to_owned());
            (end + 1).min(rest.len())
        } else if matches!(first, '{' | '}' | ';') {
            tokens.push(first.to_string());
            1
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || "{};\"".contains(c)).unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            end
        };
        rest = rest[length..].trim_start();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(text: &str) -> AptConf {
        let mut conf = AptConf::default();
        conf.add(text);
        conf
    }

    #[test]
    fn a_proxy_is_found_in_either_notation() {
        let flat = r#"// why
            APT::Install-Recommends "false"; # not a proxy
            Acquire::http::Proxy "http://proxy.example.org:3128/";"#;
        let nested = r#"Acquire { /* all; of " it */ Retries 3;
            HTTP { Proxy "http://proxy.example.org:3128/"; Timeout "10"; }; };"#;
        for text in [flat, nested] {
            let proxy = Some(Some("http://proxy.example.org:3128/".to_owned()));
            assert_eq!(conf(text).proxy("http", "deb.example.org"), proxy);
            assert_eq!(conf(text).proxy("https", "deb.example.org"), proxy, "https falls back to http");
        }
        assert_eq!(conf("").proxy("http", "deb.example.org"), None);
    }

    #[test]
    fn a_host_of_its_own_goes_before_the_rest() {
        let conf = conf(
            r#"Acquire::http::Proxy "http://proxy.example.org";
               Acquire::http::Proxy::Near.example.org "DIRECT";
               Acquire::https::Proxy "http://secure.example.org";"#,
        );
        assert_eq!(conf.proxy("http", "near.example.org"), Some(None));
        assert_eq!(conf.proxy("https", "far.example.org"), Some(Some("http://secure.example.org".to_owned())));
    }

    #[test]
    fn an_unfinished_file_does_no_harm() {
        for text in ["Acquire {", "}};;", "\"open", "/* open", "Acquire::http::Proxy \"http://x"] {
            assert_eq!(conf(text).proxy("http", "deb.example.org"), None, "{text}");
        }
    }
}
