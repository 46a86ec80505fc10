//! The root file system of an image as a value. Knows nothing of how it is composed or written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::digest::{Blake3, ObjectId};
use crate::path::{self, RelPath, Step};
use crate::recipe::{ImageConfig, OutputRef, Owner, Runtime};

/// A whole root file system, the layers that bring it, and how its container runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rootfs {
    pub(super) name: String,
    pub(super) tag: String,
    pub(super) config: ImageConfig,
    pub(super) runtime: Runtime,
    pub(super) executables: BTreeSet<RelPath>,
    pub(super) nodes: BTreeMap<RelPath, Node>,
    pub(super) layers: Vec<Layer>,
}

/// What a path of the root file system is, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub inode: Inode,
    /// The layer that brings it: the first for a file that several bring, the last for a directory whose mode or
    /// owner the spec sets.
    pub layer: usize,
    /// Why it is there.
    pub reason: Reason,
}

/// A file, directory or link without its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inode {
    /// Which of them, with its content.
    pub kind: Kind,
    /// The permission bits; 0777 for a link.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
}

/// What an inode is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link.
    Symlink {
        /// The link's text, as it is.
        target: String,
    },
}

/// A file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Those of an object's file of the same path.
    Object {
        /// The object.
        id: ObjectId,
        /// What the file's bytes hash to.
        digest: Blake3,
    },
    /// Those that the spec gives.
    Inline(Vec<u8>),
}

/// Why a path is in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A component brings it.
    Component(OutputRef),
    /// A `[[file]]` of the spec, or a directory above one.
    File,
    /// A `[[directory]]` of the spec, or a directory above one.
    Directory,
    /// A `[[link]]` of the spec, or a directory above one.
    Link,
    /// The spec's users and groups.
    Accounts,
    /// It is the working directory, or above it.
    Workdir,
    /// It is a writable path of the spec, or above one.
    Writable,
}

/// One layer: everything that its archive holds, the directories above its entries included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// What it is made from.
    pub origin: Origin,
    /// What it holds.
    pub entries: BTreeMap<RelPath, Inode>,
}

/// What a layer is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An object, or a part of it.
    Object {
        /// Which.
        id: ObjectId,
        /// The outputs that are that object; never empty, sorted.
        outputs: Vec<Provenance>,
    },
    /// What the spec itself brings.
    Spec,
}

/// An output and its recipe's version, for people: `sed/bin 4.9`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Provenance {
    /// The output.
    pub output: OutputRef,
    /// The version.
    pub version: String,
}

impl Rootfs {
    /// The image's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The image's tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// How the container runs: what the spec says, with the user as numbers.
    pub fn config(&self) -> &ImageConfig {
        &self.config
    }

    /// The user whom the container runs as, as numbers; its group is the user's number where none is said.
    pub fn user(&self) -> Owner {
        super::runtime::user(&self.config)
    }

    /// What the container may do, with every writable path's owner.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The executables that the spec names.
    pub fn executables(&self) -> &BTreeSet<RelPath> {
        &self.executables
    }

    /// The layers, lowest first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Every path in the order of its bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&RelPath, &Node)> {
        self.nodes.iter()
    }

    /// What is at a path, a link not followed.
    pub fn get(&self, path: &RelPath) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// How many files and links there are.
    pub fn files(&self) -> usize {
        self.nodes.values().filter(|node| node.inode.kind != Kind::Directory).count()
    }

    /// Where an absolute path leads, all links followed as a process in the container would follow them. `None`
    /// when it leads nowhere, or to `/` itself, which has no node.
    pub fn resolve(&self, absolute: &str) -> Option<(&RelPath, &Node)> {
        resolve(&self.nodes, absolute)
    }
}

pub(super) fn resolve<'a>(nodes: &'a BTreeMap<RelPath, Node>, absolute: &str) -> Option<(&'a RelPath, &'a Node)> {
    let look = |path: &RelPath| {
        nodes.get(path).map(|node| match &node.inode.kind {
            Kind::Directory => Step::Directory,
            Kind::Symlink { target } => Step::Link(target),
            Kind::File(_) => Step::Other,
        })
    };
    nodes.get_key_value(&path::resolve(absolute, look)?)
}

impl Inode {
    /// Whether two components that both bring a path bring the same: the object that it comes from does not matter.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same_kind = match (&self.kind, &other.kind) {
            (Kind::File(Content::Object { digest, .. }), Kind::File(Content::Object { digest: others, .. })) => {
                digest == others
            }
            (kind, others) => kind == others,
        };
        same_kind && self.mode == other.mode && self.owner == other.owner
    }

    /// What it is, for people.
    pub(super) fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Directory => "a directory",
            Kind::File(_) if self.mode & 0o111 != 0 => "an executable file",
            Kind::File(_) => "a file",
            Kind::Symlink { .. } => "a symbolic link",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component(output) => write!(f, "the component {output}"),
            Self::File => f.write_str("a [[file]] of the spec"),
            Self::Directory => f.write_str("a [[directory]] of the spec"),
            Self::Link => f.write_str("a [[link]] of the spec"),
            Self::Accounts => f.write_str("the spec's users and groups"),
            Self::Workdir => f.write_str("the working directory"),
            Self::Writable => f.write_str("a [[runtime.writable]] path of the spec"),
        }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.output, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(entries: &[(&str, Kind)]) -> BTreeMap<RelPath, Node> {
        let node = |kind: &Kind| Node {
            inode: Inode { kind: kind.clone(), mode: 0o755, owner: Owner::default() },
            layer: 0,
            reason: Reason::Directory,
        };
        entries.iter().map(|(path, kind)| (RelPath::new(*path).unwrap(), node(kind))).collect()
    }

    fn link(target: &str) -> Kind {
        Kind::Symlink { target: target.into() }
    }

    #[test]
    fn links_lead_where_the_kernel_would_follow_them() {
        let nodes = nodes(&[
            ("bin", link("usr/bin")),
            ("loop", link("/loop")),
            ("out", link("../../usr")),
            ("usr", Kind::Directory),
            ("usr/bin", Kind::Directory),
            ("usr/bin/ed", link("../lib/../bin/sed")),
            ("usr/bin/sed", Kind::File(Content::Inline(Vec::new()))),
            ("usr/lib", Kind::Directory),
        ]);
        let leads = |text| resolve(&nodes, text).map(|(path, _)| path.as_str());
        assert_eq!(leads("/bin/ed"), Some("usr/bin/sed"));
        assert_eq!(leads("/out/bin/"), Some("usr/bin"), "`..` at the root is the root");
        assert_eq!(leads("/usr/bin/.."), Some("usr"));
        for nowhere in ["/", "/loop", "/usr/bin/sed/x", "/usr/none", "/none/../usr"] {
            assert_eq!(leads(nowhere), None, "{nowhere}");
        }
    }
}
