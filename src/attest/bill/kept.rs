//! What objects' files hash to, kept in the store's cache: an image of objects that were hashed before needs none of
//! their bytes. The key is the object's id, from which everything follows.

use std::collections::BTreeMap;

use super::digests::{FileDigests, ObjectDigests, digests};
use super::error::AttestError;
use crate::digest::{Blake3, Encoder, ObjectId};
use crate::path::RelPath;
use crate::store::{Cached, Store};
use crate::tree::{Entry, Tree};

const KIND: &str = "digests";

/// The form of what is kept: it changes whenever other things are said of a file.
const FORM: u32 = 1;

/// What the files of a store's object hash to.
///
/// # Errors
/// When the store cannot be read, or a file is not what the object's tree says.
pub fn object_digests(store: &Store, id: &ObjectId) -> Result<ObjectDigests, AttestError> {
    let (tree, key) = (store.tree(id)?, key(id));
    if let Some(cached) = store.cached(KIND, &key)?
        && let Some(known) = read(&cached).filter(|known| is_of(known, &tree))
    {
        return Ok(known);
    }
    let found = digests(&store.object_path(id), &tree)?;
    store.put_cached(KIND, &key, &Cached { object: *id, blob: None, notes: notes(&found) }, None)?;
    Ok(found)
}

fn key(id: &ObjectId) -> Blake3 {
    let mut encoder = Encoder::new("drystone-digests", FORM);
    encoder.field("object", &id.to_string());
    encoder.finish().0
}

/// A line for each file; the path comes last, since it may have spaces in it.
fn notes(digests: &ObjectDigests) -> BTreeMap<String, String> {
    let note = |(index, (path, file)): (usize, (&RelPath, &FileDigests))| {
        let FileDigests { size, sha1, sha256, blake3, is_program } = file;
        let kind = if *is_program { "program" } else { "data" };
        (format!("file-{index:08}"), format!("{size} {sha1} {sha256} {blake3} {kind} {path}"))
    };
    digests.iter().enumerate().map(note).collect()
}

/// `None` when a line is of another form.
fn read(cached: &Cached) -> Option<ObjectDigests> {
    cached.notes.values().map(|line| file(line)).collect()
}

fn file(line: &str) -> Option<(RelPath, FileDigests)> {
    let fields: Vec<&str> = line.splitn(6, ' ').collect();
    let [size, sha1, sha256, blake3, kind, path] = fields[..] else { return None };
    let is_program = match kind {
        "program" => true,
        "data" => false,
        _ => return None,
    };
    let digests = FileDigests {
        size: size.parse().ok()?,
        sha1: sha1.parse().ok()?,
        sha256: sha256.parse().ok()?,
        blake3: blake3.parse().ok()?,
        is_program,
    };
    Some((RelPath::new(path).ok()?, digests))
}

/// Whether these are the files of a tree, all of them.
fn is_of(digests: &ObjectDigests, tree: &Tree) -> bool {
    let files = tree.iter().filter_map(|(path, entry)| match entry {
        Entry::File { digest, .. } => Some((path, digest)),
        Entry::Dir | Entry::Symlink { .. } => None,
    });
    files.eq(digests.iter().map(|(path, file)| (path, &file.blake3)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs;

    #[test]
    fn an_object_is_hashed_once_and_what_is_kept_of_another_form_is_not_believed() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(&scratch.path().join("store")).unwrap();
        let tree = scratch.path().join("tree");
        std::fs::create_dir(&tree).unwrap();
        std::fs::write(tree.join("a file"), "stone").unwrap();
        let id = store.add(&tree).unwrap();
        let found = object_digests(&store, &id).unwrap();
        assert_eq!(found[&RelPath::new("a file").unwrap()], FileDigests::of(b"stone"));
        // With its bytes out of reach, what was kept answers.
        let (object, aside) = (store.object_path(&id), scratch.path().join("aside"));
        fs::rename(&object, &aside).unwrap();
        assert_eq!(object_digests(&store, &id).unwrap(), found);
        for notes in [BTreeMap::new(), BTreeMap::from([("file-00000000".to_owned(), "5 words".to_owned())])] {
            store.put_cached(KIND, &key(&id), &Cached { object: id, blob: None, notes }, None).unwrap();
            assert!(matches!(object_digests(&store, &id), Err(AttestError::Fs(_))));
        }
        fs::rename(&aside, &object).unwrap();
        assert_eq!(object_digests(&store, &id).unwrap(), found);
    }
}
