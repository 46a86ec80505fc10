//! Traces: which objects a derivation gave.
//!
//! ```text
//! drystone-trace 2
//! name sed-4.9
//! seconds 12.345
//! log BLAKE3 of the log's text
//! output bin OBJECT-ID
//! sum BLAKE3 of the key and the lines above, a newline after each
//! ```
//! The sum finds what a disk has altered, and a trace under another's name; whoever writes a trace on purpose can write its
//! sum as well. Version 1 had none, and is still read.
//!
//! A trace that came from another store has a file `traces/KEY.imported` beside it, which says where from. Without it,
//! the derivation was carried out with this store. Nothing is built differently for it: it tells only what somebody
//! may say to have built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Result, Store, StoreError};
use crate::digest::{Blake3, DerivationKey, ObjectId};
use crate::fs::{self, Durability};

/// What a derivation gave when it was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The derivation's name, for people.
    pub name: String,
    /// How long the build took.
    pub duration: Duration,
    /// The hash of the log's text.
    pub log: Blake3,
    /// Output name → object.
    pub outputs: BTreeMap<String, ObjectId>,
}

const HEAD: &str = "drystone-trace 2";
const HEAD_WITHOUT_SUM: &str = "drystone-trace 1";
/// What follows the key in the name of the file that marks a trace of another store.
const IMPORTED: &str = ".imported";

impl Trace {
    /// The file of a derivation's trace.
    pub(super) fn text(&self, key: &DerivationKey) -> String {
        let Self { name, duration, log, outputs } = self;
        let mut text = format!("{HEAD}\nname {name}\nseconds {:.3}\nlog {log}\n", duration.as_secs_f64());
        for (output, id) in outputs {
            text.push_str(&format!("output {output} {id}\n"));
        }
        let sum = sum(key, &text);
        text.push_str(&format!("sum {sum}\n"));
        text
    }

    /// Reads the file of a derivation's trace.
    pub(super) fn parse(path: &Path, key: &DerivationKey, text: &str) -> Result<Self> {
        let malformed = |line| StoreError::Trace { path: path.to_owned(), line };
        let digest = |source| StoreError::Digest { path: path.to_owned(), source };
        let body = if text.lines().next() == Some(HEAD_WITHOUT_SUM) { text } else { summed(path, key, text)? };
        // The head has been read.
        let mut lines = body.lines().skip(1);
        let mut field = |number, key: &str| {
            let value = lines.next().and_then(|line| line.strip_prefix(key));
            value.ok_or_else(|| malformed(number))
        };
        let name = field(2, "name ")?.to_owned();
        let seconds: f64 = field(3, "seconds ")?.parse().map_err(|_| malformed(3))?;
        let duration = Duration::try_from_secs_f64(seconds).map_err(|_| malformed(3))?;
        let log = field(4, "log ")?.parse().map_err(digest)?;
        let mut outputs = BTreeMap::new();
        for (index, line) in lines.enumerate() {
            let pair = line.strip_prefix("output ").and_then(|rest| rest.split_once(' '));
            let (output, id) = pair.ok_or_else(|| malformed(index + 5))?;
            outputs.insert(output.to_owned(), id.parse().map_err(digest)?);
        }
        Ok(Self { name, duration, log, outputs })
    }
}

fn sum(key: &DerivationKey, body: &str) -> Blake3 {
    Blake3::of(format!("{key}\n{body}").as_bytes())
}

/// The lines above the sum, if they are what was summed up.
fn summed<'t>(path: &Path, key: &DerivationKey, text: &'t str) -> Result<&'t str> {
    let malformed = |line| StoreError::Trace { path: path.to_owned(), line };
    if text.lines().next() != Some(HEAD) {
        return Err(malformed(1));
    }
    let last = || malformed(text.lines().count());
    let (body, rest) = text.rsplit_once("\nsum ").ok_or_else(last)?;
    let body = &text[..=body.len()];
    match rest.strip_suffix('\n') {
        Some(digits) if digits == sum(key, body).to_string() => Ok(body),
        Some(_) => Err(StoreError::Altered { path: path.to_owned() }),
        None => Err(last()),
    }
}

impl Store {
    /// What a derivation gave, if it has been built and every object is still there.
    pub fn trace(&self, key: &DerivationKey) -> Result<Option<Trace>> {
        let path = self.trace_path(key);
        let text = fs::read_if_exists(&path)?.filter(|text| !text.is_empty());
        let Some(text) = text else { return Ok(None) };
        let trace = Trace::parse(&path, key, &text)?;
        let whole = trace.outputs.values().all(|id| self.has_object(id));
        Ok(whole.then_some(trace))
    }

    /// Records what a derivation gave here, replacing what it gave before.
    pub fn put_trace(&self, key: &DerivationKey, trace: &Trace) -> Result<()> {
        self.publish_trace(key, trace)?;
        // Last: what is cut off in between is taken for another's.
        self.set_built_here(key)
    }

    /// Records what a derivation gave elsewhere. `origin` says where, in a line for people. A trace that is there and
    /// whole stays: what this store knows of itself is not replaced by hearsay. The caller holds the derivation's lock
    /// ([`Store::lock`]), as a build does.
    pub fn put_imported_trace(&self, key: &DerivationKey, trace: &Trace, origin: &str) -> Result<()> {
        if self.trace(key)?.is_some() {
            return Ok(());
        }
        // First, so that no such trace is ever without its mark.
        let mark = format!("{}\n", origin.escape_debug());
        let directory = self.session()?.directory();
        fs::publish(directory, &self.imported_path(key), mark.as_bytes(), Durability::Remakable)?;
        self.publish_trace(key, trace)
    }

    /// Whether a derivation's trace came from another store.
    pub fn is_imported(&self, key: &DerivationKey) -> bool {
        self.imported_path(key).exists()
    }

    /// Takes note that a derivation was carried out here after all, with what its trace says.
    pub fn set_built_here(&self, key: &DerivationKey) -> Result<()> {
        Ok(fs::remove_file(&self.imported_path(key))?)
    }

    pub(super) fn imported_path(&self, key: &DerivationKey) -> PathBuf {
        self.root().join("traces").join(format!("{key}{IMPORTED}"))
    }

    fn publish_trace(&self, key: &DerivationKey, trace: &Trace) -> Result<()> {
        Ok(fs::publish(
            self.session()?.directory(),
            &self.trace_path(key),
            trace.text(key).as_bytes(),
            Durability::Remakable,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_counts_only_while_its_objects_are_there() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(&scratch.path().join("store")).unwrap();
        let tree = scratch.path().join("tree");
        std::fs::create_dir(&tree).unwrap();
        std::fs::write(tree.join("file"), "stone").unwrap();
        let id = store.add(&tree).unwrap();
        let key = DerivationKey::from_bytes([7; 32]);
        let outputs = BTreeMap::from([("bin".to_owned(), id)]);
        let trace =
            Trace { name: "wall-1".into(), duration: Duration::from_millis(1500), log: Blake3::of(b""), outputs };
        assert_eq!(store.trace(&key).unwrap(), None);
        store.put_trace(&key, &trace).unwrap();
        assert_eq!(store.trace(&key).unwrap(), Some(trace));
        fs::remove_file(&store.manifest_path(&id)).unwrap();
        assert_eq!(store.trace(&key).unwrap(), None);
        // What a power cut can leave of a file that was not flushed.
        fs::remove_file(&store.trace_path(&key)).unwrap();
        fs::write(&store.trace_path(&key), "").unwrap();
        assert_eq!(store.trace(&key).unwrap(), None);
    }

    #[test]
    fn every_altered_byte_of_a_trace_is_noticed_and_so_is_another_key() {
        let (path, key) = (Path::new("trace"), DerivationKey::from_bytes([7; 32]));
        let outputs = BTreeMap::from([("bin".to_owned(), ObjectId::from_bytes([1; 32]))]);
        let trace =
            Trace { name: "wall-1".into(), duration: Duration::from_millis(1500), log: Blake3::of(b""), outputs };
        let text = trace.text(&key);
        assert_eq!(Trace::parse(path, &key, &text).unwrap(), trace);
        assert!(Trace::parse(path, &DerivationKey::from_bytes([8; 32]), &text).is_err());
        for index in 0..text.len() {
            for bit in [0x01, 0x03, 0x10] {
                let mut bytes = text.clone().into_bytes();
                bytes[index] ^= bit;
                let altered = String::from_utf8(bytes).unwrap();
                let found = Trace::parse(path, &key, &altered);
                assert!(found.is_err(), "byte {index} altered by {bit:#x} was not noticed: {found:?}");
            }
        }
        for end in 1..text.len() {
            assert!(Trace::parse(path, &key, &text[..end]).is_err(), "cut after {end} bytes");
        }
        let body = text.rsplit_once("\nsum ").unwrap().0;
        let before = format!("{}\n", body.replace(HEAD, HEAD_WITHOUT_SUM));
        assert_eq!(Trace::parse(path, &key, &before).unwrap(), trace);
    }

    #[test]
    fn a_trace_of_another_store_is_marked_until_the_derivation_is_built_here() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(&scratch.path().join("store")).unwrap();
        let (key, own) = (DerivationKey::from_bytes([7; 32]), DerivationKey::from_bytes([8; 32]));
        let trace =
            Trace { name: "wall-1".into(), duration: Duration::ZERO, log: Blake3::of(b""), outputs: BTreeMap::new() };
        store.put_imported_trace(&key, &trace, "a friend's store").unwrap();
        assert_eq!(store.trace(&key).unwrap(), Some(trace.clone()));
        assert!(store.is_imported(&key));
        store.put_trace(&key, &trace).unwrap();
        assert!(!store.is_imported(&key));
        // Hearsay does not replace what was seen.
        store.put_trace(&own, &trace).unwrap();
        store.put_imported_trace(&own, &Trace { name: "other-1".into(), ..trace.clone() }, "x").unwrap();
        assert_eq!(store.trace(&own).unwrap(), Some(trace));
        assert!(!store.is_imported(&own));
    }
}
