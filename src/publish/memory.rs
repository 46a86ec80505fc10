//! What is remembered of a registry from one run to the next: which of its repositories has which blob, and which
//! uploads were begun. Knows nothing of HTTP.
//!
//! It is a cache: what cannot be read or written, or is lost, costs bytes sent again and nothing else, so no
//! operation here fails. An upload's address lets whoever has it write to the upload; its file is for its user alone.
//!
//! ```text
//! HOST/blobs              lines of `DIGEST REPOSITORY`, the newest last
//! HOST/uploads/NAME       the address of an upload; the name is a hash of repository and digest
//! ```

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;

use super::reference::{Host, Repository};
use crate::digest::{Encoder, Sha256};
use crate::fs;

/// How many lines are kept: some thousand images.
const LINES: usize = 50_000;
/// Registries forget uploads after a week at the latest.
const UPLOAD_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is remembered of one registry.
#[derive(Debug)]
pub(super) struct Memory {
    directory: Option<PathBuf>,
}

impl Memory {
    /// The memory of a registry below a cache's directory.
    pub fn of(cache: Option<&Path>, host: &Host) -> Self {
        let directory = cache.map(|cache| cache.join(host.as_str().replace(':', "_")));
        Self { directory }
    }

    /// Which repositories were seen to have which blob, the newest first.
    pub fn places(&self) -> BTreeMap<Sha256, Vec<Repository>> {
        let mut places: BTreeMap<Sha256, Vec<Repository>> = BTreeMap::new();
        for (digest, repository) in self.lines().into_iter().rev() {
            places.entry(digest).or_default().push(repository);
        }
        places
    }

    fn lines(&self) -> Vec<(Sha256, Repository)> {
        let Some(directory) = &self.directory else { return Vec::new() };
        let text = fs::read_if_exists(&directory.join("blobs")).ok().flatten().unwrap_or_default();
        let line = |line: &str| {
            let (digest, repository) = line.split_once(' ')?;
            Some((digest.parse().ok()?, repository.parse().ok()?))
        };
        text.lines().filter_map(line).collect()
    }

    /// Remembers that a repository has these blobs.
    pub fn remember(&self, repository: &Repository, digests: &[Sha256]) {
        let Some(directory) = &self.directory else { return };
        let known = self.lines();
        let is_new = |digest: &&Sha256| !known.iter().any(|(one, place)| one == *digest && place == repository);
        let new: Vec<_> = digests.iter().filter(is_new).map(|digest| (*digest, repository.clone())).collect();
        self.sweep();
        if new.is_empty() || !made(directory) {
            return;
        }
        let all: Vec<_> = known.into_iter().chain(new).collect();
        let kept = &all[all.len().saturating_sub(LINES)..];
        let text: String = kept.iter().map(|(digest, repository)| format!("{digest} {repository}\n")).collect();
        let path = directory.join("blobs");
        drop(fs::publish(directory, &path, text.as_bytes(), fs::Durability::Remakable));
    }

    /// The place for an upload's address; `None` where nothing is remembered, or while another run uploads the same.
    pub fn upload(&self, repository: &Repository, digest: &Sha256) -> Option<UploadNote> {
        let directory = self.directory.as_ref()?.join("uploads");
        if !made(&directory) {
            return None;
        }
        let mut name = Encoder::new("upload", 1);
        name.field("repository", repository.as_str());
        name.field("digest", &digest.to_string());
        let path = directory.join(name.finish().0.to_string());
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).ok()?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(UploadNote { path, file })
    }

    /// Removes what no registry knows any more.
    fn sweep(&self) {
        let Some(directory) = self.directory.as_ref().map(|directory| directory.join("uploads")) else { return };
        for name in fs::list(&directory).unwrap_or_default() {
            let path = directory.join(name);
            let age =
                path.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
            if age.is_some_and(|age| age > UPLOAD_LIFETIME) {
                drop(fs::remove_file(&path));
            }
        }
    }
}

fn made(directory: &Path) -> bool {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).is_ok()
}

/// Where an upload's address is kept; this process alone holds it.
#[derive(Debug)]
pub(super) struct UploadNote {
    path: PathBuf,
    file: File,
}

impl UploadNote {
    /// The address that an earlier run left.
    pub fn read(&mut self) -> Option<String> {
        let mut text = String::new();
        self.file.rewind().ok()?;
        self.file.read_to_string(&mut text).ok()?;
        text.strip_suffix('\n').map(str::to_owned)
    }

    /// Keeps an address.
    pub fn write(&mut self, address: &str) {
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(format!("{address}\n").as_bytes())
        };
        drop(write(&mut self.file));
    }

    /// Forgets the upload: it is done, or lost.
    pub fn forget(self) {
        drop(fs::remove_file(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn memory(scratch: &Path) -> Memory {
        Memory::of(Some(scratch), &"r.example:5000".parse().unwrap())
    }

    #[test]
    fn blobs_are_remembered_with_their_repositories_the_newest_first() {
        let scratch = tempfile::tempdir().unwrap();
        let (one, two) = (Sha256::of(b"1"), Sha256::of(b"2"));
        let name = |name: &str| name.parse::<Repository>().unwrap();
        memory(scratch.path()).remember(&name("a"), &[one, two]);
        memory(scratch.path()).remember(&name("b/c"), &[two]);
        memory(scratch.path()).remember(&name("b/c"), &[two]);
        let places = memory(scratch.path()).places();
        assert_eq!(places[&one], [name("a")]);
        assert_eq!(places[&two], [name("b/c"), name("a")]);
        assert!(Memory::of(Some(scratch.path()), &"other.example".parse().unwrap()).places().is_empty());
    }

    #[test]
    fn an_upload_is_kept_for_its_user_alone_and_by_one_run_at_a_time() {
        let scratch = tempfile::tempdir().unwrap();
        let (repository, digest) = ("a".parse().unwrap(), Sha256::of(b"1"));
        let mut note = memory(scratch.path()).upload(&repository, &digest).unwrap();
        assert_eq!(note.read(), None);
        note.write("https://r.example/uploads/1?state=long");
        note.write("https://r.example/uploads/1?state=x");
        assert!(memory(scratch.path()).upload(&repository, &digest).is_none(), "it is held");
        assert_eq!(note.path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        drop(note);
        let mut note = memory(scratch.path()).upload(&repository, &digest).unwrap();
        assert_eq!(note.read().as_deref(), Some("https://r.example/uploads/1?state=x"));
        note.forget();
        assert_eq!(memory(scratch.path()).upload(&repository, &digest).unwrap().read(), None);
    }

    #[test]
    fn a_place_that_cannot_be_written_remembers_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        fs::write(&file, "x").unwrap();
        let memory = memory(&file);
        memory.remember(&"a".parse().unwrap(), &[Sha256::of(b"1")]);
        assert!(memory.places().is_empty());
        assert!(memory.upload(&"a".parse().unwrap(), &Sha256::of(b"1")).is_none());
    }
}
