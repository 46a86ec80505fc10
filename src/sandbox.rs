//! Runs steps in a world of their own: [`Spec`] → [`Exit`].
//!
//! Knows nothing of recipes or the store: a spec names directories of this machine and what is run over them.
//!
//! # The world
//! A build sees the same on every machine, or it does not start; there is no way around the sandbox.
//! `/` is a read-only union (overlayfs) of the spec's `root` layers, `/sysroot` one of its `sysroot` layers;
//! `/build` and `/out` are the only writable places beside an empty `/tmp`. `/proc` is new and read-only, with
//! `cpuinfo`, `meminfo` and `version` masked; `/dev` has `null`, `zero`, `full` and `urandom`; there is no `/sys`.
//! User, mount, pid, net, ipc, uts and cgroup namespaces are new. Inside, the user is 1000:1000, whoever runs
//! drystone: one id is mapped, so being root outside changes nothing inside, and `/proc` is read-only because a
//! process whose outer id is 0 could otherwise write the kernel's settings. No capability is left, `no_new_privs`
//! is set, and a seccomp filter ([`seccomp`]) refuses what a build has no use for.
//!
//! # The processes
//! ```text
//! drystone ─ exec of itself ─► supervisor (new namespaces) ─ fork ─► init, pid 1 ─ fork ─► a step
//! ```
//! The supervisor is a new program image, single-threaded, so that forking and unsharing are safe. Each one dies
//! with its parent (`PR_SET_PDEATHSIG`), and with pid 1 the kernel ends every process of the build: killing
//! drystone, however, kills all of it. Init runs the steps, reaps, samples the limits, and reports on a pipe
//! ([`wire`]); what the steps print arrives on another.
//!
//! Programs of another machine run if the spec has an emulator ([`emulation`]), which is no part of the world.
//!
//! # Visits
//! [`visit`] runs the steps in the same way, and then, in the same world, whatever became of them, a program of
//! somebody who wants to look around ([`Visit`]): over drystone's own standard streams, or in a terminal within the
//! user's ([`Terminal`]), so that nothing inside ever holds the user's own.
//!
//! # Variations
//! For audits a world can differ from the contract's in one thing or more ([`Variation`]): outputs must not. Where that
//! takes other answers of the kernel, a process traces the step ([`tracer`]); else all is as ever. A step that is traced
//! has the same filter, but a network socket is refused without a report, as is what outlives the step ended.
//!
//! # What is contained and reported
//! A network socket is refused and reported, with the program's name (seccomp user notification). A process that
//! outlives its step is killed and reported. A write outside `/build`, `/out` and `/tmp` meets a read-only file
//! system.

mod compile;
mod emulation;
mod init;
mod run;
mod seccomp;
mod supervisor;
mod sys;
mod terminal;
mod tracer;
mod variation;
mod visit;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use compile::{Job, Unit};
pub use run::{Event, SandboxError, Stop, run, visit};
pub use supervisor::{SUPERVISOR_NAME, supervise};
pub use terminal::Terminal;
pub use variation::Variation;
pub use visit::Visit;
pub use world::SetupError;

/// Part of every derivation's key: raised whenever the world that a step sees changes.
pub const VERSION: u32 = 1;

/// The user and group that a step runs as.
pub const UID: u32 = 1000;

/// What is run, and over what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spec {
    /// Trees united at `/`; the first wins.
    pub root: Vec<PathBuf>,
    /// Trees united at `/sysroot`; the first wins.
    pub sysroot: Vec<PathBuf>,
    /// An existing directory of this machine that appears writable at `/build`.
    pub build: PathBuf,
    /// An existing directory of this machine that appears writable at `/out`.
    pub out: Option<PathBuf>,
    /// The whole environment of every step, `MAKEFLAGS` aside.
    pub env: BTreeMap<String, String>,
    /// What is run, in order; the first that fails is the last.
    pub steps: Vec<Step>,
    /// What a step may use.
    pub limits: Limits,
    /// What runs the programs of another machine; nothing does without.
    pub emulator: Option<Emulator>,
    /// In what the world differs from the contract's.
    pub variation: Variation,
}

/// A program that the kernel starts in place of those of another machine, in this sandbox alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Emulator {
    /// The ELF machine whose programs it runs: `aarch64`, `x86_64`.
    pub machine: String,
    /// A statically linked program of this machine's file system; no part of the steps' world.
    pub program: PathBuf,
}

/// One thing to run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// Its name for people: `configure`, `build`, …
    pub name: String,
    /// The directory it starts in, absolute, inside.
    pub dir: String,
    /// What it is.
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Action {
    /// Executes a program.
    Exec {
        /// The program, looked up in the spec's `PATH`, and its words.
        argv: Vec<String>,
    },
    /// Executes a program whose output is kept apart, for tests.
    Capture {
        /// The program, looked up in the spec's `PATH`, and its words.
        argv: Vec<String>,
        /// A file of this machine that it reads.
        stdin: PathBuf,
        /// A file of this machine that receives its standard output.
        stdout: PathBuf,
        /// A file of this machine that receives its standard error.
        stderr: PathBuf,
        /// The exit status that counts as success.
        status: i32,
    },
    /// Compiles and links C files with the `cc` crate, without shell or make.
    Compile(Job),
}

/// What all steps together may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Limits {
    /// Wall-clock time.
    pub time: Duration,
    /// Resident memory of all processes together, in bytes; sampled.
    pub memory: u64,
    /// Processes at once; sampled, and where the kernel can, enforced.
    pub processes: u64,
    /// The size of any one file, in bytes.
    pub file_size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(3600), memory: 8 << 30, processes: 2048, file_size: 4 << 30 }
    }
}

/// How the steps ended.
#[derive(Debug, Clone)]
pub struct Exit {
    /// Whether all went well.
    pub outcome: Outcome,
    /// What was contained, in words, each once.
    pub breaches: Vec<String>,
    /// How long the steps took.
    pub duration: Duration,
    /// The exit status of a visit's program, as a shell tells it: 128 and the signal's number for one that was killed.
    pub left: Option<i32>,
}

/// Whether the steps went well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Every step succeeded.
    Success,
    /// A step failed.
    Failed {
        /// Which.
        step: String,
        /// How, in words: `exit status 2`, `killed by signal 11`.
        how: String,
    },
    /// A limit was passed, and everything was killed.
    Limit {
        /// The step that ran.
        step: String,
        /// The limit, in words: `time (3600 s)`.
        limit: String,
    },
}
