//! What was decided about an image, in the words of those who run it.
//!
//! One value, [`Controls`], says how the container runs; each file here writes it for one kind of runtime: an OCI
//! bundle, podman's or docker's command line, a Kubernetes pod, a systemd unit. All of them say the same: a read-only
//! root, file systems in memory at the declared paths and nowhere else, none of them for programs; a user that is not
//! root; the declared capabilities and no others; no new privileges; a list of system calls.
//!
//! Pure, and byte-stable like the image.

mod bundle;
mod command;
mod kubernetes;
mod seccomp;
mod systemd;

use std::collections::BTreeMap;

use crate::image::Rootfs;
use crate::path::RelPath;
use crate::recipe::{ImageConfig, Owner, Runtime};

/// How a container of an image runs.
#[derive(Debug)]
struct Controls<'a> {
    name: &'a str,
    tag: &'a str,
    config: &'a ImageConfig,
    runtime: &'a Runtime,
    user: Owner,
    architecture: &'static str,
}

/// The files that say to each kind of runtime how a container of the image runs: `seccomp.json`, `config.json`,
/// `run`, `pod.yaml` and `NAME.service`, by name.
///
/// `architecture` is the image's, as OCI names it.
pub fn controls(rootfs: &Rootfs, architecture: &'static str) -> BTreeMap<RelPath, Vec<u8>> {
    let controls = Controls {
        name: rootfs.name(),
        tag: rootfs.tag(),
        config: rootfs.config(),
        runtime: rootfs.runtime(),
        user: rootfs.user(),
        architecture,
    };
    let short = controls.short_name();
    let files = [
        ("seccomp.json".to_owned(), json(&seccomp::profile(&controls))),
        ("config.json".to_owned(), json(&bundle::config(&controls))),
        ("run".to_owned(), command::script(&controls).into_bytes()),
        ("pod.yaml".to_owned(), kubernetes::pod(&controls).into_bytes()),
        (format!("{short}.service"), systemd::unit(&controls).into_bytes()),
    ];
    let path = |name: String| RelPath::new(name).expect("an image's name is a file name when its slashes are gone");
    files.into_iter().map(|(name, bytes)| (path(name), bytes)).collect()
}

impl Controls<'_> {
    /// The image's name without the repositories above it.
    fn short_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(self.name)
    }

    /// The words of the first process.
    fn words(&self) -> impl Iterator<Item = &str> {
        self.config.entrypoint.iter().chain(&self.config.cmd).map(String::as_str)
    }

    fn workdir(&self) -> &str {
        self.config.workdir.as_deref().unwrap_or("/")
    }
}

fn json(value: &serde_json::Value) -> Vec<u8> {
    let mut text = serde_json::to_string_pretty(value).expect("plain data has a text");
    text.push('\n');
    text.into_bytes()
}

#[cfg(test)]
mod tests;
