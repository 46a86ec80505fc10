//! A list of Go modules: the archives that a build takes its packages from, one a line, each pinned by the SHA-256 of
//! the archive. Pure; which of them a program really needs is go's to say.
//!
//! `go.sum` is no such list: its hashes are of what is in an archive, and not of the archive.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Document, Parsed};
use crate::digest::Sha256;
use crate::path::RelPath;
use crate::recipe::{Location, Source};

/// Reads a list: a digest and a location on each line, with white space between; `#` begins a comment. A module of a
/// proxy becomes a source at `modules/MODULE@VERSION`, a Debian package one at `gopath/PACKAGE`.
pub(super) fn parse_modules(file: &Path, text: &str) -> Parsed<Vec<Source>> {
    let document = Document { file, text, faults: Default::default(), references: Default::default() };
    let mut sources = Vec::new();
    let mut places = BTreeSet::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.split('#').next().unwrap_or_default().trim();
        let begin = start + line.find(content).unwrap_or_default();
        let span = begin..begin + content.len();
        start += line.len();
        if content.is_empty() {
            continue;
        }
        match source(content) {
            Ok(source) if places.insert(source.into.clone()) => sources.push(source),
            Ok(source) => document.report(span, format!("there are two archives for /build/{}", source.into), None),
            Err(Fault { message, help }) => document.report(span, message, Some(help.to_owned())),
        }
    }
    let faults = document.faults.into_inner();
    Parsed { value: faults.is_empty().then_some(sources), faults, references: Vec::new() }
}

struct Fault {
    message: String,
    help: &'static str,
}

fn source(line: &str) -> Result<Source, Fault> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [sha256, location] = words[..] else {
        let help = "write `SHA256 gomod:MODULE/VERSION` or `SHA256 debian:pool/…/golang-….deb`";
        return Err(Fault { message: "a module needs a digest and a location, and nothing else".to_owned(), help });
    };
    let bad_digest = |error| Fault { message: format!("{error}"), help: "it is what sha256sum says of the archive" };
    let sha256: Sha256 = sha256.parse().map_err(bad_digest)?;
    let location: Location = location
        .parse()
        .map_err(|error| Fault { message: format!("{error}"), help: "of these, gomod: and debian: have modules" })?;
    let place = |text: String| RelPath::new(text).ok();
    let (into, strip) = match &location {
        // The paths in a module's archive begin with MODULE@VERSION/ (Go modules reference, "Module zip files").
        Location::Go { module, version } => (place(format!("modules/{module}@{version}")), module.split('/').count()),
        // What is below usr/share/gocode is a GOPATH (Debian Go packaging, "Binary-only library packages").
        Location::Debian(path) if path.as_str().ends_with(".deb") => {
            let package = path.file_name().split('_').next().unwrap_or_default();
            (place(format!("gopath/{package}")), 3)
        }
        _ => (None, 0),
    };
    let Some(into) = into else {
        let message = format!("`{location}` is neither a module of a proxy nor a Debian package");
        return Err(Fault { message, help: "a source of another kind is a [[source]] of the recipe" });
    };
    Ok(Source { sha256, locations: vec![location], into, strip, unpack: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_module_has_its_place_and_a_package_another() {
        let text = format!(
            "# Two.\n{DIGEST} gomod:example.org/Stone/v2/v2.1.0\n\n{DIGEST}\tdebian:pool/main/g/x/golang-x-dev_1_all.deb # x\n"
        );
        let Parsed { value, faults, .. } = parse_modules(Path::new("modules.list"), &text);
        assert!(faults.is_empty());
        let places = |source: &Source| (source.into.to_string(), source.strip);
        let expected = [("modules/example.org/Stone/v2@v2.1.0".to_owned(), 3), ("gopath/golang-x-dev".to_owned(), 3)];
        assert_eq!(value.unwrap().iter().map(places).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn faults_are_told_with_their_lines() {
        let other = DIGEST.replace("e3", "00");
        let text = format!(
            "{DIGEST} gomod:example.org/a/v1.0.0\n{other} gomod:example.org/a/v1.0.0\ngomod:example.org/b/v1.0.0\n\
             00 gomod:example.org/b/v1.0.0\n{DIGEST} gomod:b/v1\n{DIGEST} crate:b/1.0.0\n"
        );
        let faults = parse_modules(Path::new("recipes/wall/modules"), &text).faults;
        let text = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n");
        insta::assert_snapshot!(text, @r"
        error: there are two archives for /build/modules/example.org/a@v1.0.0
          --> recipes/wall/modules:2:1
           |
         2 | 00b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 gomod:example.org/a/v1.0.0
           | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

        error: a module needs a digest and a location, and nothing else
          --> recipes/wall/modules:3:1
           |
         3 | gomod:example.org/b/v1.0.0
           | ^^^^^^^^^^^^^^^^^^^^^^^^^^
           = help: write `SHA256 gomod:MODULE/VERSION` or `SHA256 debian:pool/…/golang-….deb`

        error: `00` is not a SHA-256 digest: it needs exactly 64 lower-case hexadecimal digits
          --> recipes/wall/modules:4:1
           |
         4 | 00 gomod:example.org/b/v1.0.0
           | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           = help: it is what sha256sum says of the archive

        error: `gomod:b/v1` is not a location: it needs the form https://…, http://…, file:///…, debian:pool/…, crate:NAME/VERSION, gomod:MODULE/VERSION or pypi:PROJECT/FILE
          --> recipes/wall/modules:5:1
           |
         5 | e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 gomod:b/v1
           | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           = help: of these, gomod: and debian: have modules

        error: `crate:b/1.0.0` is neither a module of a proxy nor a Debian package
          --> recipes/wall/modules:6:1
           |
         6 | e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 crate:b/1.0.0
           | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           = help: a source of another kind is a [[source]] of the recipe
        ");
    }
}
