//! What a component needs at run time.

use std::collections::BTreeSet;

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
    let recipe = find(catalog, &output.recipe)?;
    let component = match &output.component {
        Some(component) => component.clone(),
        None => recipe.default_component().ok_or_else(|| PlanError::NoDefault { recipe: recipe.name.clone() })?,
    };
    let named = (recipe.name.clone(), component);
    if !seen.insert(named.clone()) {
        return Ok(());
    }
    let runtime = recipe.components.get(&named.1).map(|component| component.runtime.as_slice());
    order.push(named);
    for needed in runtime.unwrap_or_default() {
        visit(catalog, needed, seen, order)?;
    }
    Ok(())
}

/// A recipe by its name.
pub(super) fn find<'c>(catalog: &'c Catalog, name: &RecipeName) -> Result<&'c Recipe, PlanError> {
    catalog
        .recipe(name)
        .ok_or_else(|| PlanError::UnknownRecipe { name: name.to_string(), nearest: catalog.nearest(name.as_str()) })
}
