//! An OCI image layout as something to be pushed: the image that a name picks, and all that it reaches.
//!
//! Reads documents, checked against their digests; of other blobs only looks that they are there and of the right
//! size, since their bytes are checked while they are sent. Knows nothing of registries. Follows the OCI image
//! specification 1.1 ("Image layout").

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::document::{Document, REF_NAME, is_document, is_elsewhere};
use super::error::PublishError;
use super::registry::MANIFEST_LIMIT;
use crate::attest::Descriptor;
use crate::digest::Sha256;
use crate::fs;
use crate::image::LAYOUT_FILE;

/// How deep indexes may stand in indexes.
const DEPTH: usize = 8;

/// A layout, and one image of it.
#[derive(Debug, Clone)]
pub struct Layout {
    path: PathBuf,
    image: Descriptor,
}

/// A document of an image.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub descriptor: Descriptor,
    pub bytes: Vec<u8>,
}

/// All that an image reaches.
#[derive(Debug, Clone, Default)]
pub(super) struct Closure {
    /// Its documents; each comes after those that it names, and the image itself last.
    pub documents: Vec<Part>,
    /// Its blobs, each once.
    pub blobs: Vec<Descriptor>,
}

impl Layout {
    /// Opens a layout and picks the image of a name (`org.opencontainers.image.ref.name`), or its only one.
    ///
    /// # Errors
    /// When the directory is no layout, holds no image of that name, or several and none is named.
    pub fn open(path: &Path, name: Option<&str>) -> Result<Self, PublishError> {
        let no = |reason| Err(PublishError::NoLayout { path: path.to_owned(), reason });
        if !path.is_dir() {
            return no("there is no such directory");
        }
        if fs::read_if_exists(&path.join(LAYOUT_FILE))?.is_none() {
            return no("it has no file `oci-layout`");
        }
        let index = path.join("index.json");
        let Some(text) = fs::read_if_exists(&index)? else { return no("it has no file `index.json`") };
        let images = Document::read(text.as_bytes(), &index.display().to_string())?.manifests;
        let name_of = |image: &Descriptor| image.annotations.get(REF_NAME).cloned();
        let mut chosen = images.iter().filter(|image| name.is_none_or(|name| name_of(image).as_deref() == Some(name)));
        let names = || images.iter().filter_map(name_of).collect();
        match (chosen.next(), chosen.next(), name) {
            (Some(image), None, _) => Ok(Self { path: path.to_owned(), image: image.clone() }),
            (None, _, Some(name)) => {
                Err(PublishError::NoImage { path: path.to_owned(), name: name.to_owned(), names: names() })
            }
            (None, _, None) => no("its index names no image"),
            (Some(_), Some(_), _) => Err(PublishError::Several { path: path.to_owned(), names: names() }),
        }
    }

    /// Opens a layout by `PATH` or `PATH:NAME`.
    ///
    /// # Errors
    /// As [`Layout::open`].
    pub fn find(text: &str) -> Result<Self, PublishError> {
        match text.rsplit_once(':') {
            Some((path, name)) if !Path::new(text).is_dir() => Self::open(Path::new(path), Some(name)),
            _ => Self::open(Path::new(text), None),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The image that was picked.
    pub fn image(&self) -> &Descriptor {
        &self.image
    }

    /// The image's name in the layout.
    pub fn name(&self) -> Option<&str> {
        self.image.annotations.get(REF_NAME).map(String::as_str)
    }

    /// Where a blob lies.
    pub(super) fn blob_path(&self, digest: &Sha256) -> PathBuf {
        self.path.join("blobs/sha256").join(digest.to_string())
    }

    /// Reads all documents of the image, and looks that all of its blobs are there.
    ///
    /// # Errors
    /// When a document or blob is missing, of another size, or (documents) not what its digest says.
    pub(super) fn closure(&self) -> Result<Closure, PublishError> {
        let mut closure = Closure::default();
        let mut seen = BTreeMap::new();
        self.collect(&self.image, 0, &mut seen, &mut closure)?;
        Ok(closure)
    }

    fn collect(
        &self,
        descriptor: &Descriptor,
        depth: usize,
        seen: &mut BTreeMap<Sha256, u64>,
        closure: &mut Closure,
    ) -> Result<(), PublishError> {
        if let Some(size) = seen.insert(descriptor.digest.0, descriptor.size) {
            return if size == descriptor.size { Ok(()) } else { Err(self.two_sizes(descriptor)) };
        }
        if !self.is_there(descriptor)? {
            return Ok(());
        }
        if !is_document(descriptor) {
            closure.blobs.push(descriptor.clone());
            return Ok(());
        }
        if depth == DEPTH {
            return Err(self.unfit(descriptor, format!("it stands below {DEPTH} indexes")));
        }
        let part = self.read(descriptor)?;
        let document = Document::read(&part.bytes, &self.blob_path(&descriptor.digest.0).display().to_string())?;
        if document.media_type.as_ref().is_some_and(|own| *own != descriptor.media_type) {
            return Err(self.unfit(descriptor, format!("its index calls it {}", descriptor.media_type)));
        }
        let children = if descriptor.is_index() { &document.manifests[..] } else { &[] };
        for child in children.iter().chain(document.blobs()) {
            self.collect(child, depth + 1, seen, closure)?;
        }
        closure.documents.push(part);
        Ok(())
    }

    /// Whether a blob is there; one that need not be may be missing.
    fn is_there(&self, descriptor: &Descriptor) -> Result<bool, PublishError> {
        let path = self.blob_path(&descriptor.digest.0);
        let found = match path.metadata() {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => match is_elsewhere(descriptor) {
                true => return Ok(false),
                false => {
                    return Err(PublishError::Missing { layout: self.path.clone(), digest: descriptor.digest.0 });
                }
            },
            Err(error) => return Err(fs::failed("inspect", &path)(error).into()),
        };
        match found == descriptor.size {
            true => Ok(true),
            false => Err(PublishError::Length { path, expected: descriptor.size, found }),
        }
    }

    /// A document, checked.
    fn read(&self, descriptor: &Descriptor) -> Result<Part, PublishError> {
        if descriptor.size > MANIFEST_LIMIT {
            return Err(self.unfit(descriptor, format!("it has more than {MANIFEST_LIMIT} bytes")));
        }
        let path = self.blob_path(&descriptor.digest.0);
        let bytes = fs::read(&path)?;
        match Sha256::of(&bytes) {
            found if found == descriptor.digest.0 => Ok(Part { descriptor: descriptor.clone(), bytes }),
            found => Err(PublishError::Altered { path, found }),
        }
    }

    fn two_sizes(&self, descriptor: &Descriptor) -> PublishError {
        self.unfit(descriptor, "it is named with two sizes".to_owned())
    }

    fn unfit(&self, descriptor: &Descriptor, reason: String) -> PublishError {
        PublishError::Unfit { what: self.blob_path(&descriptor.digest.0).display().to_string(), reason }
    }
}
