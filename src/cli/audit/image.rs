//! An image, assembled again from what the audit built, by a process whose surroundings are others.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::room::Room;
use super::row::{First, Row, Second};
use crate::cli::args::Audit as Args;
use crate::cli::failure::Failure;
use crate::cli::image::locked;
use crate::cli::project::Project;
use crate::digest::Sha256;
use crate::fs;
use crate::plan::Outputs;
use crate::store::Store;

/// Assembles a spec's image twice from the audit's store: here, and elsewhere as another process would.
pub fn audit(project: &Project, room: &Room, spec: &Path, args: &Args) -> Result<Row, Failure> {
    let spec = std::path::absolute(spec).map_err(fs::failed("find", spec))?;
    let store = if args.trust_store { project.store.root().to_owned() } else { room.store() };
    let audited = project.with_store(Store::open(&store)?)?;
    let what = locked::name(project, &spec);
    let began = Instant::now();
    let digest = locked::digest(&audited, &spec, &args.running)?;
    let first_seconds = began.elapsed().as_secs_f64();
    let first = match project.lock_for(&args.running)?.and_then(|lock| lock.images.get(&what)) {
        Some(locked) if *locked == digest => First::Locked,
        // A spec is no input of which the lock knows what it was.
        Some(_) => First::Differs,
        None => First::NotLocked,
    };
    let began = Instant::now();
    let second = match elsewhere(project, &store, &spec, &room.fresh())? {
        Ok(other) if other == digest.to_string() => Second::Same,
        Ok(other) => failed(format!("the digest is sha256:{other} instead of sha256:{digest}")),
        Err(error) => failed(error),
    };
    let seconds = (first_seconds, began.elapsed().as_secs_f64());
    Ok(Row { what, target: None, key: None, outputs: Outputs::new(), first, second, seconds })
}

fn failed(error: String) -> Second {
    Second::Failed { error, cause: None }
}

/// The digest that another process finds: with an empty cache of layers, another directory, mask, time zone, language
/// and environment. `Err` is what it said when it failed.
fn elsewhere(project: &Project, store: &Path, spec: &Path, output: &Path) -> Result<Result<String, String>, Failure> {
    let program = std::env::current_exe().map_err(fs::failed("find", Path::new("this program")))?;
    let mut command = Command::new(program);
    command.arg("--project").arg(&project.root).arg("--store").arg(store);
    command.args(["image", "build"]).arg(spec).arg("-o").arg(output).args(["--offline", "--jobs", "1", "--no-lock"]);
    command.current_dir("/").env_clear().stdin(Stdio::null());
    command.env("PATH", "/nonexistent").env("HOME", "/nonexistent");
    command.env("TZ", "AUD-13:45").env("LC_ALL", "tr_TR.UTF-8").env("USER", "auditor").env("AUDIT_CANARY", "1");
    if store != project.store.root() {
        // Layers are compressed anew.
        fs::remove_tree(&store.join("cache").join("layers"))?;
    }
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let ran = command.output();
    rustix::process::umask(before);
    let ran = ran.map_err(fs::failed("execute", Path::new("this program")))?;
    fs::remove_tree(output)?;
    if !ran.status.success() {
        return Ok(Err(String::from_utf8_lossy(&ran.stderr).into_owned()));
    }
    let text = String::from_utf8_lossy(&ran.stdout).trim().to_owned();
    let digest: Option<Sha256> = text.strip_prefix("sha256:").and_then(|digest| digest.parse().ok());
    Ok(digest.map(|digest| digest.to_string()).ok_or_else(|| format!("it printed {text:?} and no digest")))
}
