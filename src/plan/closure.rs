//! What a component needs at run time.

use std::collections::{BTreeSet, VecDeque};

use super::PlanError;
use crate::recipe::{Catalog, ComponentName, OutputRef, Recipe, RecipeName};

/// A component, fully named.
pub type Named = (RecipeName, ComponentName);

/// The components named, each with all that its run-time edges reach, in the order of first mention.
///
/// # Errors
/// When a recipe does not exist or has no default component where one is meant.
pub fn closure(catalog: &Catalog, wanted: &[OutputRef]) -> Result<Vec<Named>, PlanError> {
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for output in wanted {
        visit(catalog, output, &mut seen, &mut order)?;
    }
    Ok(order)
}

fn visit(
    catalog: &Catalog,
    output: &OutputRef,
    seen: &mut BTreeSet<Named>,
    order: &mut Vec<Named>,
) -> Result<(), PlanError> {
    let (named, runtime) = look(catalog, output)?;
    if !seen.insert(named.clone()) {
        return Ok(());
    }
    order.push(named);
    for needed in runtime {
        visit(catalog, needed, seen, order)?;
    }
    Ok(())
}

/// A component, fully named, with what it needs at run time.
fn look<'c>(catalog: &'c Catalog, output: &OutputRef) -> Result<(Named, &'c [OutputRef]), PlanError> {
    let recipe = find(catalog, &output.recipe)?;
    let component = match &output.component {
        Some(component) => component.clone(),
        None => recipe.default_component().ok_or_else(|| PlanError::NoDefault { recipe: recipe.name.clone() })?,
    };
    let runtime = recipe.components.get(&component).map(|component| component.runtime.as_slice());
    Ok(((recipe.name.clone(), component), runtime.unwrap_or_default()))
}

/// The shortest way over run-time edges from a component that somebody names to one that is needed for it, both
/// included; `None` when there is none.
///
/// # Errors
/// As [`closure`].
pub fn way(catalog: &Catalog, from: &OutputRef, to: &Named) -> Result<Option<Vec<Named>>, PlanError> {
    let mut seen = BTreeSet::new();
    let mut ways = VecDeque::from([(from, Vec::new())]);
    while let Some((output, mut way)) = ways.pop_front() {
        let (named, runtime) = look(catalog, output)?;
        if !seen.insert(named.clone()) {
            continue;
        }
        way.push(named);
        if way.last() == Some(to) {
            return Ok(Some(way));
        }
        ways.extend(runtime.iter().map(|needed| (needed, way.clone())));
    }
    Ok(None)
}

/// A recipe by its name.
pub(super) fn find<'c>(catalog: &'c Catalog, name: &RecipeName) -> Result<&'c Recipe, PlanError> {
    catalog
        .recipe(name)
        .ok_or_else(|| PlanError::UnknownRecipe { name: name.to_string(), nearest: catalog.nearest(name.as_str()) })
}
