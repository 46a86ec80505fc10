//! What another repository of the registry has is not sent.

use drystone::progress::Silent;
use drystone::publish::{self, Registry};

use crate::fake::{Fake, Response, Turn};
use crate::layouts::{bytes, image};
use crate::real::{Kind, Real};
use crate::support::wait_until;

#[test]
fn a_blob_that_was_pushed_elsewhere_is_mounted_from_there() {
    let Some(real) = Real::start(&Kind::Guarded) else { return };
    let shared = bytes(1, 300_000);
    let first = image(&real.path("first"), std::slice::from_ref(&shared));
    let second = image(&real.path("second"), &[shared, bytes(2, 1000)]);
    publish::push(&real.registry(), &first, &real.reference("one:1"), &[], &Silent).unwrap();
    real.mark();
    // Another process, which knows of the first one's push by what was remembered.
    let pushed = publish::push(&real.registry(), &second, &real.reference("two/deep:1"), &[], &Silent).unwrap();
    assert_eq!((pushed.mounted, pushed.sent, pushed.there), (1, 2, 0));
    wait_until("the tag is in the log", || real.log().iter().any(|line| line.contains("manifests/1 201")));
    let log = real.log();
    let mounts: Vec<_> = log.iter().filter(|line| line.contains("from=one") && line.ends_with(" 201")).collect();
    assert_eq!(mounts.len(), 1, "{log:#?}");
    let resolved = publish::resolve(&real.registry(), &real.reference("two/deep:1")).unwrap();
    assert_eq!(resolved.digest, second.image().digest);
}

#[test]
fn a_repository_that_is_named_is_asked_without_any_memory() {
    let fake = Fake::good();
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[bytes(3, 1000)]);
    let forgetful = |from: &[&str]| -> Registry {
        fake.registry_with(|access| {
            access.cache = None;
            access.mount_from = from.iter().map(|name| name.parse().unwrap()).collect();
        })
    };
    publish::push(&forgetful(&[]), &layout, &fake.reference("one:1"), &[], &Silent).unwrap();
    let pushed = publish::push(&forgetful(&[]), &layout, &fake.reference("two:1"), &[], &Silent).unwrap();
    assert_eq!((pushed.mounted, pushed.sent), (0, 2));
    let pushed =
        publish::push(&forgetful(&["none", "one"]), &layout, &fake.reference("three:1"), &[], &Silent).unwrap();
    assert_eq!((pushed.mounted, pushed.sent), (2, 0));
    assert!(fake.state().uploads.is_empty(), "what the fruitless question began was given up");
}

#[test]
fn a_registry_that_refuses_mounts_gets_the_bytes() {
    let fake = Fake::start(|request, _| match request.parameter("mount") {
        Some(_) => Turn::Say(Response::error(405, "UNSUPPORTED", "no mounts here")),
        None => Turn::Usual,
    });
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[bytes(4, 1000)]);
    let registry = fake.registry_with(|access| access.mount_from = vec!["one".parse().unwrap()]);
    let pushed = publish::push(&registry, &layout, &fake.reference("two:1"), &[], &Silent).unwrap();
    assert_eq!((pushed.mounted, pushed.sent), (0, 2));
}
