//! Tokens: for what they are asked, when they run out, and where they do not go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use drystone::progress::Silent;
use drystone::publish::{self, Access};

use crate::fake::{Fake, Request, Response, Turn, access, decoded};
use crate::layouts::{bytes, image};
use crate::real::base64;

/// A giver of tokens in which each token is good for so many requests; the tokens are `t0`, `t1`, ….
fn guarded(lasts: usize, seen: Arc<std::sync::Mutex<Vec<String>>>) -> Fake {
    let (given, used) = (AtomicUsize::new(0), AtomicUsize::new(0));
    Fake::start(move |request, _| {
        if request.path == "/token" {
            let scopes: Vec<_> =
                request.query.split('&').map(decoded).filter(|field| field.starts_with("scope=")).collect();
            let who = if request.method == "POST" { "identity" } else { request.header("authorization") };
            seen.lock().unwrap().push(format!("{} {who}", scopes.join(" ")));
            if who.is_empty() {
                return Turn::Say(Response::error(401, "UNAUTHORIZED", "who?"));
            }
            used.store(0, Ordering::SeqCst);
            let number = given.fetch_add(1, Ordering::SeqCst);
            return Turn::Say(Response::new(200).body(format!("{{\"token\":\"t{number}\",\"expires_in\":600}}")));
        }
        let current = format!("Bearer t{}", given.load(Ordering::SeqCst).wrapping_sub(1));
        if request.header("authorization") == current && used.fetch_add(1, Ordering::SeqCst) < lasts {
            return Turn::Usual;
        }
        Turn::Say(challenge(request))
    })
}

fn challenge(request: &Request) -> Response {
    let realm = format!("http://{}/token", request.header("host"));
    let value = format!("Bearer realm=\"{realm}\",service=\"quarry\",scope=\"repository:stones:pull\"");
    Response::error(401, "UNAUTHORIZED", "authentication required").header("www-authenticate", value)
}

/// The access of somebody who is logged in.
fn logged_in<'a>(fake: &'a Fake, home: &'a std::path::Path) -> impl Fn(&mut Access) + 'a {
    move |change| {
        let auth = base64("mason:pass");
        let config = format!("{{\"auths\":{{{:?}:{{\"auth\":{auth:?}}}}}}}", fake.address);
        std::fs::create_dir_all(home.join(".docker")).unwrap();
        std::fs::write(home.join(".docker/config.json"), config).unwrap();
        *change = Access { plain_http: true, ..access(home) };
    }
}

#[test]
fn one_token_is_enough_and_is_asked_for_what_the_push_needs() {
    let seen = Arc::default();
    let fake = guarded(usize::MAX, Arc::clone(&seen));
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(&scratch.path().join("layout"), &[bytes(1, 1000), bytes(2, 1000), bytes(3, 1000)]);
    let home = scratch.path().join("home");
    let registry = fake.registry_with(logged_in(&fake, &home));
    publish::push(&registry, &layout, &fake.reference("stones:1"), &[], &Silent).unwrap();
    let basic = format!("Basic {}", base64("mason:pass"));
    assert_eq!(*seen.lock().unwrap(), [format!("scope=repository:stones:pull,push {basic}")]);
    // The other repository is read for the sake of mounts.
    publish::push(&registry, &layout, &fake.reference("other:1"), &[], &Silent).unwrap();
    let last = seen.lock().unwrap().last().cloned().unwrap();
    assert_eq!(last, format!("scope=repository:other:pull,push scope=repository:stones:pull {basic}"));
}

#[test]
fn a_token_that_runs_out_midway_is_renewed_and_the_push_goes_on() {
    // At least as many uses as there are questions at a time: a new token is good for all that wait for it.
    for lasts in [3, 4, 5, 8] {
        let seen = Arc::default();
        let fake = guarded(lasts, Arc::clone(&seen));
        let scratch = tempfile::tempdir().unwrap();
        let layout = image(&scratch.path().join("layout"), &[bytes(1, 20 << 20), bytes(2, 1000)]);
        let home = scratch.path().join("home");
        let registry = fake.registry_with(|access| {
            logged_in(&fake, &home)(access);
            // One after the other: the server counts uses, not requests of one moment.
            access.policy.jobs = 1;
        });
        let one = image(&scratch.path().join("small"), &[]);
        publish::push(&registry, &one, &fake.reference("stones:small"), &[], &Silent).unwrap();
        publish::push(&registry, &layout, &fake.reference("stones:1"), &[], &Silent).unwrap();
        assert_eq!(fake.tag("stones", "1"), Some(layout.image().digest.0), "{lasts}");
        assert!(seen.lock().unwrap().len() > 1, "{lasts}");
    }
}

#[test]
fn a_giver_that_gives_no_token_is_refusal_with_the_files_that_were_looked_at() {
    let fake = guarded(usize::MAX, Arc::default());
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(&scratch.path().join("layout"), &[bytes(1, 1000)]);
    let home = scratch.path().join("home");
    let registry = fake.registry_with(|change| *change = Access { plain_http: true, ..access(&home) });
    let error = publish::push(&registry, &layout, &fake.reference("stones:1"), &[], &Silent).unwrap_err();
    let home = home.display();
    let expected = format!(
        "cannot look for 1 in {0}/stones: {0} wants credentials, and there are none for it (looked in \
         {home}/containers/auth.json, {home}/.config/containers/auth.json, {home}/.docker/config.json)",
        fake.address
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_token_that_is_never_good_ends_the_push() {
    let seen = Arc::default();
    let fake = guarded(0, Arc::clone(&seen));
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(&scratch.path().join("layout"), &[bytes(1, 1000)]);
    let home = scratch.path().join("home");
    let registry = fake.registry_with(logged_in(&fake, &home));
    let error = publish::push(&registry, &layout, &fake.reference("stones:1"), &[], &Silent).unwrap_err().to_string();
    assert!(error.contains("does not accept the credentials of `mason`"), "{error}");
    assert_eq!(seen.lock().unwrap().len(), 1, "one new token for one refusal");
}

#[test]
fn an_identity_token_buys_tokens() {
    let seen = Arc::default();
    let fake = guarded(usize::MAX, Arc::clone(&seen));
    let scratch = tempfile::tempdir().unwrap();
    let layout = image(&scratch.path().join("layout"), &[bytes(1, 1000)]);
    let file = scratch.path().join("auth.json");
    let auth = base64("00000000-0000-0000-0000-000000000000:");
    let config = format!("{{\"auths\":{{{:?}:{{\"auth\":{auth:?},\"identitytoken\":\"long\"}}}}}}", fake.address);
    std::fs::write(&file, config).unwrap();
    let registry = fake.registry_with(|access| access.auth_files = publish::AuthFiles::named(&file));
    publish::push(&registry, &layout, &fake.reference("stones:1"), &[], &Silent).unwrap();
    assert_eq!(*seen.lock().unwrap(), [" identity"]);
}

#[test]
fn credentials_stay_with_the_registry_when_it_leads_elsewhere() {
    let elsewhere = Fake::good();
    let scratch = tempfile::tempdir().unwrap();
    let layer = bytes(1, 1000);
    let layout = image(&scratch.path().join("layout"), &[layer]);
    let other = elsewhere.address.clone();
    let fake = Fake::start(move |request, _| {
        if request.header("authorization").is_empty() {
            let response = Response::new(401).header("www-authenticate", "Basic realm=\"quarry\"");
            return Turn::Say(response);
        }
        match (request.method.as_str(), request.path.contains("/blobs/uploads/")) {
            // Uploads go to a storage of their own, as clouds do it.
            ("POST", true) => {
                let location = format!("http://{other}/v2/storage/blobs/uploads/9?signed=secret");
                Turn::Say(Response::new(202).header("location", location))
            }
            ("GET", _) if request.path.contains("/blobs/") => {
                let location = format!("http://{other}{}", request.path.replace("stones", "storage"));
                Turn::Say(Response::new(307).header("location", location))
            }
            _ => Turn::Usual,
        }
    });
    elsewhere.state().uploads.insert("/v2/storage/blobs/uploads/9".to_owned(), Vec::new());
    let home = scratch.path().join("home");
    let registry = fake.registry_with(|access| {
        logged_in(&fake, &home)(access);
        access.policy.jobs = 1;
    });
    let blob = &layout_blob(&layout, 1);
    // The storage's upload is good for one blob: the smaller one is there already.
    let config = layout_blob(&layout, 0);
    let bytes = std::fs::read(layout.path().join("blobs/sha256").join(config.digest.0.to_string())).unwrap();
    fake.state().blobs.insert(("stones".to_owned(), config.digest.to_string()), bytes);
    publish::push(&registry, &layout, &fake.reference("stones:1"), &[], &Silent).unwrap();
    assert_eq!(publish::blob(&registry, &"stones".parse().unwrap(), blob).unwrap().len(), 1000);
    let state = elsewhere.state();
    let methods: Vec<_> = state.requests.iter().map(|request| request.method.as_str()).collect();
    assert_eq!(methods, ["PUT", "GET"]);
    assert!(state.requests.iter().all(|request| request.header("authorization").is_empty()));
}

/// A blob of the layout's image: 0 is the configuration.
fn layout_blob(layout: &publish::Layout, number: usize) -> drystone::attest::Descriptor {
    let path = layout.path().join("blobs/sha256").join(layout.image().digest.0.to_string());
    let document: publish::Document = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    document.blobs().nth(number).unwrap().clone()
}
