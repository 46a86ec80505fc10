//! Clients go on reading a layout that has evidence beside its blobs.

use std::process::Command;

use crate::images::own;
use crate::support::{Run, is_root};

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

#[test]
fn skopeo_and_umoci_and_podman_read_a_layout_with_evidence() {
    let image = own();
    let reference = format!("oci:{}:1.0", image.layout.display());
    if has("skopeo") {
        let copy = format!("oci:{}:copy", image.scratch.path().join("copy").display());
        Run::of(Command::new("skopeo").args(["copy", "--insecure-policy", "--preserve-digests", &reference, &copy]))
            .succeeded();
        let digest = Run::of(Command::new("skopeo").args(["inspect", "--format", "{{.Digest}}", &copy])).succeeded();
        assert_eq!(digest.stdout.trim(), format!("sha256:{}", image.digest));
    }
    if has("umoci") && is_root() {
        let bundle = image.scratch.path().join("bundle");
        let name = format!("{}:1.0", image.layout.display());
        Run::of(Command::new("umoci").args(["unpack", "--image", &name]).arg(&bundle)).succeeded();
        assert_eq!(std::fs::read(bundle.join("rootfs/etc/motd")).unwrap(), b"hello");
    }
    if has("podman") && is_root() {
        let root = image.scratch.path().join("podman");
        let store = ["--root", root.to_str().unwrap(), "--storage-driver", "vfs"];
        // podman makes a name of the path, and a name has no capital letters.
        let plain = std::env::temp_dir().join(format!("drystone-layout-{}", std::process::id()));
        std::os::unix::fs::symlink(&image.layout, &plain).unwrap();
        let reference = format!("oci:{}:1.0", plain.display());
        let pulled = Run::of(Command::new("podman").args(store).args(["pull", "--quiet", &reference]));
        std::fs::remove_file(&plain).unwrap();
        let pulled = pulled.succeeded();
        assert_eq!(pulled.stdout.trim().len(), 64, "{}", pulled.stdout);
    }
}

/// A layout with evidence is one that we wrote: it is replaced as a whole, and what was beside the old one is gone.
#[test]
fn a_layout_with_evidence_is_replaced() {
    let image = own();
    std::fs::write(image.file("stale.intoto.json"), "{}").unwrap();
    let spec = image.scratch.path().join("sampler.toml");
    let words = ["image", "build", spec.to_str().unwrap(), "-o", image.layout.to_str().unwrap()];
    crate::images::drystone(std::path::Path::new(crate::support::HOME), &words).succeeded();
    assert!(!image.file("stale.intoto.json").exists() && image.file("sbom.spdx.json").exists());
}
