//! What an attestation says of its circumstances: the builder, the machine, and the project's lock and revision.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::SystemTime;

use crate::attest::key::KeyId;
use crate::attest::{Builder, LockDigest, ProjectState, Revision, System};
use crate::cli::failure::Failure;
use crate::cli::git::git;
use crate::digest::Sha256;
use crate::fs;
use crate::lock;
use crate::sandbox;

/// Who builds: as the command line says, else named by the key, in RFC 6920's form for a thing known by its hash.
pub fn builder(named: Option<&str>, key: KeyId) -> Builder {
    let digits = key.hint().trim_end_matches('=').replace('+', "-").replace('/', "_");
    let versions = [("drystone", env!("CARGO_PKG_VERSION").to_owned()), ("sandbox", sandbox::VERSION.to_string())];
    Builder {
        id: named.map_or_else(|| format!("ni:///sha-256;{digits}"), str::to_owned),
        version: BTreeMap::from(versions.map(|(name, version)| (name.to_owned(), version))),
    }
}

/// This machine.
pub fn system() -> Result<System, Failure> {
    let kernel = fs::read_to_string(Path::new("/proc/sys/kernel/osrelease"))?;
    Ok(System {
        kernel: kernel.trim().to_owned(),
        machine: std::env::consts::ARCH.to_owned(),
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
    })
}

/// The project as it is. Where git is not installed or the project is no repository, no revision is known.
pub fn project(root: &Path) -> Result<ProjectState, Failure> {
    let path = root.join(lock::FILE);
    let lock = if path.is_file() { Some(LockDigest { sha256: Sha256::of(&fs::read(&path)?) }) } else { None };
    let revision = asked(root, &["rev-parse", "--verify", "--quiet", "HEAD"]).filter(|commit| is_commit(commit));
    let status = || asked(root, &["status", "--porcelain", "--untracked-files=no", "--", "."]);
    let modified = revision.is_some() && status().is_none_or(|files| !files.is_empty());
    Ok(ProjectState { lock, revision: revision.map(|git_commit| Revision { git_commit }), modified })
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What git prints, without the end of the line; `None` when it fails or is not there.
fn asked(root: &Path, words: &[&str]) -> Option<String> {
    let mut command = git();
    command.arg("-C").arg(root).args(words).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Now, in UTC.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
