//! From a component back: to the line of the spec that brought it, and to its recipe and sources.

use std::path::Path;

use super::answer::{RecipeFacts, SourceFacts};
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::plan::{Named, way};
use crate::recipe::{Catalog, ImageSpec, OutputRef, Recipe, RecipeName, SpecPart, spec_line};

/// `FILE:LINE` of a part of a spec; the file alone where the part does not stand in it.
pub fn place(file: &Path, text: &str, part: SpecPart<'_>) -> String {
    match spec_line(text, part) {
        Some(line) => format!("{}:{line}", file.display()),
        None => file.display().to_string(),
    }
}

/// Why a spec brings a component: the line that names it or, over the fewest steps, what needs it at run time.
///
/// # Errors
/// When the spec names what the catalogue does not have.
pub fn because(catalog: &Catalog, spec: &ImageSpec, text: &str, component: &OutputRef) -> Result<Vec<String>, Failure> {
    let Some(named) = full(component) else { return Ok(Vec::new()) };
    let mut shortest: Option<(usize, Vec<Named>)> = None;
    for (index, request) in spec.components.iter().enumerate() {
        let Some(steps) = way(catalog, &request.output, &named)? else { continue };
        if shortest.as_ref().is_none_or(|(_, known)| steps.len() < known.len()) {
            shortest = Some((index, steps));
        }
    }
    let Some((index, steps)) = shortest else { return Ok(Vec::new()) };
    let request = &spec.components[index];
    let part = if request.only.is_some() { ", in part" } else { "" };
    let place = place(&spec.file, text, SpecPart::Component(index));
    let mut because = vec![format!("{place} names {}{part}", request.output)];
    let name = |(recipe, component): &Named| format!("{recipe}/{component}");
    let pairs = steps.iter().zip(steps.iter().skip(1));
    because.extend(pairs.map(|(one, next)| format!("{} needs {} at run time", name(one), name(next))));
    Ok(because)
}

fn full(output: &OutputRef) -> Option<Named> {
    Some((output.recipe.clone(), output.component.clone()?))
}

/// What a recipe says of itself.
pub fn recipe(project: &Project, name: &RecipeName) -> Option<(RecipeFacts, Vec<SourceFacts>)> {
    let catalog = &project.catalog;
    let recipe = catalog.recipe(name)?;
    let Recipe { version, license, summary, file, sources, files, patches, dependencies, .. } = recipe;
    let versioned = |name: &RecipeName| match catalog.recipe(name) {
        Some(recipe) => format!("{name} {}", recipe.version),
        None => name.to_string(),
    };
    let facts = RecipeFacts {
        name: name.to_string(),
        version: version.clone(),
        license: license.clone(),
        summary: summary.clone(),
        file: file.strip_prefix(&project.root).unwrap_or(file).display().to_string(),
        libraries: dependencies.target.iter().map(versioned).collect(),
        local: patches.iter().chain(files).map(|local| local.name.to_string()).collect(),
    };
    let sources = sources.iter().map(|source| SourceFacts {
        sha256: source.sha256.to_string(),
        places: source.locations.iter().map(ToString::to_string).collect(),
    });
    Some((facts, sources.collect()))
}
