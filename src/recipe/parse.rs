//! A file's text becomes a value, or all of its faults with their places.
//!
//! Each format is read by asking a table for its fields one by one ([`Fields`]): what was asked for is what is
//! valid, so the list of valid fields in a diagnostic cannot drift from the code. A fault is noted and the reading
//! goes on; a value that lacks something because of a fault never leaves this module. Pure: local files are read
//! through a function that the caller gives, and what names refer to is left as [`Reference`]s for the catalogue.

mod build;
mod crates;
mod fields;
mod image;
mod license;
mod modules;
mod outputs;
mod recipe;
mod test;
mod text;
mod toolchain;

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::path::Path;

use fields::Fields;
use toml::de::DeTable;

use super::{ComponentName, Diagnostic, OutputRef, RecipeName};
use crate::digest::Sha256;

pub(super) use build::Presets;
pub(super) use image::read_image_spec;
pub use image::{load_image_spec, load_policy, parse_image_spec};
pub(super) use recipe::parse_recipe;
pub(super) use toolchain::{
    SeedSets, TargetFile, ToolchainFile, parse_preset, parse_seeds, parse_toolchain, unknown_seeds,
};

/// Reads a local file, given its path as seen from where the parsed file's own path is.
pub(super) type ReadLocal<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// A name in a file that must be some recipe's or component's.
#[derive(Debug)]
pub(super) struct Reference {
    pub span: Range<usize>,
    pub output: OutputRef,
    /// Whether it stands where only a recipe can be named.
    pub recipe_only: bool,
}

/// What came of a file: the value, unless it or a preset that it uses has faults.
#[derive(Debug)]
pub(super) struct Parsed<T> {
    pub value: Option<T>,
    pub faults: Vec<Diagnostic>,
    pub references: Vec<Reference>,
}

/// The file that is being read, and what has been found in it so far.
struct Document<'d> {
    file: &'d Path,
    text: &'d str,
    faults: RefCell<Vec<Diagnostic>>,
    references: RefCell<Vec<Reference>>,
}

impl Document<'_> {
    fn report(&self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        let fault = Diagnostic::new(self.file, self.text, span, message.into(), help);
        self.faults.borrow_mut().push(fault);
    }

    fn refer(&self, span: Range<usize>, output: OutputRef) {
        self.references.borrow_mut().push(Reference { span, output, recipe_only: false });
    }

    /// Notes that a recipe must have a component; its default one where none is given.
    fn refer_to_recipe(&self, span: Range<usize>, recipe: RecipeName, component: Option<ComponentName>) {
        let output = OutputRef { recipe, component };
        self.references.borrow_mut().push(Reference { span, output, recipe_only: true });
    }

    /// The place of `part` within a span of the text; the span itself where an escape hides it.
    fn within(&self, span: Range<usize>, part: &str) -> Range<usize> {
        match self.text[span.clone()].find(part) {
            Some(at) => span.start + at..span.start + at + part.len(),
            None => span,
        }
    }

    /// What its text hashes to.
    fn sha256(&self) -> Sha256 {
        Sha256::of(self.text.as_bytes())
    }

    /// The file's name without its extension.
    fn stem(&self) -> &str {
        self.file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("")
    }
}

/// Parses a file whose top-level fields `read` asks for. Broken TOML is reported alone: what follows from it would
/// be guesses.
fn parse<T>(file: &Path, text: &str, what: &'static str, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Parsed<T> {
    let document = Document { file, text, faults: RefCell::default(), references: RefCell::default() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let message = match error.message() {
            "duplicate key" => format!("`{}` is there twice", &text[span.clone()]),
            other => other.to_owned(),
        };
        document.report(span, message, None);
    }
    let value = if errors.is_empty() {
        let mut fields = Fields::new(&document, table.get_ref(), 0..0, what);
        let value = read(&mut fields);
        fields.finish();
        value
    } else {
        None
    };
    let mut faults = document.faults.into_inner();
    faults.sort_by_key(|fault| (fault.line, fault.column));
    let value = value.filter(|_| faults.is_empty());
    Parsed { value, faults, references: document.references.into_inner() }
}

#[cfg(test)]
mod tests;
