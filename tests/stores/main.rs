//! What leaves a store as a file and comes into another, and how two stores are compared.

mod bench;
mod carrying;
mod differences;
mod exports;
mod flips;
mod hostile;
#[path = "../support/mod.rs"]
mod support;
