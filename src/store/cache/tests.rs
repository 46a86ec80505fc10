//! What is kept is had again, or it is as if it had never been there.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

const KIND: &str = "layers";

struct Place {
    scratch: tempfile::TempDir,
    store: Store,
    key: Blake3,
}

impl Place {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(&scratch.path().join("store")).unwrap();
        Self { scratch, store, key: Blake3::of(b"all that the blob depends on") }
    }

    /// Keeps `bytes` as made from `object`; gives the file that stays outside.
    fn put(&self, object: ObjectId, bytes: &[u8]) -> (PathBuf, Cached) {
        let file = self.scratch.path().join("made");
        fs::write(&file, bytes).unwrap();
        let entry = Cached {
            object,
            blob: Some(Blob { sha256: Sha256::of(bytes), size: bytes.len() as u64 }),
            notes: BTreeMap::from([("diff-id".to_owned(), "a line of text".to_owned())]),
        };
        self.store.put_cached(KIND, &self.key, &entry, Some(&file)).unwrap();
        (file, entry)
    }

    fn cached(&self) -> Option<Cached> {
        self.store.cached(KIND, &self.key).unwrap()
    }

    fn blob(&self) -> PathBuf {
        self.store.blob_path(KIND, &self.key)
    }
}

fn object() -> ObjectId {
    ObjectId::from_bytes([3; 32])
}

#[test]
fn what_was_put_is_found_again_sealed() {
    let place = Place::new();
    assert_eq!(place.cached(), None);
    let (file, entry) = place.put(object(), b"blob");
    assert_eq!(place.cached(), Some(entry));
    assert_eq!(fs::read(&file).unwrap(), b"blob", "the file stays where it was");
    assert_eq!(std::fs::metadata(place.blob()).unwrap().permissions().mode() & 0o777, 0o444);
    assert_eq!(place.store.cached("other", &place.key).unwrap(), None);
    assert_eq!(place.store.cached(KIND, &Blake3::of(b"other")).unwrap(), None);
}

#[test]
fn an_entry_may_be_a_text_alone() {
    let place = Place::new();
    let entry = Cached { object: object(), blob: None, notes: BTreeMap::from([("found".to_owned(), "no".to_owned())]) };
    place.store.put_cached(KIND, &place.key, &entry, None).unwrap();
    assert_eq!(place.cached(), Some(entry));
}

#[test]
fn a_torn_entry_counts_as_not_there_wherever_it_is_torn() {
    let place = Place::new();
    place.put(object(), b"blob");
    let path = place.store.entry_path(KIND, &place.key);
    let text = fs::read_to_string(&path).unwrap();
    for length in 0..text.len() {
        fs::remove_file(&path).unwrap();
        fs::write(&path, &text[..length]).unwrap();
        assert_eq!(place.cached(), None, "{}", &text[..length]);
    }
}

#[test]
fn a_blob_without_its_entry_as_a_crash_leaves_it_is_not_found_and_goes() {
    let place = Place::new();
    place.put(object(), b"blob");
    fs::remove_file(&place.store.entry_path(KIND, &place.key)).unwrap();
    assert_eq!(place.cached(), None);
    assert_eq!(place.store.collect_cache(&|_| true).unwrap(), 0);
    assert!(!place.blob().exists());
}

#[test]
fn a_blob_that_was_written_to_through_another_name_is_dropped() {
    let place = Place::new();
    place.put(object(), b"blob");
    fs::set_mode(&place.blob(), 0o644).unwrap();
    fs::write(&place.blob(), "evil").unwrap();
    fs::set_mode(&place.blob(), 0o444).unwrap();
    assert_eq!(place.cached(), None);
    assert!(!place.blob().exists() && !place.store.entry_path(KIND, &place.key).exists());
}

#[test]
fn a_blob_that_was_only_touched_is_sealed_again() {
    let place = Place::new();
    let (_, entry) = place.put(object(), b"blob");
    fs::set_mode(&place.blob(), 0o640).unwrap();
    fs::set_time(&place.blob(), 1).unwrap();
    assert_eq!(place.cached().as_ref(), Some(&entry));
    assert!(is_sealed(&place.blob(), &entry.blob.unwrap()));
}

#[test]
fn bits_that_rot_are_found_by_a_verification() {
    let place = Place::new();
    place.put(object(), b"blob");
    assert_eq!(place.store.verify(&|| ()).unwrap().faults, []);
    fs::set_mode(&place.blob(), 0o644).unwrap();
    fs::write(&place.blob(), "blow").unwrap();
    seal(&place.blob()).unwrap();
    assert!(place.cached().is_some(), "no time tells of it");
    let verified = place.store.verify(&|| ()).unwrap();
    let how = format!("the SHA-256 of its blob is {}", Sha256::of(b"blow"));
    assert_eq!(verified.faults, [Fault { what: format!("cache/layers/{}", place.key), how }]);
    assert_eq!(verified.cached, 1);
    assert_eq!(place.cached(), None);
    assert!(place.store.root().join("quarantine").join(format!("{}.blob", place.key)).exists());
}

#[test]
fn a_missing_blob_and_an_altered_entry_are_found_too() {
    let place = Place::new();
    place.put(object(), b"blob");
    fs::remove_file(&place.blob()).unwrap();
    assert_eq!(place.store.verify(&|| ()).unwrap().faults[0].how, "its blob is missing");
    place.put(object(), b"blob");
    let path = place.store.entry_path(KIND, &place.key);
    let text = fs::read_to_string(&path).unwrap().replace("a line", "a lie!");
    fs::remove_file(&path).unwrap();
    fs::write(&path, text).unwrap();
    assert_eq!(place.store.verify(&|| ()).unwrap().faults[0].how, "it is not what was written there");
    assert!(!path.exists());
}

#[test]
fn an_entry_lives_as_long_as_its_object() {
    let place = Place::new();
    let tree = place.scratch.path().join("tree");
    fs::create_dir_all(&tree).unwrap();
    fs::write(&tree.join("file"), "stone").unwrap();
    let object = place.store.add(&tree).unwrap();
    place.store.set_root("x86_64-linux-musl", "kept-1", &object).unwrap();
    place.put(object, b"blob");
    let Place { scratch, store, key } = place;
    let root = store.root().to_owned();
    drop(store);
    let place = Place { scratch, store: Store::open(&root).unwrap(), key };
    assert_eq!(place.store.collect().unwrap().cached, 0);
    assert!(place.cached().is_some());
    fs::remove_file(&root.join("roots/x86_64-linux-musl/kept-1")).unwrap();
    assert_eq!(place.store.collect().unwrap().cached, 1);
    assert_eq!((place.cached(), place.blob().exists()), (None, false));
}
