//! `drystone plan`.

use std::collections::BTreeSet;

use serde::Serialize;

use super::args::{Common, Plan as Args, PlanFormat};
use super::failure::Failure;
use super::project::Project;
use crate::builder::{Standing, Survey, survey};
use crate::digest::{DerivationKey, ObjectId};
use crate::plan::{Node, NodeId, Outputs, Plan};
use crate::recipe::RecipeName;

/// How a node is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Mark {
    Built,
    Cached,
    ToDo,
}

impl Mark {
    fn text(self) -> &'static str {
        match self {
            Self::Built => "built",
            Self::Cached => "cached",
            Self::ToDo => "to do",
        }
    }
}

/// A node, for machines.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    status: Mark,
    key: Option<DerivationKey>,
    outputs: Outputs,
    inputs: Vec<String>,
    sources: Vec<String>,
}

struct View<'p> {
    plan: &'p Plan<'p>,
    survey: Survey,
    rooted: BTreeSet<ObjectId>,
}

/// Shows a plan.
pub fn run(common: &Common, args: &Args) -> Result<(), Failure> {
    let project = Project::open(common)?;
    let mut recipes: Vec<RecipeName> = args.names.iter().map(|name| name.recipe.clone()).collect();
    recipes.dedup();
    let plan = Plan::new(&project.catalog, &project.target, &recipes)?;
    let survey = survey(&plan, &project.store)?;
    let rooted = project.store.roots()?.into_values().collect();
    let view = View { plan: &plan, survey, rooted };
    match args.format {
        PlanFormat::Tree => view.trees(),
        PlanFormat::Dot => view.dot(),
        PlanFormat::Json => view.json(),
    }
    Ok(())
}

impl View<'_> {
    fn mark(&self, id: NodeId) -> Mark {
        match self.survey.standing(id) {
            Standing::Built { trace, .. } if trace.outputs.values().all(|id| self.rooted.contains(id)) => Mark::Built,
            Standing::Built { .. } => Mark::Cached,
            Standing::Ready { .. } | Standing::Waiting => Mark::ToDo,
        }
    }

    fn styled(&self, id: NodeId) -> String {
        let mark = self.mark(id);
        let style = match mark {
            Mark::Built => console::Style::new().green(),
            Mark::Cached => console::Style::new().cyan(),
            Mark::ToDo => console::Style::new().yellow(),
        };
        format!("{} [{}]", self.plan.name(id), style.apply_to(mark.text()))
    }

    /// The tests that were asked for at the top; what has been shown once is not unfolded again.
    fn trees(&self) {
        let mut seen = BTreeSet::new();
        for id in self.plan.order().iter().rev() {
            let wanted = self.plan.recipe_name(*id).is_some_and(|name| self.plan.wanted().contains(name));
            if wanted && matches!(self.plan.node(*id), Node::Test(..)) {
                println!("{}", self.styled(*id));
                self.branches(*id, "", &mut seen);
            }
        }
        let todo = self.plan.order().iter().filter(|id| self.mark(**id) == Mark::ToDo).count();
        println!("{todo} of {} to do", self.plan.order().len());
    }

    fn branches(&self, id: NodeId, indent: &str, seen: &mut BTreeSet<NodeId>) {
        let inputs = self.plan.inputs(id);
        for (index, input) in inputs.iter().enumerate() {
            let last = index + 1 == inputs.len();
            let (branch, further) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let fresh = seen.insert(*input);
            let shown = !fresh && !self.plan.inputs(*input).is_empty();
            println!("{indent}{branch}{}{}", self.styled(*input), if shown { " …" } else { "" });
            if fresh {
                self.branches(*input, &format!("{indent}{further}"), seen);
            }
        }
    }

    fn dot(&self) {
        println!("digraph plan {{\n  rankdir=LR;\n  node [shape=box, fontname=monospace, style=filled];");
        for id in self.plan.order() {
            let color = match self.mark(*id) {
                Mark::Built => "palegreen",
                Mark::Cached => "lightcyan",
                Mark::ToDo => "lightyellow",
            };
            println!("  {:?} [fillcolor={color}];", self.plan.name(*id));
            for input in self.plan.inputs(*id) {
                println!("  {:?} -> {:?};", self.plan.name(*id), self.plan.name(input));
            }
        }
        println!("}}");
    }

    fn json(&self) {
        let entries: Vec<Entry> = self.plan.order().iter().map(|id| self.entry(*id)).collect();
        println!("{}", serde_json::to_string_pretty(&entries).expect("this is plain data"));
    }

    fn entry(&self, id: NodeId) -> Entry {
        Entry {
            name: self.plan.name(id),
            status: self.mark(id),
            key: match self.survey.standing(id) {
                Standing::Built { key, .. } | Standing::Ready { key } => Some(*key),
                Standing::Waiting => None,
            },
            outputs: self.survey.outputs(id).cloned().unwrap_or_default(),
            inputs: self.plan.inputs(id).into_iter().map(|input| self.plan.name(input)).collect(),
            sources: self.plan.sources(id).iter().map(|source| source.sha256.to_string()).collect(),
        }
    }
}
