//! Validators from PyPI, in an environment of their own below the target directory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::Run;

/// What is installed, with exactly these versions.
const PACKAGES: [&str; 4] = [
    "spdx-tools==0.8.5",
    "cyclonedx-python-lib[json-validation]==11.12.0",
    "ntia-conformance-checker==6.0.0",
    "in-toto-attestation==0.9.3",
];

/// The environment's interpreter, installed when it is first asked for. `None`, having said so, where Python cannot
/// make environments.
pub fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(install).as_deref()
}

fn install() -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("evidence-python");
    let (python, done) = (place.join("bin/python"), place.join("installed"));
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == PACKAGES.join("\n")) {
        return Some(python);
    }
    // What an earlier run did not finish.
    drystone::fs::remove_tree(&place).unwrap();
    if !Command::new("python3").args(["-m", "venv"]).arg(&place).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: python3 with its venv module is not installed (on Debian: apt-get install python3-venv)");
        return None;
    }
    // In the developer's own environment: it may say where the package index and proxies are.
    Run::of(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES)).succeeded();
    std::fs::write(&done, PACKAGES.join("\n")).unwrap();
    Some(python)
}

/// Runs a program text with words.
pub fn run(python: &Path, program: &str, words: &[&str]) -> Run {
    Run::of(Command::new(python).args(["-c", program]).args(words))
}
