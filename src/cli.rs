//! The verbs, one file each; the only place that prints, classifies errors, gives hints and sets exit codes.

mod args;
mod build;
mod carry_out;
mod controls;
mod failure;
mod image;
mod keys;
