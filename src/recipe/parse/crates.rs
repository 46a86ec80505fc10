//! `Cargo.lock`: the crates that a build takes from a registry, each pinned by its checksum, which is the SHA-256 of
//! the `.crate` file. Pure; which of them a target really needs is cargo's to say.

use std::path::Path;

use toml::Spanned;

use super::fields::Fields;
use super::text::Line;
use super::{Document, Parsed, parse};
use crate::digest::Sha256;
use crate::path::RelPath;
use crate::recipe::{Location, Source};

/// The versions of the format that are known: those before have no checksum beside a package.
const VERSIONS: [u32; 2] = [3, 4];

/// What the lock says of one package.
struct Package {
    name: Spanned<String>,
    version: String,
    source: Option<Spanned<String>>,
    checksum: Option<Sha256>,
}

/// Reads the text of a `Cargo.lock`: each of its registry's crates becomes a source at `vendor/NAME-VERSION`. The
/// packages without a source are those that are built, and their own sources the recipe names.
pub(super) fn parse_crates(file: &Path, text: &str) -> Parsed<Vec<Source>> {
    parse(file, text, "the lock file", |fields| {
        if !has_known_version(fields) {
            return None;
        }
        let packages: Vec<_> = fields.tables("package", "[[package]]").into_iter().map(package).collect();
        // What of the manifest was not used, and what tools keep there.
        let _ = (fields.value("patch"), fields.value("metadata"));
        let document = fields.document;
        let foreign = packages.into_iter().flatten().filter(|package| package.source.is_some());
        let sources: Vec<_> = foreign.map(|package| source(&package, document)).collect();
        report_twins(&sources, document);
        sources.into_iter().map(|source| source.map(Spanned::into_inner)).collect()
    })
}

/// Whether the format is one that this module reads. What else is in a file of another is not looked at.
fn has_known_version(fields: &mut Fields<'_>) -> bool {
    let known = fields.optional::<Spanned<u32>>("version");
    if known.as_ref().is_some_and(|version| VERSIONS.contains(version.get_ref())) {
        return true;
    }
    for other in ["package", "patch", "metadata", "root"] {
        fields.value(other);
    }
    let help = Some("versions 3 and 4 are known: let a cargo of today write it anew".to_owned());
    match known {
        Some(version) => {
            let message = format!("the lock file has the version {}", version.get_ref());
            fields.document.report(version.span(), message, help);
        }
        // What is no number has been reported.
        None if fields.has("version") => {}
        None => fields.report("the lock file states no version, as old ones that have no checksums", help),
    }
    false
}

fn package(mut fields: Fields<'_>) -> Option<Package> {
    let name = fields.required::<Spanned<Line>>("name");
    let version = fields.required::<Line>("version");
    let source = fields.optional("source");
    let checksum = fields.optional("checksum");
    let has_checksum = fields.has("checksum");
    let _ = (fields.value("dependencies"), fields.value("replace"));
    fields.finish();
    if has_checksum && checksum.is_none() {
        return None;
    }
    let name = name?;
    let name = Spanned::new(name.span(), name.into_inner().0);
    Some(Package { name, version: version?.0, source, checksum })
}

/// A crate as a source. `None` when a fault has been reported.
fn source(package: &Package, document: &Document<'_>) -> Option<Spanned<Source>> {
    let Package { name, version, source, checksum } = package;
    let (text, origin) = (name.get_ref(), source.as_ref()?);
    if !["registry+", "sparse+"].iter().any(|kind| origin.get_ref().starts_with(kind)) {
        let from = if origin.get_ref().starts_with("git+") { "a git repository" } else { "no registry" };
        let message = format!("`{text}` {version} comes from {from}: no checksum pins what is built");
        let help = "lock a release that a registry has, or make it a [[source]] and a path for cargo";
        document.report(origin.span(), message, Some(help.to_owned()));
        return None;
    }
    let Some(sha256) = *checksum else {
        let message = format!("`{text}` {version} has no checksum");
        let help = "let `cargo generate-lockfile` write the lock file anew: it takes checksums from the registry";
        document.report(name.span(), message, Some(help.to_owned()));
        return None;
    };
    let (into, location) = (format!("vendor/{text}-{version}"), format!("crate:{text}/{version}"));
    let Some((into, location)) = RelPath::new(into).ok().zip(location.parse::<Location>().ok()) else {
        document.report(name.span(), format!("`{text}` {version} is not the name and version of a crate"), None);
        return None;
    };
    let source = Source { sha256, locations: vec![location], into, strip: 1, unpack: true };
    Some(Spanned::new(name.span(), source))
}

/// Reports crates of the same name and version, which two registries can have.
fn report_twins(sources: &[Option<Spanned<Source>>], document: &Document<'_>) {
    let mut seen = std::collections::BTreeSet::new();
    for source in sources.iter().flatten() {
        let Location::Crate { name, version } = &source.get_ref().locations[0] else { continue };
        if !seen.insert((name, version)) {
            document.report(source.span(), format!("`{name}` {version} is there twice"), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"# It is not intended for manual editing.
version = 4

[[package]]
name = "wall"
version = "0.1.0"
dependencies = ["stone"]

[[package]]
name = "stone"
version = "1.0.0+grey"
source = "registry+https://example.org/index"
checksum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"#;

    #[test]
    fn what_comes_from_a_registry_is_a_source_and_what_is_built_is_none() {
        let Parsed { value, faults, .. } = parse_crates(Path::new("Cargo.lock"), LOCK);
        assert!(faults.is_empty());
        let source = Source {
            sha256: Sha256::of(b""),
            locations: vec!["crate:stone/1.0.0+grey".parse().unwrap()],
            into: RelPath::new("vendor/stone-1.0.0+grey").unwrap(),
            strip: 1,
            unpack: true,
        };
        assert_eq!(source.file_name(), "stone-1.0.0+grey.crate");
        assert_eq!(value.unwrap(), [source]);
    }
}
