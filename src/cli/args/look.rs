//! The command line of the verbs that look into a build.

use std::path::PathBuf;

use clap::Args;

use super::Running;
use crate::recipe::{OutputRef, RecipeName};

/// Open a shell in the sandbox of a recipe's build
#[derive(Debug, Args)]
#[command(after_help = "\
The world inside is the build's: its tools, libraries, environment and user, the unpacked sources
in /build, and no network. `phase` lists the build's phases there, `phase NAME` runs one as the
build does, and /phases/NAME is what it runs. What is done is thrown away at the end.

With a command after `--`, that is run instead of a shell, with the caller's standard streams; its
exit code is drystone's.

Examples:
  drystone shell sed                     at the start: nothing has been run
  drystone shell sed --phase build       patched and configured
  drystone shell sed --failed            what the failed build left, or else up to where it fails
  drystone shell sed --keep /tmp/sed     /build and /out stay, as /tmp/sed/build and /tmp/sed/out
  drystone shell sed --phase build -- grep -n HAVE_ACL config.h")]
pub struct Shell {
    /// The recipe
    pub name: OutputRef,
    /// Run the phases before this one first
    #[arg(long, value_name = "PHASE", conflicts_with = "failed")]
    pub phase: Option<String>,
    /// Go to where the build fails: into a copy of what --keep-failed kept, else by running its phases
    #[arg(long)]
    pub failed: bool,
    /// Keep what /build and /out hold at the end
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Run this instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Processes of all that runs at once [default: the number of cores]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub jobs: Option<u16>,
    /// Take sources only from the store
    #[arg(long)]
    pub offline: bool,
}

impl Shell {
    /// How what the build takes is built.
    pub fn running(&self) -> Running {
        Running { offline: self.offline, keep_failed: true, ..Running::with_jobs(self.jobs) }
    }
}

/// Show what the last build of a recipe printed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  drystone log jq            the build
  drystone log jq --test     its tests
  drystone log jq | less -R")]
pub struct Log {
    /// The recipe
    pub name: OutputRef,
    /// The log of its tests instead
    #[arg(long)]
    pub test: bool,
}

/// Tell which input made a recipe be built again, and what that rebuilds in turn
#[derive(Debug, Args)]
#[command(after_help = "\
The inputs of the build as it is now are compared with those of the last build of the same name
that the store knows: sources, local files, objects of other recipes and which of their files
differ, environment, scripts. Builds of drystones that did not record them cannot be compared.

Examples:
  drystone why curl                what made it rebuild, or will
  drystone why curl --test         the same for its tests
  drystone why curl --json | jq .changes")]
pub struct Why {
    /// The recipe
    pub name: RecipeName,
    /// Its tests instead
    #[arg(long)]
    pub test: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Tell by which way one recipe needs another, to be built or to run
#[derive(Debug, Args)]
#[command(after_help = "\
Each edge says what for: build tool, linked library, run time, toolchain, seed. The exit code is 1
when there is no way.

Examples:
  drystone why-depends git zlib            the shortest way
  drystone why-depends git musl --all      every way
  drystone why-depends jq gcc-12           a package of the seeds
  drystone why-depends jq musl --target aarch64-linux-musl")]
pub struct WhyDepends {
    /// The recipe that needs
    pub from: RecipeName,
    /// What it needs: a recipe, a set of seeds, or a package of one
    pub to: String,
    /// Every way, the shortest first
    #[arg(long)]
    pub all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Open a recipe in the editor, and check it afterwards
#[derive(Debug, Args)]
#[command(after_help = "\
The editor is what VISUAL names, else EDITOR. When the file has faults afterwards, they are shown,
and it can be edited again.

Examples:
  drystone edit sed                        recipes/sed.toml
  drystone edit tar/no-mtime.patch         a patch or another file in recipes/tar/
  EDITOR='code --wait' drystone edit sed")]
pub struct Edit {
    /// RECIPE, or RECIPE/FILE
    pub name: String,
}
