//! `drystone edit`.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::args::{Common, Edit};
use super::failure::Failure;
use super::project;
use super::show::say;
use crate::fs;
use crate::recipe::{Catalog, CatalogError, nearest};

/// Opens a recipe, or a file of it, in the user's editor, until it has no faults or the user has had enough.
pub fn run(common: &Common, args: &Edit) -> Result<(), Failure> {
    // The catalogue is not loaded first: what is to be mended must be reachable.
    let root = project::find(common)?;
    let (name, file) = match args.name.split_once('/') {
        Some((name, file)) => (name, Some(file)),
        None => (args.name.as_str(), None),
    };
    let recipe = recipe_file(&root, name)?;
    let path = match file {
        Some(file) => local_file(&recipe.with_extension(""), name, file)?,
        None => recipe,
    };
    let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
    let Some(editor) = editor else {
        return Err(Failure::user(
            "neither VISUAL nor EDITOR names an editor".to_owned(),
            format!("name one, as in: EDITOR=nano drystone edit {}; the file is {}", args.name, path.display()),
        ));
    };
    let before = fs::read(&path)?;
    loop {
        edit(&editor, &path)?;
        match Catalog::load(&root) {
            Ok(_) => break,
            Err(CatalogError::Faults(faults)) if asks() => {
                faults.iter().for_each(|fault| say(format_args!("{fault}\n")));
                if !again() {
                    return Err(Failure::found(
                        format!("{} is left as it is, with faults", path.display()),
                        &format!("go on with: drystone edit {}", args.name),
                    ));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    match fs::read(&path)? == before {
        true => say(format_args!("{} is unchanged", path.display())),
        false => say(format_args!("{} has no faults; build it: drystone build {name}", path.display())),
    }
    Ok(())
}

fn recipe_file(root: &Path, name: &str) -> Result<PathBuf, Failure> {
    let files = Catalog::recipe_files(root)?;
    let found = files.iter().find(|file| stem(file) == name);
    found.cloned().ok_or_else(|| {
        let names: Vec<String> = files.iter().map(|file| stem(file)).collect();
        let near = nearest(name, names.iter().map(String::as_str));
        Failure::user(
            format!("there is no recipe `{name}`"),
            match near.is_empty() {
                true => format!("recipes are in {}", root.join("recipes").display()),
                false => format!("the nearest: {}", near.join(", ")),
            },
        )
    })
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A patch or another file beside a recipe, in the directory that bears its name.
fn local_file(directory: &Path, name: &str, file: &str) -> Result<PathBuf, Failure> {
    let known: Vec<String> = match directory.is_dir() {
        true => fs::list(directory)?.iter().map(|name| name.to_string_lossy().into_owned()).collect(),
        false => Vec::new(),
    };
    if known.iter().any(|known| known == file) {
        return Ok(directory.join(file));
    }
    Err(Failure::user(
        format!("{name} has no file `{file}`"),
        match known.is_empty() {
            true => format!("files beside a recipe lie in {}", directory.display()),
            false => format!("it has {}", known.join(", ")),
        },
    ))
}

/// Runs the editor, which may be several words, as POSIX programs do: by the shell.
fn edit(editor: &str, path: &Path) -> Result<(), Failure> {
    let status = Command::new("sh").args(["-c", &format!("{editor} \"$1\""), "sh"]).arg(path).status();
    let hint = || "VISUAL or EDITOR names the editor".to_owned();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::user(format!("the editor `{editor}` ended with {status}"), hint())),
        Err(error) => Err(Failure::user(format!("cannot start the editor `{editor}`: {error}"), hint())),
    }
}

/// Whether there is somebody to ask.
fn asks() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

fn again() -> bool {
    say(format_args!("edit again? [Y/n]"));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    // The end of the input is no consent.
    read.is_ok_and(|length| length > 0) && !answer.trim().to_lowercase().starts_with('n')
}
