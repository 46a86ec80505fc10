//! `drystone fmt`.

use std::path::{Path, PathBuf};

use super::args::{Common, Fmt};
use super::failure::Failure;
use super::project;
use crate::fs::{self, Durability};
use crate::recipe::format;

/// Formats files; prints the names of those that were not.
pub fn run(common: &Common, args: &Fmt) -> Result<(), Failure> {
    let files = if args.files.is_empty() { all(&project::find(common)?)? } else { args.files.clone() };
    let mut changed = 0;
    for file in &files {
        let text = fs::read_to_string(file)?;
        let formatted = format(&text).map_err(|error| {
            let hint = "mend it first: `drystone plan` says where the fault is".to_owned();
            Failure::user(format!("{}: {error}", file.display()), hint)
        })?;
        if formatted != text {
            changed += 1;
            println!("{}", file.display());
            if !args.check {
                replace(file, &formatted)?;
            }
        }
    }
    if args.check && changed > 0 {
        let message = format!("{changed} of {} files are not formatted", files.len());
        return Err(Failure::found(message, "drystone fmt"));
    }
    Ok(())
}

/// Puts a new text in a file's place, in one step.
pub fn replace(file: &Path, text: &str) -> Result<(), Failure> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(fs::publish(directory, file, text.as_bytes(), Durability::Flushed)?)
}

/// Every TOML file below a project's `recipes/` and `toolchains/`.
fn all(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut directories = vec![root.join("toolchains"), root.join("recipes")];
    while let Some(directory) = directories.pop() {
        for name in fs::list(&directory)? {
            let path = directory.join(name);
            if path.is_dir() && !path.is_symlink() {
                directories.push(path);
            } else if path.extension().is_some_and(|kind| kind == "toml") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
