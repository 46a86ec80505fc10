//! Sources into the store, verified.
//!
//! A source is known by its SHA-256; its locations are hints, tried in order and in rounds until one gives the right
//! bytes. Bytes are hashed while they are written, beside the store's sources, and published only when the digest is
//! right: wrong bytes never have the source's name. An interrupted download is kept and resumed, from whichever
//! location answers next. Two processes that want the same source do not download it twice: the second waits.
//!
//! Knows nothing of recipes, of what a source holds, or of who asks. Which hosts are asked is the user's choice:
//! see [`Mirrors`].

mod error;
mod index;
mod listing;
mod mirrors;
mod partial;
mod pin;
mod round;
mod suites;

pub use error::{ConfigError, FetchError, Refusal};
pub use index::{Address, CrateFile, SparseIndex};
pub use listing::{Listed, list};
pub use mirrors::Mirrors;
pub use partial::Partial;
pub use pin::Pinned;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;

use crate::digest::Sha256;
use crate::http::Client;
use crate::progress::{Event, Sink};
use crate::recipe::Location;
use crate::store::Store;

/// One source to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The file's name, for people.
    pub label: String,
    /// What its bytes are.
    pub sha256: Sha256,
    /// Where they may be.
    pub locations: Vec<Location>,
}

/// How hard to try.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Only take what the store has.
    pub offline: bool,
    /// How often each place is asked when its errors are such as may pass.
    pub tries: u32,
    /// The pause before the second round over the places; it doubles with each further one.
    pub pause: Duration,
    /// How many sources are downloaded at a time.
    pub parallel: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self { offline: false, tries: 4, pause: Duration::from_secs(1), parallel: 8 }
    }
}

/// How often a waiting download looks whether another one has ended. Polled and not blocked in flock(2), so that
/// a run that is told to stop can stop.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// Fetches sources into one store.
pub struct Fetcher<'a> {
    /// Where they go.
    pub store: &'a Store,
    /// Who downloads them.
    pub client: &'a Client,
    /// What the mirror forms mean.
    pub mirrors: &'a Mirrors,
    /// How hard to try.
    pub policy: Policy,
    /// Who hears of it.
    pub sink: &'a dyn Sink,
}

impl Fetcher<'_> {
    /// The path of the verified source; downloads it if the store does not have it. Runs in a tokio runtime.
    ///
    /// # Errors
    /// [`FetchError::Unavailable`] when every location failed; the rest when this side did.
    pub async fn fetch(&self, request: &Request) -> Result<PathBuf, FetchError> {
        let Request { label, sha256, .. } = request;
        if let Some(path) = self.store.source(sha256) {
            return Ok(path);
        }
        if self.policy.offline {
            return Err(FetchError::Offline { label: label.clone(), sha256: *sha256 });
        }
        let mut partial = self.lock(request).await?;
        let result = match self.store.source(sha256) {
            // Another process has fetched it while we waited.
            Some(path) => Ok(path),
            None => self.fill(request, &mut partial).await,
        };
        partial.release().map_err(|error| FetchError::of_disk(label, error))?;
        result
    }

    /// Fetches all of them, some at a time; each source once, whatever the number of requests for it.
    ///
    /// # Errors
    /// Those of all sources that could not be had: a failure does not stop the others.
    pub async fn fetch_all(&self, requests: &[Request]) -> Result<(), Vec<FetchError>> {
        let queue = Mutex::new(distinct(requests).into_iter());
        let failures = Mutex::new(Vec::new());
        let next = || queue.lock().expect("no holder panics").next();
        let worker = async || {
            while let Some(request) = next() {
                if let Err(error) = self.fetch(&request).await {
                    failures.lock().expect("no holder panics").push(error);
                }
            }
        };
        let workers = self.policy.parallel.clamp(1, requests.len().max(1));
        join_all((0..workers).map(|_| worker()).collect()).await;
        let failures = failures.into_inner().expect("no holder panics");
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    /// The lock on the source's partial file, once no other download holds it.
    async fn lock(&self, request: &Request) -> Result<Partial, FetchError> {
        loop {
            let path = self.store.partial_source(&request.sha256);
            // In a thread of its own: what an earlier run left is hashed, which may take a while.
            let locked = tokio::task::spawn_blocking(move || Partial::try_lock(&path)).await;
            let locked = locked.expect("taking a lock does not panic");
            match locked.map_err(|error| FetchError::of_disk(&request.label, error))? {
                Some(partial) => return Ok(partial),
                None => tokio::time::sleep(LOCK_POLL).await,
            }
        }
    }

    /// Downloads into the partial file and publishes it.
    async fn fill(&self, request: &Request, partial: &mut Partial) -> Result<PathBuf, FetchError> {
        let Request { label, sha256, .. } = request;
        // A run that ended between the last byte and the publication has left all of it.
        if partial.digest() != *sha256 {
            let result = self.download(request, partial).await;
            let name = label.clone();
            self.sink.event(match result {
                Ok(_) => Event::DownloadFinished { name },
                Err(_) => Event::DownloadFailed { name },
            });
            result?;
        }
        let adopted = self.store.adopt_source(sha256, partial.path());
        adopted.map_err(|error| FetchError::of_store(label, error))
    }
}

/// One request for each digest, with the locations of all that ask for it.
fn distinct(requests: &[Request]) -> Vec<Request> {
    let mut distinct: Vec<Request> = Vec::new();
    let mut places = std::collections::BTreeMap::new();
    for request in requests {
        let place = *places.entry(request.sha256).or_insert(distinct.len());
        match distinct.get_mut(place) {
            None => distinct.push(request.clone()),
            Some(known) => {
                for location in &request.locations {
                    if !known.locations.contains(location) {
                        known.locations.push(location.clone());
                    }
                }
            }
        }
    }
    distinct
}

/// Runs futures concurrently in the current task, until all have ended.
async fn join_all<F: Future<Output = ()>>(futures: Vec<F>) {
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        running.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
