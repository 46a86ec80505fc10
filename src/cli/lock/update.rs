//! Builds, and writes down what came of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Scope;
use crate::builder::{self, Standing};
use crate::cli::args::{Lock as Args, Running};
use crate::cli::failure::Failure;
use crate::cli::image::locked;
use crate::cli::project::Project;
use crate::cli::show;
use crate::lock::{FILE, Lock, Locked, Place, place};
use crate::plan::Plan;
use crate::recipe::Target;
use crate::sandbox::Stop;

/// A change of the lock, for machines.
#[derive(Debug, Serialize)]
struct Changed {
    what: String,
    target: Option<String>,
    how: String,
}

/// Brings the lock up to date. What is built is written down after each target, also when something failed.
pub fn run(project: Project, scope: &Scope, args: &Args) -> Result<(), Failure> {
    let before = before(&project, scope)?;
    let project = project.unlocked();
    let mut lock = before.clone();
    let mut failures = Vec::new();
    for target in &scope.targets {
        match builds(&project, scope, target, &args.running, &mut lock) {
            Ok(()) => {}
            Err(failure) if failure.is_interruption() || !args.running.keep_going => {
                write(&project, &lock)?;
                return Err(failure);
            }
            Err(failure) => failures.push(failure),
        }
        write(&project, &lock)?;
    }
    for spec in &scope.specs {
        match locked::digest(&project, spec, &args.running) {
            Ok(digest) => drop(lock.images.insert(locked::name(&project, spec), digest)),
            Err(failure) if failure.is_interruption() || !args.running.keep_going => {
                write(&project, &lock)?;
                return Err(failure);
            }
            Err(failure) => failures.push(failure),
        }
    }
    if scope.whole {
        forget(&project, scope, &mut lock)?;
    }
    write(&project, &lock)?;
    print(&changes(&before, &lock), args.json);
    failures.into_iter().reduce(Failure::and).map_or(Ok(()), Err)
}

/// The lock as it is. One that cannot be read, such as one with the marks of a merge conflict, does not matter where all of
/// it is written anew.
fn before(project: &Project, scope: &Scope) -> Result<Lock, Failure> {
    let everything = scope.whole && scope.targets.len() == project.catalog.toolchain().targets.len();
    match project.lock() {
        Ok(lock) => Ok(lock.cloned().unwrap_or_default()),
        Err(failure) if everything => {
            show::say(format_args!("note: {}; it is written anew", failure.headline()));
            Ok(Lock::default())
        }
        Err(failure) => Err(failure),
    }
}

/// Builds the recipes for a target, and takes in what is built.
fn builds(
    project: &Project,
    scope: &Scope,
    target: &Target,
    running: &Running,
    lock: &mut Lock,
) -> Result<(), Failure> {
    let recipes = scope.recipes(project, target);
    if recipes.is_empty() {
        return Ok(());
    }
    let plan = Plan::new(&project.catalog, target, &recipes)?;
    let options = project.free_options(running, false);
    let sink = show::sink();
    let report = builder::run(&plan, &project.store, &options, &*sink, &Stop::default());
    sink.end();
    let report = report?;
    for id in plan.order() {
        if let Standing::Built { key, trace } = report.survey.standing(*id) {
            lock.put(&plan, *id, *key, trace.outputs.clone());
        }
    }
    if report.failures.is_empty() { Ok(()) } else { Err(Failure::several(report.failures)) }
}

/// Drops what the project does not have any more.
fn forget(project: &Project, scope: &Scope, lock: &mut Lock) -> Result<(), Failure> {
    let mut known: BTreeSet<Place> = BTreeSet::new();
    for target in &scope.targets {
        let plan = Plan::new(&project.catalog, target, &scope.recipes(project, target))?;
        known.extend(plan.order().iter().filter_map(|id| place(&plan, *id)));
    }
    lock.builds.retain(|place, _| known.contains(place) || !scope.targets.contains(&place.0));
    let specs: BTreeSet<String> = scope.specs.iter().map(|spec| locked::name(project, spec)).collect();
    lock.images.retain(|spec, _| specs.contains(spec));
    Ok(())
}

fn write(project: &Project, lock: &Lock) -> Result<(), Failure> {
    let path = project.root.join(FILE);
    let text = lock.text();
    if crate::fs::read_if_exists(&path)?.as_deref() == Some(text.as_str()) {
        return Ok(());
    }
    Ok(crate::fs::replace_file(&path, text.as_bytes())?)
}

fn changes(before: &Lock, after: &Lock) -> Vec<Changed> {
    let places: BTreeSet<&Place> = before.builds.keys().chain(after.builds.keys()).collect();
    let build = |place: &Place| {
        let how = how(before.get(place), after.get(place))?;
        Some(Changed { what: place.1.to_string(), target: Some(place.0.to_string()), how })
    };
    let mut changes: Vec<Changed> = places.into_iter().filter_map(build).collect();
    let specs: BTreeSet<&String> = before.images.keys().chain(after.images.keys()).collect();
    changes.extend(specs.into_iter().filter_map(|spec| {
        let how = match (before.images.get(spec), after.images.get(spec)) {
            (old, new) if old == new => return None,
            (None, _) => "is new".to_owned(),
            (_, None) => "is gone".to_owned(),
            (Some(old), Some(new)) => format!("sha256:{} instead of sha256:{}", new.short(), old.short()),
        };
        Some(Changed { what: spec.clone(), target: None, how })
    }));
    changes
}

/// In what two states of a place differ.
fn how(before: Option<&Locked>, after: Option<&Locked>) -> Option<String> {
    let (before, after) = match (before, after) {
        (None, None) => return None,
        (None, Some(_)) => return Some("is new".to_owned()),
        (Some(_), None) => return Some("is gone".to_owned()),
        (Some(before), Some(after)) if before == after => return None,
        (Some(before), Some(after)) => (before, after),
    };
    let names: BTreeSet<&String> = before.outputs.keys().chain(after.outputs.keys()).collect();
    let differing: Vec<&str> = names
        .into_iter()
        .filter(|name| before.outputs.get(*name) != after.outputs.get(*name))
        .map(String::as_str)
        .collect();
    let version = match before.version == after.version {
        true => String::new(),
        false => format!("{} -> {}: ", before.version, after.version),
    };
    Some(match (differing.is_empty(), before.key == after.key) {
        (true, _) => format!("{version}the same outputs, from other inputs"),
        (false, false) => format!("{version}{}", differing.join(", ")),
        (false, true) => format!("{} of the same derivation: it is not reproducible", differing.join(", ")),
    })
}

fn print(changes: &[Changed], json: bool) {
    if json {
        println!("{}", serde_json::to_string_pretty(changes).expect("this is plain data"));
        return;
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for Changed { what, target, how } in changes {
        let label = target.as_deref().unwrap_or("image");
        *counts.entry(label).or_default() += 1;
        println!("{label} {what}: {how}");
    }
    let counts: Vec<String> = counts.into_iter().map(|(label, count)| format!("{count} {label}")).collect();
    match counts.as_slice() {
        [] => eprintln!("{FILE}: nothing has changed"),
        counts => eprintln!("{FILE}: {} changed", counts.join(", ")),
    }
}
