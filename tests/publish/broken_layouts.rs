//! Layouts that are not whole never get a tag.

use drystone::progress::Silent;
use drystone::publish::{self, Layout};

use crate::fake::Fake;
use crate::layouts::{bytes, finish, image, manifest};

#[test]
fn a_missing_blob_is_said_before_anything_is_asked() {
    let fake = Fake::good();
    let scratch = tempfile::tempdir().unwrap();
    let layer = bytes(1, 1000);
    let layout = image(scratch.path(), std::slice::from_ref(&layer));
    let digest = drystone::digest::Sha256::of(&layer);
    std::fs::remove_file(scratch.path().join("blobs/sha256").join(digest.to_string())).unwrap();
    let error = publish::push(&fake.registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap_err();
    let place = scratch.path().display();
    let expected = format!("{place} lacks the blob sha256:{digest}, which its manifest names: make the layout again");
    assert_eq!(error.to_string(), expected);
    assert_eq!(fake.take_log(), [""; 0]);
}

#[test]
fn a_blob_of_another_size_is_said_before_anything_is_asked() {
    let fake = Fake::good();
    let scratch = tempfile::tempdir().unwrap();
    let layer = bytes(1, 1000);
    let layout = image(scratch.path(), std::slice::from_ref(&layer));
    let path = scratch.path().join("blobs/sha256").join(drystone::digest::Sha256::of(&layer).to_string());
    std::fs::write(&path, &layer[..999]).unwrap();
    let error = publish::push(&fake.registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap_err();
    let expected = format!("{} has 999 bytes, but its manifest names 1000: make the layout again", path.display());
    assert_eq!(error.to_string(), expected);
    assert_eq!(fake.take_log(), [""; 0]);
}

#[test]
fn an_altered_blob_small_or_large_is_never_there_whole_and_nothing_is_tagged() {
    for length in [1000, 20 << 20] {
        let fake = Fake::good();
        let scratch = tempfile::tempdir().unwrap();
        let layer = bytes(2, length);
        let layout = image(scratch.path(), std::slice::from_ref(&layer));
        let path = scratch.path().join("blobs/sha256").join(drystone::digest::Sha256::of(&layer).to_string());
        let mut altered = layer;
        altered[length - 1] ^= 1;
        std::fs::write(&path, &altered).unwrap();
        let error = publish::push(&fake.registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap_err();
        let found = drystone::digest::Sha256::of(&altered);
        let expected =
            format!("{} has been altered: its bytes are sha256:{found}; make the layout again", path.display());
        assert_eq!(error.to_string(), expected);
        assert!(fake.blob_count("stones") <= 1, "at most the configuration got there");
        assert!(fake.state().manifests.is_empty());
    }
}

#[test]
fn an_altered_manifest_is_said() {
    let fake = Fake::good();
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[bytes(3, 10)]);
    let path = scratch.path().join("blobs/sha256").join(layout.image().digest.0.to_string());
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("amd64", "arm64")
        .replace("schemaVersion\":2", "schemaVersion\":3");
    std::fs::write(&path, text).unwrap();
    let error = publish::push(&fake.registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap_err();
    assert!(error.to_string().starts_with(&format!("{} has been altered", path.display())), "{error}");
}

#[test]
fn a_directory_that_is_no_layout_and_names_that_it_does_not_have_are_said() {
    let scratch = tempfile::tempdir().unwrap();
    let place = scratch.path().join("layout");
    let shown = place.display().to_string();
    let say = |text: &str| Layout::find(text).unwrap_err().to_string();
    assert_eq!(say(&shown), format!("{shown} is not an OCI image layout: there is no such directory"));
    std::fs::create_dir(&place).unwrap();
    assert_eq!(say(&shown), format!("{shown} is not an OCI image layout: it has no file `oci-layout`"));
    let (one, two) = (manifest(&place, "amd64", &[]), manifest(&place, "arm64", &[]));
    finish(&place, &[("1.0", one), ("2.0", two)]);
    let expected = format!("{shown} holds several images: name one as {shown}:NAME; it holds 1.0, 2.0");
    assert_eq!(say(&shown), expected);
    assert_eq!(say(&format!("{shown}:3")), format!("{shown} holds no image named `3`; it holds 1.0, 2.0"));
    assert_eq!(Layout::find(&format!("{shown}:2.0")).unwrap().name(), Some("2.0"));
    finish(&place, &[]);
    assert_eq!(say(&shown), format!("{shown} is not an OCI image layout: its index names no image"));
}

#[test]
fn a_reference_with_another_digest_is_said_before_anything_is_asked() {
    let fake = Fake::good();
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[]);
    let to = fake.reference("stones:1").by_digest(drystone::digest::Sha256::of(b"other"));
    let error = publish::push(&fake.registry(), &layout, &to, &[], &Silent).unwrap_err();
    assert_eq!(error.to_string(), format!("the image is sha256:{}, not what {to} names", layout.image().digest.0));
    assert_eq!(fake.take_log(), [""; 0]);
}
