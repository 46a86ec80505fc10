//! Parts and a spec become a root file system. Pure: digests stand for the bytes of objects.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use super::rootfs::{Content, Inode, Kind, Layer, Node, Origin, Provenance, Reason, Rootfs};
use super::{ImageError, Part, accounts, executables, runtime};
use crate::digest::ObjectId;
use crate::path::RelPath;
use crate::recipe::{ImageSpec, OutputRef, Owner, nearest};
use crate::tree::{Entry, Tree};

/// The mode of a directory of which the spec says nothing.
const DIRECTORY_MODE: u32 = 0o755;

/// Lays the parts over each other and adds what the spec brings.
///
/// # Errors
/// When a path would have two meanings, something would lie below a file or link, `only` names what a part does not
/// have, or the config names a user or directory that there is not.
pub fn compose(spec: &ImageSpec, parts: &[Part]) -> Result<Rootfs, ImageError> {
    let mut composition = Composition::default();
    for stratum in strata(parts)? {
        composition.lay(stratum)?;
    }
    composition.add_spec(spec)?;
    let mut config = spec.config.clone();
    config.user = Some(accounts::numeric_user(spec)?);
    if let Some(path) = runtime::missing_workdir(&config, &composition.nodes)? {
        composition.add(path, directory(DIRECTORY_MODE, Owner::default()), Reason::Workdir)?;
    }
    let controls = runtime::owned(&spec.runtime, &config);
    for point in runtime::mount_points(&controls, &composition.nodes)? {
        let inode = directory(point.mode, point.owner.unwrap_or_default());
        composition.add(point.path.clone(), inode, Reason::Writable)?;
    }
    runtime::check_volumes(&config, &composition.nodes)?;
    let (nodes, layers) = composition.finish()?;
    let executables = executables::named(spec, parts, &nodes);
    Ok(Rootfs { name: spec.name.clone(), tag: spec.tag.clone(), config, runtime: controls, executables, nodes, layers })
}

/// What one object brings: a layer to be.
struct Stratum {
    id: ObjectId,
    outputs: BTreeSet<Provenance>,
    tree: Tree,
}

/// One stratum for each object, sorted by output. An object that is asked for twice brings what both ask for; parts
/// that come out with the same files are one.
fn strata(parts: &[Part]) -> Result<Vec<Stratum>, ImageError> {
    let mut objects: BTreeMap<ObjectId, Stratum> = BTreeMap::new();
    for part in parts {
        let wanted = selection(part)?;
        let provenance = Provenance { output: part.output.clone(), version: part.version.clone() };
        let stratum = objects.entry(part.id).or_insert_with(|| Stratum {
            id: part.id,
            outputs: BTreeSet::new(),
            tree: Tree::new(),
        });
        stratum.outputs.insert(provenance);
        for (path, entry) in wanted {
            stratum.tree.insert(path, entry).expect("an object has one tree");
        }
    }
    let mut distinct: BTreeMap<ObjectId, Stratum> = BTreeMap::new();
    for stratum in objects.into_values().filter(|stratum| !stratum.tree.is_empty()) {
        match distinct.entry(stratum.tree.id()) {
            Slot::Vacant(slot) => {
                slot.insert(stratum);
            }
            Slot::Occupied(mut slot) => slot.get_mut().outputs.extend(stratum.outputs),
        }
    }
    let mut strata: Vec<_> = distinct.into_values().collect();
    strata.sort_by(|left, right| left.outputs.cmp(&right.outputs));
    Ok(strata)
}

/// The entries of a part that its `only` selects.
fn selection(part: &Part) -> Result<Vec<(RelPath, Entry)>, ImageError> {
    let Some(only) = &part.only else {
        return Ok(part.tree.iter().map(|(path, entry)| (path.clone(), entry.clone())).collect());
    };
    if let Some(path) = only.iter().find(|path| part.tree.get(path).is_none()) {
        return Err(lacks(part, path));
    }
    let selects = |wanted: &RelPath, path: &RelPath| {
        path.as_str().strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    Ok(part
        .tree
        .iter()
        .filter(|(path, _)| only.iter().any(|wanted| selects(wanted, path)))
        .map(|(path, entry)| (path.clone(), entry.clone()))
        .collect())
}

/// Says what the component may have been meant to have.
fn lacks(part: &Part, path: &RelPath) -> ImageError {
    let files = part.tree.iter().filter(|(_, entry)| **entry != Entry::Dir).map(|(file, _)| file);
    // The right name in the wrong directory comes before a slip of the finger.
    let (same_name, others): (Vec<_>, Vec<_>) = files.partition(|file| file.file_name() == path.file_name());
    let files = same_name.len() + others.len();
    let mut near: Vec<&str> = same_name.into_iter().map(RelPath::as_str).collect();
    near.extend(nearest(path.as_str(), others.into_iter().map(RelPath::as_str)));
    near.truncate(3);
    ImageError::Only {
        output: part.output.clone(),
        path: path.clone(),
        nearest: near.into_iter().map(str::to_owned).collect(),
        files,
    }
}

fn directory(mode: u32, owner: Owner) -> Inode {
    Inode { kind: Kind::Directory, mode, owner }
}

fn inode(entry: &Entry, object: ObjectId) -> Inode {
    let owner = Owner::default();
    match entry {
        Entry::Dir => directory(DIRECTORY_MODE, owner),
        Entry::File { executable, digest } => Inode {
            kind: Kind::File(Content::Object { id: object, digest: *digest }),
            mode: if *executable { 0o555 } else { 0o444 },
            owner,
        },
        Entry::Symlink { target } => link(target),
    }
}

fn link(target: &str) -> Inode {
    Inode { kind: Kind::Symlink { target: target.to_owned() }, mode: 0o777, owner: Owner::default() }
}

/// The root file system while it grows.
#[derive(Default)]
struct Composition {
    nodes: BTreeMap<RelPath, Node>,
    layers: Vec<Layer>,
    /// The paths that the last layer, the spec's own, brings.
    own: BTreeSet<RelPath>,
}

impl Composition {
    /// Lays an object over what is there, as the next layer.
    fn lay(&mut self, stratum: Stratum) -> Result<(), ImageError> {
        let outputs: Vec<_> = stratum.outputs.into_iter().collect();
        let output = outputs.first().expect("a stratum comes from at least one part").output.clone();
        let entries: BTreeMap<_, _> =
            stratum.tree.iter().map(|(path, entry)| (path.clone(), inode(entry, stratum.id))).collect();
        for (path, inode) in &entries {
            match self.nodes.get(path) {
                // A tree lists the directories above each entry: had one of them been a file, it would have differed.
                None => {
                    let reason = Reason::Component(output.clone());
                    let node = Node { inode: inode.clone(), layer: self.layers.len(), reason };
                    self.nodes.insert(path.clone(), node);
                }
                Some(node) if node.inode.is_same(inode) => {}
                Some(node) => return Err(differs(path, node, inode, &output)),
            }
        }
        self.layers.push(Layer { origin: Origin::Object { id: stratum.id, outputs }, entries });
        Ok(())
    }

    /// Fails when what is directly above a path is there, but is not a directory.
    fn check_parent(&self, path: &RelPath, reason: &Reason) -> Result<(), ImageError> {
        let Some(parent) = path.parent() else { return Ok(()) };
        match self.nodes.get(&parent) {
            Some(node) if node.inode.kind != Kind::Directory => Err(ImageError::NotADirectory {
                path: parent,
                first: Box::new(node.reason.clone()),
                below: path.clone(),
                second: Box::new(reason.clone()),
            }),
            _ => Ok(()),
        }
    }

    /// Adds what the spec itself brings.
    fn add_spec(&mut self, spec: &ImageSpec) -> Result<(), ImageError> {
        // Outer directories first, so that a declared one is not taken for one that is only implied.
        let mut directories: Vec<_> = spec.directories.iter().collect();
        directories.sort_by(|left, right| left.path.cmp(&right.path));
        for declared in directories {
            self.add(declared.path.clone(), directory(declared.mode, declared.owner), Reason::Directory)?;
        }
        for declared in &spec.links {
            self.add(declared.path.clone(), link(&declared.target), Reason::Link)?;
        }
        for declared in &spec.files {
            let kind = Kind::File(Content::Inline(declared.content.clone()));
            self.add(declared.path.clone(), Inode { kind, mode: declared.mode, owner: declared.owner }, Reason::File)?;
        }
        for (path, text) in accounts::files(spec)? {
            let kind = Kind::File(Content::Inline(text.into_bytes()));
            self.add(path, Inode { kind, mode: 0o444, owner: Owner::default() }, Reason::Accounts)?;
        }
        Ok(())
    }

    /// Adds one path of the spec's own, and the directories above it that are not there yet.
    fn add(&mut self, path: RelPath, inode: Inode, reason: Reason) -> Result<(), ImageError> {
        let layer = self.layers.len();
        for above in path.ancestors() {
            self.check_parent(&above, &reason)?;
            self.nodes.entry(above).or_insert_with(|| Node {
                inode: directory(DIRECTORY_MODE, Owner::default()),
                layer,
                reason: reason.clone(),
            });
        }
        self.check_parent(&path, &reason)?;
        if let Some(node) = self.nodes.get(&path) {
            let restated = inode.kind == Kind::Directory && node.inode.kind == Kind::Directory && node.layer < layer;
            if !restated {
                return Err(ImageError::Taken { path, first: node.reason.clone(), second: reason });
            }
        }
        self.nodes.insert(path.clone(), Node { inode, layer, reason });
        self.own.insert(path);
        Ok(())
    }

    /// Makes the spec's own layer of what was added.
    fn finish(mut self) -> Result<(BTreeMap<RelPath, Node>, Vec<Layer>), ImageError> {
        let mut entries = BTreeMap::new();
        for path in &self.own {
            for path in path.ancestors().chain([path.clone()]) {
                let inode = self.nodes[&path].inode.clone();
                entries.insert(path, inode);
            }
        }
        if !entries.is_empty() {
            self.layers.push(Layer { origin: Origin::Spec, entries });
        }
        if self.layers.is_empty() {
            return Err(ImageError::Empty);
        }
        Ok((self.nodes, self.layers))
    }
}

fn differs(path: &RelPath, node: &Node, inode: &Inode, second: &OutputRef) -> ImageError {
    let Reason::Component(first) = &node.reason else { unreachable!("objects are laid before the spec's own paths") };
    ImageError::Differs {
        path: path.clone(),
        first: Box::new(first.clone()),
        first_is: node.inode.noun(),
        second: Box::new(second.clone()),
        second_is: inode.noun(),
    }
}

#[cfg(test)]
mod tests;
