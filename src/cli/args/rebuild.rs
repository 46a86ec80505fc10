//! The command line of `drystone image rebuild`.

use std::path::PathBuf;

use clap::Args;

use super::{RegistryWay, Running};

/// Build a published image again from its provenance; the exit code is 1 when another image comes out
#[derive(Debug, Args)]
#[command(after_help = "\
The provenance beside the image names every file of the project that it was made from, with its
SHA-256. If the files here are not those, the history of the project's git repository is searched
for a revision in which all of them are, and that is built. Sources are fetched and verified as
always. Then the digests are compared, and if they differ, platforms, layers and files.

What the store has is not built again. To build everything, name an empty one with --store.

Examples:
  drystone image rebuild out/jq
  drystone image rebuild registry.example.org/tools/jq:1.8.2 -o again
  drystone image rebuild oci:jq --repository ~/tools --store /tmp/fresh
  drystone image rebuild oci:jq --repository https://git.example.org/tools.git --json")]
pub struct ImageRebuild {
    /// The image: a directory in the OCI image layout (also oci:DIR), or HOST/REPO[:TAG] in a registry
    pub image: String,
    /// The project, or its git repository: a directory, bare or not, or a URL [default: the project]
    #[arg(long, value_name = "DIR|URL")]
    pub repository: Option<String>,
    /// Keep what was built, in this directory
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub running: Running,
    #[command(flatten)]
    pub way: RegistryWay,
}
