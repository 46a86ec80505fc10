//! An image is verified, and refused with the reason.

use drystone::attest::key::read_public;
use drystone::attest::{Artifact, BUNDLE, Layout, artifacts, verify};
use drystone::digest::Sha256;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::bench::{Bench, NAME, hex, write_layout};

/// Changes a file's bytes.
fn alter(bench: &Bench, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = bench.read(path);
    change(&mut bytes);
    bench.write(path, bytes);
}

/// Changes the last character before the closing quote.
fn alter_end(bytes: &mut [u8]) {
    let at = bytes.iter().rposition(u8::is_ascii_alphanumeric).unwrap();
    bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
}

#[test]
fn what_is_good_is_listed_with_who_says_it() {
    let bench = Bench::signed();
    bench.sign("theirs", NAME).succeeded();
    let run = bench.verify("ours", &["--require", "provenance,sbom"]).succeeded();
    assert_snapshot!(bench.normal(&run.stdout), @r"
    sha256:DIGEST (index)
      signed as registry.example/walls/dry:1
      signed, as a bundle
      stated: https://slsa.dev/provenance/v1
      by other keys, not judged: 3
    sha256:DIGEST (linux/amd64)
      signed as registry.example/walls/dry:1
      signed, as a bundle
      stated: https://spdx.dev/Document
      by other keys, not judged: 3
    sha256:DIGEST (linux/arm64)
      signed as registry.example/walls/dry:1
      signed, as a bundle
      stated: https://spdx.dev/Document
      by other keys, not judged: 3
    7 blobs are what their digests say, 2 layers what the configuration says
    ");
    assert_snapshot!(bench.normal(&run.stderr), @"verified with the key DIGEST");
}

#[test]
fn machines_get_the_same_as_json() {
    let bench = Bench::signed();
    let run = bench.verify("ours", &["--json"]).succeeded();
    let seen: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(seen["verified"].as_array().unwrap().len(), 9);
    assert_eq!(
        seen["verified"][0],
        json!({"digest": format!("sha256:{}", bench.index), "platform": null, "kind": "image", "value": NAME})
    );
    assert_eq!((&seen["blobs"], &seen["layers"], &seen["faults"]), (&json!(7), &json!(2), &json!([])));
    let refused: Value = serde_json::from_str(&bench.verify("theirs", &["--json"]).ended(1).stdout).unwrap();
    assert_eq!(refused["verified"], json!([]));
    assert_eq!(refused["faults"].as_array().unwrap().len(), 6);
}

#[test]
fn an_image_that_nobody_signed_is_refused() {
    let bench = Bench::new();
    assert_snapshot!(bench.refused("ours"), @r"
    error: sha256:DIGEST (index) is not signed
    error: sha256:DIGEST (linux/amd64) is not signed
    error: sha256:DIGEST (linux/arm64) is not signed
    hint: whoever vouches for it signs it: drystone sign layout --key …
    ");
}

#[test]
fn another_key_s_signature_is_refused_and_the_signer_named() {
    let bench = Bench::new();
    bench.sign("ours", NAME).succeeded();
    assert_snapshot!(bench.refused("theirs"), @r"
    error: sha256:DIGEST (index) is not signed by this key, but by the key DIGEST
    error: sha256:DIGEST (linux/amd64) is not signed by this key, but by the key DIGEST
    error: sha256:DIGEST (linux/arm64) is not signed by this key, but by the key DIGEST
    hint: theirs.pub is the key of somebody else than its signer
    ");
}

#[test]
fn one_platform_without_a_signature_is_enough() {
    let bench = Bench::signed();
    std::fs::remove_dir_all(bench.path(&format!("layout/evidence/signatures/{}", bench.manifests[1]))).unwrap();
    assert_snapshot!(bench.refused("ours"), @r"
    error: sha256:DIGEST (linux/arm64) is not signed
    error: layout/evidence/arm64/spdx.intoto.json is not signed by this key
    hint: whoever vouches for it signs it: drystone sign layout --key …
    ");
}

#[test]
fn altered_signatures_are_refused_beside_whole_ones() {
    for (end, fault) in [
        (
            ".payload.json",
            "the image signature of sha256:DIGEST (index) was altered: the signature is not this key's, or was altered",
        ),
        (
            ".sig",
            "the image signature of sha256:DIGEST (index) was altered: the signature is not this key's, or was altered",
        ),
        (
            "image.sigstore.json",
            "a signed statement of sha256:DIGEST (index) was altered: its signature does not fit: it was altered after the key signed it",
        ),
    ] {
        let bench = Bench::signed();
        let change: fn(&mut Vec<u8>) = match end {
            ".payload.json" => |bytes| alter_end(bytes),
            // The last digits of numbers that are still numbers.
            ".sig" => |bytes| bytes[60] = if bytes[60] == b'x' { b'y' } else { b'x' },
            _ => |bytes| {
                let at = bytes.windows(7).position(|word| word == b"\"sig\":\"").unwrap() + 60;
                bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            },
        };
        alter(&bench, &bench.signature_file(end), change);
        assert_eq!(bench.refused("ours"), format!("error: {fault}\n"), "{end}");
    }
}

#[test]
fn a_statement_that_was_altered_is_refused() {
    let bench = Bench::signed();
    alter(&bench, "layout/evidence/provenance.intoto.json", |bytes| bytes.push(b'\n'));
    assert_snapshot!(bench.refused("ours"), @r"
    error: layout/evidence/provenance.intoto.json is not what was signed: it was altered, or made again since
    hint: whoever vouches for it signs it: drystone sign layout --key …
    ");
}

#[test]
fn a_bill_of_materials_beside_the_signed_one_must_be_the_same() {
    let bench = Bench::signed();
    // The predicate, in other words.
    bench.write("layout/evidence/amd64/sbom.spdx.json", "{\n  \"name\": \"amd64/spdx\"\n}\n");
    bench.verify("ours", &["--require", "sbom"]).succeeded();
    bench.write("layout/evidence/amd64/sbom.spdx.json", r#"{"name": "something else"}"#);
    assert_snapshot!(bench.refused("ours"), @r"
    error: layout/evidence/amd64/sbom.spdx.json is not what was signed: it was altered, or made again since
    hint: whoever vouches for it signs it: drystone sign layout --key …
    ");
}

#[test]
fn run_time_controls_beside_the_image_must_be_those_that_are_signed() {
    let bench = Bench::new();
    let controls = json!({"runtime/seccomp.json": "{}", "../outside": "not looked at"});
    bench.state_that("controls", "https://drystone.io/runtime-controls/v1", &[&bench.index], controls);
    bench.sign("ours", NAME).succeeded();
    // An image out of a registry has none beside it.
    bench.verify("ours", &[]).succeeded();
    bench.write("layout/runtime/seccomp.json", "{}");
    bench.verify("ours", &[]).succeeded();
    bench.write("layout/runtime/seccomp.json", r#"{"defaultAction": "SCMP_ACT_ALLOW"}"#);
    assert_snapshot!(bench.refused("ours"), @r"
    error: layout/runtime/seccomp.json is not what was signed: it was altered, or made again since
    hint: whoever vouches for it signs it: drystone sign layout --key …
    ");
}

#[test]
fn what_is_required_and_not_there_is_named() {
    let bench = Bench::signed();
    let missing = |kinds: &str| bench.normal(bench.verify("ours", &["--require", kinds]).ended(1).error());
    assert_snapshot!(missing("provenance,policy"), @"error: sha256:DIGEST (index) has no policy statement that this key has signed");
    std::fs::remove_file(bench.path("layout/evidence/arm64/spdx.intoto.json")).unwrap();
    let signatures = format!("layout/evidence/signatures/{}", bench.manifests[1]);
    for key in drystone::fs::list(&bench.path(&signatures)).unwrap() {
        let file = format!("{signatures}/{}/statement-arm64.spdx.sigstore.json", key.display());
        std::fs::remove_file(bench.path(&file)).unwrap();
    }
    assert_snapshot!(missing("sbom"), @"error: sha256:DIGEST (linux/arm64) has no sbom statement that this key has signed");
    let unknown = bench.verify("ours", &["--require", "everything"]).ended(2).stderr;
    assert!(unknown.contains("it must be provenance, sbom, policy, or the URI of a predicate's type"), "{unknown}");
}

#[test]
fn signatures_of_another_image_do_not_serve_this_one() {
    let (bench, other) = (Bench::new(), Bench::signed());
    let copy = |from: &str, to: &str| {
        let key = drystone::fs::list(&other.path(&format!("layout/evidence/signatures/{from}"))).unwrap().remove(0);
        for name in
            drystone::fs::list(&other.path(&format!("layout/evidence/signatures/{from}/{}", key.display()))).unwrap()
        {
            let file =
                |digest: &str| format!("layout/evidence/signatures/{digest}/{}/{}", key.display(), name.display());
            bench.write(&file(to), other.read(&file(from)));
        }
    };
    copy(&other.manifests[0], &bench.index);
    // The two have the same digests, but other keys of the same names.
    std::fs::copy(other.path("ours.pub"), bench.path("ours.pub")).unwrap();
    let refused = bench.refused("ours");
    let first: Vec<_> = refused.lines().take(4).collect();
    assert_snapshot!(first.join("\n"), @r"
    error: the image signature of sha256:DIGEST (index) is signed by this key, but belongs to sha256:DIGEST: it was moved here from another image
    error: the statement https://sigstore.dev/cosign/sign/v1 of sha256:DIGEST (index) is signed by this key, but belongs to sha256:DIGEST: it was moved here from another image
    error: the statement https://spdx.dev/Document of sha256:DIGEST (index) is signed by this key, but belongs to sha256:DIGEST: it was moved here from another image
    error: sha256:DIGEST (index) is not signed
    ");
}

#[test]
fn an_altered_or_missing_blob_is_found() {
    let bench = Bench::signed();
    let layer = hex(&bench.document(&bench.manifests[0])["layers"][0]);
    let path = bench.blob(&layer);
    let whole = bench.read(&path);
    alter(&bench, &path, |bytes| bytes[20] ^= 1);
    assert_snapshot!(bench.refused("ours"), @"error: the blob sha256:DIGEST is altered: its bytes have the digest sha256:DIGEST");
    bench.write(&path, &whole[1..]);
    let (size, less) = (whole.len(), whole.len() - 1);
    assert_eq!(
        bench.refused("ours"),
        format!("error: the blob sha256:DIGEST has {less} bytes, and should have {size}\n")
    );
    std::fs::remove_file(bench.path(&path)).unwrap();
    assert_snapshot!(bench.refused("ours"), @"error: the blob sha256:DIGEST is missing");
    bench.write(&path, &whole);
    bench.verify("ours", &[]).succeeded();
    // One that nothing names is looked at too.
    bench.write(&bench.blob(&"0".repeat(64)), "stray");
    assert_snapshot!(bench.refused("ours"), @"error: the blob sha256:DIGEST is altered: its bytes have the digest sha256:DIGEST");
    bench.write(&bench.blob("README"), "stray");
    assert!(bench.refused("ours").contains("layout/blobs/sha256/README does not bear its digest as its name"));
}

/// What is said of the image when its first layer is stored as other bytes, which its manifest names.
fn stored_as(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let bench = Bench::new();
    let mut manifest = bench.document(&bench.manifests[0]);
    let mut layer = bench.read(&bench.blob(&hex(&manifest["layers"][0])));
    change(&mut layer);
    let put = |into: &mut Value, bytes: &[u8]| {
        let digest = Sha256::of(bytes).to_string();
        bench.write(&bench.blob(&digest), bytes);
        into["digest"] = json!(format!("sha256:{digest}"));
        into["size"] = json!(bytes.len());
    };
    put(&mut manifest["layers"][0], &layer);
    let mut entry = json!({"mediaType": manifest["mediaType"]});
    put(&mut entry, manifest.to_string().as_bytes());
    let mut top: Value = serde_json::from_slice(&bench.read("layout/index.json")).unwrap();
    top["manifests"] = json!([entry]);
    bench.write("layout/index.json", top.to_string());
    bench.sign("ours", NAME).succeeded();
    let run = bench.verify("ours", &[]);
    if run.code == Some(0) { String::new() } else { bench.normal(run.error()) }
}

#[test]
fn a_layer_that_ends_behind_one_of_its_members_or_goes_on_behind_the_last_is_found() {
    assert_eq!(stored_as(|_| {}), "");
    let second = |bytes: &[u8]| bytes.windows(3).rposition(|start| start == b"\x1f\x8b\x08").unwrap();
    assert_snapshot!(stored_as(|bytes| bytes.truncate(second(bytes))), @"error: the layer sha256:DIGEST unpacks to sha256:DIGEST, but the configuration sha256:DIGEST says sha256:DIGEST: whoever runs the image gets other files than those that are named");
    assert_snapshot!(stored_as(|bytes| bytes.extend(b"garbage")), @"error: the layer sha256:DIGEST is followed by data that does not belong to it");
    assert_snapshot!(stored_as(|bytes| bytes.truncate(bytes.len() - 1)), @"error: the layer sha256:DIGEST is truncated");
    assert_snapshot!(stored_as(|bytes| *bytes.last_mut().unwrap() ^= 1), @"error: the layer sha256:DIGEST is corrupt: corrupt gzip stream does not have a matching checksum");
}

/// Signed all the same: signers do not unpack what they sign, verifiers must.
#[test]
fn a_layer_that_is_not_what_the_configuration_says_is_found() {
    let bench = Bench::new();
    let put = |bytes: &[u8]| {
        let digest = drystone::digest::Sha256::of(bytes).to_string();
        bench.write(&bench.blob(&digest), bytes);
        json!({"digest": format!("sha256:{digest}"), "size": bytes.len()})
    };
    let renamed = |into: &mut Value, descriptor: Value| {
        into["digest"] = descriptor["digest"].clone();
        into["size"] = descriptor["size"].clone();
    };
    let mut manifest = bench.document(&bench.manifests[0]);
    let mut config = bench.document(&hex(&manifest["config"]));
    config["rootfs"]["diff_ids"][0] = json!(format!("sha256:{}", "0".repeat(64)));
    renamed(&mut manifest["config"], put(config.to_string().as_bytes()));
    let mut top: Value = serde_json::from_slice(&bench.read("layout/index.json")).unwrap();
    let mut entry = json!({"mediaType": manifest["mediaType"]});
    renamed(&mut entry, put(manifest.to_string().as_bytes()));
    top["manifests"] = json!([entry]);
    bench.write("layout/index.json", top.to_string());
    bench.sign("ours", NAME).succeeded();
    assert_snapshot!(bench.refused("ours"), @"error: the layer sha256:DIGEST unpacks to sha256:DIGEST, but the configuration sha256:DIGEST says sha256:DIGEST: whoever runs the image gets other files than those that are named");
    config["rootfs"]["diff_ids"] = json!([]);
    renamed(&mut manifest["config"], put(config.to_string().as_bytes()));
    renamed(&mut top["manifests"][0], put(manifest.to_string().as_bytes()));
    bench.write("layout/index.json", top.to_string());
    bench.sign("ours", NAME).succeeded();
    assert_snapshot!(bench.refused("ours"), @"error: the manifest sha256:DIGEST has 1 layers, but its configuration lists 0 of them");
}

#[test]
fn another_image_under_the_same_evidence_is_refused() {
    let bench = Bench::signed();
    write_layout(&bench.path("layout"), "tower");
    let refused = bench.refused("ours");
    assert!(refused.contains("error: sha256:DIGEST (index) is not signed\n"), "{refused}");
    assert!(refused.contains("layout/evidence/provenance.intoto.json is not what was signed"), "{refused}");
}

/// Registries keep more beside an image than its signatures.
#[test]
fn what_is_not_of_the_image_is_not_judged_and_what_is_of_another_is_refused() {
    let bench = Bench::signed();
    let layout = Layout::open(&bench.path("layout")).unwrap();
    let own = artifacts(&bench.path("layout")).unwrap();
    let key = read_public(&bench.path("ours.pub")).unwrap();
    let faults = |more: Artifact| {
        let faults = verify(layout.subjects(), &[&own[..], &[more]].concat(), &key, &[]).faults;
        faults.iter().map(|fault| bench.normal(&fault.to_string())).collect::<Vec<_>>()
    };
    let artifact = |kind: &str, of: Option<String>, tag: Option<String>| {
        let config = json!({"mediaType": kind, "digest": format!("sha256:{}", Sha256::of(b"{}")), "size": 2});
        let mut manifest = json!({"schemaVersion": 2, "artifactType": kind, "config": config, "layers": []});
        if let Some(of) = of {
            manifest["subject"] = json!({"mediaType": "x", "digest": format!("sha256:{of}"), "size": 1});
        }
        Artifact { manifest: manifest.to_string().into_bytes(), blobs: vec![b"{}".to_vec()], tag }
    };
    // cosign's older attestations, somebody's review of the image, a signature on one of its bills.
    assert_eq!(faults(artifact("x", None, Some(format!("sha256-{}.att", bench.index)))), [""; 0]);
    assert_eq!(faults(artifact("application/x.review", Some(bench.index.clone()), None)), [""; 0]);
    assert_eq!(faults(artifact(BUNDLE, Some(own[0].digest().to_string()), None)), [""; 0]);
    let foreign = ["the artifact sha256:DIGEST is of sha256:DIGEST, not of this image"];
    assert_eq!(faults(artifact(BUNDLE, Some("0".repeat(64)), None)), foreign);
    assert_eq!(faults(artifact("x", None, Some(format!("sha256-{}.sig", "0".repeat(64))))), foreign);
    let mut damaged = own.iter().find(|artifact| artifact.tag.is_none()).unwrap().clone();
    damaged.blobs.clear();
    let said = faults(damaged);
    assert_eq!(said, ["the artifact sha256:DIGEST is damaged: its layer sha256:DIGEST is missing or altered"]);
}
