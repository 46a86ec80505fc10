//! Carries out one derivation: from its inputs in the store to its trace.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::check::{self, Rules};
use super::locked::hold;
use super::workshop::{Workshop, objects};
use super::{
    BuildError, BuildFailure, Lesson, OUTPUT_LIMIT, Options, Violation, compare, lesson, root_name, test_run, unpack,
};
use crate::digest::{Blake3, DerivationKey, ObjectId};
use crate::fs;
use crate::path::RelPath;
use crate::plan::{BuildWork, Derivation, Node, NodeId, Outputs, Plan, SEEDS_OUTPUT, Unpack, Work};
use crate::progress::{Event, Sink};
use crate::recipe::{Recipe, assign};
use crate::sandbox::{self, Outcome, SandboxError, Spec, Stop};
use crate::store::{Inputs, Scanned, Scratch, Store, StoreError, Trace, scan};
use crate::tree::Tree;

/// How many of a failed build's last lines are shown.
pub(super) const TAIL: usize = 30;

/// What every derivation of a run is carried out with.
pub struct Executor<'a> {
    /// The plan.
    pub plan: &'a Plan<'a>,
    /// Where everything is.
    pub store: &'a Store,
    /// How the run was asked for.
    pub options: &'a Options,
    /// Who hears of progress.
    pub sink: &'a dyn Sink,
    /// What stops the sandboxes.
    pub stop: &'a Stop,
    /// The run's tokens.
    pub jobserver: jobserver::Client,
}

/// One derivation while it is carried out.
pub(super) struct Job<'a> {
    pub(super) executor: &'a Executor<'a>,
    pub(super) name: &'a str,
    pub(super) key: DerivationKey,
    pub(super) scratch: Scratch,
    pub(super) log: Log,
}

impl<'a> Executor<'a> {
    /// What a run's derivations are carried out with.
    ///
    /// # Errors
    /// When there can be no jobserver.
    pub fn of(
        plan: &'a Plan<'a>,
        store: &'a Store,
        options: &'a Options,
        sink: &'a dyn Sink,
        stop: &'a Stop,
    ) -> Result<Self, BuildError> {
        let jobserver = jobserver::Client::new(options.jobs);
        let jobserver = jobserver.map_err(fs::failed("start a jobserver in", store.root()))?;
        Ok(Self { plan, store, options, sink, stop, jobserver })
    }

    /// Carries a node's derivation out, or finds that another process has. With `before`, what was built once is
    /// built again and compared.
    pub fn execute(
        &self,
        id: NodeId,
        derivation: &Derivation,
        before: Option<&Trace>,
    ) -> Result<(DerivationKey, Trace), BuildError> {
        let key = derivation.key().0;
        let name = derivation.name.as_str();
        let token = self.jobserver.acquire().map_err(fs::failed("take a token of", Path::new("the jobserver")))?;
        self.sink.event(Event::BuildStarted { name: name.to_owned() });
        let phase = |phase: &str| self.sink.event(Event::BuildPhase { name: name.to_owned(), phase: phase.to_owned() });
        let lock = self.store.lock(&key, || phase("wait for another process"))?;
        if before.is_none()
            && let Some(trace) = self.store.trace(&key)?
        {
            self.sink.event(Event::BuildFinished { name: name.to_owned(), duration: Duration::ZERO });
            return Ok((key, trace));
        }
        let began = Instant::now();
        let scratch = self.store.scratch()?;
        let log = Log::create(&scratch.path().join("log"))?;
        let job = Job { executor: self, name, key, scratch, log };
        let result = job.carry_out(id, derivation).and_then(|(outputs, log)| {
            let trace = Trace { name: name.to_owned(), duration: began.elapsed(), log, outputs };
            self.store.put_inputs(&key, &inputs(self.plan, id, derivation))?;
            self.register(id, &key, trace, before)
        });
        drop((lock, token));
        self.sink.event(match &result {
            Ok(trace) => Event::BuildFinished { name: name.to_owned(), duration: trace.duration },
            Err(_) => Event::BuildFailed { name: name.to_owned() },
        });
        result.map(|trace| (key, trace))
    }

    fn register(
        &self,
        id: NodeId,
        key: &DerivationKey,
        trace: Trace,
        before: Option<&Trace>,
    ) -> Result<Trace, BuildError> {
        if let Some(before) = before {
            let differences = compare::differences(self.store, &before.outputs, &trace.outputs)?;
            if !differences.is_empty() {
                return Err(BuildError::Differs { name: trace.name, differences });
            }
            // Wherever its trace came from: now it has been seen here.
            self.store.set_built_here(key)?;
            return Ok(before.clone());
        }
        if let Some(locking) = &self.options.locking {
            hold(self.plan, self.store, locking, id, key, &trace.outputs)?;
        }
        self.store.put_trace(key, &trace)?;
        if !matches!(self.plan.node(id), Node::Test(..)) {
            let default = self.plan.recipe_name(id).and_then(|name| self.plan.catalog().recipe(name));
            let default = default.and_then(Recipe::default_component);
            for (output, object) in &trace.outputs {
                let name = root_name(&self.plan.result_name(id), output, default.as_ref().map(|name| name.as_str()));
                self.store.set_root(&self.plan.target_of(id).to_string(), &name, object)?;
            }
        }
        Ok(trace)
    }
}

impl Job<'_> {
    fn carry_out(&self, id: NodeId, derivation: &Derivation) -> Result<(Outputs, Blake3), BuildError> {
        match &derivation.work {
            Work::Unpack(work) => {
                let outputs = self.unpack(work)?;
                Ok((outputs, self.finish_log()?))
            }
            Work::Build(work) => self.build(id, work),
            Work::Test(work) => {
                test_run::run(self, work)?;
                Ok((Outputs::new(), self.finish_log()?))
            }
        }
    }

    pub(super) fn phase(&self, phase: &str) {
        self.log.line(format!("[drystone] {phase}").as_bytes());
        self.executor.sink.event(Event::BuildPhase { name: self.name.to_owned(), phase: phase.to_owned() });
    }

    fn unpack(&self, work: &Unpack) -> Result<Outputs, BuildError> {
        self.phase("unpack");
        let directory = unpack::seeds(self.executor.store, self.name, work, &self.scratch)?;
        self.phase("register");
        let id = self.executor.store.add(&directory)?;
        Ok(BTreeMap::from([(SEEDS_OUTPUT.to_owned(), id)]))
    }

    fn build(&self, id: NodeId, work: &BuildWork) -> Result<(Outputs, Blake3), BuildError> {
        let workshop = Workshop::new(self.executor.store, self.name, self.scratch.path());
        self.phase("unpack");
        workshop.furnish(work)?;
        let out = workshop.out.clone();
        let spec = workshop.spec(work, &self.executor.options.limits);
        match self.sandbox(&spec)? {
            Outcome::Success => {}
            Outcome::Failed { step, how } => return Err(self.failed(step, how)),
            Outcome::Limit { step, limit } => return Err(self.failed(step, format!("over the limit of {limit}"))),
        }
        self.phase("check");
        let divided = self.divide(id, work, &out);
        let log = self.finish_log()?;
        match divided {
            Ok(outputs) => Ok((outputs, log)),
            Err(error @ (BuildError::Rules { .. } | BuildError::Components { .. })) => {
                Err(error.with_kept(self.keep()?))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn objects(&self, ids: &[ObjectId]) -> Vec<PathBuf> {
        objects(self.executor.store, ids)
    }

    /// Runs a spec; what it prints goes to the log and to whoever listens.
    pub(super) fn sandbox(&self, spec: &Spec) -> Result<Outcome, BuildError> {
        let Executor { sink, stop, jobserver, .. } = self.executor;
        let name = || self.name.to_owned();
        let event = |event: sandbox::Event| match event {
            sandbox::Event::Phase(phase) => self.phase(&phase),
            sandbox::Event::Line(line) => {
                self.log.line(&line);
                sink.event(Event::BuildLine { name: name(), line: String::from_utf8_lossy(&line).into_owned() });
            }
            sandbox::Event::Breach(what) => {
                self.log.line(format!("[drystone] contained: {what}").as_bytes());
                sink.event(Event::Breach { name: name(), what });
            }
            // Nobody visits a build.
            sandbox::Event::Visit(_) => {}
        };
        match sandbox::run(spec, Some(jobserver), stop, &event) {
            Ok(exit) => Ok(exit.outcome),
            Err(SandboxError::Interrupted) => Err(BuildError::Interrupted),
            Err(source) => Err(BuildError::Sandbox { name: name(), source }),
        }
    }

    /// Installed files into components, held to the rules and registered.
    fn divide(&self, id: NodeId, work: &BuildWork, out: &Path) -> Result<Outputs, BuildError> {
        let components = self.components(id, work, out)?;
        self.phase("register");
        let put = |(name, tree): (String, Tree)| Ok((name, self.executor.store.put(out, &tree)?));
        components.into_iter().map(put).collect()
    }

    /// Installed files into components, held to the rules.
    pub(super) fn components(
        &self,
        id: NodeId,
        work: &BuildWork,
        out: &Path,
    ) -> Result<BTreeMap<String, Tree>, BuildError> {
        let Executor { plan, store, .. } = self.executor;
        let Scanned { tree, setuid, bytes } = scan(out).map_err(|error| unfit(self.name, out, error))?;
        let recipe = plan.recipe_name(id).and_then(|name| plan.catalog().recipe(name));
        let recipe = recipe.expect("a build node is about a recipe of the catalogue");
        let broken = |violations| BuildError::Rules { name: self.name.to_owned(), violations, kept: None };
        if bytes > OUTPUT_LIMIT {
            let what = format!("the output holds {bytes} bytes, more than the limit of {OUTPUT_LIMIT}");
            let path = RelPath::new("out").expect("a plain word is a path");
            return Err(broken(vec![Violation { path, what }]));
        }
        let assigned = assign(recipe, &tree).map_err(|source| BuildError::Components {
            name: self.name.to_owned(),
            source: Box::new(source),
            kept: None,
        })?;
        let rules = Rules {
            machine: &work.machine,
            found_setuid: &setuid,
            allowed_setuid: &recipe.install.setuid,
            tool: plan.catalog().toolchain().tools.contains(&recipe.name),
            host_paths: &[store.root().display().to_string()],
        };
        for tree in assigned.components.values() {
            let violations = check::check(out, tree, &rules)?;
            if !violations.is_empty() {
                return Err(broken(violations));
            }
        }
        Ok(assigned.components.into_iter().map(|(component, tree)| (component.to_string(), tree)).collect())
    }

    /// Keeps the log and, if that was asked for, the directory; says what failed.
    pub(super) fn failed(&self, phase: String, how: String) -> BuildError {
        let tail = self.log.tail();
        let told = self.finish_log().and_then(|_| Ok((self.keep()?, self.lessons()?)));
        let (kept, lessons) = match told {
            Ok(told) => told,
            Err(error) => return error,
        };
        let (name, key) = (self.name.to_owned(), self.key);
        BuildError::Failed(Box::new(BuildFailure { name, phase, how, tail, lessons, key, kept }))
    }

    /// What the log says to whoever has seen such builds before.
    fn lessons(&self) -> Result<Vec<Lesson>, BuildError> {
        let Executor { plan, store, .. } = self.executor;
        let log = store.log(&self.key)?.unwrap_or_default();
        let brings = |missing, name: &str| lesson::brought_by(store, plan, missing, name).unwrap_or_default();
        Ok(lesson::lessons(&log, &brings))
    }

    fn keep(&self) -> Result<Option<PathBuf>, BuildError> {
        let Some(directory) = &self.executor.options.keep_failed else { return Ok(None) };
        fs::create_dir_all(directory)?;
        let destination = directory.join(kept_name(self.name, &self.key));
        fs::remove_tree(&destination)?;
        self.scratch.keep(&destination)?;
        Ok(Some(destination))
    }

    fn finish_log(&self) -> Result<Blake3, BuildError> {
        let text = self.log.finish()?;
        self.executor.store.put_log(&self.key, &text)?;
        Ok(Blake3::of(&text))
    }
}

/// What a derivation is made of, as the store keeps it.
fn inputs(plan: &Plan<'_>, id: NodeId, derivation: &Derivation) -> Inputs {
    Inputs {
        subject: plan.subject(id),
        target: derivation.target.clone(),
        origins: derivation.origins.clone(),
        fields: derivation.key().1,
    }
}

/// What the directory of a failed build that is kept is called.
pub(super) fn kept_name(name: &str, key: &DerivationKey) -> String {
    format!("{}-{}", name.replace(' ', "-"), key.short())
}

/// A file that no object can hold (a pipe, a name that is no path) is the build's fault, not the store's.
fn unfit(name: &str, out: &Path, error: StoreError) -> BuildError {
    let StoreError::Unfit { path, reason } = &error else { return error.into() };
    let path = path.strip_prefix(out).ok().and_then(|path| RelPath::new(path.to_str()?).ok());
    match path {
        Some(path) => {
            let what = format!("cannot be part of an object: {reason}");
            BuildError::Rules { name: name.to_owned(), violations: vec![Violation { path, what }], kept: None }
        }
        None => error.into(),
    }
}

/// What a build prints: the whole in a file, the end in memory.
pub(super) struct Log {
    path: PathBuf,
    state: Mutex<(BufWriter<File>, VecDeque<String>)>,
}

impl Log {
    pub(super) fn create(path: &Path) -> Result<Self, BuildError> {
        let state = Mutex::new((BufWriter::new(fs::create(path)?), VecDeque::with_capacity(TAIL)));
        Ok(Self { path: path.to_owned(), state })
    }

    pub(super) fn line(&self, line: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written (a full disk) is told of when it is read back.
        let _ = state.0.write_all(line).and_then(|()| state.0.write_all(b"\n"));
        if state.1.len() == TAIL {
            state.1.pop_front();
        }
        state.1.push_back(String::from_utf8_lossy(line).into_owned());
    }

    pub(super) fn tail(&self) -> Vec<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.iter().cloned().collect()
    }

    fn finish(&self) -> Result<Vec<u8>, BuildError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0.flush().map_err(fs::failed("write", &self.path))?;
        Ok(fs::read(&self.path)?)
    }
}
