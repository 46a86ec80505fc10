//! What belongs to an image goes along with it, and comes back.

use drystone::attest::{self, Artifact};
use drystone::progress::Silent;
use drystone::publish::{self, Choice, Layout};

use crate::fake::{Fake, Turn};
use crate::layouts::{artifact, bytes, image};
use crate::real::{Kind, Real};

#[test]
fn a_registry_without_the_referrers_api_gets_a_list_in_which_others_entries_stay() {
    let Some(real) = Real::start(&Kind::Guarded) else { return };
    let layout = image(&real.path("layout"), &[bytes(1, 1000)]);
    let registry = real.registry();
    let to = real.reference("stones:1");
    let (first, second) = (artifact(layout.image(), "application/x", "one"), artifact(layout.image(), "text/y", "two"));
    let pushed = publish::push(&registry, &layout, &to, std::slice::from_ref(&first), &Silent).unwrap();
    assert_eq!(pushed.attached, [first.digest()]);
    publish::attach(&registry, &to.repository, std::slice::from_ref(&second), &Silent).unwrap();
    publish::attach(&registry, &to.repository, &[first.clone(), second.clone()], &Silent).unwrap();

    let listed = publish::referrers(&registry, &to.repository, &layout.image().digest.0).unwrap();
    let digests: Vec<_> = listed.iter().map(|entry| entry.digest.0).collect();
    assert_eq!(digests, [first.digest(), second.digest()], "each once, in the order in which they came");
    assert_eq!(listed[0].artifact_type.as_deref(), Some("application/x"));
    assert_eq!(listed[0].annotations["says"], "one");
    // The list is where the specification says: any client finds it.
    let tag = format!("stones:sha256-{}", layout.image().digest.0);
    let list = publish::manifest(&registry, &real.reference(&tag)).unwrap();
    assert_eq!(list.descriptor.media_type, attest::INDEX);

    let found = publish::artifacts(&registry, &to.repository, &[layout.image().digest.0]).unwrap();
    assert_eq!(sorted(&found), sorted(&[first, second]));
}

#[test]
fn a_registry_with_the_referrers_api_keeps_the_list_itself() {
    let fake = Fake::good();
    fake.state().has_referrers = true;
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[bytes(2, 1000)]);
    let registry = fake.registry();
    let one = artifact(layout.image(), "application/x", "one");
    publish::push(&registry, &layout, &fake.reference("stones:1"), std::slice::from_ref(&one), &Silent).unwrap();
    let tag = format!("sha256-{}", layout.image().digest.0);
    assert_eq!(fake.tag("stones", &tag), None, "no list of our own beside it");
    let found = publish::artifacts(&registry, &"stones".parse().unwrap(), &[layout.image().digest.0]).unwrap();
    assert_eq!(found, [one]);
}

#[test]
fn a_list_that_others_write_meanwhile_is_added_to_again() {
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[bytes(3, 1000)]);
    let one = artifact(layout.image(), "application/x", "one");
    let other = artifact(layout.image(), "application/x", "other");
    let descriptor = attest::Descriptor::of(attest::MANIFEST, &other.manifest);
    let theirs = serde_json::json!({ "schemaVersion": 2, "mediaType": attest::INDEX, "manifests": [descriptor] });
    let list = format!("sha256-{}", layout.image().digest.0);
    let path = format!("/v2/stones/manifests/{list}");
    let written = std::sync::atomic::AtomicBool::new(false);
    let fake = Fake::start(move |request, state| {
        // Right after our first writing, somebody who had read the list before writes theirs.
        let after = request.method == "GET" && request.path == path && state.manifests.contains_key(&key(&path));
        if after && !written.swap(true, std::sync::atomic::Ordering::SeqCst) {
            state.manifests.insert(key(&path), (attest::INDEX.to_owned(), theirs.to_string().into_bytes()));
        }
        Turn::Usual
    });
    let registry = fake.registry();
    publish::push(&registry, &layout, &fake.reference("stones:1"), std::slice::from_ref(&one), &Silent).unwrap();
    let listed = publish::referrers(&registry, &"stones".parse().unwrap(), &layout.image().digest.0).unwrap();
    let digests: Vec<_> = listed.iter().map(|entry| entry.digest.0).collect();
    assert_eq!(digests, [other.digest(), one.digest()]);
}

fn key(path: &str) -> (String, String) {
    ("stones".to_owned(), path.rsplit('/').next().unwrap().to_owned())
}

#[test]
fn the_tag_moves_only_after_everything_that_belongs_to_the_image_is_there() {
    let fake = Fake::good();
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[bytes(4, 1000)]);
    let mut signature = artifact(layout.image(), "application/x", "signature");
    signature.tag = Some(format!("sha256-{}.sig", layout.image().digest.0));
    publish::push(&fake.registry(), &layout, &fake.reference("stones:1"), &[signature], &Silent).unwrap();
    let log = fake.take_log();
    let puts: Vec<_> = log.iter().filter(|line| line.starts_with("PUT /v2/stones/manifests/")).collect();
    let digest = layout.image().digest.0;
    let ends = [format!("sha256:{digest}"), format!("sha256-{digest}.sig"), format!("sha256-{digest}"), "1".to_owned()];
    assert_eq!(puts, ends.map(|end| format!("PUT /v2/stones/manifests/{end}")).iter().collect::<Vec<_>>());
    let last_blob = log.iter().rposition(|line| line.contains("digest=")).unwrap();
    let first_manifest = log.iter().position(|line| line.starts_with("PUT /v2/stones/manifests/")).unwrap();
    assert!(first_manifest > log.iter().position(|line| line.contains("digest=")).unwrap());
    assert!(log.iter().rposition(|line| line == puts[3]).unwrap() > last_blob);
}

#[test]
fn what_belongs_to_an_image_comes_with_a_pull_and_goes_with_the_next_push() {
    let Some(real) = Real::start(&Kind::Open) else { return };
    let layout = image(&real.path("layout"), &[bytes(5, 1000)]);
    let registry = real.registry();
    let mut signature = artifact(layout.image(), "application/x", "signature");
    signature.tag = Some(format!("sha256-{}.sig", layout.image().digest.0));
    let bill = artifact(layout.image(), "application/spdx+json", "bill");
    let of_bill = attest::Descriptor::of(attest::MANIFEST, &bill.manifest);
    let of_that = artifact(&of_bill, "application/x", "a signature of the bill");
    let all = [signature, bill, of_that];
    publish::push(&registry, &layout, &real.reference("one:1"), &all, &Silent).unwrap();

    let output = real.path("pulled");
    let pulled = publish::pull(&registry, &real.reference("one:1"), &Choice::All, &output, &Silent).unwrap();
    assert_eq!(sorted(&pulled.artifacts), sorted(&all));
    let again = Layout::open(&output, Some("1")).unwrap();
    let kept = again.artifacts().unwrap();
    assert_eq!(sorted(&kept), sorted(&all));
    publish::push(&registry, &again, &real.reference("two:1"), &kept, &Silent).unwrap();
    let found = publish::artifacts(&registry, &"two".parse().unwrap(), &[layout.image().digest.0]).unwrap();
    assert_eq!(sorted(&found), sorted(&all));
    // An image's layout that has artifacts beside it is still one image for others.
    real.skopeo(&["inspect", &format!("oci:{}", output.display())]);
}

/// A signature as cosign publishes it.
fn signature(subject: &attest::Descriptor, says: &str) -> Artifact {
    let config = serde_json::json!({ "signs": says }).to_string().into_bytes();
    let mut layer = serde_json::json!(attest::Descriptor::of("application/x", says.as_bytes()));
    layer["annotations"] = serde_json::json!({ "dev.cosignproject.cosign/signature": says });
    let config_descriptor = attest::Descriptor::of("application/vnd.oci.image.config.v1+json", &config);
    let manifest = serde_json::json!({ "schemaVersion": 2, "mediaType": attest::MANIFEST,
                                       "config": config_descriptor, "layers": [layer] });
    let tag = Some(format!("sha256-{}.sig", subject.digest.0));
    Artifact { manifest: manifest.to_string().into_bytes(), blobs: vec![config, says.as_bytes().to_vec()], tag }
}

#[test]
fn a_signature_joins_those_that_its_tag_has_already() {
    let Some(real) = Real::start(&Kind::Open) else { return };
    let layout = image(&real.path("layout"), &[bytes(7, 1000)]);
    let registry = real.registry();
    let to = real.reference("stones:1");
    let [one, two, three] = ["one", "two", "three"].map(|says| signature(layout.image(), says));
    publish::push(&registry, &layout, &to, std::slice::from_ref(&one), &Silent).unwrap();
    publish::push(&registry, &layout, &to, &[two, three.clone()], &Silent).unwrap();
    let tag = real.reference(&format!("stones:{}", one.tag.clone().unwrap()));
    let published = publish::manifest(&registry, &tag).unwrap();
    let says: Vec<_> =
        published.document.layers.iter().map(|layer| layer.annotations.values().next().unwrap()).collect();
    assert_eq!(says, ["one", "two", "three"]);
    publish::push(&registry, &layout, &to, &[three, one], &Silent).unwrap();
    let again = publish::manifest(&registry, &tag).unwrap();
    assert_eq!(again.descriptor, published.descriptor, "what is there already changes nothing");
    let found = publish::artifacts(&registry, &to.repository, &[layout.image().digest.0]).unwrap();
    assert_eq!(found[0].blobs.len(), 4, "every blob of the joined manifest is there");
}

#[test]
fn a_tag_of_that_name_that_is_no_list_is_left_alone() {
    let fake = Fake::good();
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[bytes(6, 1000)]);
    let registry = fake.registry();
    let list = format!("stones:sha256-{}", layout.image().digest.0);
    publish::push(&registry, &layout, &fake.reference(&list), &[], &Silent).unwrap();
    let one = artifact(layout.image(), "application/x", "one");
    let error = publish::push(&registry, &layout, &fake.reference("stones:1"), &[one], &Silent).unwrap_err();
    let expected = format!(
        "sha256-{} of {}/stones cannot be used: it should be the index of what belongs to an image, but is {}",
        layout.image().digest.0,
        fake.address,
        attest::MANIFEST
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(fake.tag("stones", "1"), None);
}

fn sorted(artifacts: &[Artifact]) -> Vec<(String, Option<String>, usize)> {
    let key = |one: &Artifact| (one.digest().to_string(), one.tag.clone(), one.blobs.len());
    let mut keys: Vec<_> = artifacts.iter().map(key).collect();
    keys.sort();
    keys
}
