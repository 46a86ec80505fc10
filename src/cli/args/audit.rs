//! The command line of `drystone audit`.

use std::path::PathBuf;

use clap::Args;

use super::Running;
use crate::audit::Axis;
use crate::recipe::RecipeName;

/// Build again in worlds that differ, compare, and name the cause of every difference
#[derive(Debug, Args)]
#[command(after_help = "\
First everything is built from source, in a store of the audit's own, and not tested; what comes of
it is compared with drystone.lock. Then each recipe is built a second time with all at the other end
that two machines can differ in, and compared with the first: 1 job and 1 processor instead of all,
another processor model, less memory, random addresses, another kernel, host name, user, file
creation mask, locale, time zone, environment, place and file system, a clock in another year
shortly before midnight that runs seven times as fast, directories that list in another order.

Where the two differ, rebuilds with fewer and fewer of these find the one that matters. Both trees
stay in the store's audit/ until the next audit. What has been audited stays known, so that an
interrupted audit goes on where it was.

Exit code 1 when anything is not what it must be.

Examples:
  drystone audit jq                       jq, from source, twice
  drystone audit --all --json > audit.json
  drystone audit --image recipes/images/curl.toml
  drystone audit sed --vary clock,time-zone
  drystone audit sed --without file-system,place
  drystone audit --all --trust-store      only the second build; the first is what the store has
  drystone audit jq --diffoscope          hand what differs over to diffoscope")]
pub struct Audit {
    /// The recipes
    #[arg(required_unless_present_any = ["all", "image"])]
    pub names: Vec<RecipeName>,
    /// Every recipe of the project, and all that they are built with
    #[arg(long)]
    pub all: bool,
    /// The recipes of an image, and the image
    #[arg(long, value_name = "SPEC")]
    pub image: Vec<PathBuf>,
    /// Also audit all that these recipes are built with
    #[arg(long)]
    pub closure: bool,
    /// Vary these only: clock, pace, directories, jobs, cpus, processor, memory, addresses, host-name, kernel, user,
    /// umask, locale, time-zone, environment, place, file-system
    #[arg(long, value_name = "AXIS", value_delimiter = ',')]
    pub vary: Vec<Axis>,
    /// Vary all but these
    #[arg(long, value_name = "AXIS", value_delimiter = ',', conflicts_with = "vary")]
    pub without: Vec<Axis>,
    /// Take what the store has for the first build, instead of building it again
    #[arg(long)]
    pub trust_store: bool,
    /// Say only that it differs; look for no cause
    #[arg(long)]
    pub no_diagnosis: bool,
    /// Forget what has been audited before
    #[arg(long)]
    pub anew: bool,
    /// Show what differs with diffoscope, which must be installed
    #[arg(long)]
    pub diffoscope: bool,
    /// A directory on another file system for the second build [default: /dev/shm where that is one]
    #[arg(long, value_name = "DIR")]
    pub other_file_system: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub running: Running,
}
