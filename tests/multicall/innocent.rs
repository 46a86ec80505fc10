//! Programs that are one program: none is taken for many, and none comes near.

use std::path::PathBuf;

use drystone::policy::multicall::{self, Score};
use rayon::prelude::*;

use crate::{packages, support};

/// What is linked statically in Debian, what is written in Go and Rust, shells, and programs with many commands or
/// many names of their own.
const PACKAGES: [&str; 41] = [
    "aide",
    "bash-static",
    "bfs",
    "caddy",
    "catatonit",
    "cdebootstrap-static",
    "coreutils",
    "cryptsetup-bin",
    "dar-static",
    "dash",
    "e2fsck-static",
    "fish",
    "gh",
    "git",
    "gpgv-static",
    "guestfsd",
    "haproxy",
    "iproute2",
    "kmod",
    "ksh93u+m",
    "libc-bin",
    "lvm2",
    "mksh",
    "openssl",
    "perl-base",
    "procps",
    "python3.11-minimal",
    "restic",
    "ripgrep",
    "runit",
    "shellcheck",
    "strace",
    "systemd",
    "tcsh",
    "tini",
    "udev",
    "util-linux",
    "vim-tiny",
    "yash",
    "zsh",
    "zsh-static",
];

/// Asserts that nothing is found in programs, and prints what came nearest.
fn assert_innocent(programs: &[PathBuf]) {
    let judged: Vec<(Score, &PathBuf)> = programs
        .par_iter()
        .map(|path| {
            let bytes = std::fs::read(path).unwrap();
            let (found, packed) = multicall::examine(&bytes);
            assert_eq!(found.map(|found| found.to_string()), None, "{}", path.display());
            assert_eq!(packed.map(|packed| packed.to_string()), None, "{}", path.display());
            (multicall::score(&bytes), path)
        })
        .collect();
    // Half of what is evidence, or less.
    for (score, path) in &judged {
        assert!(score.listed <= 2 && score.tabled <= 5 && score.told <= 5, "{}: {score:?}", path.display());
    }
    let nearest = |of: fn(&Score) -> usize| judged.iter().map(|(score, path)| (of(score), path)).max();
    for (kind, of) in [("listed", (|score| score.listed) as fn(&Score) -> usize), ("tabled", |score| score.tabled)] {
        eprintln!("{} programs, {kind} at most: {:?}", judged.len(), nearest(of));
    }
}

#[test]
fn debians_programs_are_one_program_each() {
    let trees: Vec<_> = PACKAGES.into_iter().filter_map(packages::unpacked).collect();
    let programs: Vec<_> = trees.iter().flat_map(|tree| packages::programs_below(tree)).collect();
    assert!(trees.is_empty() || programs.len() > 400, "only {} programs", programs.len());
    assert_innocent(&programs);
}

#[test]
fn what_our_recipes_make_is_one_program_each() {
    let programs = packages::programs_below(&support::base().store.join("objects"));
    assert!(programs.len() > 100, "only {} programs", programs.len());
    assert_innocent(&programs);
}

#[test]
fn whoever_looks_for_the_names_is_not_the_programs() {
    assert_innocent(&[support::DRYSTONE.into(), std::env::current_exe().unwrap()]);
}
