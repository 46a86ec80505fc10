//! `drystone shell`.

use std::io::IsTerminal as _;

use super::args::{Common, Shell};
use super::carry_out::provide;
use super::failure::Failure;
use super::project::Project;
use super::show::{self, say};
use crate::builder::{Arrival, Request, Site, Where, visit};
use crate::plan::Plan;
use crate::sandbox::{Outcome, Stop};

/// Lets somebody into a build's sandbox.
pub fn run(common: &Common, args: &Shell) -> Result<(), Failure> {
    let is_shell = args.command.is_empty();
    if is_shell && !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Err(Failure::user(
            "a shell needs a terminal as standard input and output".to_owned(),
            format!("run one command without: drystone shell {} -- COMMAND", args.name.recipe),
        ));
    }
    let project = Project::open(common)?;
    let plan = Plan::new(&project.catalog, &project.target, std::slice::from_ref(&args.name.recipe))?;
    let id = plan.build_of(&args.name.recipe).expect("a plan has the builds that it was asked for");
    let options = project.options(&args.running(), false)?;
    let survey = provide(&project, &plan, id, &options)?;
    let request = Request {
        place: match &args.phase {
            Some(phase) => Where::Before(phase.clone()),
            None if args.failed => Where::Failure,
            None => Where::Start,
        },
        command: (!is_shell).then(|| args.command.clone()),
        keep: args.keep.clone(),
    };
    let sink = show::sink();
    let site = Site { plan: &plan, id, survey: &survey, store: &project.store, options: &options, sink: &*sink };
    let arrive = |arrival: &Arrival| {
        sink.end();
        banner(arrival, args).iter().for_each(|line| say(format_args!("{line}")));
    };
    let visited = visit(&site, &request, &Stop::default(), &arrive);
    sink.end();
    let visited = visited?;
    visited.breaches.iter().for_each(|what| say(format_args!("contained: {what}")));
    if let Some(place) = &args.keep {
        say(format_args!("kept: {0}/build and {0}/out", place.display()));
    }
    match (visited.status, visited.outcome) {
        (None, Outcome::Failed { step, how } | Outcome::Limit { step, limit: how }) => Err(Failure::found(
            format!("{} ended before the visit, in its phase `{step}`: {how}", plan.name(id)),
            &format!("go there before that phase: drystone shell {} --phase {step}", args.name.recipe),
        )),
        // What a shell's last command gave is nobody's failure.
        (Some(status), _) if !is_shell && status != 0 => Err(Failure::status(u8::try_from(status).unwrap_or(1))),
        _ => Ok(()),
    }
}

/// Where somebody is, what comes next, and what they can do.
fn banner(arrival: &Arrival, args: &Shell) -> Vec<String> {
    let Arrival { name, dir, done, failed, next, left, tail } = arrival;
    let mut lines = Vec::new();
    if !tail.is_empty() {
        lines.push("the last lines before it failed:".to_owned());
        lines.extend(tail.iter().map(|line| format!("  | {}", show::escaped(line))));
    }
    let place = match (failed, next.first()) {
        (Some((phase, Some(how))), _) => format!("where its phase `{phase}` failed: {how}"),
        (Some((phase, None)), _) => format!("where its phase `{phase}` failed"),
        (None, Some(phase)) => format!("before its phase `{phase}`"),
        (None, None) => "after its last phase".to_owned(),
    };
    lines.push(format!("In the sandbox of {name}, {place}."));
    let mut add = |word: &str, text: String| lines.push(format!("  {word:<7}{text}"));
    add("here", dir.clone());
    if let Some(left) = left {
        add("from", format!("a copy of {}", left.display()));
    }
    if !done.is_empty() {
        add("done", done.join(", "));
    }
    if let Some((first, then)) = next.split_first() {
        let then = if then.is_empty() { String::new() } else { format!(", then: {}", then.join(", ")) };
        add("next", format!("phase {first}{then}"));
        add("", format!("(what it runs: cat /phases/{first}; all phases: phase)"));
    }
    add(
        "leave",
        match &args.keep {
            Some(place) => format!("exit, or ctrl-d; /build and /out go to {}", place.display()),
            None => "exit, or ctrl-d; what was done is thrown away".to_owned(),
        },
    );
    lines
}
