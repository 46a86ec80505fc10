//! Layers that were made before: a layer's blob is made once for each object, and kept in the store's cache.
//!
//! The key is a hash over all that the blob's bytes depend on: every entry of the layer with the digest of its
//! content, the form of the archive, and the encoder with its version. So there is nothing to invalidate, and a later
//! run need not open one file of the object. How far a kept blob is trusted is said where it is kept, in the header of
//! `store::cache`.
//!
//! What the spec itself brings belongs to no object, and is small: its layer is made every time.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use super::pack::encoder;
use super::rootfs::{Content, Inode, Kind, Layer, Origin};
use super::{Compression, EPOCH, ImageError, LayerSummary};
use crate::digest::{Blake3, Encoder, ObjectId};
use crate::fs;
use crate::recipe::Owner;
use crate::store::{Blob, Cached, Store};

const KIND: &str = "layers";
const DIFF_ID: &str = "diff-id";

/// The form of a layer's archive: it changes whenever the same entries give another archive.
const FORM: u32 = 1;

/// The place in the cache of one layer.
pub(super) struct Kept<'a> {
    store: &'a Store,
    object: ObjectId,
    key: Blake3,
}

impl<'a> Kept<'a> {
    /// The place of a layer; `None` for one that is not kept.
    pub fn place(layer: &Layer, compression: Option<Compression>, store: &'a Store) -> Option<Self> {
        let (Origin::Object { id, .. }, Some(compression)) = (&layer.origin, compression) else { return None };
        Some(Self { store, object: *id, key: key(layer, compression) })
    }

    /// Brings the blob to `path`, if it is there.
    ///
    /// # Errors
    /// When the cache cannot be read or `path` cannot be written.
    pub fn bring(&self, layer: &Layer, links: bool, path: &Path) -> Result<Option<LayerSummary>, ImageError> {
        let Some(Cached { blob: Some(blob), notes, .. }) = self.store.cached(KIND, &self.key)? else { return Ok(None) };
        let Some(diff_id) = notes.get(DIFF_ID).and_then(|text| text.parse().ok()) else { return Ok(None) };
        match fs::share(&self.store.blob_path(KIND, &self.key), path, links) {
            // Collected since.
            Err(error) if error.source.kind() == ErrorKind::NotFound => return Ok(None),
            shared => shared?,
        };
        let Blob { sha256, size } = blob;
        Ok(Some(LayerSummary { digest: sha256, diff_id, size, origin: layer.origin.clone() }))
    }

    /// Keeps a blob that was made.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep(&self, summary: &LayerSummary, blob: &Path) -> Result<(), ImageError> {
        let entry = Cached {
            object: self.object,
            blob: Some(Blob { sha256: summary.digest, size: summary.size }),
            notes: BTreeMap::from([(DIFF_ID.to_owned(), summary.diff_id.to_string())]),
        };
        Ok(self.store.put_cached(KIND, &self.key, &entry, Some(blob))?)
    }
}

fn key(layer: &Layer, compression: Compression) -> Blake3 {
    let mut key = Encoder::new("layer", FORM);
    key.field("encoder", encoder(compression));
    key.field("time", &EPOCH.to_string());
    key.field("entries", &layer.entries.len().to_string());
    for (path, inode) in &layer.entries {
        let Inode { kind, mode, owner: Owner { uid, gid } } = inode;
        key.field("path", path.as_str());
        key.field("mode", &format!("{mode:o} {uid}:{gid}"));
        match kind {
            Kind::Directory => key.field("directory", ""),
            Kind::Symlink { target } => key.field("link", target),
            Kind::File(Content::Object { id: _, digest }) => key.field("file", &digest.to_string()),
            Kind::File(Content::Inline(bytes)) => key.field("file", &Blake3::of(bytes).to_string()),
        }
    }
    key.finish().0
}
