//! What of a project a verb is about: recipes, or what an image is made of, as a plan for each target.

use super::args::{Common, Scope};
use super::failure::Failure;
use super::project::Project;
use crate::plan::{Plan, closure};
use crate::recipe::{OutputRef, RecipeName, Target};

/// The plans of what the command line means.
pub fn plans<'p>(common: &Common, project: &'p Project, scope: &Scope) -> Result<Vec<Plan<'p>>, Failure> {
    let Scope { names, all, image } = scope;
    let mut recipes: Vec<RecipeName> = names.iter().map(|output| output.recipe.clone()).collect();
    if *all {
        recipes.extend(project.catalog.recipes().map(|recipe| recipe.name.clone()));
    }
    let mut targets = vec![project.target.clone()];
    if let Some(file) = image {
        let spec = project.catalog.load_image_spec(file)?;
        let wanted: Vec<OutputRef> = spec.components.iter().map(|request| request.output.clone()).collect();
        recipes.extend(closure(&project.catalog, &wanted)?.into_iter().map(|(recipe, _)| recipe));
        targets = targets_of(common, project, &spec.name, &spec.targets)?;
    }
    recipes.sort();
    recipes.dedup();
    targets.iter().map(|target| Ok(Plan::new(&project.catalog, target, &recipes)?)).collect()
}

/// What an image is looked at for: what the command line says, else what the spec lists, else the project's own.
fn targets_of(common: &Common, project: &Project, name: &str, listed: &[Target]) -> Result<Vec<Target>, Failure> {
    if common.target.is_none() && !listed.is_empty() {
        return Ok(listed.to_vec());
    }
    if !listed.is_empty() && !listed.contains(&project.target) {
        let all = listed.iter().map(Target::to_string).collect::<Vec<_>>().join(", ");
        let message = format!("{name} is not for {}: its `targets` are {all}", project.target);
        return Err(Failure::user(message, "name one of these, or add the target to the spec".to_owned()));
    }
    Ok(vec![project.target.clone()])
}
