//! This process's place below `tmp/`, and the locks by which processes keep out of each other's way.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};

use super::{Result, Store, StoreError};
use crate::digest::DerivationKey;
use crate::fs;

/// A directory below `tmp/` that is this process's own for as long as it lives.
#[derive(Debug)]
pub(super) struct Session {
    directory: PathBuf,
    counter: AtomicU64,
    /// Held, not used: the lock that tells others that this directory is not abandoned.
    _lock: File,
    /// Held, not used: while anybody has a session, nothing is collected.
    _use: File,
}

impl Session {
    fn begin(root: &Path) -> Result<Self> {
        let shared = open_lock(&root.join(USE))?;
        lock_file(&shared, FlockOperation::LockShared).map_err(fs::failed("lock", root))?;
        let tmp = &root.join("tmp");
        sweep(tmp)?;
        let (directory, lock) = loop {
            if let Some(own) = make(tmp)? {
                break own;
            }
        };
        Ok(Self { directory, counter: AtomicU64::new(0), _lock: lock, _use: shared })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A path in this process's directory that nothing has yet.
    pub(super) fn fresh(&self, what: &str) -> PathBuf {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        self.directory.join(format!("{what}-{number}"))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What cannot be removed now is emptied by a later process.
        let _ = fs::remove_tree(&self.directory);
    }
}

/// The file whose lock says that the store is in use (shared) or collected (exclusive).
const USE: &str = "lock";

fn open_lock(path: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    Ok(file.map_err(fs::failed("open the lock", path))?)
}

fn lock_file(file: &File, operation: FlockOperation) -> io::Result<()> {
    loop {
        match flock(file, operation) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}

/// Makes a directory and locks it. `None` when somebody who begins at the same time has swept it before it was locked.
fn make(tmp: &Path) -> Result<Option<(PathBuf, File)>> {
    let directory = tempfile::Builder::new().prefix("run-").tempdir_in(tmp).map_err(fs::failed("write to", tmp))?;
    // From here on the lock, not the guard, says whether the directory is in use.
    let directory = directory.keep();
    let path = directory.join("lock");
    let lock = fs::create(&path)?;
    match lock_file(&lock, FlockOperation::NonBlockingLockExclusive) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
        result => result.map_err(fs::failed("lock", &directory))?,
    }
    let own = lock.metadata().map_err(fs::failed("read", &path))?.ino();
    let is_there = path.metadata().is_ok_and(|there| there.ino() == own);
    Ok(is_there.then_some((directory, lock)))
}

/// Empties what processes that are gone have left.
fn sweep(tmp: &Path) -> Result<()> {
    for name in fs::list(tmp)? {
        if !name.to_string_lossy().starts_with("run-") {
            continue;
        }
        let directory = tmp.join(name);
        // A directory without a lock file is one that its process is just making.
        let Ok(lock) = File::open(directory.join("lock")) else { continue };
        if lock_file(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            match fs::remove_tree(&directory) {
                // Somebody else who sweeps was first.
                Err(error) if error.source.kind() == io::ErrorKind::NotFound => {}
                result => result?,
            }
        }
    }
    Ok(())
}

/// A directory for one piece of work, readable by nobody else, removed at the end.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes one anywhere, at a path where nothing is yet; what is left of it after a crash is for its maker to remove.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn at(path: PathBuf) -> Result<Self> {
        // Only its owner may look in: a recipe could make a setuid file there.
        std::fs::DirBuilder::new().mode(0o700).create(&path).map_err(fs::failed("create the directory", &path))?;
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves what it holds to `destination`, to stay. The directory counts as removed from here on.
    pub fn keep(&self, destination: &Path) -> Result<()> {
        Ok(fs::rename(&self.path, destination)?)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is swept by a later process.
        let _ = fs::remove_tree(&self.path);
    }
}

/// The right to build one derivation; given up when dropped.
#[derive(Debug)]
pub struct KeyLock {
    path: PathBuf,
    _file: File,
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        // Removed while it is still locked: whoever waits for it finds that the name has gone, and opens it anew.
        let _ = fs::remove_file(&self.path);
    }
}

impl Store {
    /// This process's session; begun, and the leavings of dead processes swept, when it is first needed.
    pub(super) fn session(&self) -> Result<&Session> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let session = Session::begin(&self.root)?;
        Ok(self.session.get_or_init(|| session))
    }

    /// Takes the store for oneself, for as long as the result lives.
    pub(super) fn alone(&self) -> Result<File> {
        let lock = open_lock(&self.root.join(USE))?;
        match lock_file(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(lock),
            Err(_) => Err(StoreError::InUse { path: self.root.clone() }),
        }
    }

    /// A new empty directory for one piece of work, on the store's file system.
    pub fn scratch(&self) -> Result<Scratch> {
        Scratch::at(self.session()?.fresh("work"))
    }

    /// Waits for the right to build a derivation. `waits` is called once if another process has it.
    pub fn lock(&self, key: &DerivationKey, waits: impl FnOnce()) -> Result<KeyLock> {
        let path = self.root.join("tmp").join(format!("lock-{key}"));
        let mut waits = Some(waits);
        loop {
            let file = open_lock(&path)?;
            if lock_file(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                if let Some(waits) = waits.take() {
                    waits();
                }
                lock_file(&file, FlockOperation::LockExclusive).map_err(fs::failed("lock", &path))?;
            }
            let held = file.metadata().map_err(fs::failed("inspect", &path))?;
            if std::fs::metadata(&path).is_ok_and(|named| named.ino() == held.ino()) {
                return Ok(KeyLock { path, _file: file });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_process_left_is_swept_and_what_a_living_one_has_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let living = Store::open(scratch.path()).unwrap();
        let work = living.scratch().unwrap();
        let dead = scratch.path().join("tmp/run-dead");
        std::fs::create_dir(&dead).unwrap();
        std::fs::write(dead.join("lock"), "").unwrap();
        let newcomer = Store::open(scratch.path()).unwrap();
        newcomer.scratch().unwrap();
        assert!(!dead.exists());
        assert!(work.path().exists());
    }

    #[test]
    fn those_who_begin_at_once_do_not_sweep_each_other() {
        let root = tempfile::tempdir().unwrap();
        let begin = || {
            let store = Store::open(root.path()).unwrap();
            let work = store.scratch().unwrap();
            assert!(work.path().exists(), "{}", work.path().display());
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..200).for_each(|_| begin()));
            }
        });
    }

    #[test]
    fn a_key_is_held_by_one_at_a_time_and_leaves_no_file() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        let key = DerivationKey::from_bytes([1; 32]);
        let first = store.lock(&key, || panic!("nobody else has it")).unwrap();
        let (told, waits) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| store.lock(&key, move || told.send(()).unwrap()).map(drop));
            waits.recv().unwrap();
            drop(first);
            second.join().unwrap().unwrap();
        });
        assert_eq!(fs::list(&scratch.path().join("tmp")).unwrap().len(), 0);
    }
}
