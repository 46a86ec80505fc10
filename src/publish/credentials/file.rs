//! One file of credentials: which entry is for a repository, and what it says.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use serde::Deserialize;

use super::{CredentialError, Credentials, Secret, helper};
use crate::publish::reference::{Host, Repository};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthFile {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    // Docker writes it in lower case.
    identitytoken: Option<String>,
}

/// What a file knows of us at a repository.
///
/// # Errors
/// When the file is not of the known form, or the helper that it names fails.
pub(super) fn find(
    path: &Path,
    text: &str,
    host: &Host,
    repository: &Repository,
) -> Result<Credentials, CredentialError> {
    // The parser's own message could quote a secret.
    let file: AuthFile = serde_json::from_str(text).map_err(|error| CredentialError::Form {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
    })?;
    if let Some(name) = file.cred_helpers.get(host.as_str()) {
        return helper::ask(name, host.as_str(), path, host);
    }
    if let Some((key, entry)) = entry_for(&file.auths, host, repository) {
        let found = read(path, key, entry)?;
        if found != Credentials::None {
            return Ok(found);
        }
    }
    match &file.creds_store {
        // Docker's key in a store is the one that it left, empty, among the entries.
        Some(name) => {
            let server = entry_for(&file.auths, host, repository).map_or(host.as_str(), |(key, _)| key.as_str());
            helper::ask(name, server, path, host)
        }
        None => Ok(Credentials::None),
    }
}

/// The entry with the longest key that covers the repository, then one whose key is a URL of the host.
fn entry_for<'f>(
    auths: &'f BTreeMap<String, Entry>,
    host: &Host,
    repository: &Repository,
) -> Option<(&'f String, &'f Entry)> {
    let whole = format!("{host}/{repository}");
    let ends = whole.match_indices('/').map(|(at, _)| at).chain([whole.len()]).collect::<Vec<_>>();
    let exact = ends.into_iter().rev().find_map(|end| auths.get_key_value(&whole[..end]));
    exact.or_else(|| auths.iter().find(|(key, _)| host_of_url(key) == Some(host.as_str())))
}

/// The host of a key that old versions wrote as a URL, with whatever path.
fn host_of_url(key: &str) -> Option<&str> {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"))?;
    rest.split('/').next()
}

fn read(path: &Path, key: &str, entry: &Entry) -> Result<Credentials, CredentialError> {
    let bad = || CredentialError::Entry { path: path.to_owned(), key: key.to_owned() };
    let pair = match entry.auth.as_deref().filter(|auth| !auth.is_empty()) {
        Some(auth) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(auth.trim()).map_err(|_| bad())?;
            let text = String::from_utf8(bytes).map_err(|_| bad())?;
            let (user, password) = text.split_once(':').ok_or_else(bad)?;
            // Docker pads passwords with NUL.
            Some((user.to_owned(), Secret::new(password.trim_end_matches('\0').to_owned())))
        }
        None => entry.username.clone().zip(entry.password.clone().map(Secret::new)),
    };
    if let Some(token) = entry.identitytoken.clone().filter(|token| !token.is_empty()) {
        let user = pair.map(|(user, _)| user).unwrap_or_default();
        return Ok(Credentials::Identity { user, token: Secret::new(token) });
    }
    Ok(pair.map_or(Credentials::None, |(user, password)| Credentials::Password { user, password }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, host: &str, repository: &str) -> Result<Credentials, String> {
        find(Path::new("/auth.json"), text, &host.parse().unwrap(), &repository.parse().unwrap())
            .map_err(|error| error.to_string())
    }

    fn user(text: &str, host: &str, repository: &str) -> Option<String> {
        found(text, host, repository).unwrap().user().map(str::to_owned)
    }

    /// An `auths` object whose users are named by what is after the `=`.
    fn auths(entries: &[&str]) -> String {
        let entry = |entry: &&str| {
            let (key, user) = entry.rsplit_once('=').unwrap();
            let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:pass:word"));
            format!("{key:?}:{{\"auth\":{auth:?}}}")
        };
        format!("{{\"auths\":{{{}}}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn the_longest_path_counts() {
        let text = auths(&["r.example=host", "r.example/team=team", "r.example/team/jq=jq", "r.example:5000=port"]);
        for (host, repository, expected) in [
            ("r.example", "team/jq", Some("jq")),
            ("r.example", "team/jq/x", Some("jq")),
            ("r.example", "team/sed", Some("team")),
            ("r.example", "teams/sed", Some("host")),
            ("r.example:5000", "team/jq", Some("port")),
            ("other.example", "team/jq", None),
        ] {
            assert_eq!(user(&text, host, repository).as_deref(), expected, "{host}/{repository}");
        }
    }

    #[test]
    fn urls_of_old_versions_count_as_their_host() {
        let text = auths(&["https://r.example/v1/=old", "http://s.example:5000=plain"]);
        assert_eq!(user(&text, "r.example", "jq").as_deref(), Some("old"));
        assert_eq!(user(&text, "s.example:5000", "jq").as_deref(), Some("plain"));
        assert_eq!(user(&text, "s.example", "jq"), None);
    }

    #[test]
    fn a_password_may_hold_colons_and_an_identity_token_counts_before_it() {
        let Credentials::Password { password, .. } = found(&auths(&["r.example=me"]), "r.example", "jq").unwrap()
        else {
            panic!("no password")
        };
        assert_eq!(password.reveal(), "pass:word");
        let text = r#"{"auths":{"r.example":{"auth":"bWU6","identitytoken":"abc"}}}"#;
        let Credentials::Identity { user, token } = found(text, "r.example", "jq").unwrap() else { panic!("no token") };
        assert_eq!((user.as_str(), token.reveal()), ("me", "abc"));
    }

    #[test]
    fn what_cannot_be_read_is_named_without_its_content() {
        let error = found("{\"auths\":{\"r.example\":\"c2VjcmV0\"}}", "r.example", "jq").unwrap_err();
        assert_eq!(error, "/auth.json is no file of credentials (line 1, column 32)");
        for auth in ["%%%", "c2VjcmV0", "/w=="] {
            let text = format!("{{\"auths\":{{\"r.example\":{{\"auth\":{auth:?}}}}}}}");
            let error = found(&text, "r.example", "jq").unwrap_err();
            assert_eq!(error, "/auth.json: the entry `r.example` is not the base64 of USER:PASSWORD: log in again");
        }
    }

    #[test]
    fn an_empty_entry_and_an_empty_file_know_nothing() {
        assert_eq!(found(r#"{"auths":{"r.example":{}}}"#, "r.example", "jq"), Ok(Credentials::None));
        assert_eq!(found("{}", "r.example", "jq"), Ok(Credentials::None));
    }
}
