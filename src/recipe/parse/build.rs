//! `[build]`. Which fields are valid depends on the preset: a preset of phases takes the words that it has
//! placeholders for, `cc` takes what is to be compiled.

use std::collections::BTreeMap;
use std::path::Path;

use globset::Glob;
use toml::Spanned;
use toml::de::DeValue;

use super::crates::parse_crates;
use super::fields::{Entries, Fields, Value, mismatch};
use super::modules::parse_modules;
use super::recipe::local_file;
use super::text::{Line, environment, relative};
use super::toolchain::placeholders;
use super::{Document, Parsed, ReadLocal};
use crate::path::RelPath;
use crate::recipe::nearest::{did_you_mean, listed};
use crate::recipe::{Build, CcTarget, CcUnit, LocalFile, Preset, Source, Steps, Words};

/// The presets of phases by name; `None` where the file exists but has faults.
pub(in crate::recipe) type Presets = BTreeMap<String, Option<Preset>>;

const CC: &str = "cc";

/// Sources that a local file lists.
pub(super) struct Listed {
    /// The file.
    pub file: LocalFile,
    /// Each of them.
    pub sources: Vec<Source>,
}

pub(super) fn build(mut fields: Fields<'_>, presets: &Presets, read: ReadLocal<'_>) -> Option<(Build, Vec<Listed>)> {
    let Some(preset) = fields.required::<Spanned<String>>("preset") else {
        fields.abandon();
        return None;
    };
    let name = preset.get_ref().as_str();
    fields.qualify(&format!(" with the preset `{name}`"));
    let dir = fields.optional::<RelPath>("dir");
    let env = environment(&mut fields, "env");
    let steps = if name == CC {
        cc(&mut fields).map(|target| (Steps::Cc(target), Vec::new()))
    } else {
        match presets.get(name) {
            Some(Some(preset)) => shell(&mut fields, preset, read),
            // What it takes is known when its own faults have been mended.
            Some(None) => return None,
            None => return unknown(&preset, presets, fields.document),
        }
    };
    fields.finish();
    let (steps, listed) = steps?;
    Some((Build { dir, env, steps }, listed))
}

fn unknown<T>(preset: &Spanned<String>, presets: &Presets, document: &Document<'_>) -> Option<T> {
    let name = preset.get_ref();
    let known = || presets.keys().map(String::as_str).chain([CC]);
    let nearest = did_you_mean(name, known()).map(|question| format!("{question} ")).unwrap_or_default();
    let help = format!("{nearest}presets are {}", listed(known(), "and"));
    document.report(preset.span(), format!("unknown preset `{name}`"), Some(help));
    None
}

fn shell(fields: &mut Fields<'_>, preset: &Preset, read: ReadLocal<'_>) -> Option<(Steps, Vec<Listed>)> {
    let taken = placeholders(preset);
    let takes = |word: &str| taken.iter().any(|taken| taken == word);
    let mut words = Words::default();
    if takes("configure") {
        words.configure = fields.or_default("configure");
    }
    if takes("make") {
        words.make = fields.or_default("make");
    }
    if takes("targets") {
        words.targets = fields.or_default("targets");
    }
    if takes("install") {
        words.install = fields.optional("install").unwrap_or_else(|| vec!["install".to_owned()]);
    }
    if takes("ldflags") {
        words.ldflags = fields.or_default("ldflags");
    }
    let crates =
        takes("crates").then(|| fields.required("crates").and_then(|name| listed_in(name, fields, read, parse_crates)));
    let modules = if takes("modules") { fields.optional("modules") } else { None };
    let modules = modules.map(|name| listed_in(name, fields, read, parse_modules));
    let (mut prepare, mut finish) = (None, None);
    if takes("script") {
        // The only phase: what comes before and after is part of it.
        words.script = Some(fields.required("script")?);
    } else {
        prepare = fields.optional("prepare");
        finish = fields.optional("finish");
    }
    words.crates = crates.as_ref().and_then(|crates| Some(crates.as_ref()?.file.name.clone()));
    words.modules = modules.as_ref().and_then(|modules| Some(modules.as_ref()?.file.name.clone()));
    let listed = crates.into_iter().chain(modules).collect::<Option<Vec<_>>>()?;
    Some((Steps::Shell { preset: preset.name.clone(), words: Box::new(words), prepare, finish }, listed))
}

/// The sources that a local file lists. Its faults stand in its own lines.
fn listed_in(
    name: Spanned<RelPath>,
    fields: &Fields<'_>,
    read: ReadLocal<'_>,
    parse: fn(&Path, &str) -> Parsed<Vec<Source>>,
) -> Option<Listed> {
    let (document, place) = (fields.document, name.span());
    let (file, bytes) = local_file(name, document, read)?;
    let Ok(text) = String::from_utf8(bytes) else {
        document.report(place, format!("{} is not text", file.path.display()), None);
        return None;
    };
    let Parsed { value, faults, references: _ } = parse(&file.path, &text);
    document.faults.borrow_mut().extend(faults);
    Some(Listed { file, sources: value? })
}

fn cc(fields: &mut Fields<'_>) -> Option<CcTarget> {
    let units: Vec<_> = fields.tables("cc", "[[build.cc]]").into_iter().map(unit).collect();
    if units.is_empty() {
        let help = "add [[build.cc]] with `program` or `library`, and `sources`";
        fields.report("nothing is compiled", Some(help.to_owned()));
    }
    let copies: Entries<GlobText> = fields.or_default("copy");
    for (destination, _) in &copies.0 {
        let path = destination.get_ref().strip_suffix('/').unwrap_or(destination.get_ref());
        relative(path, destination.span(), fields.document);
    }
    let copies = copies.0.into_iter().map(|(destination, glob)| (destination.into_inner(), glob.0)).collect();
    Some(CcTarget { units: units.into_iter().collect::<Option<_>>()?, copies })
}

fn unit(mut fields: Fields<'_>) -> Option<CcUnit> {
    let program = fields.optional::<UnitName>("program");
    let library = fields.optional::<UnitName>("library");
    let is_library = fields.has("library");
    if fields.has("program") == is_library {
        fields.report("an entry of [[build.cc]] has either `program` or `library`", None);
    }
    let sources = fields.required::<Spanned<Vec<GlobText>>>("sources");
    if let Some(sources) = sources.as_ref().filter(|sources| sources.get_ref().is_empty()) {
        fields.document.report(sources.span(), "an entry of [[build.cc]] needs sources", None);
    }
    let unit = CcUnit {
        name: program.or(library).map(|name| name.0).unwrap_or_default(),
        library: is_library,
        sources: globs(sources.map(Spanned::into_inner)),
        exclude: globs(fields.optional("exclude")),
        include: fields.or_default::<Vec<Directory>>("include").into_iter().map(|directory| directory.0).collect(),
        define: definitions(&mut fields),
        flags: fields.or_default("flags"),
        libs: if is_library { Vec::new() } else { fields.or_default("libs") },
    };
    fields.finish();
    Some(unit)
}

fn globs(globs: Option<Vec<GlobText>>) -> Vec<String> {
    globs.into_iter().flatten().map(|glob| glob.0).collect()
}

fn definitions(fields: &mut Fields<'_>) -> BTreeMap<String, Option<String>> {
    let entries: Entries<Definition> = fields.or_default("define");
    entries.0.into_iter().map(|(name, definition)| (name.into_inner(), definition.0)).collect()
}

/// A glob that is applied when the sources are there.
struct GlobText(String);

impl Value for GlobText {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        Glob::read(value, document).map(|glob| Self(glob.glob().to_owned()))
    }
}

/// A program's or library's name: one part of a path.
struct UnitName(String);

impl Value for UnitName {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let Line(name) = Line::read(value, document)?;
        if RelPath::new(name.as_str()).is_ok_and(|path| path.file_name() == name) {
            return Some(Self(name));
        }
        document.report(value.span(), format!("`{name}` is not a file name"), None);
        None
    }
}

/// A directory below the sources, or `.`.
struct Directory(String);

impl Value for Directory {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        if text != "." {
            relative(&text, value.span(), document)?;
        }
        Some(Self(text))
    }
}

/// What a macro is defined as; `true` defines it without saying what as.
struct Definition(Option<String>);

impl Value for Definition {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        match value.get_ref() {
            DeValue::Boolean(true) => Some(Self(None)),
            DeValue::Boolean(false) => {
                document.report(value.span(), "a macro that is not defined need not be listed", None);
                None
            }
            DeValue::String(text) => Some(Self(Some(text.clone().into_owned()))),
            DeValue::Integer(number) => {
                mismatch(value, "text or `true`", document, Some(format!("write it in quotes: \"{number}\"")))
            }
            _ => mismatch(value, "text or `true`", document, None),
        }
    }
}
