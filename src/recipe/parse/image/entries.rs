//! `[[file]]`, `[[directory]]` and `[[link]]`: what a spec adds to the components' files.

use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use crate::path::RelPath;
use crate::recipe::parse::fields::{Fields, Value};
use crate::recipe::parse::text::{Line, report_repeats};
use crate::recipe::parse::{Document, ReadLocal};
use crate::recipe::{Owner, SpecDirectory, SpecFile, SpecLink};

/// What a spec adds.
pub(super) struct Additions {
    pub files: Vec<SpecFile>,
    pub directories: Vec<SpecDirectory>,
    pub links: Vec<SpecLink>,
}

pub(super) fn additions(fields: &mut Fields<'_>, read: ReadLocal<'_>) -> Additions {
    let tables = fields.tables("file", "[[file]]");
    let (file_paths, files) = tables.into_iter().filter_map(|table| file(table, read)).unzip();
    let tables = fields.tables("directory", "[[directory]]");
    let (directory_paths, directories) = tables.into_iter().filter_map(directory).unzip();
    let (link_paths, links) = fields.tables("link", "[[link]]").into_iter().filter_map(link).unzip();
    let paths: [Vec<Spanned<Absolute>>; 3] = [file_paths, directory_paths, link_paths];
    report_repeats(&paths.concat(), fields.document);
    Additions { files, directories, links }
}

fn file(mut fields: Fields<'_>, read: ReadLocal<'_>) -> Option<(Spanned<Absolute>, SpecFile)> {
    let path = fields.required::<Spanned<Absolute>>("path");
    let content = content(&mut fields, read);
    let (content, source) = content.map_or((None, None), |(content, source)| (Some(content), source));
    let mode = fields.optional::<Mode>("mode").map_or(0o444, |mode| mode.0);
    let owner = fields.or_default("owner");
    fields.finish();
    let path = path?;
    let file = SpecFile { path: path.get_ref().0.clone(), content: content?, source, mode, owner };
    Some((path, file))
}

/// The bytes, and the file that they were read from.
fn content(fields: &mut Fields<'_>, read: ReadLocal<'_>) -> Option<(Vec<u8>, Option<PathBuf>)> {
    let content = fields.optional::<String>("content");
    let source = fields.optional::<Spanned<RelPath>>("source");
    if fields.has("content") == fields.has("source") {
        let help = "`content` is the text itself, `source` a file beside the spec";
        fields.report("a [[file]] has either `content` or `source`", Some(help.to_owned()));
        return None;
    }
    let Some(source) = source else { return content.map(|text| (text.into_bytes(), None)) };
    let path = fields.document.file.with_file_name(source.get_ref().as_str());
    let report =
        |error| fields.document.report(source.span(), format!("cannot read {}: {error}", path.display()), None);
    let bytes = read(&path).map_err(report).ok()?;
    Some((bytes, Some(path)))
}

fn directory(mut fields: Fields<'_>) -> Option<(Spanned<Absolute>, SpecDirectory)> {
    let path = fields.required::<Spanned<Absolute>>("path");
    let mode = fields.optional::<Mode>("mode").map_or(0o755, |mode| mode.0);
    let owner = fields.or_default("owner");
    fields.finish();
    let path = path?;
    let directory = SpecDirectory { path: path.get_ref().0.clone(), mode, owner };
    Some((path, directory))
}

fn link(mut fields: Fields<'_>) -> Option<(Spanned<Absolute>, SpecLink)> {
    let path = fields.required::<Spanned<Absolute>>("path");
    let target = fields.required::<Line>("target");
    fields.finish();
    let path = path?;
    let link = SpecLink { path: path.get_ref().0.clone(), target: target?.0 };
    Some((path, link))
}

/// A path in the image: absolute in the file, relative in the value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Absolute(pub RelPath);

impl std::fmt::Display for Absolute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "/{}", self.0)
    }
}

impl Value for Absolute {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        let Some(path) = text.strip_prefix('/') else {
            let message = format!("`{text}` is not an absolute path");
            document.report(value.span(), message, Some(format!("write `/{}`", text.trim_start_matches("./"))));
            return None;
        };
        match RelPath::new(path) {
            Ok(path) => Some(Self(path)),
            Err(error) => {
                document.report(value.span(), format!("`{text}` is not a usable path: {}", error.reason), None);
                None
            }
        }
    }
}

/// Permission bits, written as `chmod` takes them.
pub(super) struct Mode(pub u32);

impl Value for Mode {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        let octal = text.chars().all(|c| c.is_digit(8)) && (3..=4).contains(&text.len());
        match u32::from_str_radix(&text, 8) {
            Ok(mode) if octal => Some(Self(mode)),
            _ => {
                let message = format!("`{text}` is not a mode: it needs three or four octal digits");
                document.report(value.span(), message, Some("write it as chmod takes it: \"0644\"".to_owned()));
                None
            }
        }
    }
}

impl Value for Owner {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        let numbers = text.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
        match numbers {
            Some((uid, gid)) => Some(Self { uid, gid }),
            None => {
                let message = format!("`{text}` is not an owner: it needs the form UID:GID, as numbers");
                document.report(value.span(), message, None);
                None
            }
        }
    }
}
