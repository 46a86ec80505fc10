//! All of an export that is no object's or source's bytes: the texts, each held against what it says of itself and of
//! the others. Knows nothing of where they lie in the archive.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;

use super::Wrong;
use super::index::Member;
use super::write::Hashed;
use crate::digest::{Blake3, DerivationKey, ObjectId};
use crate::path::RelPath;
use crate::store::{Inputs, Trace};
use crate::tree::Tree;

/// The most bytes that a log may unpack to.
const MOST_LOG: u64 = 1 << 30;

/// The texts of an export.
#[derive(Debug)]
pub struct Texts {
    /// What the index hashes to.
    pub index: Blake3,
    /// The trees that the manifests are of.
    pub trees: BTreeMap<ObjectId, Tree>,
    /// `target/name` → object.
    pub roots: BTreeMap<String, ObjectId>,
    /// Which objects derivations gave.
    pub traces: BTreeMap<DerivationKey, Trace>,
    /// What they were made of.
    pub inputs: BTreeMap<DerivationKey, Inputs>,
    /// Their logs, compressed.
    pub logs: BTreeMap<DerivationKey, Vec<u8>>,
}

impl Texts {
    pub(super) fn new(index: Blake3) -> Self {
        Self {
            index,
            trees: BTreeMap::new(),
            roots: BTreeMap::new(),
            traces: BTreeMap::new(),
            inputs: BTreeMap::new(),
            logs: BTreeMap::new(),
        }
    }

    /// Takes a member whose bytes are those that the index promises, in the order of the archive.
    pub(super) fn take(&mut self, member: &Member, text: Vec<u8>) -> Result<(), Wrong> {
        if let Member::Log(key) = member {
            self.logs.insert(*key, text);
            return Ok(());
        }
        let text = String::from_utf8(text).map_err(|_| Wrong::Line(1))?;
        let path = member.path();
        match member {
            Member::Manifest(id) => self.manifest(*id, &text)?,
            Member::Roots => self.roots = roots(&text, &self.trees)?,
            Member::Trace(key) => self.trace(*key, Path::new(&path), &text)?,
            Member::Inputs(key) => {
                let inputs = Inputs::parse(Path::new(&path), &text).map_err(Wrong::Trace)?;
                if inputs.key() != *key {
                    return Err(Wrong::Key(inputs.key().to_string()));
                }
                self.inputs.insert(*key, inputs);
            }
            Member::Log(_) | Member::Source(_) => {}
        }
        Ok(())
    }

    fn manifest(&mut self, id: ObjectId, text: &str) -> Result<(), Wrong> {
        let tree = Tree::from_manifest(text).map_err(Wrong::Manifest)?;
        for (path, _) in tree.iter() {
            RelPath::new(format!("objects/{id}/{path}")).map_err(Wrong::Path)?;
        }
        self.trees.insert(id, tree);
        Ok(())
    }

    fn trace(&mut self, key: DerivationKey, path: &Path, text: &str) -> Result<(), Wrong> {
        let trace = Trace::parse(path, &key, text).map_err(Wrong::Trace)?;
        if trace.text(&key) != text {
            return Err(Wrong::Line(1));
        }
        if let Some(id) = trace.outputs.values().find(|id| !self.trees.contains_key(id)) {
            return Err(Wrong::NoObject(id.to_string()));
        }
        if let Some(log) = self.logs.get(&key) {
            let log = log_digest(log).map_err(Wrong::Log)?;
            if log != trace.log {
                let (expected, found) = (log.to_string(), trace.log.to_string());
                return Err(Wrong::Digest { kind: "log's BLAKE3", expected, found });
            }
        }
        self.traces.insert(key, trace);
        Ok(())
    }
}

/// The lines of the member `roots`.
fn roots(text: &str, trees: &BTreeMap<ObjectId, Tree>) -> Result<BTreeMap<String, ObjectId>, Wrong> {
    let mut roots: BTreeMap<String, ObjectId> = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = || Wrong::Line(number + 1);
        let (id, name) = line.split_once("  ").ok_or_else(wrong)?;
        let id: ObjectId = id.parse().map_err(|_| wrong())?;
        // TARGET/NAME: two words that can be a directory's and a link's names.
        let path = RelPath::new(name).ok().filter(|path| path.ancestors().count() == 1);
        let sorted = roots.last_key_value().is_none_or(|(last, _)| last.as_str() < name);
        if path.is_none() || !sorted {
            return Err(wrong());
        }
        if !trees.contains_key(&id) {
            return Err(Wrong::NoObject(id.to_string()));
        }
        roots.insert(name.to_owned(), id);
    }
    Ok(roots)
}

fn log_digest(packed: &[u8]) -> io::Result<Blake3> {
    let mut hashed = Hashed::new(io::sink());
    let mut text = zstd::Decoder::new(packed)?.take(MOST_LOG);
    io::copy(&mut text, &mut hashed)?;
    Ok(hashed.digest())
}
