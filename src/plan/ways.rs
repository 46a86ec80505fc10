//! By which ways one build needs another: as the recipes and the toolchain say it, edge by edge.
//!
//! A plan's own edges are what a sandbox holds, where the libraries of a library are beside it. Here each stands
//! behind the one that asks for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::closure::find;
use super::graph::{Node, NodeId, Plan};
use crate::recipe::{RecipeName, Target};

/// What for one build needs another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A tool that the recipe names: it runs during the build.
    BuildTool,
    /// A library that it is linked with.
    Library,
    /// Something that a component of it needs beside itself where it runs.
    RunTime,
    /// A tool or library that the toolchain gives to every build.
    Toolchain,
    /// Binaries that are not built here.
    Seed,
}

/// An edge: a node, and all that it is needed for by the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// The node.
    pub id: NodeId,
    /// What for.
    pub needs: BTreeSet<Need>,
}

/// From one node to another, the first left out.
pub type Way = Vec<Needed>;

impl Plan<'_> {
    /// What a build or a set of seeds needs to be built or, once built, to run.
    pub fn needs_of(&self, id: NodeId) -> Vec<Needed> {
        let Node::Build(name, target) = self.node(id) else { return Vec::new() };
        let Ok(recipe) = find(self.catalog, name) else { return Vec::new() };
        let build = |need: Need, recipe: &RecipeName, target: &Target| (need, self.build_for(recipe, target));
        let mut edges: Vec<(Need, Option<NodeId>)> = Vec::new();
        edges.extend(recipe.dependencies.target.iter().map(|library| build(Need::Library, library, target)));
        let runtime = recipe.components.values().flat_map(|component| &component.runtime);
        edges.extend(runtime.map(|output| build(Need::RunTime, &output.recipe, target)));
        // Those that the recipe names come first.
        let named = recipe.dependencies.build.len();
        edges.extend(self.tools(recipe, target).iter().enumerate().map(|(index, (tool, target))| {
            build(if index < named { Need::BuildTool } else { Need::Toolchain }, tool, target)
        }));
        let of_preset = self.catalog.preset_of(recipe).into_iter().flat_map(|preset| &preset.sysroot);
        edges.extend(of_preset.map(|library| build(Need::Toolchain, library, target)));
        let toolchain = self.catalog.toolchain();
        if !toolchain.recipes.contains(&recipe.name) {
            edges.extend(toolchain.sysroot.iter().map(|library| build(Need::Toolchain, library, target)));
        }
        edges.extend(self.seeds(recipe, target).map(|seeds| (Need::Seed, self.seeds_of(&seeds.name))));
        let mut needed: Vec<Needed> = Vec::new();
        for (need, node) in edges {
            let Some(node) = node.filter(|node| *node != id) else { continue };
            match needed.iter_mut().find(|needed| needed.id == node) {
                Some(known) => drop(known.needs.insert(need)),
                None => needed.push(Needed { id: node, needs: BTreeSet::from([need]) }),
            }
        }
        needed
    }

    /// The shortest way from a node to one of others.
    pub fn shortest_way(&self, from: NodeId, to: &BTreeSet<NodeId>) -> Option<Way> {
        let mut before: BTreeMap<NodeId, (NodeId, Needed)> = BTreeMap::new();
        let mut pending = VecDeque::from([from]);
        while let Some(id) = pending.pop_front() {
            for needed in self.needs_of(id) {
                let next = needed.id;
                if next == from || before.contains_key(&next) {
                    continue;
                }
                before.insert(next, (id, needed));
                if to.contains(&next) {
                    return Some(walk_back(next, &mut before));
                }
                pending.push_back(next);
            }
        }
        None
    }

    /// Every way that meets no node twice, the shortest first; `most` of them at most, and whether there are more.
    pub fn all_ways(&self, from: NodeId, to: &BTreeSet<NodeId>, most: usize) -> (Vec<Way>, bool) {
        let edges = self.edges_towards(from, to);
        let mut ways = Vec::new();
        // Breadth first, so that what is cut off is never shorter than what is shown.
        let mut pending = VecDeque::from([Way::new()]);
        while let Some(way) = pending.pop_front() {
            let last = way.last().map_or(from, |needed| needed.id);
            for needed in edges.get(&last).into_iter().flatten() {
                if needed.id == from || way.iter().any(|seen| seen.id == needed.id) {
                    continue;
                }
                let further = [way.as_slice(), std::slice::from_ref(needed)].concat();
                if !to.contains(&needed.id) {
                    pending.push_back(further);
                } else if ways.len() == most {
                    return (ways, true);
                } else {
                    ways.push(further);
                }
            }
        }
        (ways, false)
    }

    /// The edges from which one of some nodes is reached.
    fn edges_towards(&self, from: NodeId, to: &BTreeSet<NodeId>) -> BTreeMap<NodeId, Vec<Needed>> {
        let mut edges: BTreeMap<NodeId, Vec<Needed>> = BTreeMap::new();
        let mut pending = vec![from];
        while let Some(id) = pending.pop() {
            edges.entry(id).or_insert_with(|| {
                let needs = self.needs_of(id);
                pending.extend(needs.iter().map(|needed| needed.id));
                needs
            });
        }
        let mut reaching = to.clone();
        loop {
            let found = edges.iter().filter(|(id, _)| !reaching.contains(id));
            let found = found.filter(|(_, needs)| needs.iter().any(|needed| reaching.contains(&needed.id)));
            let found: Vec<NodeId> = found.map(|(id, _)| *id).collect();
            if found.is_empty() {
                break;
            }
            reaching.extend(found);
        }
        for needs in edges.values_mut() {
            needs.retain(|needed| reaching.contains(&needed.id));
        }
        edges
    }
}

fn walk_back(end: NodeId, before: &mut BTreeMap<NodeId, (NodeId, Needed)>) -> Way {
    let mut way = VecDeque::new();
    let mut at = end;
    while let Some((previous, needed)) = before.remove(&at) {
        way.push_front(needed);
        at = previous;
    }
    way.into()
}
