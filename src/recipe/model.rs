//! What a recipe says, once it has been parsed: values that can no longer be invalid.

use std::collections::BTreeMap;
use std::path::PathBuf;

use globset::GlobMatcher;

use super::{ComponentName, Cpe, OutputRef, RecipeName, Source, Target};
use crate::digest::{Blake3, Sha256};
use crate::path::RelPath;

/// A parsed recipe.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Unique in the project; the file's stem.
    pub name: RecipeName,
    /// The upstream version.
    pub version: String,
    /// What it is, in a line.
    pub summary: String,
    /// The licence, an SPDX expression.
    pub license: String,
    /// The project's page.
    pub homepage: Option<String>,
    /// What the NVD's dictionary calls it.
    pub cpe: Option<Cpe>,
    /// What it can be built for, where upstream leaves no choice; anything where it is empty.
    pub targets: Vec<Target>,
    /// Local files that the build finds at `/build/files`.
    pub files: Vec<LocalFile>,
    /// Local patches, applied in order to the main source with `patch -p1`.
    pub patches: Vec<LocalFile>,
    /// What is fetched; the first is the main source.
    pub sources: Vec<Source>,
    /// Other recipes that the build needs.
    pub dependencies: Dependencies,
    /// How it is built.
    pub build: Build,
    /// What becomes of the installed files.
    pub install: Install,
    /// The explicit components.
    pub components: BTreeMap<ComponentName, Component>,
    /// How the result is tested.
    pub tests: Vec<Test>,
    /// The file that it was read from.
    pub file: PathBuf,
    /// What that file's text hashed to; not part of any key.
    pub sha256: Sha256,
}

impl Recipe {
    /// Whether it can be built for a target.
    pub fn is_for(&self, target: &Target) -> bool {
        self.targets.is_empty() || self.targets.contains(target)
    }
}

/// A file beside the recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// Its path below the recipe's own directory.
    pub name: RelPath,
    /// Where it lies on this machine; not part of any key.
    pub path: PathBuf,
    /// The hash of its content when the catalogue was loaded.
    pub digest: Blake3,
    /// The same in the hash that evidence names inputs by; not part of any key.
    pub sha256: Sha256,
}

/// Other recipes that a build needs.
#[derive(Debug, Clone, Default)]
pub struct Dependencies {
    /// Libraries: their `dev` components are found in `/sysroot`.
    pub target: Vec<RecipeName>,
    /// Tools: their default components are found in `/`.
    pub build: Vec<RecipeName>,
}

/// How a recipe is built.
#[derive(Debug, Clone)]
pub struct Build {
    /// The directory below `/build/src` to work in; the source itself where it is not said.
    pub dir: Option<RelPath>,
    /// Environment variables added to the toolchain's.
    pub env: BTreeMap<String, String>,
    /// The steps.
    pub steps: Steps,
}

/// The steps of a build.
#[derive(Debug, Clone)]
pub enum Steps {
    /// A preset's phases, run by the shell.
    Shell {
        /// The preset's name; the catalogue has it.
        preset: String,
        /// What the recipe adds to the phases.
        words: Box<Words>,
        /// A phase before the preset's.
        prepare: Option<String>,
        /// A phase after the preset's.
        finish: Option<String>,
    },
    /// C files compiled and linked without shell or make.
    Cc(CcTarget),
}

/// What a recipe inserts into a preset's phases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Further words for `configure`.
    pub configure: Vec<String>,
    /// Words of every `make` call.
    pub make: Vec<String>,
    /// The targets of the build's `make` call.
    pub targets: Vec<String>,
    /// The targets of the install's `make` call.
    pub install: Vec<String>,
    /// The whole of the `script` preset's phase.
    pub script: Option<String>,
    /// The local file that locks the crates that are built.
    pub crates: Option<RelPath>,
    /// Further words for Go's linker.
    pub ldflags: Vec<String>,
    /// The local file that lists the archives of the modules that are built.
    pub modules: Option<RelPath>,
}

/// The `cc` preset: what is compiled, and what is copied beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CcTarget {
    /// Programs and libraries, in the order in which they are made.
    pub units: Vec<CcUnit>,
    /// (destination below `/out`, glob below the source); a destination that ends with `/` is a directory.
    pub copies: Vec<(String, String)>,
}

/// One program or static library of the `cc` preset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CcUnit {
    /// The program's or library's name.
    pub name: String,
    /// `true`: `usr/lib/libNAME.a`; `false`: `usr/bin/NAME`.
    pub library: bool,
    /// Globs of the C files, below the source.
    pub sources: Vec<String>,
    /// Globs of files that `sources` match but that are not compiled.
    pub exclude: Vec<String>,
    /// Include directories below the source.
    pub include: Vec<String>,
    /// Macros; `None` is `-DNAME`.
    pub define: BTreeMap<String, Option<String>>,
    /// Further compiler words.
    pub flags: Vec<String>,
    /// Libraries to link with, without the leading `lib`.
    pub libs: Vec<String>,
}

/// What becomes of the installed files.
#[derive(Debug, Clone, Default)]
pub struct Install {
    /// Files that no component gets.
    pub drop: Vec<GlobMatcher>,
    /// Each file that matches becomes a component of its own.
    pub utilities: Vec<GlobMatcher>,
    /// Files that may be installed setuid or setgid; the store does not keep the bit.
    pub setuid: Vec<RelPath>,
}

/// An explicit component.
#[derive(Debug, Clone)]
pub struct Component {
    /// The files that belong to it.
    pub files: Vec<GlobMatcher>,
    /// What it needs beside itself at run time.
    pub runtime: Vec<OutputRef>,
}

/// One test of a recipe's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// What is run.
    pub kind: TestKind,
    /// The component under test; the default one (or the utility that `run` names) where it is not said.
    pub component: Option<ComponentName>,
    /// Further components in the root.
    pub with: Vec<OutputRef>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Files written to `/build` before the run.
    pub files: BTreeMap<RelPath, String>,
    /// What the program reads.
    pub stdin: String,
    /// What it must write to its standard output, exactly.
    pub stdout: Option<String>,
    /// Texts that its standard output must hold.
    pub stdout_has: Vec<String>,
    /// Texts that its standard error must hold.
    pub stderr_has: Vec<String>,
    /// Its exit status.
    pub status: i32,
    /// Whether an emulator of the target's machine can run it too.
    pub emulated: bool,
}

/// What a test runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestKind {
    /// A program, without a shell, in a root that holds only its component's closure.
    Run(Vec<String>),
    /// A shell script, with the build's tools.
    Script(String),
}
