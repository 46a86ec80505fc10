//! The command line, as types.

mod attest;
mod audit;
mod images;
mod keys;
mod lock;
mod look;
mod new;
mod rebuild;
mod registry;
mod store;
mod update;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::attest::Need;
pub use attest::{Attest, AttestCollect, AttestMake, AttestPush, AttestVerb, Scope, Verify};
pub use audit::Audit;
pub use images::{ImageCheck, ImageDiff, ImageInspect, ImageReport, ImageWhy, Reading, ReportFormat};

use crate::recipe::{Date, OutputRef, RecipeName, Target};
pub use keys::{Keys, KeysNew, KeysPublic, KeysVerb, Passphrase, Sign};
pub use lock::Lock;
pub use look::{Edit, Log, Shell, Why, WhyDepends};
pub use new::New;
pub use rebuild::ImageRebuild;
pub use registry::{ImagePull, ImagePush, RegistryAccess, RegistryWay};
pub use store::{StoreArgs, StoreDiff, StoreExport, StoreImport, StoreVerb};
pub use update::Update;

const EXAMPLES: &str = "\
Examples:
  drystone build jq                          build jq and all that it needs; print where it is
  drystone image build recipes/images/jq.toml -o out/jq
                                             an OCI image that holds jq and nothing else
  drystone plan jq                           what would be done, and what is done already
  drystone log jq                            what the last build of jq printed

A project is a directory with recipes/ and toolchains/; it is looked for from here upwards.";

/// Builds static userspace utilities and the container images made of them, bit for bit the same everywhere.
#[derive(Debug, Parser)]
#[command(name = "drystone", version, about, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The project: a directory with recipes/ and toolchains/ [default: the nearest one from here upwards]
    #[arg(long, global = true, value_name = "DIR", env = "DRYSTONE_PROJECT")]
    pub project: Option<PathBuf>,
    /// The store [default: the project's store/]
    #[arg(long, global = true, value_name = "DIR", env = "DRYSTONE_STORE")]
    pub store: Option<PathBuf>,
    /// What the binaries run on [default: what the toolchain runs on; for an image, all that its spec lists]
    #[arg(long, global = true, value_name = "TRIPLET")]
    pub target: Option<String>,
}

impl Common {
    /// What an image is looked at for, by verbs that need no project: the target named, else this machine's.
    pub fn target_or_host(&self) -> Target {
        let host = || format!("{}-linux-musl", std::env::consts::ARCH);
        Target(self.target.clone().unwrap_or_else(host))
    }
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    Build(Build),
    Image(Image),
    Plan(Plan),
    Log(Log),
    Shell(Shell),
    Why(Why),
    WhyDepends(WhyDepends),
    Edit(Edit),
    Lint(Lint),
    Lock(Lock),
    Audit(Box<Audit>),
    Fmt(Fmt),
    New(New),
    Update(Update),
    Store(StoreArgs),
    Keys(Keys),
    Sign(Sign),
    Attest(Attest),
    Verify(Verify),
    /// Print a shell's completions
    #[command(
        after_help = "Examples:\n  drystone completions bash > ~/.local/share/bash-completion/completions/drystone"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How a plan is carried out.
#[derive(Debug, Clone, Args)]
pub struct Running {
    /// Builds at once, and processes of all builds together [default: the number of cores]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub jobs: Option<u16>,
    /// Take sources only from the store
    #[arg(long)]
    pub offline: bool,
    /// After a failure, go on with what does not depend on it
    #[arg(long)]
    pub keep_going: bool,
    /// Keep the directory of a failed build, and say where
    #[arg(short, long)]
    pub keep_failed: bool,
    /// End a build that takes longer
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub time_limit: u64,
    /// Fail also where drystone.lock knows other inputs, or none
    #[arg(long)]
    pub locked: bool,
    /// Hold nothing to drystone.lock
    #[arg(long, conflicts_with = "locked")]
    pub no_lock: bool,
}

impl Running {
    /// As it is where nothing is said, but for the number of jobs.
    pub fn with_jobs(jobs: Option<u16>) -> Self {
        Self {
            jobs,
            offline: false,
            keep_going: false,
            keep_failed: false,
            time_limit: 3600,
            locked: false,
            no_lock: false,
        }
    }
}

/// Build recipes and whatever they need; print the store paths
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  drystone build jq sed             two recipes, all their components
  drystone build coreutils/cat      print the path of one component
  drystone build --all              every recipe of the project
  drystone build --check sed        build sed again from scratch, and compare
  drystone build -k -j 1 bash       one thing at a time; keep what fails, to look at it")]
pub struct Build {
    /// RECIPE, or RECIPE/COMPONENT
    #[arg(required_unless_present = "all")]
    pub names: Vec<OutputRef>,
    /// Every recipe of the project
    #[arg(long)]
    pub all: bool,
    /// Build again although it is built, and compare the results; a difference is an error
    #[arg(long)]
    pub check: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub running: Running,
}

/// Make container images, look into them, push and pull them
#[derive(Debug, Args)]
pub struct Image {
    #[command(subcommand)]
    pub verb: ImageVerb,
}

#[derive(Debug, Subcommand)]
pub enum ImageVerb {
    Build(ImageBuild),
    Verify(ImageVerify),
    Check(ImageCheck),
    Inspect(ImageInspect),
    Diff(ImageDiff),
    Why(ImageWhy),
    Report(ImageReport),
    Rebuild(Box<ImageRebuild>),
    Push(Box<ImagePush>),
    Pull(Box<ImagePull>),
}

/// Assemble an image from a spec, building what it needs; print its digest
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  drystone image build recipes/images/jq.toml -o out/jq
  drystone image build recipes/images/curl.toml -o curl.tar --format oci-archive
  drystone image build recipes/images/toolbox.toml -o toolbox --format rootfs
  drystone image build recipes/images/static.toml -o out/static --target aarch64-linux-musl
  skopeo inspect oci:out/jq          read what the first one made")]
pub struct ImageBuild {
    /// The image spec
    pub spec: PathBuf,
    /// Where the image goes
    #[arg(short, long, value_name = "PATH")]
    pub output: PathBuf,
    /// What is written
    #[arg(long, value_enum, default_value_t = Format::Oci)]
    pub format: Format,
    /// Write the evidence to this directory too; a layout holds it anyway, in evidence/
    #[arg(long, value_name = "DIR")]
    pub evidence: Option<PathBuf>,
    /// Who builds, as a URI that verifiers of the provenance know
    #[arg(long, value_name = "URI", env = "DRYSTONE_BUILDER_ID", default_value = crate::attest::LOCAL_BUILDER)]
    pub builder_id: String,
    /// How layers are compressed
    #[arg(long, value_enum, default_value_t = Compression::Gzip)]
    pub compression: Compression,
    /// The day on which waivers are judged, where it is not today; no option of the command line.
    #[arg(skip)]
    pub judged_on: Option<Date>,
    /// Copy what could be a hard link into the store: for a rootfs that is to be changed
    #[arg(long)]
    pub copy: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub running: Running,
}

/// Check an image's blobs, and who signed it and what is said of it
#[derive(Debug, Args)]
#[command(after_help = "\
Checked are the size and digest of every blob, what every layer unpacks to, a signature on the
image and on the manifest of each of its platforms, and every signed statement. The exit code is 1
when anything is wrong.

Examples:
  drystone image verify out/jq --key release.pub
  drystone image verify out/jq --key release.pub --require provenance,sbom,policy
  drystone image verify registry.example.org/tools/jq:1.8.2 --key release.pub
  drystone image verify out/jq --key release.pub --json | jq .verified")]
pub struct ImageVerify {
    /// The image: a directory in the OCI image layout, or HOST/REPO[:TAG][@DIGEST] in a registry
    pub image: String,
    /// The public key that must have signed it
    #[arg(short, long, value_name = "FILE")]
    pub key: PathBuf,
    /// Statements that there must be: provenance, sbom, policy, or the URI of a predicate's type
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub require: Vec<Need>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub access: RegistryAccess,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A directory: an OCI image layout
    Oci,
    /// The same as one tar file
    OciArchive,
    /// A tar file for `docker load`
    DockerArchive,
    /// The root file system as a directory
    Rootfs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// What every tool reads
    Gzip,
    /// Smaller and faster, for tools that read it
    Zstd,
}

/// Show what building a recipe takes, and what is there already
#[derive(Debug, Args)]
#[command(after_help = "\
Each line is marked: built (in the store, under a root), cached (in the store, under no root), to do.

Examples:
  drystone plan jq                       a tree
  drystone plan curl --format dot | dot -Tsvg > curl.svg
  drystone plan jq sed --format json     for machines, with every key and object that is known")]
pub struct Plan {
    /// Recipes
    #[arg(required = true)]
    pub names: Vec<OutputRef>,
    /// The form
    #[arg(long, value_enum, default_value_t = PlanFormat::Tree)]
    pub format: PlanFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people
    Tree,
    /// For Graphviz
    Dot,
    /// For machines
    Json,
}

/// Say what recipes could say better; exit 1 if there is anything
#[derive(Debug, Args)]
#[command(after_help = "\
What a component holds is known only of recipes that are built as they are now.

Examples:
  drystone lint                 all recipes
  drystone lint sed grep --fix  mend what needs no thought
  drystone lint --online jq     ask every location whether it has the source")]
pub struct Lint {
    /// The recipes [default: all]
    pub names: Vec<RecipeName>,
    /// Write the mended text where a mend needs no thought
    #[arg(long)]
    pub fix: bool,
    /// Ask every location whether it has its source
    #[arg(long)]
    pub online: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Bring recipes, toolchains and image specs into the one form
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  drystone fmt                  all files of the project
  drystone fmt --check          change nothing; exit 1 if a file would change
  drystone fmt recipes/sed.toml")]
pub struct Fmt {
    /// The files [default: every .toml file below recipes/ and toolchains/]
    pub files: Vec<PathBuf>,
    /// Only name the files that are not formatted
    #[arg(long)]
    pub check: bool,
}
