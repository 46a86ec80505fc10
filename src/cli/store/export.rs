//! `drystone store export`.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{bytes_bar, counted};
use crate::builder::{Standing, Survey, root_name, survey};
use crate::cli::args::StoreExport;
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::cli::show::say;
use crate::plan::{Node, NodeId, Plan, closure};
use crate::recipe::{OutputRef, Recipe, RecipeName};
use crate::store::{Exported, Selection};

/// Exports; prints the digest of the index.
pub fn run(project: &Project, args: &StoreExport) -> Result<(), Failure> {
    let began = Instant::now();
    let wanted = wanted(project, args)?;
    let mut recipes: Vec<RecipeName> = wanted.iter().map(|output| output.recipe.clone()).collect();
    recipes.extend(closure_of(project, &wanted)?.into_iter().map(|output| output.recipe));
    recipes.sort();
    recipes.dedup();
    let plan = Plan::new(&project.catalog, &project.target, &recipes)?;
    let survey = survey(&plan, &project.store)?;
    let mut choice = Choice { plan: &plan, survey: &survey, args, selection: Selection::default() };
    choice.selection.logs = args.logs;
    choice.selection.bytes = !args.manifests;
    for output in &wanted {
        choice.named(project, output)?;
    }
    if args.build {
        plan.order().iter().for_each(|id| choice.whole(*id));
    }
    let bar = bytes_bar(None);
    let exported = project.store.export(&choice.selection, &args.output, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let Exported { index, objects, traces, sources, size } = exported?;
    println!("{index}");
    let sources = if sources > 0 { format!(", {}", counted(sources, "source")) } else { String::new() };
    let objects = counted(objects, if args.manifests { "manifest" } else { "object" });
    say(format_args!(
        "{}: {objects}{sources} and {}, {} ({:.1} s)",
        args.output.display(),
        counted(traces, "trace"),
        indicatif::HumanBytes(size),
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// What was asked for; of all recipes, those that are built.
fn wanted(project: &Project, args: &StoreExport) -> Result<Vec<OutputRef>, Failure> {
    if !args.all {
        return Ok(args.names.clone());
    }
    let all: Vec<RecipeName> = project.catalog.recipes_for(&project.target);
    let plan = Plan::new(&project.catalog, &project.target, &all)?;
    let survey = survey(&plan, &project.store)?;
    let is_built = |name: &RecipeName| plan.build_of(name).is_some_and(|id| survey.outputs(id).is_some());
    let (built, other): (Vec<_>, Vec<_>) = all.iter().partition(|name| is_built(name));
    if built.is_empty() {
        return Err(Failure::user(
            "no recipe is built as it is now".to_owned(),
            "build first: drystone build --all".to_owned(),
        ));
    }
    if !other.is_empty() {
        say(format_args!("{} of {} recipes are not built as they are now, and left out", other.len(), all.len()));
    }
    Ok(built.into_iter().map(|name| OutputRef { recipe: name.clone(), component: None }).collect())
}

/// What the components of these need at run time, themselves included.
fn closure_of(project: &Project, wanted: &[OutputRef]) -> Result<Vec<OutputRef>, Failure> {
    let mut whole = Vec::new();
    for output in wanted {
        match (&output.component, project.catalog.recipe(&output.recipe)) {
            (None, Some(recipe)) => whole.extend(
                recipe
                    .components
                    .keys()
                    .map(|component| OutputRef { recipe: output.recipe.clone(), component: Some(component.clone()) }),
            ),
            // An unknown recipe is told of by whoever plans it.
            _ => whole.push(output.clone()),
        }
    }
    let named = closure(&project.catalog, &whole)?;
    Ok(named.into_iter().map(|(recipe, component)| OutputRef { recipe, component: Some(component) }).collect())
}

/// What is to be exported, as it grows.
struct Choice<'c> {
    plan: &'c Plan<'c>,
    survey: &'c Survey,
    args: &'c StoreExport,
    selection: Selection,
}

impl Choice<'_> {
    /// A recipe with all that its components need at run time, or one component with that.
    fn named(&mut self, project: &Project, output: &OutputRef) -> Result<(), Failure> {
        let id = self.built(&output.recipe)?;
        match &output.component {
            None => self.whole(id),
            Some(component) => {
                self.plan.object(&|id| self.survey.outputs(id), &output.recipe, component)?;
            }
        }
        for needed in closure_of(project, std::slice::from_ref(output))? {
            let id = self.built(&needed.recipe)?;
            let component = needed.component.as_ref().map(|component| component.as_str());
            self.outputs(id, component);
        }
        Ok(())
    }

    fn built(&self, recipe: &RecipeName) -> Result<NodeId, Failure> {
        let id = self.plan.build_of(recipe).filter(|id| self.survey.outputs(*id).is_some());
        id.ok_or_else(|| {
            let message = format!("{recipe} as it is now is not built for {}", self.plan.target());
            Failure::user(message, format!("build it first: drystone build {recipe}"))
        })
    }

    /// A node with all that it gave, and its test.
    fn whole(&mut self, id: NodeId) {
        self.outputs(id, None);
        if let Node::Build(recipe, target) = self.plan.node(id)
            && target == self.plan.target()
            && let Some(test) = self.plan.test_of(recipe)
        {
            self.outputs(test, None);
        }
    }

    /// All that a node gave, or one of its outputs, with its trace and root.
    fn outputs(&mut self, id: NodeId, only: Option<&str>) {
        let Standing::Built { key, trace } = self.survey.standing(id) else { return };
        let Selection { objects, traces, roots, sources, .. } = &mut self.selection;
        traces.insert(*key);
        let target = self.plan.target_of(id);
        let recipe = self.plan.recipe_name(id).and_then(|name| self.plan.catalog().recipe(name));
        let default = recipe.and_then(Recipe::default_component);
        for (output, object) in trace.outputs.iter().filter(|(output, _)| only.is_none_or(|only| only == *output)) {
            objects.insert(*object);
            let default = default.as_ref().map(|name| name.as_str());
            roots.insert(format!("{target}/{}", root_name(&self.plan.result_name(id), output, default)), *object);
        }
        if self.args.sources {
            sources.extend(self.plan.sources(id).iter().map(|source| source.sha256).collect::<BTreeSet<_>>());
        }
    }
}
