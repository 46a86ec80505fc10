//! `drystone lock`.

mod check;
mod update;

use std::path::PathBuf;

use super::args::{Common, Lock as Args};
use super::failure::Failure;
use super::project::Project;
use crate::recipe::{RecipeName, Target};

/// What a run of the verb is about.
struct Scope {
    /// The recipes that were named, sorted.
    named: Vec<RecipeName>,
    /// The image specs' files.
    specs: Vec<PathBuf>,
    targets: Vec<Target>,
    /// Whether it is about everything that the project has.
    whole: bool,
}

/// Compares the lock with the recipes, or writes it.
pub fn run(common: &Common, args: &Args) -> Result<(), Failure> {
    let project = Project::open(common)?;
    let scope = Scope::of(&project, common, &args.names)?;
    if args.update { update::run(project, &scope, args) } else { check::run(&project, &scope, args.json) }
}

impl Scope {
    fn of(project: &Project, common: &Common, names: &[String]) -> Result<Self, Failure> {
        let targets = match &common.target {
            Some(_) => vec![project.target.clone()],
            None => project.catalog.toolchain().targets.keys().cloned().collect(),
        };
        if names.is_empty() {
            let specs = project.image_specs()?;
            return Ok(Self { named: Vec::new(), specs, targets, whole: true });
        }
        let (mut recipes, mut specs) = (Vec::new(), Vec::new());
        for name in names {
            if name.ends_with(".toml") {
                specs.push(PathBuf::from(name));
            } else {
                let hint = "name a recipe, or the file of an image spec".to_owned();
                recipes.push(RecipeName::new(name.as_str()).map_err(|error| Failure::user(error.to_string(), hint))?);
            }
        }
        recipes.sort();
        recipes.dedup();
        Ok(Self { named: recipes, specs, targets, whole: false })
    }

    /// The recipes that it is about for a target.
    fn recipes(&self, project: &Project, target: &Target) -> Vec<RecipeName> {
        if self.whole { project.catalog.recipes_for(target) } else { self.named.clone() }
    }
}
