//! Keys are made, shown, kept from others, and read whoever made them.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use insta::assert_snapshot;

use crate::bench::{Bench, PASSPHRASE, is_there};
use crate::support::Run;

const COSIGN: &str = include_str!("keys/cosign-2.5.key");
const COSIGN_PUBLIC: &str = include_str!("keys/cosign-2.5.pub");
const OLD_COSIGN: &str = include_str!("keys/cosign-1.key");

/// Puts a text in a file as a private key is kept.
fn keep(bench: &Bench, name: &str, text: &str) {
    bench.write(name, text);
    std::fs::set_permissions(bench.path(name), PermissionsExt::from_mode(0o600)).unwrap();
}

fn mode(bench: &Bench, name: &str) -> u32 {
    bench.path(name).metadata().unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_new_key_is_sealed_and_its_owner_s_alone() {
    if !is_there("openssl") {
        return;
    }
    let bench = Bench::new();
    let run = bench.with_passphrase(&["keys", "new", "-o", "new"]).succeeded();
    assert_snapshot!(run.stderr, @r"
    new.key: the private key
    new.pub: the public key, for whoever verifies
    ");
    assert_eq!((mode(&bench, "new.key"), mode(&bench, "new.pub") & 0o644), (0o600, 0o644));
    let text = String::from_utf8(bench.read("new.key")).unwrap();
    assert!(text.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"), "{text}");
    let public = bench.with_passphrase(&["keys", "public", "new.key"]).succeeded().stdout;
    assert_eq!(public.into_bytes(), bench.read("new.pub"));
    // The id is what anybody computes: the SHA-256 of the key in DER.
    bench.openssl(&["pkey", "-pubin", "-in", "new.pub", "-outform", "DER", "-out", "new.der"]).succeeded();
    assert_eq!(run.stdout.trim(), drystone::digest::Sha256::of(&bench.read("new.der")).to_string());
}

#[test]
fn a_key_is_never_overwritten() {
    let bench = Bench::new();
    for kept in ["kept.key", "kept.pub"] {
        bench.write(kept, "precious");
        let run = bench.with_passphrase(&["keys", "new", "-o", "kept"]).ended(2);
        assert_eq!(
            run.stderr,
            format!(
                "error: {kept} is there already, and a key is never overwritten: name another file, or move it away\n"
            )
        );
        assert_eq!(bench.read(kept), b"precious");
        std::fs::remove_file(bench.path(kept)).unwrap();
    }
    // A link is something, even to nothing.
    std::os::unix::fs::symlink("elsewhere", bench.path("kept.key")).unwrap();
    bench.with_passphrase(&["keys", "new", "-o", "kept"]).ended(2);
    assert!(!bench.path("elsewhere").exists() && !bench.path("kept.pub").exists());
}

#[test]
fn a_passphrase_comes_from_a_file_the_environment_or_a_person() {
    let bench = Bench::new();
    bench.write("passphrase", format!("{PASSPHRASE}\r\nnot this\n"));
    bench.drystone(&["keys", "new", "-o", "filed", "--passphrase-file", "passphrase"]).succeeded();
    bench.with_passphrase(&["keys", "public", "filed.key"]).succeeded();
    assert_snapshot!(bench.drystone(&["keys", "public", "filed.key"]).ended(2).stderr, @r"
    error: the key needs a passphrase, and there is no terminal to ask for it
    hint: give it with --passphrase-file, or in DRYSTONE_KEY_PASSPHRASE
    ");
    bench.write("passphrase", "another");
    let wrong = bench.drystone(&["keys", "public", "filed.key", "--passphrase-file", "passphrase"]).ended(2);
    assert_snapshot!(wrong.stderr, @"error: the passphrase does not open the key, or the file is damaged");
    bench.write("passphrase", "");
    let empty = bench.drystone(&["keys", "new", "-o", "empty", "--passphrase-file", "passphrase"]).ended(2);
    assert_snapshot!(empty.stderr, @r"
    error: the passphrase is empty, so the key would be open to whoever can read the file
    hint: for a key that needs none: --no-passphrase
    ");
    assert!(!bench.path("empty.key").exists() && !bench.path("empty.pub").exists());
}

/// Runs the program on a terminal of its own, where somebody types line after line until it ends: what is typed
/// before the terminal has stopped to show it is thrown away.
fn on_a_terminal(bench: &Bench, words: &str, line: impl Fn(usize) -> String) -> Run {
    let command = format!("{} {words}", crate::support::DRYSTONE);
    let mut script = bench.command_of("script", &["-qec", &command, "/dev/null"]);
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut keyboard = script.stdin.take().unwrap();
    for number in 0.. {
        if script.try_wait().unwrap().is_some() {
            break;
        }
        // Nobody reads what is typed too late.
        let _ = keyboard.write_all(format!("{}\n", line(number)).as_bytes());
        std::thread::sleep(Duration::from_millis(50));
    }
    Run::from(script.wait_with_output().unwrap())
}

#[test]
fn a_person_types_a_new_passphrase_twice_and_nobody_sees_it() {
    if !is_there("script") {
        return;
    }
    let bench = Bench::new();
    let run = on_a_terminal(&bench, "keys new -o typed", |_| PASSPHRASE.to_owned());
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stdout.contains("passphrase for the new key: ") && run.stdout.contains("the same again: "), "{run:?}");
    bench.with_passphrase(&["keys", "public", "typed.key"]).succeeded();
    let run = on_a_terminal(&bench, "keys new -o twice", |number| format!("another {number}"));
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stdout.contains("the two passphrases differ"), "{run:?}");
    assert!(!bench.path("twice.key").exists());
}

#[test]
fn a_key_that_others_may_read_is_not_used() {
    let bench = Bench::new();
    for open in [0o640, 0o604, 0o620] {
        std::fs::set_permissions(bench.path("ours.key"), PermissionsExt::from_mode(open)).unwrap();
        let run = bench.drystone(&["keys", "public", "ours.key"]).ended(2);
        assert_eq!(
            run.stderr,
            format!(
                "error: ours.key has the mode {open:04o}, so others than its owner may use the key; if they have not: \
                 chmod 600 ours.key\n"
            )
        );
    }
}

#[test]
fn a_key_without_a_passphrase_is_what_openssl_reads() {
    if !is_there("openssl") {
        return;
    }
    let bench = Bench::new();
    let run = bench.drystone(&["keys", "new", "-o", "plain", "--no-passphrase"]).succeeded();
    run.says("plain.key: the private key, and nothing protects it but the file's mode");
    let public = bench.openssl(&["pkey", "-in", "plain.key", "-pubout"]).succeeded().stdout;
    assert_eq!(public.into_bytes(), bench.read("plain.pub"));
}

#[test]
fn keys_of_openssl_are_read() {
    if !is_there("openssl") {
        return;
    }
    let bench = Bench::new();
    let sec1 = bench.openssl(&["ecparam", "-name", "prime256v1", "-genkey"]).succeeded().stdout;
    assert!(sec1.contains("BEGIN EC PARAMETERS") && sec1.contains("BEGIN EC PRIVATE KEY"), "{sec1}");
    keep(&bench, "sec1.key", &sec1);
    let pkcs8 = bench.openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", "sec1.key"]).succeeded().stdout;
    assert!(pkcs8.contains("BEGIN PRIVATE KEY"), "{pkcs8}");
    keep(&bench, "pkcs8.key", &pkcs8);
    let public = bench.openssl(&["pkey", "-in", "sec1.key", "-pubout"]).succeeded().stdout;
    for name in ["sec1.key", "pkcs8.key"] {
        assert_eq!(bench.drystone(&["keys", "public", name]).succeeded().stdout, public, "{name}");
    }
}

#[test]
fn keys_of_cosign_are_read() {
    let bench = Bench::new();
    // The first was made by cosign 2.5.0. The second holds the same key under the label and with the scrypt
    // parameters of cosign 1, sealed by Python's hashlib and PyNaCl.
    for (name, text) in [("cosign.key", COSIGN), ("old.key", OLD_COSIGN)] {
        keep(&bench, name, text);
        assert_eq!(bench.with_passphrase(&["keys", "public", name]).succeeded().stdout, COSIGN_PUBLIC, "{name}");
    }
}

#[test]
fn what_is_no_key_is_said() {
    if !is_there("openssl") {
        return;
    }
    let bench = Bench::new();
    let other_curve = bench.openssl(&["ecparam", "-name", "secp384r1", "-genkey", "-noout"]).succeeded().stdout;
    let rsa = bench.openssl(&["genrsa", "-traditional", "1024"]).succeeded().stdout;
    let public = String::from_utf8(bench.read("ours.pub")).unwrap();
    let said = |text: &str| {
        keep(&bench, "x.key", text);
        bench.drystone(&["keys", "public", "x.key"]).ended(2).stderr
    };
    assert_snapshot!(said("hello"), @"error: x.key is no usable key: this is not a key in PEM form: there is no whole `-----BEGIN …-----` block with base64 in it");
    assert_snapshot!(said(&other_curve), @"error: x.key is no usable key: this is not an ECDSA key on the curve P-256, or the file is damaged");
    assert_snapshot!(said(&rsa), @"error: x.key is no usable key: this is a PEM text of `RSA PRIVATE KEY`, not a key that can be used");
    assert_snapshot!(said(&public), @"error: x.key is no usable key: this is a public key; signing takes the private one");
    let sign_with_private = bench.drystone(&["image", "verify", "layout", "--key", "ours.key"]).ended(2).stderr;
    assert_snapshot!(sign_with_private, @"error: ours.key is no usable key: this is a private key; verifying takes the public one");
    assert_snapshot!(said(&"x".repeat(70_000)), @"error: x.key is larger than 65536 bytes, which no key is");
}
