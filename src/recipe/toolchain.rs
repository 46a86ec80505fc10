//! What a toolchain, its seeds and the presets say, once they have been parsed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Cpe, Location, RecipeName};
use crate::digest::Sha256;
use crate::path::RelPath;

/// What a binary runs on, as `configure --host` takes it: `x86_64-linux-musl`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Target(pub String);

impl Target {
    /// The architecture as Go, and so OCI, names it; `None` for one that has no images.
    pub fn architecture(&self) -> Option<&'static str> {
        match self.0.split('-').next() {
            Some("x86_64") => Some("amd64"),
            Some("aarch64") => Some("arm64"),
            _ => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A compiler and a C library for some targets.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// Its name, and its directory's.
    pub name: String,
    /// What it is, in a line.
    pub summary: String,
    /// What runs in the sandbox: tools are built for it.
    pub build_target: Target,
    /// The binaries that it starts from.
    pub seeds: Seeds,
    /// Recipes whose default component is laid over the seeds in `/`.
    pub tools: Vec<RecipeName>,
    /// Recipes whose `dev` component is in `/sysroot`.
    pub sysroot: Vec<RecipeName>,
    /// What every program that it links has inside it, beside its own code and its libraries.
    pub linked: Vec<Linked>,
    /// Every build's environment; `${HOST}` and `${BUILD}` stand for the triplets.
    pub env: BTreeMap<String, String>,
    /// The targets that it can compile for.
    pub targets: BTreeMap<Target, TargetFacts>,
    /// Recipes that belong to the toolchain: built with the seeds alone.
    pub recipes: Vec<RecipeName>,
    /// The file that it was read from.
    pub file: PathBuf,
    /// What that file's text hashed to; not part of any key.
    pub sha256: Sha256,
}

/// Something of the toolchain that ends up inside programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linked {
    /// A library that a recipe of it builds.
    Recipe(RecipeName),
    /// A library that comes as it is from one of the seeds.
    Seed(SeedLibrary),
}

/// A library out of a seed package, with the facts that a package of binaries does not state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedLibrary {
    /// The seed package that brings it; a target can have another in its place.
    pub package: String,
    /// The library's own name.
    pub name: String,
    /// What it is, in a line.
    pub summary: String,
    /// The licence, an SPDX expression.
    pub license: String,
    /// The project's page.
    pub homepage: Option<String>,
    /// What the NVD's dictionary calls it.
    pub cpe: Option<Cpe>,
}

impl Toolchain {
    /// All seeds that it names, each set once: its own, then the targets'.
    pub fn seed_sets(&self) -> impl Iterator<Item = &Seeds> {
        let mut names = BTreeSet::new();
        let targets = self.targets.values();
        let others = targets.flat_map(|facts| facts.seeds.iter().chain(facts.emulator.as_ref().map(|e| &e.seeds)));
        [&self.seeds].into_iter().chain(others).filter(move |seeds| names.insert(seeds.name.as_str()))
    }

    /// The seed package that brings a library for a target, with the name of its set.
    pub fn seed_of(&self, library: &SeedLibrary, target: &Target) -> Option<(&SeedPackage, &str)> {
        let facts = self.targets.get(target)?;
        let name = facts.instead.get(&library.package).unwrap_or(&library.package);
        facts.seeds.iter().chain([&self.seeds]).find_map(|seeds| Some((seeds.package(name)?, seeds.name.as_str())))
    }
}

/// What a toolchain knows of one target.
#[derive(Debug, Clone)]
pub struct TargetFacts {
    /// The triplet for `configure --build`.
    pub build: String,
    /// The ELF machine: `x86_64` or `aarch64`.
    pub machine: String,
    /// Seeds that are laid over the toolchain's own, where it needs more: a cross compiler.
    pub seeds: Option<Seeds>,
    /// Recipes whose default component, built for the build target, is in `/` beside the toolchain's tools.
    pub tools: Vec<RecipeName>,
    /// Seed packages that stand in for others as the origin of a linked library: package → its stand-in.
    pub instead: BTreeMap<String, String>,
    /// What runs the target's programs where the sandbox's processor cannot.
    pub emulator: Option<Emulator>,
}

/// A program that runs those of another machine, for tests.
#[derive(Debug, Clone)]
pub struct Emulator {
    /// The seeds that bring it; they are in no build.
    pub seeds: Seeds,
    /// Where it is in them.
    pub program: RelPath,
}

/// The only binaries that are not built here.
#[derive(Debug, Clone)]
pub struct Seeds {
    /// The set's name: `debian-12`.
    pub name: String,
    /// What it is, in a line.
    pub summary: String,
    /// The packages, in the file's order.
    pub packages: Vec<SeedPackage>,
    /// The only files that are taken out of the packages; all of them where it is empty.
    pub only: Vec<RelPath>,
    /// Symbolic links that the packages' own scripts would have made.
    pub links: Links,
    /// The file that they were read from.
    pub file: PathBuf,
    /// What that file's text hashed to; not part of any key.
    pub sha256: Sha256,
}

impl Seeds {
    /// A package by its name.
    pub fn package(&self, name: &str) -> Option<&SeedPackage> {
        self.packages.iter().find(|package| package.name == name)
    }
}

/// Link path → target.
pub type Links = BTreeMap<RelPath, String>;

/// One pinned binary package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it is in a Debian archive, or which wheel of a Python index it is.
    pub location: Location,
    /// What its bytes must hash to.
    pub sha256: Sha256,
}

/// A build system's phases, as data.
#[derive(Debug, Clone)]
pub struct Preset {
    /// Its name.
    pub name: String,
    /// What it is, in a line.
    pub summary: String,
    /// Seeds that are laid over the toolchain's in `/` of the builds that use it.
    pub seeds: Option<Seeds>,
    /// Recipes whose default component is in `/` of these builds, built for what runs in the sandbox.
    pub tools: Vec<RecipeName>,
    /// Recipes whose `dev` component is in `/sysroot` of these builds.
    pub sysroot: Vec<RecipeName>,
    /// The phases, in order.
    pub phases: Vec<Phase>,
    /// The file that it was read from.
    pub file: PathBuf,
    /// What that file's text hashed to; not part of any key.
    pub sha256: Sha256,
}

/// One phase of a preset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// `configure`, `build`, `install`, …
    pub name: String,
    /// Shell text, in which `@configure@` and the like stand for a recipe's [`super::Words`], shell-quoted.
    pub script: String,
}
