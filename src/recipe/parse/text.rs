//! Values that are text of a certain form: names, paths, digests, globs, single lines, environments.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use globset::{Glob, GlobMatcher};
use toml::Spanned;
use toml::de::DeValue;

use super::Document;
use super::fields::{Entries, Fields, Value};
use crate::digest::Sha256;
use crate::path::RelPath;
use crate::path::glob;
use crate::recipe::{ComponentName, Cpe, OutputRef, RecipeName};

macro_rules! value_from_text {
    ($($name:ty),*) => {$(
        impl Value for $name {
            fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
                let text = String::read(value, document)?;
                text.parse().map_err(|error| document.report(value.span(), format!("{error}"), None)).ok()
            }
        }
    )*};
}

value_from_text!(RecipeName, ComponentName, OutputRef, Cpe, Sha256);

impl Value for RelPath {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        relative(&text, value.span(), document)
    }
}

/// A relative path; one with a slash at either end is told what to write.
pub(super) fn relative(text: &str, span: std::ops::Range<usize>, document: &Document<'_>) -> Option<RelPath> {
    let error = match RelPath::new(text) {
        Ok(path) => return Some(path),
        Err(error) => error,
    };
    let trimmed = RelPath::new(text.strip_prefix("/build/").unwrap_or(text).trim_matches('/')).ok();
    document.report(span, error.to_string(), trimmed.map(|path| format!("write `{path}`")));
    None
}

/// Text of one line, not empty.
pub(super) struct Line(pub String);

impl Value for Line {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        if text.trim().is_empty() {
            document.report(value.span(), "the text is empty", None);
            None
        } else if text.chars().any(char::is_control) {
            document.report(value.span(), "expected one line of text", None);
            None
        } else {
            Some(Self(text))
        }
    }
}

impl Value for GlobMatcher {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        Glob::read(value, document).map(|glob| glob.compile_matcher())
    }
}

impl Value for Glob {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        if let Some(relative) = text.strip_prefix('/') {
            let help = Some(format!("write `{relative}`"));
            document.report(
                value.span(),
                format!("`{text}` can match nothing: paths have no slash at the start"),
                help,
            );
            return None;
        }
        match glob(&text) {
            Ok(glob) => Some(glob),
            Err(error) => {
                document.report(value.span(), format!("`{text}` is not a glob: {}", error.kind()), None);
                None
            }
        }
    }
}

/// Environment variables.
pub(super) fn environment(fields: &mut Fields<'_>, key: &'static str) -> BTreeMap<String, String> {
    let variables = variables(fields, key).into_iter();
    variables.map(|(name, value)| (name.into_inner(), value.into_inner())).collect()
}

/// Environment variables with their places.
pub(super) fn variables(fields: &mut Fields<'_>, key: &'static str) -> Vec<(Spanned<String>, Spanned<String>)> {
    let Entries(variables) = fields.or_default::<Entries<Spanned<String>>>(key);
    for (name, value) in &variables {
        let usable = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let text = name.get_ref();
        if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) || !text.chars().all(usable) {
            fields.document.report(name.span(), format!("`{text}` is not the name of an environment variable"), None);
        }
        if value.get_ref().contains('\0') {
            fields.document.report(value.span(), "an environment variable cannot hold a zero byte", None);
        }
    }
    variables
}

/// Reports what a list names twice.
pub(super) fn report_repeats<T: Ord + Display>(items: &[Spanned<T>], document: &Document<'_>) {
    let mut seen = BTreeSet::new();
    for item in items {
        if !seen.insert(item.get_ref()) {
            document.report(item.span(), format!("`{}` is named twice", item.get_ref()), None);
        }
    }
}
