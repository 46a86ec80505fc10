//! What was altered, forged or contradicts itself counts for nothing and is named; the rest counts all the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use drystone::attest::Bundle;
use drystone::attest::key::{PrivateKey, Stored, read_private};
use serde_json::{Value, json};

use crate::builders::{Builders, statement};
use crate::support::Run;

/// Asks after Carol's attestation has been changed: why it is refused.
#[track_caller]
fn refusal(builders: &Builders) -> String {
    let run: Run = builders.verify("2-of-3", &["pebble"]).succeeded().says("2 attestations counted");
    assert!(run.stdout.starts_with("pebble-1  accepted: 2 of 3\n"), "{}", run.stdout);
    let file = builders.attestation("carol");
    let prefix = format!("refused: {}: ", file.display());
    let line = run.stderr.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("{} is not refused:\n{}", file.display(), run.stderr)).to_owned()
}

/// Changes Carol's bundle.
fn alter(change: impl Fn(&mut Value)) -> String {
    let builders = Builders::new();
    let file = builders.attestation("carol");
    let mut bundle: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    change(&mut bundle);
    std::fs::write(&file, bundle.to_string()).unwrap();
    refusal(&builders)
}

fn private(builders: &Builders, name: &str) -> PrivateKey {
    match read_private(&builders.path(&format!("{name}.key"))).unwrap() {
        Stored::Plain(key) => key,
        Stored::Sealed(_) => panic!("these keys have no passphrase"),
    }
}

/// Has Carol sign another statement.
fn restate(change: impl Fn(&mut Value)) -> String {
    let builders = Builders::new();
    let file = builders.attestation("carol");
    let mut said = statement(&file);
    change(&mut said);
    let bundle = Bundle::sign(said.to_string().as_bytes(), &private(&builders, "carol"));
    std::fs::write(&file, bundle.to_json()).unwrap();
    refusal(&builders)
}

#[test]
fn a_payload_that_was_altered_is_refused() {
    let reason = alter(|bundle| {
        let payload = STANDARD.decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
        let text = String::from_utf8(payload).unwrap().replacen("\"cpus\":", "\"cpus\":1", 1);
        bundle["dsseEnvelope"]["payload"] = STANDARD.encode(text).into();
    });
    assert_eq!(reason, "its signature does not fit: it was altered after the key signed it");
}

#[test]
fn a_signature_of_another_key_under_this_one_s_name_is_refused() {
    let builders = Builders::new();
    let file = builders.attestation("carol");
    let signed = Bundle::sign(statement(&file).to_string().as_bytes(), &private(&builders, "dave"));
    let hints = ["dave", "carol"].map(|name| private(&builders, name).public().id().hint());
    let text = String::from_utf8(signed.to_json()).unwrap();
    assert!(text.contains(&hints[0]));
    std::fs::write(&file, text.replace(&hints[0], &hints[1])).unwrap();
    assert_eq!(refusal(&builders), "its signature does not fit: it was altered after the key signed it");
}

#[test]
fn what_is_no_statement_about_rebuilds_is_refused() {
    let reason = alter(|bundle| bundle["dsseEnvelope"]["payloadType"] = "text/plain".into());
    assert_eq!(reason, "what is signed is of the type `text/plain`, not application/vnd.in-toto+json");
    let reason = alter(|bundle| drop(bundle.as_object_mut().unwrap().remove("dsseEnvelope")));
    assert!(reason.starts_with("this is not a sigstore bundle with a statement signed by a key: "), "{reason}");
    let reason = restate(|said| said["predicateType"] = "https://slsa.dev/provenance/v1".into());
    assert!(reason.starts_with("it is a statement of the type `https://slsa.dev/provenance/v1`, not "), "{reason}");
}

#[test]
fn a_statement_that_contradicts_itself_is_refused_although_it_is_signed() {
    let reason = restate(|said| said["subject"][0]["digest"]["drystoneObject"] = "00".repeat(32).into());
    assert!(reason.starts_with("its subject `") && reason.ends_with("` is not what its predicate says"), "{reason}");
    let reason = restate(|said| {
        let twice = said["predicate"]["derivations"][0].clone();
        said["predicate"]["derivations"].as_array_mut().unwrap().push(twice);
    });
    assert!(reason.starts_with("it names the derivation ") && reason.ends_with(" twice"), "{reason}");
    let reason = restate(|said| said["subject"] = json!([]));
    assert!(reason.ends_with("which is none of its subjects"), "{reason}");
}

#[test]
fn what_is_gathered_has_the_right_form_and_with_keys_the_right_signature() {
    let builders = Builders::new();
    let collect = |words: &[&str]| builders.0.drystone(&[&["attest", "collect"], words].concat());
    let file = builders.attestation("carol");
    let text = std::fs::read_to_string(&file).unwrap();
    // A form without fault, and a signature that does not fit.
    let bundle: Value = serde_json::from_str(&text).unwrap();
    let (signature, other) = (bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap(), STANDARD.encode("no"));
    std::fs::write(&file, text.replace(signature, &other)).unwrap();
    collect(&["attestations", "dave", "-o", "loose"]).succeeded().says("attestations: 4 new");
    collect(&["attestations", "-o", "loose"]).succeeded().says("attestations: 3 there already");
    let strict = ["attestations", "dave", "-o", "strict", "--keys", "keys"];
    let run = collect(&strict).ended(1).says("attestations: 2 new, 1 by other keys, 1 refused");
    run.says("its signature does not fit");
    // With the key, what was gathered without it makes room for what is signed.
    std::fs::write(&file, text).unwrap();
    collect(&["attestations", "-o", "loose"]).succeeded().says("attestations: 3 there already");
    collect(&["attestations", "-o", "loose", "--keys", "keys"]).succeeded().says("1 new, 2 there already");
    builders.verify("3-of-3", &["pebble", "--attestations", "loose"]).succeeded();
    collect(&["nowhere"]).ended(2).says("nowhere is not there, and no image of a registry");
}
