//! All recipes and toolchains below a project's root.
//!
//! The only part of the module that reads a project's files. What a file refers to (recipes, components, seeds) is
//! looked up here, when all files have been parsed; a file with faults still counts as existing, so that one slip
//! is reported once. That dependencies form no cycle is the plan's to say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::loader::{Known, Loaded, Loader, report_unknown};
use super::nearest::nearest;
use super::parse::{
    Presets, SeedSets, TargetFile, ToolchainFile, parse_preset, parse_recipe, parse_seeds, parse_toolchain,
    read_image_spec,
};
use super::{
    Diagnostic, Emulator, ImageSpec, Preset, Recipe, RecipeName, Seeds, Steps, Target, TargetFacts, Toolchain,
};
use crate::fs::{self, FsError};

/// The toolchain that builds everything.
const TOOLCHAIN: &str = "toolchains/gcc-musl/toolchain.toml";
const TOOLCHAIN_RECIPES: &str = "toolchains/gcc-musl/recipes";
const SEEDS: &str = "toolchains/seeds";
const PRESETS: &str = "toolchains/presets";
const RECIPES: &str = "recipes";

/// What keeps a project's files from being used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// What people wrote is wrong: every fault of every file.
    #[error("{}", display_all(.0))]
    Faults(Vec<Diagnostic>),
    /// A file or directory cannot be read.
    #[error(transparent)]
    Fs(#[from] FsError),
}

fn display_all(faults: &[Diagnostic]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
}

/// A project's recipes, its toolchain and the presets.
#[derive(Debug)]
pub struct Catalog {
    root: PathBuf,
    recipes: BTreeMap<RecipeName, Recipe>,
    toolchain: Toolchain,
    presets: BTreeMap<String, Preset>,
}

impl Catalog {
    /// Reads `recipes/` and `toolchains/` below a project's root. Diagnostics name files as seen from there.
    ///
    /// # Errors
    /// All faults of all files, or the first file that cannot be read.
    pub fn load(root: &Path) -> Result<Self, CatalogError> {
        let mut loader = Loader::new(root);
        let seeds: SeedSets = loader.files(SEEDS, parse_seeds)?.iter().map(Loaded::named).collect();
        let preset_files = loader.files(PRESETS, |file, text| parse_preset(file, text, &seeds))?;
        let presets: Presets = preset_files.iter().map(Loaded::named).collect();
        let read = |path: &Path| std::fs::read(root.join(path));
        let parse = |file: &Path, text: &str| parse_recipe(file, text, &presets, &read);
        let mut recipes = loader.files(TOOLCHAIN_RECIPES, parse)?;
        let own: Vec<String> = recipes.iter().map(Loaded::stem).collect();
        if root.join(RECIPES).exists() {
            recipes.extend(loader.files(RECIPES, parse)?);
        }
        let toolchain = loader.file(Path::new(TOOLCHAIN), parse_toolchain)?;
        loader.check_unique(&recipes);
        loader.check_references(&recipes, &toolchain, &preset_files);
        loader.check_seeds(&toolchain, &seeds);
        let faults = loader.into_faults();
        if !faults.is_empty() {
            return Err(CatalogError::Faults(faults));
        }
        let recipes = recipes.into_iter().filter_map(|recipe| recipe.value).map(|recipe| below(root, recipe));
        let recipes: BTreeMap<_, _> = recipes.map(|recipe| (recipe.name.clone(), recipe)).collect();
        let own = recipes.keys().filter(|name| own.iter().any(|own| own == name.as_str())).cloned().collect();
        let toolchain = toolchain.value.expect("a file without faults has a value");
        let presets = presets.into_iter().filter_map(|(name, preset)| Some((name, preset?))).collect();
        Ok(Self { root: root.to_owned(), recipes, toolchain: complete(toolchain, &seeds, own), presets })
    }

    /// Where the recipes of a project are, whatever is in them.
    ///
    /// # Errors
    /// When a directory cannot be listed.
    pub fn recipe_files(root: &Path) -> Result<Vec<PathBuf>, FsError> {
        let mut files = Vec::new();
        for directory in [TOOLCHAIN_RECIPES, RECIPES].map(|directory| root.join(directory)) {
            let names = if directory.exists() { fs::list(&directory)? } else { Vec::new() };
            let paths = names.iter().map(|name| directory.join(name));
            files.extend(paths.filter(|path| path.extension().is_some_and(|kind| kind == "toml")));
        }
        Ok(files)
    }

    /// Takes a recipe as if its file, named as seen from the root, held this text. Nothing is written.
    ///
    /// # Errors
    /// All faults of the text.
    pub fn put(&mut self, file: &Path, text: &str) -> Result<(), CatalogError> {
        self.put_with(file, text, &BTreeMap::new())
    }

    /// The same with other local files: for some, named as seen from the root, those that are read in their places.
    ///
    /// # Errors
    /// All faults of the text and of these files.
    pub fn put_with(
        &mut self,
        file: &Path,
        text: &str,
        instead: &BTreeMap<PathBuf, PathBuf>,
    ) -> Result<(), CatalogError> {
        let presets: Presets = self.presets.iter().map(|(name, preset)| (name.clone(), Some(preset.clone()))).collect();
        let root = self.root.clone();
        let read_of = |path: &Path| instead.get(path).map_or_else(|| path.to_owned(), Clone::clone);
        let mut parsed = parse_recipe(file, text, &presets, &|path| std::fs::read(root.join(read_of(path))));
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let others = self.recipes.iter().filter(|(name, _)| name.as_str() != stem);
        let mut known: Known<'_> = others.map(|(name, recipe)| (name.as_str(), Some(recipe))).collect();
        known.insert(&stem, parsed.value.as_ref());
        report_unknown(file, text, &parsed.references, &known, &mut parsed.faults);
        parsed.faults.sort_by_key(|fault| (fault.line, fault.column));
        if !parsed.faults.is_empty() {
            return Err(CatalogError::Faults(parsed.faults));
        }
        let mut recipe = parsed.value.expect("a file without faults has a value");
        recipe.files.iter_mut().for_each(|file| file.path = read_of(&file.path));
        let recipe = below(&root, recipe);
        self.recipes.insert(recipe.name.clone(), recipe);
        Ok(())
    }

    /// The project's root, below which recipes' files lie. Those of the toolchain and of presets are named as seen
    /// from there.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A recipe by its name.
    pub fn recipe(&self, name: &RecipeName) -> Option<&Recipe> {
        self.recipes.get(name)
    }

    /// All recipes, those of the toolchain included, by name.
    pub fn recipes(&self) -> impl Iterator<Item = &Recipe> {
        self.recipes.values()
    }

    /// The toolchain.
    pub fn toolchain(&self) -> &Toolchain {
        &self.toolchain
    }

    /// A preset of phases by its name; `cc` is none.
    pub fn preset(&self, name: &str) -> Option<&Preset> {
        self.presets.get(name)
    }

    /// The preset of phases that a recipe is built with; `None` for one that is compiled without a shell.
    pub fn preset_of(&self, recipe: &Recipe) -> Option<&Preset> {
        match &recipe.build.steps {
            Steps::Shell { preset, .. } => self.preset(preset),
            Steps::Cc(_) => None,
        }
    }

    /// A set of seeds that the toolchain or a preset names.
    pub fn seeds(&self, name: &str) -> Option<&Seeds> {
        let presets = self.presets.values().filter_map(|preset| preset.seeds.as_ref());
        self.toolchain.seed_sets().chain(presets).find(|seeds| seeds.name == name)
    }

    /// The names of the presets of phases.
    pub fn presets(&self) -> impl Iterator<Item = &str> {
        self.presets.keys().map(String::as_str)
    }

    /// The recipes that can be built for a target, by their names, in order.
    pub fn recipes_for(&self, target: &Target) -> Vec<RecipeName> {
        self.recipes.values().filter(|recipe| recipe.is_for(target)).map(|recipe| recipe.name.clone()).collect()
    }

    /// The recipe names that a person may have meant, nearest first.
    pub fn nearest(&self, wanted: &str) -> Vec<String> {
        nearest(wanted, self.recipes.keys().map(RecipeName::as_str)).into_iter().map(str::to_owned).collect()
    }

    /// Reads an image spec whose components are all known here.
    ///
    /// # Errors
    /// All faults of the file, or that it cannot be read.
    pub fn load_image_spec(&self, file: &Path) -> Result<ImageSpec, CatalogError> {
        let text = fs::read_to_string(file)?;
        let parsed = read_image_spec(file, &text, &|path| std::fs::read(path));
        let known = self.recipes.iter().map(|(name, recipe)| (name.as_str(), Some(recipe))).collect();
        let mut faults = parsed.faults;
        report_unknown(file, &text, &parsed.references, &known, &mut faults);
        faults.sort_by_key(|fault| (fault.line, fault.column));
        if faults.is_empty() {
            Ok(parsed.value.expect("a file without faults has a value"))
        } else {
            Err(CatalogError::Faults(faults))
        }
    }
}

/// A recipe whose paths are seen from where the root is.
fn below(root: &Path, mut recipe: Recipe) -> Recipe {
    recipe.file = root.join(recipe.file);
    for file in recipe.files.iter_mut().chain(&mut recipe.patches) {
        file.path = root.join(&file.path);
    }
    recipe
}

fn complete(file: ToolchainFile, seeds: &SeedSets, recipes: Vec<RecipeName>) -> Toolchain {
    let ToolchainFile { name, summary, build_target, seeds: own, tools, sysroot, linked, env, targets, file, sha256 } =
        file;
    let named = |name: &Spanned<String>| {
        let seeds = seeds.get(name.get_ref()).and_then(Option::as_ref);
        seeds.expect("the seeds have been looked up").clone()
    };
    let facts = |target: TargetFile| TargetFacts {
        build: target.build,
        machine: target.machine,
        seeds: target.seeds.as_ref().map(named),
        tools: target.tools,
        instead: target.instead.into_iter().map(|(package, other)| (package, other.into_inner())).collect(),
        emulator: target.emulator.map(|(seeds, program)| Emulator { seeds: named(&seeds), program }),
    };
    let targets = targets.into_iter().map(|(target, file)| (target, facts(file))).collect();
    let linked = linked.into_iter().map(Spanned::into_inner).collect();
    let seeds = named(&own);
    Toolchain { name, summary, build_target, seeds, tools, sysroot, linked, env, targets, recipes, file, sha256 }
}
