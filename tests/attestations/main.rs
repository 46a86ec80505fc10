//! Several builders say what they have built, signed; what enough of them agree on is accepted.

mod builders;
mod making;
mod programs;
mod refusals;
mod registry;
mod thresholds;

#[path = "../support/mod.rs"]
mod support;

/// Debian's registry, as the stories about signatures start it.
#[path = "../signatures/registry.rs"]
mod others;
