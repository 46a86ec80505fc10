//! Debian's packages, fetched with the machine's own apt into a directory that is kept.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use drystone::archive::{self, Limits};

/// A program of a package.
pub struct Program {
    /// The package's name.
    pub name: String,
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// Debian's multi-call programs: package, and the program in it.
const GUILTY: [(&str, &str); 5] = [
    ("busybox", "usr/bin/busybox"),
    ("busybox-static", "usr/bin/busybox"),
    ("toybox", "usr/bin/toybox"),
    ("sash", "usr/bin/sash"),
    ("rust-coreutils", "usr/bin/coreutils"),
];

/// Debian's multi-call programs; none where packages cannot be had.
pub fn guilty() -> &'static [Program] {
    static PROGRAMS: OnceLock<Vec<Program>> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let program = |(package, path): (&str, &str)| {
            let path = unpacked(package)?.join(path);
            Some(Program { name: package.to_owned(), bytes: std::fs::read(&path).unwrap(), path })
        };
        let programs: Vec<_> = GUILTY.into_iter().filter_map(program).collect();
        assert!(programs.is_empty() || programs.len() == GUILTY.len(), "some packages are there, and some are not");
        programs
    })
}

/// Where fetched things are kept.
pub fn cache() -> PathBuf {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("multicall");
    std::fs::create_dir_all(&cache).unwrap();
    cache
}

/// The file of a package; `None` when it cannot be had.
pub fn package(name: &str) -> Option<PathBuf> {
    package_from(name, &[])
}

/// A package's files; `None` when it cannot be had.
pub fn unpacked(name: &str) -> Option<PathBuf> {
    unpack(name, &package(name)?)
}

/// The same, apt being told more.
pub fn unpacked_from(name: &str, options: &[String]) -> Option<PathBuf> {
    unpack(name, &package_from(name, options)?)
}

/// One test at a time fetches; others find what it has fetched.
static FETCHING: Mutex<()> = Mutex::new(());

fn package_from(name: &str, options: &[String]) -> Option<PathBuf> {
    let _one = FETCHING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let file = cache().join(format!("{name}.deb"));
    if !file.exists() {
        let directory = tempfile::tempdir_in(cache()).unwrap();
        let fetched = apt(options, &["-q", "download", name], directory.path());
        let fetched = fetched.and_then(|()| std::fs::read_dir(directory.path()).unwrap().next());
        let Some(fetched) = fetched else {
            eprintln!("skipped: apt-get cannot download {name}");
            return None;
        };
        std::fs::rename(fetched.unwrap().path(), &file).unwrap();
    }
    Some(file)
}

fn unpack(name: &str, file: &Path) -> Option<PathBuf> {
    let _one = FETCHING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let tree = cache().join(name);
    if !tree.exists() {
        archive::unpack_packages(&[(name.to_owned(), file.to_owned())], &tree, &Limits::default()).unwrap();
    }
    Some(tree)
}

/// Runs apt-get; `None` when it fails.
pub fn apt(options: &[String], words: &[&str], directory: &Path) -> Option<()> {
    let output = Command::new("apt-get").args(options).args(words).current_dir(directory).output().ok()?;
    if !output.status.success() {
        eprintln!("apt-get {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    output.status.success().then_some(())
}

/// The ELF files below a directory.
pub fn programs_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                pending.push(entry.path());
            } else if kind.is_file() && is_elf(&entry.path()) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

fn is_elf(path: &Path) -> bool {
    use std::io::Read as _;
    let mut start = [0; 4];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *drystone::elf::MAGIC
}
