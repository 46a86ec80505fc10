//! `drystone store diff` says which components differ, in which files, and whether the same key gave them.

use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;

use crate::carrying::other;
use crate::support::{Run, World};

/// A world with two stores, in each of which a project was built.
fn two(first: &str, second: &str) -> World {
    let world = World::new();
    other(&world, "other", true);
    world.script("same", "mkdir -p $OUT/usr/bin; touch $OUT/usr/bin/same");
    for (store, script) in [("store", first), ("other", second)] {
        world.script("wall", script);
        Run::of(world.command(&["build", "same", "wall"]).env("DRYSTONE_STORE", world.path(store))).succeeded();
    }
    world
}

fn script(text: &str) -> String {
    format!("mkdir -p $OUT/usr/bin; ln -s {text} $OUT/usr/bin/mur; echo {text} > $OUT/usr/bin/wall")
}

/// Everything below a directory with its time of change: what a reader must not alter.
fn listing(place: &Path) -> Vec<String> {
    let find = std::process::Command::new("find").arg(place).args(["-printf", "%p %m %C@ %s\n"]).output().unwrap();
    let mut lines: Vec<String> = String::from_utf8(find.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn the_same_key_with_other_bits_is_not_reproducible() {
    let random = "mkdir -p $OUT/usr/bin; head -c 9 /dev/urandom | od -An -tx1 > $OUT/usr/bin/wall";
    let world = two(random, random);
    let before = [world.path("store"), world.path("other")].map(|place| listing(&place));
    let run = world.drystone(&["store", "diff", "../store", "../other"]).ended(1);
    assert_snapshot!(world.normal(&run.stdout), @r"
    --- ../store
    +++ ../other

    x86_64-linux-musl/wall-1: the same key gave other bits: the build is not reproducible
      object DIGEST → DIGEST
      ~ usr/bin/wall  other content of 28 bytes

    6 the same, 1 differ, 0 removed, 0 added; 1 not reproducible
    ");
    let after = [world.path("store"), world.path("other")].map(|place| listing(&place));
    assert_eq!(before, after, "a comparison leaves the stores as they are");
}

#[test]
fn other_inputs_are_named() {
    let world = two(&script("stone"), &script("brick"));
    let run = world.drystone(&["store", "diff", "../store", "../other"]).ended(1);
    assert_snapshot!(world.normal(&run.stdout), @r"
    --- ../store
    +++ ../other

    x86_64-linux-musl/wall-1: made of other inputs
      object DIGEST → DIGEST
      command of `script`: mkdir -p $OUT/usr/bin; ln -s stone $OUT/usr/bin/mur; echo stone > $OUT/usr/bin/wall\n → mkdir -p $OUT/usr/bin; ln -s brick $OUT/usr/bin/mur; echo brick > $OUT/usr/bin/wall\n
      ~ usr/bin/mur  stone → brick
      ~ usr/bin/wall  other content of 6 bytes

    6 the same, 1 differ, 0 removed, 0 added
    ");
    let run = world.drystone(&["store", "diff", "../store", "../other", "same"]).succeeded();
    assert_snapshot!(world.normal(&run.stdout), @"../store and ../other: the same 1 component");
    let run = world.drystone(&["store", "diff", "../store", "../other", "well"]).ended(2);
    assert_snapshot!(world.normal(&run.stderr), @r"
    error: neither ../store nor ../other has well
    hint: what a store has: drystone store ls
    ");
    let run = world.drystone(&["store", "diff", "../store", "../other", "wall", "--json"]).ended(1);
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    let component = &json["components"][0];
    assert_eq!(component["name"], "x86_64-linux-musl/wall-1");
    assert_eq!(component["why"], "other-inputs");
    let paths: Vec<_> = component["files"].as_array().unwrap().iter().map(|file| &file["path"]).collect();
    assert_eq!(paths, ["usr/bin/mur", "usr/bin/wall"]);
    assert_eq!(component["files"][0]["after"]["target"], "brick");
    assert_eq!(component["files"][1]["before"]["bytes"], 6);
}

#[test]
fn a_store_is_compared_from_afar_with_what_another_has_exported() {
    let world = two(&script("stone"), &script("brick"));
    for (store, words) in
        [("store", ["-o", "../ours.tar.zst"].as_slice()), ("other", &["-o", "../theirs", "--manifests"])]
    {
        if store == "store" {
            world.script("wall", &script("stone"));
        } else {
            world.script("wall", &script("brick"));
        }
        let words = [["store", "export", "--all", "--build"].as_slice(), words].concat();
        Run::of(world.command(&words).env("DRYSTONE_STORE", world.path(store))).succeeded();
    }
    let small = std::fs::metadata(world.path("theirs")).unwrap().len();
    assert!(small * 20 < std::fs::metadata(world.path("ours.tar.zst")).unwrap().len(), "{small}");
    world.drystone(&["store", "diff", "../store", "../ours.tar.zst"]).succeeded();
    world.drystone(&["store", "diff", "../theirs", "../other"]).succeeded();
    let run = world.drystone(&["store", "diff", "../ours.tar.zst", "../theirs"]).ended(1);
    assert_snapshot!(world.normal(&run.stdout), @r"
    --- ../ours.tar.zst
    +++ ../theirs

    x86_64-linux-musl/wall-1: made of other inputs
      object DIGEST → DIGEST
      command of `script`: mkdir -p $OUT/usr/bin; ln -s stone $OUT/usr/bin/mur; echo stone > $OUT/usr/bin/wall\n → mkdir -p $OUT/usr/bin; ln -s brick $OUT/usr/bin/mur; echo brick > $OUT/usr/bin/wall\n
      ~ usr/bin/mur  stone → brick
      ~ usr/bin/wall  other content

    6 the same, 1 differ, 0 removed, 0 added
    ");
}

#[test]
fn what_only_one_has_and_what_is_corrupt_is_named() {
    let world = two(&script("stone"), &script("stone"));
    world.script("more", "mkdir -p $OUT/usr/bin; touch $OUT/usr/bin/more");
    world.drystone(&["build", "more"]).succeeded();
    let run = world.drystone(&["store", "diff", "../store", "../other"]).ended(1);
    assert_snapshot!(world.normal(&run.stdout), @r"
    --- ../store
    +++ ../other

    - x86_64-linux-musl/more-1

    7 the same, 0 differ, 1 removed, 0 added
    ");
    let id = std::fs::read_link(world.path("store/roots/x86_64-linux-musl/wall-1")).unwrap();
    let manifest = world.path("other/manifests").join(id.file_name().unwrap());
    drystone::fs::set_mode(&manifest, 0o644).unwrap();
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("wall", "well")).unwrap();
    let run = world.drystone(&["store", "diff", "../store", "../other"]).ended(1);
    assert_snapshot!(world.normal(&run.stderr), @r"
    error: ../other: manifests/DIGEST: PROJECT/../other/manifests/DIGEST is not DIGEST but DIGEST
    hint: it was left out; whoever may write there moves it away with `drystone store verify`
    ");
    let run = world.drystone(&["store", "diff", "../store", "../nowhere"]).ended(2);
    assert_snapshot!(world.normal(&run.stderr), @"error: PROJECT/../nowhere is no store: it has no manifests/");
    assert!(!world.path("nowhere").exists());
}

#[test]
fn a_component_in_two_versions_is_compared_with_itself() {
    let world = two(&script("stone"), &script("stone"));
    let recipe = world.path("project/recipes/wall.toml");
    let text = std::fs::read_to_string(&recipe).unwrap();
    std::fs::write(&recipe, text.replace("version = \"1\"", "version = \"2\"").replace("stone", "brick")).unwrap();
    other(&world, "newer", true);
    let build = ["build", "same", "wall"];
    Run::of(world.command(&build).env("DRYSTONE_STORE", world.path("newer"))).succeeded();
    let run = world.drystone(&["store", "diff", "../store", "../newer"]).ended(1);
    assert_snapshot!(world.normal(&run.stdout), @r"
    --- ../store
    +++ ../newer

    x86_64-linux-musl/wall-1 → x86_64-linux-musl/wall-2: made of other inputs
      object DIGEST → DIGEST
      name: wall-1 → wall-2
      command of `script`: mkdir -p $OUT/usr/bin; ln -s stone $OUT/usr/bin/mur; echo stone > $OUT/usr/bin/wall\n → mkdir -p $OUT/usr/bin; ln -s brick $OUT/usr/bin/mur; echo brick > $OUT/usr/bin/wall\n
      ~ usr/bin/mur  stone → brick
      ~ usr/bin/wall  other content of 6 bytes

    6 the same, 1 differ, 0 removed, 0 added
    ");
}

#[test]
fn a_derivation_that_gave_other_bits_is_told_although_nothing_names_them() {
    let random = "mkdir -p $OUT/usr/bin; head -c 9 /dev/urandom | od -An -tx1 > $OUT/usr/bin/wall";
    let world = two(random, random);
    for store in ["store", "other"] {
        std::fs::remove_file(world.path(store).join("roots/x86_64-linux-musl/wall-1")).unwrap();
    }
    let run = world.drystone(&["store", "diff", "../store", "../other"]).ended(1);
    assert_snapshot!(world.normal(&run.stdout), @r"
    --- ../store
    +++ ../other

    wall-1 bin: the same key gave other bits: the build is not reproducible
      key DIGEST, object DIGEST → DIGEST
      ~ usr/bin/wall  other content of 28 bytes

    6 the same, 0 differ, 0 removed, 0 added; 1 not reproducible
    ");
}
