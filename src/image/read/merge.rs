//! Layers over each other: one root file system. Knows nothing of archives.
//!
//! Follows the OCI image specification 1.1, "Applying Changesets": first a layer hides what its whiteouts name of the
//! layers below it, wherever they stand in its archive, then it brings its entries in their order. A directory over a
//! directory gives it another mode and owner; anything else takes the place of what was there, and of all below it.
//!
//! Runtimes with an overlay file system unpack each layer by itself, others unpack one over the other. They differ
//! where an entry lies below a symbolic link of a lower layer: the first put a directory in the place of the link,
//! the others follow it. An image that depends on that is refused, since there is no one tree to speak of. A link of
//! the same layer is followed by all.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::ReadError;
use super::contents::{Entry, File, Kind};
use super::examiner::Examined;
use super::layer::Meter;
use crate::path::RelPath;
use crate::recipe::Owner;

/// How many symbolic links a path may lead through; the kernel's own bound (path_resolution(7)).
const MAX_LINKS: usize = 40;
/// How many steps that may take in all, so that links upon links cost no more than their layer's size.
const MAX_STEPS: usize = 4096;
const DIRECTORY_MODE: u32 = 0o755;

/// What a layer does to a path.
#[derive(Debug)]
pub(super) struct Change<T> {
    /// As the layer spells it.
    pub path: RelPath,
    pub what: What<T>,
}

#[derive(Debug)]
pub(super) enum What<T> {
    /// A path of the layers below is gone.
    Hide(RelPath),
    /// What the layers below have in a directory is gone; `None` is the root.
    HideBelow(Option<RelPath>),
    /// Something is there.
    Put(Inode<T>),
    /// Another name for a file.
    Link { target: RelPath, mode: u32, owner: Owner },
}

/// A file, directory or link without its name.
#[derive(Debug)]
pub(super) struct Inode<T> {
    pub body: Body<T>,
    pub mode: u32,
    pub owner: Owner,
    pub attributes: BTreeSet<String>,
}

#[derive(Debug)]
pub(super) enum Body<T> {
    Directory,
    File { size: u64, examined: Examined<T> },
    Symlink(String),
    Special(&'static str),
}

// Not derived: that would ask for it of `T` too.
impl<T> Clone for Inode<T> {
    fn clone(&self) -> Self {
        let body = match &self.body {
            Body::Directory => Body::Directory,
            Body::File { size, examined } => Body::File { size: *size, examined: examined.clone() },
            Body::Symlink(target) => Body::Symlink(target.clone()),
            Body::Special(what) => Body::Special(what),
        };
        Self { body, mode: self.mode, owner: self.owner, attributes: self.attributes.clone() }
    }
}

/// A name in the tree.
#[derive(Debug, Clone, Copy)]
struct Node {
    inode: usize,
    layer: usize,
}

/// A root file system while layers come over it.
#[derive(Debug)]
pub(super) struct Merger<'m, T> {
    nodes: BTreeMap<RelPath, Node>,
    inodes: Vec<Inode<T>>,
    covered: BTreeMap<RelPath, usize>,
    meter: &'m Meter,
}

impl<'m, T> Merger<'m, T> {
    pub fn new(meter: &'m Meter) -> Self {
        Self { nodes: BTreeMap::new(), inodes: Vec::new(), covered: BTreeMap::new(), meter }
    }

    /// Lays a layer over those before it.
    ///
    /// # Errors
    /// When runtimes would refuse it or read it differently. The entry is told as the layer spells it.
    pub fn lay(&mut self, layer: usize, label: &str, changes: Vec<Change<T>>) -> Result<(), ReadError> {
        let refused =
            |path: &RelPath, reason| ReadError::Entry { layer: label.to_owned(), path: path.to_string(), reason };
        // Links of lower layers on the way of a whiteout: the layer must put a directory in their place.
        let mut links: Vec<(RelPath, RelPath)> = Vec::new();
        for change in &changes {
            let link = match &change.what {
                What::Hide(path) => self.hide(path, true),
                What::HideBelow(Some(path)) => self.hide(path, false),
                What::HideBelow(None) => {
                    let all: Vec<RelPath> = self.nodes.keys().cloned().collect();
                    all.iter().for_each(|path| self.take_away(path));
                    None
                }
                What::Put(_) | What::Link { .. } => None,
            };
            links.extend(link.map(|link| (link, change.path.clone())));
        }
        for Change { path, what } in changes {
            let done = match what {
                What::Put(inode) => self.put(layer, &path, inode),
                What::Link { target, mode, owner } => self.link(layer, &path, &target, mode, owner),
                What::Hide(_) | What::HideBelow(_) => Ok(()),
            };
            done.map_err(|reason| refused(&path, reason))?;
        }
        match links.iter().find(|(link, _)| self.nodes.get(link).is_some_and(|node| self.is_link(node))) {
            Some((link, path)) => Err(refused(path, below_link(link))),
            None => Ok(()),
        }
    }

    fn is_link(&self, node: &Node) -> bool {
        matches!(self.inodes[node.inode].body, Body::Symlink(_))
    }

    fn is_directory(&self, node: &Node) -> bool {
        matches!(self.inodes[node.inode].body, Body::Directory)
    }

    /// Takes away a path with all below it, or only what is below it; gives the symbolic link that is in the way.
    fn hide(&mut self, path: &RelPath, itself: bool) -> Option<RelPath> {
        let own = (!itself).then(|| path.clone());
        for above in path.ancestors().chain(own) {
            match self.nodes.get(&above) {
                Some(node) if self.is_directory(node) => {}
                Some(node) => return self.is_link(node).then_some(above),
                None => return None,
            }
        }
        self.clear_below(path);
        if itself {
            self.take_away(path);
        }
        None
    }

    fn clear_below(&mut self, path: &RelPath) {
        // All that begins with `PATH/`; `0` is the byte after `/`.
        let (first, end) = (format!("{path}/"), format!("{path}0"));
        let range = (Bound::Excluded(first.as_str()), Bound::Excluded(end.as_str()));
        let below: Vec<RelPath> = self.nodes.range::<str, _>(range).map(|(path, _)| path.clone()).collect();
        below.iter().for_each(|path| self.take_away(path));
    }

    /// Takes a name away. What was no directory is remembered, with the layer that had brought it.
    fn take_away(&mut self, path: &RelPath) {
        if let Some(node) = self.nodes.remove(path)
            && !self.is_directory(&node)
        {
            self.covered.entry(path.clone()).or_insert(node.layer);
        }
    }

    fn put(&mut self, layer: usize, path: &RelPath, inode: Inode<T>) -> Result<(), String> {
        let path = self.resolve(layer, path, true)?;
        let keeps = matches!(inode.body, Body::Directory);
        let index = self.inodes.len();
        self.inodes.push(inode);
        self.name(layer, path, index, keeps);
        Ok(())
    }

    fn link(&mut self, layer: usize, path: &RelPath, target: &RelPath, mode: u32, owner: Owner) -> Result<(), String> {
        let original = self.resolve(layer, target, false)?;
        let node = self.nodes.get(&original).copied();
        let Some(node) = node.filter(|node| !self.is_directory(node)) else {
            return Err(format!("is a hard link to `{target}`, which is no earlier file"));
        };
        let path = self.resolve(layer, path, true)?;
        let index = if node.layer == layer {
            node.inode
        } else {
            // Brought up from below, as an overlay file system would.
            self.inodes.push(self.inodes[node.inode].clone());
            self.inodes.len() - 1
        };
        // A link has no mode of its own: what its header says, chmod(2) and chown(2) give to the file.
        let inode = &mut self.inodes[index];
        (inode.mode, inode.owner) = (mode, owner);
        if path != original {
            self.name(layer, path, index, false);
        }
        Ok(())
    }

    /// Gives an inode a name, in the place of what was there.
    fn name(&mut self, layer: usize, path: RelPath, inode: usize, keeps: bool) {
        match self.nodes.get(&path) {
            Some(node) if keeps && self.is_directory(node) => {}
            Some(node) => {
                if node.layer != layer {
                    self.take_away(&path);
                }
                self.clear_below(&path);
            }
            None => {}
        }
        self.nodes.insert(path, Node { inode, layer });
    }

    /// Where a path leads: links of the same layer are followed, save the last component. With `make`, directories
    /// that are missing on the way are made.
    fn resolve(&mut self, layer: usize, path: &RelPath, make: bool) -> Result<RelPath, String> {
        let mut rest: Vec<String> = path.as_str().rsplit('/').map(str::to_owned).collect();
        let mut above: Vec<String> = Vec::new();
        let (mut links, mut steps) = (0, 0);
        while rest.len() > 1 {
            steps += 1;
            let name = rest.pop().expect("more than one is left");
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    above.pop();
                    continue;
                }
                _ => above.push(name),
            }
            let here = RelPath::new(above.join("/")).map_err(|error| format!("leads too far: {}", error.reason))?;
            let Some(node) = self.nodes.get(&here).copied() else {
                if make {
                    self.imply(layer, here)?;
                }
                continue;
            };
            match &self.inodes[node.inode].body {
                Body::Directory => {}
                Body::Symlink(_) if node.layer != layer => return Err(below_link(&here)),
                Body::Symlink(target) => {
                    links += 1;
                    if links > MAX_LINKS || steps > MAX_STEPS {
                        return Err(format!("lies below `{here}`, a symbolic link that leads in a circle"));
                    }
                    if target.starts_with('/') {
                        above.clear();
                    } else {
                        above.pop();
                    }
                    rest.extend(target.rsplit('/').map(str::to_owned));
                }
                Body::File { .. } | Body::Special(_) => {
                    return Err(format!("lies below `{here}`, which is no directory"));
                }
            }
        }
        above.extend(rest);
        RelPath::new(above.join("/")).map_err(|error| format!("leads too far: {}", error.reason))
    }

    /// Makes a directory that the layer does not state.
    fn imply(&mut self, layer: usize, path: RelPath) -> Result<(), String> {
        self.meter.take_entries(1, path.as_str().len()).map_err(|fault| format!("is too much: the image {fault}"))?;
        self.inodes.push(Inode {
            body: Body::Directory,
            mode: DIRECTORY_MODE,
            owner: Owner::default(),
            attributes: BTreeSet::new(),
        });
        self.nodes.insert(path, Node { inode: self.inodes.len() - 1, layer });
        Ok(())
    }

    /// The finished tree, once all files were examined; and which files and links of a layer another has covered.
    pub fn finish(self) -> (BTreeMap<RelPath, Entry<T>>, BTreeMap<RelPath, usize>) {
        let Self { nodes, inodes, covered, .. } = self;
        let entry = |(path, node): (RelPath, Node)| {
            let inode = &inodes[node.inode];
            let kind = kind(&inode.body, node.inode);
            let (mode, owner, attributes) = (inode.mode, inode.owner, inode.attributes.clone());
            (path, Entry { kind, mode, owner, attributes, layer: Some(node.layer) })
        };
        (nodes.into_iter().map(entry).collect(), covered)
    }
}

pub(super) fn kind<T>(body: &Body<T>, inode: usize) -> Kind<T> {
    match body {
        Body::Directory => Kind::Directory,
        Body::Symlink(target) => Kind::Symlink { target: target.clone() },
        Body::Special(what) => Kind::Special(what),
        Body::File { size, examined } => {
            let (digest, examined) = examined.get().expect("the scope in which files are examined has ended").clone();
            Kind::File(File { size: *size, digest, examined, inode })
        }
    }
}

fn below_link(link: &RelPath) -> String {
    format!("lies below `{link}`, a symbolic link of a lower layer, which runtimes read differently")
}
