//! [`Feed`]: a blob as the body of requests, part by part, hashed on its way.
//!
//! The last block of a blob leaves only when the digest of the whole is right: an altered blob is never sent whole.
//! Reading and hashing are a thread's work beside the network's. Knows nothing of what the parts are sent to.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::Digest as _;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;

use super::error::PublishError;
use crate::digest::{Sha256, feed};
use crate::fs;
use crate::http::Flow;

const BLOCK: usize = 1 << 18;
/// How many blocks are read ahead of the network.
const AHEAD: usize = 4;

/// Where a blob's bytes are.
#[derive(Debug, Clone)]
pub(super) enum Source {
    File(PathBuf),
    Bytes(Arc<Vec<u8>>),
}

/// A blob that is to be sent.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub digest: Sha256,
    pub size: u64,
    pub source: Source,
}

/// The hash of a blob's beginning.
#[derive(Clone)]
struct Hashed {
    length: u64,
    hasher: sha2::Sha256,
}

/// A blob under way.
pub(super) struct Feed {
    blob: Blob,
    /// What the parts so far were, if they were sent to their end.
    hashed: Option<Hashed>,
    /// Bytes that the network has taken so far, of all parts.
    taken: Arc<AtomicU64>,
}

/// The thread that reads a part. `None`: nobody wanted the rest of it.
pub(super) struct Reading(JoinHandle<Result<Option<Hashed>, PublishError>>);

impl Feed {
    pub fn new(blob: Blob) -> Self {
        Self { blob, hashed: None, taken: Arc::default() }
    }

    /// Bytes that the network has taken so far, of all parts.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Starts to read a part.
    pub fn part(&mut self, from: u64, length: u64) -> (Flow, Reading) {
        let (sender, parts) = channel(AHEAD);
        let (blob, hashed, taken) = (self.blob.clone(), self.hashed.take(), self.taken.clone());
        let work = move || Reader { blob, taken }.send(hashed, from, length, &sender);
        (Flow { length, parts }, Reading(tokio::task::spawn_blocking(work)))
    }

    /// Ends a part, once its request is over.
    ///
    /// # Errors
    /// When the blob could not be read, or is not what its digest says. Then that is why the request failed.
    pub async fn end(&mut self, reading: Reading) -> Result<(), PublishError> {
        self.hashed = reading.0.await.expect("reading does not panic")?;
        Ok(())
    }
}

struct Reader {
    blob: Blob,
    taken: Arc<AtomicU64>,
}

enum Bytes {
    File(File),
    Memory(io::Cursor<Vec<u8>>),
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Memory(bytes) => bytes.read(buffer),
        }
    }
}

impl Reader {
    fn send(
        &self,
        hashed: Option<Hashed>,
        from: u64,
        length: u64,
        sender: &Sender<io::Result<Vec<u8>>>,
    ) -> Result<Option<Hashed>, PublishError> {
        let result = self.read(hashed, from, length, sender);
        if result.is_err() {
            // Whoever sends must not take this for the end.
            drop(sender.blocking_send(Err(io::Error::other("the blob cannot be read"))));
        }
        result
    }

    fn read(
        &self,
        hashed: Option<Hashed>,
        from: u64,
        length: u64,
        sender: &Sender<io::Result<Vec<u8>>>,
    ) -> Result<Option<Hashed>, PublishError> {
        let start = Hashed { length: 0, hasher: sha2::Sha256::new() };
        let mut hashed = hashed.filter(|hashed| hashed.length <= from).unwrap_or(start);
        let mut bytes = self.open(hashed.length)?;
        let skipped = feed(&mut (&mut bytes).take(from - hashed.length), &mut hashed.hasher);
        hashed.length += skipped.map_err(|error| self.unreadable(error))?;
        let end = from + length;
        while hashed.length < end {
            let wanted = usize::try_from(end - hashed.length).unwrap_or(BLOCK).min(BLOCK);
            let mut block = Vec::with_capacity(wanted);
            (&mut bytes).take(wanted as u64).read_to_end(&mut block).map_err(|error| self.unreadable(error))?;
            if block.is_empty() {
                return Err(self.length(hashed.length));
            }
            hashed.hasher.update(&block);
            hashed.length += block.len() as u64;
            if hashed.length == self.blob.size {
                self.check(&hashed)?;
            }
            let count = block.len() as u64;
            if sender.blocking_send(Ok(block)).is_err() {
                return Ok(None);
            }
            self.taken.fetch_add(count, Ordering::Relaxed);
        }
        Ok(Some(hashed))
    }

    fn open(&self, at: u64) -> Result<Bytes, PublishError> {
        match &self.blob.source {
            Source::Bytes(bytes) => {
                let mut cursor = io::Cursor::new(bytes.to_vec());
                cursor.set_position(at);
                Ok(Bytes::Memory(cursor))
            }
            Source::File(path) => {
                let mut file = fs::open(path)?;
                let length = file.metadata().map_err(fs::failed("inspect", path))?.len();
                if length != self.blob.size {
                    return Err(self.length(length));
                }
                file.seek(SeekFrom::Start(at)).map_err(fs::failed("read", path))?;
                Ok(Bytes::File(file))
            }
        }
    }

    fn check(&self, hashed: &Hashed) -> Result<(), PublishError> {
        let found = Sha256::from_bytes(hashed.hasher.clone().finalize().into());
        if found == self.blob.digest { Ok(()) } else { Err(PublishError::Altered { path: self.path(), found }) }
    }

    fn length(&self, found: u64) -> PublishError {
        PublishError::Length { path: self.path(), expected: self.blob.size, found }
    }

    fn unreadable(&self, error: io::Error) -> PublishError {
        fs::failed("read", &self.path())(error).into()
    }

    fn path(&self) -> PathBuf {
        match &self.blob.source {
            Source::File(path) => path.clone(),
            Source::Bytes(_) => PathBuf::from(format!("sha256:{}", self.blob.digest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(bytes: &[u8], digest: Sha256) -> Blob {
        Blob { digest, size: bytes.len() as u64, source: Source::Bytes(Arc::new(bytes.to_vec())) }
    }

    async fn take(feed: &mut Feed, from: u64, length: u64) -> Result<Vec<u8>, PublishError> {
        let (mut flow, reading) = feed.part(from, length);
        let mut all = Vec::new();
        while let Some(Ok(block)) = flow.parts.recv().await {
            all.extend(block);
        }
        feed.end(reading).await.map(|()| all)
    }

    #[tokio::test]
    async fn parts_are_hashed_as_one_whole_also_when_one_is_sent_again() {
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
        let mut feed = Feed::new(blob(&bytes, Sha256::of(&bytes)));
        assert_eq!(take(&mut feed, 0, 400_000).await.unwrap(), bytes[..400_000]);
        assert_eq!(take(&mut feed, 400_000, 300_000).await.unwrap(), bytes[400_000..700_000]);
        assert_eq!(take(&mut feed, 500_000, 500_000).await.unwrap(), bytes[500_000..]);
        assert_eq!(feed.taken(), 1_200_000);
    }

    #[tokio::test]
    async fn an_altered_blob_is_never_sent_whole() {
        let bytes = vec![7; 600_000];
        let mut feed = Feed::new(blob(&bytes, Sha256::of(b"other")));
        assert_eq!(take(&mut feed, 0, 300_000).await.unwrap().len(), 300_000);
        let (mut flow, reading) = feed.part(300_000, 300_000);
        let mut length = 0;
        let error = loop {
            match flow.parts.recv().await.unwrap() {
                Ok(block) => length += block.len(),
                Err(error) => break error,
            }
        };
        assert!(length < 300_000, "{length}");
        assert_eq!(error.to_string(), "the blob cannot be read");
        let error = feed.end(reading).await.unwrap_err();
        assert!(matches!(error, PublishError::Altered { found, .. } if found == Sha256::of(&bytes)), "{error}");
    }

    #[tokio::test]
    async fn a_file_that_has_shrunk_is_said() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("blob");
        fs::write(&path, "short").unwrap();
        let mut feed = Feed::new(Blob { digest: Sha256::of(b""), size: 9, source: Source::File(path.clone()) });
        let error = take(&mut feed, 0, 9).await.unwrap_err().to_string();
        let expected = format!("{} has 5 bytes, but its manifest names 9: make the layout again", path.display());
        assert_eq!(error, expected);
    }
}
