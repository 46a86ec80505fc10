//! `drystone lint`.

mod reach;

use std::collections::BTreeMap;

use serde::Serialize;

use super::args::{Common, Lint};
use super::failure::Failure;
use super::fmt::replace;
use super::project::Project;
use crate::builder::{Survey, survey};
use crate::fs;
use crate::plan::Plan;
use crate::recipe::{self, ComponentName, Recipe, RecipeName, Remark, Subject};
use crate::tree::Tree;

/// A remark, for machines.
#[derive(Debug, Serialize)]
struct Told {
    recipe: String,
    file: String,
    rule: &'static str,
    line: Option<usize>,
    what: String,
    mend: String,
    fixed: bool,
}

/// Prints the remarks on recipes.
pub fn run(common: &Common, args: &Lint) -> Result<(), Failure> {
    let project = Project::open(common)?;
    let names: Vec<RecipeName> = if args.names.is_empty() {
        project.catalog.recipes().map(|recipe| recipe.name.clone()).collect()
    } else {
        args.names.clone()
    };
    let plan = Plan::new(&project.catalog, &project.target, &names)?;
    let survey = survey(&plan, &project.store)?;
    let mut told = Vec::new();
    for name in &names {
        let recipe = project.catalog.recipe(name).expect("a plan knows the recipes that it is for");
        told.extend(of_recipe(&project, recipe, &installed(&project, &plan, &survey, name)?, args.fix)?);
    }
    if args.online {
        let recipes: Vec<&Recipe> = names.iter().filter_map(|name| project.catalog.recipe(name)).collect();
        told.extend(reach::unreachable(&recipes)?.into_iter().map(|(recipe, remark)| of(recipe, remark, false)));
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&told).expect("this is plain data"));
    } else {
        told.iter().for_each(print);
    }
    let left = told.iter().filter(|one| !one.fixed).count();
    match left {
        0 => Ok(()),
        1 => Err(Failure::found("1 remark".to_owned(), "each says what to do")),
        many => Err(Failure::found(format!("{many} remarks"), "each says what to do")),
    }
}

/// The remarks on a recipe. With `fix`, what needs no thought is mended: each mend is made on what the last one left.
fn of_recipe(
    project: &Project,
    recipe: &Recipe,
    installed: &BTreeMap<ComponentName, Tree>,
    fix: bool,
) -> Result<Vec<Told>, Failure> {
    let directory = recipe.file.with_extension("");
    let mut beside = Vec::new();
    if directory.is_dir() {
        for name in fs::list(&directory)? {
            // Directories hold files that a recipe names by their paths.
            if directory.join(&name).is_file() {
                beside.push(name.to_string_lossy().into_owned());
            }
        }
    }
    let mut patches = BTreeMap::new();
    for patch in &recipe.patches {
        let text = String::from_utf8_lossy(&fs::read(&patch.path)?).into_owned();
        patches.insert(patch.name.to_string(), text.lines().next().unwrap_or_default().to_owned());
    }
    let (beside, patches) = (&beside, &patches);
    let mut text = fs::read_to_string(&recipe.file)?;
    let mut told = Vec::new();
    if fix {
        loop {
            let subject = Subject { recipe, text: &text, beside, patches, installed, catalog: &project.catalog };
            let fixable = recipe::lint(&subject).into_iter().find_map(|remark| Some((remark.fixed.clone()?, remark)));
            let Some((fixed, remark)) = fixable else { break };
            text = fixed;
            told.push(of(recipe, remark, true));
        }
        if !told.is_empty() {
            replace(&recipe.file, &text)?;
        }
    }
    let subject = Subject { recipe, text: &text, beside, patches, installed, catalog: &project.catalog };
    told.extend(recipe::lint(&subject).into_iter().map(|remark| of(recipe, remark, false)));
    Ok(told)
}

fn of(recipe: &Recipe, remark: Remark, fixed: bool) -> Told {
    let Remark { rule, line, what, mend, fixed: _ } = remark;
    Told { recipe: recipe.name.to_string(), file: recipe.file.display().to_string(), rule, line, what, mend, fixed }
}

/// What a recipe's components hold, if it is built as it is.
fn installed(
    project: &Project,
    plan: &Plan<'_>,
    survey: &Survey,
    name: &RecipeName,
) -> Result<BTreeMap<ComponentName, Tree>, Failure> {
    let outputs = plan.build_of(name).and_then(|id| survey.outputs(id));
    let mut installed = BTreeMap::new();
    for (component, object) in outputs.into_iter().flatten() {
        let component = ComponentName::new(component.clone()).expect("a build's outputs are components");
        installed.insert(component, project.store.tree(object)?);
    }
    Ok(installed)
}

fn print(told: &Told) {
    let Told { file, rule, line, what, mend, fixed, .. } = told;
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    if *fixed {
        println!("{file}{line}: {what} [{rule}]\n  mended");
    } else {
        println!("{file}{line}: {what} [{rule}]\n  mend: {mend}");
    }
}
