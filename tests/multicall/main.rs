//! Debian's real multi-call programs, and BusyBox built from source, are found whatever is done to them; programs that
//! are one program are not taken for many. Each test says when it skips because a package cannot be had.

mod busybox;
mod innocent;
mod packages;
mod packed;
#[path = "../support/mod.rs"]
mod support;
mod variants;

use std::process::Command;

use drystone::policy::multicall::{self, Evidence, MultiCall};

/// What is found in a file that is itself the program.
#[track_caller]
fn found(name: &str, bytes: &[u8]) -> MultiCall {
    let found = multicall::multi_call(bytes).unwrap_or_else(|| panic!("{name} is not found"));
    assert!(found.programs.len() >= 10, "{name} has only {:?}", found.programs);
    assert!(found.programs.is_sorted(), "{name}: {:?}", found.programs);
    found
}

#[test]
fn debians_multi_call_programs_are_found_and_told_apart() {
    for program in packages::guilty() {
        let seen = found(&program.name, &program.bytes);
        let expected = match &*program.name {
            "busybox" | "busybox-static" => matches!(seen.evidence, Evidence::List { functions: 200.., texts: 0, .. }),
            "toybox" => matches!(seen.evidence, Evidence::Table { programs: 80.. }),
            _ => matches!(seen.evidence, Evidence::Table { programs: 25.. }),
        };
        assert!(expected, "{}: {}", program.name, seen.evidence);
        assert_eq!(seen.within, [""; 0], "{}", program.name);
        assert_eq!(multicall::packed(&program.bytes), None, "{}", program.name);
        eprintln!("{}: {} programs, {:?}", program.name, seen.programs.len(), multicall::score(&program.bytes));
    }
}

#[test]
fn busyboxs_own_list_is_what_is_found() {
    for program in packages::guilty().iter().filter(|program| program.name.starts_with("busybox")) {
        let Ok(output) = Command::new(&program.path).arg("--list").output() else {
            eprintln!("skipped: this machine does not run {}", program.name);
            continue;
        };
        let mut listed: Vec<_> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
        listed.sort_unstable();
        assert_eq!(found(&program.name, &program.bytes).programs, listed);
    }
}

#[test]
fn one_program_behind_the_names_of_many_is_seen_by_the_names() {
    for program in packages::guilty() {
        let programs = found(&program.name, &program.bytes).programs;
        let links: Vec<_> = programs.iter().map(|name| format!("usr/bin/{name}")).collect();
        let seen = multicall::many_names(links.iter().map(String::as_str));
        assert!(seen.len() >= 10, "{}: {seen:?}", program.name);
    }
}
