//! To Debian's registry over TLS and back, with skopeo as the witness.

use drystone::progress::Silent;
use drystone::publish::{self, Choice, Layout};
use serde_json::Value;

use crate::layouts::{bytes, finish, image, index, manifest};
use crate::real::{Kind, Real};
use crate::support::wait_until;

#[test]
fn skopeo_reads_what_was_pushed_and_a_second_push_sends_nothing() {
    let Some(real) = Real::start(&Kind::Guarded) else { return };
    let layout = image(&real.path("layout"), &[bytes(1, 100_000), bytes(2, 5_000_000)]);
    let registry = real.registry();
    let to = real.reference("team/stones:1");
    let pushed = publish::push(&registry, &layout, &to, &[], &Silent).unwrap();
    assert_eq!((pushed.sent, pushed.mounted, pushed.there, pushed.tagged), (3, 0, 0, true));
    assert_eq!(pushed.image.digest.0, layout.image().digest.0);

    let certificates = real.certificate_directory();
    let options = ["--cert-dir", certificates.to_str().unwrap()];
    let source = format!("docker://{}/team/stones:1", real.address);
    let Some(seen) = real.skopeo(&[&["inspect"], &options[..], &[&source]].concat()) else { return };
    let seen: Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(seen["Digest"], format!("sha256:{}", layout.image().digest.0));
    let copy = real.path("copy");
    let target = format!("oci:{}:1.0", copy.display());
    let options = ["--src-cert-dir", certificates.to_str().unwrap(), "--preserve-digests", "--insecure-policy"];
    real.skopeo(&[&["copy"], &options[..], &[&source, &target]].concat());
    assert_eq!(names(&copy), names(layout.path()), "every blob came back");

    real.mark();
    let again = publish::push(&registry, &layout, &to, &[], &Silent).unwrap();
    assert_eq!((again.sent, again.mounted, again.there, again.manifests, again.tagged), (0, 0, 3, 0, false));
    // One question for the tag, and one for each blob, with what is known of the gate from before.
    wait_until("all requests are in the log", || real.log().len() >= 4);
    let log = real.log();
    assert_eq!(log.len(), 4, "{log:#?}");
    assert!(log.iter().all(|line| line.starts_with("HEAD ") && line.ends_with(" 200")), "{log:#?}");
}

#[test]
fn an_index_comes_back_as_it_is_or_as_one_of_its_platforms() {
    let Some(real) = Real::start(&Kind::Open) else { return };
    let place = real.path("layout");
    let shared = bytes(3, 70_000);
    let amd64 = manifest(&place, "amd64", &[shared.clone(), bytes(4, 1000)]);
    let arm64 = manifest(&place, "arm64", &[shared, bytes(5, 1000)]);
    let both = index(&place, &[("amd64", amd64), ("arm64", arm64.clone())]);
    finish(&place, &[("1.0", both.clone()), ("arm", arm64.clone())]);
    let layout = Layout::find(&format!("{}:1.0", place.display())).unwrap();
    let registry = real.registry();
    let to = real.reference("stones:1");
    let pushed = publish::push(&registry, &layout, &to, &[], &Silent).unwrap();
    assert_eq!((pushed.sent, pushed.manifests), (5, 3));

    let whole = publish::pull(&registry, &to, &Choice::All, &real.path("whole"), &Silent).unwrap();
    assert_eq!(format!("sha256:{}", whole.image.digest.0), both["digest"]);
    assert_eq!(names(&real.path("whole")), names(&place), "every blob came back");
    let arm = Choice::One("linux/arm64".parse().unwrap());
    let one = publish::pull(&registry, &to, &arm, &real.path("one"), &Silent).unwrap();
    assert_eq!(format!("sha256:{}", one.image.digest.0), arm64["digest"]);
    assert_eq!(one.named.digest.0, whole.image.digest.0);
    assert_eq!((one.fetched, names(&real.path("one")).len()), (3, 4));
    let target = format!("oci:{}:1", real.path("one").display());
    real.skopeo(&["inspect", &target]);

    let wrong = Choice::One("linux/riscv64".parse().unwrap());
    let error = publish::pull(&registry, &to, &wrong, &real.path("none"), &Silent).unwrap_err();
    let expected = format!("{to} has no image for linux/riscv64; it has linux/amd64, linux/arm64");
    assert_eq!(error.to_string(), expected);
    assert!(!real.path("none").exists());
}

#[test]
fn without_a_tag_the_layouts_own_name_is_the_tag() {
    let Some(real) = Real::start(&Kind::Open) else { return };
    let layout = image(&real.path("layout"), &[bytes(6, 10)]);
    let registry = real.registry();
    let pushed = publish::push(&registry, &layout, &real.reference("stones"), &[], &Silent).unwrap();
    assert_eq!(pushed.reference.tag.unwrap().as_str(), "1.0");
    let by_digest = real.reference("other").by_digest(layout.image().digest.0);
    let pushed = publish::push(&registry, &layout, &by_digest, &[], &Silent).unwrap();
    assert_eq!((pushed.tagged, pushed.manifests), (false, 1));
    assert_eq!(publish::resolve(&registry, &by_digest).unwrap().digest, layout.image().digest);
    let error = publish::resolve(&registry, &real.reference("other:1.0")).unwrap_err().to_string();
    assert_eq!(error, format!("{} is not there: manifest unknown (MANIFEST_UNKNOWN)", real.reference("other:1.0")));
    let error = publish::resolve(&registry, &real.reference("other")).unwrap_err().to_string();
    assert_eq!(error, format!("{} names a repository: add :TAG or @sha256:DIGEST", real.reference("other")));
}

/// The names of a layout's blobs.
fn names(layout: &std::path::Path) -> Vec<std::ffi::OsString> {
    drystone::fs::list(&layout.join("blobs/sha256")).unwrap()
}
