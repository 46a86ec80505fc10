//! Objects and what is known of them as one file, to be carried to another store or compared from afar.
//!
//! # The format
//! A tar archive, compressed by zstd, with a seal behind it. Its first member is `index`, a text; all others follow in
//! the order of their paths' bytes:
//! ```text
//! index
//! logs/KEY.zst              what a derivation printed, where logs were asked for
//! manifests/ID              of every object
//! objects/ID/…              directories 0755, files 0444 or 0555, links: an object's entries in its manifest's order
//! roots                     a line for each name: OBJECT-ID, two spaces, TARGET/NAME
//! sources/SHA256            where sources were asked for
//! traces/KEY                which objects a derivation gave
//! traces/KEY.inputs         what it was made of
//! ```
//! The index begins with the line `drystone-export 1 whole`, or `drystone-export 1 manifests` when no object's bytes
//! are there. Every further line is what `b3sum` prints of a member, so that `b3sum --check` reads them. Objects have
//! no line: a manifest's BLAKE3 is the object's id, and the manifest has that of each file.
//!
//! The seal is a frame that zstd skips (RFC 8878, 3.1.2): eight bytes of header, then the BLAKE3 of all bytes before
//! it. So no byte can change unseen, not even one that means nothing to zstd.
//!
//! The same content gives the same bytes: all is sorted, has one time, and belongs to 0:0.
//!
//! # What is trusted
//! Nothing, but what proves itself. Index and manifests say beforehand which member comes next, and any other is an
//! error; so there are no paths to be judged, nothing comes twice, and what is no directory, file or link cannot come.
//! An object is hashed while it is read, and becomes one only when its manifest is true. The fields of an inputs file
//! hash to the derivation's key, a log to what its trace says. That a key gives these objects cannot be proved but by
//! building: whoever takes traces believes their maker. So they are taken only when that is asked for.

mod error;
mod import;
mod index;
mod read;
mod texts;
mod write;

use std::collections::{BTreeMap, BTreeSet};

pub use error::{ExportError, Unsound, Wrong};
pub use import::{Imported, Taken};
pub(super) use read::{Reader, Sizes};
pub(super) use texts::Texts;

use crate::digest::{Blake3, DerivationKey, ObjectId, Sha256};

/// The first bytes of the seal: the magic number of a frame that zstd skips, and its length.
const SEAL: [u8; 8] = [0x5d, 0x2a, 0x4d, 0x18, 32, 0, 0, 0];
/// The seal's length, in bytes.
const SEAL_LENGTH: u64 = SEAL.len() as u64 + 32;

/// What is to be exported.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Objects.
    pub objects: BTreeSet<ObjectId>,
    /// Derivations, with their inputs. Those of which an object is not among `objects` are left out.
    pub traces: BTreeSet<DerivationKey>,
    /// Names, as [`Store::roots`](super::Store::roots) has them: `target/name` → object.
    pub roots: BTreeMap<String, ObjectId>,
    /// Sources.
    pub sources: BTreeSet<Sha256>,
    /// Whether the logs of the derivations come along; those that a later build has replaced do not.
    pub logs: bool,
    /// Whether the objects' bytes come along, not only their manifests.
    pub bytes: bool,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The BLAKE3 of the index, which vouches for all that is in the archive.
    pub index: Blake3,
    /// Objects.
    pub objects: usize,
    /// Derivations.
    pub traces: usize,
    /// Sources.
    pub sources: usize,
    /// The archive's size, in bytes.
    pub size: u64,
}

/// The most bytes that an object, a source or an unpacked log may have: what a build may give.
const MOST: u64 = 8 << 30;
/// The most bytes that all texts of an archive may have together: index, manifests, traces, logs as they are stored.
const MOST_TEXT: u64 = 1 << 30;
