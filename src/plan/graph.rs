//! The graph: which build or test needs which.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef as _;

use super::PlanError;
use super::closure::{closure, find};
use crate::path::RelPath;
use crate::recipe::{
    Catalog, OutputRef, Recipe, RecipeName, SeedPackage, Seeds, Source, Target, TargetFacts, TestKind,
};

/// A node's place in its plan.
pub type NodeId = NodeIndex;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// Unpack a set of the toolchain's seeds, by its name.
    Seeds(String),
    /// Build a recipe for a target: the plan's, or for a tool what the sandbox runs on.
    Build(RecipeName, Target),
    /// Test a recipe's result.
    Test(RecipeName, Target),
}

/// What is to be done for some recipes, and in which order it can be.
#[derive(Debug)]
pub struct Plan<'c> {
    pub(super) catalog: &'c Catalog,
    target: Target,
    graph: DiGraph<Node, ()>,
    order: Vec<NodeId>,
    index: BTreeMap<Node, NodeId>,
    wanted: Vec<RecipeName>,
    tests: bool,
}

impl<'c> Plan<'c> {
    /// Plans the builds and tests of `wanted` and of all that they need.
    ///
    /// # Errors
    /// An unknown recipe or target, or a cycle of dependencies.
    pub fn new(catalog: &'c Catalog, target: &Target, wanted: &[RecipeName]) -> Result<Self, PlanError> {
        Self::with(catalog, target, wanted, true)
    }

    /// Plans the builds alone: for who asks what they give, not whether it works.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn untested(catalog: &'c Catalog, target: &Target, wanted: &[RecipeName]) -> Result<Self, PlanError> {
        Self::with(catalog, target, wanted, false)
    }

    fn with(catalog: &'c Catalog, target: &Target, wanted: &[RecipeName], tests: bool) -> Result<Self, PlanError> {
        let toolchain = catalog.toolchain();
        if !toolchain.targets.contains_key(target) {
            return Err(PlanError::UnknownTarget {
                toolchain: toolchain.name.clone(),
                target: target.to_string(),
                known: toolchain.targets.keys().map(Target::to_string).collect(),
            });
        }
        let mut plan = Self {
            catalog,
            target: target.clone(),
            graph: DiGraph::new(),
            order: Vec::new(),
            index: BTreeMap::new(),
            wanted: wanted.to_vec(),
            tests,
        };
        for name in wanted {
            let of = if tests { Node::Test } else { Node::Build };
            plan.require(of(name.clone(), target.clone()))?;
        }
        plan.order = toposort(&plan.graph, None).map_err(|_| PlanError::Cycle(plan.cycle()))?;
        // An edge points from a node to what it needs, so that the walk goes the other way.
        plan.order.reverse();
        Ok(plan)
    }

    /// Adds a node and all that it needs.
    fn require(&mut self, node: Node) -> Result<NodeId, PlanError> {
        if let Some(id) = self.index.get(&node) {
            return Ok(*id);
        }
        let id = self.graph.add_node(node.clone());
        self.index.insert(node.clone(), id);
        for input in self.needs(&node)? {
            // A recipe that is built is tested, whoever needs it.
            if self.tests
                && let Node::Build(name, target) = &input
            {
                let test = Node::Test(name.clone(), target.clone());
                if test != node {
                    self.require(test)?;
                }
            }
            let input = self.require(input)?;
            self.graph.update_edge(id, input, ());
        }
        Ok(id)
    }

    fn needs(&self, node: &Node) -> Result<Vec<Node>, PlanError> {
        match node {
            Node::Seeds(_) => Ok(Vec::new()),
            Node::Build(name, target) => self.build_inputs(find(self.catalog, name)?, target),
            Node::Test(name, target) => {
                let recipe = find(self.catalog, name)?;
                let mut needs = vec![Node::Build(name.clone(), target.clone())];
                let scripts = recipe.tests.iter().any(|test| matches!(test.kind, TestKind::Script(_)));
                if scripts {
                    needs.extend(self.build_inputs(recipe, target)?);
                }
                let emulator = self.facts(target).emulator.as_ref();
                needs.extend(emulator.map(|emulator| Node::Seeds(emulator.seeds.name.clone())));
                for output in runtime_edges(recipe) {
                    needs.extend(self.closure_builds(&output, target)?);
                }
                needs.retain(|need| need != node);
                Ok(needs)
            }
        }
    }

    /// What a recipe's build for a target sees.
    ///
    /// # Errors
    /// When it cannot be built for the target, or names a recipe that does not exist.
    fn build_inputs(&self, recipe: &Recipe, target: &Target) -> Result<Vec<Node>, PlanError> {
        if !recipe.is_for(target) {
            return Err(PlanError::NotForTarget {
                recipe: recipe.name.clone(),
                target: target.to_string(),
                targets: recipe.targets.iter().map(Target::to_string).collect(),
            });
        }
        let mut inputs: Vec<_> = self.seeds(recipe, target).map(|seeds| Node::Seeds(seeds.name.clone())).collect();
        let libraries = self.libraries(recipe)?;
        inputs.extend(libraries.into_iter().map(|library| Node::Build(library, target.clone())));
        for (tool, target) in self.tools(recipe, target) {
            inputs.extend(self.closure_builds(&OutputRef { recipe: tool, component: None }, &target)?);
        }
        Ok(inputs)
    }

    /// The builds of a component and of what it needs at run time.
    fn closure_builds(&self, output: &OutputRef, target: &Target) -> Result<Vec<Node>, PlanError> {
        let named = closure(self.catalog, std::slice::from_ref(output))?;
        Ok(named.into_iter().map(|(recipe, _)| Node::Build(recipe, target.clone())).collect())
    }

    /// The recipes whose default component is in `/` of a recipe's build, each with the target that it is built for;
    /// the first wins.
    pub(super) fn tools(&self, recipe: &Recipe, target: &Target) -> Vec<(RecipeName, Target)> {
        let toolchain = self.catalog.toolchain();
        // The toolchain's own tools are about the target; all others run in the sandbox and are no part of it.
        let place = |tool: &RecipeName| {
            let own = toolchain.tools.contains(tool);
            (tool.clone(), if own { target.clone() } else { toolchain.build_target.clone() })
        };
        let mut tools: Vec<_> = recipe.dependencies.build.iter().map(place).collect();
        tools.extend(self.catalog.preset_of(recipe).into_iter().flat_map(|preset| &preset.tools).map(place));
        if !toolchain.recipes.contains(&recipe.name) {
            tools.extend(toolchain.tools.iter().map(place));
            tools.extend(self.facts(target).tools.iter().map(place));
        }
        tools
    }

    /// The recipes whose `dev` component is in `/sysroot` of a recipe's build; the first wins.
    pub(super) fn libraries(&self, recipe: &Recipe) -> Result<Vec<RecipeName>, PlanError> {
        let toolchain = self.catalog.toolchain();
        let mut libraries = self.linked_libraries(recipe)?;
        if !toolchain.recipes.contains(&recipe.name) {
            libraries.extend(toolchain.sysroot.iter().cloned());
        }
        Ok(libraries)
    }

    /// The libraries that may be inside a recipe's programs, save the toolchain's: those that it links with, and its
    /// preset's.
    ///
    /// # Errors
    /// When one of them does not exist.
    pub fn linked_libraries(&self, recipe: &Recipe) -> Result<Vec<RecipeName>, PlanError> {
        let mut libraries = self.target_dependencies(recipe)?;
        libraries.extend(self.catalog.preset_of(recipe).into_iter().flat_map(|preset| preset.sysroot.iter().cloned()));
        Ok(libraries)
    }

    /// The seeds in `/` of a recipe's build for a target; the first wins.
    pub(super) fn seeds(&self, recipe: &Recipe, target: &Target) -> impl Iterator<Item = &'c Seeds> + use<'c> {
        let preset = self.catalog.preset_of(recipe).and_then(|preset| preset.seeds.as_ref());
        preset.into_iter().chain(&self.facts(target).seeds).chain([&self.catalog.toolchain().seeds])
    }

    /// What the toolchain knows of a target of this plan.
    pub(super) fn facts(&self, target: &Target) -> &'c TargetFacts {
        self.catalog.toolchain().targets.get(target).expect("a plan is only for targets of the toolchain")
    }

    /// The libraries that a recipe links with, and those that they link with, each once.
    ///
    /// # Errors
    /// When one of them does not exist.
    fn target_dependencies(&self, recipe: &Recipe) -> Result<Vec<RecipeName>, PlanError> {
        let mut found: Vec<RecipeName> = Vec::new();
        let mut pending: Vec<&RecipeName> = recipe.dependencies.target.iter().rev().collect();
        while let Some(name) = pending.pop() {
            if !found.contains(name) {
                found.push(name.clone());
                pending.extend(find(self.catalog, name)?.dependencies.target.iter().rev());
            }
        }
        Ok(found)
    }

    /// The shortest walk from a recipe back to itself, spelled out.
    fn cycle(&self) -> Vec<RecipeName> {
        let looped = tarjan_scc(&self.graph)
            .into_iter()
            .find(|component| component.len() > 1 || component.iter().any(|id| self.graph.contains_edge(*id, *id)));
        let members = looped.unwrap_or_default();
        let Some(start) = members.iter().min().copied() else { return Vec::new() };
        let mut walk = vec![start];
        // Every node of a strongly connected component has a successor within it.
        while let Some(next) = self.graph.neighbors(walk[walk.len() - 1]).find(|next| members.contains(next)) {
            if let Some(from) = walk.iter().position(|seen| *seen == next) {
                walk.drain(..from);
                walk.push(next);
                break;
            }
            walk.push(next);
        }
        let mut names: Vec<_> = walk.iter().filter_map(|id| self.recipe_name(*id).cloned()).collect();
        names.dedup();
        names
    }

    /// All nodes, each after what it needs.
    pub fn order(&self) -> &[NodeId] {
        &self.order
    }

    /// What a node is.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.graph[id]
    }

    /// The recipe that a node is about.
    pub fn recipe_name(&self, id: NodeId) -> Option<&RecipeName> {
        match self.node(id) {
            Node::Seeds(_) => None,
            Node::Build(name, _) | Node::Test(name, _) => Some(name),
        }
    }

    /// What a node's result is for: the plan's target, or for seeds and tools what the sandbox runs on.
    pub fn target_of(&self, id: NodeId) -> &Target {
        match self.node(id) {
            Node::Seeds(_) => &self.catalog.toolchain().build_target,
            Node::Build(_, target) | Node::Test(_, target) => target,
        }
    }

    /// The node of a build for the plan's target.
    pub fn build_of(&self, name: &RecipeName) -> Option<NodeId> {
        self.build_for(name, &self.target)
    }

    /// The node of a build for a target.
    pub(super) fn build_for(&self, name: &RecipeName, target: &Target) -> Option<NodeId> {
        self.index.get(&Node::Build(name.clone(), target.clone())).copied()
    }

    /// The node of a test for the plan's target.
    pub fn test_of(&self, name: &RecipeName) -> Option<NodeId> {
        self.index.get(&Node::Test(name.clone(), self.target.clone())).copied()
    }

    /// The node of a set of seeds.
    pub(super) fn seeds_of(&self, name: &str) -> Option<NodeId> {
        self.index.get(&Node::Seeds(name.to_owned())).copied()
    }

    /// A set of seeds that the plan unpacks.
    pub fn seed_set(&self, name: &str) -> Option<&'c Seeds> {
        self.catalog.seeds(name)
    }

    /// What a node needs, in a stable order.
    pub fn inputs(&self, id: NodeId) -> Vec<NodeId> {
        let mut inputs: Vec<_> = self.graph.edges(id).map(|edge| edge.target()).collect();
        inputs.sort_by(|left, right| self.node(*left).cmp(self.node(*right)));
        inputs
    }

    /// Everything that a node needs, and that needs in turn.
    pub fn closure_of(&self, id: NodeId) -> BTreeSet<NodeId> {
        let mut found = BTreeSet::new();
        let mut pending = self.inputs(id);
        while let Some(input) = pending.pop() {
            if found.insert(input) {
                pending.extend(self.inputs(input));
            }
        }
        found
    }

    /// The sources that a node takes from the store; known before its inputs are built.
    pub fn sources(&self, id: NodeId) -> Vec<Source> {
        match self.node(id) {
            Node::Seeds(name) => {
                self.seed_set(name).into_iter().flat_map(|seeds| &seeds.packages).map(package_source).collect()
            }
            Node::Build(name, _) => self.catalog.recipe(name).map(|recipe| recipe.sources.clone()).unwrap_or_default(),
            Node::Test(..) => Vec::new(),
        }
    }

    /// The recipes that were asked for.
    pub fn wanted(&self) -> &[RecipeName] {
        &self.wanted
    }

    /// The target that is planned for.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The recipes and toolchain that the plan is made of.
    pub fn catalog(&self) -> &'c Catalog {
        self.catalog
    }

    /// A node's name for people: `sed-4.9`, `sed-4.9 test`, `debian-12 seeds`; what is for another target than the
    /// one that the sandbox runs on says so: `sed-4.9 (aarch64-linux-musl)`.
    pub fn name(&self, id: NodeId) -> String {
        let test = if matches!(self.node(id), Node::Test(..)) { " test" } else { "" };
        let target = self.target_of(id);
        let abroad = *target != self.catalog.toolchain().build_target;
        let target = if abroad { format!(" ({target})") } else { String::new() };
        format!("{}{test}{target}", self.result_name(id))
    }

    /// What a node is about, whatever its version: `build sed`, `test sed`, `seeds debian-12`.
    pub fn subject(&self, id: NodeId) -> String {
        match self.node(id) {
            Node::Seeds(name) => format!("seeds {name}"),
            Node::Build(name, _) => format!("build {name}"),
            Node::Test(name, _) => format!("test {name}"),
        }
    }

    /// The name of what a node gives, in the store's roots: `sed-4.9`, `debian-12 seeds`.
    pub fn result_name(&self, id: NodeId) -> String {
        match self.node(id) {
            Node::Seeds(name) => format!("{name} seeds"),
            Node::Build(name, _) | Node::Test(name, _) => match self.catalog.recipe(name) {
                Some(recipe) => format!("{name}-{}", recipe.version),
                None => name.to_string(),
            },
        }
    }
}

/// A seed package, as a source.
fn package_source(package: &SeedPackage) -> Source {
    Source {
        sha256: package.sha256,
        locations: vec![package.location.clone()],
        into: RelPath::new("seeds").expect("a plain word is a path"),
        strip: 0,
        unpack: true,
    }
}

/// Every component that a recipe says it needs at run time, or that its tests have beside them.
fn runtime_edges(recipe: &Recipe) -> impl Iterator<Item = OutputRef> + '_ {
    let runtime = recipe.components.values().flat_map(|component| &component.runtime);
    runtime.chain(recipe.tests.iter().flat_map(|test| &test.with)).cloned()
}
