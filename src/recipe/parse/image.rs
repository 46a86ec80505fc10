//! `recipes/images/NAME.toml`, or any other file that says what an image holds.

mod accounts;
mod config;
mod entries;
mod policy;
mod runtime;
mod size;

use std::io;
use std::path::Path;

use accounts::accounts;
use config::config;
use entries::additions;
use policy::policy;
use runtime::runtime;
use toml::Spanned;
use toml::de::DeValue;

use super::fields::{Fields, Value};
use super::text::report_repeats;
use super::{Document, Parsed, ReadLocal, parse};
use crate::path::{PathError, RelPath};
use crate::recipe::{CatalogError, ComponentRequest, Diagnostic, ImageSpec, OutputRef, Policy, Target};

/// Parses an image spec. Files that it names are read through `read`, given their path beside the spec.
///
/// # Errors
/// All faults of the file, in its order.
pub fn parse_image_spec(
    file: &Path,
    text: &str,
    read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<ImageSpec, Vec<Diagnostic>> {
    let parsed = read_image_spec(file, text, read);
    parsed.value.ok_or(parsed.faults)
}

/// Reads and parses an image spec, without asking whether what it names exists
/// ([`super::super::Catalog::load_image_spec`] does).
///
/// # Errors
/// When the file cannot be read, or all its faults.
pub fn load_image_spec(file: &Path) -> Result<ImageSpec, CatalogError> {
    let text = crate::fs::read_to_string(file)?;
    parse_image_spec(file, &text, &|path| std::fs::read(path)).map_err(CatalogError::Faults)
}

/// [`parse_image_spec`], with what the spec refers to.
pub(in crate::recipe) fn read_image_spec(file: &Path, text: &str, read: ReadLocal<'_>) -> Parsed<ImageSpec> {
    parse(file, text, "the image spec", |fields| image_spec(fields, read))
}

fn image_spec(fields: &mut Fields<'_>, read: ReadLocal<'_>) -> Option<ImageSpec> {
    let name = fields.required::<ImageName>("name");
    let tag = fields.optional::<Tag>("tag");
    let components = components(fields);
    let config_table = fields.table("config", "[config]");
    let accounts = accounts(fields);
    let config = config_table.map(|table| config(table, &accounts)).unwrap_or_default();
    let additions = additions(fields, read);
    let policy = policy(fields, read);
    let runtime = fields.table("runtime", "[runtime]").map(runtime).unwrap_or_default();
    let targets = targets(fields);
    Some(ImageSpec {
        name: name?.0,
        tag: tag.map_or_else(|| "latest".to_owned(), |tag| tag.0),
        components: components?,
        config,
        users: accounts.users,
        groups: accounts.groups,
        files: additions.files,
        directories: additions.directories,
        links: additions.links,
        policy,
        runtime,
        targets,
        file: fields.document.file.to_owned(),
    })
}

/// Reads and parses a policy that stands in a file of its own.
///
/// # Errors
/// When the file cannot be read, or all its faults.
pub fn load_policy(file: &Path) -> Result<Policy, CatalogError> {
    let text = crate::fs::read_to_string(file)?;
    let parsed = policy::read_policy(file, &text, &|path| std::fs::read(path));
    let mut policy = parsed.value.ok_or(CatalogError::Faults(parsed.faults))?;
    policy.files.push(file.to_owned());
    Ok(policy)
}

/// The field `targets`, which may be missing.
pub(super) fn targets(fields: &mut Fields<'_>) -> Vec<Target> {
    let targets: Vec<Spanned<String>> = fields.or_default("targets");
    report_repeats(&targets, fields.document);
    targets.into_iter().map(|target| Target(target.into_inner())).collect()
}

/// The OCI distribution specification's `<name>`, without a registry.
struct ImageName(String);

impl Value for ImageName {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let inner = |c: char| edge(c) || matches!(c, '.' | '_' | '-');
        let usable = |part: &str| part.starts_with(edge) && part.ends_with(edge) && part.chars().all(inner);
        if text.split('/').all(usable) && !text.contains("..") {
            return Some(Self(text));
        }
        let message = format!(
            "`{text}` is not an image name: it needs lower-case letters, digits, and `.`, `_`, `-` or `/` between them"
        );
        document.report(value.span(), message, None);
        None
    }
}

/// The OCI distribution specification's `<reference>` as a tag.
struct Tag(String);

impl Value for Tag {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if text.len() <= 128 && text.starts_with(first) && text.chars().all(|c| first(c) || c == '.' || c == '-') {
            return Some(Self(text));
        }
        let message = format!("`{text}` is not a tag: it needs at most 128 letters, digits, `_`, `.` or `-`");
        document.report(value.span(), message, None);
        None
    }
}

fn components(fields: &mut Fields<'_>) -> Option<Vec<ComponentRequest>> {
    let requests = fields.required::<Vec<Spanned<ComponentRequest>>>("components")?;
    let outputs: Vec<_> =
        requests.iter().map(|request| Spanned::new(request.span(), &request.get_ref().output)).collect();
    report_repeats(&outputs, fields.document);
    Some(requests.into_iter().map(Spanned::into_inner).collect())
}

impl Value for ComponentRequest {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            let output = OutputRef::read(value, document)?;
            document.refer(value.span(), output.clone());
            return Some(Self { output, only: None });
        };
        let mut fields = Fields::new(document, table, value.span(), "a component of the image");
        let name = fields.required::<Spanned<OutputRef>>("name");
        let only = fields.optional::<Only>("only");
        fields.finish();
        let name = name?;
        document.refer(name.span(), name.get_ref().clone());
        Some(Self { output: name.into_inner(), only: only.map(|only| only.0) })
    }
}

/// The paths that a component is trimmed to. They are paths of the image, so they are best written as absolute ones;
/// those of the component's manifest are taken as well.
struct Only(Vec<RelPath>);

impl Value for Only {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let texts = Vec::<Spanned<String>>::read(value, document)?;
        if texts.is_empty() {
            let help = "name a file or directory of the component, or leave `only` out to have it whole";
            document.report(value.span(), "`only` names nothing", Some(help.to_owned()));
            return None;
        }
        let path = |text: &Spanned<String>| {
            let wanted = text.get_ref();
            let unusable = |error: PathError| {
                document.report(text.span(), format!("`{wanted}` is not a usable path: {}", error.reason), None);
            };
            RelPath::new(wanted.strip_prefix('/').unwrap_or(wanted)).map_err(unusable).ok()
        };
        let paths: Vec<_> = texts.iter().map(path).collect();
        paths.into_iter().collect::<Option<_>>().map(Self)
    }
}
