//! The programs that docker and podman keep credentials in.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::fake::{Fake, Response, Turn};
use crate::layouts::{bytes, image};
use crate::real::base64;
use crate::support::{Run, World};

/// A registry that lets one user in.
fn guarded() -> Fake {
    let good = format!("Basic {}", base64("mason:pass word"));
    Fake::start(move |request, _| match request.header("authorization") == good {
        true => Turn::Usual,
        false => Turn::Say(Response::new(401).header("www-authenticate", "Basic realm=\"quarry\"")),
    })
}

/// A push with a configuration, in which `HOST` stands for the registry, and a helper named `quarry`.
fn push(fake: &Fake, config: &str, helper: &str) -> (Run, World) {
    let world = World::bare();
    image(&world.path("layout"), &[bytes(1, 100)]);
    let directory = world.path("home/.docker");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("config.json"), config.replace("HOST", &fake.address)).unwrap();
    std::fs::create_dir_all(world.path("bin")).unwrap();
    let program = world.path("bin/docker-credential-quarry");
    std::fs::write(&program, format!("#!/bin/sh\n[ \"$1\" = get ] || exit 9\nread -r server\n{helper}\n")).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let reference = format!("{}/stones:1", fake.address);
    let mut command = world.command(&["image", "push", "../layout", &reference, "--plain-http"]);
    let path = format!("{}:/usr/bin:/bin", world.path("bin").display());
    command.env("PATH", path).env("XDG_RUNTIME_DIR", world.path("run"));
    (Run::of(&mut command), world)
}

const GIVES: &str =
    r#"printf '{"ServerURL":"%s","Username":"mason","Secret":"pass word"}' "$server"; echo "$server" > ../asked"#;

fn asked(world: &World) -> String {
    std::fs::read_to_string(world.path("asked")).unwrap()
}

#[test]
fn a_helper_for_the_host_is_asked_for_it() {
    let fake = guarded();
    let (run, world) = push(&fake, r#"{"credHelpers":{"HOST":"quarry"},"auths":{"HOST":{"auth":"d3Jvbmc6"}}}"#, GIVES);
    run.succeeded();
    assert_eq!(asked(&world).trim(), fake.address);
}

#[test]
fn dockers_store_is_asked_for_the_key_that_docker_left() {
    let fake = guarded();
    let (run, world) = push(&fake, r#"{"credsStore":"quarry","auths":{"https://HOST/v1/":{}}}"#, GIVES);
    run.succeeded();
    assert_eq!(asked(&world).trim(), format!("https://{}/v1/", fake.address));
}

#[test]
fn a_helper_that_knows_nothing_is_no_error_of_its_own() {
    let fake = guarded();
    let nothing = "echo credentials not found in native keychain; exit 1";
    let (run, _) = push(&fake, r#"{"credsStore":"quarry"}"#, nothing);
    run.ended(2).says("wants credentials, and there are none for it");
}

#[test]
fn a_helper_that_fails_or_is_not_there_is_named() {
    let fake = guarded();
    let (run, world) = push(&fake, r#"{"credsStore":"quarry"}"#, "echo the vault is locked >&2; exit 1");
    let expected = format!(
        "error: docker-credential-quarry, which HOME/.docker/config.json names for {}, failed: the vault is locked",
        fake.address
    );
    assert_eq!(world.normal(run.ended(2).error()).trim(), expected);
    let (run, world) = push(&fake, r#"{"credHelpers":{"HOST":"mortar"}}"#, "");
    let error = world.normal(run.ended(2).error());
    let expected = format!(
        "error: cannot run docker-credential-mortar, which HOME/.docker/config.json names for {}: No such file",
        fake.address
    );
    assert!(error.starts_with(&expected), "{error}");
    assert!(error.contains("hint: install docker-credential-mortar, or take its name out of that file"), "{error}");
}

#[test]
fn secrets_are_in_no_output_and_in_no_file() {
    let fake = guarded();
    let gives = GIVES.replace("pass word", "not the pass");
    let (run, world) = push(&fake, r#"{"credsStore":"quarry"}"#, &gives);
    assert_eq!(run.code, Some(2));
    let secrets = ["not the pass".to_owned(), base64("mason:not the pass")];
    for secret in &secrets {
        assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{}", run.stderr);
    }
    let mut pending = vec![world.path("home/.cache")];
    while let Some(path) = pending.pop() {
        for name in drystone::fs::list(&path).unwrap_or_default() {
            let path = path.join(name);
            if path.is_dir() { pending.push(path) } else { assert_holds_none(&path, &secrets) }
        }
    }
}

fn assert_holds_none(path: &Path, secrets: &[String]) {
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    assert!(secrets.iter().all(|secret| !text.contains(secret)), "{}", path.display());
}
