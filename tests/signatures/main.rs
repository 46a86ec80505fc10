//! Images are signed, verified, and refused: by drystone, and by the programs of others.

mod bench;
mod flips;
mod keys;
mod programs;
mod registry;
mod signing;
mod verifying;

#[path = "../support/mod.rs"]
mod support;
