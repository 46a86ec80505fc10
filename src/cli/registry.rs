//! How the command line reaches registries.

use std::path::Path;

use super::args::RegistryAccess;
use super::failure::Failure;
use crate::publish::{Access, AuthFiles, Host, Registry, Repository};

/// The registry of a host, reached as the command line and this host's own clients say.
pub fn open(host: &Host, args: &RegistryAccess, mount_from: &[Repository]) -> Result<Registry, Failure> {
    let RegistryAccess { plain_http, ca, cert_dir, authfile, jobs } = args;
    let mut access = Access::from_host(&|name| std::env::var(name).ok(), Path::new("/"));
    access.plain_http = *plain_http;
    access.authorities.clone_from(ca);
    access.certificate_directory.clone_from(cert_dir);
    access.mount_from = mount_from.to_vec();
    access.policy.jobs = usize::from(*jobs);
    if let Some(file) = authfile {
        access.auth_files = AuthFiles::named(file);
    }
    Ok(Registry::open(host, access)?)
}
