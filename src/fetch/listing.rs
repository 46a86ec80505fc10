//! What versions a location's place lists: a directory's page or an archive's index, a crate in the registry's index, a
//! Python project.
//!
//! Knows nothing of what the names mean. A place that does not answer within seconds lists nothing: most have no
//! list, and nobody waits for them.

use std::time::Duration;

use super::Mirrors;
use super::error::Refusal;
use super::index::{directory_names, project_files};
use super::mirrors::Page;
use super::round::file_path;
use crate::digest::Sha256;
use crate::fs;
use crate::http::{Client, without_password};
use crate::recipe::Shelf;

/// How long one page may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A name on a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// A file's or directory's name, or a crate's version.
    pub name: String,
    /// What the file hashes to, where the list says so.
    pub sha256: Option<Sha256>,
}

/// All that the pages of a shelf list; what is yanked is left out. Runs in a tokio runtime.
///
/// # Errors
/// Why the first page listed nothing, when none did.
pub async fn list(shelf: &Shelf, mirrors: &Mirrors, client: &Client) -> Result<Vec<Listed>, Refusal> {
    let mut found: Option<Vec<Listed>> = None;
    let mut first = None;
    for page in mirrors.pages(shelf)? {
        match patient(&page, client).await {
            Ok(listed) => found.get_or_insert_default().extend(listed),
            Err(refusal) => first = first.or(Some(refusal)),
        }
    }
    match (found, first) {
        (Some(found), _) => Ok(found),
        (None, Some(refusal)) => Err(refusal),
        (None, None) => Ok(Vec::new()),
    }
}

async fn patient(page: &Page, client: &Client) -> Result<Vec<Listed>, Refusal> {
    let slow = |_| Refusal::Slow { page: shown(page), seconds: PATIENCE.as_secs() };
    let answer = tokio::time::timeout(PATIENCE, names(page, client)).await.map_err(slow).flatten();
    match (answer, page) {
        // That it lists no directories counts for more than why its index does not help.
        (Err(refusal), Page::Pool { path, sources, .. }) => match sources.files(client, path).await {
            Err(unlisted @ Refusal::NotListed { .. }) => Err(unlisted),
            other => other.map_err(|_| refusal),
        },
        (answer, _) => answer,
    }
}

fn shown(page: &Page) -> String {
    match page {
        Page::Directory(url) | Page::Project(url) | Page::Pool { url, .. } => without_password(url),
        Page::Crate(_, name) => format!("crate:{name}"),
    }
}

async fn names(page: &Page, client: &Client) -> Result<Vec<Listed>, Refusal> {
    match page {
        Page::Directory(url) if url.starts_with("file:") => {
            let unreadable = |source| Refusal::File { url: url.clone(), source };
            let names = fs::list(&file_path(url)).map_err(unreadable)?.into_iter();
            Ok(names.map(|name| Listed { name: name.to_string_lossy().into_owned(), sha256: None }).collect())
        }
        Page::Directory(url) | Page::Pool { url, .. } => directory_names(client, url).await,
        Page::Project(url) => project_files(client, url).await,
        Page::Crate(index, name) => index.versions(client, name).await,
    }
}
