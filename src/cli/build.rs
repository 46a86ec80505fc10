//! `drystone build`.

use serde::Serialize;

use super::args::{Build, Common};
use super::carry_out::carry_out;
use super::failure::Failure;
use super::project::Project;
use crate::builder::Survey;
use crate::digest::ObjectId;
use crate::plan::{Plan, PlanError};
use crate::recipe::{OutputRef, RecipeName};

/// One component that was built, for machines.
#[derive(Debug, Serialize)]
struct Built {
    recipe: RecipeName,
    version: String,
    component: String,
    target: String,
    object: ObjectId,
    path: String,
}

/// Builds; prints a store path a line.
pub fn run(common: &Common, args: &Build) -> Result<(), Failure> {
    let project = Project::open(common)?;
    let wanted: Vec<OutputRef> = match args.all {
        true => {
            let all = project.catalog.recipes_for(&project.target).into_iter();
            all.map(|recipe| OutputRef { recipe, component: None }).collect()
        }
        false => args.names.clone(),
    };
    let mut recipes: Vec<RecipeName> = wanted.iter().map(|output| output.recipe.clone()).collect();
    recipes.sort();
    recipes.dedup();
    let plan = Plan::new(&project.catalog, &project.target, &recipes)?;
    let what = match recipes.as_slice() {
        [one] => one.to_string(),
        several => format!("{} recipes", several.len()),
    };
    let survey = carry_out(&project, &plan, &args.running, args.check, &what)?;
    let mut built = Vec::new();
    for output in &wanted {
        built.extend(outputs(&project, &plan, &survey, output)?);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&built).expect("this is plain data"));
    } else {
        built.iter().for_each(|built| println!("{}", built.path));
    }
    Ok(())
}

/// The components that a name means: the one it says, or all.
fn outputs(project: &Project, plan: &Plan<'_>, survey: &Survey, output: &OutputRef) -> Result<Vec<Built>, PlanError> {
    let outputs = plan.build_of(&output.recipe).and_then(|id| survey.outputs(id)).cloned().unwrap_or_default();
    if let Some(component) = &output.component {
        plan.object(&|id| survey.outputs(id), &output.recipe, component)?;
    }
    let version = project.catalog.recipe(&output.recipe).map(|recipe| recipe.version.clone()).unwrap_or_default();
    let meant =
        outputs.into_iter().filter(|(name, _)| output.component.as_ref().is_none_or(|one| one.as_str() == name));
    let built = meant.map(|(component, object)| Built {
        recipe: output.recipe.clone(),
        version: version.clone(),
        component,
        target: project.target.to_string(),
        object,
        path: project.store.object_path(&object).display().to_string(),
    });
    Ok(built.collect())
}
