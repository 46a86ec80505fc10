//! The graph: which build or test needs which.

use std::collections::BTreeMap;

use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef as _;

use super::PlanError;
use super::closure::{closure, find};
use crate::path::RelPath;
use crate::recipe::{Catalog, OutputRef, Recipe, RecipeName, SeedPackage, Source, Target, TargetFacts, TestKind};

/// A node's place in its plan.
pub type NodeId = NodeIndex;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// Unpack the toolchain's seeds.
    Seeds,
    /// Build a recipe.
    Build(RecipeName),
    /// Test a recipe's result.
    Test(RecipeName),
}

/// What is to be done for some recipes, and in which order it can be.
#[derive(Debug)]
pub struct Plan<'c> {
    pub(super) catalog: &'c Catalog,
    pub(super) target: Target,
    pub(super) facts: &'c TargetFacts,
    graph: DiGraph<Node, ()>,
    order: Vec<NodeId>,
    index: BTreeMap<Node, NodeId>,
    wanted: Vec<RecipeName>,
}

impl<'c> Plan<'c> {
    /// Plans the builds and tests of `wanted` and of all that they need.
    ///
    /// # Errors
    /// An unknown recipe or target, or a cycle of dependencies.
    pub fn new(catalog: &'c Catalog, target: &Target, wanted: &[RecipeName]) -> Result<Self, PlanError> {
        let toolchain = catalog.toolchain();
        let facts = toolchain.targets.get(target).ok_or_else(|| PlanError::UnknownTarget {
            toolchain: toolchain.name.clone(),
            target: target.to_string(),
            known: toolchain.targets.keys().map(Target::to_string).collect(),
        })?;
        let mut plan = Self {
            catalog,
            target: target.clone(),
            facts,
            graph: DiGraph::new(),
            order: Vec::new(),
            index: BTreeMap::new(),
            wanted: wanted.to_vec(),
        };
        for name in wanted {
            plan.require(Node::Test(name.clone()))?;
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
            if let Node::Build(name) = &input {
                let test = Node::Test(name.clone());
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
            Node::Seeds => Ok(Vec::new()),
            Node::Build(name) => {
                let mut needs = vec![Node::Seeds];
                needs.extend(self.build_inputs(find(self.catalog, name)?)?.into_iter().map(Node::Build));
                Ok(needs)
            }
            Node::Test(name) => {
                let recipe = find(self.catalog, name)?;
                let mut needs = vec![Node::Build(name.clone())];
                let scripts = recipe.tests.iter().any(|test| matches!(test.kind, TestKind::Script(_)));
                if scripts {
                    needs.push(Node::Seeds);
                    needs.extend(self.build_inputs(recipe)?.into_iter().map(Node::Build));
                }
                for output in runtime_edges(recipe) {
                    needs.extend(closure(self.catalog, &[output])?.into_iter().map(|(recipe, _)| Node::Build(recipe)));
                }
                needs.retain(|need| need != node);
                Ok(needs)
            }
        }
    }

    /// The recipes whose outputs a recipe's build sees.
    fn build_inputs(&self, recipe: &Recipe) -> Result<Vec<RecipeName>, PlanError> {
        let toolchain = self.catalog.toolchain();
        let mut inputs = Vec::new();
        if !toolchain.recipes.contains(&recipe.name) {
            inputs.extend(toolchain.tools.iter().chain(&toolchain.sysroot).cloned());
        }
        inputs.extend(self.target_dependencies(recipe)?);
        for tool in &recipe.dependencies.build {
            let output = OutputRef { recipe: tool.clone(), component: None };
            inputs.extend(closure(self.catalog, &[output])?.into_iter().map(|(recipe, _)| recipe));
        }
        Ok(inputs)
    }

    /// The libraries that a recipe links with, and those that they link with, each once.
    ///
    /// # Errors
    /// When one of them does not exist.
    pub fn target_dependencies(&self, recipe: &Recipe) -> Result<Vec<RecipeName>, PlanError> {
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
            Node::Seeds => None,
            Node::Build(name) | Node::Test(name) => Some(name),
        }
    }

    /// The node of a build.
    pub fn build_of(&self, name: &RecipeName) -> Option<NodeId> {
        self.index.get(&Node::Build(name.clone())).copied()
    }

    /// The node of the seeds.
    pub(super) fn seeds(&self) -> Option<NodeId> {
        self.index.get(&Node::Seeds).copied()
    }

    /// What a node needs, in a stable order.
    pub fn inputs(&self, id: NodeId) -> Vec<NodeId> {
        let mut inputs: Vec<_> = self.graph.edges(id).map(|edge| edge.target()).collect();
        inputs.sort_by(|left, right| self.node(*left).cmp(self.node(*right)));
        inputs
    }

    /// The sources that a node takes from the store; known before its inputs are built.
    pub fn sources(&self, id: NodeId) -> Vec<Source> {
        match self.node(id) {
            Node::Seeds => self.catalog.toolchain().seeds.packages.iter().map(package_source).collect(),
            Node::Build(name) => self.catalog.recipe(name).map(|recipe| recipe.sources.clone()).unwrap_or_default(),
            Node::Test(_) => Vec::new(),
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

    /// A node's name for people: `sed-4.9`, `sed-4.9 test`, `debian-12 seeds`.
    pub fn name(&self, id: NodeId) -> String {
        let full = |name: &RecipeName| match self.catalog.recipe(name) {
            Some(recipe) => format!("{name}-{}", recipe.version),
            None => name.to_string(),
        };
        match self.node(id) {
            Node::Seeds => format!("{} seeds", self.catalog.toolchain().seeds.name),
            Node::Build(name) => full(name),
            Node::Test(name) => format!("{} test", full(name)),
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
