//! Recipes and a target become a graph of derivations, each with a key. Pure.
//!
//! A [`Plan`] is the graph: a node for each set of seeds, and two for each recipe that is needed, its build and its
//! test. Every build is a cross build: what ends up in the output is for the plan's target, and the tools that a recipe
//! names are built for what the sandbox runs on, which may be the same.
//!
//! A node's [`Derivation`] names every input by content, so it exists only once its inputs are built: the builder
//! walks the graph in order and asks [`Plan::derivation`] with the outputs that it has so far. Because keys are
//! made of contents and not of the inputs' own keys, a rebuild that gives the same bits stops there.
//!
//! The test is a node of its own: a change to a test runs the test and rebuilds nothing. A plan may be without any.

mod closure;
mod derivation;
mod explain;
mod graph;
mod resolve;
mod ways;
mod words;

use std::collections::BTreeMap;

pub use closure::{Named, closure, way};
pub use derivation::{BuildWork, Case, Derivation, Emulator, TestWork, Unpack, Work};
pub use explain::{Change, Line, Mark, Origins, explain};
pub use graph::{Node, NodeId, Plan};
pub use ways::{Need, Needed, Way};
pub use words::{fill, quote};

use crate::digest::ObjectId;
use crate::recipe::{ComponentName, RecipeName};

/// What a node gave: output name → object. A build's outputs are its components; the seeds' is [`SEEDS_OUTPUT`].
pub type Outputs = BTreeMap<String, ObjectId>;

/// The name of the seeds' one output.
pub const SEEDS_OUTPUT: &str = "root";

/// Why there is no plan, or no derivation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A name that no recipe has.
    #[error("there is no recipe `{name}`")]
    UnknownRecipe {
        /// What was asked for.
        name: String,
        /// The nearest names that there are.
        nearest: Vec<String>,
    },
    /// A target that the toolchain cannot compile for.
    #[error("the toolchain `{toolchain}` cannot build for `{target}`")]
    UnknownTarget {
        /// The toolchain.
        toolchain: String,
        /// What was asked for.
        target: String,
        /// What it can build for.
        known: Vec<String>,
    },
    /// A recipe that cannot be built for a target.
    #[error("{recipe} cannot be built for {target}: its `targets` are {}", targets.join(", "))]
    NotForTarget {
        /// The recipe.
        recipe: RecipeName,
        /// What was asked for.
        target: String,
        /// What it can be built for.
        targets: Vec<String>,
    },
    /// Recipes that need each other.
    #[error("recipes depend on each other: {}", chain(.0))]
    Cycle(Vec<RecipeName>),
    /// A component that a recipe's build did not give.
    #[error("{recipe} has no component `{component}`")]
    UnknownComponent {
        /// The recipe.
        recipe: RecipeName,
        /// What was asked for.
        component: ComponentName,
        /// What its build gave.
        available: Vec<String>,
    },
    /// A recipe that was named without a component but has no default one.
    #[error("{recipe} has no default component: say which of its components is meant, as `{recipe}/COMPONENT`")]
    NoDefault {
        /// The recipe.
        recipe: RecipeName,
    },
}

fn chain(names: &[RecipeName]) -> String {
    names.iter().map(RecipeName::as_str).collect::<Vec<_>>().join(" -> ")
}
