//! Reads a directory of files, keeps all their faults, and looks up what they refer to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::nearest::did_you_mean;
use super::parse::{Parsed, Reference, SeedSets, ToolchainFile, unknown_seeds};
use super::{ComponentName, Diagnostic, Linked, Preset, Recipe};
use crate::fs::{self, FsError};

/// A file that has been parsed.
pub(super) struct Loaded<T> {
    file: PathBuf,
    text: String,
    /// `None` where it has faults.
    pub value: Option<T>,
    references: Vec<Reference>,
}

impl<T> Loaded<T> {
    /// The file's name without its extension, which is what it defines.
    pub fn stem(&self) -> String {
        self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The value by its name.
    pub fn named(&self) -> (String, Option<T>)
    where
        T: Clone,
    {
        (self.stem(), self.value.clone())
    }
}

/// Recipes by name; `None` where a recipe has faults.
pub(super) type Known<'a> = BTreeMap<&'a str, Option<&'a Recipe>>;

/// Files below a root, and all the faults found in them.
pub(super) struct Loader<'r> {
    root: &'r Path,
    faults: Vec<Diagnostic>,
}

impl<'r> Loader<'r> {
    pub fn new(root: &'r Path) -> Self {
        Self { root, faults: Vec::new() }
    }

    /// All faults, by file and place.
    pub fn into_faults(self) -> Vec<Diagnostic> {
        let mut faults = self.faults;
        faults.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        faults
    }

    /// Parses each `*.toml` of a directory below the root.
    pub fn files<T>(
        &mut self,
        directory: &str,
        parse: impl Fn(&Path, &str) -> Parsed<T>,
    ) -> Result<Vec<Loaded<T>>, FsError> {
        let directory = Path::new(directory);
        let names = fs::list(&self.root.join(directory))?;
        let files = names.iter().map(|name| directory.join(name));
        files
            .filter(|file| file.extension().is_some_and(|kind| kind == "toml"))
            .map(|file| self.file(&file, &parse))
            .collect()
    }

    /// Parses one file below the root.
    pub fn file<T>(&mut self, file: &Path, parse: impl Fn(&Path, &str) -> Parsed<T>) -> Result<Loaded<T>, FsError> {
        let text = fs::read_to_string(&self.root.join(file))?;
        let Parsed { value, faults, references } = parse(file, &text);
        self.faults.extend(faults);
        Ok(Loaded { file: file.to_owned(), text, value, references })
    }

    /// Reports recipes that have the same name as an earlier one.
    pub fn check_unique(&mut self, recipes: &[Loaded<Recipe>]) {
        let mut first: BTreeMap<String, &Path> = BTreeMap::new();
        for recipe in recipes {
            let name = recipe.stem();
            if let Some(other) = first.get(&name) {
                let message = format!("the recipe `{name}` is there twice: {} has it too", other.display());
                self.faults.push(Diagnostic::new(&recipe.file, &recipe.text, 0..0, message, None));
            } else {
                first.insert(name, &recipe.file);
            }
        }
    }

    /// Reports what refers to no recipe or component.
    pub fn check_references(
        &mut self,
        recipes: &[Loaded<Recipe>],
        toolchain: &Loaded<ToolchainFile>,
        presets: &[Loaded<Preset>],
    ) {
        let names: Vec<String> = recipes.iter().map(Loaded::stem).collect();
        let known: Known<'_> = names.iter().map(String::as_str).zip(recipes.iter().map(|r| r.value.as_ref())).collect();
        for Loaded { file, text, references, .. } in recipes {
            report_unknown(file, text, references, &known, &mut self.faults);
        }
        for Loaded { file, text, references, .. } in presets {
            report_unknown(file, text, references, &known, &mut self.faults);
        }
        report_unknown(&toolchain.file, &toolchain.text, &toolchain.references, &known, &mut self.faults);
    }

    /// Reports a toolchain whose seeds, or parts of them that it links, are not there.
    pub fn check_seeds(&mut self, toolchain: &Loaded<ToolchainFile>, seeds: &SeedSets) {
        let Some(value) = &toolchain.value else { return };
        let mut fault = |place: std::ops::Range<usize>, message: String, help: Option<String>| {
            self.faults.push(Diagnostic::new(&toolchain.file, &toolchain.text, place, message, help));
        };
        for wanted in value.seed_names().filter(|wanted| !seeds.contains_key(wanted.get_ref())) {
            let (message, help) = unknown_seeds(wanted.get_ref(), seeds);
            fault(wanted.span(), message, Some(help));
        }
        let mut check = |set: &Spanned<String>, package: &str, place: std::ops::Range<usize>| {
            // Seeds with faults are known, their packages are not.
            let Some(Some(seeds)) = seeds.get(set.get_ref()) else { return };
            if seeds.package(package).is_none() {
                let help = did_you_mean(package, seeds.packages.iter().map(|package| package.name.as_str()));
                fault(place, format!("the seeds `{}` have no package `{package}`", set.get_ref()), help);
            }
        };
        for linked in &value.linked {
            if let Linked::Seed(library) = linked.get_ref() {
                check(&value.seeds, &library.package, linked.span());
            }
        }
        for target in value.targets.values() {
            for (_, other) in &target.instead {
                check(target.seeds.as_ref().unwrap_or(&value.seeds), other.get_ref(), other.span());
            }
        }
    }
}

/// Reports a file's references to what is not known.
pub(super) fn report_unknown(
    file: &Path,
    text: &str,
    references: &[Reference],
    known: &Known<'_>,
    faults: &mut Vec<Diagnostic>,
) {
    for reference in references {
        if let Some((message, help)) = reference_fault(reference, known) {
            faults.push(Diagnostic::new(file, text, reference.span.clone(), message, help));
        }
    }
}

fn reference_fault(reference: &Reference, known: &Known<'_>) -> Option<(String, Option<String>)> {
    let output = &reference.output;
    let name = output.recipe.as_str();
    let Some(recipe) = known.get(name) else {
        return Some((format!("unknown recipe `{name}`"), did_you_mean(name, known.keys().copied())));
    };
    // A recipe with faults is known, its components are not.
    let recipe = (*recipe)?;
    match &output.component {
        None if recipe.default_component().is_none() => {
            let help = if reference.recipe_only {
                "each of its utilities is a component of its own, and here a recipe's default component is meant"
                    .to_owned()
            } else {
                format!("each of its utilities is a component: name one, as `{name}/UTILITY`")
            };
            Some((format!("the recipe `{name}` has no default component"), Some(help)))
        }
        Some(component) if !recipe.can_have(component) => {
            let explicit = recipe.components.keys().map(ComponentName::as_str);
            let names: Vec<&str> = explicit.chain(["bin", "dev", "doc"]).collect();
            let nearest = did_you_mean(component.as_str(), names);
            Some((format!("the recipe `{name}` has no component `{component}`"), nearest))
        }
        _ => None,
    }
}
