//! Rehashes what the store holds, and takes what is corrupt out of everybody's way.

use std::path::Path;

use rayon::prelude::*;

use super::{Result, Store, scan};
use crate::digest::{DerivationKey, ObjectId, Sha256, feed};
use crate::fs;

/// Something that is not what its name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `objects/ID`, `sources/SHA256`, `traces/KEY`, `traces/KEY.inputs` or `cache/KIND/KEY`.
    pub what: String,
    /// What is wrong, with the first differing path.
    pub how: String,
}

/// What a verification found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Objects that were looked at.
    pub objects: usize,
    /// Sources that were looked at.
    pub sources: usize,
    /// Traces that were looked at.
    pub traces: usize,
    /// Entries of the cache that were looked at.
    pub cached: usize,
    /// What was corrupt; it is in `quarantine/` now.
    pub faults: Vec<Fault>,
}

impl Store {
    /// Rehashes every object, source and cached blob, and reads every trace. What is corrupt is moved to `quarantine/`,
    /// so that the next build makes or fetches it anew. `done` is called after each, from any thread.
    ///
    /// A trace is believed if its sum is right: what a derivation gave cannot be proved. What it was made of can: it
    /// hashes to the key.
    pub fn verify(&self, done: &(dyn Fn() + Sync)) -> Result<Verified> {
        let objects: Vec<ObjectId> = self.named("objects")?;
        let sources: Vec<Sha256> = self.named("sources")?;
        let mut faults = Vec::new();
        for id in &objects {
            if let Some(how) = self.object_fault(id)? {
                self.quarantine("objects", &id.to_string())?;
                fs::remove_file(&self.manifest_path(id))?;
                faults.push(Fault { what: format!("objects/{id}"), how });
            }
            done();
        }
        let wrong: Vec<_> = sources
            .par_iter()
            .map(|sha256| {
                let found = hash_file(&self.source_path(sha256));
                done();
                let found = found?;
                Ok((found != *sha256).then_some((*sha256, found)))
            })
            .collect::<Result<_>>()?;
        for (sha256, found) in wrong.into_iter().flatten() {
            self.quarantine("sources", &sha256.to_string())?;
            faults.push(Fault { what: format!("sources/{sha256}"), how: format!("its SHA-256 is {found}") });
        }
        let (traces, wrong) = self.verify_traces(done)?;
        faults.extend(wrong);
        let (cached, wrong) = self.verify_cache(done)?;
        faults.extend(wrong);
        Ok(Verified { objects: objects.len(), sources: sources.len(), traces, cached, faults })
    }

    fn verify_traces(&self, done: &(dyn Fn() + Sync)) -> Result<(usize, Vec<Fault>)> {
        let keys: Vec<DerivationKey> = self.named("traces")?;
        let mut faults = Vec::new();
        for key in &keys {
            if let Err(error) = self.trace(key) {
                self.quarantine("traces", &key.to_string())?;
                faults.push(Fault { what: format!("traces/{key}"), how: error.to_string() });
            }
            if let Some(how) = self.inputs_fault(key) {
                let name = format!("{key}.inputs");
                self.quarantine("traces", &name)?;
                faults.push(Fault { what: format!("traces/{name}"), how });
            }
            done();
        }
        Ok((keys.len(), faults))
    }

    /// What is wrong with what a derivation was made of.
    pub(super) fn inputs_fault(&self, key: &DerivationKey) -> Option<String> {
        match self.inputs(key) {
            Ok(Some(inputs)) if inputs.key() != *key => Some(format!("its fields hash to {}", inputs.key())),
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        }
    }

    /// The digests that name the entries of one of the store's directories.
    pub(super) fn named<T: std::str::FromStr>(&self, directory: &str) -> Result<Vec<T>> {
        let names = fs::list(&self.root.join(directory))?;
        Ok(names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
    }

    /// What is wrong with an object. One without a manifest was never published: it is none of ours to judge.
    fn object_fault(&self, id: &ObjectId) -> Result<Option<String>> {
        if !self.has_object(id) {
            return Ok(None);
        }
        let expected = match self.tree(id) {
            Ok(tree) => tree,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let found = match scan(&self.object_path(id)) {
            Ok(scanned) => scanned.tree,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let differences = expected.differences(&found);
        let first = differences.first().map(|first| format!("`{}` differs from the manifest", first.path));
        Ok(first.map(|first| match differences.len() {
            1 => first,
            more => format!("{first}, and {} more", more - 1),
        }))
    }

    pub(super) fn quarantine(&self, directory: &str, name: &str) -> Result<()> {
        let path = self.root.join(directory).join(name);
        let destination = self.root.join("quarantine").join(name);
        fs::remove_tree(&destination)?;
        // Moving a directory changes its "..", for which it must be writable.
        if path.is_dir() {
            fs::set_mode(&path, 0o755)?;
        }
        Ok(fs::rename(&path, &destination)?)
    }
}

pub(super) fn hash_file(path: &Path) -> Result<Sha256> {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    feed(&mut fs::open(path)?, &mut hasher).map_err(fs::failed("read", path))?;
    Ok(Sha256::from_bytes(hasher.finalize().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_byte_is_found_named_and_moved_away() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(&scratch.path().join("store")).unwrap();
        let tree = scratch.path().join("tree");
        std::fs::create_dir_all(tree.join("usr/bin")).unwrap();
        std::fs::write(tree.join("usr/bin/sed"), "ELF").unwrap();
        let id = store.add(&tree).unwrap();
        assert_eq!(store.verify(&|| ()).unwrap().faults, []);
        let file = store.object_path(&id).join("usr/bin/sed");
        fs::set_mode(&file, 0o644).unwrap();
        std::fs::write(&file, "EVIL").unwrap();
        let faults = store.verify(&|| ()).unwrap().faults;
        let how = "`usr/bin/sed` differs from the manifest".to_owned();
        assert_eq!(faults, [Fault { what: format!("objects/{id}"), how }]);
        assert!(!store.has_object(&id));
        assert!(!store.object_path(&id).exists());
    }
}
