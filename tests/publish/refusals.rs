//! Registries that refuse, or have a difficulty of their own.

use drystone::progress::Silent;
use drystone::publish;

use crate::fake::{Fake, Response, Turn};
use crate::layouts::{bytes, image};
use crate::real::{Kind, Real};

/// The error of a push to a registry that answers requests of a method, below a path, with a status.
fn error(method: &'static str, path: &'static str, response: Response) -> String {
    let fake = Fake::start(move |request, _| match request.method == method && request.path.contains(path) {
        true => Turn::Say(response.clone()),
        false => Turn::Usual,
    });
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[bytes(1, 1000)]);
    let error = publish::push(&fake.registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap_err();
    assert_eq!(fake.tag("stones", "1"), None, "nothing is tagged");
    error.to_string().replace(&fake.address, "HOST").replace(&blob(&layout), "LAYER")
}

fn blob(layout: &publish::Layout) -> String {
    let path = layout.path().join("blobs/sha256").join(layout.image().digest.0.to_string());
    let document: publish::Document = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    document.layers[0].digest.0.short()
}

#[test]
fn each_refusal_says_what_was_tried_and_what_was_said() {
    let denied = Response::error(403, "DENIED", "requested access to the resource is denied");
    let says = error("POST", "/blobs/uploads/", denied);
    assert!(says.starts_with("cannot push sha256:"), "{says}");
    assert!(
        says.ends_with(" to HOST/stones: HOST answered 403: requested access to the resource is denied (DENIED)"),
        "{says}"
    );
    assert_eq!(
        error("PUT", "/manifests/", Response::error(404, "NAME_UNKNOWN", "repository name not known to registry")),
        "cannot put the manifest 1 into HOST/stones: HOST answered 404: repository name not known to registry (NAME_UNKNOWN)"
    );
    assert_eq!(
        error("PUT", "/manifests/", Response::new(405)),
        "cannot put the manifest 1 into HOST/stones: HOST answered 405"
    );
    assert_eq!(
        error("HEAD", "/manifests/", Response::new(403).body("<html>a page</html>")),
        "cannot look for 1 in HOST/stones: HOST answered 403"
    );
    assert_eq!(
        error("PUT", "/manifests/", Response::error(400, "MANIFEST_INVALID", "ends\u{1b}[31m red\nlines")),
        "cannot put the manifest 1 into HOST/stones: HOST answered 400: ends\\u{1b}[31m red\\nlines (MANIFEST_INVALID)"
    );
    let says = error("PUT", "/blobs/uploads/", Response::new(413));
    assert!(says.ends_with("HOST answered 413"), "{says}");
}

#[test]
fn a_difficulty_that_passes_is_waited_for() {
    for (status, header) in [(500, None), (503, Some("0")), (429, Some("0")), (429, None)] {
        let fake = Fake::start(move |request, _| match request.before {
            0 | 2 => Turn::Say(
                header.map_or(Response::new(status), |wait| Response::new(status).header("retry-after", wait)),
            ),
            _ => Turn::Usual,
        });
        let scratch = tempfile::tempdir().unwrap();
        let layout = image(scratch.path(), &[bytes(2, 1000)]);
        publish::push(&fake.registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap();
        assert_eq!(fake.tag("stones", "1"), Some(layout.image().digest.0), "{status}");
    }
}

#[test]
fn a_difficulty_that_stays_is_tried_as_often_as_the_policy_says() {
    let fake = Fake::start(|request, _| match request.method.as_str() {
        "POST" => Turn::Say(Response::error(500, "UNKNOWN", "unknown error")),
        _ => Turn::Usual,
    });
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[]);
    let registry = fake.registry_with(|access| access.policy.tries = 3);
    let error = publish::push(&registry, &layout, &fake.reference("stones:1"), &[], &Silent).unwrap_err();
    assert!(error.is_transient());
    assert!(error.to_string().ends_with("answered 500: unknown error (UNKNOWN)"), "{error}");
    assert_eq!(fake.take_log().iter().filter(|line| line.starts_with("POST")).count(), 3);
}

#[test]
fn a_registry_that_makes_us_wait_for_an_hour_is_not_waited_for() {
    let fake = Fake::start(|_, _| Turn::Say(Response::new(429).header("retry-after", "3600")));
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[]);
    let error = publish::push(&fake.registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap_err();
    assert!(error.to_string().ends_with("answered 429"), "{error}");
    assert_eq!(fake.take_log().len(), 1);
}

#[test]
fn a_registry_that_takes_no_chunks_gets_the_blob_whole() {
    let fake = Fake::start(|request, _| match request.method.as_str() {
        "PATCH" => Turn::Say(Response::error(405, "UNSUPPORTED", "no chunks")),
        _ => Turn::Usual,
    });
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[bytes(3, 5 << 20)]);
    publish::push(&fake.registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap();
    assert_eq!(fake.tag("stones", "1"), Some(layout.image().digest.0));
}

#[test]
fn a_registry_that_leads_out_of_tls_is_not_followed() {
    let Some(real) = Real::start(&Kind::Confused) else { return };
    let layout = image(&real.path("layout"), &[bytes(4, 1000)]);
    let error = publish::push(&real.registry(), &layout, &real.reference("stones:1"), &[], &Silent).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.starts_with(&format!("http://{}/v2/stones/blobs/uploads/", real.address)), "{source}");
    assert!(source.ends_with(": the server leads to an address that is not encrypted"), "{source}");
    assert!(!source.contains("_state"), "what the upload's address holds is nobody's business: {source}");
}

#[test]
fn credentials_are_not_sent_in_the_clear_beyond_this_machine() {
    // The giver of tokens is another machine's, by its name; nothing is asked there.
    let fake = Fake::start(|_, _| {
        let value = "Bearer realm=\"http://tokens.invalid/token\",service=\"quarry\"";
        Turn::Say(Response::new(401).header("www-authenticate", value))
    });
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(&scratch.path().join("layout"), &[]);
    let file = scratch.path().join("auth.json");
    let auth = crate::real::base64("mason:pass");
    std::fs::write(&file, format!("{{\"auths\":{{{:?}:{{\"auth\":{auth:?}}}}}}}", fake.address)).unwrap();
    let registry = fake.registry_with(|access| access.auth_files = publish::AuthFiles::named(&file));
    let error = publish::push(&registry, &layout, &fake.reference("stones:1"), &[], &Silent).unwrap_err();
    let expected = format!(
        "{} asks for credentials over plain HTTP, where everybody on the way could read them; they are not sent",
        fake.address
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_way_of_asking_for_credentials_that_is_not_known_is_said() {
    let fake = Fake::start(|_, _| Turn::Say(Response::new(401).header("www-authenticate", "Negotiate")));
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(scratch.path(), &[]);
    let error = publish::push(&fake.registry(), &layout, &fake.reference("stones:1"), &[], &Silent).unwrap_err();
    let expected = "asks for credentials in a way that this drystone does not know: `Negotiate`";
    assert_eq!(error.to_string(), format!("{} {expected}", fake.address));
}
