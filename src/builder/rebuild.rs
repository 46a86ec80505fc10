//! Carries one derivation out again in a world that may differ from the contract's, and registers nothing: for audits,
//! which compare what comes of it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::statvfs;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::download::interrupted;
use super::execute::{Executor, Job, Log};
use super::visit::Site;
use super::workshop::Workshop;
use super::{BuildError, BuildFailure, Options, unpack};
use crate::digest::DerivationKey;
use crate::fs;
use crate::plan::{BuildWork, Derivation, NodeId, Outputs, SEEDS_OUTPUT, Work};
use crate::progress::Event;
use crate::sandbox::{Outcome, Stop, Variation};
use crate::store::{Scratch, scan};
use crate::tree::Tree;

/// In what a rebuild's world differs from the contract's.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// What the sandbox shows otherwise.
    pub variation: Variation,
    /// Variables of the environment that are other, or are added.
    pub env: BTreeMap<String, String>,
    /// Tokens of the jobserver: processes at once.
    pub jobs: usize,
    /// The only processor that the build may use, counted among those that drystone may.
    pub processor: Option<usize>,
    /// A path where nothing is yet, at which the build's directories lie.
    pub scratch: PathBuf,
}

/// What came of a rebuild. Its files are removed with it.
#[derive(Debug)]
pub struct Rebuilt {
    /// The components' trees.
    pub trees: BTreeMap<String, Tree>,
    /// Where the files of all of them are.
    pub directory: PathBuf,
    /// How long it took.
    pub duration: Duration,
    /// Held, not used.
    _scratch: Scratch,
}

impl Rebuilt {
    /// The objects that the components would be.
    pub fn outputs(&self) -> Outputs {
        self.trees.iter().map(|(name, tree)| (name.clone(), tree.id())).collect()
    }
}

/// Rebuilds a node whose inputs are all in the site's store. The outputs are held to the rules as ever.
///
/// # Errors
/// When the build fails, its outputs break the rules, or there is no sandbox.
///
/// # Panics
/// When an input is not built, or the node is a test.
pub fn rebuild(site: &Site<'_>, world: &World, stop: &Stop) -> Result<Rebuilt, BuildError> {
    let run = || {
        if let Some(processor) = world.processor {
            // What is started from this thread inherits it.
            pin(processor).map_err(|error| fs::failed("choose a processor for", &world.scratch)(error.into()))?;
        }
        carry_out(site, world, stop)
    };
    std::thread::scope(|scope| scope.spawn(run).join().expect("a rebuild does not panic"))
}

/// Does some work; meanwhile an interrupt stops what was started with `stop`.
///
/// # Errors
/// When there can be no handler for the signal.
pub fn interruptible<T>(stop: &Stop, work: impl FnOnce() -> T) -> Result<T, BuildError> {
    let done = watching(stop, std::future::pending(), work);
    Ok(done.map_err(fs::failed("watch for an interrupt in", Path::new("this process")))?)
}

/// Does some work; meanwhile an interrupt stops what was started with `stop`, and `beside` goes on.
///
/// # Errors
/// When there can be no handler for the signal.
pub(super) fn watching<T>(
    stop: &Stop,
    beside: impl Future<Output = ()> + Send,
    work: impl FnOnce() -> T,
) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (finish, over) = tokio::sync::oneshot::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            runtime.block_on(async {
                tokio::select! {
                    _ = over => {}
                    () = interrupted() => stop.stop(),
                    () = beside => {}
                }
            });
        });
        let done = work();
        // The thread that watches waits for this, or has gone already.
        let _ = finish.send(());
        Ok(done)
    })
}

/// What is left of a file system that has just been full, in bytes: a compiler takes its files away when it fails.
const LITTLE: u64 = 16 << 20;

/// Whether the file system of a path has no room left to build in.
fn is_full(path: &Path) -> bool {
    statvfs(path).is_ok_and(|stat| stat.f_bavail.saturating_mul(stat.f_frsize) < LITTLE)
}

/// Has this thread use one processor only.
fn pin(processor: usize) -> rustix::io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let able: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
    let mut chosen = CpuSet::new();
    chosen.set(able[processor % able.len()]);
    sched_setaffinity(None, &chosen)
}

fn carry_out(site: &Site<'_>, world: &World, stop: &Stop) -> Result<Rebuilt, BuildError> {
    let Site { plan, id, survey, store, options, sink } = *site;
    let derivation = plan.derivation(id, &|id| survey.outputs(id))?.expect("what the build takes is built");
    let key = derivation.key().0;
    let options = Options { jobs: world.jobs, keep_failed: None, locking: None, ..options.clone() };
    let executor = Executor::of(plan, store, &options, sink, stop)?;
    let _token = executor.jobserver.acquire().map_err(fs::failed("take a token of", Path::new("the jobserver")))?;
    let name = derivation.name.clone();
    sink.event(Event::BuildStarted { name: name.clone() });
    let began = Instant::now();
    let scratch = Scratch::at(world.scratch.clone())?;
    let log = Log::create(&scratch.path().join("log"))?;
    let job = Job { executor: &executor, name: &derivation.name, key, scratch, log };
    let made = job.make_again(id, &derivation, world);
    let duration = began.elapsed();
    sink.event(match &made {
        Ok(_) => Event::BuildFinished { name, duration },
        Err(_) => Event::BuildFailed { name },
    });
    let (trees, directory) = made?;
    Ok(Rebuilt { trees, directory, duration, _scratch: job.scratch })
}

impl Job<'_> {
    fn make_again(
        &self,
        id: NodeId,
        derivation: &Derivation,
        world: &World,
    ) -> Result<(BTreeMap<String, Tree>, PathBuf), BuildError> {
        match &derivation.work {
            Work::Unpack(work) => {
                self.phase("unpack");
                let directory = unpack::seeds(self.executor.store, self.name, work, &self.scratch)?;
                let tree = scan(&directory)?.tree;
                Ok((BTreeMap::from([(SEEDS_OUTPUT.to_owned(), tree)]), directory))
            }
            Work::Build(work) => self.build_again(id, work, world),
            Work::Test(_) => unreachable!("a test gives nothing to compare"),
        }
    }

    fn build_again(
        &self,
        id: NodeId,
        work: &BuildWork,
        world: &World,
    ) -> Result<(BTreeMap<String, Tree>, PathBuf), BuildError> {
        let workshop = Workshop::new(self.executor.store, self.name, self.scratch.path());
        self.phase("unpack");
        workshop.furnish(work)?;
        let mut spec = workshop.spec(work, &self.executor.options.limits);
        spec.variation = world.variation.clone();
        spec.env.extend(world.env.clone());
        match self.sandbox(&spec)? {
            Outcome::Success => {}
            Outcome::Failed { step, how } => return Err(self.fell(step, how, self.key)),
            Outcome::Limit { step, limit } => {
                return Err(self.fell(step, format!("over the limit of {limit}"), self.key));
            }
        }
        self.phase("check");
        let trees = self.components(id, work, &workshop.out)?;
        Ok((trees, workshop.out))
    }

    /// A failure that leaves the store's log of the build as it is. Where no room is left, it is the machine's.
    fn fell(&self, phase: String, how: String, key: DerivationKey) -> BuildError {
        let place = self.scratch.path();
        if is_full(place) {
            return fs::failed("build in", place)(io::ErrorKind::StorageFull.into()).into();
        }
        let (name, tail) = (self.name.to_owned(), self.log.tail());
        BuildError::Failed(Box::new(BuildFailure { name, phase, how, tail, lessons: Vec::new(), key, kept: None }))
    }
}
