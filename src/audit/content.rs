//! What differs between two trees that should be one: which files, which part of each, and how it reads.

mod binary;
mod elf;
mod packed;
mod text;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::fs;
use crate::path::RelPath;
use crate::tree::{Difference, Entry, Tree};

/// How deep archives within archives are looked into.
const DEPTH: usize = 4;
/// How many lines tell of one file.
const LINES: usize = 12;

/// What kind of difference a file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It is there in one tree only, or is another kind of thing, or leads elsewhere, or is executable in one only.
    Entry,
    /// The same lines, entries or members in another order.
    Order,
    /// The same content, compressed otherwise.
    Compression,
    /// The time of a file or of a member.
    Time,
    /// Lines of text.
    Text,
    /// Sections of an ELF file.
    Elf,
    /// Other bytes.
    Binary,
}

/// One file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The component.
    pub component: String,
    /// Where it is in it.
    pub path: RelPath,
    /// What kind of difference it shows.
    pub kind: ChangeKind,
    /// What differs, in lines for people.
    pub lines: Vec<String>,
}

/// What was found of one file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    kind: ChangeKind,
    lines: Vec<String>,
}

impl Found {
    fn new(kind: ChangeKind, lines: Vec<String>) -> Self {
        Self { kind, lines }
    }

    /// The same, as what is within something.
    fn within(self, what: &str) -> Self {
        let lines = self.lines.into_iter().map(|line| format!("{what}: {line}")).collect();
        Self { kind: self.kind, lines }
    }
}

/// What differs between a component's two trees, whose files are below two directories.
///
/// # Errors
/// When a file that differs cannot be read.
pub fn changes(component: &str, before: (&Tree, &Path), after: (&Tree, &Path)) -> fs::Result<Vec<Change>> {
    let differences = before.0.differences(after.0);
    differences.iter().map(|difference| change(component, difference, before.1, after.1)).collect()
}

fn change(component: &str, difference: &Difference, before: &Path, after: &Path) -> fs::Result<Change> {
    let path = &difference.path;
    let found = match (&difference.left, &difference.right) {
        (Some(Entry::File { digest: old, .. }), Some(Entry::File { digest: new, .. })) if old != new => {
            let (old, new) = (fs::read(&path.under(before))?, fs::read(&path.under(after))?);
            compare(&old, &new, DEPTH)
        }
        _ => Found::new(ChangeKind::Entry, vec![difference.kind()]),
    };
    let Found { kind, mut lines } = found;
    if lines.len() > LINES {
        let more = lines.len() - LINES;
        lines.truncate(LINES);
        lines.push(format!("and {more} lines more"));
    }
    Ok(Change { component: component.to_owned(), path: path.clone(), kind, lines })
}

/// Compares bytes that are not the same, as what they are.
fn compare(old: &[u8], new: &[u8], depth: usize) -> Found {
    let inside = || if depth == 0 { None } else { packed::compare(old, new, depth - 1) };
    inside()
        .or_else(|| elf::compare(old, new))
        .or_else(|| text::compare(old, new))
        .unwrap_or_else(|| binary::compare(old, new))
}

#[cfg(test)]
mod tests;
