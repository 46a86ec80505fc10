//! What an image spec says, once it has been parsed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{OutputRef, Policy, Runtime, Target};
use crate::path::RelPath;

/// A parsed image spec.
#[derive(Debug, Clone)]
pub struct ImageSpec {
    /// The image's name.
    pub name: String,
    /// Its tag; `latest` where it is not said.
    pub tag: String,
    /// What it holds.
    pub components: Vec<ComponentRequest>,
    /// How it runs.
    pub config: ImageConfig,
    /// The users of `/etc/passwd`.
    pub users: Vec<SpecUser>,
    /// The groups of `/etc/group`, those of the users included.
    pub groups: Vec<SpecGroup>,
    /// Files of the spec's own.
    pub files: Vec<SpecFile>,
    /// Directories of the spec's own.
    pub directories: Vec<SpecDirectory>,
    /// Symbolic links of the spec's own.
    pub links: Vec<SpecLink>,
    /// The rules that it is held to.
    pub policy: Policy,
    /// What its container may do.
    pub runtime: Runtime,
    /// The targets that it is made for; the project's own where it names none.
    pub targets: Vec<Target>,
    /// The file that it was read from.
    pub file: PathBuf,
}

/// A component that the image holds, whole or in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentRequest {
    /// Which.
    pub output: OutputRef,
    /// Only these files of it, or what lies below these directories of it, where said.
    pub only: Option<Vec<RelPath>>,
}

/// How the image's container runs; see the OCI image configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// The program and its first words.
    pub entrypoint: Vec<String>,
    /// Further words, which a user may replace.
    pub cmd: Vec<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// `uid`, `uid:gid` or a declared user's name.
    pub user: Option<String>,
    /// The working directory, absolute.
    pub workdir: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Exposed ports, as `8080/tcp`.
    pub ports: Vec<String>,
    /// The signal that stops it, as `SIGTERM`.
    pub stop_signal: Option<String>,
    /// Volumes, absolute paths.
    pub volumes: Vec<String>,
}

/// An owner of files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owner {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecUser {
    /// The user's name.
    pub name: String,
    /// Its numbers.
    pub owner: Owner,
    /// Its home directory.
    pub home: String,
    /// Its shell.
    pub shell: String,
}

/// A line of `/etc/group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecGroup {
    /// The group's name.
    pub name: String,
    /// Its number.
    pub gid: u32,
    /// Its members' names.
    pub members: Vec<String>,
}

/// A file of the spec's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecFile {
    /// Where.
    pub path: RelPath,
    /// Its bytes.
    pub content: Vec<u8>,
    /// The file that they were read from, where they do not stand in the spec.
    pub source: Option<PathBuf>,
    /// Its permission bits.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
}

/// A directory of the spec's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecDirectory {
    /// Where.
    pub path: RelPath,
    /// Its permission bits.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
}

/// A symbolic link of the spec's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecLink {
    /// Where.
    pub path: RelPath,
    /// The link's text.
    pub target: String,
}
