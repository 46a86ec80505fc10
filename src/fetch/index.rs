//! From an [`Address`] to a URL: the two kinds of index that may stand between; and what they and directories list.
//!
//! Cargo's index says in `config.json` how a crate's URL is formed (Cargo reference, "Index Format"); a Python index
//! lists each project's files on a page, as HTML (PEP 503) or JSON (PEP 691).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::digest::Sha256;
use crate::http::{Client, Document};

use super::error::Refusal;
use super::listing::Listed;
use super::round::decoded;

/// A way to a source's bytes: a URL, or an index that knows the URL.
#[derive(Debug, Clone)]
pub enum Address {
    /// The bytes are there.
    Url(String),
    /// A crate of a registry with a sparse index.
    Sparse {
        /// The registry.
        registry: Arc<SparseIndex>,
        /// What is looked for.
        file: CrateFile,
    },
    /// A file that a Python project's page lists.
    Simple {
        /// The page.
        page: String,
        /// The file's name.
        file: String,
    },
}

impl Address {
    /// The URL of the bytes; asks the index where there is one.
    ///
    /// # Errors
    /// When the index does not answer, is not understood, or does not have the file.
    pub async fn locate(&self, client: &Client) -> Result<String, Refusal> {
        match self {
            Self::Url(url) => Ok(url.clone()),
            Self::Sparse { registry, file } => Ok(file.url(registry.template(client).await?)),
            Self::Simple { page, file } => file_on_page(&client.document(page, SIMPLE).await?, page, file),
        }
    }
}

/// A cargo registry's sparse index, asked once for its configuration.
#[derive(Debug)]
pub struct SparseIndex {
    root: String,
    template: OnceCell<String>,
}

/// The part of `config.json` that downloads need.
#[derive(Debug, Deserialize)]
pub(super) struct IndexConfig {
    /// The download template.
    pub(super) dl: String,
    /// Whether downloads need a token, which we do not have.
    #[serde(default, rename = "auth-required")]
    pub(super) auth_required: bool,
}

impl SparseIndex {
    /// The index at a URL, without the `sparse+`.
    pub fn new(root: &str) -> Self {
        Self { root: root.trim_end_matches('/').to_owned(), template: OnceCell::new() }
    }

    /// The versions of a crate that are not yanked, each with the digest of its file (Cargo reference, "Index Format").
    pub(super) async fn versions(&self, client: &Client, name: &str) -> Result<Vec<Listed>, Refusal> {
        let lower = name.to_lowercase();
        let page = format!("{}/{}/{lower}", self.root, prefix(&lower));
        let document = client.document(&page, "text/plain").await?;
        let mut listed = Vec::new();
        for line in document.text.lines().filter(|line| !line.trim().is_empty()) {
            let bad =
                || Refusal::BadIndex { page: page.clone(), expected: "a crate's page in a cargo registry's index" };
            let entry: CrateVersion = serde_json::from_str(line).map_err(|_| bad())?;
            if !entry.yanked {
                listed.push(Listed { sha256: Some(entry.cksum.parse().map_err(|_| bad())?), name: entry.vers });
            }
        }
        Ok(listed)
    }

    async fn template(&self, client: &Client) -> Result<&str, Refusal> {
        let ask = async || {
            let page = format!("{}/config.json", self.root);
            let document = client.document(&page, "application/json").await?;
            let config = serde_json::from_str::<IndexConfig>(&document.text)
                .map_err(|_| Refusal::BadIndex { page, expected: "a cargo registry's config.json" })?;
            Ok(config.dl)
        };
        self.template.get_or_try_init(ask).await.map(String::as_str)
    }
}

/// One line of a crate's page in an index.
#[derive(Debug, Deserialize)]
struct CrateVersion {
    vers: String,
    cksum: String,
    #[serde(default)]
    yanked: bool,
}

/// A crate's packed file.
#[derive(Debug, Clone)]
pub struct CrateFile {
    /// The crate's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The packed file's digest.
    pub sha256: Sha256,
}

impl CrateFile {
    /// The URL by a `dl` template; a template without a marker gets `/{crate}/{version}/download`.
    pub fn url(&self, template: &str) -> String {
        const MARKERS: [&str; 5] = ["{crate}", "{version}", "{prefix}", "{lowerprefix}", "{sha256-checksum}"];
        let prefix = prefix(&self.name);
        let values =
            [self.name.clone(), self.version.clone(), prefix.clone(), prefix.to_lowercase(), self.sha256.to_string()];
        if !MARKERS.iter().any(|marker| template.contains(marker)) {
            return format!("{}/{}/{}/download", template.trim_end_matches('/'), self.name, self.version);
        }
        let markers = MARKERS.iter().zip(&values);
        markers.fold(template.to_owned(), |url, (marker, value)| url.replace(marker, value))
    }
}

/// The directory of a crate in an index: `1`, `2`, `3/s`, `se/rd`.
fn prefix(name: &str) -> String {
    // Crate names are ASCII, which `Location` has checked.
    match name.len() {
        0..=2 => name.len().to_string(),
        3 => format!("3/{}", &name[..1]),
        _ => format!("{}/{}", &name[..2], &name[2..4]),
    }
}

/// A Python project's name as indexes spell it (PEP 503, "Normalized Names").
pub(super) fn normalized(project: &str) -> String {
    let words = project.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

#[derive(Deserialize)]
struct ProjectPage {
    files: Vec<ProjectFile>,
}

#[derive(Deserialize)]
struct ProjectFile {
    filename: String,
    url: String,
    /// `true`, or why (PEP 592).
    #[serde(default)]
    yanked: serde_json::Value,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

/// The media types of a Python index's pages.
const SIMPLE: &str = "application/vnd.pypi.simple.v1+json, text/html;q=0.5";

fn project_page(document: &Document, page: &str) -> Result<ProjectPage, Refusal> {
    let bad = |_| Refusal::BadIndex { page: page.to_owned(), expected: "a PEP 691 project page" };
    serde_json::from_str(&document.text).map_err(bad)
}

/// The files of a Python project that are not yanked.
pub(super) async fn project_files(client: &Client, page: &str) -> Result<Vec<Listed>, Refusal> {
    let document = client.document(page, SIMPLE).await?;
    if document.content_type.contains("json") {
        let is_yanked =
            |file: &ProjectFile| !matches!(file.yanked, serde_json::Value::Null | serde_json::Value::Bool(false));
        let files = project_page(&document, page)?.files.into_iter().filter(|file| !is_yanked(file));
        let listed = files.map(|file| {
            let sha256 = file.hashes.get("sha256").and_then(|digest| digest.parse().ok());
            Listed { name: file.filename, sha256 }
        });
        return Ok(listed.collect());
    }
    let kept = anchors(&document.text).into_iter().filter(|anchor| !anchor.yanked);
    let listed = kept.map(|anchor| {
        let digest = anchor.href.split_once("#sha256=").map(|(_, digest)| digest);
        Listed { sha256: digest.and_then(|digest| digest.parse().ok()), name: anchor.text }
    });
    Ok(listed.collect())
}

/// The names in a directory, as the page says that a server makes of it. Their links count: texts are cut off.
pub(super) async fn directory_names(client: &Client, page: &str) -> Result<Vec<Listed>, Refusal> {
    let document = client.document(page, "text/html").await?;
    let name = |anchor: Anchor| {
        let path = anchor.href.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        let name = path.rsplit('/').next().unwrap_or_default();
        Listed { name: String::from_utf8_lossy(&decoded(name)).into_owned(), sha256: None }
    };
    Ok(anchors(&document.text).into_iter().map(name).filter(|listed| !listed.name.is_empty()).collect())
}

fn file_on_page(document: &Document, page: &str, file: &str) -> Result<String, Refusal> {
    let reference = if document.content_type.contains("json") {
        project_page(document, page)?.files.into_iter().find(|listed| listed.filename == file).map(|listed| listed.url)
    } else {
        anchors(&document.text).into_iter().find(|anchor| anchor.text == file).map(|anchor| anchor.href)
    };
    let not_listed = || Refusal::NotListed { page: crate::http::without_password(page), file: file.to_owned() };
    let url = reference.and_then(|reference| document.resolve(&reference)).ok_or_else(not_listed)?;
    // The fragment carries the index's digest of the file; ours is the recipe's.
    Ok(url.split('#').next().unwrap_or(&url).to_owned())
}

/// A link of an HTML page.
#[derive(Debug, PartialEq, Eq)]
struct Anchor {
    href: String,
    text: String,
    /// Whether it has the attribute of files that are not to be used any more (PEP 592).
    yanked: bool,
}

/// The links of an HTML page. PEP 503 pages are flat lists of anchors, whose text is the file's name.
fn anchors(html: &str) -> Vec<Anchor> {
    let lower = html.to_ascii_lowercase();
    let starts = lower.match_indices("<a").map(|(at, _)| at + 2);
    let tags = starts.filter(|at| lower[*at..].starts_with(|c: char| c.is_ascii_whitespace()));
    tags.filter_map(|at| {
        let (attributes, rest) = html[at..].split_at(tag_end(&html[at..])?);
        let text = rest[1..].split('<').next().unwrap_or_default().trim();
        let yanked = attributes.to_ascii_lowercase().contains(" data-yanked");
        Some(Anchor { href: unescaped(href(attributes)?), text: unescaped(text), yanked })
    })
    .collect()
}

/// Where a tag's `>` is: not within a quoted value.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    tag.find(|c| match quote {
        Some(open) if open == c => {
            quote = None;
            false
        }
        Some(_) => false,
        None if matches!(c, '"' | '\'') => {
            quote = Some(c);
            false
        }
        None => c == '>',
    })
}

fn href(attributes: &str) -> Option<&str> {
    let lower = attributes.to_ascii_lowercase();
    let starts_a_word = |at: &usize| attributes[..*at].ends_with(|c: char| c.is_ascii_whitespace());
    let at = lower.match_indices("href=").map(|(at, _)| at).find(starts_a_word)? + "href=".len();
    let value = &attributes[at..];
    match value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        Some(quote) => value[1..].split(quote).next(),
        None => value.split_whitespace().next(),
    }
}

fn unescaped(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, sign)| text.replace(entity, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_without_markers_is_a_base() {
        let file = CrateFile { name: "Serde_X".into(), version: "1.0.0+a".into(), sha256: Sha256::of(b"") };
        assert_eq!(file.url("https://example.org/dl/"), "https://example.org/dl/Serde_X/1.0.0+a/download");
        assert_eq!(
            file.url("https://example.org/{prefix}/{lowerprefix}/{crate}-{version}.crate?{sha256-checksum}"),
            format!("https://example.org/Se/rd/se/rd/Serde_X-1.0.0+a.crate?{}", Sha256::of(b""))
        );
    }

    #[test]
    fn short_names_have_directories_of_their_own() {
        assert_eq!(["a", "ab", "abc", "abcd"].map(prefix), ["1", "2", "3/a", "ab/cd"]);
    }

    #[test]
    fn a_project_is_normalized_as_indexes_do() {
        assert_eq!(normalized("Foo.-_Bar"), "foo-bar");
    }

    #[test]
    fn the_links_of_a_page_are_found_whatever_their_quotes() {
        let page = r##"<!DOCTYPE html><html><body>
            <a data-requires-python=">=3.8" data-href="no" href="../../f/x-1.0.tar.gz#sha256=00" >x-1.0.tar.gz</a><br/>
            <A HREF='/f/x-1.1.tar.gz?a=1&amp;b=2'>
               x-1.1.tar.gz
            </A>
            <a href=x-1.2.tar.gz data-yanked="bad">x-1.2.tar.gz</a> <a name="top">nothing</a>"##;
        let anchor = |href: &str, text: &str, yanked| Anchor { href: href.to_owned(), text: text.to_owned(), yanked };
        let expected = [
            anchor("../../f/x-1.0.tar.gz#sha256=00", "x-1.0.tar.gz", false),
            anchor("/f/x-1.1.tar.gz?a=1&b=2", "x-1.1.tar.gz", false),
            anchor("x-1.2.tar.gz", "x-1.2.tar.gz", true),
        ];
        assert_eq!(anchors(page), expected);
    }
}
