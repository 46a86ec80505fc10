//! Fetches a file that is not pinned yet: what it hashes to is found, not known.
//!
//! The only place where bytes are taken from whoever gives them. A digest that an index states is held against them;
//! beyond that, what is pinned is what was served, and whether that is what upstream signed is for people to check.

use std::path::PathBuf;

use super::error::{FetchError, Refusal};
use super::listing::list;
use super::partial::Partial;
use super::round::Failure;
use super::{Fetcher, Request};
use crate::digest::Sha256;
use crate::progress::Event;
use crate::recipe::{Location, Shelf};

/// A file that is in the store now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// What it hashes to.
    pub sha256: Sha256,
    /// Where it is.
    pub path: PathBuf,
    /// Which location gave it; `None` where it was in the store already.
    pub from: Option<Location>,
}

impl Fetcher<'_> {
    /// Brings a file into the store from the first location that has it, and says what it hashes to. `known` is what
    /// it must hash to, where an index has said so.
    ///
    /// # Errors
    /// [`FetchError::Unpinned`] when no location gave anything; the rest as [`Fetcher::fetch`].
    pub async fn pin(&self, label: &str, locations: &[Location], known: Option<Sha256>) -> Result<Pinned, FetchError> {
        if let Some(sha256) = known {
            let there = self.store.source(&sha256).is_some();
            let request = Request { label: label.to_owned(), sha256, locations: locations.to_vec() };
            let path = self.fetch(&request).await?;
            return Ok(Pinned { sha256, path, from: locations.first().filter(|_| !there).cloned() });
        }
        let scratch = self.store.scratch().map_err(|error| FetchError::of_store(label, error))?;
        let partial = Partial::try_lock(&scratch.path().join("source"));
        let partial = partial.map_err(|error| FetchError::of_disk(label, error))?;
        let mut partial = partial.expect("a directory of this process's own has no other user");
        let mut refusals = Vec::new();
        for location in locations {
            match self.whole(label, location, &mut partial).await {
                Ok(sha256) => {
                    self.sink.event(Event::DownloadFinished { name: label.to_owned() });
                    let path = self.store.adopt_source(&sha256, partial.path());
                    let path = path.map_err(|error| FetchError::of_store(label, error))?;
                    return Ok(Pinned { sha256, path, from: Some(location.clone()) });
                }
                Err(Failure::Disk(error)) => return Err(FetchError::of_disk(label, error)),
                Err(Failure::Place(refusal)) => refusals.push(refusal),
            }
        }
        self.sink.event(Event::DownloadFailed { name: label.to_owned() });
        Err(FetchError::Unpinned { label: label.to_owned(), refusals })
    }

    /// All of what the first mirror that has it gives for a location.
    async fn whole(&self, label: &str, location: &Location, partial: &mut Partial) -> Result<Sha256, Failure> {
        let stated = self.stated(location).await?;
        // Only a crate's address can depend on the digest, and an index states that.
        let digest = stated.unwrap_or_else(|| Sha256::of(b""));
        let mut last = Refusal::NotListed { page: location.to_string(), file: label.to_owned() };
        for address in self.mirrors.resolve(location, &digest)? {
            for attempt in 0..self.policy.tries {
                if attempt > 0 {
                    tokio::time::sleep(self.policy.pause * 2_u32.saturating_pow(attempt - 1)).await;
                }
                partial.restart()?;
                let transferred = match address.locate(self.client).await {
                    Ok(url) => self.transfer(label, &url, partial).await.map(|found| (found, url)),
                    Err(refusal) => Err(refusal.into()),
                };
                match transferred {
                    Ok((found, _)) if stated.is_none_or(|stated| stated == found) => return Ok(found),
                    Ok((found, url)) => {
                        let url = crate::http::without_password(&url);
                        last = Refusal::WrongBytes { url, expected: digest, found };
                        break;
                    }
                    Err(Failure::Place(refusal)) if refusal.is_transient() => last = refusal,
                    Err(Failure::Place(refusal)) => {
                        last = refusal;
                        break;
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
        Err(last.into())
    }

    /// What an index says that a location's file hashes to.
    async fn stated(&self, location: &Location) -> Result<Option<Sha256>, Refusal> {
        let (shelf, name) = match location {
            Location::Crate { name, version } => (Shelf::Crate(name.clone()), version),
            Location::Pypi { project, file } => (Shelf::Pypi(project.clone()), file),
            Location::Url(_) | Location::Debian(_) | Location::Go { .. } => return Ok(None),
        };
        let listed = list(&shelf, self.mirrors, self.client).await?;
        match listed.into_iter().find(|listed| listed.name == *name) {
            Some(listed) => Ok(listed.sha256),
            None => Err(Refusal::NotListed { page: location.to_string(), file: name.clone() }),
        }
    }
}
