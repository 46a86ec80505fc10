//! `recipes/NAME.toml`.

use std::fmt::Display;
use std::path::Path;

use toml::Spanned;

use super::build::{Listed, Presets, build};
use super::fields::{Fields, Value};
use super::image::targets;
use super::license::License;
use super::outputs::{Outputs, outputs};
use super::test::test;
use super::text::{Line, report_repeats};
use super::{Document, Parsed, ReadLocal, parse};
use crate::digest::{Blake3, Sha256};
use crate::path::RelPath;
use crate::recipe::{ComponentName, Dependencies, LocalFile, Location, Recipe, RecipeName, Source, Test};

/// Parses a recipe. Local files are read from the directory beside it that bears its name.
pub(in crate::recipe) fn parse_recipe(
    file: &Path,
    text: &str,
    presets: &Presets,
    read: ReadLocal<'_>,
) -> Parsed<Recipe> {
    parse(file, text, "the recipe", |fields| recipe(fields, presets, read))
}

fn recipe(fields: &mut Fields<'_>, presets: &Presets, read: ReadLocal<'_>) -> Option<Recipe> {
    let name = named_as_file::<RecipeName>(fields);
    let version = version(fields);
    let summary = fields.required::<Line>("summary");
    let license = fields.required::<License>("license");
    let homepage = homepage(fields);
    let cpe = fields.optional("cpe");
    let targets = targets(fields);
    let files = local_files(fields, "files", read);
    let patches = local_files(fields, "patches", read);
    let sources = sources(fields, version.as_deref());
    if fields.has("patches") && !fields.has("source") {
        fields.report("patches are applied to the main source, and there is none", None);
    }
    let dependencies = dependencies(fields);
    let build = fields.required_table("build", "[build]").and_then(|table| build(table, presets, read));
    let outputs = outputs(fields);
    let tests = tests(fields, &outputs);
    let (build, lists) = build?;
    let (mut files, mut sources) = (files?, sources?);
    for Listed { file, sources: listed } in lists {
        if files.iter().all(|known| known.name != file.name) {
            files.push(file);
        }
        sources.extend(listed);
    }
    Some(Recipe {
        name: name?,
        version: version?,
        summary: summary?.0,
        license: license?.0,
        homepage,
        cpe,
        targets,
        files,
        patches: patches?,
        sources,
        dependencies,
        build,
        install: outputs.install,
        components: outputs.components,
        tests: tests?,
        file: fields.document.file.to_owned(),
        sha256: fields.document.sha256(),
    })
}

/// The field `name`, which must agree with the file's.
pub(super) fn named_as_file<T: Value + Display>(fields: &mut Fields<'_>) -> Option<T> {
    let name = fields.required::<Spanned<T>>("name")?;
    let (stem, text) = (fields.document.stem(), name.get_ref().to_string());
    if text != stem {
        let message = format!("the name is `{text}`, but the file is named `{stem}.toml`");
        let help = format!("write `{stem}`, or rename the file to `{text}.toml`");
        fields.document.report(name.span(), message, Some(help));
    }
    Some(name.into_inner())
}

// It becomes part of file names in the store's `roots/`.
fn version(fields: &mut Fields<'_>) -> Option<String> {
    let version = fields.required::<Spanned<Line>>("version")?;
    let text = &version.get_ref().0;
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '~' | '_');
    if !text.chars().all(usable) || text.starts_with('.') {
        let message = format!("`{text}` is not a version: it needs letters, digits, `.`, `+`, `-`, `~` or `_`");
        fields.document.report(version.span(), message, None);
    }
    Some(version.into_inner().0)
}

/// The field `homepage`, which may be missing.
pub(super) fn homepage(fields: &mut Fields<'_>) -> Option<String> {
    let homepage = fields.optional::<Spanned<Line>>("homepage")?;
    let text = &homepage.get_ref().0;
    if !text.starts_with("https://") && !text.starts_with("http://") {
        fields.document.report(homepage.span(), format!("`{text}` is not the address of a page"), None);
    }
    Some(homepage.into_inner().0)
}

fn local_files(fields: &mut Fields<'_>, key: &'static str, read: ReadLocal<'_>) -> Option<Vec<LocalFile>> {
    let names: Vec<Spanned<RelPath>> = fields.or_default(key);
    let document = fields.document;
    report_repeats(&names, document);
    let files: Vec<_> = names.into_iter().map(|name| local_file(name, document, read).map(|(file, _)| file)).collect();
    files.into_iter().collect()
}

/// A file in the recipe's own directory, and what is in it.
pub(super) fn local_file(
    name: Spanned<RelPath>,
    document: &Document<'_>,
    read: ReadLocal<'_>,
) -> Option<(LocalFile, Vec<u8>)> {
    let directory = document.file.with_extension("");
    let path = name.get_ref().under(&directory);
    match read(&path) {
        Ok(bytes) => {
            let (digest, sha256) = (Blake3::of(&bytes), Sha256::of(&bytes));
            Some((LocalFile { name: name.into_inner(), path, digest, sha256 }, bytes))
        }
        Err(error) => {
            let message = format!("cannot read {}: {error}", path.display());
            let help = format!("files beside a recipe are looked for in {}", directory.display());
            document.report(name.span(), message, Some(help));
            None
        }
    }
}

fn sources(fields: &mut Fields<'_>, version: Option<&str>) -> Option<Vec<Source>> {
    let tables = fields.tables("source", "[[source]]");
    let sources: Vec<_> =
        tables.into_iter().enumerate().map(|(index, table)| source(table, index == 0, version)).collect();
    sources.into_iter().collect()
}

fn source(mut fields: Fields<'_>, main: bool, version: Option<&str>) -> Option<Source> {
    let sha256 = fields.required::<Sha256>("sha256");
    let urls = fields.required::<Spanned<Vec<Spanned<String>>>>("urls");
    let into = fields.optional::<RelPath>("into");
    let strip = fields.optional::<Spanned<u32>>("strip");
    let unpack = fields.optional::<bool>("unpack").unwrap_or(true);
    if !main && !fields.has("into") {
        let help = "only the first source has a place of its own, `src`: say `into = \"DIRECTORY\"` below /build";
        fields.report("the field `into` is missing in a further [[source]]", Some(help.to_owned()));
    }
    if let (Some(strip), false) = (&strip, unpack) {
        fields.document.report(strip.span(), "`strip` has no meaning for a file that is not unpacked", None);
    }
    let locations = urls.and_then(|urls| locations(&urls, version, fields.document));
    fields.finish();
    let main_place = || main.then(|| RelPath::new("src").expect("`src` is a relative path"));
    Some(Source {
        sha256: sha256?,
        locations: locations?,
        into: into.or_else(main_place)?,
        strip: strip.map_or(1, |strip| strip.into_inner() as usize),
        unpack,
    })
}

fn locations(
    urls: &Spanned<Vec<Spanned<String>>>,
    version: Option<&str>,
    document: &Document<'_>,
) -> Option<Vec<Location>> {
    if urls.get_ref().is_empty() {
        document.report(urls.span(), "a source needs at least one location", None);
    }
    let locations: Vec<_> = urls.get_ref().iter().map(|url| location(url, version, document)).collect();
    locations.into_iter().collect()
}

fn location(url: &Spanned<String>, version: Option<&str>, document: &Document<'_>) -> Option<Location> {
    let text = url.get_ref().replace("{version}", version.unwrap_or("0"));
    if let Some(open) = text.find(['{', '}']) {
        let end = text[open..].find('}').map_or(text.len(), |close| open + close + 1);
        let placeholder = &text[open..end];
        let help = "the only placeholder is `{version}`".to_owned();
        let place = document.within(url.span(), placeholder);
        document.report(place, format!("unknown placeholder `{placeholder}`"), Some(help));
        return None;
    }
    text.parse().map_err(|error| document.report(url.span(), format!("{error}"), None)).ok()
}

fn dependencies(fields: &mut Fields<'_>) -> Dependencies {
    let Some(mut table) = fields.table("dependencies", "[dependencies]") else { return Dependencies::default() };
    let target = recipe_names(&mut table, "target", Some(ComponentName::dev()));
    let build = recipe_names(&mut table, "build", None);
    table.finish();
    Dependencies { target, build }
}

/// Names of recipes that must have a component; their default one where none is given.
pub(super) fn recipe_names(
    fields: &mut Fields<'_>,
    key: &'static str,
    component: Option<ComponentName>,
) -> Vec<RecipeName> {
    let names: Vec<Spanned<RecipeName>> = fields.or_default(key);
    report_repeats(&names, fields.document);
    for name in &names {
        fields.document.refer_to_recipe(name.span(), name.get_ref().clone(), component.clone());
    }
    names.into_iter().map(Spanned::into_inner).collect()
}

fn tests(fields: &mut Fields<'_>, outputs: &Outputs) -> Option<Vec<Test>> {
    let tables = fields.tables("test", "[[test]]");
    if tables.is_empty() {
        let help = "add [[test]] with `run = [\"PROGRAM\", …]`, or with `script = \"…\"` for a library";
        fields.report("a recipe needs a test", Some(help.to_owned()));
    }
    let tests: Vec<_> = tables.into_iter().map(|table| test(table, outputs)).collect();
    tests.into_iter().collect()
}
