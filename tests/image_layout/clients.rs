//! The clients that people use take the images. Each test says when it skips because its client is not there.

use std::path::Path;
use std::process::Command;

use drystone::image::Format;
use serde_json::Value;

use crate::directory::listing;
use crate::stones::{Store, spec};

/// Runs a client; `None` when it is not installed.
fn run(program: &str, words: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(words).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: {program} is not installed");
            return None;
        }
        output => output.unwrap(),
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn inspect(image: &str) -> Option<Value> {
    Some(serde_json::from_str(&run("skopeo", &["inspect", image])?).unwrap())
}

#[test]
fn skopeo_inspects_every_format() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let at = |name: &str| scratch.path().join(name);
    let layout = store.write(Format::Oci, &at("oci")).unwrap();
    store.write(Format::OciArchive, &at("oci.tar")).unwrap();
    store.write(Format::DockerArchive, &at("docker.tar")).unwrap();
    for transport in ["oci", "oci-archive"] {
        let file = if transport == "oci" { "oci" } else { "oci.tar" };
        let Some(seen) = inspect(&format!("{transport}:{}:4.9", at(file).display())) else { return };
        assert_eq!(seen["Digest"], format!("sha256:{}", layout.manifest.unwrap()), "{transport}");
        assert_eq!((&seen["Architecture"], &seen["Os"]), (&"amd64".into(), &"linux".into()));
        assert_eq!(seen["Created"], "1980-01-01T00:00:00Z");
    }
    let Some(seen) = inspect(&format!("docker-archive:{}:stones:4.9", at("docker.tar").display())) else { return };
    assert_eq!(seen["Layers"].as_array().unwrap().len(), layout.layers.len());
    assert_eq!(seen["Env"], serde_json::json!(["PATH=/usr/bin"]));
}

#[test]
fn skopeo_copies_a_layout_to_an_archive_and_back_with_the_same_configuration() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let at = |name: &str| scratch.path().join(name).display().to_string();
    let layout = store.write(Format::Oci, Path::new(&at("oci"))).unwrap();
    let copy = |from: &str, to: &str| run("skopeo", &["copy", "--insecure-policy", from, to]);
    let archive = format!("docker-archive:{}:stones:4.9", at("docker.tar"));
    let Some(_) = copy(&format!("oci:{}:4.9", at("oci")), &archive) else { return };
    let names = run("tar", &["-tf", &at("docker.tar")]).unwrap();
    assert!(names.contains(&layout.config.unwrap().to_string()), "Docker's image id is the configuration's: {names}");
    store.write(Format::DockerArchive, Path::new(&at("ours.tar"))).unwrap();
    copy(&format!("docker-archive:{}:stones:4.9", at("ours.tar")), &format!("oci:{}:4.9", at("again"))).unwrap();
    let seen = inspect(&format!("oci:{}:4.9", at("again"))).unwrap();
    assert_eq!(seen["Layers"].as_array().unwrap().len(), layout.layers.len());
}

#[test]
fn umoci_unpacks_the_layout_to_the_same_tree_as_ours() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let at = |name: &str| scratch.path().join(name).display().to_string();
    store.write(Format::Oci, Path::new(&at("oci"))).unwrap();
    store.write(Format::Rootfs, Path::new(&at("rootfs"))).unwrap();
    let image = format!("{}:4.9", at("oci"));
    let Some(_) = run("umoci", &["unpack", "--rootless", "--image", &image, &at("rootless")]) else { return };
    let (ours, rootless) = (listing(Path::new(&at("rootfs"))), listing(Path::new(&at("rootless/rootfs"))));
    assert_eq!(ours.keys().collect::<Vec<_>>(), rootless.keys().collect::<Vec<_>>());
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can unpack with owners");
        return;
    }
    run("umoci", &["unpack", "--image", &image, &at("bundle")]).unwrap();
    assert_eq!(ours, listing(Path::new(&at("bundle/rootfs"))));
    let bundle = std::fs::read(scratch.path().join("bundle/config.json")).unwrap();
    let bundle: Value = serde_json::from_slice(&bundle).unwrap();
    assert_eq!(bundle["process"]["user"]["uid"], 65532);
    assert_eq!(bundle["process"]["user"]["gid"], 65532, "taken from /etc/passwd");
    assert_eq!(bundle["process"]["cwd"], "/srv");
}

#[test]
fn runc_runs_the_image_as_its_user_in_its_directory() {
    let (store, scratch) = (Store::new(), tempfile::tempdir().unwrap());
    let at = |name: &str| scratch.path().join(name).display().to_string();
    std::fs::write(at("who.c"), WHO).unwrap();
    let can = |words: &[&str]| Command::new(words[0]).args(&words[1..]).output().is_ok_and(|run| run.status.success());
    if !rustix::process::geteuid().is_root() || !can(&["unshare", "--mount", "--pid", "--fork", "true"]) {
        eprintln!("skipped: runc needs root and namespaces");
        return;
    }
    if !can(&["cc", "-static", "-o", &at("who"), &at("who.c")]) {
        eprintln!("skipped: no static program can be compiled");
        return;
    }
    let who = store.part("who/bin", &[("usr/bin/sed", true, &std::fs::read(at("who")).unwrap())], None);
    store.write_image(&spec(), &[who], Format::Oci, Path::new(&at("oci"))).unwrap();
    let image = format!("{}:4.9", at("oci"));
    let Some(_) = run("umoci", &["unpack", "--image", &image, &at("bundle")]) else { return };
    let config = scratch.path().join("bundle/config.json");
    let mut bundle: Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
    bundle["process"]["terminal"] = false.into();
    std::fs::write(&config, bundle.to_string()).unwrap();
    let (root, name) = (at("state"), format!("drystone-test-{}", std::process::id()));
    let seen = run("runc", &["--root", &root, "run", "--bundle", &at("bundle"), &name]);
    assert!(seen.is_none_or(|seen| seen == "65532:65532 in /srv: --version\n"));
}

const WHO: &str = r#"
#include <stdio.h>
#include <unistd.h>
int main(int count, char **words) {
    char here[99];
    printf("%d:%d in %s: %s\n", getuid(), getgid(), getcwd(here, sizeof here), words[1]);
}
"#;
