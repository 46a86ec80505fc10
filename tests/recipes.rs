//! The project's own recipes and images: everything builds, passes its tests, and the images are what they claim.
//!
//! The first run builds all of it, which takes a while; what is built stays in the tests' store.

mod support;

use std::path::Path;
use std::process::Command;

use support::{output, project_drystone, skips};

/// Builds one of the project's image specs; returns its digest.
fn image(name: &str, out: &Path) -> String {
    let spec = format!("{}/recipes/images/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let made = output(project_drystone().args(["image", "build", &spec, "-o"]).arg(out));
    made.trim().to_owned()
}

/// Unpacks an image with umoci and runs a command in it with runc; returns what it printed.
fn run_in(image: &Path, tag: &str, argv: &[&str]) -> Option<String> {
    if skips("umoci") || skips("runc") || skips("sh") || !rustix::process::geteuid().is_root() {
        return None;
    }
    let scratch = tempfile::tempdir().unwrap();
    let bundle = scratch.path().join("bundle");
    let reference = format!("{}:{tag}", image.display());
    output(Command::new("umoci").args(["unpack", "--image", &reference]).arg(&bundle));
    let config = bundle.join("config.json");
    let mut value: serde_json::Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
    value["process"]["terminal"] = false.into();
    value["process"]["args"] = argv.into();
    value["root"]["readonly"] = true.into();
    std::fs::write(&config, serde_json::to_vec(&value).unwrap()).unwrap();
    let id = format!("drystone-test-{}-{}", std::process::id(), argv[0].rsplit('/').next().unwrap());
    Some(output(Command::new("runc").arg("run").arg("--bundle").arg(&bundle).arg(id)))
}

#[test]
fn every_recipe_builds_and_passes_its_tests() {
    let paths = output(project_drystone().args(["build", "--all"]));
    assert!(paths.lines().count() > 100, "{paths}");
    let again = project_drystone().args(["build", "--all"]).output().unwrap();
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(said.contains("nothing to do"), "{said}");
}

#[test]
fn the_jq_image_holds_jq_and_nothing_else_and_runs() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("jq");
    let digest = image("jq", &out);
    let index: serde_json::Value = serde_json::from_slice(&std::fs::read(out.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"][0]["digest"], digest);
    let tag = index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"].as_str().unwrap().to_owned();
    if let Some(said) = run_in(&out, &tag, &["/usr/bin/jq", "-n", "6*7"]) {
        assert_eq!(said, "42\n");
    }
    if !skips("skopeo") {
        let seen = output(Command::new("skopeo").arg("inspect").arg(format!("oci:{}:{tag}", out.display())));
        let seen: serde_json::Value = serde_json::from_str(&seen).unwrap();
        assert_eq!(seen["Digest"], digest);
    }
}

#[test]
fn a_rootfs_holds_exactly_what_the_spec_names() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("jq");
    let spec = format!("{}/recipes/images/jq.toml", env!("CARGO_MANIFEST_DIR"));
    output(project_drystone().args(["image", "build", &spec, "--format", "rootfs", "-o"]).arg(&root));
    let programs: Vec<_> = std::fs::read_dir(root.join("usr/bin")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(programs, ["jq"]);
    assert!(!root.join("bin").exists() && !root.join("lib").exists() && !root.join("usr/share").exists());
}

#[test]
fn the_toolbox_has_its_utilities_and_no_shell() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("toolbox");
    image("toolbox", &out);
    let Some(said) = run_in(&out, "latest", &["/usr/bin/ls", "/usr/bin"]) else { return };
    let programs: Vec<&str> = said.lines().collect();
    assert!(programs.len() >= 12, "{programs:?}");
    for shell in ["sh", "dash", "bash", "busybox"] {
        assert!(!programs.contains(&shell), "{programs:?}");
    }
}

#[test]
fn curl_finds_its_certificates_and_is_not_root() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("curl");
    let spec = format!("{}/recipes/images/curl.toml", env!("CARGO_MANIFEST_DIR"));
    output(project_drystone().args(["image", "build", &spec, "--format", "rootfs", "-o"]).arg(&root));
    let certificates = std::fs::read_to_string(root.join("etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert!(certificates.matches("BEGIN CERTIFICATE").count() > 100);
    let out = scratch.path().join("oci");
    image("curl", &out);
    let Some(said) = run_in(&out, "latest", &["/usr/bin/curl", "--version"]) else { return };
    assert!(said.contains("mbedTLS") || said.contains("OpenSSL"), "{said}");
}
