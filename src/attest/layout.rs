//! An image layout on the disk, read and checked: the documents, every blob, every diffID.
//!
//! The names of blobs are digests, and nothing is believed before its bytes have been hashed. That a layer unpacks
//! to what the configuration lists (its diffID) is checked here because nobody else does: skopeo and podman take
//! the configuration's word. Knows nothing of signatures.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use serde::Deserialize;

use super::oci::{CONFIG, DOCKER_CONFIG, Descriptor, Index, MANIFEST_LIMIT, Manifest, OciDigest};
use super::subject::{Subject, subjects};
use super::{BlobFault, SignatureError};
use crate::archive::{self, Fault};
use crate::digest::{Sha256, feed};
use crate::fs;

const REF_NAME: &str = "org.opencontainers.image.ref.name";
const TITLE: &str = "org.opencontainers.image.title";
/// Where a layout's documents and layers lie; other algorithms have other directories, and are not used.
const BLOBS: &str = "blobs/sha256";

/// A layout and what is to be signed in it.
#[derive(Debug)]
pub struct Layout {
    root: PathBuf,
    /// Each entry of the index, followed by what it leads to.
    subjects: Vec<Subject>,
}

impl Layout {
    /// Reads a layout's index and every index below it.
    ///
    /// # Errors
    /// When the directory is no layout, names no image, or a document is missing or altered.
    pub fn open(root: &Path) -> Result<Self, SignatureError> {
        for missing in ["oci-layout", "index.json"] {
            if !root.join(missing).is_file() {
                return Err(SignatureError::NotALayout { path: root.to_owned(), missing });
            }
        }
        let path = root.join("index.json");
        let index: Index = serde_json::from_slice(&fs::read(&path)?)
            .map_err(|source| SignatureError::Document { what: path.display().to_string(), source })?;
        if index.manifests.is_empty() {
            return Err(SignatureError::Empty { path: root.to_owned() });
        }
        let mut layout = Self { root: root.to_owned(), subjects: Vec::new() };
        for entry in &index.manifests {
            let mut found = subjects(entry, &mut |descriptor| layout.document(descriptor))?;
            found.retain(|subject| !layout.subjects.iter().any(|known| known.digest() == subject.digest()));
            layout.subjects.extend(found);
        }
        // Manifests too must be there and whole: their digests are what is signed.
        for subject in layout.subjects.iter().filter(|subject| subject.descriptor.is_manifest()) {
            layout.document(&subject.descriptor)?;
        }
        Ok(layout)
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is to be signed.
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// What the image is called by its own annotations: title and tag.
    ///
    /// # Errors
    /// When a manifest is missing or altered.
    pub fn own_name(&self, entry: &Subject) -> Result<Option<String>, SignatureError> {
        #[derive(Deserialize)]
        struct Annotated {
            #[serde(default)]
            annotations: super::oci::Annotations,
        }
        let tag = entry.descriptor.annotations.get(REF_NAME);
        let below = self.subjects.iter().filter(|subject| subject.parent == Some(entry.digest()));
        for subject in std::iter::once(entry).chain(below) {
            let document: Annotated = parse(&self.document(&subject.descriptor)?, &subject.descriptor.digest)?;
            if let Some(title) = document.annotations.get(TITLE) {
                return Ok(Some(tag.map_or_else(|| title.clone(), |tag| format!("{title}:{tag}"))));
            }
        }
        Ok(None)
    }

    /// A document, verified.
    ///
    /// # Errors
    /// When it is missing, altered, or larger than a document may be.
    pub fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SignatureError> {
        let Descriptor { digest, size, .. } = descriptor;
        if *size > MANIFEST_LIMIT {
            return Err(BlobFault::Large { digest: *digest, size: *size, limit: MANIFEST_LIMIT }.into());
        }
        let mut bytes = Vec::new();
        let path = self.path(digest);
        self.open_blob(descriptor)?.take(size + 1).read_to_end(&mut bytes).map_err(fs::failed("read", &path))?;
        let actual = Sha256::of(&bytes);
        if actual != digest.0 {
            return Err(BlobFault::Altered { digest: *digest, actual }.into());
        }
        Ok(bytes)
    }

    fn path(&self, digest: &OciDigest) -> PathBuf {
        self.root.join(BLOBS).join(digest.0.to_string())
    }

    /// Opens a blob that has the right size.
    fn open_blob(&self, descriptor: &Descriptor) -> Result<File, SignatureError> {
        let Descriptor { digest, size, .. } = descriptor;
        let path = self.path(digest);
        let file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(BlobFault::Missing { digest: *digest }.into());
            }
            file => file.map_err(fs::failed("open", &path))?,
        };
        let actual = file.metadata().map_err(fs::failed("inspect", &path))?.len();
        if actual != *size {
            return Err(BlobFault::Size { digest: *digest, expected: *size, actual }.into());
        }
        Ok(file)
    }

    /// Hashes every blob, and what every layer unpacks to.
    ///
    /// # Errors
    /// When a file cannot be read. What is wrong with the image is the result.
    pub fn check(&self) -> Result<Checked, SignatureError> {
        let mut checked = Checked::default();
        let mut tasks: Vec<Task> = Vec::new();
        for subject in &self.subjects {
            tasks.push(Task { blob: subject.descriptor.clone(), diff_id: None });
            if subject.descriptor.is_manifest() {
                tasks.extend(self.tasks(subject, &mut checked.faults)?);
            }
        }
        let key = |task: &Task| (task.blob.digest, task.diff_id.as_ref().map(|(_, expected)| *expected));
        tasks.sort_by_key(key);
        tasks.dedup_by_key(|task| key(task));
        let mut known: Vec<Sha256> = tasks.iter().map(|task| task.blob.digest.0).collect();
        known.dedup();
        checked.layers = tasks.iter().filter(|task| task.diff_id.is_some()).count();
        checked.blobs = known.len();
        let results: Vec<Result<(), SignatureError>> =
            tasks.into_par_iter().map(|task| self.carry_out(&task)).collect();
        for result in results {
            checked.note(result)?;
        }
        self.check_others(&known, &mut checked)?;
        Ok(checked)
    }

    /// What is to be hashed of one manifest.
    fn tasks(&self, subject: &Subject, faults: &mut Vec<BlobFault>) -> Result<Vec<Task>, SignatureError> {
        #[derive(Deserialize)]
        struct Configuration {
            rootfs: RootFs,
        }
        #[derive(Deserialize)]
        struct RootFs {
            diff_ids: Vec<OciDigest>,
        }
        let Manifest { config, layers, .. } = parse(&self.document(&subject.descriptor)?, &subject.descriptor.digest)?;
        let is_image = matches!(config.media_type.as_str(), CONFIG | DOCKER_CONFIG);
        let diff_ids = match self.document(&config) {
            Ok(_) if !is_image => None,
            Ok(bytes) => match serde_json::from_slice::<Configuration>(&bytes) {
                Ok(configuration) => Some(configuration.rootfs.diff_ids),
                Err(error) => {
                    faults.push(BlobFault::Config { config: config.digest, reason: error.to_string() });
                    None
                }
            },
            // Hashed below like all others, and reported there.
            Err(SignatureError::Blob(_)) => None,
            Err(error) => return Err(error),
        };
        if let Some(diff_ids) = &diff_ids
            && diff_ids.len() != layers.len()
        {
            let (layers, diff_ids) = (layers.len(), diff_ids.len());
            faults.push(BlobFault::Count { manifest: subject.descriptor.digest, layers, diff_ids });
        }
        let mut tasks = vec![Task { blob: config.clone(), diff_id: None }];
        let mut diff_ids = diff_ids.into_iter().flatten();
        tasks.extend(layers.into_iter().map(|blob| {
            let diff_id = diff_ids.next().map(|diff_id| (config.digest, diff_id));
            Task { blob, diff_id }
        }));
        Ok(tasks)
    }

    fn carry_out(&self, task: &Task) -> Result<(), SignatureError> {
        let digest = task.blob.digest;
        let path = self.path(&digest);
        let actual = hash(&mut self.open_blob(&task.blob)?).map_err(fs::failed("read", &path))?;
        if actual != digest.0 {
            return Err(BlobFault::Altered { digest, actual }.into());
        }
        let Some((config, expected)) = task.diff_id else { return Ok(()) };
        let blob = BufReader::with_capacity(1 << 17, self.open_blob(&task.blob)?);
        let unpacked = archive::decompress(blob).and_then(|mut unpacked| hash(&mut unpacked));
        match unpacked {
            Ok(actual) if actual == expected.0 => Ok(()),
            Ok(actual) => Err(BlobFault::DiffId { digest, config, expected, actual }.into()),
            Err(error) => {
                let said = error.to_string();
                let what = match Fault::reading(error) {
                    Fault::Corrupt(_) => format!("is corrupt: {said}"),
                    fault => fault.to_string(),
                };
                Err(BlobFault::Compression { digest, what }.into())
            }
        }
    }

    /// Blobs that no manifest names: they too must be what their names say.
    fn check_others(&self, known: &[Sha256], checked: &mut Checked) -> Result<(), SignatureError> {
        let directory = self.root.join(BLOBS);
        for name in fs::list(&directory)? {
            let path = directory.join(&name);
            let Some(digest) = name.to_str().and_then(|name| name.parse::<Sha256>().ok()) else {
                checked.faults.push(BlobFault::Stray { path });
                continue;
            };
            if known.contains(&digest) {
                continue;
            }
            let actual = hash(&mut fs::open(&path)?).map_err(fs::failed("read", &path))?;
            checked.blobs += 1;
            if actual != digest {
                checked.faults.push(BlobFault::Altered { digest: OciDigest(digest), actual });
            }
        }
        Ok(())
    }
}

/// One blob to hash; a layer with its configuration and what that says of it.
struct Task {
    blob: Descriptor,
    diff_id: Option<(OciDigest, OciDigest)>,
}

/// What was hashed.
#[derive(Debug, Default)]
pub struct Checked {
    /// How many blobs there are.
    pub blobs: usize,
    /// How many of them are layers that were unpacked.
    pub layers: usize,
    /// What is wrong.
    pub faults: Vec<BlobFault>,
}

impl Checked {
    fn note(&mut self, result: Result<(), SignatureError>) -> Result<(), SignatureError> {
        match result {
            Err(SignatureError::Blob(fault)) => self.faults.push(*fault),
            other => other?,
        }
        Ok(())
    }
}

fn hash(input: &mut impl Read) -> std::io::Result<Sha256> {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    feed(input, &mut hasher)?;
    Ok(Sha256::from_bytes(hasher.finalize().into()))
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], digest: &OciDigest) -> Result<T, SignatureError> {
    serde_json::from_slice(bytes)
        .map_err(|source| SignatureError::Document { what: format!("the document {digest}"), source })
}
