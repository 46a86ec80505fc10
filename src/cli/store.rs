//! `drystone store`.

mod diff;
mod difference;
mod export;
mod import;

use std::collections::BTreeMap;

use indicatif::ProgressBar;

use super::args::{Common, StoreArgs, StoreVerb};
use super::failure::Failure;
use super::project::Project;
use crate::builder::survey;
use crate::digest::ObjectId;
use crate::plan::{Plan, closure};
use crate::recipe::OutputRef;
use crate::store::{Collected, Verified};

/// Looks into the store.
pub fn run(common: &Common, args: &StoreArgs) -> Result<(), Failure> {
    let project = || Project::open(common);
    match &args.verb {
        StoreVerb::Ls { json } => list(&project()?, *json),
        StoreVerb::Path { name } => {
            let project = project()?;
            println!("{}", project.store.object_path(&object(&project, name)?).display());
            Ok(())
        }
        StoreVerb::Manifest { name } => manifest(&project()?, name),
        StoreVerb::Verify => verify(&project()?),
        StoreVerb::Gc { cache } => collect(&project()?, *cache),
        StoreVerb::Export(args) => export::run(&project()?, args),
        StoreVerb::Import(args) => import::run(common, args),
        StoreVerb::Diff(args) => diff::run(args),
    }
}

fn manifest(project: &Project, name: &str) -> Result<(), Failure> {
    let id = match name.parse::<ObjectId>() {
        Ok(id) => id,
        Err(_) => object(project, &reference(name)?)?,
    };
    print!("{}", project.store.tree(&id)?.manifest());
    Ok(())
}

fn collect(project: &Project, cache: bool) -> Result<(), Failure> {
    let Collected { objects, traces, mut cached } = project.store.collect()?;
    if cache {
        cached += project.store.clear_cache()?;
    }
    eprintln!("removed {objects} objects, {traces} traces and {cached} cached layers");
    Ok(())
}

/// A bar that counts bytes, of a total where that is known.
fn bytes_bar(total: Option<u64>) -> ProgressBar {
    let style = |template| indicatif::ProgressStyle::with_template(template).expect("the template is valid");
    match total {
        Some(total) => {
            ProgressBar::new(total).with_style(style("[{bar:24}] {bytes}/{total_bytes}  {binary_bytes_per_sec}"))
        }
        None => ProgressBar::new_spinner().with_style(style("{spinner} {bytes}  {binary_bytes_per_sec}")),
    }
}

/// `1 object`, `2 objects`.
fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn reference(name: &str) -> Result<OutputRef, Failure> {
    name.parse().map_err(|error| Failure::user(format!("{error}"), "name a recipe, or an object's whole id".to_owned()))
}

fn list(project: &Project, json: bool) -> Result<(), Failure> {
    let roots: BTreeMap<String, ObjectId> = project.store.roots()?;
    if json {
        println!("{}", serde_json::to_string_pretty(&roots).expect("this is plain data"));
    } else {
        roots.iter().for_each(|(name, id)| println!("{id}  {name}"));
    }
    Ok(())
}

/// The object of a component that is built.
fn object(project: &Project, name: &OutputRef) -> Result<ObjectId, Failure> {
    let plan = Plan::new(&project.catalog, &project.target, std::slice::from_ref(&name.recipe))?;
    let survey = survey(&plan, &project.store)?;
    let named = closure(&project.catalog, std::slice::from_ref(name))?;
    let (recipe, component) = named.first().expect("a closure holds what it is of");
    if plan.build_of(recipe).is_none_or(|id| survey.outputs(id).is_none()) {
        return Err(Failure::user(
            format!("{recipe} as it is now is not built"),
            format!("build it first: drystone build {recipe}"),
        ));
    }
    Ok(plan.object(&|id| survey.outputs(id), recipe, component)?)
}

fn verify(project: &Project) -> Result<(), Failure> {
    let bar = ProgressBar::new_spinner().with_message("objects, sources and traces verified");
    bar.set_style(indicatif::ProgressStyle::with_template("{spinner} {pos} {msg}").expect("the template is valid"));
    let Verified { objects, sources, traces, cached, faults } = project.store.verify(&|| bar.inc(1))?;
    bar.finish_and_clear();
    for fault in &faults {
        println!("{}: {}", fault.what, fault.how);
    }
    eprintln!("{objects} objects, {sources} sources, {traces} traces and {cached} cached layers verified");
    match faults.len() {
        0 => Ok(()),
        count => Err(Failure::found(
            format!("{count} corrupt; moved to {}", project.store.root().join("quarantine").display()),
            "build again, and what is missing is made or fetched anew",
        )),
    }
}
