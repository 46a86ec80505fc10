//! The command line of the verb that brings recipes to newer versions.

use clap::Args;

use super::Running;
use crate::recipe::RecipeName;

/// Bring recipes to newer versions: find, pin, build, test, and show what changed
#[derive(Debug, Args)]
#[command(after_help = "\
Newer versions are looked for where a recipe's sources lie, if that place lists them: a directory
of a Debian archive, a crate in the registry's index, a Python project, a directory of upstream's.
The newest release that one of them has is fetched and pinned, and the recipe is built and tested
with it. Only then is its file written, and only the facts in it: version, digest, locations, and
the version where a test expects it. Comments, order and layout stay as they are.

What is pinned is what was served. Whether upstream signed it is for people to check.

Examples:
  drystone update sed                    to the newest release
  drystone update sed --to 4.10          to this one, also where nothing lists it
  drystone update --all                  every recipe, for the nightly run; ends with a table
  drystone update --all --check          only what is newer
  drystone update curl --keep            write the new facts also where the build fails")]
pub struct Update {
    /// Recipes
    #[arg(required_unless_present = "all", value_name = "NAME")]
    pub names: Vec<RecipeName>,
    /// Every recipe of the project, but not those of its toolchain
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// To this version, newer or not
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["all", "check"])]
    pub to: Option<String>,
    /// Only say what is newer
    #[arg(long)]
    pub check: bool,
    /// Also what comes before a release: alpha, beta, rc, dev, snapshots
    #[arg(long)]
    pub pre: bool,
    /// Leave the new facts in the recipe although it does not build or pass its tests
    #[arg(long, conflicts_with = "check")]
    pub keep: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Processes of all that runs at once [default: the number of cores]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub jobs: Option<u16>,
    /// Keep the directory of a failed build, and say where
    #[arg(long)]
    pub keep_failed: bool,
}

impl Update {
    /// How the new versions are built.
    pub fn running(&self) -> Running {
        Running { keep_failed: self.keep_failed, ..Running::with_jobs(self.jobs) }
    }
}
