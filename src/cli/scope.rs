//! What of a project a verb is about: recipes, or what an image is made of, as a plan for each target.

use std::path::Path;

use super::args::{Common, Scope};
use super::failure::Failure;
use super::project::Project;
use crate::digest::Blake3;
use crate::image::platform;
use crate::image::read::{self, Contents, Limits, Made, Platform, Source};
use crate::plan::{Plan, closure};
use crate::recipe::{ImageSpec, OutputRef, RecipeName, Target};

/// What the command line means.
pub struct Meant<'p> {
    /// A plan for each target.
    pub plans: Vec<Plan<'p>>,
    /// An image that exists, with the BLAKE3 of each file. It is for one platform, so that there is one plan.
    pub image: Option<Contents<Blake3>>,
}

/// Reads what the command line means.
pub fn meant<'p>(common: &Common, project: &'p Project, scope: &Scope) -> Result<Meant<'p>, Failure> {
    let Scope { names, all, image: file } = scope;
    let mut recipes: Vec<RecipeName> = names.iter().map(|output| output.recipe.clone()).collect();
    if *all {
        recipes.extend(project.catalog.recipes_for(&project.target));
    }
    let (mut targets, mut image) = (vec![project.target.clone()], None);
    match file {
        Some(file) if is_spec(file) => {
            let spec = project.catalog.load_image_spec(file)?;
            recipes.extend(recipes_of(project, &spec)?);
            targets = targets_of(common, project, &spec)?;
        }
        Some(file) => {
            let contents = open(&file.display().to_string(), &project.target)?;
            let of_layer = |layer: &read::Layer| match layer.made_from() {
                Some(Made::Outputs(outputs)) => outputs.into_iter().map(|one| one.output.recipe).collect(),
                Some(Made::Spec(_)) | None => Vec::new(),
            };
            recipes.extend(contents.layers.iter().flat_map(of_layer));
            image = Some(contents);
        }
        None => {}
    }
    recipes.sort();
    recipes.dedup();
    let plans = targets.iter().map(|target| Ok(Plan::new(&project.catalog, target, &recipes)?));
    Ok(Meant { plans: plans.collect::<Result<_, Failure>>()?, image })
}

/// Specs are TOML files; images are directories or archives.
fn is_spec(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "toml")
}

/// The image for a target.
fn open(image: &str, target: &Target) -> Result<Contents<Blake3>, Failure> {
    let platform = platform(target)?.parse::<Platform>().expect("a target's platform is one");
    Ok(read::contents(&Source::find(image)?, &platform, Limits::default(), &|bytes| Blake3::of(bytes))?)
}

/// The recipes of all that an image spec names, and of what that needs at run time, sorted.
pub fn recipes_of(project: &Project, spec: &ImageSpec) -> Result<Vec<RecipeName>, Failure> {
    let named: Vec<OutputRef> = spec.components.iter().map(|request| request.output.clone()).collect();
    let mut recipes: Vec<_> = closure(&project.catalog, &named)?.into_iter().map(|(recipe, _)| recipe).collect();
    recipes.sort();
    recipes.dedup();
    Ok(recipes)
}

/// What an image is for: what the command line says, else what its spec lists, else the project's own.
pub fn targets_of(common: &Common, project: &Project, spec: &ImageSpec) -> Result<Vec<Target>, Failure> {
    let ImageSpec { name, targets, .. } = spec;
    if common.target.is_none() && !targets.is_empty() {
        return Ok(targets.clone());
    }
    if !targets.is_empty() && !targets.contains(&project.target) {
        let all = targets.iter().map(Target::to_string).collect::<Vec<_>>().join(", ");
        let message = format!("{name} is not for {}: its `targets` are {all}", project.target);
        return Err(Failure::user(message, "name one of these, or add the target to the spec".to_owned()));
    }
    Ok(vec![project.target.clone()])
}
