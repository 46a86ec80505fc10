//! Where an audit works: `audit/` in the project's store.
//!
//! ```text
//! audit/lock             held while an audit runs
//! audit/store/           the audit's own store: the first build
//! audit/results/         what has been audited, a file for each derivation and set of axes
//! audit/differs/         what came out otherwise, a tree for each component, until the next audit
//! audit/work/, audit/a second place, …/   where rebuilds are made
//! ```

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{StatVfsMountFlags, statfs, statvfs};

use crate::audit::Ends;
use crate::cli::args::Audit as Args;
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::digest::Blake3;
use crate::fs;

/// A name whose length is not that of the first place.
const FAR: &str = "a second place, under a name of quite another length";
/// The least that another file system must have free, in bytes.
const FREE: u64 = 2 << 30;

/// The audit's directories.
pub struct Room {
    root: PathBuf,
    other: Option<PathBuf>,
    counter: AtomicUsize,
    /// Held, not used.
    _lock: File,
}

impl Room {
    /// Enters the room, and clears what an audit that was killed has left.
    pub fn open(project: &Project, args: &Args) -> Result<Self, Failure> {
        let root = project.store.root().join("audit");
        fs::create_dir_all(&root)?;
        let lock = fs::create(&root.join("lock"))?;
        if lock.try_lock().is_err() {
            let message = format!("another audit works in {}", root.display());
            return Err(Failure::user(message, "wait for it, or use another store".to_owned()));
        }
        if args.anew {
            for name in ["store", "results"] {
                fs::remove_tree(&root.join(name))?;
            }
        }
        let other = other_place(&root, args.other_file_system.as_deref())?;
        let room = Self { root, other, counter: AtomicUsize::new(0), _lock: lock };
        room.clear()?;
        for name in ["work", FAR, "results", "differs"] {
            fs::create_dir_all(&room.root.join(name))?;
        }
        if let Some(other) = &room.other {
            fs::create_dir_all(other)?;
        }
        Ok(room)
    }

    fn clear(&self) -> fs::Result<()> {
        for name in ["work", FAR, "differs"] {
            fs::remove_tree(&self.root.join(name))?;
        }
        self.other.as_deref().map_or(Ok(()), fs::remove_tree)
    }

    /// Removes what only rebuilds needed.
    pub fn close(&self) -> Result<(), Failure> {
        for name in ["work", FAR] {
            fs::remove_tree(&self.root.join(name))?;
        }
        Ok(self.other.as_deref().map_or(Ok(()), fs::remove_tree)?)
    }

    /// Where the first build's store is.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// Where the result of auditing something is kept.
    pub fn result(&self, what: &str) -> PathBuf {
        self.root.join("results").join(format!("{what}.json"))
    }

    /// Where the trees that came out otherwise stay.
    pub fn differs(&self) -> PathBuf {
        self.root.join("differs")
    }

    /// Whether there is a file system of another kind than the store's.
    pub fn has_other_file_system(&self) -> bool {
        self.other.is_some()
    }

    /// A path in the first place where nothing is yet.
    pub fn fresh(&self) -> PathBuf {
        self.root.join("work").join(self.next())
    }

    fn next(&self) -> String {
        self.counter.fetch_add(1, Ordering::Relaxed).to_string()
    }

    /// The ends of the axes for one rebuild, on one of the machine's processors.
    pub fn ends(&self, jobs: usize, processor: usize) -> Ends {
        Ends {
            jobs,
            processor,
            near: self.fresh(),
            far: self.root.join(FAR).join(self.next()),
            other: self.other.as_ref().map(|other| other.join(self.next())),
        }
    }
}

/// A directory of this audit's on a file system of another kind.
fn other_place(root: &Path, named: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    let name = format!("drystone-audit-{}", Blake3::of(root.as_os_str().as_encoded_bytes()).short());
    let kind = |path: &Path| statfs(path).map(|stat| stat.f_type).ok();
    let place = named.unwrap_or(Path::new("/dev/shm"));
    if kind(place).is_none() || kind(place) == kind(root) {
        return match named {
            None => Ok(None),
            Some(named) => Err(Failure::user(
                format!("{} is not on a file system of another kind than {}", named.display(), root.display()),
                "name a directory on a tmpfs, for example".to_owned(),
            )),
        };
    }
    let fits = statvfs(place).is_ok_and(|stat| {
        let sealed = StatVfsMountFlags::NOEXEC | StatVfsMountFlags::RDONLY;
        stat.f_bavail * stat.f_frsize >= FREE && !stat.f_flag.intersects(sealed)
    });
    Ok((fits || named.is_some()).then(|| place.join(name)))
}
