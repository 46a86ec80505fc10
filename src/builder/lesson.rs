//! What a failed build's log says to whoever has seen such builds before: the cause, and the usual mend.
//!
//! Static programs on musl fail in a few dozen ways over and over. The table in [`table`] knows them by the words of
//! compilers, linkers, shells and configure scripts; the first rows are the most particular. Where something is missing
//! (a header, a library, a program), the store is asked which recipe brings it. Knows nothing of how a build ran.

mod table;

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

use crate::digest::ObjectId;
use crate::path::RelPath;
use crate::plan::Plan;
use crate::store::{Store, StoreError};

pub use table::Missing;
use table::{LESSONS, Row};

/// How much of a log's end is looked at, in bytes: the failure is there, and the checks of a configure script before it.
const LOOKED_AT: usize = 64 << 10;
/// How many lessons are told: a failure often has several symptoms, and the first tell most.
const TOLD: usize = 2;

/// Why a build failed, and what usually helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// What happened, in the words of this project.
    pub cause: String,
    /// What to write into the recipe.
    pub mend: String,
    /// The list of dependencies, `target` or `build`, and the recipes of which any one belongs there.
    pub dependency: Option<(&'static str, Vec<String>)>,
}

/// The lessons of a log. `brings` tells which recipes bring something that is missing.
pub fn lessons(log: &[u8], brings: &dyn Fn(Missing, &str) -> Vec<String>) -> Vec<Lesson> {
    let end = String::from_utf8_lossy(&log[log.len().saturating_sub(LOOKED_AT)..]);
    let mut told: Vec<Lesson> = Vec::new();
    for (row, pattern) in LESSONS.iter().zip(patterns()) {
        if told.len() == TOLD {
            break;
        }
        if let Some(lesson) = lesson(row, pattern, &end, brings)
            && !told.contains(&lesson)
        {
            told.push(lesson);
        }
    }
    told
}

fn lesson(row: &Row, pattern: &Regex, end: &str, brings: &dyn Fn(Missing, &str) -> Vec<String>) -> Option<Lesson> {
    let found = pattern.captures(end)?;
    let fill = |template: &str| {
        let mut text = String::new();
        found.expand(template, &mut text);
        text
    };
    let mut mend = fill(row.mend);
    let mut dependency = None;
    if let Some((missing, name)) = row.missing.zip(found.name("it")) {
        let recipes = brings(missing, name.as_str());
        if let Some(first) = recipes.first() {
            let others = recipes[1..].iter().map(|name| format!(" or `{name}`")).collect::<String>();
            mend = format!("`{first}`{others} brings it: add it to `[dependencies] {}`", missing.key());
            dependency = Some((missing.key(), recipes));
        }
    }
    Some(Lesson { cause: fill(row.cause), mend, dependency })
}

/// The recipes whose outputs, as far as they are in the store, hold something that is missing.
///
/// # Errors
/// When the store cannot be read.
pub fn brought_by(store: &Store, plan: &Plan<'_>, missing: Missing, name: &str) -> Result<Vec<String>, StoreError> {
    let (target, paths) = match missing {
        Missing::Header => (plan.target(), vec![format!("usr/include/{name}")]),
        Missing::Library => (plan.target(), vec![format!("usr/lib/lib{name}.a")]),
        Missing::Program => {
            let places = ["usr/bin", "usr/sbin"].map(|place| format!("{place}/{name}")).to_vec();
            (&plan.catalog().toolchain().build_target, places)
        }
    };
    let paths: Vec<RelPath> = paths.iter().filter_map(|path| RelPath::new(path.as_str()).ok()).collect();
    let roots = store.roots()?;
    let mut brought = Vec::new();
    for recipe in plan.catalog().recipes() {
        let root = format!("{target}/{}-{}", recipe.name, recipe.version);
        let own = roots.range(root.clone()..).take_while(|(name, _)| name.starts_with(&root));
        // Versions begin alike: 1.2 and 1.20.
        let mut own = own.filter(|(name, _)| name.len() == root.len() || name.as_bytes()[root.len()] == b'.');
        let holds = |id: &ObjectId| store.tree(id).is_ok_and(|tree| paths.iter().any(|path| tree.get(path).is_some()));
        if own.any(|(_, id)| holds(id)) {
            brought.push(recipe.name.to_string());
        }
    }
    Ok(brought)
}

/// The rows' patterns, compiled once.
fn patterns() -> &'static [Regex] {
    static PATTERNS: OnceLock<Vec<Regex>> = OnceLock::new();
    PATTERNS.get_or_init(|| {
        let compile = |row: &Row| RegexBuilder::new(row.pattern).multi_line(true).build().expect(row.pattern);
        LESSONS.iter().map(compile).collect()
    })
}

#[cfg(test)]
mod tests;
