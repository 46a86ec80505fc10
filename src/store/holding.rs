//! What a store or an export holds, to be compared with another. Reads only: takes no lock and makes nothing, so that
//! the store may be another user's, on a file system that cannot be written.

use std::collections::BTreeMap;
use std::path::Path;

use super::export::{ExportError, Reader, Sizes, Texts};
use super::{Fault, Inputs, Result, Store, Trace};
use crate::digest::{DerivationKey, ObjectId};
use crate::fs;
use crate::path::RelPath;
use crate::tree::Tree;

/// What is known of a derivation.
#[derive(Debug)]
pub struct Derived {
    /// What it gave.
    pub trace: Trace,
    /// What it was made of, if that was recorded.
    pub inputs: Option<Inputs>,
}

/// What a store or an export holds.
#[derive(Debug)]
pub struct Holding {
    /// `target/name` → object.
    pub roots: BTreeMap<String, ObjectId>,
    /// What derivations gave, also where the objects are gone.
    pub traces: BTreeMap<DerivationKey, Derived>,
    /// What is not what its name says.
    pub faults: Vec<Fault>,
    trees: BTreeMap<ObjectId, Tree>,
    bytes: Bytes,
}

/// Where the sizes of files can be learnt.
#[derive(Debug)]
enum Bytes {
    Store(Store),
    Export(BTreeMap<ObjectId, Sizes>),
}

impl Holding {
    /// Reads a store, or an export if `place` is a file. An export is verified as it is read; of a store, manifests,
    /// traces and inputs are, and what is wrong with them is among the faults. `advance` is told of bytes of an export.
    ///
    /// # Errors
    /// When it is neither, cannot be read, or is an export that is not what it should be.
    pub fn open(place: &Path, advance: &dyn Fn(u64)) -> std::result::Result<Self, ExportError> {
        if place.is_file() { Self::of_export(place, advance) } else { Ok(Self::of_store(Store::look(place)?)?) }
    }

    fn of_export(place: &Path, advance: &dyn Fn(u64)) -> std::result::Result<Self, ExportError> {
        let mut sizes = BTreeMap::new();
        let Texts { trees, roots, traces, mut inputs, .. } = Reader::open(place, advance)?.read(
            &mut |reader, id, tree| {
                sizes.insert(*id, reader.object(id, tree, None)?);
                Ok(())
            },
            &mut |reader, sha256| reader.source(sha256, None),
        )?;
        let derived = |(key, trace)| (key, Derived { trace, inputs: inputs.remove(&key) });
        let traces = traces.into_iter().map(derived).collect();
        Ok(Self { roots, traces, faults: Vec::new(), trees, bytes: Bytes::Export(sizes) })
    }

    fn of_store(store: Store) -> Result<Self> {
        let mut faults = Vec::new();
        let mut trees = BTreeMap::new();
        for id in store.named::<ObjectId>("manifests")? {
            match store.tree(&id) {
                Ok(tree) => drop(trees.insert(id, tree)),
                Err(error) => faults.push(fault(format!("manifests/{id}"), &error)),
            }
        }
        let mut traces = BTreeMap::new();
        for key in store.named::<DerivationKey>("traces")? {
            let path = store.trace_path(&key);
            let Some(text) = fs::read_if_exists(&path)?.filter(|text| !text.is_empty()) else { continue };
            let how = store.inputs_fault(&key);
            let inputs = if how.is_some() { None } else { store.inputs(&key)? };
            faults.extend(how.map(|how| Fault { what: format!("traces/{key}.inputs"), how }));
            match Trace::parse(&path, &key, &text) {
                Ok(trace) => drop(traces.insert(key, Derived { trace, inputs })),
                Err(error) => faults.push(fault(format!("traces/{key}"), &error)),
            }
        }
        let roots = store.roots()?;
        Ok(Self { roots, traces, faults, trees, bytes: Bytes::Store(store) })
    }

    /// The tree that an object is, if its manifest is there and right.
    pub fn tree(&self, id: &ObjectId) -> Option<&Tree> {
        self.trees.get(id)
    }

    /// The size of an object's file in bytes, where its bytes are there.
    pub fn size(&self, id: &ObjectId, path: &RelPath) -> Option<u64> {
        match &self.bytes {
            Bytes::Store(store) => {
                let metadata = std::fs::symlink_metadata(path.under(&store.object_path(id))).ok()?;
                metadata.is_file().then_some(metadata.len())
            }
            Bytes::Export(sizes) => sizes.get(id)?.get(path).copied(),
        }
    }
}

fn fault(what: String, error: &dyn std::error::Error) -> Fault {
    let mut how = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        how.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    Fault { what, how }
}
