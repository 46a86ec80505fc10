//! What an unpacked source says of itself: how it is built, its licence, its homepage, what it is.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use regex::Regex;

use super::license;
use crate::fs::{self, FsError};

/// How many files below the root are looked at for licences.
const HEADS: usize = 400;
/// How much of each.
const HEAD: usize = 4096;
/// How long a summary may be.
const SUMMARY: usize = 90;

/// How a source is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    Autotools,
    Make,
    /// By what no recipe may use unless there is a preset for it.
    Other(&'static str),
    /// By nothing that is known.
    Unknown,
}

impl System {
    /// The preset that is for it.
    pub fn preset(self) -> Option<&'static str> {
        match self {
            Self::Autotools => Some("autotools"),
            Self::Make => Some("make"),
            Self::Other(name) => Some(name),
            Self::Unknown => None,
        }
    }
}

/// What was read.
#[derive(Debug)]
pub struct Findings {
    pub system: System,
    /// An SPDX expression.
    pub license: Option<String>,
    pub homepage: Option<String>,
    pub summary: Option<String>,
    /// What is not sure.
    pub unsure: Vec<String>,
}

/// Looks at a source.
///
/// # Errors
/// When it cannot be read.
pub fn inspect(root: &Path, name: &str) -> Result<Findings, FsError> {
    let names: Vec<String> = fs::list(root)?.into_iter().filter_map(|name| name.into_string().ok()).collect();
    let mut unsure = Vec::new();
    let cargo = cargo_facts(root);
    let own = |key: &str| cargo.as_ref().and_then(|table| table.get(key)?.as_str().map(str::to_owned));
    let system = system(&names, &mut unsure);
    let license = match own("license").map(|text| text.replace('/', " OR ")) {
        Some(license) => Some(license),
        None => license(root, &names, &mut unsure)?,
    };
    let readme = readme(root, &names);
    let configure = text(&root.join("configure"));
    let homepage = own("homepage").or_else(|| own("repository")).or_else(|| homepage(&configure, &readme, name));
    let summary = own("description").and_then(|text| first_sentence(&text)).or_else(|| first_sentence(&readme));
    if homepage.is_none() {
        unsure.push("the homepage: the source names none".to_owned());
    }
    unsure.push(match summary {
        Some(_) => "the summary: it is the first sentence that the source says of itself".to_owned(),
        None => "the summary: its README has no sentence that says what it is".to_owned(),
    });
    Ok(Findings { system, license, homepage, summary, unsure })
}

fn system(names: &[String], unsure: &mut Vec<String>) -> System {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    if has("configure") {
        return System::Autotools;
    }
    if has("configure.ac") || has("configure.in") {
        unsure.push(
            "the build: configure has to be generated from configure.ac, and there is no autoconf here; upstream's \
             own archive mostly has it"
                .to_owned(),
        );
    }
    // What brings its own rules beside a Makefile is mostly wrapped by that.
    let others = [("Cargo.toml", "cargo"), ("go.mod", "go"), ("meson.build", "meson"), ("CMakeLists.txt", "cmake")];
    let other = others.into_iter().find(|(file, _)| has(file));
    let make = ["GNUmakefile", "Makefile", "makefile"].into_iter().any(has);
    match (other, make) {
        (Some((_, name @ ("cargo" | "go"))), _) | (Some((_, name)), false) => System::Other(name),
        (_, true) => System::Make,
        (None, false) => System::Unknown,
    }
}

fn text(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn cargo_facts(root: &Path) -> Option<toml::Table> {
    let table: toml::Table = text(&root.join("Cargo.toml")).parse().ok()?;
    table.get("package")?.as_table().cloned()
}

fn license(root: &Path, names: &[String], unsure: &mut Vec<String>) -> Result<Option<String>, FsError> {
    let heads = heads(root)?;
    let identifiers: Vec<String> = heads.iter().flat_map(|head| license::identifiers(head)).collect();
    let is_text = |name: &&String| {
        let upper = name.to_uppercase();
        ["COPYING", "LICENSE", "LICENCE", "COPYRIGHT", "UNLICENSE"].iter().any(|word| upper.starts_with(word))
    };
    let files: Vec<&String> = names.iter().filter(is_text).filter(|name| root.join(name).is_file()).collect();
    let later = license::later(&heads);
    let mut of_texts = Vec::new();
    for file in &files {
        let Some(id) = license::of_text(&text(&root.join(file))) else { continue };
        of_texts.push(match (id.contains("GPL-"), later) {
            (false, _) => id.to_owned(),
            (true, Some(false)) => format!("{id}-only"),
            (true, _) => format!("{id}-or-later"),
        });
    }
    if of_texts.iter().any(|id| id.contains("GPL-")) && later.is_none() && identifiers.is_empty() {
        unsure.push("the licence: whether a later version may be taken is said nowhere".to_owned());
    }
    // What files say of themselves is more exact than a text beside them.
    let found = if identifiers.is_empty() { of_texts } else { identifiers };
    if found.is_empty() {
        let read = files.iter().map(|file| file.as_str()).collect::<Vec<_>>().join(", ");
        unsure.push(match read.is_empty() {
            true => "the licence: there is no file that says it".to_owned(),
            false => format!("the licence: {read} is not a text that is known"),
        });
        return Ok(None);
    }
    let expression = license::together(found);
    let from = files.iter().map(|file| file.as_str()).collect::<Vec<_>>().join(", ");
    unsure.push(format!(
        "the licence: {expression} by the words of {}",
        if from.is_empty() { "its files" } else { &from }
    ));
    Ok(Some(expression))
}

/// The beginnings of source files at the root and below it, tests and examples left out.
fn heads(root: &Path) -> Result<Vec<String>, FsError> {
    let mut heads = Vec::new();
    let mut pending: Vec<(PathBuf, usize)> = vec![(root.to_owned(), 0)];
    while let Some((directory, depth)) = pending.pop() {
        for name in fs::list(&directory)? {
            let path = directory.join(&name);
            let name = name.to_string_lossy();
            let kind = std::fs::symlink_metadata(&path).map_err(fs::failed("inspect", &path))?.file_type();
            if kind.is_dir()
                && depth < 2
                && !["test", "example", "doc", "vendor", "third"].iter().any(|word| name.starts_with(word))
            {
                pending.push((path, depth + 1));
            } else if kind.is_file() && [".c", ".h", ".cc", ".rs", ".go"].iter().any(|ending| name.ends_with(ending)) {
                let bytes = fs::read(&path)?;
                heads.push(String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD)]).into_owned());
                if heads.len() == HEADS {
                    return Ok(heads);
                }
            }
        }
    }
    Ok(heads)
}

fn readme(root: &Path, names: &[String]) -> String {
    let readme = names.iter().find(|name| name.to_uppercase().starts_with("README"));
    readme.map(|name| text(&root.join(name))).unwrap_or_default()
}

/// What autoconf was told, or else the first address in the README that has the name in it.
fn homepage(configure: &str, readme: &str, name: &str) -> Option<String> {
    static PATTERN: OnceLock<Regex> = OnceLock::new();
    let pattern = PATTERN.get_or_init(|| Regex::new(r#"https?://[^\s<>()\[\]"'`]+"#).expect("the pattern is valid"));
    let told = configure.lines().find_map(|line| line.strip_prefix("PACKAGE_URL='")?.strip_suffix('\''));
    let told = told.filter(|url| url.starts_with("http")).map(str::to_owned);
    let named = |url: &&str| {
        let page = !["/issues", "/actions", "badge", ".svg", ".tar"].iter().any(|word| url.contains(word));
        page && url.to_lowercase().contains(&name.to_lowercase())
    };
    let found = || pattern.find_iter(readme).map(|found| found.as_str()).find(named);
    told.or_else(|| found().map(|url| url.trim_end_matches(['.', ',', ';', ':']).to_owned()))
}

/// The first sentence of prose: no heading, badge, list or address.
fn first_sentence(text: &str) -> Option<String> {
    let mut paragraph = String::new();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for (at, line) in lines.iter().enumerate() {
        let under = lines.get(at + 1).is_some_and(|next| is_rule(next));
        let prose = line.starts_with(|c: char| c.is_alphabetic())
            && !under
            && !line.starts_with("http")
            && !line.contains("Copyright");
        if prose {
            paragraph.push_str(if paragraph.is_empty() { "" } else { " " });
            paragraph.push_str(line);
        } else if paragraph.split(' ').count() >= 4 {
            break;
        } else {
            paragraph.clear();
        }
    }
    let end = paragraph.find(". ").unwrap_or(paragraph.len());
    let sentence = paragraph[..end].trim_end_matches(['.', ':']).replace(['`', '*', '"', '\\'], "");
    let fits = (8..=SUMMARY).contains(&sentence.chars().count()) && sentence.split(' ').count() >= 3;
    fits.then_some(sentence)
}

fn is_rule(line: &str) -> bool {
    line.len() > 2 && line.chars().all(|c| matches!(c, '=' | '-' | '~' | '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_is_prose() {
        let readme = "# hello\n[![badge](https://x/badge.svg)](https://x)\n\nHello\n=====\n\nHello prints a friendly\n\
                      greeting. It is small.\n";
        assert_eq!(first_sentence(readme).as_deref(), Some("Hello prints a friendly greeting"));
        assert_eq!(first_sentence("# hello\n\n- a list\n"), None);
    }

    #[test]
    fn a_homepage_is_what_configure_knows_or_the_readme_names() {
        assert_eq!(
            homepage("PACKAGE_URL='https://a.example.org/'\n", "", "x").as_deref(),
            Some("https://a.example.org/")
        );
        let readme = "See https://ci.example.org/hello/badge.svg or <https://example.org/hello/>.";
        assert_eq!(homepage("PACKAGE_URL=''\n", readme, "hello").as_deref(), Some("https://example.org/hello/"));
        assert_eq!(homepage("", "https://example.org/other", "hello"), None);
    }

    #[test]
    fn a_build_system_is_told_by_its_files() {
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            system(&names, &mut Vec::new())
        };
        assert_eq!(of(&["configure", "CMakeLists.txt", "Makefile"]), System::Autotools);
        assert_eq!(of(&["Makefile", "CMakeLists.txt"]), System::Make);
        assert_eq!(of(&["Makefile", "go.mod"]), System::Other("go"));
        assert_eq!(of(&["meson.build"]), System::Other("meson"));
        assert_eq!(of(&["hello.c"]), System::Unknown);
    }
}
