//! The same image has the same evidence, whoever makes it, wherever; other facts are another document.

use std::path::Path;
use std::process::Command;

use crate::images::{Image, SPEC, drystone, elsewhere, sampler};
use crate::support::{DRYSTONE, HOME, Run, base};

const DOCUMENTS: [&str; 7] = [
    "controls.intoto.json",
    "cyclonedx.intoto.json",
    "policy.intoto.json",
    "provenance.intoto.json",
    "sbom.cdx.json",
    "sbom.spdx.json",
    "spdx.intoto.json",
];

fn bytes(image: &Image, name: &str) -> Vec<u8> {
    std::fs::read(image.file(name)).unwrap()
}

#[test]
fn another_place_and_another_time_zone_change_no_byte() {
    let (first, project) = (sampler(Path::new(HOME)), elsewhere());
    // Made in a copy of the project, by a relative name, with another clock zone and another umask.
    let scratch = tempfile::tempdir().unwrap();
    let layout = scratch.path().join("deep/er/image");
    std::fs::write(project.path().join("sampler.toml"), SPEC).unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 077; exec \"$0\" \"$@\"", DRYSTONE, "image", "build", "../sampler.toml", "-o"])
        .arg(&layout);
    command.current_dir(project.path().join("recipes")).env("DRYSTONE_STORE", &base().store);
    command.env("TZ", "Asia/Kathmandu").env("LC_ALL", "C").env("SOURCE_DATE_EPOCH", "1");
    let digest = Run::of(&mut command).succeeded().stdout;
    let second = Image { scratch, layout, digest };
    assert_eq!(second.digest.trim(), format!("sha256:{}", first.digest));
    for name in DOCUMENTS {
        assert_eq!(bytes(&first, name), bytes(&second, name), "{name}");
    }
    let names = drystone::fs::list(&first.layout.join("evidence")).unwrap();
    assert_eq!(names, DOCUMENTS, "and nothing else is there");
}

/// A licence that was corrected changes what is said of the image, but not the image.
#[test]
fn other_facts_are_another_document_of_the_same_image() {
    let (first, project) = (sampler(Path::new(HOME)), elsewhere());
    let recipe = project.path().join("recipes/jq.toml");
    let text = std::fs::read_to_string(&recipe).unwrap();
    std::fs::write(&recipe, text.replace("MIT AND ICU AND CC-BY-3.0", "MIT")).unwrap();
    let second = sampler(project.path());
    assert_eq!(first.digest, second.digest);
    for (name, field) in [("sbom.spdx.json", "documentNamespace"), ("sbom.cdx.json", "serialNumber")] {
        assert_ne!(first.json(name)[field], second.json(name)[field], "{field}");
    }
    // What it was made from is the other recipe.
    assert_ne!(bytes(&first, "provenance.intoto.json"), bytes(&second, "provenance.intoto.json"));
}

#[test]
fn every_format_s_evidence_goes_where_it_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    std::fs::write(at("sampler.toml"), SPEC).unwrap();
    for format in ["oci", "oci-archive", "docker-archive", "rootfs"] {
        let (spec, out, evidence) = (at("sampler.toml"), at(format), at(&format!("{format}-evidence")));
        let mut words = vec!["image", "build", spec.to_str().unwrap(), "--format", format];
        words.extend(["-o", out.to_str().unwrap(), "--evidence", evidence.to_str().unwrap()]);
        let made = drystone(Path::new(HOME), &words).succeeded().stdout;
        assert_eq!(drystone::fs::list(&evidence).unwrap(), DOCUMENTS, "{format}");
        let statement = std::fs::read_to_string(evidence.join("provenance.intoto.json")).unwrap();
        let statement: serde_json::Value = serde_json::from_str(&statement).unwrap();
        let subject = &statement["subject"][0];
        assert_eq!(subject["name"], "acme/sampler");
        if format == "rootfs" {
            // As the framework's description of `dirHash` has it.
            let hash = "find . -type f | cut -c3- | LC_ALL=C sort | xargs -r sha256sum | sha256sum | cut -f1 -d' '";
            let hash = Run::of(Command::new("sh").args(["-c", hash]).current_dir(&out)).succeeded().stdout;
            assert_eq!(subject["digest"]["dirHash"], hash.trim());
        } else {
            assert_eq!(subject["digest"]["sha256"], made.trim().trim_start_matches("sha256:"), "{format}");
        }
    }
    // What lies in the layout is the same.
    let beside = std::fs::read(at("oci/evidence/sbom.spdx.json")).unwrap();
    assert_eq!(std::fs::read(at("oci-evidence/sbom.spdx.json")).unwrap(), beside);
}
