//! Removes what no root reaches.

use std::collections::BTreeSet;

use super::{Result, Store};
use crate::digest::{DerivationKey, ObjectId};
use crate::fs;

/// What a collection removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Objects.
    pub objects: usize,
    /// Traces, with their logs.
    pub traces: usize,
    /// Entries of the cache.
    pub cached: usize,
}

impl Store {
    /// Removes every object that no root names, the traces that told of it and what was cached from it. Sources are kept: they are what
    /// a rebuild without a network needs.
    ///
    /// # Errors
    /// [`StoreError::InUse`](super::StoreError::InUse) while any process builds.
    pub fn collect(&self) -> Result<Collected> {
        // A build that runs has objects that no root names yet.
        let _alone = self.alone()?;
        let alive: BTreeSet<ObjectId> = self.roots()?.into_values().collect();
        let mut collected = Collected::default();
        for key in self.named::<DerivationKey>("traces")? {
            let reached = self.trace(&key)?.is_some_and(|trace| trace.outputs.values().all(|id| alive.contains(id)));
            if !reached {
                fs::remove_file(&self.trace_path(&key))?;
                fs::remove_file(&self.inputs_path(&key))?;
                fs::remove_file(&self.imported_path(&key))?;
                fs::remove_file(&self.log_path(&key))?;
                collected.traces += 1;
            }
        }
        for id in self.named::<ObjectId>("objects")? {
            if !alive.contains(&id) {
                // The manifest first: without it the object does not count.
                fs::remove_file(&self.manifest_path(&id))?;
                fs::remove_tree(&self.object_path(&id))?;
                collected.objects += 1;
            }
        }
        collected.cached = self.collect_cache(&|id| alive.contains(id))?;
        Ok(collected)
    }

    /// Removes all that is cached; it is made again where it is needed.
    ///
    /// # Errors
    /// [`StoreError::InUse`](super::StoreError::InUse) while any process builds.
    pub fn clear_cache(&self) -> Result<usize> {
        let _alone = self.alone()?;
        self.collect_cache(&|_| false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_root_names_stays_and_the_rest_goes() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(&scratch.path().join("store")).unwrap();
        let add = |name: &str| {
            let tree = scratch.path().join(name);
            std::fs::create_dir(&tree).unwrap();
            std::fs::write(tree.join(name), name).unwrap();
            store.add(&tree).unwrap()
        };
        let (kept, gone) = (add("kept"), add("gone"));
        store.set_root("x86_64-linux-musl", "kept-1", &kept).unwrap();
        let error = Store::open(store.root()).unwrap().collect().unwrap_err();
        assert!(error.to_string().ends_with("is in use by another process: wait for it, then collect"), "{error}");
        drop(store);
        let store = Store::open(&scratch.path().join("store")).unwrap();
        assert_eq!(store.collect().unwrap(), Collected { objects: 1, traces: 0, cached: 0 });
        assert!(store.has_object(&kept) && store.object_path(&kept).join("kept").exists());
        assert!(!store.has_object(&gone) && !store.object_path(&gone).exists());
    }
}
