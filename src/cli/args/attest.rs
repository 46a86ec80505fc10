//! The command line of the verbs about attestations of rebuilds.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Passphrase, RegistryAccess};
use crate::attest::Threshold;
use crate::publish::Reference;
use crate::recipe::OutputRef;

/// What of a project is meant.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Scope {
    /// RECIPE, or RECIPE/COMPONENT
    pub names: Vec<OutputRef>,
    /// Every recipe of the project
    #[arg(long)]
    pub all: bool,
    /// What an image spec (*.toml) names, for each of its targets; or what an image, a layout or an archive of one,
    /// is made of
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<PathBuf>,
}

/// Say what was built here, signed, and gather what others say
#[derive(Debug, Args)]
pub struct Attest {
    #[command(subcommand)]
    pub verb: AttestVerb,
}

#[derive(Debug, Subcommand)]
pub enum AttestVerb {
    Make(AttestMake),
    Collect(AttestCollect),
    Push(AttestPush),
}

/// Sign what the store has built: derivation, outputs, builder, system and lock; print the file
#[derive(Debug, Args)]
#[command(after_help = "\
What is asked for must be built here, as its recipe is now; what it is made of is attested too. Not
attested is what came from another store, until it is built here: drystone build --check.

The file is an in-toto statement in a sigstore bundle. It lies in a directory of its key, so that
several builders' files merge.

Examples:
  drystone attest make jq --key mason.key
  drystone attest make --all --key mason.key --builder-id https://mason.example/rebuilds
  drystone attest make --image recipes/images/jq.toml --key mason.key -o said")]
pub struct AttestMake {
    #[command(flatten)]
    pub scope: Scope,
    /// The private key
    #[arg(short, long, value_name = "FILE")]
    pub key: PathBuf,
    /// The directory of attestations [default: the project's attestations/]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Who builds, as a URI [default: one made of the key's id]
    #[arg(long, value_name = "URI", env = "DRYSTONE_BUILDER_ID")]
    pub builder_id: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub passphrase: Passphrase,
}

/// Gather attestations of others from files, directories, and registries where they lie beside an image
#[derive(Debug, Args)]
#[command(after_help = "\
Each must have the right form; with --keys it must be signed by one of the keys, too. What is
gathered is not believed for that: drystone verify asks for keys. The exit code is 1 when something
was refused; the rest is gathered all the same.

Examples:
  drystone attest collect ../mason/attestations
  drystone attest collect registry.example.org/tools/jq:1.8.2 --keys keys
  drystone attest collect mason.sigstore.json -o said --keys keys")]
pub struct AttestCollect {
    /// A file, a directory, or HOST/REPO[:TAG][@DIGEST] of an image in a registry
    #[arg(required = true)]
    pub from: Vec<String>,
    /// The directory of attestations [default: the project's attestations/]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Take only what a key of this directory (*.pub) has signed
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub access: RegistryAccess,
}

/// Put attestations into a registry, beside an image
#[derive(Debug, Args)]
#[command(after_help = "\
They become referrers of the image. What is there already is not sent.

Examples:
  drystone attest push registry.example.org/tools/jq:1.8.2
  drystone attest push localhost:5000/jq:test attestations/3f2a… --plain-http")]
pub struct AttestPush {
    /// The image
    #[arg(value_name = "HOST/REPO[:TAG][@DIGEST]")]
    pub image: Reference,
    /// Files or directories [default: the project's attestations/]
    pub from: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub access: RegistryAccess,
}

/// Accept outputs only where enough independent builders agree; say who does not, and over what
#[derive(Debug, Args)]
#[command(after_help = "\
Each public key in DIR is one builder, and no other key counts. A derivation's outputs are accepted
when K of the N keys say the same and no other result has K votes, too; who says two things of one
derivation has no vote on it. Its inputs are what was accepted before it, so nothing has to be
built. The exit code is 1 when anything that was asked for is not accepted.

Examples:
  drystone verify jq --threshold 2-of-3 --keys keys
  drystone verify --all --threshold 3-of-3 --keys keys --attestations said
  drystone verify --image recipes/images/jq.toml --threshold 2-of-3 --keys keys
  drystone verify --image out/jq --threshold 2-of-3 --keys keys     its files, too
  drystone verify jq --threshold 2-of-3 --keys keys --json | jq '.derivations[].votes'")]
pub struct Verify {
    #[command(flatten)]
    pub scope: Scope,
    /// How many of the keys must agree
    #[arg(long, value_name = "K-of-N")]
    pub threshold: Threshold,
    /// The builders' public keys: *.pub in this directory
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    /// A directory of attestations; may be given again [default: the project's attestations/]
    #[arg(long, value_name = "DIR")]
    pub attestations: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
