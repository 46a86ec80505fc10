//! What every build's output must be: the rules, and the search for what breaks them.

use std::fmt;
use std::path::Path;

use object::read::archive::ArchiveFile;
use rayon::prelude::*;

use super::BuildError;
use crate::elf::{self, Facts, Kind};
use crate::fs;
use crate::path::RelPath;
use crate::tree::{Entry, Tree};

/// A file that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which file.
    pub path: RelPath,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// What the rules need to know of a build.
#[derive(Debug)]
pub struct Rules<'a> {
    /// The ELF machine that everything must be for.
    pub machine: &'a str,
    /// Files that were installed setuid or setgid, in this tree or beside it.
    pub found_setuid: &'a [RelPath],
    /// Files that may be.
    pub allowed_setuid: &'a [RelPath],
    /// Whether it is one of the toolchain's tools, which speak of the sandbox's places because they work there.
    pub tool: bool,
    /// Places of this machine that no file may name.
    pub host_paths: &'a [String],
}

/// Holds a build's output to the rules.
///
/// # Errors
/// Only when a file cannot be read; what breaks a rule is in the list, in the order of the paths.
pub fn check(root: &Path, tree: &Tree, rules: &Rules<'_>) -> Result<Vec<Violation>, BuildError> {
    let mut violations: Vec<Violation> = rules
        .found_setuid
        .iter()
        .filter(|path| tree.get(path).is_some() && !rules.allowed_setuid.contains(path))
        .map(|path| Violation {
            path: path.clone(),
            what: "is setuid or setgid, and the recipe's `install.setuid` does not list it".to_owned(),
        })
        .collect();
    let files: Vec<_> = tree.iter().collect();
    let found: Result<Vec<Vec<Violation>>, BuildError> =
        files.into_par_iter().map(|(path, entry)| check_entry(root, path, entry, rules)).collect();
    violations.extend(found?.into_iter().flatten());
    violations.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(violations)
}

fn check_entry(root: &Path, path: &RelPath, entry: &Entry, rules: &Rules<'_>) -> Result<Vec<Violation>, BuildError> {
    let faults = match entry {
        Entry::Dir => Vec::new(),
        Entry::Symlink { target } => forbidden_path(target.as_bytes(), rules).into_iter().collect(),
        Entry::File { .. } => {
            let bytes = fs::read(&path.under(root))?;
            let mut faults: Vec<String> = forbidden_path(&bytes, rules).into_iter().collect();
            if bytes.starts_with(&object::archive::MAGIC) {
                faults.extend(archive_faults(&bytes, rules));
            } else if let Some(facts) = elf::inspect(&bytes) {
                match facts {
                    Ok(facts) => faults.extend(elf_faults(&facts, rules.machine)),
                    Err(error) => faults.push(format!("is a malformed ELF file: {error}")),
                }
            }
            faults
        }
    };
    Ok(faults.into_iter().map(|what| Violation { path: path.clone(), what }).collect())
}

/// What is wrong with an ELF file: it must be static, for the machine, and hardened as the toolchain promises.
fn elf_faults(facts: &Facts, machine: &str) -> Vec<String> {
    let Facts {
        kind,
        machine: own,
        interpreter,
        needed,
        rpath,
        relro,
        bind_now,
        stack_protected,
        writable_code,
        build_id,
        // The toolchain's specs turn the protector on; a small program may have nothing for it to protect.
        canary_checks: _,
    } = facts;
    let mut faults = Vec::new();
    let mut fault = |broken: bool, text: &str| {
        if broken {
            faults.push(text.to_owned());
        }
    };
    fault(own != machine, &format!("is for {own} instead of {machine}"));
    if *kind == Kind::Relocatable {
        return faults;
    }
    fault(*kind != Kind::Pie, "is not a static-PIE program");
    fault(*needed > 0, "needs shared libraries");
    fault(*rpath, "names places to look for shared libraries in");
    fault(!relro, "has no RELRO segment");
    fault(!bind_now, "does not bind all symbols at start");
    fault(!stack_protected, "has an executable stack");
    fault(*writable_code, "has a segment that is both writable and executable");
    fault(*build_id, "carries a build id");
    if let Some(interpreter) = interpreter {
        faults.push(format!("is not static: it asks for the interpreter {interpreter}"));
    }
    faults
}

fn archive_faults(bytes: &[u8], rules: &Rules<'_>) -> Vec<String> {
    let malformed = |error: object::Error| vec![format!("is a malformed static library: {error}")];
    let archive = match ArchiveFile::parse(bytes) {
        Ok(archive) => archive,
        Err(error) => return malformed(error),
    };
    let mut faults = Vec::new();
    for member in archive.members() {
        let member = match member {
            Ok(member) => member,
            Err(error) => return malformed(error),
        };
        let name = String::from_utf8_lossy(member.name());
        if member.date() != Some(0) || member.uid() != Some(0) || member.gid() != Some(0) {
            faults.push(format!("keeps the time or owner of its member {name}"));
        }
        if let Some(Ok(facts)) = member.data(bytes).ok().and_then(elf::inspect)
            && facts.machine != rules.machine
        {
            faults.push(format!("has a member {name} for {} instead of {}", facts.machine, rules.machine));
        }
    }
    faults
}

/// The places of the sandbox that are gone when the build is.
const BUILD_PATHS: [&str; 3] = ["/build/", "/sysroot/", "/out/"];

/// A path in the file that means something only during the build, or on this machine.
fn forbidden_path(bytes: &[u8], rules: &Rules<'_>) -> Option<String> {
    let of_build = BUILD_PATHS.iter().find(|path| !rules.tool && names(bytes, path));
    if let Some(path) = of_build {
        return Some(format!("names the build's own place `{path}`"));
    }
    let of_host = rules.host_paths.iter().find(|path| find(bytes, path.as_bytes()).next().is_some());
    of_host.map(|_| "names the store's place on this machine".to_owned())
}

/// Whether the bytes hold `path` as the beginning of an absolute path, and not as the end of a longer one
/// (`src/build/x`, `$(top)/build/x`, `https://host/build/`).
fn names(bytes: &[u8], path: &str) -> bool {
    let continues = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~/)}*+$>%@".contains(&byte);
    // A compiler's option stands right before its path.
    let option = |before: &[u8]| {
        let word = before.strip_suffix(b"-I").or_else(|| before.strip_suffix(b"-L"));
        word.is_some_and(|word| word.last().is_none_or(|byte| !continues(*byte)))
    };
    find(bytes, path.as_bytes()).any(|at| at == 0 || !continues(bytes[at - 1]) || option(&bytes[..at]))
}

fn find<'a>(bytes: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    memchr::memmem::find_iter(bytes, needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_path_is_found_where_it_begins_and_not_within_another() {
        assert!(names(b"\0/build/src/x.c\0", "/build/"));
        assert!(names(b"=/build/src", "/build/"));
        assert!(names(b"cc -I/build/src", "/build/") && names(b"-L/build/src", "/build/"));
        assert!(!names(b"lib-I/build/x", "/build/"));
        assert!(!names(b"https://host/build/x", "/build/"));
        assert!(!names(b"$(top)/build/x", "/build/"));
    }

    #[test]
    fn the_host_s_own_program_breaks_the_rules_of_static_ones() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::copy(std::env::current_exe().unwrap(), scratch.path().join("dynamic")).unwrap();
        let tree = crate::store::scan(scratch.path()).unwrap().tree;
        let rules = Rules {
            machine: std::env::consts::ARCH,
            found_setuid: &[],
            allowed_setuid: &[],
            tool: false,
            host_paths: &[],
        };
        let found: Vec<String> =
            check(scratch.path(), &tree, &rules).unwrap().iter().map(Violation::to_string).collect();
        assert!(found.contains(&"dynamic: needs shared libraries".to_owned()), "{found:?}");
        assert!(found.iter().any(|line| line.starts_with("dynamic: is not static: it asks for the interpreter /")));
    }
}
