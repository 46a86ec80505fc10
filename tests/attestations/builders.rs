//! Where the stories happen: a project with a recipe that always gives the same and one that does not, and three
//! builders. Alice and Bob have the same results; Carol has built for herself, and has others.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::support::{Run, World, base};

const PEBBLE: &str = "mkdir -p $OUT/usr/bin; echo pebble > $OUT/usr/bin/pebble";
/// What no two builds of give the same.
const CLOCK: &str = "mkdir -p $OUT/usr/bin; head -c 16 /dev/urandom | od -An -tx1 > $OUT/usr/bin/clock";
const WALL: &str = "mkdir -p $OUT/usr/bin; echo wall > $OUT/usr/bin/wall";

/// `wall` is built with `clock`; `pebble` with nothing.
pub fn write_recipes(world: &World) {
    world.script("pebble", PEBBLE);
    world.script("clock", CLOCK);
    world.recipe(
        "wall",
        &format!("[dependencies]\nbuild = [\"clock\"]\n[build]\npreset = \"script\"\nscript = '{WALL}'\n"),
    );
}

/// A project with everybody's keys and what they say, without any store.
pub struct Builders(pub World);

impl Builders {
    /// Alice, Bob and Carol.
    pub fn new() -> Self {
        let world = World::bare();
        write_recipes(&world);
        for (path, bytes) in said() {
            let path = world.path("project").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        }
        Self(world)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path("project").join(name)
    }

    /// Asks what is accepted, by everybody's keys and of everybody's attestations.
    pub fn verify(&self, threshold: &str, words: &[&str]) -> Run {
        self.0.drystone(&[&["verify", "--threshold", threshold, "--keys", "keys"], words].concat())
    }

    /// The only attestation of a builder in `attestations/`.
    pub fn attestation(&self, name: &str) -> PathBuf {
        only_file(&self.path("attestations").join(self.id(name)))
    }

    /// The id of a builder's key.
    pub fn id(&self, name: &str) -> String {
        let pem = std::fs::read_to_string(self.path(&format!("keys/{name}.pub"))).unwrap();
        drystone::attest::key::PublicKey::from_pem(&pem).unwrap().id().to_string()
    }

    /// Standard output without what differs from run to run.
    pub fn normal(&self, run: &Run) -> String {
        self.0.normal(&run.stdout)
    }
}

/// The only file in a directory.
pub fn only_file(directory: &Path) -> PathBuf {
    let names = drystone::fs::list(directory).unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
    directory.join(&names[0])
}

/// What a bundle's statement says.
pub fn statement(bundle: &Path) -> Value {
    use base64::Engine as _;
    let bundle: Value = serde_json::from_slice(&std::fs::read(bundle).unwrap()).unwrap();
    let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(payload).unwrap()).unwrap()
}

/// Keys and attestations, by their paths in the project; built once. In `attestations/` everybody says what they have
/// built, `double/` holds what Alice says besides, and `dave/` what a fourth says.
fn said() -> &'static [(String, Vec<u8>)] {
    static SAID: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    SAID.get_or_init(build)
}

fn build() -> Vec<(String, Vec<u8>)> {
    let world = World::new();
    write_recipes(&world);
    let [bob, carol] = ["bob", "carol"].map(|name| world.path(name).to_str().unwrap().to_owned());
    world.drystone(&["build", "wall", "pebble"]).succeeded();
    let copied = Command::new("cp").arg("-a").arg(world.store()).arg(&bob).status().unwrap();
    assert!(copied.success());
    base().link_into(Path::new(&carol));
    world.drystone(&["build", "wall", "pebble", "--store", &carol]).succeeded();
    let alice = world.store().to_str().unwrap().to_owned();
    let make = |key: &str, store: &str, to: &str| {
        let key = format!("{key}.key");
        world.drystone(&["attest", "make", "wall", "pebble", "--key", &key, "--store", store, "-o", to]).succeeded();
    };
    for (name, store) in [("alice", &alice), ("bob", &bob), ("carol", &carol), ("dave", &carol)] {
        world.drystone(&["keys", "new", "-o", name, "--no-passphrase"]).succeeded();
        make(name, store, if name == "dave" { "dave" } else { "attestations" });
    }
    make("alice", &carol, "double");
    let keys = ["alice", "bob", "carol"].map(|name| (format!("{name}.pub"), format!("keys/{name}.pub")));
    let secrets = ["alice", "bob", "carol", "dave"].map(|name| (format!("{name}.key"), format!("{name}.key")));
    let project = world.path("project");
    let mut files: Vec<(String, Vec<u8>)> = keys
        .iter()
        .chain(&secrets)
        .map(|(from, to)| (to.clone(), std::fs::read(project.join(from)).unwrap()))
        .collect();
    for directory in ["attestations", "double", "dave"] {
        for key in drystone::fs::list(&project.join(directory)).unwrap() {
            let file = only_file(&project.join(directory).join(key));
            let name = file.strip_prefix(&project).unwrap().to_str().unwrap().to_owned();
            files.push((name, std::fs::read(file).unwrap()));
        }
    }
    files
}
