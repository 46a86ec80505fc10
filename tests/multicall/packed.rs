//! What UPX packs is unpacked. UPX is the machine's own, or else Debian 13's, run with that release's libraries.

use std::path::{Path, PathBuf};
use std::process::Command;

use drystone::policy::multicall::{self, Packing};

use crate::{found, packages};

/// What UPX makes of a program; `None` when it will not.
fn packed(upx: &Upx, program: &Path, method: &str) -> Option<Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("packed");
    let run = upx.command().args(["-qq", method, "-o"]).args([&output, program]).output().unwrap();
    if !run.status.success() {
        eprintln!("upx {method}: {}", String::from_utf8_lossy(&run.stderr));
        return None;
    }
    Some(std::fs::read(output).unwrap())
}

#[test]
fn what_upx_packed_is_unpacked_and_found() {
    let Some(upx) = Upx::find() else { return };
    let mut count = 0;
    for program in packages::guilty().iter().filter(|program| program.bytes.len() < 4 << 20) {
        let all: &[&str] = &["--nrv2b", "--nrv2d", "--nrv2e", "--lzma"];
        for method in if program.name == "busybox" { all } else { &all[2..3] } {
            // It gives up on Debian's Toybox.
            let Some(packed) = packed(&upx, &program.path, method) else { continue };
            count += 1;
            let seen = found(&format!("{} packed with {method}", program.name), &packed);
            assert_eq!(seen.within, ["upx"], "{} {method}", program.name);
            assert_eq!(seen.programs, found(&program.name, &program.bytes).programs, "{} {method}", program.name);
        }
    }
    assert!(packages::guilty().is_empty() || count >= 6, "UPX packed only {count} times");
}

#[test]
fn the_letters_of_upx_are_not_needed_and_a_broken_block_is_a_fact() {
    let Some(upx) = Upx::find() else { return };
    let Some(program) = packages::guilty().first() else { return };
    let bytes = packed(&upx, &program.path, "--nrv2e").unwrap();
    let mut edited = crate::variants::without(&bytes, "UPX");
    // The notes between the program headers and the first block.
    let notes = 64 + 56 * usize::from(edited[56]);
    edited[notes..notes + 24].fill(0);
    assert_eq!(found("an edited one", &edited).within, ["upx"]);
    let middle = edited.len() / 2;
    edited[middle..middle + 64].fill(0xa5);
    let (found, packed) = multicall::examine(&edited);
    assert_eq!(found, None);
    assert_eq!(packed.map(|packed| packed.packing), Some(Packing::Upx));
    // With a method that nobody knows it is what a packer that nobody knows would make.
    edited[notes + 24 + 8] = 77;
    assert_eq!(multicall::packed(&edited).map(|packed| packed.packing), Some(Packing::Program));
}

struct Upx {
    words: Vec<PathBuf>,
}

impl Upx {
    fn find() -> Option<Self> {
        if Command::new("upx").arg("--version").output().is_ok() {
            return Some(Self { words: vec!["upx".into()] });
        }
        let options = trixie()?;
        let tree = |name: &str| packages::unpacked_from(name, &options);
        let libraries = ["libc6", "libgcc-s1", "libstdc++6", "libucl1", "zlib1g"].map(tree);
        let libraries: Option<Vec<_>> = libraries.into_iter().collect();
        let libraries: Vec<_> = libraries?.iter().map(|tree| tree.join("usr/lib/x86_64-linux-gnu")).collect();
        let loader = libraries[0].join("ld-linux-x86-64.so.2");
        let path = std::env::join_paths(&libraries).unwrap();
        let upx = tree("upx-ucl")?.join("usr/bin/upx-ucl");
        Some(Self { words: vec![loader, "--library-path".into(), path.into(), upx] })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        command
    }
}

/// What apt has to be told to take packages from Debian 13, at the mirror that it is configured with.
fn trixie() -> Option<Vec<String>> {
    let state = packages::cache().join("trixie");
    let option = |name: &str, value: &str| ["-o".to_owned(), format!("{name}={value}")];
    let path = |name: &str| state.join(name).to_str().unwrap().to_owned();
    let options = [
        option("Dir::Etc::sourcelist", &path("sources.list")),
        option("Dir::Etc::sourceparts", "-"),
        option("Dir::State::lists", &path("lists")),
        option("Dir::State::status", "/dev/null"),
        option("Dir::Cache", &path("cache")),
        option("Acquire::IndexTargets::deb::DEP-11::DefaultEnabled", "false"),
        option("Acquire::Languages", "none"),
        option("APT::Sandbox::User", "root"),
    ]
    .concat();
    if !state.join("updated").exists() {
        for directory in ["lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(state.join(directory)).unwrap();
        }
        let targets = Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]).output().ok()?;
        let targets = String::from_utf8(targets.stdout).unwrap();
        let mirror = targets.lines().find(|line| line.trim_end_matches('/').ends_with("/debian"))?;
        let key = "/usr/share/keyrings/debian-archive-keyring.gpg";
        std::fs::write(state.join("sources.list"), format!("deb [signed-by={key}] {mirror} trixie main\n")).unwrap();
        packages::apt(&options, &["-q", "update"], &state)?;
        std::fs::write(state.join("updated"), "").unwrap();
    }
    Some(options)
}
