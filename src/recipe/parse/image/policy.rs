//! `[policy]`, or `policy = "FILE"` with the same fields at the file's top level.

use std::path::{Path, PathBuf};

use globset::Glob;
use toml::Spanned;
use toml::de::DeValue;

use super::entries::Absolute;
use super::size::Size;
use crate::digest::Sha256;
use crate::path::RelPath;
use crate::recipe::nearest::did_you_mean;
use crate::recipe::parse::fields::{Fields, Value, mismatch};
use crate::recipe::parse::text::Line;
use crate::recipe::parse::{Document, ReadLocal, parse};
use crate::recipe::{AllowedProgram, Date, Policy, Rule, Waiver};

/// The policy of a spec: the shared one that it names, joined with its own.
pub(super) fn policy(fields: &mut Fields<'_>, read: ReadLocal<'_>) -> Policy {
    let file = fields.document.file;
    match fields.value("policy") {
        None => Policy::default(),
        Some(value) => match value.get_ref() {
            DeValue::String(_) => shared(value, fields.document, read, file).unwrap_or_default(),
            _ => fields.table("policy", "[policy]").map(|table| own(table, read)).unwrap_or_default(),
        },
    }
}

/// The policy of a file of its own.
pub(in crate::recipe) fn read_policy(
    file: &Path,
    text: &str,
    read: ReadLocal<'_>,
) -> crate::recipe::parse::Parsed<Policy> {
    parse(file, text, "the policy", |fields| Some(rules(fields, read)))
}

/// A policy that stands in another file, seen from beside this one.
fn shared(value: &Spanned<DeValue<'_>>, document: &Document<'_>, read: ReadLocal<'_>, beside: &Path) -> Option<Policy> {
    let Line(name) = Line::read(value, document)?;
    let path: PathBuf = beside.with_file_name(name);
    let text = match read(&path).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => {
            document.report(value.span(), format!("{} is not UTF-8 text", path.display()), None);
            return None;
        }
        Err(error) => {
            let help = Some("the path is seen from beside this file".to_owned());
            document.report(value.span(), format!("cannot read {}: {error}", path.display()), help);
            return None;
        }
    };
    let nested = |_: &Path| Err(std::io::Error::other("a shared policy extends no other"));
    let parsed = read_policy(&path, &text, &nested);
    document.faults.borrow_mut().extend(parsed.faults);
    parsed.value.map(|mut policy| {
        policy.files.push(path);
        policy
    })
}

fn own(mut fields: Fields<'_>, read: ReadLocal<'_>) -> Policy {
    let policy = rules(&mut fields, read);
    fields.finish();
    policy
}

fn rules(fields: &mut Fields<'_>, read: ReadLocal<'_>) -> Policy {
    let (document, file) = (fields.document, fields.document.file);
    let base = fields.value("extends").and_then(|value| shared(value, document, read, file)).unwrap_or_default();
    let paths = |paths: Vec<Absolute>| paths.into_iter().map(|path| path.0).collect::<Vec<RelPath>>();
    let policy = Policy {
        executables: paths(fields.or_default("executables")),
        privileged: paths(fields.or_default("privileged")),
        world_writable: paths(fields.or_default("world-writable")),
        user_writable: paths(fields.or_default("user-writable")),
        max_size: fields.optional::<Size>("max-size").map(|size| size.0),
        max_file_size: fields.optional::<Size>("max-file-size").map(|size| size.0),
        denied_names: fields
            .or_default::<Vec<Glob>>("denied-names")
            .iter()
            .map(|glob| glob.glob().to_owned())
            .collect(),
        denied_digests: fields
            .or_default::<Vec<Digest>>("denied-digests")
            .iter()
            .map(|digest| digest.0.to_string())
            .collect(),
        allowed: fields.tables("allow", "[[policy.allow]]").into_iter().filter_map(allowed).collect(),
        waivers: fields.tables("waiver", "[[policy.waiver]]").into_iter().filter_map(waiver).collect(),
        files: Vec::new(),
    };
    base.joined(policy)
}

fn allowed(mut fields: Fields<'_>) -> Option<AllowedProgram> {
    let program = fields.required::<Line>("program");
    let reason = fields.required::<Line>("reason");
    fields.finish();
    Some(AllowedProgram { program: program?.0, reason: reason?.0 })
}

fn waiver(mut fields: Fields<'_>) -> Option<Waiver> {
    let rule = fields.required("rule");
    let path = fields.optional::<Absolute>("path").map(|path| path.0);
    let reason = fields.required::<Line>("reason");
    let expires = fields.required("expires");
    fields.finish();
    Some(Waiver { rule: rule?, path, reason: reason?.0, expires: expires? })
}

/// A SHA-256 as tools print it: with or without `sha256:` before it.
struct Digest(Sha256);

impl Value for Digest {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        let digits = text.strip_prefix("sha256:").unwrap_or(&text);
        digits.parse().map(Self).map_err(|error| document.report(value.span(), format!("{error}"), None)).ok()
    }
}

impl Value for Rule {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        match Self::of_name(&text) {
            Some(Self::ExpiredWaiver | Self::UnusedWaiver) => {
                document.report(value.span(), format!("`{text}` is about waivers and cannot be waived"), None);
                None
            }
            Some(rule) => Some(rule),
            None => {
                let names = || Self::ALL.iter().map(|rule| rule.name());
                let help = did_you_mean(&text, names())
                    .unwrap_or_else(|| format!("the rules are {}", names().collect::<Vec<_>>().join(", ")));
                document.report(value.span(), format!("`{text}` is not a rule"), Some(help));
                None
            }
        }
    }
}

impl Value for Date {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let DeValue::Datetime(moment) = value.get_ref() else {
            let help = Some("write it without quotes: 2030-12-31".to_owned());
            return mismatch(value, "a date", document, help);
        };
        match (moment.date, moment.time) {
            (Some(date), None) => Some(Self { year: date.year, month: date.month, day: date.day }),
            _ => mismatch(value, "a day without a time", document, Some("write it as 2030-12-31".to_owned())),
        }
    }
}
