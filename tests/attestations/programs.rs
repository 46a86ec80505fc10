//! Programs of others read what we sign: securesystemslib and in-toto-attestation from PyPI.

use std::path::Path;
use std::process::Command;

use crate::builders::Builders;
use crate::support::{HOME, Run};

#[test]
fn securesystemslib_and_in_toto_accept_an_attestation_and_refuse_a_spoiled_one() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: python3 is not installed");
        return;
    }
    let builders = Builders::new();
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dsse");
    let bundle = builders.attestation("alice");
    let judge = |key: &str| {
        let mut run = Command::new(Path::new(HOME).join("tests/verifiers/dsse"));
        run.arg(&environment).arg(&bundle).arg(builders.path(&format!("keys/{key}.pub")));
        Run::of(&mut run)
    };
    let object = crate::builders::statement(&bundle)["subject"][0]["digest"]["drystoneObject"].clone();
    let expected = format!("https://drystone.io/rebuild/v1 {}\n", object.as_str().unwrap());
    assert_eq!(judge("alice").succeeded().stdout, expected);
    judge("bob").ended(1).says("VerificationError");
    // One letter of what is signed.
    let text = std::fs::read_to_string(&bundle).unwrap();
    let at = text.find("\"payload\":\"").unwrap() + 200;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    std::fs::write(&bundle, format!("{}{other}{}", &text[..at], &text[at + 1..])).unwrap();
    judge("alice").ended(1).says("VerificationError");
}
