//! One blob into a repository: not at all if it is there, by a mount if another repository has it, else by an upload
//! that goes on where it broke off ("Pushing blobs" of the distribution specification 1.1).
//!
//! A small blob is one POST and one PUT. A large one goes in chunks, each a PATCH; the upload's address is kept in
//! the [`Memory`] after each, so that also another run can ask how far it came. What a registry does with the rest of
//! a chunk that broke is its own affair: some keep it, some forget the whole upload; then the blob starts again, in
//! a new upload. A registry that does not take chunks gets the blob whole.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::{PublishError, is_transient};
use super::feed::{Blob, Feed};
use super::memory::{Memory, UploadNote};
use super::reference::Repository;
use super::registry::{Remote, retry_after};
use crate::attest::OciDigest;
use crate::digest::Sha256;
use crate::http::{Address, Answer, Call, HttpError, Method};
use crate::progress::{Event, Sink};

/// The largest blob that is sent in one request.
const SMALL: u64 = 4 << 20;
/// Large beside the time that a round trip takes, small beside what is lost when a connection breaks.
const CHUNK: u64 = 16 << 20;
/// How many repositories are asked for a mount.
const MOUNTS: usize = 3;
/// How often progress is told.
const TICK: Duration = Duration::from_millis(100);
const OCTETS: &str = "application/octet-stream";

/// How a blob got there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was sent.
    Uploaded,
    /// Another repository has it.
    Mounted,
}

/// Sends blobs into one repository.
pub(super) struct Uploader<'a> {
    pub remote: &'a Remote<'a>,
    pub memory: &'a Memory,
    /// Which other repositories are said to have which blob, the likeliest first.
    pub places: &'a BTreeMap<Sha256, Vec<Repository>>,
    pub sink: &'a dyn Sink,
}

/// An upload that the registry knows.
#[derive(Debug, Clone)]
struct Session {
    address: Address,
    /// How many bytes the registry has.
    offset: u64,
    /// The smallest chunk that it takes.
    minimum: u64,
}

/// How an upload began.
enum Begun {
    Mounted(Repository),
    Session(Session),
}

/// What one request brought.
enum Step {
    /// The blob is there.
    Done,
    /// The registry has more of it.
    On(Session),
    /// It broke, and may go on after a pause.
    Broke(PublishError, Option<Duration>),
    /// A challenge has been taken up: the same may be sent again.
    Challenged,
    /// The registry does not go on with this upload.
    Lost(PublishError),
}

impl Uploader<'_> {
    /// Sends a blob that the repository does not have.
    pub async fn send(&self, blob: &Blob) -> Result<Sent, PublishError> {
        let mut note = self.memory.upload(&self.remote.name, &blob.digest);
        let session = match self.resume(note.as_mut(), blob).await? {
            Some(session) => session,
            None => match self.begin(blob, true).await? {
                Begun::Mounted(from) => {
                    let (name, from) = (blob.digest.short(), from.to_string());
                    self.sink.event(Event::UploadSpared { name, from });
                    return Ok(forget(note, Sent::Mounted));
                }
                Begun::Session(session) => session,
            },
        };
        self.carry_on(blob, session, note.as_mut()).await?;
        self.sink.event(Event::UploadFinished { name: blob.digest.short() });
        Ok(forget(note, Sent::Uploaded))
    }

    /// Sends what is missing, until the blob is there.
    async fn carry_on(
        &self,
        blob: &Blob,
        mut session: Session,
        mut note: Option<&mut UploadNote>,
    ) -> Result<(), PublishError> {
        let mut feed = Feed::new(blob.clone());
        let (mut failures, mut losses, mut challenged, mut whole) = (0, 0, false, blob.size <= SMALL);
        self.started(blob, session.offset);
        loop {
            if let Some(note) = note.as_mut() {
                note.write(session.address.reveal());
            }
            let step = match whole || session.offset == blob.size {
                true => self.close(blob, &session, &mut feed).await,
                false => self.patch(blob, &session, &mut feed).await,
            };
            match step {
                Ok(Step::Done) => return Ok(()),
                Ok(Step::On(next)) => {
                    (failures, challenged) = (0, false);
                    session = next;
                }
                Ok(Step::Challenged) if challenged => return Err(self.remote.gate.refusal(&self.doing(blob)).await),
                Ok(Step::Challenged) => {
                    challenged = true;
                    self.started(blob, session.offset);
                }
                Ok(Step::Broke(error, wait)) => {
                    failures += 1;
                    self.pause(blob, error, failures, wait).await?;
                    match self.recover(blob, &session).await? {
                        Some(known) => session = known,
                        None => return Ok(()),
                    }
                }
                Ok(Step::Lost(error)) => {
                    losses += 1;
                    // First a new upload, then one without chunks, then it is the registry's last word.
                    if losses > 2 || whole && losses > 1 {
                        return Err(error);
                    }
                    whole |= losses > 1;
                    self.cancel(&session.address).await;
                    session = self.anew(blob).await?;
                }
                Err(error) => {
                    // What the registry refused may be let in later; a blob that is not whole never is.
                    if !matches!(error, PublishError::Http { .. } | PublishError::Answer { .. }) {
                        self.cancel(&session.address).await;
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Waits before another try, unless there have been enough.
    async fn pause(
        &self,
        blob: &Blob,
        error: PublishError,
        failures: u32,
        wait: Option<Duration>,
    ) -> Result<(), PublishError> {
        if failures >= self.remote.policy().tries {
            return Err(error);
        }
        let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        self.sink.event(Event::UploadRetried { name: blob.digest.short(), reason });
        tokio::time::sleep(wait.unwrap_or_else(|| self.remote.policy().pause_after(failures))).await;
        Ok(())
    }

    fn started(&self, blob: &Blob, resumed_at: u64) {
        self.sink.event(Event::UploadStarted { name: blob.digest.short(), size: blob.size, resumed_at });
    }

    fn doing(&self, blob: &Blob) -> String {
        format!("push sha256:{} to {}", blob.digest.short(), self.remote.place())
    }

    /// The upload that an earlier run left, if the registry still knows it.
    async fn resume(&self, note: Option<&mut UploadNote>, blob: &Blob) -> Result<Option<Session>, PublishError> {
        let Some(address) = note.and_then(UploadNote::read).and_then(|text| Address::parse(&text).ok()) else {
            return Ok(None);
        };
        self.status(&address, blob, 0).await
    }

    /// How far an upload came; `None` when the registry does not know it any more.
    async fn status(&self, address: &Address, blob: &Blob, minimum: u64) -> Result<Option<Session>, PublishError> {
        let doing = self.doing(blob);
        let answer = self.remote.ask(&Call::new(Method::Get, address.clone()), &doing).await?;
        if !matches!(answer.status(), 200 | 204) {
            return Ok(None);
        }
        let offset = received(&answer).unwrap_or(0);
        let address = next_address(&answer, address).map_err(|source| self.remote.http(&doing, source))?;
        Ok((offset <= blob.size).then_some(Session { address, offset, minimum }))
    }

    /// Begins an upload, or spares it by a mount.
    async fn begin(&self, blob: &Blob, mount: bool) -> Result<Begun, PublishError> {
        let doing = self.doing(blob);
        let uploads = self.remote.address("blobs/uploads/")?;
        let mut session: Option<Session> = None;
        let places = self.places.get(&blob.digest).into_iter().flatten();
        for from in places.take(if mount { MOUNTS } else { 0 }) {
            let address =
                uploads.clone().with("mount", &OciDigest(blob.digest).to_string()).with("from", from.as_str());
            let answer = self.remote.ask(&Call::new(Method::Post, address), &doing).await?;
            if answer.status() == 201 {
                if let Some(Session { address, .. }) = session {
                    self.cancel(&address).await;
                }
                return Ok(Begun::Mounted(from.clone()));
            }
            // Whatever else is answered, the blob can be sent: some registries refuse mounts altogether.
            if answer.status() == 202 && session.is_none() {
                session = Some(self.session(&answer, &doing)?);
            }
        }
        if let Some(session) = session {
            return Ok(Begun::Session(session));
        }
        let answer = self.remote.ask(&Call::new(Method::Post, uploads), &doing).await?;
        let answer = self.remote.expect(answer, &[202], &doing).await?;
        Ok(Begun::Session(self.session(&answer, &doing)?))
    }

    /// Begins again with the first byte.
    async fn anew(&self, blob: &Blob) -> Result<Session, PublishError> {
        match self.begin(blob, false).await? {
            Begun::Session(session) => {
                self.started(blob, 0);
                Ok(session)
            }
            Begun::Mounted(_) => unreachable!("without a mount there is none"),
        }
    }

    fn session(&self, answer: &Answer, doing: &str) -> Result<Session, PublishError> {
        if answer.header("location").is_none() {
            let what = format!("the answer of {} to a new upload", self.remote.registry.host());
            return Err(PublishError::Unfit { what, reason: "it has no Location".to_owned() });
        }
        let address = next_address(answer, answer.address()).map_err(|source| self.remote.http(doing, source))?;
        let minimum = answer.header("oci-chunk-min-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        Ok(Session { address, offset: 0, minimum })
    }

    /// Sends the next chunk.
    async fn patch(&self, blob: &Blob, session: &Session, feed: &mut Feed) -> Result<Step, PublishError> {
        let length = CHUNK.max(session.minimum).min(blob.size - session.offset);
        let end = session.offset + length;
        let call = Call::new(Method::Patch, session.address.clone())
            .header("content-type", OCTETS)
            .header("content-range", format!("{}-{}", session.offset, end - 1));
        let answer = match self.send_part(blob, call, session.offset, length, feed).await? {
            Ok(answer) => answer,
            Err(step) => return Ok(step),
        };
        if !matches!(answer.status(), 201 | 202 | 204) {
            return Ok(Step::Lost(self.remote.unexpected(answer, &self.doing(blob)).await));
        }
        let address = next_address(&answer, &session.address);
        let address = address.map_err(|source| self.remote.http(&self.doing(blob), source))?;
        let offset = received(&answer).filter(|offset| *offset > session.offset && *offset <= end).unwrap_or(end);
        Ok(Step::On(Session { address, offset, minimum: session.minimum }))
    }

    /// Sends what is left, nothing or all, and says that this was it.
    async fn close(&self, blob: &Blob, session: &Session, feed: &mut Feed) -> Result<Step, PublishError> {
        let address = session.address.clone().with("digest", &OciDigest(blob.digest).to_string());
        let call = Call::new(Method::Put, address).header("content-type", OCTETS);
        let length = blob.size - session.offset;
        let answer = match self.send_part(blob, call, session.offset, length, feed).await? {
            Ok(answer) => answer,
            Err(step) => return Ok(step),
        };
        if matches!(answer.status(), 200 | 201 | 204) {
            return Ok(Step::Done);
        }
        Ok(Step::Lost(self.remote.unexpected(answer, &self.doing(blob)).await))
    }

    /// Sends bytes of the blob as a request's body. An answer that does not tell to come again is the result.
    async fn send_part(
        &self,
        blob: &Blob,
        call: Call,
        from: u64,
        length: u64,
        feed: &mut Feed,
    ) -> Result<Result<Answer, Step>, PublishError> {
        let doing = self.doing(blob);
        let mut told = feed.taken();
        let (flow, reading) = feed.part(from, length);
        let request = self.remote.ask_once(call, flow, &doing);
        tokio::pin!(request);
        let mut ticks = tokio::time::interval(TICK);
        let answer = loop {
            tokio::select! {
                answer = &mut request => break answer,
                _ = ticks.tick() => self.advanced(blob, feed, &mut told),
            }
        };
        // A blob that cannot be read is why the request failed, whatever the other side made of it.
        feed.end(reading).await?;
        self.advanced(blob, feed, &mut told);
        match answer {
            Ok(None) => Ok(Err(Step::Challenged)),
            Ok(Some(answer)) if is_transient(answer.status()) => {
                let wait = retry_after(&answer);
                Ok(Err(Step::Broke(self.remote.unexpected(answer, &doing).await, wait)))
            }
            Ok(Some(answer)) if matches!(answer.status(), 401 | 403 | 413) => {
                Err(self.remote.unexpected(answer, &doing).await)
            }
            Ok(Some(answer)) => Ok(Ok(answer)),
            Err(error) if error.is_transient() => Ok(Err(Step::Broke(error, None))),
            Err(error) => Err(error),
        }
    }

    fn advanced(&self, blob: &Blob, feed: &Feed, told: &mut u64) {
        let bytes = feed.taken() - *told;
        if bytes > 0 {
            *told += bytes;
            self.sink.event(Event::UploadAdvanced { name: blob.digest.short(), bytes });
        }
    }

    /// Where to go on after something broke; `None` when the blob is there after all.
    async fn recover(&self, blob: &Blob, session: &Session) -> Result<Option<Session>, PublishError> {
        if let Some(known) = self.status(&session.address, blob, session.minimum).await? {
            self.started(blob, known.offset);
            return Ok(Some(known));
        }
        // The answer to the last request may be all that was lost.
        if self.remote.has_blob(&blob.digest).await? {
            return Ok(None);
        }
        self.anew(blob).await.map(Some)
    }

    /// Tells the registry that an upload is given up; it need not listen.
    async fn cancel(&self, address: &Address) {
        drop(self.remote.ask(&Call::new(Method::Delete, address.clone()), "give up an upload").await);
    }
}

fn forget(note: Option<UploadNote>, sent: Sent) -> Sent {
    if let Some(note) = note {
        note.forget();
    }
    sent
}

/// How many bytes a registry has: `Range: 0-99` is a hundred, `0-0` is how they write none.
fn received(answer: &Answer) -> Option<u64> {
    parse_received(answer.header("range")?)
}

fn parse_received(range: &str) -> Option<u64> {
    let (start, end) = range.trim_start_matches("bytes=").split_once('-')?;
    match (start.trim(), end.trim().parse::<u64>().ok()?) {
        ("0", 0) => Some(0),
        ("0", last) => last.checked_add(1),
        _ => None,
    }
}

/// Where the next request of an upload goes.
fn next_address(answer: &Answer, current: &Address) -> Result<Address, HttpError> {
    match answer.header("location") {
        Some(location) => answer.address().join(location),
        None => Ok(current.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_tells_how_many_bytes_are_there() {
        for (range, expected) in [
            ("0-0", Some(0)),
            ("0-99", Some(100)),
            ("bytes=0-99", Some(100)),
            ("0--1", None),
            ("5-9", None),
            ("", None),
            ("0-18446744073709551615", None),
        ] {
            assert_eq!(parse_received(range), expected, "{range}");
        }
    }
}
