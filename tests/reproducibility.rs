//! The same recipes built in two places that have nothing in common: one object, one image.

mod support;

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use support::{DRYSTONE, HOME, Run, World, is_root, real_recipe};

/// A user who owns nothing else.
const NOBODY: u32 = 65534;

/// Everything that a careless program takes from where it was built.
const PROGRAM: &str = r#"
#include <stdio.h>
#include <zlib.h>
extern const char *parts[];
int main(void)
{
	printf("%s %s %s zlib %s\n", __FILE__, __DATE__, __TIME__, zlibVersion());
	for (int i = 0; parts[i]; i++) puts(parts[i]);
	return 0;
}
"#;

const MAKEFILE: &str = r#"
tally: tally.o parts.o
	$(CC) $(CFLAGS) -o $@ $^ -lz
parts.c:
	(echo 'const char *parts[] = {'; for file in *.c Make*; do echo "\"$$file\","; done; echo '0};') > $@
install: tally
	mkdir -p $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/doc
	cp tally $(DESTDIR)$(PREFIX)/bin
	tar -czf $(DESTDIR)$(PREFIX)/share/doc/tally.tar.gz --mtime=@$(SOURCE_DATE_EPOCH) --owner=0 --group=0 --sort=name *.c
	(id; umask; date +%Z; uname -n; env | grep -vE '^(MAKE|PWD|OUT|MFLAGS)' | sort) > $(DESTDIR)$(PREFIX)/share/doc/tally.txt
"#;

const IMAGE: &str = r#"
name = "tally"
components = ["tally", "tally/doc"]
[config]
entrypoint = ["/usr/bin/tally"]
"#;

fn project() -> World {
    let world = World::new();
    world.write("recipes/zlib.toml", &real_recipe("zlib"));
    world.write("recipes/tally/Makefile", MAKEFILE);
    world.write("recipes/tally/tally.c", PROGRAM);
    world.write("recipes/images/tally.toml", IMAGE);
    let build = "[build]\npreset = \"make\"\nprepare = \"cp ../files/* .\"\n";
    let body = format!("files = [\"Makefile\", \"tally.c\"]\n[dependencies]\ntarget = [\"zlib\"]\n{build}");
    world.recipe("tally", &body);
    world
}

/// What was built: (component, object) of both recipes, and the image's digest.
fn results(mut build: Command, mut image: Command) -> (Vec<(String, String)>, String) {
    let built: Vec<Value> = serde_json::from_str(&Run::of(&mut build).succeeded().stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let name = |one: &Value| format!("{}/{}", text(&one["recipe"]), text(&one["component"]));
    let objects = built.iter().map(|one| (name(one), text(&one["object"]))).collect();
    (objects, Run::of(&mut image).succeeded().stdout)
}

/// Gives a world to a user for whom nothing else of this machine need be readable: copies instead of links.
fn give_to(world: &World, user: u32) -> PathBuf {
    let own = world.path("place of another length/the store");
    drystone::store::Store::open(&own).unwrap();
    let copy = |words: &[&str]| Run::of(Command::new("cp").args(words)).succeeded();
    for directory in ["objects", "sources", "manifests", "traces", "logs", "roots"] {
        let to = own.join(directory);
        for name in world.names(directory) {
            // Objects and sources are links into the shared store; the links within objects stay links.
            let from = world.store().join(directory).join(name);
            copy(&["-RH", "--preserve=mode,timestamps", from.to_str().unwrap(), to.to_str().unwrap()]);
        }
    }
    let toolchains = world.path("project/toolchains");
    std::fs::remove_file(&toolchains).unwrap();
    copy(&["-r", &format!("{HOME}/toolchains"), toolchains.to_str().unwrap()]);
    let program = world.path("drystone");
    std::fs::copy(DRYSTONE, &program).unwrap();
    let owner = format!("{user}:{user}");
    Run::of(Command::new("chown").args(["-R", "-h", &owner]).arg(world.path(""))).succeeded();
    program
}

#[test]
fn two_builds_that_share_nothing_but_the_recipes_give_the_same_objects_and_image() {
    let here = project();
    let first = results(
        here.command(&["build", "--json", "-j", "1", "tally", "zlib"]),
        here.command(&["image", "build", "recipes/images/tally.toml", "-o", "image"]),
    );

    let there = project();
    let (program, user) = match is_root() {
        true => (give_to(&there, NOBODY), NOBODY),
        // Rootless anyway.
        false => (PathBuf::from(DRYSTONE), rustix::process::geteuid().as_raw()),
    };
    let elsewhere = |words: &[&str]| {
        // Words and places reach the shell as its arguments.
        let script = "umask 077; cd \"$1\"; shift; exec \"$@\"";
        let mut command = there.command_of("sh", &["-c", script, "sh"]);
        command.arg(there.path("home")).arg(&program).args(words).arg("--project").arg(there.path("project"));
        command.envs([("TZ", "Asia/Kathmandu"), ("LANG", "de_DE.UTF-8"), ("USER", "mallory"), ("CFLAGS", "-O0")]);
        if is_root() {
            command.uid(user).gid(user).env("DRYSTONE_STORE", there.path("place of another length/the store"));
        }
        command
    };
    let spec = there.path("project/recipes/images/tally.toml");
    let second = results(
        elsewhere(&["build", "--json", "-j", "2", "tally", "zlib"]),
        elsewhere(&["image", "build", spec.to_str().unwrap(), "-o", "another place"]),
    );

    let names: Vec<&str> = first.0.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["tally/bin", "tally/doc", "zlib/dev", "zlib/doc"]);
    assert_eq!(first, second);
}
