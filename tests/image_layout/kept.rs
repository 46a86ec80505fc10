//! A layer's blob is made once for each object; what comes from the store later is the same to the byte.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use drystone::digest::Blake3;
use drystone::image::{Compression, Format, Options, Part, Summary, compose, encoder, write};

use crate::blobs::Layout;
use crate::stability::files;
use crate::stones::{Store, options, path, spec};

fn build(store: &Store, parts: &[Part], options: &Options, output: &Path) -> Summary {
    write(&compose(&spec(), parts).unwrap(), options, store.store(), output).unwrap()
}

/// The blobs that the store keeps.
fn kept(store: &Store) -> Vec<PathBuf> {
    let directory = store.store().root().join("cache/layers");
    let Ok(names) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<_> = names.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some());
    paths.sort();
    paths
}

#[test]
fn warm_and_cold_runs_give_the_same_bytes_with_either_compression() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let parts = [store.sed(), store.cat(), store.deep()];
    let at = |name: &str| scratch.path().join(name);
    for compression in [Compression::Gzip, Compression::Zstd] {
        let options = Options { compression, ..options(Format::Oci) };
        let cold = build(&store, &parts, &options, &at("cold"));
        let warm = build(&store, &parts, &options, &at("warm"));
        assert_eq!(cold, warm);
        assert!(files(&at("cold")) == files(&at("warm")), "{compression:?}");
        assert_eq!(Layout::read(&at("warm")).manifest["annotations"]["io.drystone.encoder"], encoder(compression));
        // Another store, where nothing is kept.
        let fresh = Store::new();
        build(&fresh, &[fresh.sed(), fresh.cat(), fresh.deep()], &options, &at("fresh"));
        assert!(files(&at("fresh")) == files(&at("warm")), "{compression:?}");
    }
    assert_eq!(kept(&store).len(), 6, "the spec's own layer is not kept");
}

#[test]
fn a_later_run_opens_no_file_of_an_object() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let parts = [store.sed(), store.cat(), store.deep()];
    let cold = build(&store, &parts, &options(Format::Oci), &scratch.path().join("cold"));
    store.damage(&parts[0].id, "usr/bin/sed", None);
    store.damage(&parts[1].id, "usr/bin/cat", None);
    assert_eq!(build(&store, &parts, &options(Format::Oci), &scratch.path().join("warm")), cold);
    let archive = build(&store, &parts, &options(Format::OciArchive), &scratch.path().join("warm.tar"));
    assert_eq!((archive.manifest, archive.layers), (cold.manifest, cold.layers));
}

#[test]
fn one_changed_component_is_one_new_layer() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let output = scratch.path().join("image");
    build(&store, &[store.sed(), store.cat()], &options(Format::Oci), &output);
    let before = kept(&store);
    let changed = store.part("coreutils/cat", &[("usr/bin/cat", true, b"tac")], None);
    store.damage(&store.sed().id, "usr/bin/sed", None);
    build(&store, &[store.sed(), changed], &options(Format::Oci), &output);
    let after = kept(&store);
    assert_eq!(after.len(), before.len() + 1);
    assert!(before.iter().all(|blob| after.contains(blob)));
    Layout::read(&output);
}

#[test]
fn what_is_trimmed_away_is_not_in_the_kept_layer() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let whole = store.cat();
    let trimmed = Part { only: Some(vec![path("usr/bin/cat")]), ..whole.clone() };
    let of = |part: &Part, name: &str| {
        build(&store, std::slice::from_ref(part), &options(Format::Oci), &scratch.path().join(name))
    };
    let (first, second) = (of(&whole, "whole"), of(&trimmed, "trimmed"));
    assert_ne!(first.layers[0].diff_id, second.layers[0].diff_id);
    assert_eq!(of(&trimmed, "again"), second);
    let entries = crate::blobs::entries(&Layout::read(&scratch.path().join("again")).layers[0]);
    assert_eq!(entries, ["usr 755 0:0", "usr/bin 755 0:0", "usr/bin/cat 555 0:0"]);
}

#[test]
fn a_kept_blob_that_was_written_to_is_made_again() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let output = scratch.path().join("image");
    let first = build(&store, &[store.cat()], &options(Format::Oci), &output);
    let blob = kept(&store).remove(0);
    std::fs::remove_file(&blob).unwrap();
    std::fs::write(&blob, "evil").unwrap();
    assert_eq!(build(&store, &[store.cat()], &options(Format::Oci), &output), first);
    Layout::read(&output);
    assert_eq!(kept(&store), [blob]);
}

#[test]
fn a_rotten_blob_does_not_get_into_an_archive_and_a_verification_mends_it() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let output = scratch.path().join("image.tar");
    let first = build(&store, &[store.cat()], &options(Format::OciArchive), &output);
    let blob = kept(&store).remove(0);
    // What a disk does: other bits, and no other time.
    let mut bytes = std::fs::read(&blob).unwrap();
    let (mode, time) = (blob.metadata().unwrap().permissions(), blob.metadata().unwrap().modified().unwrap());
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::remove_file(&blob).unwrap();
    std::fs::write(&blob, bytes).unwrap();
    std::fs::set_permissions(&blob, mode).unwrap();
    std::fs::File::open(&blob).unwrap().set_modified(time).unwrap();
    let rootfs = compose(&spec(), &[store.cat()]).unwrap();
    let error = write(&rootfs, &options(Format::OciArchive), store.store(), &output).unwrap_err().to_string();
    let ending =
        format!("is corrupt: its SHA-256 is not {}; verify the store, then build again", first.layers[0].digest);
    assert!(error.ends_with(&ending), "{error}");
    let faults = store.store().verify(&|| ()).unwrap().faults;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].what.starts_with("cache/layers/"), "{faults:?}");
    assert_eq!(build(&store, &[store.cat()], &options(Format::OciArchive), &output), first);
}

#[test]
fn an_image_that_failed_leaves_nothing_half_in_the_cache() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let cat = store.cat();
    store.damage(&cat.id, "usr/bin/cat", Some("dog"));
    let rootfs = compose(&spec(), std::slice::from_ref(&cat)).unwrap();
    write(&rootfs, &options(Format::Oci), store.store(), &scratch.path().join("image")).unwrap_err();
    assert!(kept(&store).is_empty());
}

#[test]
fn blobs_are_shared_with_the_store_unless_that_is_not_wanted() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let links = |name: &str, links: bool| {
        let output = scratch.path().join(name);
        let summary = build(&store, &[store.cat()], &Options { links, ..options(Format::Oci) }, &output);
        let blob = output.join("blobs/sha256").join(summary.layers[0].digest.to_string());
        blob.metadata().unwrap().ino() == kept(&store)[0].metadata().unwrap().ino()
    };
    links("first", false);
    assert!(!links("own", false));
    // Only a file system without reflinks needs hard links.
    let reflinks = drystone::fs::share(&kept(&store)[0], &scratch.path().join("probe"), true).unwrap();
    assert_eq!(links("shared", true), reflinks == drystone::fs::Shared::HardLink);
    assert_eq!(
        Blake3::of(&std::fs::read(&kept(&store)[0]).unwrap()),
        Blake3::of(&std::fs::read(scratch.path().join("probe")).unwrap())
    );
}
