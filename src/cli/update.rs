//! `drystone update`.

mod change;
mod lock;
mod look;
mod renew;
mod report;

use std::io::Write as _;

use super::args::{Common, Update};
use super::failure::Failure;
use super::network::Network;
use super::project::Project;
use super::show::say;
use crate::plan::PlanError;
use crate::recipe::RecipeName;
use look::{Findings, Subject, is_own, look};
use renew::renew;
use report::Outcome;

/// Looks for newer versions, and brings recipes to them.
pub fn run(common: &Common, args: &Update) -> Result<(), Failure> {
    let mut project = Project::open(common)?;
    let subjects = subjects(&project, args)?;
    let network = Network::open()?;
    say(format_args!("looking for newer versions of {}", report::recipes(subjects.len())));
    let findings = look(&network, &subjects, args.pre || args.to.is_some());
    if args.check {
        print(&match args.json {
            true => report::check_json(&subjects, &findings),
            false => report::check(&subjects, &findings),
        });
        return Ok(());
    }
    let mut outcomes = Vec::new();
    for (subject, findings) in subjects.iter().zip(findings) {
        let outcome = bring(&mut project, &network, subject, findings, args);
        let interrupted = matches!(&outcome, Outcome::Failed { failure, .. } if failure.is_interruption());
        if let (Outcome::Updated(renewed), false) = (&outcome, args.json) {
            print(&report::renewed(renewed));
        }
        outcomes.push(outcome);
        if interrupted {
            break;
        }
    }
    if args.json {
        print(&report::outcomes_json(&subjects, &outcomes));
    } else if subjects.len() > 1 {
        print(&report::table(&subjects, &outcomes));
    } else {
        outcomes.iter().for_each(|outcome| print(&report::unchanged(&subjects[0], outcome)));
    }
    ended(&subjects, outcomes, args)
}

/// The recipes that are meant.
fn subjects(project: &Project, args: &Update) -> Result<Vec<Subject>, Failure> {
    if args.all {
        let own = project.catalog.recipes().filter(|recipe| is_own(project, recipe));
        return own.map(|recipe| Subject::of(project, recipe)).collect();
    }
    if args.to.is_some() && args.names.len() > 1 {
        return Err(Failure::user(
            "--to names the version of one recipe".to_owned(),
            "update them one by one".to_owned(),
        ));
    }
    let unknown = |name: &RecipeName| PlanError::UnknownRecipe {
        name: name.to_string(),
        nearest: project.catalog.nearest(name.as_str()),
    };
    let subject = |name| match project.catalog.recipe(name) {
        Some(recipe) => Subject::of(project, recipe),
        None => Err(unknown(name).into()),
    };
    args.names.iter().map(subject).collect()
}

/// Brings one recipe to the version that is wanted, if there is one.
fn bring(
    project: &mut Project,
    network: &Network,
    subject: &Subject,
    mut findings: Findings,
    args: &Update,
) -> Outcome {
    let notes = std::mem::take(&mut findings.notes);
    let candidate = match &args.to {
        Some(version) if version == subject.version() => return Outcome::UpToDate { notes },
        Some(version) => subject.candidate(findings, version),
        None => match findings.newer.pop() {
            Some(newest) => newest,
            None if findings.listed => return Outcome::UpToDate { notes },
            None => return Outcome::Unlisted { silent: findings.silent, notes },
        },
    };
    say(format_args!("{}: {} → {}", subject.name, subject.version(), candidate.version));
    match renew(project, network, subject, &candidate, args) {
        Ok(mut renewed) => {
            renewed.notes.extend(notes);
            Outcome::Updated(Box::new(renewed))
        }
        Err(failure) => Outcome::Failed { to: candidate.version, failure },
    }
}

/// The whole run's end: what failed is an error, and so is a recipe named alone of which nothing is known.
fn ended(subjects: &[Subject], outcomes: Vec<Outcome>, args: &Update) -> Result<(), Failure> {
    let alone = outcomes.len() == 1 && !args.all;
    let mut failed = Vec::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Failed { failure, .. } if alone || failure.is_interruption() => return Err(failure),
            Outcome::Failed { failure, .. } => failed.push(failure),
            Outcome::Unlisted { silent, .. } if alone => {
                let name = &subjects[0].name;
                let reasons = silent.iter().map(|line| format!("\n  {line}")).collect::<String>();
                let message = match silent.is_empty() {
                    true => format!("no location of the sources of {name} has the version in it"),
                    false => format!("nothing lists the versions of {name}:{reasons}"),
                };
                return Err(Failure::found(message, "say to which: --to VERSION"));
            }
            Outcome::Unlisted { .. } | Outcome::UpToDate { .. } | Outcome::Updated(_) => {}
        }
    }
    // The table has told which, and why.
    if failed.is_empty() { Ok(()) } else { Err(Failure::differs()) }
}

/// A reader that has seen enough is no error.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
