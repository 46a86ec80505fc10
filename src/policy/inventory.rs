//! What an image holds, as far as the rules ask. Knows nothing of where it came from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Facts, examine};
use crate::digest::Blake3;
use crate::image::{Content, Inode, Kind, Node, Rootfs};
use crate::path::{self, RelPath, Step};
use crate::recipe::{Owner, Runtime};

/// An image as the rules see it.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// What the image is called in messages.
    pub name: String,
    /// The architecture that its configuration states, as OCI names it (`amd64`); a plain directory has none.
    pub architecture: Option<String>,
    /// The configuration's user. `None` where there is no configuration; empty where it says none, which is root.
    pub user: Option<String>,
    /// The first word of the entry point or, without one, of the command.
    pub program: Option<String>,
    /// Every path but the root.
    pub entries: BTreeMap<RelPath, Entry>,
    /// What a spec says of it; an image of others has none.
    pub declared: Option<Declared>,
}

/// What the spec of an image declares.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// The executables that it names.
    pub executables: BTreeSet<RelPath>,
    /// The run-time controls.
    pub runtime: Runtime,
}

/// A path of an image.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// The permission bits, those for set-user-ID, set-group-ID and sticky included.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
    /// Whether it has file capabilities (the extended attribute `security.capability`).
    pub capabilities: bool,
    /// Why it is there, for people; unknown in an image of others.
    pub reason: Option<String>,
}

/// What a path is.
#[derive(Debug, Clone)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Its text.
        target: String,
    },
    /// A regular file, with what its bytes say. Hard links share them.
    File(Arc<Facts>),
    /// A device, a named pipe or a socket, by that name.
    Special(&'static str),
}

impl Inventory {
    /// The inventory of a root file system that is being made. `facts` knows every object's content in it.
    pub fn of_rootfs(rootfs: &Rootfs, architecture: Option<&str>, facts: &BTreeMap<Blake3, Arc<Facts>>) -> Self {
        let entry = |(path, node): (&RelPath, &Node)| {
            let Inode { kind, mode, owner } = &node.inode;
            let kind = match kind {
                Kind::Directory => EntryKind::Directory,
                Kind::Symlink { target } => EntryKind::Symlink { target: target.clone() },
                Kind::File(Content::Inline(bytes)) => EntryKind::File(Arc::new(examine(bytes))),
                Kind::File(Content::Object { digest, .. }) => {
                    EntryKind::File(facts.get(digest).expect("the caller has examined every content").clone())
                }
            };
            let reason = Some(node.reason.to_string());
            (path.clone(), Entry { kind, mode: *mode, owner: *owner, capabilities: false, reason })
        };
        let config = rootfs.config();
        Self {
            name: rootfs.name().to_owned(),
            architecture: architecture.map(str::to_owned),
            user: Some(config.user.clone().unwrap_or_default()),
            program: config.entrypoint.first().or(config.cmd.first()).cloned(),
            entries: rootfs.iter().map(entry).collect(),
            declared: Some(Declared { executables: rootfs.executables().clone(), runtime: rootfs.runtime().clone() }),
        }
    }

    /// The regular files with what is known of them.
    pub fn files(&self) -> impl Iterator<Item = (&RelPath, &Entry, &Facts)> {
        self.entries.iter().filter_map(|(path, entry)| match &entry.kind {
            EntryKind::File(facts) => Some((path, entry, facts.as_ref())),
            _ => None,
        })
    }

    /// The file that a symbolic link leads to, links followed as the kernel would (path_resolution(7)).
    pub fn follow(&self, link: &RelPath) -> Option<(&RelPath, &Facts)> {
        let look = |path: &RelPath| {
            self.entries.get(path).map(|entry| match &entry.kind {
                EntryKind::Directory => Step::Directory,
                EntryKind::Symlink { target } => Step::Link(target),
                EntryKind::File(_) | EntryKind::Special(_) => Step::Other,
            })
        };
        let (path, entry) = self.entries.get_key_value(&path::resolve(link.as_str(), look)?)?;
        match &entry.kind {
            EntryKind::File(facts) => Some((path, facts)),
            _ => None,
        }
    }

    /// The number of the user whom the container runs as; `None` where it is not a number.
    pub fn uid(&self) -> Option<u32> {
        let user = self.user.as_deref()?;
        if user.is_empty() {
            return Some(0);
        }
        user.split(':').next()?.parse().ok()
    }
}

impl Entry {
    /// Whether anything could execute it: a mode bit, an ELF file or a script's first line.
    pub fn is_executable(&self) -> bool {
        match &self.kind {
            EntryKind::File(facts) => self.mode & 0o111 != 0 || facts.is_program(),
            _ => false,
        }
    }
}
