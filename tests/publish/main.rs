//! Images to and from registries: Debian's real one over TLS, and one that behaves as a story needs it.

mod attached;
mod broken_layouts;
mod command_line;
mod credentials;
mod fake;
mod layouts;
mod mounts;
mod pulling;
mod real;
mod rebuilding;
mod refusals;
mod resuming;
mod round_trips;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
