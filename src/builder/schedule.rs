//! Decides what runs when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::download::Downloads;
use super::execute::Executor;
use super::locked::hold;
use super::survey::{look, survey};
use super::{BuildError, Options, Standing, Survey};
use crate::digest::{DerivationKey, Sha256};
use crate::plan::{Derivation, Node, NodeId, Plan};
use crate::progress::{Event, Sink};
use crate::recipe::Source;
use crate::sandbox::Stop;
use crate::store::{Store, Trace};

/// What reaches the scheduler from the threads that work.
pub enum News {
    /// A source has been fetched, or could not be.
    Fetched(Sha256, Result<(), BuildError>),
    /// A node was carried out, or failed.
    Done(NodeId, Box<Result<(DerivationKey, Trace), BuildError>>),
    /// Nothing can be done any more.
    Broken(BuildError),
}

/// What a run did.
#[derive(Debug)]
pub struct Report {
    /// How every node stands.
    pub survey: Survey,
    /// How many nodes were carried out.
    pub built: usize,
    /// What failed; the rest of the report holds all the same.
    pub failures: Vec<BuildError>,
}

/// Carries a plan out.
///
/// # Errors
/// When nothing could be started; what fails later is in the report.
pub fn run(
    plan: &Plan<'_>,
    store: &Store,
    options: &Options,
    sink: &dyn Sink,
    stop: &Stop,
) -> Result<Report, BuildError> {
    let mut survey = survey(plan, store)?;
    let broken = unlocked(plan, store, options, &survey)?;
    if !broken.is_empty() {
        return Ok(Report { survey, built: 0, failures: broken });
    }
    let checked = if options.check { forget_wanted(plan, &mut survey) } else { BTreeMap::new() };
    let todo = Todo {
        nodes: plan.order().iter().filter(|id| survey.outputs(**id).is_none()).copied().collect(),
        sources: missing_sources(plan, store, plan.order().iter().filter(|id| survey.outputs(**id).is_none())),
    };
    work(Executor::of(plan, store, options, sink, stop)?, survey, checked, todo)
}

/// Builds whatever a node takes and fetches its sources, so that it could be built next.
///
/// # Errors
/// As [`run`].
pub fn provide(
    plan: &Plan<'_>,
    id: NodeId,
    store: &Store,
    options: &Options,
    sink: &dyn Sink,
    stop: &Stop,
) -> Result<Report, BuildError> {
    let survey = survey(plan, store)?;
    let nodes: BTreeSet<NodeId> = plan.closure_of(id).into_iter().filter(|id| survey.outputs(*id).is_none()).collect();
    let sources = missing_sources(plan, store, nodes.iter().chain([&id]));
    work(Executor::of(plan, store, options, sink, stop)?, survey, BTreeMap::new(), Todo { nodes, sources })
}

/// What is built already, and is not what the lock says.
fn unlocked(plan: &Plan<'_>, store: &Store, options: &Options, survey: &Survey) -> Result<Vec<BuildError>, BuildError> {
    let Some(locking) = &options.locking else { return Ok(Vec::new()) };
    let mut broken = Vec::new();
    for id in plan.order() {
        if let Standing::Built { key, trace } = survey.standing(*id) {
            match hold(plan, store, locking, *id, key, &trace.outputs) {
                Ok(()) => {}
                Err(error @ BuildError::Unlocked { .. }) => broken.push(error),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(broken)
}

/// What is to be done.
struct Todo {
    nodes: BTreeSet<NodeId>,
    sources: Vec<Source>,
}

fn work(
    executor: Executor<'_>,
    survey: Survey,
    checked: BTreeMap<NodeId, Trace>,
    todo: Todo,
) -> Result<Report, BuildError> {
    let Executor { plan, store, options, sink, stop, .. } = executor;
    let Todo { nodes, sources: missing } = todo;
    if nodes.is_empty() && missing.is_empty() {
        return Ok(Report { survey, built: 0, failures: Vec::new() });
    }
    let (sender, receiver) = channel();
    let fetching: BTreeSet<Sha256> = missing.iter().map(|source| source.sha256).collect();
    sink.event(Event::Planned { builds: nodes.len(), downloads: fetching.len() });
    let (finish, over) = tokio::sync::oneshot::channel();
    std::thread::scope(|scope| {
        let downloads = Downloads { store, options, sink, stop };
        let news = sender.clone();
        scope.spawn(move || downloads.run(missing, &news, over));
        let schedule = Schedule {
            executor: &executor,
            heights: heights(plan),
            survey,
            checked,
            fetching,
            running: BTreeSet::new(),
            todo: nodes,
            unfetchable: BTreeSet::new(),
            failures: Vec::new(),
            broken: false,
            built: 0,
        };
        let report = schedule.run(scope, &sender, &receiver);
        // The downloads' thread waits for this, or has gone already.
        let _ = finish.send(());
        report
    })
}

/// Has what was asked for built again; returns what it gave before.
fn forget_wanted(plan: &Plan<'_>, survey: &mut Survey) -> BTreeMap<NodeId, Trace> {
    let mut before = BTreeMap::new();
    for id in plan.wanted().iter().filter_map(|name| plan.build_of(name)) {
        if let Standing::Built { key, trace } = survey.standing(id).clone() {
            before.insert(id, trace);
            survey.set(id, Standing::Ready { key });
        }
    }
    // What was ready and needs one of them waits again.
    for id in plan.order() {
        let waits = plan.inputs(*id).into_iter().any(|input| survey.outputs(input).is_none());
        if waits && matches!(survey.standing(*id), Standing::Ready { .. }) {
            survey.set(*id, Standing::Waiting);
        }
    }
    before
}

/// The sources of these nodes that are not in the store, each once.
fn missing_sources<'n>(plan: &Plan<'_>, store: &Store, nodes: impl Iterator<Item = &'n NodeId>) -> Vec<Source> {
    let mut sources: BTreeMap<Sha256, Source> = BTreeMap::new();
    for id in nodes {
        for source in plan.sources(*id) {
            if store.source(&source.sha256).is_none() {
                sources.entry(source.sha256).or_insert(source);
            }
        }
    }
    sources.into_values().collect()
}

/// How many nodes wait for each one, in the longest row: what holds up most is begun first.
fn heights(plan: &Plan<'_>) -> BTreeMap<NodeId, usize> {
    let mut heights: BTreeMap<NodeId, usize> = BTreeMap::new();
    for id in plan.order().iter().rev() {
        let own = *heights.entry(*id).or_default();
        for input in plan.inputs(*id) {
            let height = heights.entry(input).or_default();
            *height = (*height).max(own + 1);
        }
    }
    heights
}

struct Schedule<'e> {
    executor: &'e Executor<'e>,
    heights: BTreeMap<NodeId, usize>,
    survey: Survey,
    checked: BTreeMap<NodeId, Trace>,
    fetching: BTreeSet<Sha256>,
    running: BTreeSet<NodeId>,
    /// What is neither done nor given up.
    todo: BTreeSet<NodeId>,
    unfetchable: BTreeSet<Sha256>,
    failures: Vec<BuildError>,
    broken: bool,
    built: usize,
}

impl<'e> Schedule<'e> {
    fn run<'scope>(
        mut self,
        scope: &'scope std::thread::Scope<'scope, '_>,
        sender: &Sender<News>,
        receiver: &Receiver<News>,
    ) -> Result<Report, BuildError>
    where
        'e: 'scope,
    {
        loop {
            if self.goes_on() {
                for (id, derivation) in self.startable()? {
                    self.running.insert(id);
                    let (executor, news) = (self.executor, sender.clone());
                    let before = self.checked.get(&id).cloned();
                    scope.spawn(move || {
                        let result = executor.execute(id, &derivation, before.as_ref());
                        let _ = news.send(News::Done(id, Box::new(result)));
                    });
                }
            }
            let waits = !self.fetching.is_empty() && self.goes_on();
            if self.running.is_empty() && !waits {
                return Ok(Report { survey: self.survey, built: self.built, failures: self.failures });
            }
            match receiver.recv().expect("this end holds a sender") {
                News::Fetched(sha256, result) => {
                    self.fetching.remove(&sha256);
                    if let Err(error) = result {
                        self.unfetchable.insert(sha256);
                        self.failures.push(error);
                    }
                }
                News::Done(id, result) => self.done(id, *result)?,
                News::Broken(error) => {
                    self.broken = true;
                    self.failures.push(error);
                }
            }
        }
    }

    /// Whether something may still be started.
    fn goes_on(&self) -> bool {
        !self.broken && (self.failures.is_empty() || self.executor.options.keep_going)
    }

    fn done(&mut self, id: NodeId, result: Result<(DerivationKey, Trace), BuildError>) -> Result<(), BuildError> {
        self.running.remove(&id);
        self.todo.remove(&id);
        match result {
            Ok((key, trace)) => {
                self.built += 1;
                self.survey.set(id, Standing::Built { key, trace });
                self.look_again()
            }
            Err(error) => {
                // What an interrupt has killed says so of itself; once is enough.
                let repeated = matches!(error, BuildError::Interrupted) || self.executor.stop.is_stopped();
                if !repeated || self.failures.is_empty() {
                    self.failures.push(error);
                }
                Ok(())
            }
        }
    }

    /// Looks up those that waited: their inputs may be the same as once before.
    fn look_again(&mut self) -> Result<(), BuildError> {
        let Executor { plan, store, .. } = self.executor;
        for id in plan.order() {
            if matches!(self.survey.standing(*id), Standing::Waiting) {
                let standing = look(plan, store, &self.survey, *id)?;
                self.survey.set(*id, standing);
            }
        }
        Ok(())
    }

    /// What can be started now, as many as there are free jobs.
    fn startable(&self) -> Result<Vec<(NodeId, Derivation)>, BuildError> {
        let plan = self.executor.plan;
        let ready = |id: &&NodeId| {
            matches!(self.survey.standing(**id), Standing::Ready { .. })
                && !self.running.contains(id)
                && self.todo.contains(id)
                && !plan
                    .sources(**id)
                    .iter()
                    .any(|source| self.fetching.contains(&source.sha256) || self.unfetchable.contains(&source.sha256))
        };
        let mut ready: Vec<NodeId> = plan.order().iter().filter(ready).copied().collect();
        // Tests before builds of the same height: a wrong result is found before much is built upon it.
        ready.sort_by_key(|id| (std::cmp::Reverse(self.heights[id]), matches!(plan.node(*id), Node::Build(..))));
        let free = self.executor.options.jobs.saturating_sub(self.running.len());
        let mut started = Vec::new();
        for id in ready.into_iter().take(free) {
            let derivation = plan.derivation(id, &|id| self.survey.outputs(id))?;
            started.push((id, derivation.expect("a ready node's inputs are built")));
        }
        Ok(started)
    }
}
