//! The command line of `drystone lock`.

use clap::Args;

use super::Running;

/// Compare drystone.lock with the recipes, or write it
#[derive(Debug, Args)]
#[command(after_help = "\
drystone.lock says what everybody must get: for each recipe and target the objects of its
components, for each image spec the digest of its image. Every build is held to it as it goes.

Without --update nothing is built: each key is computed from the recipes and what the lock says of
their inputs. The exit code is 1 where the lock is not that of the recipes.

Examples:
  drystone lock                          is the lock up to date?
  drystone lock --update                 build everything for every target, and write the lock
  drystone lock --update sed             only what concerns sed
  drystone lock --update recipes/images/jq.toml
  drystone lock --update --target aarch64-linux-musl --keep-going
  git diff drystone.lock                 what that changed, a line for each component")]
pub struct Lock {
    /// Recipes, or image specs by their files [default: all]
    pub names: Vec<String>,
    /// Build what is missing, and write down what came of it
    #[arg(long)]
    pub update: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub running: Running,
}
