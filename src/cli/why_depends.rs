//! `drystone why-depends`.

use std::collections::BTreeSet;

use serde::Serialize;

use super::args::{Common, WhyDepends};
use super::failure::Failure;
use super::project::Project;
use crate::plan::{Need, Node, NodeId, Plan, Way};
use crate::recipe::{RecipeName, nearest};

/// How many ways are shown at most.
const SHOWN: usize = 1000;

/// The answer, for machines.
#[derive(Debug, Serialize)]
struct Answer {
    from: String,
    to: String,
    ways: Vec<Vec<Hop>>,
    /// Whether there are more ways than these.
    more: bool,
}

#[derive(Debug, Serialize)]
struct Hop {
    name: String,
    needs: Vec<&'static str>,
}

/// Says by which ways one recipe needs another.
pub fn run(common: &Common, args: &WhyDepends) -> Result<(), Failure> {
    let project = Project::open(common)?;
    let plan = Plan::new(&project.catalog, &project.target, std::slice::from_ref(&args.from))?;
    let from = plan.build_of(&args.from).expect("a plan has the builds that it was asked for");
    let to = meant(&project, &plan, &args.to)?;
    let (ways, more) = match args.all {
        true => plan.all_ways(from, &to, SHOWN),
        false => (plan.shortest_way(from, &to).into_iter().collect(), false),
    };
    let answer = Answer {
        from: plan.name(from),
        to: args.to.clone(),
        ways: ways.iter().map(|way| hops(&plan, way)).collect(),
        more,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer).expect("this is plain data"));
    } else {
        print(&answer);
    }
    match answer.ways.is_empty() {
        false => Ok(()),
        true if args.json => Err(Failure::differs()),
        true => Err(Failure::found(
            format!("{} needs {} neither to be built nor to run", answer.from, args.to),
            "what its tests alone have beside them is no part of this: drystone plan shows it",
        )),
    }
}

/// The nodes of a plan that a name means: a recipe's builds, a set of seeds, or the set that a seed package is in.
fn meant(project: &Project, plan: &Plan<'_>, name: &str) -> Result<BTreeSet<NodeId>, Failure> {
    let catalog = &project.catalog;
    let sets: Vec<_> = catalog.toolchain().seed_sets().collect();
    let recipe = RecipeName::new(name).ok().filter(|name| catalog.recipe(name).is_some());
    let seeds = |set: &str| {
        let found = sets.iter().find(|seeds| seeds.name == set);
        found.is_some_and(|seeds| seeds.name == name || seeds.package(name).is_some())
    };
    if recipe.is_none() && !sets.iter().any(|set| seeds(&set.name)) {
        let packages = sets.iter().flat_map(|seeds| &seeds.packages).map(|package| package.name.as_str());
        let known = catalog.recipes().map(|recipe| recipe.name.as_str()).chain(packages);
        let near = nearest(name, known.chain(sets.iter().map(|seeds| seeds.name.as_str())));
        return Err(Failure::user(
            format!("there is no recipe, no set of seeds and no seed package `{name}`"),
            match near.is_empty() {
                true => "drystone plan RECIPE shows what one is made of".to_owned(),
                false => format!("the nearest: {}", near.join(", ")),
            },
        ));
    }
    let is_meant = |id: &&NodeId| match plan.node(**id) {
        Node::Seeds(set) => recipe.is_none() && seeds(set),
        Node::Build(name, _) => recipe.as_ref() == Some(name),
        Node::Test(..) => false,
    };
    Ok(plan.order().iter().filter(is_meant).copied().collect())
}

fn hops(plan: &Plan<'_>, way: &Way) -> Vec<Hop> {
    let hop = |needed: &crate::plan::Needed| Hop {
        name: plan.name(needed.id),
        needs: needed.needs.iter().map(|need| word(*need)).collect(),
    };
    way.iter().map(hop).collect()
}

fn word(need: Need) -> &'static str {
    match need {
        Need::BuildTool => "build tool",
        Need::Library => "linked library",
        Need::RunTime => "run time",
        Need::Toolchain => "toolchain",
        Need::Seed => "seed",
    }
}

fn print(answer: &Answer) {
    for (index, way) in answer.ways.iter().enumerate() {
        if index > 0 {
            println!();
        }
        println!("{}", answer.from);
        for (depth, hop) in way.iter().enumerate() {
            println!("{:indent$}└─ {}: {}", "", hop.needs.join(", "), hop.name, indent = 3 * depth);
        }
    }
    if answer.more {
        println!("\nand more: these are the {SHOWN} shortest");
    }
}
