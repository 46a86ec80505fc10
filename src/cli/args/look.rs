//! The command line of the verbs that look into a build.

use std::path::PathBuf;

use clap::Args;

use super::Running;
use crate::recipe::OutputRef;

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
        Running { jobs: self.jobs, offline: self.offline, keep_going: false, keep_failed: true, time_limit: 3600 }
    }
}
