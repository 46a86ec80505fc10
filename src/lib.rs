//! Drystone: a hermetic build system for static userspace utilities and for the container images made of them.
//!
//! The modules form one directed graph without a cycle; each may use only those named above it here
//! (a test reads the sources and holds them to it):
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`digest`] | hash newtypes, their text forms, the canonical encoding |
//! | [`path`] | relative paths that cannot leave their root |
//! | [`fs`] | `std::fs` with errors that name action and path; atomic publication |
//! | [`progress`] | the events of a run and the trait that receives them |
//! | [`tree`] | a tree of files as a value, and its manifest |
//! | [`elf`] | what an ELF file says of itself |
//! | [`archive`] | tar, ar and zip, with their compressions |
//! | [`http`] | the only code that opens a socket |
//! | [`store`] | objects, sources, traces, logs, roots |
//! | [`recipe`] | recipe, toolchain and image files as typed values |
//! | [`sandbox`] | runs steps in a world of their own |
//! | [`plan`] | recipes and a target become derivations with keys |
//! | [`lock`] | what everybody must get of recipes and image specs |
//! | [`fetch`] | sources into the store, verified |
//! | [`builder`] | carries out a plan |
//! | [`audit`] | whether a build gives the same bits in worlds that differ, and why not |
//! | [`image`] | objects and an image spec become an OCI image |
//! | [`policy`] | rules, and what of an image breaks them |
//! | [`attest`] | what is in an image and how it was made, as signed statements |
//! | [`publish`] | images and attestations to and from a registry |
//! | [`report`] | an image and its evidence as a page |
//! | [`cli`] | the verbs; the only place that prints |

pub mod archive;
pub mod attest;
pub mod audit;
pub mod builder;
pub mod cli;
pub mod digest;
pub mod elf;
pub mod fetch;
pub mod fs;
pub mod http;
pub mod image;
pub mod lock;
pub mod path;
pub mod plan;
pub mod policy;
pub mod progress;
pub mod publish;
pub mod recipe;
pub mod report;
pub mod sandbox;
pub mod store;
pub mod tree;
