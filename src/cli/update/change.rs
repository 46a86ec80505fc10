//! What has changed between two builds of a recipe: files, sizes, and how its programs are hardened.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::fs;
use crate::path::RelPath;
use crate::plan::Outputs;
use crate::policy::{self, Binary};
use crate::store::Store;
use crate::tree::Entry;

/// All changes.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Changes {
    /// Files that are there in only one of the builds, or differ.
    pub files: Vec<Changed>,
    /// Bytes of all files of the earlier build.
    pub before: u64,
    /// Bytes of all files of the later one.
    pub after: u64,
    /// Programs whose hardening differs.
    pub hardening: Vec<Hardening>,
    /// How many programs there are now.
    pub programs: usize,
}

/// A file that differs.
#[derive(Debug, PartialEq, Serialize)]
pub struct Changed {
    pub path: String,
    /// The component that it is in, or was.
    pub component: String,
    /// Its bytes; `None` where it was not there.
    pub before: Option<u64>,
    /// Its bytes; `None` where it is not there any more.
    pub after: Option<u64>,
}

/// How a program is hardened, where that has changed.
#[derive(Debug, PartialEq, Serialize)]
pub struct Hardening {
    pub path: String,
    pub lost: Vec<&'static str>,
    pub gained: Vec<&'static str>,
}

/// A file of a build.
struct File {
    component: String,
    entry: Entry,
    bytes: u64,
    /// What of the hardening it has, if it is a program.
    hardening: Option<Vec<&'static str>>,
}

impl Changes {
    /// Compares two builds' outputs.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(store: &Store, before: &Outputs, after: &Outputs) -> Result<Self, Failure> {
        let (mut before, after) = (files(store, before)?, files(store, after)?);
        let sum = |files: &BTreeMap<RelPath, File>| files.values().map(|file| file.bytes).sum();
        let mut changes = Self { before: sum(&before), after: sum(&after), ..Self::default() };
        for (path, new) in &after {
            changes.programs += usize::from(new.hardening.is_some());
            let old = before.remove(path);
            if let (Some(old), Some(now)) = (old.as_ref().and_then(|old| old.hardening.as_ref()), &new.hardening) {
                let without = |all: &[&'static str], other: &[&'static str]| {
                    all.iter().filter(|word| !other.contains(word)).copied().collect::<Vec<_>>()
                };
                let (lost, gained) = (without(old, now), without(now, old));
                if !lost.is_empty() || !gained.is_empty() {
                    changes.hardening.push(Hardening { path: path.to_string(), lost, gained });
                }
            }
            if old.as_ref().is_none_or(|old| old.entry != new.entry || old.component != new.component) {
                let (path, component) = (path.to_string(), new.component.clone());
                changes.files.push(Changed {
                    path,
                    component,
                    before: old.map(|old| old.bytes),
                    after: Some(new.bytes),
                });
            }
        }
        changes.files.extend(before.into_iter().map(|(path, old)| Changed {
            path: path.to_string(),
            component: old.component,
            before: Some(old.bytes),
            after: None,
        }));
        changes.files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(changes)
    }
}

/// All that the components hold but directories.
fn files(store: &Store, outputs: &Outputs) -> Result<BTreeMap<RelPath, File>, Failure> {
    let mut files = BTreeMap::new();
    for (component, id) in outputs {
        let root = store.object_path(id);
        for (path, entry) in store.tree(id)?.iter() {
            let (bytes, hardening) = match entry {
                Entry::Dir => continue,
                Entry::Symlink { .. } => (0, None),
                Entry::File { executable, .. } => {
                    let place = path.under(&root);
                    let content = fs::read(&place)?;
                    let facts = executable.then(|| policy::examine(&content));
                    let binary = facts.and_then(|facts| facts.elf).and_then(Result::ok);
                    (content.len() as u64, binary.filter(|binary| binary.program).map(|binary| hardening(&binary)))
                }
            };
            let file = File { component: component.clone(), entry: entry.clone(), bytes, hardening };
            files.insert(path.clone(), file);
        }
    }
    Ok(files)
}

/// What of the hardening a program has.
fn hardening(binary: &Binary) -> Vec<&'static str> {
    let all = [
        ("static", binary.interpreter.is_none() && binary.needed == 0),
        ("position-independent", binary.pie),
        ("read-only relocations", binary.relro),
        ("immediate binding", binary.bind_now),
        ("no executable stack", binary.no_executable_stack),
        ("no writable code", !binary.writable_code),
        ("no search path", !binary.rpath),
        ("stack protector", binary.canary_checks.is_some_and(|checks| checks > 0)),
    ];
    all.into_iter().filter(|(_, has)| *has).map(|(word, _)| word).collect()
}
