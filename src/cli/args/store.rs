//! The command lines of `drystone store`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::recipe::OutputRef;

/// Look into the store, carry objects to another, compare two
#[derive(Debug, Args)]
pub struct StoreArgs {
    #[command(subcommand)]
    pub verb: StoreVerb,
}

#[derive(Debug, Subcommand)]
pub enum StoreVerb {
    /// List what the store's roots name
    #[command(after_help = "Examples:\n  drystone store ls\n  drystone store ls --json")]
    Ls {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the path of a component that is built
    #[command(after_help = "Examples:\n  drystone store path jq\n  ls $(drystone store path coreutils/cat)/usr/bin")]
    Path {
        /// RECIPE or RECIPE/COMPONENT
        name: OutputRef,
    },
    /// Print the manifest of a component or object
    #[command(after_help = "\
The object's id is the BLAKE3 of this text:
  drystone store manifest jq | b3sum

Examples:
  drystone store manifest jq
  drystone store manifest 3f2a…          an object's whole id")]
    Manifest {
        /// RECIPE, RECIPE/COMPONENT, or an object's id
        name: String,
    },
    /// Rehash everything; move what is corrupt to quarantine/
    #[command(after_help = "\
Examples:
  drystone store verify                  exit code 1 when something was corrupt; build again to replace it")]
    Verify,
    /// Remove what no root names
    #[command(
        after_help = "Examples:\n  drystone store gc                      sources stay: they are what a rebuild without a network needs\n  drystone store gc --cache              layers of images too; the next image makes them anew"
    )]
    Gc {
        /// Remove all that is cached as well
        #[arg(long)]
        cache: bool,
    },
    Export(StoreExport),
    Import(StoreImport),
    Diff(StoreDiff),
}

/// Write what recipes gave to one file, for another store; print the digest of its index
#[derive(Debug, Args)]
#[command(after_help = "\
The file holds the recipes' components and what they need at run time, with the traces that tell
which derivation gave them; with --build all that was built on the way too, so that whoever imports
it with --trust-traces builds nothing. It is a tar archive in zstd, the same for the same content;
its first member, `index`, lists the rest for `b3sum --check`. Every file is hashed on its way out.

Examples:
  drystone store export jq -o jq.tar.zst
  drystone store export jq curl --build --sources -o tools.tar.zst
  drystone store export --all --manifests -o ours.tar.zst      small: enough for `store diff`
  tar -xf jq.tar.zst --to-stdout index                         what it holds")]
pub struct StoreExport {
    /// RECIPE, or RECIPE/COMPONENT
    #[arg(required_unless_present = "all")]
    pub names: Vec<OutputRef>,
    /// Every recipe of the project that is built
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// Where it goes
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// All that was built on the way too: tools, libraries, seeds
    #[arg(long)]
    pub build: bool,
    /// The sources too
    #[arg(long, conflicts_with = "manifests")]
    pub sources: bool,
    /// The logs of the builds too
    #[arg(long)]
    pub logs: bool,
    /// Only manifests and traces, without the objects' bytes
    #[arg(long)]
    pub manifests: bool,
}

/// Take what another store has exported; print the digest of its index
#[derive(Debug, Args)]
#[command(after_help = "\
Objects and sources prove themselves: each is hashed, and appears whole or not at all. What is there
is passed over; after an interruption or an error the same command goes on. Names are set as roots,
so that `store gc` keeps what came; a name that means something else here stays as it is.

That a derivation gave these objects cannot be proved but by building it. With --trust-traces you
believe whoever made the file: `drystone build` then takes its objects for its own results.
`drystone build --check` builds again and compares.

Examples:
  drystone store import jq.tar.zst
  drystone store import tools.tar.zst --trust-traces           build nothing that is in it")]
pub struct StoreImport {
    /// The export
    pub file: PathBuf,
    /// Believe its maker that these derivations gave these objects
    #[arg(long)]
    pub trust_traces: bool,
}

/// Compare what two stores hold, file by file; the exit code is 1 when anything differs
#[derive(Debug, Args)]
#[command(after_help = "\
A store is a directory, or a file that `store export` has written, with or without the objects'
bytes. Where an object differs, the keys say why: the same key gave other bits, which is a build
that is not reproducible; or it was made of other inputs, which are named. Nothing is written or
locked. Manifests and traces of a directory are checked; its objects' bytes by `store verify`.

Examples:
  drystone store diff store /mnt/other/store
  drystone store diff store ours.tar.zst
  drystone store diff theirs.tar.zst ours.tar.zst jq curl/bin --json")]
pub struct StoreDiff {
    /// The one store: a directory, or an export
    pub before: PathBuf,
    /// The other
    pub after: PathBuf,
    /// Compare only these: RECIPE, or RECIPE/COMPONENT
    pub names: Vec<OutputRef>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
