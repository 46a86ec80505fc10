//! Somebody looks around in a build: at its start, before one of its phases, or where it failed.
//!
//! The world is the build's own, made by the same code. What is added is one more layer below all others at `/`: the
//! program `phase`, and below `/phases` what it runs.

mod left;
mod phases;
mod progress;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use left::Left;
use phases::Phase;
use progress::Progress;

use super::rebuild::watching;
use super::workshop::Workshop;
use super::{BuildError, Options, Survey};
use crate::fs;
use crate::plan::{Derivation, NodeId, Plan, Work};
use crate::progress::Sink;
use crate::sandbox::{self, Exit, Limits, Outcome, SandboxError, Spec, Stop, Terminal, Visit};
use crate::store::Store;

/// The build that is visited, whose inputs are all built.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// The plan.
    pub plan: &'a Plan<'a>,
    /// The node of a build.
    pub id: NodeId,
    /// How the plan stands.
    pub survey: &'a Survey,
    /// Where everything is.
    pub store: &'a Store,
    /// How the run was asked for.
    pub options: &'a Options,
    /// Who hears of progress.
    pub sink: &'a dyn Sink,
}

/// Where in a build somebody wants to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// Before anything has run.
    Start,
    /// Before a phase.
    Before(String),
    /// Where it fails.
    Failure,
}

/// What somebody wants there.
#[derive(Debug)]
pub struct Request {
    /// Where to.
    pub place: Where,
    /// What is run, over drystone's own standard streams; without, a shell on the terminal.
    pub command: Option<Vec<String>>,
    /// Where `build` and `out` go afterwards; without, they are thrown away.
    pub keep: Option<PathBuf>,
}

/// What somebody who arrives has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The build's name.
    pub name: String,
    /// The directory that the visit begins in.
    pub dir: String,
    /// The phases that have run well, in order.
    pub done: Vec<String>,
    /// The one that failed, and how, if that is known.
    pub failed: Option<(String, Option<String>)>,
    /// The phases that come next; the first of them is the one that failed.
    pub next: Vec<String>,
    /// The failed build whose directories these are copies of.
    pub left: Option<PathBuf>,
    /// The last lines that were printed before a failure.
    pub tail: Vec<String>,
}

/// How a visit ended.
#[derive(Debug)]
pub struct Visited {
    /// The program's exit status; without, a limit ended everything before it began.
    pub status: Option<i32>,
    /// How the phases before it ended.
    pub outcome: Outcome,
    /// What was contained, in words.
    pub breaches: Vec<String>,
}

/// Runs the phases up to a place, and there a program. `arrive` is called in between, if the program is a shell.
///
/// # Errors
/// When there is no such phase, something is missing, or there is no sandbox.
pub fn visit(
    site: &Site<'_>,
    request: &Request,
    stop: &Stop,
    arrive: &(dyn Fn(&Arrival) + Sync),
) -> Result<Visited, BuildError> {
    let Site { plan, id, survey, store, options, sink } = *site;
    let derivation = plan.derivation(id, &|id| survey.outputs(id))?.expect("what the build takes is built");
    let Work::Build(work) = &derivation.work else { unreachable!("a visit is to a build") };
    let keep = request.keep.as_deref();
    keep.map_or(Ok(()), must_be_free)?;
    let phases = phases::of_steps(&work.steps);
    let (runs, left) = way(&request.place, &phases, &derivation, options)?;

    let scratch = store.scratch()?;
    let workshop = Workshop::new(store, &derivation.name, scratch.path());
    match &left {
        Some(left) => left.copy_to(&workshop)?,
        None => workshop.furnish(work)?,
    }
    // Whoever looks around takes their time.
    let limits = Limits { time: Duration::MAX, ..options.limits.clone() };
    let mut spec = workshop.spec(work, &limits);
    spec.steps = phases[..runs].iter().flat_map(|phase| phase.steps.clone()).collect();
    let layer = scratch.path().join("phases");
    phases::write(&layer, &derivation.name, &phases)?;
    spec.root.push(layer);
    let stage = left.as_ref().and_then(|left| left.stage(&phases)).unwrap_or(runs);
    let guest = guest(request, phases.get(stage).or(phases.last()))?;
    let shown = request.command.is_none().then_some(arrive);
    let progress = Progress::new(&derivation.name, &guest.dir, &phases, left, sink, shown);
    let exit = attend(&spec, &guest, options, stop, &progress);
    if let Some(place) = keep {
        fs::create_dir_all(place)?;
        fs::move_tree(&workshop.build, &place.join("build"))?;
        fs::move_tree(&workshop.out, &place.join("out"))?;
    }
    match exit {
        Ok(Exit { outcome, breaches, left: status, .. }) => Ok(Visited { status, outcome, breaches }),
        Err(SandboxError::Interrupted) => Err(BuildError::Interrupted),
        Err(source) => Err(BuildError::Sandbox { name: derivation.name, source }),
    }
}

/// How many phases are run before the visit, or what a failed build left to go on from.
fn way(
    place: &Where,
    phases: &[Phase],
    derivation: &Derivation,
    options: &Options,
) -> Result<(usize, Option<Left>), BuildError> {
    match place {
        Where::Start => Ok((0, None)),
        Where::Before(name) => {
            let found = phases.iter().position(|phase| phase.name == *name);
            let runs = found.ok_or_else(|| BuildError::NoPhase {
                name: derivation.name.clone(),
                phase: name.clone(),
                phases: phases.iter().map(|phase| phase.name.clone()).collect(),
            })?;
            Ok((runs, None))
        }
        Where::Failure => {
            let left = Left::find(options, derivation)?;
            Ok((if left.is_some() { 0 } else { phases.len() }, left))
        }
    }
}

fn must_be_free(place: &Path) -> Result<(), BuildError> {
    let taken = ["build", "out"].map(|name| place.join(name)).into_iter().find(|path| path.exists());
    taken.map_or(Ok(()), |path| Err(BuildError::Occupied { path }))
}

fn guest(request: &Request, stage: Option<&Phase>) -> Result<Visit, BuildError> {
    let dir = stage.map_or("/build/src", |phase| phase.dir.as_str()).to_owned();
    Ok(match &request.command {
        Some(argv) => Visit { dir, argv: argv.clone(), env: BTreeMap::new(), terminal: None },
        None => Visit {
            dir,
            argv: vec!["sh".to_owned(), "-i".to_owned()],
            // An interactive shell reads this file (POSIX, sh, ENV), which first takes the name out of the environment.
            env: BTreeMap::from([("ENV".to_owned(), phases::PROFILE.to_owned())]),
            terminal: Some(Terminal::open().map_err(BuildError::Terminal)?),
        },
    })
}

/// Runs a spec and its visitor; meanwhile an interrupt stops it, and a terminal within the user's follows its size.
fn attend(
    spec: &Spec,
    guest: &Visit,
    options: &Options,
    stop: &Stop,
    progress: &Progress<'_>,
) -> Result<Exit, SandboxError> {
    let jobserver = jobserver::Client::new(options.jobs).map_err(SandboxError::Start)?;
    // The visitor's own: each `make` has one process beside the tokens that it takes.
    let _token = jobserver.acquire().map_err(SandboxError::Start)?;
    let size = follow_size(guest.terminal.as_ref());
    let visit = || sandbox::visit(spec, guest, Some(&jobserver), stop, &|event| progress.hear(event));
    watching(stop, size, visit).map_err(SandboxError::Start)?
}

async fn follow_size(terminal: Option<&Terminal>) {
    use tokio::signal::unix::{SignalKind, signal};
    let changes = signal(SignalKind::window_change());
    if let (Some(terminal), Ok(mut changes)) = (terminal, changes) {
        while changes.recv().await.is_some() {
            terminal.fit();
        }
    }
    std::future::pending().await
}
