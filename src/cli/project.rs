//! Where the project and its store are.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::args::{Common, Running};
use super::failure::Failure;
use crate::builder::{Locking, Options};
use crate::lock::{self, Lock};
use crate::recipe::{Catalog, Target};
use crate::sandbox::Limits;
use crate::store::Store;

/// An opened project.
pub struct Project {
    /// Its directory.
    pub root: PathBuf,
    /// Its recipes and toolchain.
    pub catalog: Catalog,
    /// Its store.
    pub store: Store,
    /// What is built for.
    pub target: Target,
    /// What everybody must get, once it has been asked for.
    lock: OnceLock<Option<Lock>>,
}

impl Project {
    /// Finds the project, reads its recipes and opens its store.
    pub fn open(common: &Common) -> Result<Self, Failure> {
        let root = find(common)?;
        let catalog = Catalog::load(&root)?;
        let store = open_store(common, &root)?;
        let target = common.target.clone().map_or_else(|| catalog.toolchain().build_target.clone(), Target);
        Ok(Self { root, catalog, store, target, lock: OnceLock::new() })
    }

    /// The same project, held to no lock.
    pub fn unlocked(self) -> Self {
        Self { lock: OnceLock::from(None), ..self }
    }

    /// The project again, with another store and held to no lock.
    pub fn with_store(&self, store: Store) -> Result<Self, Failure> {
        let catalog = Catalog::load(&self.root)?;
        Ok(Self { root: self.root.clone(), catalog, store, target: self.target.clone(), lock: OnceLock::from(None) })
    }

    /// What everybody must get, where the project says so. Read when it is first asked for: what builds nothing works
    /// without it.
    ///
    /// # Errors
    /// When the file is there and is no lock.
    pub fn lock(&self) -> Result<Option<&Lock>, Failure> {
        if let Some(known) = self.lock.get() {
            return Ok(known.as_ref());
        }
        let read = read_lock(&self.root)?;
        Ok(self.lock.get_or_init(|| read).as_ref())
    }

    /// The files of its image specs, sorted.
    pub fn image_specs(&self) -> Result<Vec<PathBuf>, Failure> {
        let directory = self.root.join("recipes/images");
        if !directory.is_dir() {
            return Ok(Vec::new());
        }
        let names = crate::fs::list(&directory)?.into_iter().map(|name| directory.join(name));
        Ok(names.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect())
    }

    /// The lock, where the command line does not do without it.
    ///
    /// # Errors
    /// As [`Project::lock`].
    pub fn lock_for(&self, running: &Running) -> Result<Option<&Lock>, Failure> {
        if running.no_lock { Ok(None) } else { self.lock() }
    }

    /// What a run is held to. Without a lock, only a strict run is held to anything: to a lock that knows nothing.
    fn locking(&self, running: &Running) -> Result<Option<Locking>, Failure> {
        let strict = running.locked;
        Ok(match self.lock_for(running)? {
            Some(lock) => Some(Locking { lock: lock.clone(), strict }),
            None => strict.then(|| Locking { lock: Lock::default(), strict }),
        })
    }

    /// How the command line wants plans carried out, held to the lock.
    ///
    /// # Errors
    /// As [`Project::lock`].
    pub fn options(&self, running: &Running, check: bool) -> Result<Options, Failure> {
        Ok(Options { locking: self.locking(running)?, ..self.free_options(running, check) })
    }

    /// How the command line wants plans carried out, held to nothing.
    pub fn free_options(&self, running: &Running, check: bool) -> Options {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Options {
            jobs: running.jobs.map_or(cores, usize::from),
            offline: running.offline,
            check,
            keep_going: running.keep_going,
            keep_failed: running.keep_failed.then(|| self.store.root().join("failed")),
            limits: Limits { time: std::time::Duration::from_secs(running.time_limit), ..Limits::default() },
            locking: None,
        }
    }
}

/// Reads the project's lock.
///
/// # Errors
/// When the file is there and is no lock.
fn read_lock(root: &Path) -> Result<Option<Lock>, Failure> {
    let path = root.join(lock::FILE);
    let Some(text) = crate::fs::read_if_exists(&path)? else { return Ok(None) };
    Lock::parse(&text).map(Some).map_err(|error| {
        let hint = "mend it, take it from the last commit, or write it anew: drystone lock --update";
        Failure::user(format!("{}: {error}", path.display()), hint.to_owned())
    })
}

/// Finds the project's directory.
///
/// # Errors
/// When there is none.
pub fn find(common: &Common) -> Result<PathBuf, Failure> {
    let is_project = |directory: &Path| directory.join("recipes").is_dir() && directory.join("toolchains").is_dir();
    if let Some(root) = &common.project {
        return if is_project(root) { Ok(root.clone()) } else { Err(Failure::no_project(root)) };
    }
    let here = std::env::current_dir().map_err(crate::fs::failed("find", Path::new(".")))?;
    let found = here.ancestors().find(|directory| is_project(directory));
    found.map(Path::to_owned).ok_or_else(|| Failure::no_project(&here))
}

/// The store alone, for verbs that need no recipes: the one that is named, else the project's.
pub fn store(common: &Common) -> Result<Store, Failure> {
    match &common.store {
        Some(store) => Ok(Store::open(store)?),
        None => open_store(common, &find(common)?),
    }
}

fn open_store(common: &Common, root: &Path) -> Result<Store, Failure> {
    Ok(Store::open(common.store.as_deref().unwrap_or(&root.join("store")))?)
}
