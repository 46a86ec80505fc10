//! What of a project a verb is about: recipes, or what an image is made of, with a plan for each target.

use std::path::Path;

use super::args::{Common, Scope};
use super::failure::Failure;
use super::project::Project;
use super::show::escaped;
use crate::digest::Blake3;
use crate::image::platform;
use crate::image::read::{self, Contents, Limits, Made, Platform, Source};
use crate::plan::{Plan, closure};
use crate::recipe::{ImageSpec, OutputRef, RecipeName, Target};

/// What the command line means for one target.
pub struct Meant<'p> {
    /// The recipes, with all that they are made of.
    pub plan: Plan<'p>,
    /// Where an image that exists was named, what it is for this target, with the BLAKE3 of each file.
    pub image: Option<Contents<Blake3>>,
}

/// Reads what the command line means, for each target.
pub fn meant<'p>(common: &Common, project: &'p Project, scope: &Scope) -> Result<Vec<Meant<'p>>, Failure> {
    let named: Vec<RecipeName> = scope.names.iter().map(|output| output.recipe.clone()).collect();
    let plan = |target: &Target, more: Vec<RecipeName>| {
        let mut recipes = [named.clone(), more].concat();
        if scope.all {
            recipes.extend(project.catalog.recipes_for(target));
        }
        recipes.sort();
        recipes.dedup();
        Plan::new(&project.catalog, target, &recipes)
    };
    match &scope.image {
        None => Ok(vec![Meant { plan: plan(&project.target, Vec::new())?, image: None }]),
        Some(file) if is_spec(file) => {
            let spec = project.catalog.load_image_spec(file)?;
            let recipes = recipes_of(project, &spec)?;
            let targets = targets_of(common, project, &spec)?;
            targets.iter().map(|target| Ok(Meant { plan: plan(target, recipes.clone())?, image: None })).collect()
        }
        Some(file) => {
            let source = Source::find(&file.display().to_string())?;
            let targets = targets_in(common, project, &source)?;
            let read = |target: &Target| {
                let image = open(&source, target)?;
                Ok(Meant { plan: plan(target, recipes_in(&image))?, image: Some(image) })
            };
            targets.iter().map(read).collect()
        }
    }
}

/// Specs are TOML files; images are directories or archives.
fn is_spec(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "toml")
}

/// The image for a target.
fn open(source: &Source, target: &Target) -> Result<Contents<Blake3>, Failure> {
    let platform = platform(target)?.parse::<Platform>().expect("a target's platform is one");
    Ok(read::contents(source, &platform, Limits::default(), &|bytes| Blake3::of(bytes))?)
}

/// The recipes that an image says it was made from.
fn recipes_in(image: &Contents<Blake3>) -> Vec<RecipeName> {
    let of_layer = |layer: &read::Layer| match layer.made_from() {
        Some(Made::Outputs(outputs)) => outputs.into_iter().map(|one| one.output.recipe).collect(),
        Some(Made::Spec(_)) | None => Vec::new(),
    };
    image.layers.iter().flat_map(of_layer).collect()
}

/// What an image that exists is for: what the command line says, else all that it holds, else the project's own.
fn targets_in(common: &Common, project: &Project, source: &Source) -> Result<Vec<Target>, Failure> {
    let platforms = if common.target.is_none() { read::platforms(source, Limits::default())? } else { Vec::new() };
    if platforms.is_empty() {
        return Ok(vec![project.target.clone()]);
    }
    let known = &project.catalog.toolchain().targets;
    let of = |wanted: &Platform| {
        let is = |target: &&Target| platform(target).is_ok_and(|platform| platform == wanted.to_string());
        known.keys().find(is).cloned().ok_or_else(|| {
            let all = known.keys().map(Target::to_string).collect::<Vec<_>>().join(", ");
            let message =
                format!("{} is for {}, too, for which there is no target", source.name, escaped(&wanted.to_string()));
            Failure::user(message, format!("name one target with --target: {all}"))
        })
    };
    platforms.iter().map(of).collect()
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
