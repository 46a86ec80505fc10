//! How the command line reaches registries.

use std::path::Path;

use super::args::{RegistryAccess, RegistryWay};
use super::failure::Failure;
use crate::publish::{Access, AuthFiles, Host, Registry, Repository};

/// The registry of a host, reached as the command line and this host's own clients say.
pub fn open(host: &Host, args: &RegistryAccess, mount_from: &[Repository]) -> Result<Registry, Failure> {
    let RegistryAccess { way, jobs } = args;
    let mut access = access(way);
    access.mount_from = mount_from.to_vec();
    access.policy.jobs = usize::from(*jobs);
    Ok(Registry::open(host, access)?)
}

/// The same, for a verb whose jobs are others.
pub fn reach(host: &Host, way: &RegistryWay) -> Result<Registry, Failure> {
    Ok(Registry::open(host, access(way))?)
}

fn access(way: &RegistryWay) -> Access {
    let RegistryWay { plain_http, ca, cert_dir, authfile } = way;
    let mut access = Access::from_host(&|name| std::env::var(name).ok(), Path::new("/"));
    access.plain_http = *plain_http;
    access.authorities.clone_from(ca);
    access.certificate_directory.clone_from(cert_dir);
    if let Some(file) = authfile {
        access.auth_files = AuthFiles::named(file);
    }
    access
}
