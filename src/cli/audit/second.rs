//! The second builds: each recipe again, with everything at the far end.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::first::First as Built;
use super::room::Room;
use super::row::{Differs, First, Found, Row, Second};
use crate::audit::{self, Axes, Axis, Cause, Change, Diagnosis, Lab, changes, diagnose, world};
use crate::builder::{BuildError, Options, Rebuilt, Site, Standing, interruptible, rebuild};
use crate::cli::args::Audit as Args;
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::cli::show;
use crate::digest::Blake3;
use crate::fs;
use crate::lock::{Lock, place};
use crate::plan::{NodeId, Outputs, Plan};
use crate::progress::{Event, Sink};
use crate::sandbox::Stop;
use crate::store::Trace;
use crate::tree::{Entry, Tree};

/// What every second build is made with.
struct Bench<'a> {
    lock: &'a Lock,
    plan: &'a Plan<'a>,
    room: &'a Room,
    first: &'a Built,
    axes: &'a Axes,
    options: Options,
    sink: &'a dyn Sink,
    stop: Stop,
    diagnoses: bool,
}

/// Rebuilds the audited nodes; gives a row for each, in the plan's order. What has been audited before with the same
/// axes is not audited again.
pub fn rebuild_all(
    project: &Project,
    plan: &Plan<'_>,
    room: &Room,
    first: &Built,
    audited: &[NodeId],
    axes: &Axes,
    args: &Args,
) -> Result<Vec<Row>, Failure> {
    let sink = show::sink();
    let options = project.free_options(&args.running, false);
    let diagnoses = !args.no_diagnosis;
    let none = Lock::default();
    let lock = project.lock_for(&args.running)?.unwrap_or(&none);
    let bench = Bench { lock, plan, room, first, axes, options, sink: &*sink, stop: Stop::default(), diagnoses };
    show::say(format_args!("second, with these at the other end: {}", words(axes)));
    sink.event(Event::Planned { builds: audited.len(), downloads: 0 });
    let began = Instant::now();
    let rows = interruptible(&bench.stop, || bench.all(audited));
    sink.end();
    let mut rows = rows??;
    show::say(format_args!("second: {} in {:.0} s", rows.len(), began.elapsed().as_secs_f64()));
    rows.sort_by_key(|(index, _)| *index);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn words(axes: &Axes) -> String {
    axes.iter().map(|axis| axis.name()).collect::<Vec<_>>().join(", ")
}

impl Bench<'_> {
    /// As many at once as there are processors, where each has one.
    fn all(&self, audited: &[NodeId]) -> Result<Vec<(usize, Row)>, Failure> {
        let alone = self.axes.contains(&Axis::Jobs);
        let workers = if alone { self.options.jobs } else { 1 };
        let queue: Mutex<VecDeque<(usize, NodeId)>> = Mutex::new(audited.iter().copied().enumerate().collect());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let work = |worker: usize| {
            let mut rows = Vec::new();
            while let Some((index, id)) = next() {
                match self.one(id, worker) {
                    Ok(row) => rows.push((index, row)),
                    Err(error) => {
                        // Nothing new is begun.
                        queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
                        return Err(error);
                    }
                }
            }
            Ok(rows)
        };
        let results: Vec<Result<_, Failure>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|worker| scope.spawn(move || work(worker))).collect();
            threads.into_iter().map(|thread| thread.join().expect("an audit does not panic")).collect()
        });
        let mut rows = Vec::new();
        for result in results {
            rows.extend(result?);
        }
        Ok(rows)
    }

    fn one(&self, id: NodeId, worker: usize) -> Result<Row, Failure> {
        let (what, target) = (self.plan.subject(id), self.plan.target_of(id).to_string());
        let what = match self.plan.recipe_name(id).and_then(|name| self.plan.catalog().recipe(name)) {
            Some(recipe) => format!("{} {}", recipe.name, recipe.version),
            None => what,
        };
        let Standing::Built { key, trace } = self.first.survey.standing(id) else {
            let (first, second) = (First::Failed, Second::None);
            let (target, outputs) = (Some(target), Outputs::new());
            return Ok(Row { what, target, key: None, outputs, first, second, seconds: (0.0, 0.0) });
        };
        let file = self.room.result(&format!("{}-{}", key.short(), self.token()));
        let place = place(self.plan, id).expect("what is audited gives something");
        let first = self.lock.judge(&place, key, &trace.outputs);
        if let Some(row) = fs::read_if_exists(&file)?.and_then(|text| serde_json::from_str::<Row>(&text).ok())
            && matches!(row.second, Second::Same)
            && row.key.as_deref() == Some(key.to_string().as_str())
            && row.outputs == trace.outputs
        {
            self.sink.event(Event::BuildFinished { name: self.plan.name(id), duration: trace.duration });
            return Ok(Row { first: first.into(), ..row });
        }
        let (second, seconds) = self.second(id, trace, worker)?;
        let seconds = (trace.duration.as_secs_f64(), seconds);
        let (key, outputs) = (Some(key.to_string()), trace.outputs.clone());
        let row = Row { what, target: Some(target), key, outputs, first: first.into(), second, seconds };
        let text = serde_json::to_string_pretty(&row).expect("this is plain data");
        fs::replace_file(&file, text.as_bytes())?;
        Ok(row)
    }

    /// The axes, as part of a file's name.
    fn token(&self) -> String {
        Blake3::of(words(self.axes).as_bytes()).short()
    }

    fn second(&self, id: NodeId, trace: &Trace, worker: usize) -> Result<(Second, f64), Failure> {
        let Self { plan, room, first, options, sink, stop, axes, .. } = self;
        let site = Site { plan, id, survey: &first.survey, store: &first.store, options, sink: *sink };
        let ends = || room.ends(options.jobs, worker);
        let lab = Lab { site, expected: &trace.outputs, ends: &ends, stop };
        let began = Instant::now();
        match rebuild(&site, &world(axes, &ends(), audit::now()), stop) {
            Ok(rebuilt) if rebuilt.outputs() == trace.outputs => Ok((Second::Same, began.elapsed().as_secs_f64())),
            Ok(rebuilt) => {
                let seconds = began.elapsed().as_secs_f64();
                let differs = self.differs(id, trace, rebuilt, &lab)?;
                Ok((Second::Differs(differs), seconds))
            }
            Err(error) if audit::is_the_builds_own(&error) => {
                let seconds = began.elapsed().as_secs_f64();
                let cause = self.cause(&lab, &[])?;
                Ok((Second::Failed { error: told(&error), cause }, seconds))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn differs(&self, id: NodeId, trace: &Trace, rebuilt: Rebuilt, lab: &Lab<'_>) -> Result<Differs, Failure> {
        let store = &self.first.store;
        let (mut found, mut trees) = (Vec::new(), Vec::new());
        let nothing = Tree::new();
        let names: std::collections::BTreeSet<&String> = trace.outputs.keys().chain(rebuilt.trees.keys()).collect();
        for component in names {
            let after = rebuilt.trees.get(component).unwrap_or(&nothing);
            let (before, place) = match trace.outputs.get(component) {
                Some(object) => (store.tree(object)?, store.object_path(object)),
                None => (Tree::new(), store.root().to_owned()),
            };
            let here = changes(component, (&before, &place), (after, &rebuilt.directory))?;
            if here.is_empty() {
                continue;
            }
            found.extend(here);
            let kept = self.room.differs().join(format!("{}.{component}", self.plan.name(id).replace(' ', "-")));
            keep(after, &rebuilt.directory, &kept)?;
            trees.push((place, kept));
        }
        // Its files are not needed any more, and take room.
        drop(rebuilt);
        let cause = self.cause(lab, &found)?;
        Ok(Differs { cause, changes: found, trees })
    }

    fn cause(&self, lab: &Lab<'_>, changes: &[Change]) -> Result<Option<Found>, Failure> {
        if !self.diagnoses {
            return Ok(None);
        }
        let name = self.plan.name(lab.site.id);
        show::say(format_args!("{name}: the second build differs; looking for the cause"));
        let Diagnosis { cause, rebuilds } = diagnose(lab, self.axes, changes)?;
        let axes = match &cause {
            Cause::Axes(axes) => axes.iter().map(|axis| axis.name().to_owned()).collect(),
            _ => Vec::new(),
        };
        let title = cause.title(changes);
        show::say(format_args!("{name}: {title}"));
        Ok(Some(Found { title, axes, mend: cause.mend().to_owned(), rebuilds }))
    }
}

/// A failure with its last lines.
fn told(error: &BuildError) -> String {
    let mut text = error.to_string();
    if let BuildError::Failed(failure) = error {
        for line in failure.tail.iter().rev().take(8).rev() {
            text.push_str("\n| ");
            text.push_str(line);
        }
    }
    text
}

/// Copies a tree's files to where nothing is yet, to stay.
fn keep(tree: &Tree, from: &Path, to: &Path) -> fs::Result<()> {
    fs::create_dir_all(to)?;
    for (path, entry) in tree.iter() {
        let (from, to) = (path.under(from), path.under(to));
        match entry {
            Entry::Dir => fs::create_dir_all(&to)?,
            Entry::Symlink { target } => fs::symlink(target, &to)?,
            Entry::File { .. } => drop(fs::share(&from, &to, false)?),
        }
    }
    Ok(())
}
