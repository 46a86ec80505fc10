//! Builders attest what they have built themselves, and nothing else.

use std::process::Command;

use drystone::digest::{DerivationKey, Sha256};
use drystone::store::Store;
use serde_json::{Value, json};

use crate::builders::{only_file, statement, write_recipes};
use crate::support::{Run, TARGET, World};

/// A project with a key, and a store in which nothing but the toolchain is built.
fn project() -> World {
    let world = World::new();
    write_recipes(&world);
    world.drystone(&["keys", "new", "-o", "mason", "--no-passphrase"]).succeeded();
    world
}

fn make(world: &World, words: &[&str]) -> Run {
    world.drystone(&[&["attest", "make", "--key", "mason.key"], words].concat())
}

/// The key of a build's derivation.
fn key(world: &World, name: &str) -> DerivationKey {
    let node = world.plan(name).into_iter().find(|node| node["name"] == format!("{name}-1")).unwrap();
    node["key"].as_str().unwrap().parse().unwrap()
}

/// The derivations that a statement names, without versions.
fn derivations(statement: &Value) -> Vec<String> {
    let all = statement["predicate"]["derivations"].as_array().unwrap();
    all.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_statement_says_what_was_built_by_whom_on_what_and_from_which_lock() {
    let world = project();
    make(&world, &["pebble"])
        .ended(2)
        .says("not built as the recipes are now, so that there is nothing to attest: pebble-1");
    world.drystone(&["build", "pebble"]).succeeded();
    world.write("drystone.lock", "# pebble\n");
    let git = |words: &[&str]| {
        let identity = ["-c", "user.name=Mason", "-c", "user.email=mason@example.org"];
        let run = Command::new("git").arg("-C").arg(world.path("project")).args(identity).args(words).output().unwrap();
        String::from_utf8(run.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet"]);
    git(&["add", "recipes", "drystone.lock"]);
    git(&["commit", "--quiet", "--message", "Stones"]);
    let printed = make(&world, &["pebble", "--builder-id", "https://mason.example"]).succeeded().stdout;
    let id = only_file(&world.path("project/attestations"));
    let file = only_file(&id);
    assert_eq!(world.path("project").join(printed.trim_end()), file);
    let said = statement(&file);
    let predicate = &said["predicate"];
    assert_eq!(said["predicateType"], "https://drystone.io/rebuild/v1");
    assert_eq!(predicate["builder"]["id"], "https://mason.example");
    assert_eq!(predicate["project"]["lock"]["sha256"], Sha256::of(b"# pebble\n").to_string());
    assert_eq!(predicate["project"]["revision"]["gitCommit"], git(&["rev-parse", "HEAD"]));
    assert_eq!(predicate["project"]["modified"], false);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(predicate["system"]["kernel"], kernel.trim());
    let last = predicate["derivations"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["name"], &last["target"]), (&json!("pebble-1"), &json!(TARGET)));
    assert_eq!(last["key"], key(&world, "pebble").to_string());
    let subject = said["subject"].as_array().unwrap().last().unwrap();
    assert_eq!(subject["name"], format!("{TARGET}/pebble-1/bin"));
    assert_eq!(subject["digest"]["drystoneObject"], last["outputs"]["bin"]);
    // Who says the same again has said it once; another lock is no other claim.
    world.write("drystone.lock", "# pebble 2\n");
    make(&world, &["pebble"]).succeeded();
    let predicate = statement(&only_file(&id))["predicate"].clone();
    assert_eq!(predicate["project"]["modified"], true);
    assert_eq!(predicate["project"]["lock"]["sha256"], Sha256::of(b"# pebble 2\n").to_string());
    assert!(predicate["builder"]["id"].as_str().unwrap().starts_with("ni:///sha-256;"), "{predicate}");
}

#[test]
fn what_came_from_another_store_is_not_attested_until_it_is_built_here() {
    let world = project();
    world.drystone(&["build", "wall", "pebble"]).succeeded();
    // As somebody else's store would have given them.
    let import = |name: &str| {
        let key = key(&world, name);
        let trace = Store::open(&world.store()).unwrap().trace(&key).unwrap().unwrap();
        std::fs::remove_file(world.store().join("traces").join(key.to_string())).unwrap();
        Store::open(&world.store()).unwrap().put_imported_trace(&key, &trace, "a friend").unwrap();
    };
    import("pebble");
    import("clock");
    make(&world, &["pebble"]).ended(2).says("not built here, but come from another store: pebble-1");
    // What the wall was made of is another's; the wall is one's own.
    let run = make(&world, &["wall"]).succeeded().says("not attested: clock-1 came from another store");
    let said = derivations(&statement(&world.path("project").join(run.stdout.trim_end())));
    assert!(said.contains(&"wall-1".to_owned()) && !said.contains(&"clock-1".to_owned()), "{said:?}");
    world.drystone(&["build", "--check", "pebble"]).succeeded();
    make(&world, &["pebble"]).succeeded();
    // Of the clock another build gives something else: it stays the friend's.
    world.drystone(&["build", "--check", "clock"]).ended(1);
    make(&world, &["clock"]).ended(2).says("come from another store: clock-1");
}

#[test]
fn what_this_store_has_is_told_and_is_no_vote() {
    let world = project();
    world.drystone(&["build", "clock"]).succeeded();
    make(&world, &["clock"]).succeeded();
    let public = world.drystone(&["keys", "public", "mason.key"]).succeeded().stdout;
    world.write("keys/mason.pub", &public);
    let verify = || world.drystone(&["verify", "clock", "--threshold", "1-of-1", "--keys", "keys"]);
    verify().succeeded();
    // The same derivation, built once more: other bits, and nobody's word changes for that.
    std::fs::remove_file(world.store().join("traces").join(key(&world, "clock").to_string())).unwrap();
    world.drystone(&["build", "clock"]).succeeded();
    let run = verify().succeeded();
    assert!(run.stdout.contains("built here is something else: bin: "), "{}", run.stdout);
    // And with what both builds gave, a builder says two things.
    make(&world, &["clock"]).succeeded();
    let run = verify().ended(1);
    assert!(run.stdout.contains("mason says 2 things, and has no vote: bin is "), "{}", run.stdout);
}

#[test]
fn what_this_store_has_from_elsewhere_is_told_as_that() {
    let world = project();
    world.drystone(&["build", "clock"]).succeeded();
    make(&world, &["clock"]).succeeded();
    let public = world.drystone(&["keys", "public", "mason.key"]).succeeded().stdout;
    world.write("keys/mason.pub", &public);
    // The same derivation with other bits, as a friend's store would have given it.
    let key = key(&world, "clock");
    let forget = || std::fs::remove_file(world.store().join("traces").join(key.to_string())).unwrap();
    forget();
    world.drystone(&["build", "clock"]).succeeded();
    let trace = Store::open(&world.store()).unwrap().trace(&key).unwrap().unwrap();
    forget();
    Store::open(&world.store()).unwrap().put_imported_trace(&key, &trace, "a friend").unwrap();
    let run = world.drystone(&["verify", "clock", "--threshold", "1-of-1", "--keys", "keys"]).succeeded();
    assert!(run.stdout.contains("imported here is something else: bin: "), "{}", run.stdout);
}
