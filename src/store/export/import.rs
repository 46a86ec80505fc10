//! Takes exports into a store.

use std::collections::BTreeMap;
use std::path::Path;

use super::{ExportError, Reader, Texts};
use crate::digest::{Blake3, DerivationKey, ObjectId, Sha256};
use crate::fs::{self, Durability};
use crate::store::{Store, Trace};
use crate::tree::Tree;

/// What of an export is taken beside objects and sources, which prove themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Nothing.
    Objects,
    /// Also which derivations gave them, on their maker's word.
    Traces,
}

/// What was imported.
#[derive(Debug)]
pub struct Imported {
    /// The BLAKE3 of the export's index.
    pub index: Blake3,
    /// Objects that were not there before.
    pub objects: usize,
    /// Objects that were there.
    pub present: usize,
    /// Sources that were not there before.
    pub sources: usize,
    /// Derivations that were not there before.
    pub traces: usize,
    /// Derivations of the export that were not asked for.
    pub left: usize,
    /// Derivations that gave other objects here: what the store says of them stays.
    pub other: Vec<Other>,
    /// Roots that mean other objects here, with the names under which the imported ones are kept.
    pub renamed: Vec<(String, String)>,
}

/// A derivation that gave other objects here.
#[derive(Debug, PartialEq, Eq)]
pub struct Other {
    /// Its key.
    pub key: DerivationKey,
    /// What it is called.
    pub name: String,
}

impl Store {
    /// Takes an export's objects and sources, and its traces if that is asked for; what is there is passed over, but
    /// checked. Objects and sources appear one by one, each when it has proved itself: after an error or interruption
    /// those remain, and the same import goes on. Roots and traces come last, when the whole archive was as it should
    /// be. `advance` is told of bytes that were read from the file.
    ///
    /// # Errors
    /// When the archive is not what it should be, has no objects' bytes, or the store cannot be written.
    pub fn import(&self, archive: &Path, taken: Taken, advance: &dyn Fn(u64)) -> Result<Imported, ExportError> {
        let reader = Reader::open(archive, advance)?;
        reader.needs_bytes()?;
        let (mut new, mut present, mut sources) = (0, 0, 0);
        let texts = reader.read(
            &mut |reader, id, tree| {
                let is_new = self.take_object(reader, id, tree)?;
                *(if is_new { &mut new } else { &mut present }) += 1;
                Ok(())
            },
            &mut |reader, sha256| {
                sources += usize::from(self.take_source(reader, sha256)?);
                Ok(())
            },
        )?;
        let renamed = self.take_roots(&texts.roots)?;
        let (traces, left, other) = match taken {
            Taken::Objects => (0, texts.traces.len(), Vec::new()),
            Taken::Traces => {
                let (traces, other) = self.take_traces(&texts)?;
                (traces, 0, other)
            }
        };
        Ok(Imported { index: texts.index, objects: new, present, sources, traces, left, other, renamed })
    }

    fn take_object(&self, reader: &mut Reader<'_>, id: &ObjectId, tree: &Tree) -> Result<bool, ExportError> {
        if self.has_object(id) {
            reader.object(id, tree, None)?;
            return Ok(false);
        }
        let scratch = self.scratch()?;
        reader.object(id, tree, Some(scratch.path()))?;
        self.put(scratch.path(), tree)?;
        Ok(true)
    }

    fn take_source(&self, reader: &mut Reader<'_>, sha256: &Sha256) -> Result<bool, ExportError> {
        if self.source(sha256).is_some() {
            reader.source(sha256, None)?;
            return Ok(false);
        }
        let scratch = self.scratch()?;
        let file = scratch.path().join("source");
        reader.source(sha256, Some(&file))?;
        self.adopt_source(sha256, &file)?;
        Ok(true)
    }

    /// A name that means another object here goes on meaning it.
    /// Returns those, with the names under which the imported objects are kept.
    fn take_roots(&self, roots: &BTreeMap<String, ObjectId>) -> Result<Vec<(String, String)>, ExportError> {
        let own = self.roots()?;
        let mut renamed = Vec::new();
        for (root, id) in roots {
            let Some((target, name)) = root.split_once('/') else { continue };
            if own.get(root).is_none_or(|own| own == id) {
                self.set_root(target, name, id)?;
            } else {
                let other = format!("{name}@{}", id.short());
                self.set_root(target, &other, id)?;
                renamed.push((root.clone(), format!("{target}/{other}")));
            }
        }
        Ok(renamed)
    }

    /// Returns how many are new, and those that gave other objects here.
    fn take_traces(&self, texts: &Texts) -> Result<(usize, Vec<Other>), ExportError> {
        let (mut new, mut others) = (0, Vec::new());
        for (key, trace) in &texts.traces {
            match self.trace(key)? {
                Some(Trace { outputs, .. }) if outputs == trace.outputs => {}
                Some(_) => others.push(Other { key: *key, name: trace.name.clone() }),
                None => {
                    self.take_trace(texts, key, trace)?;
                    new += 1;
                }
            }
        }
        Ok((new, others))
    }

    /// The trace comes last: what tells of it is there by then.
    fn take_trace(&self, texts: &Texts, key: &DerivationKey, trace: &Trace) -> Result<(), ExportError> {
        if let Some(inputs) = texts.inputs.get(key) {
            self.put_inputs(key, inputs)?;
        }
        if let Some(log) = texts.logs.get(key) {
            fs::publish(self.session()?.directory(), &self.log_path(key), log, Durability::Remakable)?;
        }
        let _lock = self.lock(key, || {})?;
        Ok(self.put_imported_trace(key, trace, &format!("the export with the index {}", texts.index))?)
    }
}
