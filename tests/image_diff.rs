//! What differs between two images, as people and machines read it, and what an image is.

#[path = "image_read/mason.rs"]
mod mason;
mod quarry;
mod support;

use std::process::Command;

use insta::assert_snapshot;
use mason::{Image, Layout, owned};
use quarry::*;
use serde_json::{Value, json};
use support::{Run, World};

/// A layout of two layers: what `made` says made the first, and its entries.
fn layout(made: &str, entries: &[Vec<u8>], config: Value) -> Layout {
    let layout = Layout::bare();
    let own = vec![owned(file("etc/motd", "hello"), 0o644, 0, 0)];
    let mut image = Image::of(&[gzip(&tar(entries)), gzip(&tar(&own))]);
    image.config["config"] = config;
    image.config["history"] = json!([
        { "created_by": format!("drystone: {made}") },
        { "created_by": "drystone: the image spec wall" },
    ]);
    let object = "0123456789abcdef".repeat(4);
    image.manifest["layers"][0]["annotations"] = json!({ "io.drystone.object": object });
    let manifest = layout.image(&image);
    layout.index(&[manifest]);
    layout
}

fn before() -> Layout {
    let entries = vec![
        owned(directory("usr/bin/"), 0o755, 0, 0),
        owned(file("usr/bin/stone", "stone 1"), 0o555, 0, 0),
        owned(file("usr/bin/chisel", "same"), 0o555, 0, 0),
        owned(file("usr/bin/gone", "gone"), 0o555, 0, 0),
        owned(file("usr/lib/kind", "a file"), 0o444, 0, 0),
        symlink("usr/bin/rock", "stone"),
        owned(directory("var/"), 0o755, 0, 0),
    ];
    layout(
        "stone/bin 1",
        &entries,
        json!({ "User": "0", "Labels": { "org.example.kept": "x", "org.example.old": "1" } }),
    )
}

fn after() -> Layout {
    let entries = vec![
        owned(directory("usr/bin/"), 0o755, 0, 0),
        owned(file("usr/bin/stone", "stone 2.0"), 0o555, 0, 0),
        owned(file("usr/bin/chisel", "same"), 0o4555, 7, 7),
        owned(file("usr/bin/fresh", "fresh"), 0o555, 0, 0),
        symlink("usr/lib/kind", "elsewhere"),
        symlink("usr/bin/rock", "/usr/bin/stone"),
        owned(directory("var/"), 0o755, 1, 1),
    ];
    layout("stone/bin 2", &entries, json!({ "User": "65532", "Env": ["A=b"], "Labels": { "org.example.kept": "x" } }))
}

/// What `image diff` says, with the places and digests of the images replaced.
fn diff(world: &World, before: &str, after: &str, words: &[&str]) -> Run {
    let run = world.drystone(&[&["image", "diff", before, after], words].concat());
    let normal = |text: &str| world.normal(&text.replace(before, "BEFORE").replace(after, "AFTER"));
    Run { code: run.code, stdout: normal(&run.stdout), stderr: normal(&run.stderr) }
}

#[test]
fn a_difference_is_told_by_component() {
    let (world, before, after) = (World::bare(), before(), after());
    let places = [before.path(), after.path()].map(|path| path.display().to_string());
    let run = diff(&world, &places[0], &places[1], &[]).ended(1);
    assert_snapshot!("diff", run.stdout);
    assert_eq!(run.stderr, "", "a difference is no error");
    let run = diff(&world, &places[0], &places[1], &["--json"]).ended(1);
    let difference: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(difference["summary"], json!({ "added": 1, "removed": 1, "changed": 5, "bytes": -3 }));
    let files = difference["files"].as_array().unwrap();
    let chisel = files.iter().find(|file| file["path"] == "/usr/bin/chisel").unwrap();
    assert_snapshot!("diff-json", serde_json::to_string_pretty(chisel).unwrap());
}

#[test]
fn images_that_run_alike_are_the_same_however_they_are_stored() {
    let (world, image) = (World::bare(), before());
    let place = image.path().display().to_string();
    let run = diff(&world, &place, &place, &[]).succeeded();
    assert!(run.stdout.contains(": the same image, sha256:"), "{}", run.stdout);
    let copy = world.path("copy").display().to_string();
    let words = ["copy", "--insecure-policy", "--dest-compress-format", "zstd"];
    let made = Command::new("skopeo").args(words).arg(format!("oci:{place}")).arg(format!("oci:{copy}:1")).output();
    if !made.is_ok_and(|run| run.status.success()) {
        eprintln!("skipped: skopeo is not installed");
        return;
    }
    let run = diff(&world, &place, &copy, &[]).succeeded();
    assert_snapshot!(run.stdout, @"BEFORE and AFTER: the same 11 paths and configuration, in other layers or otherwise compressed
    ");
    let run = diff(&world, &place, &copy, &["--json"]).succeeded();
    let difference: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&difference["files"], &difference["config"]), (&json!([]), &json!([])));
}

#[test]
fn how_many_members_a_layer_has_is_no_difference() {
    let world = World::bare();
    let program = |path: &str| owned(file(path, "stone"), 0o555, 0, 0);
    let entries = [program("usr/bin/stone"), program("usr/bin/chisel"), vec![0; 1024]];
    let [one, several] = [gzip(&entries.concat()), members(&entries).0].map(|layer| {
        let layout = Layout::bare();
        let manifest = layout.image(&Image::of(&[layer]));
        layout.index(&[manifest]);
        layout
    });
    let places = [one.path(), several.path()].map(|path| path.display().to_string());
    let run = diff(&world, &places[0], &places[1], &[]).succeeded();
    assert_snapshot!(run.stdout, @"BEFORE and AFTER: the same 4 paths and configuration, in other layers or otherwise compressed");
}

#[test]
fn an_image_is_shown_with_its_components_and_what_lies_beside_it() {
    let (world, image) = (World::bare(), after());
    std::fs::create_dir(image.path().join("evidence")).unwrap();
    image.write("evidence/sbom.spdx.json", "{}");
    let place = image.path().display().to_string();
    let run = world.drystone(&["image", "inspect", &place]).succeeded();
    assert_snapshot!("inspect", world.normal(&run.stdout.replace(&place, "IMAGE")));
    let run = world.drystone(&["image", "inspect", &place, "--json"]).succeeded();
    let inspected: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(inspected["layers"][0]["object"], "0123456789abcdef".repeat(4));
    assert_eq!(inspected["layers"][0]["component"], "stone/bin 2");
    assert_eq!(inspected["components"]["the spec"]["bytes"], 5);
    assert_eq!(inspected["total"], json!({ "files": 4, "links": 2, "directories": 5, "others": 0, "bytes": 23 }));
    assert_eq!(inspected["beside"], json!([{ "path": "evidence/sbom.spdx.json", "bytes": 2 }]));
}
