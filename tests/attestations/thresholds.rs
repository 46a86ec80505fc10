//! What is accepted by which threshold, and who is named. Nothing is built and no store has anything in it.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::builders::Builders;

#[test]
fn what_all_have_built_alike_is_accepted_by_any_threshold() {
    let builders = Builders::new();
    for threshold in ["1-of-3", "2-of-3", "3-of-3"] {
        let run = builders.verify(threshold, &["pebble"]).succeeded().says(&format!("accepted by {threshold}"));
        assert!(run.stdout.starts_with("pebble-1  accepted: 3 of 3\n"), "{}", run.stdout);
    }
}

#[test]
fn two_of_three_are_enough_and_the_third_is_named_with_what_differs() {
    let builders = Builders::new();
    let run = builders.verify("2-of-3", &["wall"]).succeeded();
    assert_snapshot!("two-of-three", builders.normal(&run));
}

#[test]
fn where_all_must_agree_one_stops_what_is_built_upon_it() {
    let builders = Builders::new();
    let run = builders.verify("3-of-3", &["wall", "pebble"]).ended(1);
    assert_snapshot!("three-of-three", builders.normal(&run));
    assert!(run.stderr.contains("error: 1 of 2 are not accepted by 3-of-3"), "{}", run.stderr);
}

#[test]
fn where_one_is_enough_two_results_are_none() {
    let builders = Builders::new();
    let run = builders.verify("1-of-3", &["clock"]).ended(1);
    assert_snapshot!("one-of-three", builders.normal(&run));
}

#[test]
fn who_says_two_things_has_no_vote() {
    let builders = Builders::new();
    let both = ["clock", "pebble", "--attestations", "attestations", "--attestations", "double"];
    let run = builders.verify("2-of-3", &both).ended(1);
    assert_snapshot!("double", builders.normal(&run));
}

#[test]
fn machines_get_everything() {
    let builders = Builders::new();
    let run = builders.verify("2-of-3", &["wall", "--json"]).succeeded();
    let result: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&result["accepted"], &result["counted"]), (&Value::Bool(true), &json!(3)));
    let entries = result["derivations"].as_array().unwrap();
    let entry = |name: &str| entries.iter().find(|entry| entry["name"] == name).unwrap();
    let (clock, wall) = (entry("clock-1"), entry("wall-1"));
    assert_eq!(clock["votes"][0]["keys"], json!(["alice", "bob"]));
    assert_eq!(clock["votes"][1]["keys"][0], "carol");
    assert_eq!(clock["votes"][1]["difference"]["component"], "bin");
    assert_eq!(clock["outputs"], clock["votes"][0]["outputs"]);
    assert_eq!((&clock["wanted"], &wall["wanted"]), (&Value::Bool(false), &Value::Bool(true)));
    // What Carol's wall was built with is another clock: hers is another derivation, of which nothing is said here.
    assert_eq!(wall["silent"], json!(["carol"]));
}

#[test]
fn only_the_keys_that_are_named_count_and_each_once() {
    let builders = Builders::new();
    let all = ["pebble", "--attestations", "attestations", "--attestations", "dave"];
    builders.verify("3-of-3", &all).succeeded().says("3 attestations counted, 1 by other keys not counted");
    builders.verify("2-of-4", &["pebble"]).ended(2).says("2-of-4 is about 4 keys, but keys holds 3: ");
    std::fs::remove_file(builders.path("keys/bob.pub")).unwrap();
    let run = builders.verify("2-of-2", &["clock"]).ended(1).says("1 by other keys not counted");
    assert!(run.stdout.contains("NOT accepted: 1 of the 2 that are needed"), "{}", run.stdout);
    std::fs::copy(builders.path("keys/alice.pub"), builders.path("keys/bob.pub")).unwrap();
    builders.verify("2-of-3", &["pebble"]).ended(2).says("alice.pub and bob.pub in keys are the same key");
}

#[test]
fn what_nobody_has_built_is_not_accepted() {
    let builders = Builders::new();
    builders.0.script("pebble", "mkdir -p $OUT/usr/bin; echo another > $OUT/usr/bin/pebble");
    let run = builders.verify("1-of-3", &["pebble"]).ended(1);
    assert!(run.stdout.starts_with("pebble-1  NOT accepted: no vote\n"), "{}", run.stdout);
}
