//! Attestations travel beside an image, through a registry of others.

use std::path::Path;

use drystone::digest::Sha256;
use serde_json::{Value, json};

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

/// A layout with an image of a pebble that its builder has attested, and the words that verify it.
fn attested() -> (World, [&'static str; 7]) {
    let world = World::new();
    write_recipes(&world);
    world.write("images/stones.toml", SPEC);
    world.drystone(&["keys", "new", "-o", "mason", "--no-passphrase"]).succeeded();
    world.write("keys/mason.pub", &world.drystone(&["keys", "public", "mason.key"]).succeeded().stdout);
    world.drystone(&["image", "build", "images/stones.toml", "-o", "stones"]).succeeded();
    world.drystone(&["attest", "make", "pebble", "--key", "mason.key"]).succeeded();
    (world, ["verify", "--threshold", "1-of-1", "--keys", "keys", "--image", "stones"])
}

/// Changes the configuration and the manifest of a layout's image, and what the layout says of the image.
fn alter(layout: &Path, change: impl Fn(&mut Value, &mut Value), describe: impl Fn(&mut Value)) {
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        layout.join("blobs/sha256").join(digest)
    };
    let read = |path: &Path| serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap();
    let write = |document: &Value, descriptor: &mut Value| {
        let bytes = document.to_string().into_bytes();
        descriptor["digest"] = format!("sha256:{}", Sha256::of(&bytes)).into();
        descriptor["size"] = bytes.len().into();
        std::fs::write(blob(descriptor), bytes).unwrap();
    };
    let mut index = read(&layout.join("index.json"));
    let mut manifest = read(&blob(&index["manifests"][0]));
    let mut config = read(&blob(&manifest["config"]));
    change(&mut config, &mut manifest);
    write(&config, &mut manifest["config"]);
    describe(&mut index["manifests"][0]);
    write(&manifest, &mut index["manifests"][0]);
    std::fs::write(layout.join("index.json"), index.to_string()).unwrap();
}

#[test]
fn a_layer_that_does_not_say_what_it_was_made_from_is_a_fault() {
    let (world, verify) = attested();
    world.drystone(&verify).succeeded();
    alter(&world.path("project/stones"), |config, _| config["history"][0]["created_by"] = "somebody".into(), |_| ());
    let said = "layer 1 of the image for x86_64-linux-musl does not say what it was made from";
    world.drystone(&verify).ended(1).says(said);
}

#[test]
fn an_image_for_a_platform_that_no_target_is_for_is_not_accepted() {
    let (world, verify) = attested();
    let stones = world.path("project/stones");
    let said = "stones is for linux/riscv64, too, for which there is no target";
    alter(&stones, |_, _| (), |image| image["platform"]["architecture"] = "riscv64".into());
    world.drystone(&verify).ended(2).says(said);
    // Where the layout does not say, the image's own configuration does.
    let silent = |image: &mut Value| drop(image.as_object_mut().unwrap().remove("platform"));
    alter(&stones, |config, _| config["architecture"] = "riscv64".into(), silent);
    world.drystone(&verify).ended(2).says(said);
}

#[test]
fn every_image_of_an_index_is_meant() {
    let (world, verify) = attested();
    let stones = world.path("project/stones");
    let top: Value = serde_json::from_slice(&std::fs::read(stones.join("index.json")).unwrap()).unwrap();
    // The one image for two machines.
    let lay = |architectures: [&str; 2]| {
        let images = architectures.map(|architecture| {
            let mut image = top["manifests"][0].clone();
            image["platform"]["architecture"] = architecture.into();
            image
        });
        let kind = "application/vnd.oci.image.index.v1+json";
        let index = json!({ "schemaVersion": 2, "mediaType": kind, "manifests": images }).to_string();
        let digest = Sha256::of(index.as_bytes());
        let listed = json!([{ "mediaType": kind, "digest": format!("sha256:{digest}"), "size": index.len() }]);
        std::fs::write(stones.join("blobs/sha256").join(digest.to_string()), index).unwrap();
        let layout = json!({ "schemaVersion": 2, "manifests": listed }).to_string();
        std::fs::write(stones.join("index.json"), layout).unwrap();
    };
    lay(["amd64", "riscv64"]);
    world.drystone(&verify).ended(2).says("stones is for linux/riscv64, too, for which there is no target");
    // Which of two would a machine take?
    lay(["amd64", "amd64"]);
    world.drystone(&verify).ended(2).says("it holds two images for linux/amd64");
}

#[test]
fn a_layer_of_a_component_that_nobody_has_accepted_is_a_fault() {
    let (world, verify) = attested();
    for made in ["drystone: pebble/gravel 1", "drystone: pebble 1"] {
        alter(&world.path("project/stones"), |config, _| config["history"][0]["created_by"] = made.into(), |_| ());
        world.drystone(&verify).ended(1).says(", which the accepted build does not give");
    }
}

#[test]
fn a_file_of_an_accepted_layer_that_another_layer_replaces_is_a_fault() {
    let (world, verify) = attested();
    let stones = world.path("project/stones");
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(5);
    header.set_mode(0o755);
    builder.append_data(&mut header, "usr/bin/pebble", b"other".as_slice()).unwrap();
    let layer = builder.into_inner().unwrap();
    let digest = format!("sha256:{}", Sha256::of(&layer));
    std::fs::write(stones.join("blobs/sha256").join(&digest[7..]), &layer).unwrap();
    let kind = "application/vnd.oci.image.layer.v1.tar";
    let add = |config: &mut Value, manifest: &mut Value| {
        let push = |list: &mut Value, one: Value| list.as_array_mut().unwrap().push(one);
        push(&mut config["rootfs"]["diff_ids"], digest.clone().into());
        push(&mut config["history"], json!({ "created_by": "drystone: the image spec stones" }));
        push(&mut manifest["layers"], json!({ "mediaType": kind, "digest": digest, "size": layer.len() }));
    };
    alter(&stones, add, |_| ());
    let run = world.drystone(&verify).ended(1);
    run.says("layer 1 of the image for x86_64-linux-musl is pebble/bin, and another layer replaces or removes its usr/bin/pebble");
}
