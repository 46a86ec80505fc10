//! Carries a plan out for a verb: with progress, and with all that failed as one failure.

use std::time::Instant;

use super::args::Running;
use super::failure::Failure;
use super::project::Project;
use super::show;
use crate::builder::{self, BuildError, Options, Report, Standing, Survey};
use crate::lock::{Lock, Verdict, place};
use crate::plan::{NodeId, Outputs, Plan};
use crate::recipe::RecipeName;
use crate::sandbox::Stop;

/// Builds what of a plan is missing, showing it on standard error. `what` names the goal in the last line.
pub fn carry_out(
    project: &Project,
    plan: &Plan<'_>,
    running: &Running,
    check: bool,
    what: &str,
) -> Result<Survey, Failure> {
    let began = Instant::now();
    let options = project.options(running, check)?;
    let sink = show::sink();
    let stop = Stop::default();
    let report = builder::run(plan, &project.store, &options, &*sink, &stop);
    sink.end();
    let report = report?;
    if !report.failures.is_empty() {
        return Err(Failure::several(report.failures));
    }
    let seconds = began.elapsed().as_secs_f64();
    match report.built {
        0 => show::say(format_args!("{what}: nothing to do, all is built ({:.0} ms)", seconds * 1000.0)),
        built if check => {
            show::say(format_args!("{what}: built again with the same result ({built} run, {seconds:.1} s)"))
        }
        built => show::say(format_args!("{what}: built ({built} run, {seconds:.1} s)")),
    }
    note_changes(plan, project.lock_for(running)?, &report.survey);
    Ok(report.survey)
}

/// Says what came out otherwise than the lock knows it, because its inputs have changed since.
fn note_changes(plan: &Plan<'_>, lock: Option<&Lock>, survey: &Survey) {
    let Some(lock) = lock else { return };
    let changed = |id: &&NodeId| match (survey.standing(**id), place(plan, **id)) {
        (Standing::Built { key, trace }, Some(place)) => lock.judge(&place, key, &trace.outputs) == Verdict::Changed,
        _ => false,
    };
    let names: Vec<String> = plan.order().iter().filter(changed).map(|id| plan.name(*id)).collect();
    match names.as_slice() {
        [] => {}
        [name] => show::say(format_args!("note: {name} has changed since it was locked (drystone lock --update)")),
        [name, rest @ ..] => show::say(format_args!(
            "note: {name} and {} more have changed since they were locked (drystone lock --update)",
            rest.len()
        )),
    }
}

/// Builds whatever a node takes, without the node itself.
pub fn provide(project: &Project, plan: &Plan<'_>, id: NodeId, options: &Options) -> Result<Survey, Failure> {
    let sink = show::sink();
    let report = builder::provide(plan, id, &project.store, options, &*sink, &Stop::default());
    sink.end();
    let report = report?;
    if report.failures.is_empty() { Ok(report.survey) } else { Err(Failure::several(report.failures)) }
}

/// Builds and tests one recipe as the catalogue has it: what it gave, or what failed.
pub fn attempt(
    project: &Project,
    name: &RecipeName,
    running: &Running,
) -> Result<Result<Outputs, Vec<BuildError>>, Failure> {
    let plan = Plan::new(&project.catalog, &project.target, std::slice::from_ref(name))?;
    let sink = show::sink();
    let options = project.options(running, false)?;
    let report = builder::run(&plan, &project.store, &options, &*sink, &Stop::default());
    sink.end();
    let Report { survey, failures, .. } = report?;
    if !failures.is_empty() {
        return Ok(Err(failures));
    }
    let outputs = plan.build_of(name).and_then(|id| survey.outputs(id));
    Ok(Ok(outputs.cloned().unwrap_or_default()))
}
