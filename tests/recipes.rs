//! The project's own recipes and images: they build and pass their tests, and the images are what they claim.
//!
//! The first run builds what the images need, which takes a while; what is built stays in the tests' shared store.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use drystone::recipe::Catalog;
use serde_json::Value;
use support::{DRYSTONE, HOME, Run, base, is_root};

/// Drystone on this project, with the shared store.
fn drystone(words: &[&str]) -> Run {
    Run::of(Command::new(DRYSTONE).args(["--project", HOME]).args(words).env("DRYSTONE_STORE", &base().store))
}

/// Makes one of the project's images; returns what it says of itself.
fn image(name: &str, format: &str, out: &Path) -> Value {
    let spec = format!("{HOME}/recipes/images/{name}.toml");
    let out = out.to_str().unwrap();
    let made = drystone(&["image", "build", &spec, "-o", out, "--format", format, "--json"]).succeeded();
    serde_json::from_str(&made.stdout).unwrap()
}

/// Whether a program is there; says so when it is not.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// Unpacks an image with umoci and runs a command in it with runc, on a read-only root; returns what it printed.
fn run_in(image: &Value, argv: &[&str]) -> Option<String> {
    if !(is_root() && has("umoci") && has("runc")) {
        return None;
    }
    let scratch = tempfile::tempdir().unwrap();
    let bundle = scratch.path().join("bundle");
    let reference = format!("{}:{}", image["path"].as_str().unwrap(), image["tag"].as_str().unwrap());
    Run::of(Command::new("umoci").args(["unpack", "--image", &reference]).arg(&bundle)).succeeded();
    let config = bundle.join("config.json");
    let mut value: Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
    value["process"]["terminal"] = false.into();
    value["process"]["args"] = argv.into();
    value["root"]["readonly"] = true.into();
    std::fs::write(&config, serde_json::to_vec(&value).unwrap()).unwrap();
    let id = format!("drystone-{}-{}", std::process::id(), argv[0].rsplit('/').next().unwrap());
    Some(Run::of(Command::new("runc").arg("run").arg("--bundle").arg(&bundle).arg(id)).succeeded().stdout)
}

/// The names in a directory, sorted.
fn names(directory: &Path) -> Vec<String> {
    drystone::fs::list(directory).unwrap().into_iter().map(|name| name.into_string().unwrap()).collect()
}

/// The recipes that the project's image specs name.
fn needed_by_images() -> Vec<String> {
    let catalog = Catalog::load(Path::new(HOME)).unwrap();
    let directory = Path::new(HOME).join("recipes/images");
    let specs = names(&directory).into_iter().filter(|name| name.ends_with(".toml"));
    let components = specs.flat_map(|name| catalog.load_image_spec(&directory.join(name)).unwrap().components);
    components.map(|request| request.output.recipe.to_string()).collect::<BTreeSet<_>>().into_iter().collect()
}

#[test]
fn what_the_images_need_builds_and_passes_its_tests_and_a_second_run_does_nothing() {
    let needed = needed_by_images();
    let build: Vec<&str> = ["build"].into_iter().chain(needed.iter().map(String::as_str)).collect();
    let first = drystone(&build).succeeded();
    assert!(first.paths().len() > 50, "{}", first.stdout);
    let second = drystone(&build).succeeded().says("nothing to do, all is built");
    assert_eq!(first.stdout, second.stdout);
}

#[test]
#[ignore = "takes more than an hour from an empty store: tests/run --all"]
fn every_recipe_builds_and_passes_its_tests_for_every_target() {
    let catalog = Catalog::load(Path::new(HOME)).unwrap();
    for target in catalog.toolchain().targets.keys() {
        let target = target.to_string();
        let made = drystone(&["build", "--all", "--keep-going", "--target", &target]).succeeded();
        assert!(made.paths().len() > 100, "{}", made.stdout);
    }
}

#[test]
fn the_jq_image_is_read_by_skopeo_and_run_by_runc() {
    let scratch = tempfile::tempdir().unwrap();
    let made = image("jq", "oci", &scratch.path().join("jq"));
    if let Some(said) = run_in(&made, &["/usr/bin/jq", "-n", "6*7"]) {
        assert_eq!(said, "42\n");
    }
    if has("skopeo") {
        let reference = format!("oci:{}:{}", made["path"].as_str().unwrap(), made["tag"].as_str().unwrap());
        let seen = Run::of(Command::new("skopeo").args(["inspect", &reference])).succeeded();
        let seen: Value = serde_json::from_str(&seen.stdout).unwrap();
        assert_eq!(seen["Digest"], made["digest"]);
    }
}

#[test]
fn the_jq_image_holds_jq_and_nothing_else() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("jq");
    image("jq", "rootfs", &root);
    assert_eq!(names(&root.join("usr/bin")), ["jq"]);
    assert_eq!(names(&root.join("usr")), ["bin"]);
    let beside: Vec<_> = names(&root).into_iter().filter(|name| name != "usr" && name != "etc").collect();
    assert!(beside.is_empty(), "{beside:?}");
}

#[test]
fn the_toolbox_has_a_dozen_utilities_and_no_shell() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("toolbox");
    image("toolbox", "rootfs", &root);
    let programs = names(&root.join("usr/bin"));
    assert!(programs.len() >= 12, "{programs:?}");
    for shell in ["sh", "dash", "bash", "busybox"] {
        assert!(!programs.contains(&shell.to_owned()), "{programs:?}");
    }
    let made = image("toolbox", "oci", &scratch.path().join("oci"));
    if let Some(said) = run_in(&made, &["/usr/bin/ls", "/usr/bin"]) {
        assert_eq!(said.lines().collect::<Vec<_>>(), programs);
    }
}

#[test]
fn curl_has_its_certificates_and_is_not_root() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("curl");
    image("curl", "rootfs", &root);
    let certificates = std::fs::read_to_string(root.join("etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert!(certificates.matches("BEGIN CERTIFICATE").count() > 100);
    let out = scratch.path().join("oci");
    let made = image("curl", "oci", &out);
    let blob = made["config"].as_str().unwrap().replace(':', "/");
    let config: Value = serde_json::from_slice(&std::fs::read(out.join("blobs").join(blob)).unwrap()).unwrap();
    let user = config["config"]["User"].as_str().unwrap();
    assert!(user.starts_with(|c: char| ('1'..='9').contains(&c)), "{user}");
    if let Some(said) = run_in(&made, &["/usr/bin/curl", "--version"]) {
        assert!(said.contains("mbedTLS"), "{said}");
    }
}
