//! The command line of `drystone keys` and `drystone sign`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Make signing keys
#[derive(Debug, Args)]
pub struct Keys {
    #[command(subcommand)]
    pub verb: KeysVerb,
}

#[derive(Debug, Subcommand)]
pub enum KeysVerb {
    New(KeysNew),
    Public(KeysPublic),
}

/// Make a pair of keys: NAME.key, which signs, and NAME.pub, which verifies; print the key's id
#[derive(Debug, Args)]
#[command(after_help = "\
The keys are cosign's: ECDSA P-256, the private one sealed with a passphrase, which is asked for on
the terminal unless --passphrase-file or DRYSTONE_KEY_PASSPHRASE gives it. No file is ever
overwritten.

Examples:
  drystone keys new -o release           release.key and release.pub
  drystone keys new -o ci --passphrase-file /run/secrets/passphrase
  cosign sign --key release.key …        cosign reads them")]
pub struct KeysNew {
    /// Where the keys go, without .key and .pub
    #[arg(short, long, value_name = "NAME", default_value = "drystone")]
    pub output: PathBuf,
    /// Write the private key as it is: whoever can read the file can sign
    #[arg(long, conflicts_with = "passphrase_file")]
    pub no_passphrase: bool,
    #[command(flatten)]
    pub passphrase: Passphrase,
}

/// Print the public key of a private one
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  drystone keys public release.key > release.pub")]
pub struct KeysPublic {
    /// The private key
    pub key: PathBuf,
    #[command(flatten)]
    pub passphrase: Passphrase,
}

/// Where a passphrase comes from.
#[derive(Debug, Args)]
pub struct Passphrase {
    /// The file whose first line is the passphrase [default: DRYSTONE_KEY_PASSPHRASE, or the terminal]
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Sign an image, and every statement about it
#[derive(Debug, Args)]
#[command(after_help = "\
The image is a directory in the OCI image layout. Its index is signed, the manifest of each
platform, and every statement in its evidence/; the signatures go to evidence/signatures/. The
image itself does not change, and what others have signed stays.

Examples:
  drystone sign out/jq --key release.key --as registry.example/tools/jq:1.8.2
  drystone sign out/jq --key release.key --as registry.example/jq:1 --as registry.example/jq:1.8
  drystone image verify out/jq --key release.pub")]
pub struct Sign {
    /// The image
    pub layout: PathBuf,
    /// The private key
    #[arg(short, long, value_name = "FILE")]
    pub key: PathBuf,
    /// What the image is called where it is pulled from; may be given again [default: its own title and tag]
    #[arg(long = "as", value_name = "REGISTRY/REPO:TAG")]
    pub names: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub passphrase: Passphrase,
}
