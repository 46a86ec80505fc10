//! The command line of the verb that writes a recipe.

use clap::Args;

use super::Running;
use crate::recipe::RecipeName;

/// Write the recipe of something new: fetched, pinned, looked at, and built for a trial
#[derive(Debug, Args)]
#[command(after_help = "\
From the source are read: name, version, build system, licence, homepage and a summary. Then it is
built. What a failed build teaches (a library or program that a recipe here brings) goes into the
recipe, and it is built again; what it installs is divided into components; and a first test is
written. At the end is said what is not sure, which is for you to look at. No file is overwritten.

Examples:
  drystone new https://ftp.example.org/gnu/hello/hello-2.12.tar.gz
  drystone new hello                     looked for in the Debian archive
  drystone new debian:pool/main/h/hello/hello_2.12.orig.tar.gz
  drystone new crate:lz4-sys             the crate's newest release
  drystone new URL --no-build            write it as far as it can be told without building")]
pub struct New {
    /// A URL, debian:PATH, crate:NAME[/VERSION], pypi:PROJECT/FILE, or a name in the Debian archive
    #[arg(value_name = "URL|NAME")]
    pub what: String,
    /// The recipe's name [default: the source's]
    #[arg(long)]
    pub name: Option<RecipeName>,
    /// The version that it is [default: the one in the source's name]
    #[arg(long, value_name = "VERSION")]
    pub release: Option<String>,
    /// Write the recipe without building it
    #[arg(long)]
    pub no_build: bool,
    /// Processes of all that runs at once [default: the number of cores]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub jobs: Option<u16>,
}

impl New {
    /// How the trials are built.
    pub fn running(&self) -> Running {
        Running::with_jobs(self.jobs)
    }
}
