//! `drystone image push` and `drystone image pull` as people use them.

use std::process::Command;

use insta::assert_snapshot;

use crate::layouts::{bytes, image};
use crate::real::{Kind, PASSWORD, Real, USER, base64};
use crate::support::{Run, World};

/// A registry, a world, and an image in it.
struct Stage {
    real: Real,
    world: World,
}

impl Stage {
    fn set(kind: &Kind) -> Option<Self> {
        let real = Real::start(kind)?;
        let world = World::bare();
        image(&world.path("layout"), &[bytes(1, 3000)]);
        Some(Self { real, world })
    }

    /// The program, in an environment of its own, with the words; `HOST` stands for the registry.
    fn command(&self, words: &[&str]) -> Command {
        let words: Vec<String> = words.iter().map(|word| word.replace("HOST", &self.real.address)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.world.command(&words);
        command.current_dir(self.world.path("")).env("XDG_RUNTIME_DIR", self.world.path("run"));
        command
    }

    fn run(&self, words: &[&str]) -> Run {
        Run::of(&mut self.command(words))
    }

    /// A text without what differs from run to run.
    fn normal(&self, text: &str) -> String {
        let text = text.replace(&self.real.address, "HOST");
        self.world.normal(&text).replace(self.real.path("").to_str().unwrap(), "REAL/")
    }

    fn log_in(&self, user: &str, password: &str) {
        let auth = base64(&format!("{user}:{password}"));
        let directory = self.world.path("home/.docker");
        std::fs::create_dir_all(&directory).unwrap();
        let config = format!("{{\"auths\":{{{:?}:{{\"auth\":{auth:?}}}}}}}", self.real.address);
        std::fs::write(directory.join("config.json"), config).unwrap();
    }

    fn trust(&self) {
        let directory = self.world.path("home/.config/containers/certs.d").join(&self.real.address);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::copy(self.real.path("ca.crt"), directory.join("ca.crt")).unwrap();
    }
}

#[test]
fn each_thing_that_is_missing_is_said_until_it_works() {
    let Some(stage) = Stage::set(&Kind::Guarded) else { return };
    // One blob after the other: the order of the lines is that of the image.
    let push = ["image", "push", "layout", "HOST/team/stones:1", "-j1"];
    assert_snapshot!(stage.normal(stage.run(&push).ended(3).error()), @r"
    error: cannot look for 1 in HOST/team/stones: https://HOST/v2/team/stones/manifests/1: the server's certificate is not to be trusted: invalid peer certificate: UnknownIssuer
    hint: name the authority that signed it with --ca FILE, or put it in certs.d (see --cert-dir in the help)
    ");
    stage.trust();
    assert_snapshot!(stage.normal(stage.run(&push).ended(2).error()), @r"
    error: cannot look for 1 in HOST/team/stones: HOST wants credentials, and there are none for it (looked in WORLD/run/containers/auth.json, HOME/.config/containers/auth.json, HOME/.docker/config.json)
    hint: log in: podman login HOST, docker login HOST or skopeo login HOST
    ");
    stage.log_in(USER, "wrong");
    assert_snapshot!(stage.normal(stage.run(&push).ended(2).error()), @r"
    error: cannot look for 1 in HOST/team/stones: HOST does not accept the credentials of `mason` (looked in WORLD/run/containers/auth.json, HOME/.config/containers/auth.json, HOME/.docker/config.json)
    hint: log in: podman login HOST, docker login HOST or skopeo login HOST
    ");
    stage.log_in(USER, PASSWORD);
    let run = stage.run(&push).succeeded();
    assert_snapshot!(stage.normal(&run.stdout), @r"
    HOST/team/stones@sha256:DIGEST
    ");
    assert_snapshot!(stage.normal(&run.stderr), @r"
    2 blobs to send, 0 are there
    sent DIGEST (151 B)
    sent DIGEST (2.93 KiB)
    HOST/team/stones:1: 2 blobs sent (3.08 KiB), 0 mounted, 0 were there (N s)
    ");
    let run = stage.run(&push).succeeded();
    assert_snapshot!(stage.normal(&run.stderr), @r"
    HOST/team/stones:1: nothing to push, all is there (N s)
    ");
    let run = stage.run(&["image", "pull", "HOST/team/stones:1", "-o", "out", "-j1"]).succeeded();
    assert_snapshot!(stage.normal(&run.stdout), @r"
    sha256:DIGEST
    ");
    assert_snapshot!(stage.normal(&run.stderr), @r"
    fetched DIGEST (151 B)
    fetched DIGEST (2.93 KiB)
    out: 2 blobs fetched (3.08 KiB), 0 were there (N s)
    ");
}

#[test]
fn the_certificate_authority_can_be_named() {
    let Some(stage) = Stage::set(&Kind::Guarded) else { return };
    stage.log_in(USER, PASSWORD);
    let ca = stage.real.path("ca.crt");
    stage.run(&["image", "push", "layout", "HOST/stones:1", "--ca", ca.to_str().unwrap()]).succeeded();
    let directory = stage.real.certificate_directory();
    stage.run(&["image", "push", "layout", "HOST/stones:1", "--cert-dir", directory.to_str().unwrap()]).succeeded();
    let run = stage.run(&["image", "push", "layout", "HOST/stones:1", "--ca", "layout/index.json"]).ended(2);
    assert_snapshot!(stage.normal(run.error()), @r"
    error: layout/index.json holds no certificate in PEM form
    ");
}

#[test]
fn speaking_plainly_to_tls_and_the_other_way_round_is_said() {
    let Some(stage) = Stage::set(&Kind::Guarded) else { return };
    let run = stage.run(&["image", "push", "layout", "HOST/stones:1", "--plain-http"]).ended(2);
    assert_snapshot!(stage.normal(run.error()), @r"
    error: cannot look for 1 in HOST/stones: HOST answered 400
    hint: a registry with TLS answers so to --plain-http; leave it out, or look whether this is a registry
    ");
    let Some(stage) = Stage::set(&Kind::Open) else { return };
    let run = stage.run(&["image", "push", "layout", "HOST/stones:1"]).ended(3);
    assert_snapshot!(stage.normal(run.error()), @r"
    error: cannot look for 1 in HOST/stones: https://HOST/v2/stones/manifests/1: the server does not speak TLS
    hint: a registry without TLS is reached with --plain-http
    ");
    stage.run(&["image", "push", "layout", "HOST/stones:1", "--plain-http"]).succeeded();
}

#[test]
fn machines_get_json() {
    let Some(stage) = Stage::set(&Kind::Open) else { return };
    let run = stage.run(&["image", "push", "layout", "HOST/stones", "--plain-http", "--json"]).succeeded();
    assert_snapshot!(stage.normal(&run.stdout), @r#"
    {
      "reference": "HOST/stones@sha256:DIGEST",
      "digest": "sha256:DIGEST",
      "media_type": "application/vnd.oci.image.manifest.v1+json",
      "tag": "1.0",
      "tagged": true,
      "blobs": {
        "there": 0,
        "mounted": 0,
        "sent": 2,
        "bytes": 3151
      },
      "manifests": 1,
      "attached": []
    }
    "#);
    let run = stage.run(&["image", "pull", "HOST/stones:1.0", "-o", "out", "--plain-http", "--json"]).succeeded();
    assert_snapshot!(stage.normal(&run.stdout), @r#"
    {
      "path": "out",
      "digest": "sha256:DIGEST",
      "media_type": "application/vnd.oci.image.manifest.v1+json",
      "named": "sha256:DIGEST",
      "fetched": 2,
      "bytes": 3151,
      "there": 0,
      "artifacts": []
    }
    "#);
}

#[test]
fn a_mistake_in_the_reference_is_said() {
    let Some(stage) = Stage::set(&Kind::Open) else { return };
    let run = stage.run(&["image", "push", "layout", "stones:1"]).ended(2);
    assert_snapshot!(stage.normal(run.error()), @r"
    error: invalid value 'stones:1' for '<HOST/REPO[:TAG]>': `stones:1` names no image in a registry: it begins with its registry, such as registry.example.org/ or localhost:5000/

    For more information, try '--help'.
    ");
    let run = stage.run(&["image", "pull", "HOST/stones", "-o", "out", "--plain-http"]).ended(2);
    assert_snapshot!(stage.normal(run.error()), @r"
    error: HOST/stones names a repository: add :TAG or @sha256:DIGEST
    ");
    let run = stage.run(&["image", "pull", "HOST/stones:2", "-o", "out", "--plain-http"]).ended(2);
    assert_snapshot!(stage.normal(run.error()), @r"
    error: HOST/stones:2 is not there: manifest unknown (MANIFEST_UNKNOWN)
    ");
}

#[test]
fn what_was_signed_here_is_pushed_with_the_image_and_pulled_with_it() {
    let Some(stage) = Stage::set(&Kind::Open) else { return };
    for key in ["one", "two"] {
        stage.run(&["keys", "new", "-o", key, "--no-passphrase"]).succeeded();
        stage.run(&["sign", "layout", "--key", &format!("{key}.key"), "--as", "HOST/stones:1"]).succeeded();
    }
    let run = stage.run(&["image", "push", "layout", "HOST/stones:1", "--plain-http", "--json"]).succeeded();
    let pushed: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let attached = pushed["attached"].as_array().unwrap();
    assert!(attached.len() >= 2, "a signature under cosign's tag, and bundles: {}", run.stdout);
    let run = stage.run(&["image", "pull", "HOST/stones:1", "-o", "out", "--plain-http", "--json"]).succeeded();
    let pulled: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let sorted = |list: &serde_json::Value| {
        let mut list: Vec<_> = list.as_array().unwrap().iter().map(ToString::to_string).collect();
        list.sort();
        list
    };
    assert_eq!(sorted(&pulled["artifacts"]), sorted(&pushed["attached"]));
    // Pushed elsewhere from what was pulled: the same again.
    let run = stage.run(&["image", "push", "out", "HOST/walls:1", "--plain-http", "--json"]).succeeded();
    let again: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(sorted(&again["attached"]), sorted(&pushed["attached"]));
}

#[test]
fn a_full_disk_is_said_and_nothing_appears() {
    let Some(stage) = Stage::set(&Kind::Open) else { return };
    image(&stage.world.path("big"), &[bytes(2, 3_000_000)]);
    stage.run(&["image", "push", "big", "HOST/big:1", "--plain-http"]).succeeded();
    // A limit on a file's size, whose signal is ignored, is a write that fails.
    let words = ["image", "pull", &format!("{}/big:1", stage.real.address), "-o", "out", "--plain-http"].join(" ");
    let script = format!("trap '' XFSZ; ulimit -f 1000; exec {} {words}", crate::support::DRYSTONE);
    let mut limited = stage.world.command_of("sh", &["-c", &script]);
    let run = Run::of(limited.current_dir(stage.world.path(""))).ended(3);
    let error = stage.normal(run.error());
    assert!(error.starts_with("error: cannot write ./.drystone-pull-out/partial/DIGEST: File too large"), "{error}");
    assert!(!stage.world.path("out").exists());
    stage.run(&["image", "pull", "HOST/big:1", "-o", "out", "--plain-http"]).succeeded();
}
