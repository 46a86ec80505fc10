//! What `lint` says of recipes and `fmt` does to files.

mod support;

use insta::assert_snapshot;
use support::World;

const FAULTY: &str = r#"name="stone"
version = "1.2.3"
summary = "A stone."
license = "MIT"
patches = ["0001-round.patch"]


[[source]]
sha256 = "6e226b732e1cd739464ad6862bd1a1aba42d7982922da7a53519631d24975181"
urls = ["http://quarry.example/stone-1.2.3.tar.xz"]
[[source]]
sha256 = "7e226b732e1cd739464ad6862bd1a1aba42d7982922da7a53519631d24975181"
urls = ["debian:pool/main/s/stone/stone_1.2.3.orig.tar.xz"]
into = "more"

[build]
preset = "script"
script = """
python3 setup.py # cut
cp x86_64/stone $OUT/usr/local/bin/
"""

[[test]]
run = ["stone", "--version"]
"#;

fn faulty() -> World {
    let world = World::new();
    world.write("recipes/stone.toml", FAULTY);
    world.write("recipes/stone/0001-round.patch", "--- a/x\n+++ b/x\n");
    world.write("recipes/stone/forgotten.c", "");
    world
}

#[test]
fn each_remark_says_where_and_what_to_do() {
    let world = faulty();
    let run = world.drystone(&["lint", "stone"]).ended(1);
    assert_snapshot!(world.normal(&run.stdout));
    assert!(run.stderr.contains("remarks"), "{}", run.stderr);
}

#[test]
fn fix_mends_what_needs_no_thought_and_nothing_else() {
    let world = faulty();
    world.drystone(&["lint", "stone", "--fix"]).ended(1);
    let text = std::fs::read_to_string(world.path("project/recipes/stone.toml")).unwrap();
    let expected = FAULTY
        .replace("name=\"stone\"", "name = \"stone\"")
        .replace("\n\n\n", "\n\n")
        .replace(".xz\"]\n[[source]]", ".xz\"]\n\n[[source]]")
        .replace("stone-1.2.3.tar", "stone-{version}.tar")
        .replace("stone_1.2.3.orig", "stone_{version}.orig");
    assert_eq!(text, expected);
    let again = world.drystone(&["lint", "stone", "--fix", "--json"]).ended(1);
    assert!(!again.stdout.contains("\"fixed\": true"), "{}", again.stdout);
}

#[test]
fn globs_are_held_against_what_was_installed() {
    let world = World::new();
    let body = |components: &str| {
        format!(
            "homepage = \"https://quarry.example/\"\n[build]\npreset = \"script\"\nscript = '''\nmkdir -p $OUT/etc\n\
             echo a > $OUT/etc/a; echo b > $OUT/etc/b\n'''\n{components}"
        )
    };
    world.recipe("one", &body("[components.a]\nfiles = [\"etc/a\"]\n[components.b]\nfiles = [\"etc/b\", \"etc/c\"]\n"));
    world.drystone(&["fmt"]).succeeded();
    world.drystone(&["lint", "one"]).succeeded();
    world.drystone(&["build", "one"]).succeeded();
    let run = world.drystone(&["lint", "one"]).ended(1);
    assert_snapshot!(world.normal(&run.stdout), @r"
    PROJECT/recipes/one.toml:17: `etc/c` of the component `b` matches nothing that is installed [empty-glob]
      mend: take it away, or mend its spelling
    ");
}

#[test]
fn fmt_names_the_files_and_check_changes_none() {
    let world = faulty();
    let before = FAULTY.to_owned();
    let read = || std::fs::read_to_string(world.path("project/recipes/stone.toml")).unwrap();
    let checked = world.drystone(&["fmt", "--check"]).ended(1);
    assert_eq!(checked.stdout.lines().filter(|line| line.ends_with("recipes/stone.toml")).count(), 1);
    assert_eq!(read(), before);
    world.drystone(&["fmt", "recipes/stone.toml"]).succeeded();
    assert_ne!(read(), before);
    world.drystone(&["fmt", "--check", "recipes/stone.toml"]).succeeded();
}

#[test]
fn there_is_nothing_to_say_of_the_projects_own_files() {
    let world = World::bare();
    for verb in [["fmt", "--check"].as_slice(), &["lint"]] {
        let run = world.drystone(&[["--project", support::HOME].as_slice(), verb].concat());
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
    }
}
