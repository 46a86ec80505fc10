//! Shell text, as far as a remark needs it: which programs it calls by name.

use super::super::{Catalog, Recipe, RecipeName};

/// Programs that scripts of builds often call, and that neither the seeds nor the toolchain have.
const ABSENT: &[&str] = &[
    "aclocal",
    "autoconf",
    "autoheader",
    "automake",
    "autoreconf",
    "bash",
    "bc",
    "bison",
    "cargo",
    "cmake",
    "curl",
    "file",
    "flex",
    "gawk",
    "git",
    "go",
    "gperf",
    "hexdump",
    "libtoolize",
    "lua",
    "m4",
    "makeinfo",
    "meson",
    "ninja",
    "openssl",
    "perl",
    "pkg-config",
    "pkgconf",
    "python",
    "python3",
    "rsync",
    "rustc",
    "sudo",
    "unzip",
    "vim",
    "wget",
    "which",
    "xsltproc",
    "xxd",
    "yacc",
    "zip",
];

/// Words after which a command begins.
const BEFORE_COMMANDS: [&str; 12] =
    ["if", "then", "else", "elif", "do", "while", "until", "!", "exec", "env", "command", "time"];

/// The names of the programs that a script calls, as far as they can be seen. What stands in here-documents is no
/// command.
pub(super) fn commands(script: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut ends: Option<String> = None;
    for line in script.lines() {
        if let Some(end) = &ends {
            if line.trim() == end {
                ends = None;
            }
            continue;
        }
        ends = here_document(line);
        let line = line.split(" #").next().unwrap_or_default();
        for part in line.split([';', '|', '&', '(', '`', '{', '}']) {
            commands.extend(command(part));
        }
    }
    commands
}

/// The word that ends the here-document which a line begins.
fn here_document(line: &str) -> Option<String> {
    let (_, after) = line.split_once("<<")?;
    let word = after.trim_start_matches(['-', ' ']).split_whitespace().next()?;
    let word = word.trim_matches(['\'', '"', '\\', ')', ';']);
    (!word.is_empty() && !word.starts_with('<')).then(|| word.to_owned())
}

/// The program of a simple command.
fn command(part: &str) -> Option<String> {
    let assigns = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
    };
    let word = part.split_whitespace().find(|word| !BEFORE_COMMANDS.contains(word) && !assigns(word))?;
    let name = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_+.".contains(c));
    (name && !word.starts_with('#')).then(|| word.to_owned())
}

/// What is to be said of a program that is not there for a recipe; `None` for one that is, or that is not known.
pub(super) fn absent(name: &str, recipe: &Recipe, with: &[&RecipeName], catalog: &Catalog) -> Option<String> {
    if !ABSENT.contains(&name) {
        return None;
    }
    let own = recipe.name.as_str() == name || brought_by(name, catalog).as_deref() == Some(recipe.name.as_str());
    let preset = catalog.preset_of(recipe);
    let of_preset = preset.into_iter().flat_map(|preset| &preset.tools);
    let mut there = recipe.dependencies.build.iter().chain(with.iter().copied()).chain(of_preset);
    let asked = there.any(|tool| brings(tool.as_str(), name));
    let mut seeds = preset.into_iter().flat_map(|preset| &preset.seeds).flat_map(|seeds| &seeds.packages);
    let seeded = seeds.any(|package| is_named_after(&package.name, name));
    (!own && !asked && !seeded).then(|| format!("a script calls `{name}`, which the sandbox does not have"))
}

/// The recipe that brings a program, by name.
pub(super) fn brought_by(name: &str, catalog: &Catalog) -> Option<String> {
    catalog.recipes().map(|recipe| recipe.name.to_string()).find(|recipe| brings(recipe, name))
}

fn brings(recipe: &str, program: &str) -> bool {
    recipe == program
        || matches!((recipe, program), ("pkgconf", "pkg-config") | ("bison", "yacc") | ("util-linux", "hexdump"))
}

/// Whether a package is named after the program that it brings, as `ninja-build` and `python3.11-minimal` are.
fn is_named_after(package: &str, program: &str) -> bool {
    package.strip_prefix(program).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// A machine's name in a script.
pub(super) fn machine(script: &str) -> Option<&'static str> {
    ["x86_64", "aarch64", "amd64", "arm64", "i686"].into_iter().find(|word| script.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_after_programs() {
        for (package, program) in [("cmake", "cmake"), ("ninja-build", "ninja"), ("python3.11-minimal", "python3")] {
            assert!(is_named_after(package, program), "{program}");
        }
        for (package, program) in [("golang", "go"), ("python3.11-minimal", "python"), ("libcmake", "cmake")] {
            assert!(!is_named_after(package, program), "{program}");
        }
    }

    #[test]
    fn commands_stand_where_a_shell_looks_for_them() {
        let script = "CC=x perl a.pl | sed s/python/x/\nif ! which y; then echo git; fi\nx=$(python3 -c 1) # cmake\ncat <<E > f\nmeson setup\nE\nexec bash -c x && m4 < y";
        let found = commands(script);
        for name in ["perl", "sed", "which", "echo", "python3", "cat", "bash", "m4"] {
            assert!(found.contains(&name.to_owned()), "{name}: {found:?}");
        }
        for name in ["python", "git", "cmake", "meson"] {
            assert!(!found.contains(&name.to_owned()), "{name}: {found:?}");
        }
    }
}
