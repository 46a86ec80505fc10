//! An image is signed: what is written, what stays, and what openssl says of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use drystone::attest::key::read_public;
use drystone::attest::{Layout, add_to_published, artifacts, tag, verify};
use insta::assert_snapshot;
use serde_json::Value;

use crate::bench::{Bench, NAME, is_there};

/// What openssl says of a signature.
fn judged_by_openssl(bench: &Bench, key: &str, message: &[u8], signature: &str) -> String {
    bench.write("message", message);
    bench.write("signature", STANDARD.decode(signature).unwrap());
    let key = format!("{key}.pub");
    bench.openssl(&["dgst", "-sha256", "-verify", &key, "-signature", "signature", "message"]).stdout
}

#[test]
fn the_index_each_manifest_and_each_statement_are_signed_and_the_image_stays_as_it_is() {
    let bench = Bench::new();
    bench.state("provenance", "https://slsa.dev/provenance/v1", &[&bench.index]);
    bench.state("amd64/spdx", "https://spdx.dev/Document", &[&bench.manifests[0]]);
    let before = bench.read("layout/index.json");
    let run = bench.sign("ours", NAME).succeeded();
    assert_snapshot!(bench.normal(&run.stdout), @r"
    sha256:DIGEST (index): signed as registry.example/walls/dry:1
      statement: provenance
    sha256:DIGEST (linux/amd64): signed as registry.example/walls/dry:1
      statement: amd64.spdx
    sha256:DIGEST (linux/arm64): signed as registry.example/walls/dry:1
    ");
    assert_eq!(bench.read("layout/index.json"), before);
    assert_eq!(bench.evidence().len(), 2 + 3 * 3 + 2, "{:#?}", bench.evidence());
    let written = bench.evidence_files();
    let of_index = written.iter().filter(|path| path.contains(&bench.index)).map(|path| bench.normal(path));
    assert_snapshot!(of_index.collect::<Vec<_>>().join("\n"), @r"
    signatures/DIGEST/DIGEST/image-DIGEST.payload.json
    signatures/DIGEST/DIGEST/image-DIGEST.sig
    signatures/DIGEST/DIGEST/image.sigstore.json
    signatures/DIGEST/DIGEST/statement-provenance.sigstore.json
    ");
}

#[test]
fn openssl_verifies_the_image_s_signature_and_refuses_another_key() {
    if !is_there("openssl") {
        return;
    }
    let bench = Bench::signed();
    let payload = bench.read(&bench.signature_file(".payload.json"));
    let signature = String::from_utf8(bench.read(&bench.signature_file(".sig"))).unwrap();
    assert_snapshot!(bench.normal(std::str::from_utf8(&payload).unwrap()), @r#"{"critical":{"identity":{"docker-reference":"registry.example/walls/dry:1"},"image":{"docker-manifest-digest":"sha256:DIGEST"},"type":"cosign container image signature"},"optional":null}"#);
    assert!(std::str::from_utf8(&payload).unwrap().contains(&bench.index));
    assert_eq!(judged_by_openssl(&bench, "ours", &payload, &signature), "Verified OK\n");
    assert_eq!(judged_by_openssl(&bench, "theirs", &payload, &signature), "Verification failure\n");
}

#[test]
fn openssl_verifies_a_statement_s_envelope() {
    if !is_there("openssl") {
        return;
    }
    let bench = Bench::signed();
    let bundle: Value = serde_json::from_slice(&bench.read(&bench.signature_file("provenance.sigstore.json"))).unwrap();
    let envelope = &bundle["dsseEnvelope"];
    let statement = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    assert_eq!(statement, bench.read("layout/evidence/provenance.intoto.json"));
    // The encoding as DSSE's protocol spells it out.
    let mut message = format!("DSSEv1 28 application/vnd.in-toto+json {} ", statement.len()).into_bytes();
    message.extend_from_slice(&statement);
    let signature = envelope["signatures"][0]["sig"].as_str().unwrap();
    assert_eq!(judged_by_openssl(&bench, "ours", &message, signature), "Verified OK\n");
    assert_eq!(judged_by_openssl(&bench, "theirs", &message, signature), "Verification failure\n");
    // The hint is the key's id.
    let id = bench.drystone(&["sign", "layout", "--key", "ours.key", "--as", NAME, "--json"]).succeeded().stdout;
    let id: Value = serde_json::from_str(&id).unwrap();
    let hint = STANDARD.decode(bundle["verificationMaterial"]["publicKey"]["hint"].as_str().unwrap()).unwrap();
    let hint: String = hint.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(id["key"], hint);
}

#[test]
fn the_same_key_and_image_give_the_same_bytes() {
    let bench = Bench::signed();
    let all = || bench.evidence_files().iter().map(|path| bench.read(&format!("layout/evidence/{path}"))).collect();
    let first: Vec<Vec<u8>> = all();
    bench.sign("ours", NAME).succeeded();
    assert_eq!(first, all());
    std::fs::remove_dir_all(bench.path("layout/evidence/signatures")).unwrap();
    bench.sign("ours", NAME).succeeded();
    assert_eq!(first, all());
}

#[test]
fn a_second_key_and_a_second_name_add_to_what_is_there() {
    let bench = Bench::signed();
    let first = bench.evidence_files();
    let bytes: Vec<_> = first.iter().map(|path| bench.read(&format!("layout/evidence/{path}"))).collect();
    bench.sign("theirs", NAME).succeeded();
    bench.sign("ours", "registry.example/walls/dry:latest").succeeded();
    for (path, bytes) in first.iter().zip(bytes) {
        assert_eq!(bench.read(&format!("layout/evidence/{path}")), bytes, "{path}");
    }
    for key in ["ours", "theirs"] {
        bench.verify(key, &["--require", "provenance,sbom"]).succeeded();
    }
    let names = bench.verify("ours", &[]).succeeded().stdout;
    assert_eq!(names.matches("signed as registry.example/walls/dry:latest\n").count(), 3, "{names}");
    assert_eq!(names.matches("signed as registry.example/walls/dry:1\n").count(), 3, "{names}");
}

#[test]
fn signers_at_the_same_time_lose_nothing() {
    let bench = Bench::new();
    let names: Vec<String> = (0..6).map(|number| format!("registry.example/dry:{number}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| bench.sign("ours", name).succeeded());
        }
    });
    let verified = bench.verify("ours", &[]).succeeded().stdout;
    for name in &names {
        assert_eq!(verified.matches(&format!("signed as {name}\n")).count(), 3, "{verified}");
    }
    let left: Vec<_> = drystone::fs::list(&bench.path("layout/evidence")).unwrap();
    assert_eq!(left, ["signatures"]);
}

#[test]
fn without_a_name_the_image_s_own_is_signed_and_said() {
    let bench = Bench::new();
    let run = bench.drystone(&["sign", "layout", "--key", "ours.key"]).succeeded();
    assert_snapshot!(bench.normal(&run.stderr), @r"
    warning: signed as `wall:1`, the image's own name. The policies of skopeo and podman compare it with the name that is pulled: give that with --as
    signed with the key DIGEST
    ");
    bench.verify("ours", &[]).succeeded();
}

#[test]
fn a_statement_about_another_image_is_not_signed() {
    let bench = Bench::new();
    bench.state("provenance", "https://slsa.dev/provenance/v1", &[&"0".repeat(64)]);
    let run = bench.sign("ours", NAME).ended(2);
    assert_snapshot!(bench.normal(&run.stderr), @"error: layout/evidence/provenance.intoto.json is a statement about sha256:DIGEST, which is not in this image: make the evidence again");
    assert!(!bench.path("layout/evidence/signatures").exists());
    bench.write("layout/evidence/provenance.intoto.json", "{}");
    let run = bench.sign("ours", NAME).ended(2);
    assert_snapshot!(run.stderr, @"error: layout/evidence/provenance.intoto.json cannot be used: this is not an in-toto statement: missing field `_type` at line 1 column 2");
}

#[test]
fn what_cannot_be_signed_is_said() {
    let bench = Bench::new();
    let said = |words: &[&str]| bench.normal(&bench.drystone(words).stderr);
    assert_snapshot!(said(&["sign", "layout", "--key", "ours.key", "--as", "Wall"]), @r"
    error: `Wall` is not an image's name: each part of its path needs lower-case letters and digits, with single `.`, `_` or `-` between them
    hint: name it as it is pulled: --as registry.example/repository:tag
    ");
    assert_snapshot!(said(&["sign", "nowhere", "--key", "ours.key"]), @"error: nowhere is not an OCI image layout: it has no oci-layout");
    assert_snapshot!(said(&["sign", "layout", "--key", "ours.pub"]), @"error: ours.pub is no usable key: this is a public key; signing takes the private one");
}

#[test]
fn an_altered_manifest_is_not_signed() {
    let bench = Bench::new();
    let path = bench.blob(&bench.manifests[1]);
    let mut bytes = bench.read(&path);
    bytes[10] ^= 1;
    bench.write(&path, bytes);
    assert_snapshot!(bench.normal(&bench.sign("ours", NAME).ended(1).stderr), @"error: the blob sha256:DIGEST is altered: its bytes have the digest sha256:DIGEST");
    assert!(!bench.path("layout/evidence").exists());
}

/// A registry's tag holds one manifest: pushing must not take from it what others have put there.
#[test]
fn signatures_that_a_registry_has_come_along() {
    let bench = Bench::new();
    let signed_by = |key: &str| {
        drop(std::fs::remove_dir_all(bench.path("layout/evidence")));
        bench.sign(key, NAME).succeeded();
        let tag = tag(&bench.index.parse().unwrap());
        let all = artifacts(&bench.path("layout")).unwrap();
        all.into_iter().find(|artifact| artifact.tag.as_ref() == Some(&tag)).unwrap()
    };
    let (theirs, ours) = (signed_by("theirs"), signed_by("ours"));
    let mut both = add_to_published(&theirs.manifest, &ours).unwrap();
    assert_eq!(add_to_published(&both.manifest, &ours).unwrap().manifest, both.manifest, "nothing comes twice");
    assert_eq!(both.tag, ours.tag);
    both.blobs.extend(theirs.blobs);
    let layout = Layout::open(&bench.path("layout")).unwrap();
    let subject = &layout.subjects()[..1];
    for key in ["ours", "theirs"] {
        let key = read_public(&bench.path(&format!("{key}.pub"))).unwrap();
        let report = verify(subject, std::slice::from_ref(&both), &key, &[]);
        assert!(report.faults.is_empty(), "{report:?}");
        assert_eq!((report.verified.len(), report.others[&subject[0].digest()].count), (1, 1));
    }
}
