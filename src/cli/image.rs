//! `drystone image`.

mod build;
mod check;
mod component;
mod diff;
mod difference;
mod inspect;
pub mod locked;
mod open;
mod rebuild;
mod report;
mod table;
mod why;

use super::args::{Common, Image, ImageVerb};
use super::failure::Failure;
use super::{pull, push, verify_image};

/// Does what a verb below `image` says.
pub fn run(common: &Common, args: &Image) -> Result<(), Failure> {
    match &args.verb {
        ImageVerb::Build(args) => build::run(common, args),
        ImageVerb::Verify(args) => verify_image::run(args),
        ImageVerb::Check(args) => check::run(common, args),
        ImageVerb::Inspect(args) => inspect::run(common, args),
        ImageVerb::Diff(args) => diff::run(common, args),
        ImageVerb::Why(args) => why::run(common, args),
        ImageVerb::Report(args) => report::run(common, args),
        ImageVerb::Rebuild(args) => rebuild::run(common, args),
        ImageVerb::Push(args) => push::run(args),
        ImageVerb::Pull(args) => pull::run(common, args),
    }
}
