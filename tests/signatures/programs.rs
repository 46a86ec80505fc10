//! The programs of others judge what we have signed, and we what they have: cosign, skopeo and podman of Debian 13
//! from a root of their own (`tests/verifiers/make`), securesystemslib and in-toto-attestation from PyPI.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use drystone::attest::key::PrivateKey;
use drystone::attest::{Builder, Bundle, ProjectState, Rebuild, Rebuilt, System};
use drystone::digest::{DerivationKey, ObjectId};
use drystone::plan::Outputs;
use serde_json::json;

use crate::bench::{Bench, is_there};
use crate::registry::Registry;
use crate::support::{HOME, Run, is_root};

/// A bench whose image is signed and in a registry, with the root from which the programs run.
struct Trial {
    bench: Bench,
    registry: Registry,
    root: &'static Path,
}

const REPOSITORY: &str = "walls/dry";
/// What all of cosign's commands need: there is no transparency log here.
const OFFLINE: [&str; 2] = ["--insecure-ignore-tlog=true", "--allow-http-registry"];

/// Without a trusted root cosign 2 would fetch one; with a key it needs nothing of it.
const NO_ROOTS: &str = r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;

/// A statement in a bundle, with those roots.
const BUNDLE: [&str; 3] = ["--new-bundle-format", "--trusted-root=/work/root.json", "--type=slsaprovenance1"];

/// The root with the programs; made by the first story, and kept.
fn root() -> Option<&'static Path> {
    static ROOT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let make = || {
        if !is_root() {
            eprintln!("skipped: only root can make a root and enter it");
            return None;
        }
        if !["mmdebstrap", "docker-registry"].iter().all(|program| is_there(program)) {
            return None;
        }
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verifiers");
        let made = Run::of(Command::new(Path::new(HOME).join("tests/verifiers/make")).arg(&root));
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        Some(root)
    };
    ROOT.get_or_init(make).as_deref()
}

impl Trial {
    fn new() -> Option<Self> {
        let root = root()?;
        let bench = Bench::signed();
        let registry = Registry::start(&bench.path("registry"));
        let trial = Self { bench, registry, root };
        trial.bench.sign("ours", &trial.name()).succeeded();
        trial.push();
        Some(trial)
    }

    /// Pushes the image with all that belongs to it.
    fn push(&self) -> Run {
        self.bench.drystone(&["image", "push", "layout", &self.name(), "--plain-http"]).succeeded()
    }

    /// The name of something in the registry.
    fn at(&self, rest: &str) -> String {
        format!("{}/{rest}", self.registry.address)
    }

    /// The image's name.
    fn name(&self) -> String {
        self.at(&format!("{REPOSITORY}:1"))
    }

    /// Runs a program of the root, which sees the bench as `/work`.
    fn run(&self, program: &str, words: &[&str]) -> Run {
        let mut run = Command::new(Path::new(HOME).join("tests/verifiers/run"));
        run.arg(self.root).arg(self.bench.path("")).arg(program).args(words);
        Run::of(run.env("COSIGN_PASSWORD", crate::bench::PASSPHRASE))
    }

    fn cosign(&self, verb: &str, key: &str, words: &[&str], image: &str) -> Run {
        let key = format!("/work/{key}.pub");
        self.run("cosign", &[&[verb, "--key", &key][..], &OFFLINE, words, &[image]].concat())
    }

    /// Writes a policy that wants a key's signature on everything from the registry.
    fn policy(&self, key: &str) -> String {
        let wanted = json!([{"type": "sigstoreSigned", "keyPath": format!("/work/{key}.pub")}]);
        let policy = json!({
            "default": [{"type": "reject"}],
            "transports": {"docker": {self.registry.address.as_str(): wanted}},
        });
        self.bench.write(&format!("{key}.json"), policy.to_string());
        format!("/work/{key}.json")
    }

    fn skopeo(&self, key: &str, words: &[&str]) -> Run {
        self.skopeo_of(&format!("{REPOSITORY}:1"), key, words)
    }

    fn skopeo_of(&self, image: &str, key: &str, words: &[&str]) -> Run {
        let (policy, from) = (self.policy(key), format!("docker://{}", self.at(image)));
        let copy = ["--policy", &policy, "copy", "--src-tls-verify=false", &from, "dir:/work/copied"];
        self.run("skopeo", &[words, &copy].concat())
    }

    fn podman(&self, key: &str) -> Run {
        let (policy, name) = (self.policy(key), self.name());
        let store = ["--storage-driver=vfs", "--root=/work/podman", "--runroot=/work/podman-run"];
        let pull = ["pull", "--quiet", "--tls-verify=false", "--signature-policy", &policy, &name];
        self.run("podman", &[&store[..], &pull].concat())
    }
}

#[test]
fn cosign_accepts_the_image_and_each_platform_and_refuses_another_key() {
    let Some(trial) = Trial::new() else { return };
    let by_digest = |digest: &String| format!("{}/{REPOSITORY}@sha256:{digest}", trial.registry.address);
    for image in std::iter::once(trial.name()).chain(trial.bench.manifests.iter().map(by_digest)) {
        let run = trial.cosign("verify", "ours", &[], &image).succeeded();
        assert!(run.stdout.contains(&trial.name()), "{run:?}");
        trial.cosign("verify", "theirs", &[], &image).ended(12).says("no matching signatures");
    }
}

#[test]
fn cosign_accepts_the_statements_in_bundles_and_refuses_another_key() {
    let Some(trial) = Trial::new() else { return };
    trial.bench.write("root.json", NO_ROOTS);
    let run = trial.cosign("verify-attestation", "ours", &BUNDLE, &trial.name()).succeeded();
    assert!(run.stdout.contains("application/vnd.in-toto+json"), "{run:?}");
    trial.cosign("verify-attestation", "theirs", &BUNDLE, &trial.name()).ended(1).says("no matching attestations");
    let other_type = [BUNDLE[0], BUNDLE[1], "--type=cyclonedx"];
    let run = trial.cosign("verify-attestation", "ours", &other_type, &trial.name());
    assert_ne!(run.code, Some(0), "there is none of this type: {run:?}");
}

/// What somebody says to have rebuilt, in a file that they have signed.
fn attested(bench: &Bench) -> &'static str {
    let stone = Rebuilt {
        name: "wall-1".to_owned(),
        target: "x86_64-linux-musl".to_owned(),
        key: DerivationKey::from_bytes([1; 32]),
        outputs: Outputs::from([("bin".to_owned(), ObjectId::from_bytes([2; 32]))]),
    };
    let rebuild = Rebuild {
        builder: Builder { id: "https://mason.example".to_owned(), version: BTreeMap::new() },
        system: System { kernel: "6.1".to_owned(), machine: "x86_64".to_owned(), cpus: 2 },
        project: ProjectState::default(),
        attested: "2026-01-01T00:00:00Z".to_owned(),
        derivations: vec![stone],
    };
    let bundle = Bundle::sign(&rebuild.statement().to_bytes(), &PrivateKey::generate().unwrap());
    bench.write("wall.sigstore.json", bundle.to_json());
    "wall.sigstore.json"
}

#[test]
fn attestations_of_rebuilds_beside_an_image_disturb_no_verifier() {
    let Some(trial) = Trial::new() else { return };
    let said = attested(&trial.bench);
    trial.bench.drystone(&["attest", "push", &trial.name(), said, "--plain-http"]).succeeded();
    trial.cosign("verify", "ours", &[], &trial.name()).succeeded();
    trial.cosign("verify", "theirs", &[], &trial.name()).ended(12).says("no matching signatures");
    trial.bench.write("root.json", NO_ROOTS);
    trial.cosign("verify-attestation", "ours", &BUNDLE, &trial.name()).succeeded();
    trial.skopeo("ours", &[]).succeeded();
    trial.podman("ours").succeeded();
}

#[test]
fn skopeo_s_policy_accepts_each_platform_and_refuses_another_key() {
    let Some(trial) = Trial::new() else { return };
    for architecture in ["amd64", "arm64"] {
        let words = ["--override-arch", architecture];
        trial.skopeo("ours", &words).succeeded();
        trial.skopeo("theirs", &words).ended(1).says("Source image rejected: None of the signatures were accepted");
    }
    let copied = trial.run("skopeo", &["inspect", "oci:/work/layout", "--raw"]).succeeded();
    assert!(copied.stdout.contains("manifests"), "the layout is still one image without a tag: {copied:?}");
}

#[test]
fn skopeo_s_policy_wants_the_name_that_is_pulled() {
    let Some(trial) = Trial::new() else { return };
    std::fs::remove_dir_all(trial.bench.path("layout/evidence/signatures")).unwrap();
    trial.bench.drystone(&["sign", "layout", "--key", "ours.key"]).succeeded().says("warning: signed as `wall:1`");
    trial.bench.drystone(&["image", "push", "layout", &trial.at("walls/other:1"), "--plain-http"]).succeeded();
    let other = trial.skopeo_of("walls/other:1", "ours", &[]).ended(1);
    other.says("Signature for identity");
}

#[test]
fn podman_s_policy_accepts_the_image_and_refuses_another_key() {
    let Some(trial) = Trial::new() else { return };
    trial.podman("theirs").ended(125).says("Source image rejected: None of the signatures were accepted");
    trial.podman("ours").succeeded();
}

#[test]
fn cosign_signs_with_our_key_and_we_with_cosign_s() {
    let Some(trial) = Trial::new() else { return };
    trial.run("cosign", &["generate-key-pair", "--output-key-prefix=/work/cosign"]).succeeded();
    trial.bench.with_passphrase(&["keys", "new", "-o", "sealed"]).succeeded();
    let named = trial.name();
    // cosign adds to what we have pushed.
    let sign = ["sign", "--tlog-upload=false", "--allow-http-registry", "--key=/work/sealed.key", &named];
    trial.run("cosign", &sign).succeeded();
    for key in ["ours", "sealed"] {
        trial.cosign("verify", key, &[], &named).succeeded();
    }
    // And we add to what cosign has pushed, once.
    std::fs::remove_dir_all(trial.bench.path("layout/evidence/signatures")).unwrap();
    trial.bench.with_passphrase(&["sign", "layout", "--key", "cosign.key", "--as", &named]).succeeded();
    for _ in 0..2 {
        trial.push();
        for key in ["ours", "sealed", "cosign"] {
            let run = trial.cosign("verify", key, &[], &named).succeeded();
            assert_eq!(
                run.stdout.matches("docker-manifest-digest").count(),
                if key == "ours" { 2 } else { 1 },
                "{run:?}"
            );
        }
    }
    trial.cosign("verify", "theirs", &[], &named).ended(12);
}

#[test]
fn what_a_registry_gives_is_verified_as_what_lies_on_the_disk() {
    let Some(trial) = Trial::new() else { return };
    let verify = |key: &str, words: &[&str]| {
        let (name, key) = (trial.name(), format!("{key}.pub"));
        trial.bench.drystone(&[&["image", "verify", &name, "--plain-http", "--key", &key], words].concat())
    };
    let here = trial.bench.verify("ours", &["--require", "provenance,sbom"]).succeeded().stdout;
    let there = verify("ours", &["--require", "provenance,sbom"]).succeeded().stdout;
    assert_eq!(here, there);
    verify("theirs", &[]).ended(1).says("is not signed by this key, but by the key");
    // What cosign has signed counts like what we have.
    trial.run("cosign", &["generate-key-pair", "--output-key-prefix=/work/cosign"]).succeeded();
    let options = ["--recursive", "--tlog-upload=false", "--allow-http-registry", "--key=/work/cosign.key"];
    trial.run("cosign", &[&["sign"], &options[..], &[&trial.name()]].concat()).succeeded();
    verify("cosign", &[]).succeeded();
}

#[test]
fn securesystemslib_and_in_toto_accept_the_envelope_and_refuse_another_key() {
    if !is_there("python3") {
        return;
    }
    let bench = Bench::signed();
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dsse");
    let judge = |key: &str| {
        let mut run = Command::new(Path::new(HOME).join("tests/verifiers/dsse"));
        let bundle = bench.signature_file("provenance.sigstore.json");
        run.arg(&environment).arg(bench.path(&bundle)).arg(bench.path(&format!("{key}.pub")));
        Run::of(&mut run)
    };
    assert_eq!(judge("ours").succeeded().stdout, format!("https://slsa.dev/provenance/v1 {}\n", bench.index));
    judge("theirs").ended(1).says("VerificationError");
}
