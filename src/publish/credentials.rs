//! Who we are to a registry, from the files and programs that podman and docker keep that in.
//!
//! The files are those of containers-auth.json(5) and of docker's `config.json`, in podman's order; the first that
//! knows the repository is taken. In each, `credHelpers` counts before `auths`, `auths` from the longest path to the
//! bare host, and docker's `credsStore` last. Keys that are URLs, as old versions wrote them, count as their host.
//!
//! Knows nothing of how a registry asks for credentials, nor of HTTP. Secrets are never shown and never written.

mod file;
mod helper;

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroize as _;

use super::reference::{Host, Repository};
use crate::fs;

/// Why credentials cannot be read. Their text is never part of it.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A file that cannot be read.
    #[error(transparent)]
    Fs(#[from] fs::FsError),
    /// A file that is not of the known form.
    #[error("{} is no file of credentials (line {line}, column {column})", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Where, counted from one.
        line: usize,
        /// Where, counted from one.
        column: usize,
    },
    /// An entry that is not base64 of `user:password`.
    #[error("{}: the entry `{}` is not the base64 of USER:PASSWORD: log in again", path.display(), key.escape_debug())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The entry.
        key: String,
    },
    /// A program that could not be asked.
    #[error("cannot run {program}, which {} names for {host}", path.display())]
    Helper {
        /// The program.
        program: String,
        /// The file that names it.
        path: PathBuf,
        /// Whom the credentials are for.
        host: Host,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A program that did not answer as it should.
    #[error("{program}, which {} names for {host}, failed: {said}", path.display())]
    Answer {
        /// The program.
        program: String,
        /// The file that names it.
        path: PathBuf,
        /// Whom the credentials are for.
        host: Host,
        /// What it wrote on standard error, or what is wrong.
        said: String,
    },
}

/// A text that is never shown, and wiped when it is no longer needed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// What is known of us at a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// Nothing.
    None,
    /// A name and a password.
    Password { user: String, password: Secret },
    /// A token that buys others (OAuth 2.0's refresh token), as `docker login` got it.
    Identity { user: String, token: Secret },
}

impl Credentials {
    /// Whose they are.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Password { user, .. } | Self::Identity { user, .. } => Some(user),
        }
    }
}

/// Where credentials are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthFiles {
    /// The files, in order.
    files: Vec<PathBuf>,
    /// Whether the first must be there.
    required: bool,
}

impl AuthFiles {
    /// One file that the user names, and no other.
    pub fn named(path: &Path) -> Self {
        Self { files: vec![path.to_owned()], required: true }
    }

    /// Where podman and docker look: `$REGISTRY_AUTH_FILE` alone if it is set; else podman's files, then docker's.
    pub fn from_host(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let path = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(file) = path("REGISTRY_AUTH_FILE") {
            return Self { files: vec![file], required: false };
        }
        let run = path("XDG_RUNTIME_DIR")
            .unwrap_or_else(|| Path::new("/run/containers").join(rustix::process::getuid().as_raw().to_string()));
        // Below the default run-time directory podman has no `containers/` of its own.
        let run = if env("XDG_RUNTIME_DIR").is_some() { run.join("containers") } else { run };
        let home = path("HOME");
        let below_home = |name: &str| home.as_ref().map(|home| home.join(name));
        let config = path("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
        let docker = path("DOCKER_CONFIG").or_else(|| below_home(".docker"));
        let files = [
            Some(run.join("auth.json")),
            config.map(|config| config.join("containers/auth.json")),
            docker.map(|docker| docker.join("config.json")),
        ];
        Self { files: files.into_iter().flatten().collect(), required: false }
    }

    /// The files, for messages.
    pub fn paths(&self) -> &[PathBuf] {
        &self.files
    }

    /// What is known of us at a repository. Runs helper programs; may take as long as they do.
    ///
    /// # Errors
    /// When a file or helper that should know cannot be read or asked.
    pub(super) fn find(&self, host: &Host, repository: &Repository) -> Result<Credentials, CredentialError> {
        for (index, path) in self.files.iter().enumerate() {
            let text = match fs::read_if_exists(path)? {
                Some(text) => Secret::new(text),
                None if index == 0 && self.required => Secret::new(fs::read_to_string(path)?),
                None => continue,
            };
            let found = file::find(path, text.reveal(), host, repository)?;
            if found != Credentials::None {
                return Ok(found);
            }
        }
        Ok(Credentials::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn podmans_files_come_before_dockers() {
        let env = |name: &str| match name {
            "HOME" => Some("/home/me".to_owned()),
            "XDG_RUNTIME_DIR" => Some("/run/user/1".to_owned()),
            _ => None,
        };
        let expected = [
            "/run/user/1/containers/auth.json",
            "/home/me/.config/containers/auth.json",
            "/home/me/.docker/config.json",
        ];
        assert_eq!(AuthFiles::from_host(&env).paths(), expected.map(PathBuf::from));
        let env = |name: &str| match name {
            "REGISTRY_AUTH_FILE" => Some("/auth".to_owned()),
            other => env(other),
        };
        assert_eq!(AuthFiles::from_host(&env).paths(), [PathBuf::from("/auth")]);
        let env = |name: &str| match name {
            "XDG_CONFIG_HOME" => Some("/config".to_owned()),
            "DOCKER_CONFIG" => Some("/docker".to_owned()),
            _ => None,
        };
        let files = AuthFiles::from_host(&env);
        assert_eq!(files.paths()[1..], ["/config/containers/auth.json", "/docker/config.json"].map(PathBuf::from));
    }

    #[test]
    fn a_secret_is_not_shown() {
        let shown = format!("{:?}", Credentials::Password { user: "me".into(), password: Secret::new("pass".into()) });
        assert_eq!(shown, r#"Password { user: "me", password: Secret(***) }"#);
    }

    #[test]
    fn the_first_file_that_knows_the_repository_is_taken() {
        let scratch = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = scratch.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        // base64 of `one:1` and `two:2`
        let first = file("first", r#"{"auths":{"a.example":{"auth":"b25lOjE="}}}"#);
        let second = file("second", r#"{"auths":{"a.example":{"auth":"dHdvOjI="},"b.example":{"auth":"dHdvOjI="}}}"#);
        let files = AuthFiles { files: vec![scratch.path().join("none"), first, second], required: false };
        let user = |host: &str| {
            let found = files.find(&host.parse().unwrap(), &"r".parse().unwrap()).unwrap();
            found.user().map(str::to_owned)
        };
        assert_eq!(user("a.example").as_deref(), Some("one"));
        assert_eq!(user("b.example").as_deref(), Some("two"));
        assert_eq!(user("c.example"), None);
        let error = AuthFiles::named(Path::new("/nowhere/auth.json"))
            .find(&"a.example".parse().unwrap(), &"r".parse().unwrap())
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nowhere/auth.json");
    }
}
