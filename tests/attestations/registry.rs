//! Attestations travel beside an image, through a registry of others.

use serde_json::Value;

use crate::builders::{Builders, only_file, statement, write_recipes};
use crate::others::Registry;
use crate::support::World;

const SPEC: &str = "name = \"stones\"\ntag = \"1\"\ncomponents = [\"pebble\"]\n";

/// Whether the registry is installed; says so when it is not.
fn is_there() -> bool {
    let found = std::process::Command::new("docker-registry").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: docker-registry is not installed");
    }
    found
}

#[test]
fn an_image_s_attestations_lie_beside_it_and_are_gathered_from_there() {
    if !is_there() {
        return;
    }
    let world = World::new();
    write_recipes(&world);
    world.write("images/stones.toml", SPEC);
    let registry = Registry::start(&world.path("registry"));
    let name = format!("{}/walls/stones:1", registry.address);
    world.drystone(&["keys", "new", "-o", "mason", "--no-passphrase"]).succeeded();
    world.drystone(&["image", "build", "images/stones.toml", "-o", "stones"]).succeeded();
    world.drystone(&["sign", "stones", "--key", "mason.key", "--as", &name]).succeeded();
    world.drystone(&["image", "push", "stones", &name, "--plain-http"]).succeeded();
    world.drystone(&["attest", "make", "--image", "images/stones.toml", "--key", "mason.key"]).succeeded();
    let push = ["attest", "push", &name, "--plain-http", "--json"];
    let once: Value = serde_json::from_str(&world.drystone(&push).succeeded().stdout).unwrap();
    assert_eq!(once["attached"].as_array().unwrap().len(), 1);
    // Again is the same artifact.
    assert_eq!(serde_json::from_str::<Value>(&world.drystone(&push).succeeded().stdout).unwrap(), once);

    // Somebody else, who has the recipes and the keys and nothing that was built.
    let other = World::bare();
    write_recipes(&other);
    other.write("images/stones.toml", SPEC);
    other.write("keys/mason.pub", &world.drystone(&["keys", "public", "mason.key"]).succeeded().stdout);
    let collect = ["attest", "collect", &name, "--plain-http", "--keys", "keys"];
    other.drystone(&collect).succeeded().says("attestations: 1 new");
    other.drystone(&collect).succeeded().says("attestations: 1 there already");
    let gathered = only_file(&only_file(&other.path("project/attestations")));
    let made = only_file(&only_file(&world.path("project/attestations")));
    assert_eq!(statement(&gathered), statement(&made));
    let verify = ["verify", "--image", "images/stones.toml", "--threshold", "1-of-1", "--keys", "keys"];
    let run = other.drystone(&verify).succeeded();
    assert!(run.stdout.starts_with("pebble-1  accepted: 1 of 1\n"), "{}", run.stdout);
    // The image's own signatures are verified as if nothing lay beside them.
    other.drystone(&["image", "verify", &name, "--plain-http", "--key", "keys/mason.pub"]).succeeded();
}

#[test]
fn an_image_that_exists_is_held_against_what_is_accepted_file_by_file() {
    let world = World::new();
    write_recipes(&world);
    world.write("images/stones.toml", SPEC);
    world.drystone(&["keys", "new", "-o", "mason", "--no-passphrase"]).succeeded();
    world.write("keys/mason.pub", &world.drystone(&["keys", "public", "mason.key"]).succeeded().stdout);
    world.drystone(&["image", "build", "images/stones.toml", "-o", "stones"]).succeeded();
    world.drystone(&["attest", "make", "--image", "stones", "--key", "mason.key"]).succeeded();
    let verify = |words: &[&str]| {
        let verify = ["verify", "--threshold", "1-of-1", "--keys", "keys", "--image"];
        world.drystone(&[&verify, words].concat())
    };
    verify(&["stones"]).succeeded().says("accepted by 1-of-1, and the image holds that");
    // An image that says the same of itself and holds another pebble.
    world.script("pebble", "mkdir -p $OUT/usr/bin; echo gravel > $OUT/usr/bin/pebble");
    world.drystone(&["image", "build", "images/stones.toml", "-o", "gravel"]).succeeded();
    write_recipes(&world);
    verify(&["gravel"])
        .ended(1)
        .says("layer 1 of the image for x86_64-linux-musl is not pebble/bin as it is accepted, but ");
    let run = verify(&["gravel", "--json"]).ended(1);
    let result: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&result["accepted"], &result["layers"][0]["result"]), (&Value::Bool(false), &Value::from("other")));
}

#[test]
fn what_is_no_attestation_is_not_pushed() {
    if !is_there() {
        return;
    }
    let builders = Builders::new();
    std::fs::write(builders.attestation("bob"), "{}").unwrap();
    let run = builders.0.drystone(&["attest", "push", "localhost:1/walls/stones:1", "--plain-http"]).ended(1);
    run.says("nothing was pushed: ").says("this is not a sigstore bundle");
}
