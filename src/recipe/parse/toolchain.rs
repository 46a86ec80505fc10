//! `toolchains/…`: the toolchain, its seeds and the presets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::fields::{Entries, Fields};
use super::license::License;
use super::recipe::{homepage, named_as_file, recipe_names};
use super::text::{Line, relative, report_repeats, variables};
use super::{Document, Parsed, parse};
use crate::digest::Sha256;
use crate::path::RelPath;
use crate::recipe::nearest::{did_you_mean, listed};
use crate::recipe::{
    ComponentName, Linked, Links, Location, Phase, Preset, RecipeName, SeedLibrary, SeedPackage, Seeds, Target,
};

/// A toolchain's own file; what it names is put in its place by the catalogue.
pub(in crate::recipe) struct ToolchainFile {
    pub name: String,
    pub summary: String,
    pub build_target: Target,
    pub seeds: Spanned<String>,
    pub tools: Vec<RecipeName>,
    pub sysroot: Vec<RecipeName>,
    pub linked: Vec<Spanned<Linked>>,
    pub env: BTreeMap<String, String>,
    pub targets: BTreeMap<Target, TargetFile>,
    pub file: PathBuf,
    pub sha256: Sha256,
}

/// What a toolchain's file says of one target.
pub(in crate::recipe) struct TargetFile {
    pub build: String,
    pub machine: String,
    pub seeds: Option<Spanned<String>>,
    pub tools: Vec<RecipeName>,
    /// Each stand-in where it is written.
    pub instead: Vec<(String, Spanned<String>)>,
    pub emulator: Option<(Spanned<String>, RelPath)>,
}

impl ToolchainFile {
    /// Every set of seeds that the file names, where it does.
    pub fn seed_names(&self) -> impl Iterator<Item = &Spanned<String>> {
        let targets = self.targets.values();
        let others =
            targets.flat_map(|target| target.seeds.iter().chain(target.emulator.iter().map(|(seeds, _)| seeds)));
        [&self.seeds].into_iter().chain(others)
    }
}

/// Parses `toolchains/NAME/toolchain.toml`.
pub(in crate::recipe) fn parse_toolchain(file: &Path, text: &str) -> Parsed<ToolchainFile> {
    parse(file, text, "the toolchain", |fields| {
        let name = fields.required::<Spanned<String>>("name");
        let directory = file.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(name) = name.as_ref().filter(|name| name.get_ref() != directory) {
            let message = format!("the name is `{}`, but the directory is named `{directory}`", name.get_ref());
            fields.document.report(name.span(), message, None);
        }
        let summary = fields.required::<Line>("summary");
        let build_target = fields.required::<Spanned<String>>("build-target");
        let seeds = fields.required("seeds");
        let tools = recipe_names(fields, "tools", None);
        let sysroot = recipe_names(fields, "sysroot", Some(ComponentName::dev()));
        let linked: Vec<_> = fields.tables("linked", "[[linked]]").into_iter().map(linked).collect();
        let env = toolchain_environment(fields);
        let targets = fields.named_tables("target").into_iter().filter_map(target).collect::<BTreeMap<_, _>>();
        if targets.is_empty() {
            fields.report("a toolchain needs a target", Some("add [target.TRIPLET]".to_owned()));
        }
        if let Some(target) =
            build_target.as_ref().filter(|name| !targets.contains_key(&Target((*name).get_ref().clone())))
        {
            let message = format!("the toolchain has no target `{}`", target.get_ref());
            let help = format!("targets are {}", listed(targets.keys(), "and"));
            fields.document.report(target.span(), message, Some(help));
        }
        Some(ToolchainFile {
            name: name?.into_inner(),
            summary: summary?.0,
            build_target: Target(build_target?.into_inner()),
            seeds: seeds?,
            tools,
            sysroot,
            linked: linked.into_iter().collect::<Option<_>>()?,
            env,
            targets,
            file: fields.document.file.to_owned(),
            sha256: fields.document.sha256(),
        })
    })
}

/// A recipe, or a seed with what is to be said of its library.
fn linked(mut fields: Fields<'_>) -> Option<Spanned<Linked>> {
    let place = fields.place();
    if let Some(recipe) = fields.optional::<Spanned<RecipeName>>("recipe") {
        fields.document.refer_to_recipe(recipe.span(), recipe.get_ref().clone(), Some(ComponentName::dev()));
        fields.finish();
        return Some(Spanned::new(place, Linked::Recipe(recipe.into_inner())));
    }
    if !fields.has("seed") {
        fields.report("what is linked comes from a recipe or a seed", Some("say `recipe` or `seed`".to_owned()));
    }
    let package = fields.optional::<Spanned<String>>("seed");
    let name = fields.required::<Line>("name");
    let summary = fields.required::<Line>("summary");
    let license = fields.required::<License>("license");
    let homepage = homepage(&mut fields);
    let cpe = fields.optional("cpe");
    fields.finish();
    let package = package?;
    let library = SeedLibrary {
        package: package.get_ref().clone(),
        name: name?.0,
        summary: summary?.0,
        license: license?.0,
        homepage,
        cpe,
    };
    Some(Spanned::new(package.span(), Linked::Seed(library)))
}

fn toolchain_environment(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let variables = variables(fields, "env");
    for (_, value) in &variables {
        let text = value.get_ref();
        for (open, _) in text.match_indices("${") {
            let end = text[open..].find('}').map_or(text.len(), |close| open + close + 1);
            let placeholder = &text[open..end];
            if !["${HOST}", "${BUILD}"].contains(&placeholder) {
                let help = "placeholders are `${HOST}` and `${BUILD}`".to_owned();
                let place = fields.document.within(value.span(), placeholder);
                fields.document.report(place, format!("unknown placeholder `{placeholder}`"), Some(help));
            }
        }
    }
    variables.into_iter().map(|(name, value)| (name.into_inner(), value.into_inner())).collect()
}

fn target((name, mut fields): (Spanned<String>, Fields<'_>)) -> Option<(Target, TargetFile)> {
    let build = fields.required::<Line>("build");
    let machine = fields.required::<Spanned<String>>("machine");
    let known = ["x86_64", "aarch64"];
    if let Some(machine) = machine.as_ref().filter(|machine| !known.contains(&machine.get_ref().as_str())) {
        let message = format!("unknown machine `{}`", machine.get_ref());
        fields.document.report(machine.span(), message, Some(format!("machines are {}", listed(known, "and"))));
    }
    let seeds = fields.optional("seeds");
    let tools = recipe_names(&mut fields, "tools", None);
    let instead: Entries<Spanned<String>> = fields.or_default("instead");
    let emulator = fields.table("emulator", "[target.TRIPLET.emulator]").map(|mut fields| {
        let (seeds, program) = (fields.required("seeds"), fields.required("program"));
        fields.finish();
        seeds.zip(program)
    });
    fields.finish();
    let facts = TargetFile {
        build: build?.0,
        machine: machine?.into_inner(),
        seeds,
        tools,
        instead: instead.0.into_iter().map(|(package, other)| (package.into_inner(), other)).collect(),
        emulator: emulator.flatten(),
    };
    Some((Target(name.into_inner()), facts))
}

/// Parses `toolchains/seeds/NAME.toml`.
pub(in crate::recipe) fn parse_seeds(file: &Path, text: &str) -> Parsed<Seeds> {
    parse(file, text, "the seeds", |fields| {
        let name = named_as_file(fields);
        let summary = fields.required::<Line>("summary");
        let packages: Vec<_> = fields.tables("package", "[[package]]").into_iter().map(package).collect();
        let names: Vec<_> = packages.iter().flatten().map(|(name, _)| name.clone()).collect();
        report_repeats(&names, fields.document);
        let only = fields.or_default("only");
        let links = links(fields);
        let packages = packages.into_iter().map(|package| package.map(|(_, package)| package));
        Some(Seeds {
            name: name?,
            summary: summary?.0,
            packages: packages.collect::<Option<_>>()?,
            only,
            links,
            file: fields.document.file.to_owned(),
            sha256: fields.document.sha256(),
        })
    })
}

fn package(mut fields: Fields<'_>) -> Option<(Spanned<String>, SeedPackage)> {
    let name = fields.required::<Spanned<String>>("name");
    let version = fields.required::<Line>("version");
    let location = package_location(&mut fields);
    let sha256 = fields.required::<Sha256>("sha256");
    fields.finish();
    let name = name?;
    let package =
        SeedPackage { name: name.get_ref().clone(), version: version?.0, location: location?, sha256: sha256? };
    Some((name, package))
}

/// Where a package is: below a Debian mirror, or on a project's page in a Python index.
fn package_location(fields: &mut Fields<'_>) -> Option<Location> {
    if !fields.has("pypi") {
        return fields.required::<RelPath>("file").map(Location::Debian);
    }
    let wheel = fields.optional::<Spanned<String>>("pypi");
    if fields.has("file") {
        fields.value("file");
        fields.report("a package has either `file` or `pypi`", None);
    }
    let wheel = wheel?;
    let location = format!("pypi:{}", wheel.get_ref()).parse().ok().filter(|_| wheel.get_ref().ends_with(".whl"));
    if location.is_none() {
        let message = format!("`{}` is not a wheel in a Python index", wheel.get_ref());
        fields.document.report(wheel.span(), message, Some("write it as PROJECT/FILE.whl".to_owned()));
    }
    location
}

fn links(fields: &mut Fields<'_>) -> Links {
    let entries: Entries<Line> = fields.or_default("links");
    let document = fields.document;
    let link =
        |(path, target): (Spanned<String>, Line)| Some((relative(path.get_ref(), path.span(), document)?, target.0));
    entries.0.into_iter().filter_map(link).collect()
}

const WORDS: [&str; 8] = ["configure", "make", "targets", "install", "script", "crates", "ldflags", "modules"];

/// Seeds by name; `None` where the file exists but has faults.
pub(in crate::recipe) type SeedSets = BTreeMap<String, Option<Seeds>>;

/// Parses `toolchains/presets/NAME.toml`.
pub(in crate::recipe) fn parse_preset(file: &Path, text: &str, seeds: &SeedSets) -> Parsed<Preset> {
    parse(file, text, "the preset", |fields| {
        let name = named_as_file(fields);
        let summary = fields.required::<Line>("summary");
        let seeds = preset_seeds(fields, seeds);
        let tools = recipe_names(fields, "tools", None);
        let sysroot = recipe_names(fields, "sysroot", Some(ComponentName::dev()));
        let phases: Vec<_> = fields.tables("phase", "[[phase]]").into_iter().map(phase).collect();
        if phases.is_empty() {
            fields.report("a preset needs a phase", Some("add [[phase]] with `name` and `script`".to_owned()));
        }
        Some(Preset {
            name: name?,
            summary: summary?.0,
            seeds: seeds?,
            tools,
            sysroot,
            phases: phases.into_iter().collect::<Option<_>>()?,
            file: fields.document.file.to_owned(),
            sha256: fields.document.sha256(),
        })
    })
}

/// The seeds that a preset names, which must be there; the outer `None` is for those that have faults.
fn preset_seeds(fields: &mut Fields<'_>, known: &SeedSets) -> Option<Option<Seeds>> {
    let Some(wanted) = fields.optional::<Spanned<String>>("seeds") else { return Some(None) };
    let Some(seeds) = known.get(wanted.get_ref()) else {
        let (message, help) = unknown_seeds(wanted.get_ref(), known);
        fields.document.report(wanted.span(), message, Some(help));
        return None;
    };
    seeds.clone().map(Some)
}

/// What to say of seeds that are not there.
pub(in crate::recipe) fn unknown_seeds(name: &str, known: &SeedSets) -> (String, String) {
    (format!("unknown seeds `{name}`"), format!("seeds are {}", listed(known.keys(), "and")))
}

fn phase(mut fields: Fields<'_>) -> Option<Phase> {
    let name = fields.required::<Line>("name");
    let script = fields.required::<Spanned<String>>("script");
    if let Some(script) = &script {
        report_unknown_words(script, fields.document);
    }
    fields.finish();
    Some(Phase { name: name?.0, script: script?.into_inner() })
}

fn report_unknown_words(script: &Spanned<String>, document: &Document<'_>) {
    for word in words_of(script.get_ref()).filter(|word| !WORDS.contains(word)) {
        let nearest = did_you_mean(word, WORDS).map(|question| format!("{question} ")).unwrap_or_default();
        let help = format!("{nearest}words of a recipe are {}", listed(WORDS.map(|word| format!("@{word}@")), "and"));
        let place = document.within(script.span(), &format!("@{word}@"));
        document.report(place, format!("unknown word `@{word}@`"), Some(help));
    }
}

/// What stands between two `@` in a phase: lower-case letters only, since the shell has an `$@`.
fn words_of(script: &str) -> impl Iterator<Item = &str> {
    let is_word = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    let between = script.split_once('@').and_then(|(_, rest)| rest.rsplit_once('@'));
    between.into_iter().flat_map(|(between, _)| between.split('@')).filter(is_word)
}

/// The words that a preset's phases take from a recipe.
pub(super) fn placeholders(preset: &Preset) -> Vec<String> {
    preset.phases.iter().flat_map(|phase| words_of(&phase.script)).map(str::to_owned).collect()
}
