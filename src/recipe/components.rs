//! Which installed file belongs to which component.
//!
//! Pure: works on the tree of what a build has installed. The order of the rules: what is dropped, the explicit
//! components, `utilities`, then the default components. A file that none of them takes is a fault, never left out
//! in silence.

mod fault;
mod rules;

use std::collections::BTreeMap;

pub use fault::{AssignmentError, AssignmentFault};
pub(super) use rules::can_exist;

use super::{ComponentName, NameError, Recipe};
use crate::path::RelPath;
use crate::tree::{Entry, Tree};
use rules::{default_rule, is_always_dropped};

/// What a build's files became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Each component's tree; none is empty.
    pub components: BTreeMap<ComponentName, Tree>,
    /// Files and symbolic links that no component gets, as the recipe or the format says.
    pub dropped: Vec<RelPath>,
}

/// What the rules say of one path.
enum Fate {
    Dropped,
    Belongs(ComponentName),
    Contested(Vec<ComponentName>),
    Unnameable(NameError),
    Unclaimed,
}

/// Divides what a build has installed among the recipe's components. Symbolic links are assigned as files are;
/// directories come along only where a file or link needs them.
///
/// # Errors
/// Every file that belongs to no component or to several, and every explicit component that gets nothing.
pub fn assign(recipe: &Recipe, installed: &Tree) -> Result<Assignment, AssignmentError> {
    let mut assignment = Assignment { components: BTreeMap::new(), dropped: Vec::new() };
    let (mut faults, mut unclaimed) = (Vec::new(), Vec::new());
    for (path, entry) in installed.iter().filter(|(_, entry)| **entry != Entry::Dir) {
        match fate(recipe, path) {
            Fate::Dropped => assignment.dropped.push(path.clone()),
            Fate::Belongs(component) => assignment
                .components
                .entry(component)
                .or_default()
                .insert(path.clone(), entry.clone())
                .expect("a part of a tree is a tree"),
            Fate::Contested(components) => {
                faults.push(AssignmentFault::Contested { path: path.clone(), components });
            }
            Fate::Unnameable(error) => faults.push(AssignmentFault::Unnameable { path: path.clone(), error }),
            Fate::Unclaimed => unclaimed.push(path.clone()),
        }
    }
    faults.extend(unmatched(recipe, &assignment));
    faults.extend(shadowed(recipe, &assignment));
    if !unclaimed.is_empty() {
        let component = recipe.default_component();
        faults.push(AssignmentFault::Unclaimed { paths: unclaimed, component });
    }
    if faults.is_empty() { Ok(assignment) } else { Err(AssignmentError { recipe: recipe.name.clone(), faults }) }
}

fn fate(recipe: &Recipe, path: &RelPath) -> Fate {
    let install = &recipe.install;
    if is_always_dropped(path) || install.drop.iter().any(|glob| glob.is_match(path)) {
        return Fate::Dropped;
    }
    let claims = |glob: &globset::GlobMatcher| glob.is_match(path);
    let mut claimants: Vec<ComponentName> = recipe
        .components
        .iter()
        .filter(|(_, component)| component.files.iter().any(claims))
        .map(|(name, _)| name.clone())
        .collect();
    if claimants.len() > 1 {
        return Fate::Contested(claimants);
    }
    if let Some(component) = claimants.pop() {
        return Fate::Belongs(component);
    }
    if install.utilities.iter().any(claims) {
        return match ComponentName::new(path.file_name()) {
            Ok(component) => Fate::Belongs(component),
            Err(error) => Fate::Unnameable(error),
        };
    }
    default_rule(path).map_or(Fate::Unclaimed, Fate::Belongs)
}

fn unmatched(recipe: &Recipe, assignment: &Assignment) -> Vec<AssignmentFault> {
    let gets_nothing = |name: &&ComponentName| !assignment.components.contains_key(*name);
    let fault = |name: &ComponentName| AssignmentFault::Unmatched {
        component: name.clone(),
        globs: recipe.components[name].files.iter().map(|glob| glob.glob().glob().to_owned()).collect(),
    };
    recipe.components.keys().filter(gets_nothing).map(fault).collect()
}

// `ncurses` must not mean ncurses/terminfo without anybody having said so, only because `bin` is not explicit.
fn shadowed(recipe: &Recipe, assignment: &Assignment) -> Option<AssignmentFault> {
    let default = recipe.default_component()?;
    let has_programs = assignment.components.contains_key(&ComponentName::bin());
    (has_programs && default != ComponentName::bin()).then_some(AssignmentFault::Shadowed { default })
}

#[cfg(test)]
mod tests;
