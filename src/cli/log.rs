//! `drystone log`.

use std::io::Write as _;

use super::args::{Common, Log};
use super::failure::Failure;
use super::project::Project;
use crate::builder::{Standing, survey};
use crate::plan::Plan;

/// Prints the log of a recipe's last build, failed or not.
pub fn run(common: &Common, args: &Log) -> Result<(), Failure> {
    let project = Project::open(common)?;
    let name = &args.name.recipe;
    let plan = Plan::new(&project.catalog, &project.target, std::slice::from_ref(name))?;
    let survey = survey(&plan, &project.store)?;
    let id = if args.test { plan.test_of(name) } else { plan.build_of(name) };
    let key = match id.map(|id| survey.standing(id)) {
        Some(Standing::Built { key, .. } | Standing::Ready { key }) => *key,
        Some(Standing::Waiting) | None => {
            return Err(Failure::user(
                format!("{name} has no log: what it is built from is not built"),
                format!("build it first: drystone build {name}"),
            ));
        }
    };
    let Some(text) = project.store.log(&key)? else {
        return Err(Failure::user(
            format!("{name} as it is now has not been built"),
            format!("build it first: drystone build {name}"),
        ));
    };
    // A reader that has seen enough (`| head`) is no error.
    let _ = std::io::stdout().write_all(&text);
    Ok(())
}
