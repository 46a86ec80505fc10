//! The `cc` preset's step: C files compiled and linked by the `cc` crate, without shell or make.
//!
//! Runs inside the sandbox, in a process forked from init; reads the environment of the step (`CFLAGS`), and
//! compiles in parallel as far as the run's jobserver has tokens.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use globset::{GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

use crate::path::glob;

/// Where results are installed, and where objects are kept meanwhile.
const OUT: &str = "/out";
const OBJECTS: &str = "/build/objects";

/// The recipe's own files, the last place where headers are looked for.
const FILES: &str = "/build/files";

/// Takes what the compiler says to the build's log as it is.
#[derive(Debug)]
struct CompilerMessages;

impl cc::BuildMessageLogger for CompilerMessages {
    fn log(&self, kind: cc::BuildMessageKind, message: cc::BuildMessage<'_>, _: &dyn std::any::Any) {
        if matches!(kind, cc::BuildMessageKind::StderrForwarding) {
            eprintln!("{message}");
        }
    }
}

/// Everything that one compile step makes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The compiler's name.
    pub compiler: String,
    /// The archiver's name.
    pub archiver: String,
    /// The target, in `cc`'s spelling (`x86_64-unknown-linux-musl`).
    pub target: String,
    /// Programs and libraries, in order; a program finds the libraries before it.
    pub units: Vec<Unit>,
    /// (destination below `/out`, glob of files); a destination that ends with `/` is a directory.
    pub copies: Vec<(String, String)>,
}

/// One program or static library.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// Whether it is a library.
    pub library: bool,
    /// Globs of its C files.
    pub sources: Vec<String>,
    /// Globs of files that are not compiled.
    pub exclude: Vec<String>,
    /// Include directories.
    pub include: Vec<String>,
    /// Macros; `None` is `-DNAME`.
    pub define: BTreeMap<String, Option<String>>,
    /// Further compiler words.
    pub flags: Vec<String>,
    /// Libraries to link with.
    pub libs: Vec<String>,
}

/// Does the job, in the current directory. The error is a text for the log.
pub fn run(job: &Job) -> Result<(), String> {
    let files = list(Path::new(".")).map_err(|error| format!("cannot list the source: {error}"))?;
    for unit in &job.units {
        let made = make(job, unit, &files).map_err(|error| format!("{}: {error}", unit.name))?;
        println!("made {}", made.display());
    }
    for (destination, pattern) in &job.copies {
        copy(destination, pattern, &files)?;
    }
    Ok(())
}

fn make(job: &Job, unit: &Unit, files: &[PathBuf]) -> Result<PathBuf, String> {
    let (wanted, unwanted) = (globs(&unit.sources)?, globs(&unit.exclude)?);
    let sources: Vec<_> = files.iter().filter(|file| wanted.is_match(file) && !unwanted.is_match(file)).collect();
    if sources.is_empty() {
        return Err(format!("no file matches {:?}", unit.sources));
    }
    let objects = Path::new(OBJECTS).join(&unit.name);
    fs::create_dir_all(&objects).map_err(|error| format!("cannot create {}: {error}", objects.display()))?;
    let mut build = cc::Build::new();
    build.compiler(&job.compiler).archiver(&job.archiver).target(&job.target).host(&job.target);
    build.out_dir(&objects).opt_level(2).debug(false).warnings(false).pic(false);
    build.cargo_metadata(false).cargo_warnings(false).message_logger(Some(Arc::new(CompilerMessages)));
    build.includes(&unit.include).include(FILES).files(&sources);
    for (name, value) in &unit.define {
        build.define(name, value.as_deref());
    }
    for flag in &unit.flags {
        build.flag(flag);
    }
    let compiled = build.try_compile_intermediates().map_err(|error| error.to_string())?;
    if unit.library { archive(job, unit, &compiled) } else { link(unit, &build, &compiled) }
}

fn archive(job: &Job, unit: &Unit, objects: &[PathBuf]) -> Result<PathBuf, String> {
    let library = place("usr/lib", &format!("lib{}.a", unit.name))?;
    // D: no times, owners or modes in the archive; the objects come sorted.
    execute(Command::new(&job.archiver).arg("rcsD").arg(&library).args(objects))?;
    Ok(library)
}

fn link(unit: &Unit, build: &cc::Build, objects: &[PathBuf]) -> Result<PathBuf, String> {
    let program = place("usr/bin", &unit.name)?;
    let mut command = build.try_get_compiler().map_err(|error| error.to_string())?.to_command();
    command.args(objects).arg("-o").arg(&program).arg(format!("-L{OUT}/usr/lib"));
    command.args(unit.libs.iter().map(|library| format!("-l{library}")));
    execute(&mut command)?;
    Ok(program)
}

fn execute(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("cannot execute `{program}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{program}` ended with {status}")) }
}

/// A path for an installed file, with its directory made.
fn place(directory: &str, name: &str) -> Result<PathBuf, String> {
    let directory = Path::new(OUT).join(directory);
    fs::create_dir_all(&directory).map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
    Ok(directory.join(name))
}

fn copy(destination: &str, pattern: &str, files: &[PathBuf]) -> Result<(), String> {
    let glob = globs(std::slice::from_ref(&pattern.to_owned()))?;
    let matching: Vec<_> = files.iter().filter(|file| glob.is_match(file)).collect();
    let (directory, name) = match destination.rsplit_once('/') {
        Some((directory, "")) => (directory, None),
        Some((directory, name)) => (directory, Some(name)),
        None => (".", Some(destination)),
    };
    match (matching.len(), name) {
        (0, _) => return Err(format!("nothing to copy to {destination}: no file matches `{pattern}`")),
        (2.., Some(_)) => return Err(format!("several files match `{pattern}`, so {destination} must end with `/`")),
        _ => {}
    }
    for file in matching {
        let own = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let target = place(directory, name.unwrap_or(own))?;
        let copied = fs::copy(file, &target).and_then(|_| {
            let executable = fs::metadata(file)?.permissions().mode() & 0o111 != 0;
            fs::set_permissions(&target, fs::Permissions::from_mode(if executable { 0o755 } else { 0o644 }))
        });
        copied.map_err(|error| format!("cannot copy {} to {}: {error}", file.display(), target.display()))?;
    }
    Ok(())
}

fn globs(patterns: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(glob(pattern).map_err(|error| error.to_string())?);
    }
    set.build().map_err(|error| error.to_string())
}

/// All files below the current directory, relative to it, sorted.
fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                pending.push(entry.path());
            } else {
                files.push(entry.path().strip_prefix(".").unwrap_or(&entry.path()).to_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}
