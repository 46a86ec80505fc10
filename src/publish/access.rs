//! How registries are reached: which certificates are believed, who we are, where is remembered what was done.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::PublishError;
use super::credentials::AuthFiles;
use super::reference::{Host, Repository};
use crate::fs;
use crate::http::{Certificates, Identity, Trust};

/// How registries are reached.
#[derive(Debug, Clone)]
pub struct Access {
    /// Speak plain HTTP. Credentials are then sent to this machine only.
    pub plain_http: bool,
    /// Files of certificate authorities that are believed beside the host's.
    pub authorities: Vec<PathBuf>,
    /// A directory with `*.crt`, and with `*.cert` and `*.key`, instead of those below `certificates`.
    pub certificate_directory: Option<PathBuf>,
    /// Directories in which `HOST[:PORT]/` is such a directory; the first that is there is taken.
    pub certificates: Vec<PathBuf>,
    /// Where credentials are looked for.
    pub auth_files: AuthFiles,
    /// Where is remembered what was pushed where; `None` remembers nothing.
    pub cache: Option<PathBuf>,
    /// Repositories from which blobs may be mounted, beside those that are remembered.
    pub mount_from: Vec<Repository>,
    /// How hard to try.
    pub policy: Policy,
}

/// How hard to try.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How many blobs are sent or fetched at a time.
    pub jobs: usize,
    /// How often something is tried whose errors are such as may pass.
    pub tries: u32,
    /// The pause before the second try; it doubles with each further one.
    pub pause: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self { jobs: 4, tries: 5, pause: Duration::from_millis(500) }
    }
}

impl Policy {
    /// The pause after a number of failed tries.
    pub(super) fn pause_after(&self, failures: u32) -> Duration {
        self.pause * 2_u32.saturating_pow(failures.saturating_sub(1).min(6))
    }
}

impl Access {
    /// What docker and podman would use on this host; `root` is the root of the file system.
    pub fn from_host(env: &dyn Fn(&str) -> Option<String>, root: &Path) -> Self {
        let path = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let below_home = |name: &str| path("HOME").map(|home| home.join(name));
        let config = path("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
        let of_user = config.map(|config| config.join("containers/certs.d"));
        let of_host = ["etc/containers/certs.d", "etc/docker/certs.d"].map(|name| root.join(name));
        let cache = path("XDG_CACHE_HOME").or_else(|| below_home(".cache"));
        Self {
            plain_http: false,
            authorities: Vec::new(),
            certificate_directory: None,
            certificates: of_user.into_iter().chain(of_host).collect(),
            auth_files: AuthFiles::from_host(env),
            cache: cache.map(|cache| cache.join("drystone/registries")),
            mount_from: Vec::new(),
            policy: Policy::default(),
        }
    }

    /// What is believed of a host (containers-certs.d(5)).
    pub(super) fn trust(&self, host: &Host) -> Result<Trust, PublishError> {
        let mut trust = Trust { encrypted_only: !self.plain_http, ..Trust::default() };
        if self.plain_http {
            return Ok(trust);
        }
        for path in &self.authorities {
            trust.authorities.extend(certificates(path)?);
        }
        let own = self.certificates.iter().map(|directory| directory.join(host.as_str()));
        let directory = self.certificate_directory.clone().or_else(|| own.into_iter().find(|path| path.is_dir()));
        let Some(directory) = directory else { return Ok(trust) };
        for name in fs::list(&directory)? {
            let path = directory.join(name);
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => trust.authorities.extend(certificates(&path)?),
                Some("cert") => trust.identity = Some(identity(&path)?),
                _ => {}
            }
        }
        Ok(trust)
    }
}

fn certificates(path: &Path) -> Result<Certificates, PublishError> {
    let found = Certificates::from_pem(&fs::read(path)?);
    found.ok_or_else(|| PublishError::Certificate { path: path.to_owned(), what: "certificate" })
}

fn identity(path: &Path) -> Result<Identity, PublishError> {
    let mut text = fs::read(path)?;
    text.push(b'\n');
    text.extend(fs::read(&path.with_extension("key"))?);
    let found = Identity::from_pem(&text);
    found.ok_or_else(|| PublishError::Certificate { path: path.to_owned(), what: "certificate with its key" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_looked_for_where_podman_and_docker_do() {
        let env = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
        let access = Access::from_host(&env, Path::new("/"));
        let expected = ["/home/me/.config/containers/certs.d", "/etc/containers/certs.d", "/etc/docker/certs.d"];
        assert_eq!(access.certificates, expected.map(PathBuf::from));
        assert_eq!(access.cache, Some(PathBuf::from("/home/me/.cache/drystone/registries")));
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let scratch = tempfile::tempdir().unwrap();
        let mut access = Access::from_host(&|_| None, scratch.path());
        let host: Host = "r.example:5000".parse().unwrap();
        assert!(access.trust(&host).is_ok());
        let directory = scratch.path().join("etc/docker/certs.d/r.example:5000");
        fs::create_dir_all(&directory).unwrap();
        fs::write(&directory.join("ca.crt"), "none").unwrap();
        let error = access.trust(&host).unwrap_err().to_string();
        assert_eq!(error, format!("{} holds no certificate in PEM form", directory.join("ca.crt").display()));
        access.certificate_directory = Some(scratch.path().join("none"));
        assert_eq!(
            access.trust(&host).unwrap_err().to_string(),
            format!("cannot list {}/none", scratch.path().display())
        );
    }
}
