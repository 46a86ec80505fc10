//! Recipe, toolchain, seed and image files as typed values.
//!
//! Parsing is pure: a file's text becomes a value or a [`Diagnostic`] with line, column and the valid choices.
//! [`Catalog::load`] alone reads files: all recipes and toolchains below a project's root, so that what a name
//! refers to is known to exist before anything is planned. Knows nothing of the store, of keys or of running.

mod catalog;
mod components;
mod cpe;
mod diagnostic;
mod edit;
mod format;
mod image_spec;
mod lint;
mod loader;
mod model;
mod name;
mod nearest;
mod parse;
mod places;
mod policy;
mod runtime;
mod source;
mod template;
mod toolchain;
pub mod version;

pub use catalog::{Catalog, CatalogError};
pub use components::{Assignment, AssignmentError, AssignmentFault, assign};
pub use cpe::{Cpe, CpeError};
pub use diagnostic::Diagnostic;
pub use edit::{EditError, Edited, Facts, RecipeText, SourceFacts};
pub use format::{FormatError, format};
pub use image_spec::{
    ComponentRequest, ImageConfig, ImageSpec, Owner, SpecDirectory, SpecFile, SpecGroup, SpecLink, SpecUser,
};
pub use lint::{Remark, Subject, lint};
pub use model::{
    Build, CcTarget, CcUnit, Component, Dependencies, Install, LocalFile, Recipe, Steps, Test, TestKind, Words,
};
pub use name::{ComponentName, NameError, OutputRef, RecipeName};
pub use nearest::nearest;
pub use parse::{load_image_spec, load_policy, parse_image_spec};
pub use places::{SpecPart, spec_line};
pub use policy::{AllowedProgram, Date, Policy, Rule, Waiver};
pub use runtime::{CAPABILITIES, Runtime, WritablePath};
pub use source::{Location, LocationError, Source};
pub use template::{Match, Shelf, Template};
pub use toolchain::{
    Emulator, Linked, Links, Phase, Preset, SeedLibrary, SeedPackage, Seeds, Target, TargetFacts, Toolchain,
};
