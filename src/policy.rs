//! Rules, and what of an image breaks them.
//!
//! Pure: [`examine`] says of a file's bytes what the rules ask ([`Facts`]), an [`Inventory`] holds that for every
//! path of an image, and [`judge`] holds the inventory against a [`Policy`](crate::recipe::Policy). Knows nothing of
//! how an image is read or written, nor of the clock: the day on which waivers are judged is given.
//!
//! # Strict by default
//! A policy that says nothing allows nothing: every exception is a line that names what and why. Facts come from
//! content wherever content can tell: a renamed shell is a shell, and a program that is many programs is found by the
//! names inside it. Names count as well, since a file called `sudo` is a finding whatever it holds.
//!
//! # Which executables are allowed
//! Those that the spec names: by `only`, by `entrypoint`, as a component whose own name or whose recipe's name the
//! program has, by a `[[file]]` with an executable mode, or by the policy's `executables`. What a component brings
//! beside that, or what something needs at run time, is a finding until somebody names it.
//!
//! # Waivers
//! A waiver takes one rule away from one path until a day. What it waives stays in the report. After the day the
//! finding is back, with a finding about the waiver; one that waives nothing is a finding too, so that exceptions do
//! not outlive their cause.

mod controls;
mod facts;
mod foreign;
mod inventory;
pub mod multicall;
mod programs;
mod reasons;
mod report;
mod rules;
mod sarif;
mod secrets;

pub use controls::controls;
pub use facts::{Binary, FACTS_VERSION, Facts, examine};
pub use inventory::{Declared, Entry, EntryKind, Inventory};
pub use programs::{Program, ProgramKind};
pub use report::{Finding, Report, Waived};
pub use rules::judge;
pub use sarif::sarif;
