//! The command line of the verbs that talk to registries.

use std::path::PathBuf;

use clap::Args;

use crate::attest::Platform;
use crate::publish::{Reference, Repository};

/// How a registry is reached, and how much is asked of it.
#[derive(Debug, Args)]
pub struct RegistryAccess {
    #[command(flatten)]
    pub way: RegistryWay,
    /// Blobs sent or fetched at a time
    #[arg(short, long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
}

/// How a registry is reached.
#[derive(Debug, Clone, Args)]
pub struct RegistryWay {
    /// Speak plain HTTP, not TLS; credentials are then sent to this machine only
    #[arg(long)]
    pub plain_http: bool,
    /// Believe this certificate authority too (PEM); may be given again
    #[arg(long, value_name = "FILE", conflicts_with = "plain_http")]
    pub ca: Vec<PathBuf>,
    /// A directory with certificates: *.crt to believe, *.cert and *.key to show [default: HOST[:PORT]/ below
    /// ~/.config/containers/certs.d, /etc/containers/certs.d or /etc/docker/certs.d]
    #[arg(long, value_name = "DIR", conflicts_with = "plain_http")]
    pub cert_dir: Option<PathBuf>,
    /// The file of credentials [default: REGISTRY_AUTH_FILE, or podman's and docker's own]
    #[arg(long, value_name = "FILE")]
    pub authfile: Option<PathBuf>,
}

/// Push an image to a registry, with what belongs to it; print its digest there
#[derive(Debug, Args)]
#[command(after_help = "\
What the registry has is not sent, and what another repository there has is mounted. After an
interruption the same command goes on where it can. The tag comes last, when everything that it
stands for is there. What lies in the layout's evidence/ goes along: signatures and attestations,
as referrers; and so does what a pull left in its referrers/.

Credentials are those of podman, docker and skopeo: log in with one of them.

Examples:
  drystone image push out/jq registry.example.org/tools/jq:1.8.2
  drystone image push out/jq registry.example.org/tools/jq       tagged as the spec says
  drystone image push out/jq:1.8.2 localhost:5000/jq:test --plain-http
  drystone image push out/jq registry.example.org/jq:1 --mount-from tools/jq
  skopeo inspect docker://registry.example.org/tools/jq:1.8.2")]
pub struct ImagePush {
    /// The image: a directory in the OCI image layout, with :NAME if it holds several
    #[arg(value_name = "LAYOUT[:NAME]")]
    pub layout: String,
    /// Where it goes [default for the tag: the image's name in the layout]
    #[arg(value_name = "HOST/REPO[:TAG]")]
    pub reference: Reference,
    /// Another repository of the registry that may have its blobs; may be given again
    #[arg(long, value_name = "REPO")]
    pub mount_from: Vec<Repository>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub access: RegistryAccess,
}

/// Pull an image from a registry, with what belongs to it; print its digest
#[derive(Debug, Args)]
#[command(after_help = "\
Every byte is checked against the digests. The result is a directory in the OCI image layout;
signatures and attestations lie in its referrers/, a layout of their own, and a push sends them
along. After an interruption the same command goes on where it broke off; OUTPUT is there whole or
not at all.

Examples:
  drystone image pull registry.example.org/tools/jq:1.8.2 -o jq
  drystone image pull registry.example.org/tools/jq@sha256:… -o jq --all
  drystone image pull localhost:5000/jq:test -o jq --plain-http --platform linux/arm64")]
pub struct ImagePull {
    /// The image
    #[arg(value_name = "HOST/REPO[:TAG][@DIGEST]")]
    pub reference: Reference,
    /// Where it goes: a directory
    #[arg(short, long, value_name = "OUTPUT")]
    pub output: PathBuf,
    /// Of an image for several platforms, take the one for this [default: that of --target]
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", conflicts_with = "all")]
    pub platform: Option<Platform>,
    /// Take all platforms, and the index that names them
    #[arg(long)]
    pub all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub access: RegistryAccess,
}
