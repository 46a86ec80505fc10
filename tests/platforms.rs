//! One spec for two machines: an image of which each takes its own, with evidence for each.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{DRYSTONE, HOME, Run, base};

const SPEC: &str = r#"
name = "init"
tag = "1"
targets = ["x86_64-linux-musl", "aarch64-linux-musl"]
components = ["tini"]

[config]
entrypoint = ["/usr/bin/tini"]
labels = { "org.opencontainers.image.licenses" = "MIT" }
"#;

/// A directory with the spec.
struct Yard(tempfile::TempDir);

impl Yard {
    fn new() -> Self {
        let yard = Self(tempfile::tempdir().unwrap());
        std::fs::write(yard.path("init.toml"), SPEC).unwrap();
        yard
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Drystone in the yard, on this project and with the tests' shared store.
    fn drystone(&self, words: &[&str]) -> Run {
        let mut command = Command::new(DRYSTONE);
        command.current_dir(&self.0).args(["--project", HOME]).args(words).env("DRYSTONE_STORE", &base().store);
        Run::of(&mut command)
    }

    fn build(&self, output: &str, words: &[&str]) -> Value {
        let command = [["image", "build", "init.toml", "--json", "-o", output].as_slice(), words].concat();
        serde_json::from_str(&self.drystone(&command).succeeded().stdout).unwrap()
    }

    /// Makes an index the image of a layout whose list was `top`.
    fn lay(&self, layout: &str, top: &Value, index: &Value) {
        let (bytes, mut top) = (index.to_string().into_bytes(), top.clone());
        let digest = drystone::digest::Sha256::of(&bytes);
        top["manifests"][0]["digest"] = format!("sha256:{digest}").into();
        top["manifests"][0]["size"] = bytes.len().into();
        std::fs::write(self.path(layout).join("blobs/sha256").join(digest.to_string()), bytes).unwrap();
        std::fs::write(self.path(layout).join("index.json"), top.to_string()).unwrap();
    }

    /// A document of a layout's, by its digest.
    fn blob(&self, layout: &str, digest: &Value) -> Value {
        let digest = digest.as_str().unwrap().strip_prefix("sha256:").unwrap();
        json(&self.path(layout).join("blobs/sha256").join(digest))
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The digests of what a statement is about.
fn subjects(statement: &Value) -> Vec<&str> {
    let subjects = statement["subject"].as_array().unwrap();
    subjects.iter().map(|subject| subject["digest"]["sha256"].as_str().unwrap()).collect()
}

fn bare(digest: &Value) -> &str {
    digest.as_str().unwrap().trim_start_matches("sha256:")
}

#[test]
fn an_index_names_an_image_for_each_target_and_its_bytes_are_the_same_every_time() {
    let yard = Yard::new();
    let made = yard.build("init", &[]);
    let again = yard.build("again", &[]);
    assert_eq!(made["digest"], again["digest"]);

    let layout = json(&yard.path("init/index.json"));
    assert_eq!(layout["manifests"].as_array().unwrap().len(), 1);
    assert_eq!(layout["manifests"][0]["digest"], made["digest"]);
    let index = yard.blob("init", &made["digest"]);
    let platform = |entry: &Value| entry["platform"]["architecture"].as_str().unwrap().to_owned();
    let entries = index["manifests"].as_array().unwrap();
    assert_eq!(entries.iter().map(platform).collect::<Vec<_>>(), ["amd64", "arm64"]);
    assert_eq!(index["annotations"]["org.opencontainers.image.licenses"], "MIT");

    for (entry, (target, image)) in
        entries.iter().zip([("x86_64-linux-musl", &made["images"][0]), ("aarch64-linux-musl", &made["images"][1])])
    {
        assert_eq!((&image["target"], &image["manifest"]), (&target.into(), &entry["digest"]));
        // The same as it is alone.
        let alone = yard.build("alone", &["--target", target]);
        assert_eq!(alone["digest"], entry["digest"]);
        let inspected =
            yard.drystone(&["image", "inspect", "init", "--json", "--platform", &format!("linux/{}", platform(entry))]);
        let inspected: Value = serde_json::from_str(&inspected.succeeded().stdout).unwrap();
        assert_eq!(inspected["manifest"], entry["digest"]);
    }
}

#[test]
fn each_platforms_program_is_for_its_machine() {
    let yard = Yard::new();
    for (target, machine) in [("x86_64-linux-musl", 62), ("aarch64-linux-musl", 183)] {
        yard.build(target, &["--target", target, "--format", "rootfs"]);
        let program = std::fs::read(yard.path(target).join("usr/bin/tini")).unwrap();
        assert_eq!(program[18], machine, "{target}");
    }
}

#[test]
fn each_platform_has_its_evidence_and_the_whole_has_one_provenance() {
    let yard = Yard::new();
    let made = yard.build("init", &[]);
    for (name, image) in [("linux-amd64", &made["images"][0]), ("linux-arm64", &made["images"][1])] {
        let own = |file: &str| yard.path("init/evidence").join(name).join(file);
        for statement in ["spdx", "cyclonedx", "policy", "controls"] {
            let statement = json(&own(&format!("{statement}.intoto.json")));
            assert_eq!(subjects(&statement), [bare(&image["manifest"])]);
        }
        assert!(yard.path("init/runtime").join(name).join("seccomp.json").is_file());
    }
    // What is inside a program is what its own compiler linked.
    let bill =
        |name: &str| std::fs::read_to_string(yard.path("init/evidence").join(name).join("sbom.spdx.json")).unwrap();
    assert!(bill("linux-arm64").contains("libgcc-12-dev-arm64-cross"));
    assert!(!bill("linux-amd64").contains("arm64-cross"));

    let provenance = json(&yard.path("init/evidence/provenance.intoto.json"));
    let whole = [&made["digest"], &made["images"][0]["manifest"], &made["images"][1]["manifest"]];
    assert_eq!(subjects(&provenance), whole.map(bare));
    let text = provenance.to_string();
    for seed in ["gcc-12-aarch64-linux-gnu", "qemu-user-static", "toolchains/seeds/debian-12-aarch64.toml"] {
        assert!(text.contains(seed), "{seed}");
    }

    yard.drystone(&["keys", "new", "-o", "key", "--no-passphrase"]).succeeded();
    yard.drystone(&["sign", "init", "--key", "key.key"]).succeeded();
    yard.drystone(&["image", "verify", "init", "--key", "key.pub", "--require", "provenance,sbom,policy"]).succeeded();
    // One is judged at a time, and it is said which.
    let note = "note: judged is what linux/amd64 gets; --platform takes another: linux/arm64";
    let check = |words: &[&str]| yard.drystone(&[&["image", "check", "init"], words].concat()).succeeded().stderr;
    assert!(check(&[]).contains(note), "{}", check(&[]));
    assert!(!check(&["--platform", "linux/arm64"]).contains("note: judged"));
    yard.drystone(&["image", "report", "init", "--platform", "linux/arm64", "-o", "page.html"]).succeeded();
    assert!(std::fs::read_to_string(yard.path("page.html")).unwrap().contains("toolchains/gcc-musl/recipes/musl.toml"));
}

#[test]
fn every_platform_is_held_against_what_the_builders_say() {
    let yard = Yard::new();
    yard.build("init", &[]);
    yard.drystone(&["keys", "new", "-o", "mason", "--no-passphrase"]).succeeded();
    let public = yard.drystone(&["keys", "public", "mason.key"]).succeeded().stdout;
    std::fs::create_dir(yard.path("keys")).unwrap();
    std::fs::write(yard.path("keys/mason.pub"), public).unwrap();
    yard.drystone(&["attest", "make", "--image", "init", "--key", "mason.key", "-o", "said"]).succeeded();
    let verify = |words: &[&str]| {
        let all = ["verify", "--image", "init", "--keys", "keys", "--threshold", "1-of-1", "--attestations", "said"];
        yard.drystone(&[&all, words].concat())
    };
    let judged: Value = serde_json::from_str(&verify(&["--json"]).succeeded().stdout).unwrap();
    let layers = judged["layers"].as_array().unwrap().iter();
    let layers: Vec<_> = layers.map(|layer| (layer["target"].as_str(), layer["result"].as_str())).collect();
    assert_eq!(layers, [(Some("x86_64-linux-musl"), Some("whole")), (Some("aarch64-linux-musl"), Some("whole"))]);

    // An index that gives one machine what is the other's.
    let top = json(&yard.path("init/index.json"));
    let mut index = yard.blob("init", &top["manifests"][0]["digest"]);
    for field in ["digest", "size"] {
        index["manifests"][1][field] = index["manifests"][0][field].clone();
    }
    yard.lay("init", &top, &index);
    let run = verify(&[]).ended(1);
    let said = "layer 1 of the image for aarch64-linux-musl is not tini/bin as it is accepted, but ";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    verify(&["--target", "x86_64-linux-musl"]).succeeded();

    // Which of two would a machine take?
    index["manifests"][1]["platform"] = index["manifests"][0]["platform"].clone();
    yard.lay("init", &top, &index);
    let run = verify(&[]).ended(2);
    assert!(run.stderr.contains("it holds two images for linux/amd64"), "{}", run.stderr);
}

#[test]
fn a_form_for_one_platform_and_a_target_that_the_spec_does_not_have_are_refused_before_anything_is_built() {
    let yard = Yard::new();
    let refused = yard.drystone(&["image", "build", "init.toml", "-o", "out", "--format", "rootfs"]).ended(2);
    assert!(refused.stderr.contains("init is for x86_64-linux-musl, aarch64-linux-musl"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--target"), "{}", refused.stderr);
    std::fs::write(yard.path("init.toml"), SPEC.replace("\"x86_64-linux-musl\", ", "")).unwrap();
    let refused =
        yard.drystone(&["image", "build", "init.toml", "-o", "out", "--target", "x86_64-linux-musl"]).ended(2);
    assert!(refused.stderr.contains("init is not for x86_64-linux-musl"), "{}", refused.stderr);
    assert!(!yard.path("out").exists());
}

#[test]
fn skopeo_takes_each_machines_own_out_of_the_layout_and_out_of_the_archive() {
    if Command::new("skopeo").arg("--version").output().is_err() {
        eprintln!("skipped: skopeo is not installed");
        return;
    }
    let yard = Yard::new();
    yard.build("init", &[]);
    yard.build("init.tar", &["--format", "oci-archive"]);
    for source in ["oci:init:1", "oci-archive:init.tar:1"] {
        for architecture in ["amd64", "arm64"] {
            let mut skopeo = Command::new("skopeo");
            skopeo.current_dir(&yard.0).args(["inspect", "--override-arch", architecture, "--config", source]);
            let config: Value = serde_json::from_str(&Run::of(&mut skopeo).succeeded().stdout).unwrap();
            assert_eq!(config["architecture"], architecture);
        }
    }
    let mut copy = Command::new("skopeo");
    copy.current_dir(&yard.0).args(["copy", "--all", "--preserve-digests", "oci:init:1", "oci:copy:1"]);
    Run::of(&mut copy).succeeded();
    let digest = |layout: &str| json(&yard.path(layout).join("index.json"))["manifests"][0]["digest"].clone();
    assert_eq!(digest("init"), digest("copy"));
}
