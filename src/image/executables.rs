//! Which executables a spec names, so that whatever else is executable can be found. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Part;
use super::rootfs::{Kind, Node, Reason, resolve};
use crate::path::RelPath;
use crate::recipe::ImageSpec;

/// The files that a spec names as something that runs: by `only`, in the words of `entrypoint` and `cmd`, as a
/// component whose own name or whose recipe's name the program has, or by a `[[file]]` with an executable mode.
pub(super) fn named(spec: &ImageSpec, parts: &[Part], nodes: &BTreeMap<RelPath, Node>) -> BTreeSet<RelPath> {
    let mut named = BTreeSet::new();
    for part in parts.iter().filter(|part| part.named) {
        named.extend(part.only.iter().flatten().cloned());
        let component = part.output.component.as_ref().map(|component| component.as_str());
        let names = [Some(part.output.recipe.as_str()), component];
        let own = |path: &&RelPath| names.contains(&Some(path.file_name()));
        named.extend(part.tree.iter().map(|(path, _)| path).filter(own).cloned());
    }
    let words = spec.config.entrypoint.iter().chain(&spec.config.cmd).filter(|word| word.starts_with('/'));
    named.extend(words.filter_map(|word| resolve(nodes, word)).map(|(path, _)| path.clone()));
    let files = nodes.iter().filter(|(_, node)| node.reason == Reason::File && node.inode.mode & 0o111 != 0);
    named.extend(files.map(|(path, _)| path.clone()));
    // A name may be a link's: what runs is the file that it leads to.
    let led: Vec<RelPath> =
        named.iter().filter_map(|path| resolve(nodes, path.as_str())).map(|(path, _)| path.clone()).collect();
    named.extend(led);
    let runs = |node: &Node| matches!(node.inode.kind, Kind::File(_)) && node.inode.mode & 0o111 != 0;
    named.retain(|path| nodes.get(path).is_some_and(runs));
    named
}
