//! The rounds over a source's places, and one download from one place.
//!
//! In each round every place that may still help is asked once, in order, so that a second mirror is tried before the
//! first one's pause; between rounds the pause doubles. There is no jitter: a run can be told from its log.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use crate::digest::Sha256;
use crate::fs::{self, FsError};
use crate::http::HttpError;
use crate::progress::Event;

use super::error::{FetchError, Refusal};
use super::index::Address;
use super::partial::Partial;
use super::{Fetcher, Request};

/// A place in the rounds.
struct Place {
    address: Address,
    /// Why it failed last; `None` before its first try.
    refusal: Option<Refusal>,
}

impl Place {
    fn may_help(&self) -> bool {
        self.refusal.as_ref().is_none_or(Refusal::is_transient)
    }
}

/// Why a try ended: the place's fault, or this side's.
pub(super) enum Failure {
    Place(Refusal),
    Disk(FsError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Place(refusal)
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::Place(error.into())
    }
}

impl From<FsError> for Failure {
    fn from(error: FsError) -> Self {
        Self::Disk(error)
    }
}

impl Fetcher<'_> {
    /// Fills the partial file with the right bytes from any of the request's locations.
    pub(super) async fn download(&self, request: &Request, partial: &mut Partial) -> Result<(), FetchError> {
        let (mut places, unresolved) = self.places(request);
        for round in 0..self.policy.tries {
            if !places.iter().any(Place::may_help) {
                break;
            }
            if round > 0 {
                tokio::time::sleep(self.policy.pause * 2_u32.saturating_pow(round - 1)).await;
            }
            for place in places.iter_mut().filter(|place| place.may_help()) {
                match self.try_place(request, &place.address, partial).await {
                    Ok(()) => return Ok(()),
                    Err(Failure::Disk(error)) => return Err(FetchError::of_disk(&request.label, error)),
                    Err(Failure::Place(refusal)) => {
                        let (name, reason) = (request.label.clone(), refusal.line());
                        self.sink.event(Event::DownloadRetried { name, reason });
                        place.refusal = Some(refusal);
                    }
                }
            }
        }
        let refused = places.into_iter().filter_map(|place| place.refusal);
        Err(FetchError::Unavailable {
            label: request.label.clone(),
            sha256: request.sha256,
            refusals: refused.chain(unresolved).collect(),
        })
    }

    /// All addresses of a request, and why some of its locations have none.
    fn places(&self, request: &Request) -> (Vec<Place>, Vec<Refusal>) {
        let mut places = Vec::new();
        let mut unresolved = Vec::new();
        for location in &request.locations {
            match self.mirrors.resolve(location, &request.sha256) {
                Ok(addresses) => {
                    places.extend(addresses.into_iter().map(|address| Place { address, refusal: None }));
                }
                Err(refusal) => unresolved.push(refusal),
            }
        }
        (places, unresolved)
    }

    async fn try_place(&self, request: &Request, address: &Address, partial: &mut Partial) -> Result<(), Failure> {
        let expected = request.sha256;
        let url = address.locate(self.client).await?;
        let mut found = self.transfer(&request.label, &url, partial).await?;
        if found != expected && !partial.is_all_from(&url) {
            // Some of it came from elsewhere: this place is not to blame before all of it is its own.
            partial.restart()?;
            found = self.transfer(&request.label, &url, partial).await?;
        }
        if found == expected {
            return Ok(());
        }
        partial.restart()?;
        Err(Refusal::WrongBytes { url: crate::http::without_password(&url), expected, found }.into())
    }

    /// Appends what the place has beyond what is there; the digest of all of it.
    pub(super) async fn transfer(&self, label: &str, url: &str, partial: &mut Partial) -> Result<Sha256, Failure> {
        if url.starts_with("file:") {
            return self.copy(label, url, partial);
        }
        let mut body = match self.client.get(url, partial.length()).await {
            // What we have is not the beginning of what it has, or it cannot say: only the whole can tell.
            Err(HttpError::Range { .. }) => {
                partial.restart()?;
                self.client.get(url, 0).await?
            }
            result => result?,
        };
        if body.start() == 0 && partial.length() > 0 {
            partial.restart()?;
        }
        self.started(label, body.size(), partial.length());
        while let Some(chunk) = body.chunk().await? {
            partial.append(url, chunk.as_ref())?;
            self.advanced(label, chunk.as_ref().len());
        }
        Ok(partial.digest())
    }

    /// Copies a `file:` URL's file.
    fn copy(&self, label: &str, url: &str, partial: &mut Partial) -> Result<Sha256, Failure> {
        let unreadable = |source| Refusal::File { url: url.to_owned(), source };
        let path = file_path(url);
        let mut file = fs::open(&path).map_err(unreadable)?;
        let size = file.metadata().map_err(fs::failed("inspect", &path)).map_err(unreadable)?.len();
        partial.restart()?;
        self.started(label, Some(size), 0);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = file.read(&mut buffer).map_err(fs::failed("read", &path)).map_err(unreadable)?;
            if count == 0 {
                return Ok(partial.digest());
            }
            partial.append(url, &buffer[..count])?;
            self.advanced(label, count);
        }
    }

    fn started(&self, label: &str, size: Option<u64>, resumed_at: u64) {
        self.sink.event(Event::DownloadStarted { name: label.to_owned(), size, resumed_at });
    }

    fn advanced(&self, label: &str, bytes: usize) {
        self.sink.event(Event::DownloadAdvanced { name: label.to_owned(), bytes: bytes as u64 });
    }
}

/// The path of a `file:///` URL: percent-encoded bytes are decoded, others stand for themselves.
pub(super) fn file_path(url: &str) -> PathBuf {
    PathBuf::from(OsString::from_vec(decoded(url.strip_prefix("file://").unwrap_or(url))))
}

/// A part of a URL with its percent-encoded bytes decoded (RFC 3986, section 2.1).
pub(super) fn decoded(text: &str) -> Vec<u8> {
    let path = text.as_bytes();
    let mut bytes = Vec::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        let code = path.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if path[at] == b'%' => {
                bytes.push(byte);
                at += 3;
            }
            _ => {
                bytes.push(path[at]);
                at += 1;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_url_is_decoded() {
        assert_eq!(
            file_path("file:///srv/g%2b%2B-1%ff0"),
            PathBuf::from(OsString::from_vec(b"/srv/g++-1\xff0".into()))
        );
        assert_eq!(file_path("file:///100%/%+1"), PathBuf::from("/100%/%+1"));
    }
}
