//! The verbs, one file each; the only place that prints, classifies errors, gives hints and sets exit codes.

mod args;
mod attest;
mod audit;
mod build;
mod carry_out;
mod controls;
mod edit;
mod evidence;
mod failure;
mod fmt;
mod git;
mod image;
mod judge;
mod keys;
mod lint;
mod lock;
mod log;
mod network;
mod new;
mod passphrase;
mod plan;
mod project;
mod pull;
mod push;
mod registry;
mod scope;
mod shell;
mod show;
mod sign;
mod store;
mod update;
mod verify;
mod verify_image;
mod why;
mod why_depends;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Verb};
use failure::Failure;

/// Reads the command line, does what it says, and gives the exit code: 0 for success, 1 when a build failed or a
/// check found something, 2 for a mistake in the command line or in a file, 3 when this machine lacks something,
/// 130 when interrupted.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let common = &cli.common;
    match &cli.verb {
        Verb::Build(args) => build::run(common, args),
        Verb::Image(args) => image::run(common, args),
        Verb::Plan(args) => plan::run(common, args),
        Verb::Log(args) => log::run(common, args),
        Verb::Why(args) => why::run(common, args),
        Verb::WhyDepends(args) => why_depends::run(common, args),
        Verb::Edit(args) => edit::run(common, args),
        Verb::Shell(args) => shell::run(common, args),
        Verb::Lint(args) => lint::run(common, args),
        Verb::Lock(args) => lock::run(common, args),
        Verb::Audit(args) => audit::run(common, args),
        Verb::Fmt(args) => fmt::run(common, args),
        Verb::New(args) => new::run(common, args),
        Verb::Update(args) => update::run(common, args),
        Verb::Store(args) => store::run(common, args),
        Verb::Keys(args) => keys::run(args),
        Verb::Sign(args) => sign::run(args),
        Verb::Attest(args) => attest::run(common, args),
        Verb::Verify(args) => verify::run(common, args),
        Verb::Completions { shell } => {
            use clap::CommandFactory as _;
            clap_complete::generate(*shell, &mut Cli::command(), "drystone", &mut std::io::stdout());
            Ok(())
        }
    }
}
