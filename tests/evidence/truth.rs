//! What the documents claim, held against the files by programs that are not ours.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::images::{SPEC, drystone, own};
use crate::support::{HOME, Run};

/// What a library leaves in every program that has it inside, by a text of its own.
const MARKS: [(&str, &str); 5] = [
    ("mbedtls", "client finished"),
    ("musl", "No error information"),
    ("ncurses", "TERMINFO_DIRS"),
    ("oniguruma", "end pattern at escape"),
    ("zlib", "inflate 1.3.1 Copyright"),
];

fn sh(directory: &Path, script: &str) -> String {
    Run::of(Command::new("sh").args(["-euc", script]).current_dir(directory)).succeeded().stdout.trim().to_owned()
}

/// The sampler as a plain directory.
fn root() -> (tempfile::TempDir, std::path::PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let (spec, root) = (scratch.path().join("sampler.toml"), scratch.path().join("root"));
    std::fs::write(&spec, SPEC).unwrap();
    let words = ["image", "build", spec.to_str().unwrap(), "--format", "rootfs", "-o", root.to_str().unwrap()];
    drystone(Path::new(HOME), &words).succeeded();
    (scratch, root)
}

#[test]
fn coreutils_finds_the_checksums_and_the_verification_code_that_spdx_states() {
    let (document, (_scratch, root)) = (own().json("sbom.spdx.json"), root());
    for (algorithm, program) in [("SHA1", "sha1sum"), ("SHA256", "sha256sum")] {
        let lines = document["files"].as_array().unwrap().iter().map(|file| {
            let checksums = file["checksums"].as_array().unwrap();
            let checksum = checksums.iter().find(|one| one["algorithm"] == algorithm).unwrap();
            format!("{}  {}", checksum["checksumValue"].as_str().unwrap(), file["fileName"].as_str().unwrap())
        });
        let mut lines: Vec<_> = lines.collect();
        lines.sort();
        assert_eq!(lines.join("\n"), sh(&root, &format!("find . -type f -exec {program} {{}} + | LC_ALL=C sort")));
    }
    // Section 7.9 of the specification.
    let code = sh(
        &root,
        "find . -type f -exec sha1sum {} + | cut -c1-40 | LC_ALL=C sort | tr -d '\\n' | sha1sum | cut -c1-40",
    );
    assert_eq!(document["packages"][0]["packageVerificationCode"]["packageVerificationCodeValue"], code);
    let links = sh(&root, "find . -type l -printf '%P -> %l\\n' | LC_ALL=C sort");
    let stated: String =
        document["packages"].as_array().unwrap().iter().filter_map(|one| one["comment"].as_str()).collect();
    for link in links.lines() {
        assert!(stated.contains(&format!("/{link}")), "{link} is not in {stated}");
    }
}

#[test]
fn a_library_is_listed_where_its_own_words_are_in_a_program_and_nowhere_else() {
    let (document, (_scratch, root)) = (own().json("sbom.cdx.json"), root());
    let node = |reference: &Value| {
        let nodes = document["dependencies"].as_array().unwrap();
        nodes.iter().find(|node| node["ref"] == *reference).unwrap()["dependsOn"].clone()
    };
    let mut checked = Vec::new();
    for component in document["components"].as_array().unwrap().iter().filter(|one| one["type"] == "application") {
        let listed = node(&component["bom-ref"]);
        let files = component["components"].as_array().unwrap().iter();
        let places = files.map(|file| root.join(file["name"].as_str().unwrap().trim_start_matches('/')));
        let programs: Vec<_> = places
            .filter_map(|place| std::fs::read(place).ok())
            .filter(|bytes| bytes.starts_with(b"\x7fELF"))
            .collect();
        assert!(!programs.is_empty(), "{} has no program", component["name"]);
        for (library, mark) in MARKS {
            let is_inside = programs.iter().any(|bytes| memchr::memmem::find(bytes, mark.as_bytes()).is_some());
            let is_listed = listed.as_array().unwrap().contains(&format!("library:{library}").into());
            assert_eq!(is_listed, is_inside, "{library} in {}", component["name"]);
        }
        checked.push(component["name"].as_str().unwrap());
    }
    assert_eq!(checked, ["coreutils/cat", "coreutils/ls", "curl", "jq", "less", "sqlite"]);
}
