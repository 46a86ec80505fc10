//! The first build: from source, in the audit's own store. Nothing is tested: an audit asks which bits come out, not
//! whether they work.

use std::time::Instant;

use crate::builder::{self, BuildError, Options, Survey};
use crate::cli::args::Audit as Args;
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::cli::show;
use crate::plan::Plan;
use crate::sandbox::Stop;
use crate::store::Store;

use super::room::Room;

/// What was built first.
pub struct First {
    /// Its store.
    pub store: Store,
    /// How each node stands.
    pub survey: Survey,
    /// What failed; what depends on it cannot be audited.
    pub failures: Vec<BuildError>,
}

/// Builds a plan in the audit's store, or takes what the project's store has.
pub fn build(project: &Project, plan: &Plan<'_>, room: &Room, args: &Args) -> Result<First, Failure> {
    let options = Options { keep_going: true, ..project.free_options(&args.running, false) };
    let store = match args.trust_store {
        true => Store::open(project.store.root())?,
        false => {
            let store = Store::open(&room.store())?;
            lend(project, plan, &store)?;
            store
        }
    };
    show::say(format_args!("first, as the contract says, in {}", store.root().display()));
    let began = Instant::now();
    let sink = show::sink();
    let report = builder::run(plan, &store, &options, &*sink, &Stop::default());
    sink.end();
    let report = report?;
    show::say(format_args!("first: {} built in {:.0} s", report.built, began.elapsed().as_secs_f64()));
    if report.failures.iter().any(|error| matches!(error, BuildError::Interrupted)) {
        return Err(BuildError::Interrupted.into());
    }
    Ok(First { store, survey: report.survey, failures: report.failures })
}

/// Links the sources that the project's store has into another store. Each is hashed again: an audit trusts nothing.
fn lend(project: &Project, plan: &Plan<'_>, store: &Store) -> Result<(), Failure> {
    for source in plan.order().iter().flat_map(|id| plan.sources(*id)) {
        store.borrow_source(&source.sha256, &project.store)?;
    }
    Ok(())
}
