//! Whether the lock is that of the recipes; builds nothing.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Scope;
use crate::cli::failure::Failure;
use crate::cli::image::locked;
use crate::cli::project::Project;
use crate::lock::{Keyed, Lock, Place};
use crate::plan::Plan;

/// Something in which the lock and the recipes differ, for machines.
#[derive(Debug, Serialize)]
struct Remark {
    what: String,
    target: Option<String>,
    how: &'static str,
}

const CHANGED: &str = "its inputs have changed since";
const OPEN: &str = "an input of it is not locked";
const MISSING: &str = "is not locked";
const GONE: &str = "is locked, but not in the project";

/// Prints what differs.
pub fn run(project: &Project, scope: &Scope, json: bool) -> Result<(), Failure> {
    let Some(lock) = project.lock()? else {
        let message = format!("{} has no {}", project.root.display(), crate::lock::FILE);
        return Err(Failure::found(message, "write it: drystone lock --update"));
    };
    let (remarks, abroad) = remarks(project, scope, lock)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&remarks).expect("this is plain data"));
    } else {
        for Remark { what, target, how } in &remarks {
            let target = target.as_deref().map(|target| format!(" ({target})")).unwrap_or_default();
            println!("{what}{target}: {how}");
        }
        for (target, count) in abroad.into_iter().filter(|(_, count)| *count > 0) {
            eprintln!("{count} recipes are not locked for {target}");
        }
    }
    if remarks.is_empty() {
        eprintln!("the lock is that of the recipes: {} builds, {} images", lock.builds.len(), lock.images.len());
        return Ok(());
    }
    let message = format!("{} places in which the lock is not that of the recipes", remarks.len());
    Err(Failure::found(message, "build them and write down what comes of it: drystone lock --update"))
}

/// A foreign target, and how many recipes are not locked for it.
type Abroad = Vec<(String, usize)>;

/// What differs, and for each foreign target how many recipes are not locked for it: not all need be built for all.
fn remarks(project: &Project, scope: &Scope, lock: &Lock) -> Result<(Vec<Remark>, Abroad), Failure> {
    let home = &project.catalog.toolchain().build_target;
    let (mut remarks, mut abroad, mut known) = (Vec::new(), Vec::new(), BTreeSet::new());
    for target in &scope.targets {
        let plan = Plan::new(&project.catalog, target, &scope.recipes(project, target))?;
        let mut missing = 0;
        for (place, keyed) in lock.keys(&plan)? {
            let how = match keyed {
                Keyed::Same => None,
                Keyed::Changed { .. } => Some(CHANGED),
                Keyed::Open => Some(OPEN),
                Keyed::Missing if place.0 == *home => Some(MISSING),
                Keyed::Missing => {
                    missing += 1;
                    None
                }
            };
            // What the build of several targets needs is seen with each.
            if known.insert(place.clone()) {
                remarks.extend(how.map(|how| remark(&place, how)));
            }
        }
        abroad.push((target.to_string(), missing));
    }
    let specs: BTreeSet<String> = scope.specs.iter().map(|spec| locked::name(project, spec)).collect();
    let image = |what: &String, how| Remark { what: what.clone(), target: None, how };
    remarks.extend(specs.iter().filter(|spec| !lock.images.contains_key(*spec)).map(|spec| image(spec, MISSING)));
    if scope.whole {
        let gone = lock.builds.keys().filter(|place| scope.targets.contains(&place.0) && !known.contains(*place));
        remarks.extend(gone.map(|place| remark(place, GONE)));
        remarks.extend(lock.images.keys().filter(|spec| !specs.contains(*spec)).map(|spec| image(spec, GONE)));
    }
    Ok((remarks, abroad))
}

fn remark((target, subject): &Place, how: &'static str) -> Remark {
    Remark { what: subject.to_string(), target: Some(target.to_string()), how }
}
