//! What comes is checked, goes on where it broke off, and appears whole or not at all.

use std::path::Path;

use drystone::digest::Sha256;
use drystone::progress::Silent;
use drystone::publish::{self, Choice, Layout};

use crate::fake::{Fake, Request, Response, Turn};
use crate::layouts::{bytes, image};

/// A registry that has an image, whose large blob's requests a story takes into its own hands.
fn with_image(
    layer: &[u8],
    story: impl Fn(&Request, &[u8]) -> Option<Response> + Send + Sync + 'static,
) -> (Fake, tempfile::TempDir) {
    let (path, own) = (format!("/blobs/sha256:{}", Sha256::of(layer)), layer.to_vec());
    let fake = Fake::start(move |request, _| {
        let is_it = request.method == "GET" && request.path.ends_with(&path);
        is_it.then(|| story(request, &own)).flatten().map_or(Turn::Usual, Turn::Say)
    });
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(&scratch.path().join("layout"), &[layer.to_vec()]);
    publish::push(&fake.registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap();
    fake.take_log();
    (fake, scratch)
}

fn pull(fake: &Fake, output: &Path) -> Result<publish::Pulled, publish::PublishError> {
    publish::pull(&fake.registry(), &fake.reference("stones:1"), &Choice::All, output, &Silent)
}

/// The hidden directories beside an output.
fn hidden(scratch: &Path) -> Vec<String> {
    let names = drystone::fs::list(scratch).unwrap().into_iter().map(|name| name.into_string().unwrap());
    names.filter(|name| name.starts_with('.')).collect()
}

#[test]
fn a_layout_is_pulled_and_replaced_by_the_next_pull() {
    let layer = bytes(1, 100_000);
    let (fake, scratch) = with_image(&layer, |_, _| None);
    let output = scratch.path().join("out");
    let pulled = pull(&fake, &output).unwrap();
    assert_eq!((pulled.fetched, pulled.there), (2, 0));
    let layout = Layout::open(&output, Some("1")).unwrap();
    assert_eq!(layout.image().digest.0, pulled.image.digest.0);
    assert_eq!(hidden(scratch.path()), [""; 0]);

    let next = image(&scratch.path().join("next"), &[layer, bytes(2, 10)]);
    publish::push(&fake.registry(), &next, &fake.reference("stones:1"), &[], &Silent).unwrap();
    let pulled = pull(&fake, &output).unwrap();
    assert_eq!((pulled.fetched, pulled.there), (2, 1), "the shared layer is there already");
    assert_eq!(Layout::open(&output, None).unwrap().image().digest.0, next.image().digest.0);
    let blobs = drystone::fs::list(&output.join("blobs/sha256")).unwrap();
    assert_eq!(blobs.len(), 4, "what the old image alone had is gone");
}

#[test]
fn wrong_bytes_are_an_error_and_leave_nothing() {
    let layer = bytes(3, 50_000);
    for (name, story) in [
        ("altered", (|bytes: &[u8]| [&bytes[..49_999], &[!bytes[49_999]]].concat()) as fn(&[u8]) -> Vec<u8>),
        ("longer", |bytes| [bytes, b"x"].concat()),
        ("shorter", |bytes| bytes[..100].to_vec()),
    ] {
        let (fake, scratch) = with_image(&layer, move |request, bytes| {
            Some(if request.header("range").is_empty() {
                Response::new(200).body(story(bytes))
            } else {
                Response::new(416)
            })
        });
        let output = scratch.path().join("out");
        let error = pull(&fake, &output).unwrap_err().to_string();
        let expected = format!("gave other bytes than the blob sha256:{} of 50000 bytes", Sha256::of(&layer));
        assert!(error.contains(&expected), "{name}: {error}");
        assert!(!output.exists(), "{name}");
    }
}

#[test]
fn a_manifest_with_other_bytes_than_its_digest_is_an_error() {
    let fake = Fake::start(|request, state| {
        let is_it = request.method == "GET" && request.path.contains("/manifests/sha256:");
        let other = || Response::new(200).header("content-type", drystone::attest::MANIFEST).body("{}");
        if is_it && !state.manifests.is_empty() { Turn::Say(other()) } else { Turn::Usual }
    });
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(&scratch.path().join("layout"), &[]);
    publish::push(&fake.registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap();
    let reference = fake.reference("stones").by_digest(layout.image().digest.0);
    let output = scratch.path().join("out");
    let error = publish::pull(&fake.registry(), &reference, &Choice::All, &output, &Silent).unwrap_err().to_string();
    let digest = layout.image().digest.0;
    let expected = format!(
        "{0} gave other bytes than sha256:{digest} of {0}/stones, which is sha256:{digest}: they are sha256:{1}",
        fake.address,
        Sha256::of(b"{}")
    );
    assert_eq!(error, expected);
}

#[test]
fn a_transfer_that_breaks_goes_on_within_the_run() {
    let layer = bytes(4, 300_000);
    let (fake, scratch) = with_image(&layer, |request, bytes| {
        let cut = Response { cut: Some(100_000), ..Response::new(200).body(bytes) };
        request.header("range").is_empty().then_some(cut)
    });
    let pulled = pull(&fake, &scratch.path().join("out")).unwrap();
    assert_eq!(pulled.fetched, 2);
    let log = fake.state();
    let ranges: Vec<_> =
        log.requests.iter().map(|request| request.header("range")).filter(|range| !range.is_empty()).collect();
    assert_eq!(ranges, ["bytes=100000-"]);
}

#[test]
fn a_transfer_that_broke_off_is_gone_on_with_by_the_next_run() {
    let layer = bytes(5, 300_000);
    let dead = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_dead = dead.clone();
    let (fake, scratch) = with_image(&layer, move |request, bytes| {
        let first = request.header("range").is_empty();
        let cut = Response { cut: Some(123_456), ..Response::new(200).body(bytes) };
        is_dead.load(std::sync::atomic::Ordering::SeqCst).then(|| if first { cut } else { Response::new(503) })
    });
    let output = scratch.path().join("out");
    let error = pull(&fake, &output).unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(!output.exists());
    assert_eq!(hidden(scratch.path()), [".drystone-pull-out"]);
    dead.store(false, std::sync::atomic::Ordering::SeqCst);
    fake.take_log();
    pull(&fake, &output).unwrap();
    let ranges: Vec<_> = fake.state().requests.iter().map(|request| request.header("range").to_owned()).collect();
    assert!(ranges.contains(&"bytes=123456-".to_owned()), "{ranges:?}");
    assert_eq!(hidden(scratch.path()), [""; 0]);
}

#[test]
fn what_drystone_did_not_write_is_not_replaced() {
    let (fake, scratch) = with_image(&bytes(6, 10), |_, _| None);
    let output = scratch.path().join("out");
    std::fs::create_dir(&output).unwrap();
    std::fs::write(output.join("thesis.txt"), "years of work").unwrap();
    let error = pull(&fake, &output).unwrap_err().to_string();
    let expected = format!(
        "{} is there already and is not an image layout that drystone wrote: name another output, or remove it first",
        output.display()
    );
    assert_eq!(error, expected);
    assert_eq!(fake.take_log(), [""; 0], "nothing is asked");
}

#[test]
fn two_pulls_to_one_place_do_not_mix() {
    let (fake, scratch) = with_image(&bytes(7, 10), |_, _| None);
    let output = scratch.path().join("out");
    let hidden = scratch.path().join(".drystone-pull-out");
    std::fs::create_dir(&hidden).unwrap();
    let lock = std::fs::File::create(hidden.join("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let error = pull(&fake, &output).unwrap_err().to_string();
    assert_eq!(error, format!("another process is pulling to {}", output.display()));
    drop(lock);
    pull(&fake, &output).unwrap();
}
