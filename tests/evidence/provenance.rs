//! What the provenance says that an image was made from: it is all there is, and each digest is that of a file that
//! can be found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use drystone::digest::{Blake3, Sha256};
use serde_json::Value;

use crate::images::{SPEC, drystone, own};
use crate::support::{HOME, base};

/// The resolved dependencies by kind.
fn by_kind(statement: &Value) -> BTreeMap<String, Vec<Value>> {
    let mut kinds: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for one in statement["predicate"]["buildDefinition"]["resolvedDependencies"].as_array().unwrap() {
        kinds.entry(one["annotations"]["kind"].as_str().unwrap().to_owned()).or_default().push(one.clone());
    }
    kinds
}

fn names(descriptors: &[Value]) -> BTreeSet<&str> {
    descriptors.iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn every_file_of_the_project_that_took_part_is_named_with_its_hash() {
    let kinds = by_kind(&own().json("provenance.intoto.json"));
    let mut local = 0;
    for kind in ["recipe", "file", "patch", "preset", "toolchain", "seeds"] {
        for one in &kinds[kind] {
            let bytes = std::fs::read(Path::new(HOME).join(one["name"].as_str().unwrap())).unwrap();
            assert_eq!(one["digest"]["sha256"], Sha256::of(&bytes).to_string(), "{one}");
            if let Some(blake3) = one["digest"]["blake3"].as_str() {
                assert_eq!(blake3, Blake3::of(&bytes).to_string(), "{one}");
            }
            local += 1;
        }
    }
    assert!(local > 20, "{local}");
    let recipes = names(&kinds["recipe"]);
    for name in ["curl", "mbedtls", "zlib", "ca-certificates", "sqlite"] {
        assert!(recipes.contains(format!("recipes/{name}.toml").as_str()), "{recipes:?}");
    }
    assert!(recipes.contains("toolchains/gcc-musl/recipes/musl.toml"), "{recipes:?}");
    assert!(!recipes.contains("recipes/bash.toml"), "bash took no part: {recipes:?}");
    assert!(names(&kinds["patch"]).contains("recipes/sqlite/0001-CVE-2025-6965-limit-aggregate-terms.patch"));
    assert_eq!(names(&kinds["spec-file"]), BTreeSet::from(["/etc/motd"]));
}

#[test]
fn every_source_and_seed_is_the_one_that_the_store_has() {
    let kinds = by_kind(&own().json("provenance.intoto.json"));
    for one in kinds["source"].iter().chain(&kinds["seed"]) {
        let sha256 = one["digest"]["sha256"].as_str().unwrap();
        let bytes = std::fs::read(base().store.join("sources").join(sha256)).unwrap();
        assert_eq!(sha256, Sha256::of(&bytes).to_string(), "{one}");
        assert!(one["uri"].is_string() && one["annotations"]["locations"].is_array(), "{one}");
    }
    let curl = kinds["source"].iter().find(|one| one["annotations"]["recipe"] == "curl").unwrap();
    assert!(curl["uri"].as_str().unwrap().starts_with("https://curl.se/"), "upstream comes first: {curl}");
    let seeds = std::fs::read_to_string(Path::new(HOME).join("toolchains/seeds/debian-12.toml")).unwrap();
    assert_eq!(kinds["seed"].len(), seeds.matches("[[package]]").count());
}

#[test]
fn every_object_is_in_the_store_under_its_name() {
    let statement = own().json("provenance.intoto.json");
    let byproducts = statement["predicate"]["runDetails"]["byproducts"].as_array().unwrap();
    let made = by_kind(&statement)["object"].clone();
    assert_eq!(
        names(&made),
        BTreeSet::from([
            "ca-certificates/bundle",
            "coreutils/cat",
            "coreutils/ls",
            "curl/bin",
            "jq/bin",
            "less/bin",
            "ncurses/terminfo",
            "sqlite/bin",
        ])
    );
    for one in made.iter().chain(byproducts) {
        let id = one["digest"]["blake3"].as_str().unwrap();
        let manifest = std::fs::read(base().store.join("manifests").join(id)).unwrap();
        assert_eq!(id, Blake3::of(&manifest).to_string(), "{one}");
    }
    for one in byproducts {
        let key = one["annotations"]["derivation"].as_str().unwrap().trim_start_matches("blake3:");
        assert!(base().store.join("traces").join(key).exists(), "{one}");
    }
    let all = names(byproducts);
    assert!(all.is_superset(&names(&made)), "{all:?}");
    assert!(all.contains("debian-12/root") && all.contains("musl/dev"), "{all:?}");
}

#[test]
fn the_parameters_are_those_that_were_given() {
    let scratch = tempfile::tempdir().unwrap();
    let (spec, out) = (scratch.path().join("sampler.toml"), scratch.path().join("image"));
    let text = SPEC.replace("[policy]\n", "[policy]\nextends = \"shared.toml\"\n");
    std::fs::write(&spec, &text).unwrap();
    let shared = "denied-names = [\"id_rsa\"]\n";
    std::fs::write(scratch.path().join("shared.toml"), shared).unwrap();
    let mut words = vec!["image", "build", spec.to_str().unwrap(), "-o", out.to_str().unwrap()];
    words.extend(["--compression", "zstd", "--builder-id", "https://ci.example/runner"]);
    drystone(Path::new(HOME), &words).succeeded();
    let statement = std::fs::read(out.join("evidence/provenance.intoto.json")).unwrap();
    let statement: Value = serde_json::from_slice(&statement).unwrap();
    let predicate = &statement["predicate"];
    let (spec, digest) = (text.as_bytes(), |bytes| Sha256::of(bytes).to_string());
    assert_eq!(
        predicate["buildDefinition"]["externalParameters"],
        serde_json::json!({
            // Outside the project, so only its name.
            "spec": { "name": "sampler.toml", "digest": { "blake3": Blake3::of(spec).to_string(), "sha256": digest(spec) } },
            "image": "acme/sampler",
            "tag": "1.0",
            "targets": ["x86_64-linux-musl"],
            "format": "oci",
            "compression": "zstd",
        })
    );
    assert!(predicate["buildDefinition"]["internalParameters"]["encoder"].as_str().unwrap().starts_with("zstd "));
    let policy = &by_kind(&statement)["policy"][0];
    assert_eq!(
        (&policy["name"], &policy["digest"]["sha256"]),
        (&"shared.toml".into(), &digest(shared.as_bytes()).into())
    );
    assert_eq!(predicate["runDetails"]["builder"]["id"], "https://ci.example/runner");
    assert_eq!(predicate["runDetails"]["metadata"], Value::Null, "no time, no invocation");
    let text = statement.to_string();
    assert!(!text.contains(scratch.path().to_str().unwrap()) && !text.contains(HOME), "no path of this machine");
}
