//! The `cargo` preset: a lock file's crates are fetched, pinned by its checksums, and become a static program.
//!
//! Rust's standard library is built once, in the tests' shared store, which these stories use as it is.

mod loopback;
mod support;

use std::process::Command;

use drystone::digest::Sha256;
use insta::assert_snapshot;
use loopback::{Answer, Server};
use serde_json::Value;
use support::{DRYSTONE, Run, TARGET, World, base};

/// A crate with a build script and a feature, whose developers want another compiler than there is.
const WALL: &[(&str, &str)] = &[
    ("Cargo.toml", MANIFEST),
    ("build.rs", BUILD_SCRIPT),
    ("src/main.rs", PROGRAM),
    ("rust-toolchain", "nightly\n"),
    (".cargo/config.toml", "[build]\nrustc = \"/nothing\"\ntarget = \"wasm32-unknown-unknown\"\n"),
];

const MANIFEST: &str = r#"
[package]
name = "wall"
version = "1.0.0"
edition = "2024"
[features]
high = []
[dependencies]
itoa = "1"
[build-dependencies]
cfg-if = "1"
"#;

/// It runs where the compiler does, whatever the program is for, and sees the crate among its neighbours.
const BUILD_SCRIPT: &str = r#"
use std::{env, fs, path::Path};
cfg_if::cfg_if! {
    if #[cfg(target_env = "gnu")] { const LIBC: &str = "glibc"; } else { const LIBC: &str = "another"; }
}
fn main() {
    let neighbours = ["itoa-1.0.18", "wall-1.0.0"].map(|name| Path::new("/build/vendor").join(name).is_dir());
    let text = format!("built with {LIBC} in {}, {neighbours:?}", env::var("LANG").unwrap());
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("built"), text).unwrap();
}
"#;

const PROGRAM: &str = r#"
fn main() {
    let high = if cfg!(feature = "high") { "a high" } else { "a" };
    println!("{high} wall of {} stones on {}", itoa::Buffer::new().format(144), std::env::consts::OS);
    println!("{}", include_str!(concat!(env!("OUT_DIR"), "/built")));
    assert!(std::env::args().len() < 2, "no room");
}
"#;

/// The crates' own releases, as every registry has them.
const LOCK: &str = r#"version = 4

[[package]]
name = "cfg-if"
version = "1.0.4"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "9330f8b2ff13f34540b44e946ef35111825727b38d33286ef986142615121801"

[[package]]
name = "itoa"
version = "1.0.18"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "8f42a60cbdf9a97f5d2305f08a87dc4e09308d1276d28c869c684d7777685682"

[[package]]
name = "wall"
version = "1.0.0"
dependencies = ["cfg-if", "itoa"]
"#;

const TESTS: &str = r#"
[[test]]
run = ["wall"]
stdout = """
a high wall of 144 stones on linux
built with glibc in en_US.UTF-8, [true, true]
"""

[[test]]
run = ["wall", "more"]
status = 101
stderr-has = "src/main.rs:6:5:\nno room"
"#;

/// A project with one crate, its recipe and its lock file.
fn world(files: &[(&str, &str)], lock: &str) -> World {
    let world = World::bare();
    let facts = "name = \"wall\"\nversion = \"1.0.0\"\nsummary = \"A wall\"\nlicense = \"MIT\"\n";
    let source = world.source("wall", files);
    let build = "[build]\npreset = \"cargo\"\ncrates = \"Cargo.lock\"\nconfigure = [\"--features\", \"high\"]\n";
    world.write("recipes/wall.toml", &format!("{facts}{source}{build}{TESTS}"));
    world.write("recipes/wall/Cargo.lock", lock);
    world
}

/// Drystone in the developer's own environment, which may say where crates are, with the shared store.
fn command(world: &World, words: &[&str]) -> Command {
    let mut command = Command::new(DRYSTONE);
    command.args(words).current_dir(world.path("project")).env("DRYSTONE_STORE", &base().store);
    command
}

fn drystone(world: &World, words: &[&str]) -> Run {
    Run::of(&mut command(world, words))
}

/// Whether a run failed only since nothing can be fetched here; says so.
fn lacks_network(run: &Run) -> bool {
    let lacks = run.code == Some(3);
    if lacks {
        eprintln!("skipped: {}", run.error());
    }
    lacks
}

#[test]
fn a_crate_becomes_a_static_program_the_same_every_time() {
    let world = world(WALL, LOCK);
    let built = drystone(&world, &["build", "wall"]);
    if lacks_network(&built) {
        return;
    }
    let built = built.succeeded();
    let program = std::fs::read(built.paths()[0].join("usr/bin/wall")).unwrap();
    let holds = |text: &str| program.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("src/main.rs") && !holds("/build/"), "the program says where it was built");
    drystone(&world, &["build", "--check", "wall"]).succeeded();
}

#[test]
fn what_is_inside_is_in_the_bill_of_materials() {
    let world = world(WALL, LOCK);
    world.write("recipes/images/wall.toml", "name = \"wall\"\ncomponents = [\"wall\"]\n");
    let (out, evidence) = (world.path("out"), world.path("evidence"));
    let (out, evidence) = (out.to_str().unwrap(), evidence.to_str().unwrap());
    let spec = "recipes/images/wall.toml";
    let words = ["image", "build", spec, "-o", out, "--evidence", evidence, "--target", TARGET, "--format", "rootfs"];
    let run = drystone(&world, &words);
    if lacks_network(&run) {
        return;
    }
    run.succeeded();
    let bill = std::fs::read_to_string(world.path("evidence/sbom.spdx.json")).unwrap();
    let bill: Value = serde_json::from_str(&bill).unwrap();
    let packages: Vec<_> = bill["packages"].as_array().unwrap().iter().collect();
    let named = |name: &str| packages.iter().find(|package| package["name"] == name).unwrap();
    assert_eq!(named("rust-std")["primaryPackagePurpose"], "LIBRARY");
    let itoa = named("itoa-1.0.18.crate");
    assert_eq!(
        (&itoa["versionInfo"], &itoa["supplier"]),
        (&"1.0.18".into(), &"Organization: the Rust crate registry".into())
    );
    assert_eq!(itoa["externalRefs"][0]["referenceLocator"], "pkg:cargo/itoa@1.0.18");
}

#[test]
fn a_lock_that_the_manifest_does_not_agree_with_is_cargo_s_to_refuse() {
    let lock = LOCK.replace(", \"itoa\"", "");
    let (start, end) = (lock.find("[[package]]\nname = \"itoa\"").unwrap(), lock.rfind("[[package]]").unwrap());
    let world = world(WALL, &format!("{}{}", &lock[..start], &lock[end..]));
    let run = drystone(&world, &["build", "wall"]);
    if lacks_network(&run) {
        return;
    }
    let run = run.ended(1);
    assert_snapshot!(world.normal(run.error()), @r"
    error: wall-1.0.0 failed in its phase `build`: exit status 101
    its last lines:
      | [drystone] unpack
      | [drystone] configure
      | [drystone] build
      | error: no matching package named `itoa` found
      | location searched: directory source `/build/vendor` (which is replacing registry `crates-io`)
      | required by package `wall v1.0.0 (/build/src)`
      | note: offline mode (via `--offline`) can sometimes cause surprising resolution failures
      | help: if this error is too confusing you may wish to retry without `--offline`
    cause: Cargo.toml asks for the crate `itoa`, which the lock file does not have
     mend: `crates` has to be the lock file of this very release: most bring it as Cargo.lock
    hint: the whole log: drystone log wall
    hint: to look around where it failed: drystone shell wall --failed
    ");
}

/// A file of the registry: a crate as cargo packs it.
fn packed(name: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{name}/{path}"), text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// A program in its first or second version: the second takes what it says from a crate.
fn gate(version: &str, main: &str, needs: &str, lock: Option<&str>) -> Vec<u8> {
    let manifest = format!("[package]\nname = \"gate\"\nversion = \"{version}\"\nedition = \"2024\"\n{needs}");
    let own = format!("version = 4\n\n[[package]]\nname = \"gate\"\nversion = \"{version}\"\n");
    let lock = lock.map(|more| format!("{own}{more}"));
    let mut files = vec![("Cargo.toml", manifest.as_str()), ("src/main.rs", main)];
    files.extend(lock.as_deref().map(|lock| ("Cargo.lock", lock)));
    packed(&format!("gate-{version}"), &files)
}

#[test]
fn an_update_takes_the_lock_out_of_the_new_release() {
    let hinge = packed(
        "hinge-1.0.0",
        &[
            ("Cargo.toml", "[package]\nname = \"hinge\"\nversion = \"1.0.0\"\nedition = \"2024\"\n"),
            ("src/lib.rs", "pub const SAYS: &str = \"squeaks\";\n"),
        ],
    );
    let locked = format!(
        "dependencies = [\"hinge\"]\n\n[[package]]\nname = \"hinge\"\nversion = \"1.0.0\"\n\
         source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{}\"\n",
        Sha256::of(&hinge)
    );
    let says = |what: &str| format!("fn main() {{ println!(\"the gate {{}}\", {what}); }}\n");
    let first = gate("1.0.0", &says("\"squeaks\""), "", Some(""));
    let second = gate("1.1.0", &says("hinge::SAYS"), "[dependencies]\nhinge = \"1\"\n", Some(&locked));
    let unlocked = gate("1.2.0", &says("\"squeaks\""), "", None);
    let sha256 = Sha256::of(&first);
    let crates = [("gate/1.0.0", first), ("gate/1.1.0", second), ("gate/1.2.0", unlocked), ("hinge/1.0.0", hinge)];
    let server = Server::start(move |asked| match asked.path {
        "/index/config.json" => Answer::Text("application/json", format!("{{\"dl\": \"{}/dl\"}}", asked.base)),
        "/index/ga/te/gate" => {
            let line = |(name, bytes): &(&str, Vec<u8>)| {
                let version = name.strip_prefix("gate/")?;
                Some(format!(
                    "{{\"name\":\"gate\",\"vers\":\"{version}\",\"deps\":[],\"cksum\":\"{}\",\"features\":{{}},\"yanked\":false}}\n",
                    Sha256::of(bytes)
                ))
            };
            Answer::Text("text/plain", crates.iter().filter_map(line).collect())
        }
        path => {
            let name = path.strip_prefix("/dl/").and_then(|path| path.strip_suffix("/download"));
            let found = crates.iter().find(|(held, _)| Some(*held) == name);
            found.map_or(Answer::Status(404), |(_, bytes)| Answer::File(bytes.clone()))
        }
    });
    let world = World::bare();
    let recipe = format!(
        "name = \"gate\"\nversion = \"1.0.0\"\nsummary = \"A gate\"\nlicense = \"MIT\"\n\n[[source]]\n\
         sha256 = \"{sha256}\"\nurls = [\"crate:gate/{{version}}\"]\n\n[build]\npreset = \"cargo\"\n\
         crates = \"Cargo.lock\"\n\n[[test]]\nrun = [\"gate\"]\nstdout = \"the gate squeaks\\n\"\n"
    );
    world.write("recipes/gate.toml", &recipe);
    world.write("recipes/gate/Cargo.lock", "version = 4\n\n[[package]]\nname = \"gate\"\nversion = \"1.0.0\"\n");
    let update = |words: &[&str]| {
        let mut command = command(&world, &[&["update", "gate"], words].concat());
        Run::of(command.env("DRYSTONE_MIRROR_CRATES", format!("sparse+{}", server.url("/index/"))))
    };
    let read = |name: &str| std::fs::read_to_string(world.path("project/recipes").join(name)).unwrap();

    let run = update(&["--to", "1.1.0"]);
    if lacks_network(&run) {
        return;
    }
    run.succeeded();
    assert!(read("gate.toml").contains("version = \"1.1.0\""), "{}", read("gate.toml"));
    assert!(read("gate/Cargo.lock").contains("version = \"1.1.0\"\ndependencies = [\"hinge\"]"));

    let before = (read("gate.toml"), read("gate/Cargo.lock"));
    let run = update(&[]).ended(2);
    assert_snapshot!(world.normal(run.error()), @r"
    error: gate 1.2.0 brings no Cargo.lock, so that nothing says which crates it is to be built with
    hint: put one for it at PROJECT/recipes/gate/Cargo.lock, and bring the recipe to 1.2.0 by hand
    ");
    assert_eq!((read("gate.toml"), read("gate/Cargo.lock")), before);
}
