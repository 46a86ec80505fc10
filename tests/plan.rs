//! What the command line says before anything is built: plans, unknown names, help, completions.

mod support;

use std::io::Write as _;
use std::process::Stdio;

use insta::assert_snapshot;
use serde_json::Value;
use support::{Run, World};

const HEADER: &str = "mkdir -p $OUT/usr/include; echo > $OUT/usr/include/stone.h";
const PROGRAM: &str = "mkdir -p $OUT/usr/bin; touch $OUT/usr/bin/wall";

/// `wall` needs the library `stone` and the tool `hammer`.
fn project() -> World {
    let world = World::new();
    world.script("stone", HEADER);
    world.script("hammer", "mkdir -p $OUT/usr/bin; touch $OUT/usr/bin/hammer");
    let needs = "[dependencies]\ntarget = [\"stone\"]\nbuild = [\"hammer\"]\n";
    world.recipe("wall", &format!("{needs}[build]\npreset = \"script\"\nscript = '{PROGRAM}'\n"));
    world
}

#[test]
fn a_tree_shows_what_is_built_and_what_is_to_do() {
    let world = project();
    assert_snapshot!("before", world.drystone(&["plan", "wall"]).succeeded().stdout);
    world.drystone(&["build", "stone"]).succeeded();
    std::fs::remove_file(world.store().join("roots/x86_64-linux-musl/stone-1.dev")).unwrap();
    assert_snapshot!("between", world.drystone(&["plan", "wall", "stone"]).succeeded().stdout);
    world.drystone(&["build", "wall"]).succeeded();
    let after = world.drystone(&["plan", "wall"]).succeeded().stdout;
    assert_eq!(after.lines().last(), Some("0 of 15 to do"), "{after}");
}

#[test]
fn a_graph_for_graphviz() {
    assert_snapshot!(project().drystone(&["plan", "wall", "--format", "dot"]).succeeded().stdout);
}

#[test]
fn a_plan_for_machines_has_the_keys_and_objects_that_are_known() {
    let world = project();
    world.drystone(&["build", "stone"]).succeeded();
    let own =
        |node: &Value| ["stone", "hammer", "wall"].iter().any(|name| node["name"].as_str().unwrap().starts_with(name));
    let nodes: Vec<Value> = world.plan("wall").into_iter().filter(own).collect();
    assert_snapshot!(world.normal(&serde_json::to_string_pretty(&nodes).unwrap()));
}

#[test]
fn a_plan_is_the_same_every_time() {
    let world = project();
    assert_eq!(world.plan("wall"), world.plan("wall"));
}

/// The error of a command line that is wrong.
fn mistake(world: &World, words: &[&str]) -> String {
    let run = world.drystone(words).ended(2);
    assert_eq!(run.stdout, "");
    world.normal(run.error())
}

#[test]
fn an_unknown_recipe_suggests_the_nearest() {
    assert_snapshot!(mistake(&project(), &["build", "wal"]), @r"
    error: there is no recipe `wal`
    hint: the nearest: `wall`
    ");
    assert_snapshot!(mistake(&project(), &["plan", "zzzzzz"]), @"error: there is no recipe `zzzzzz`");
}

#[test]
fn an_unknown_component_suggests_the_nearest() {
    let world = project();
    assert_snapshot!(mistake(&world, &["store", "path", "wall/bin"]), @r"
    error: wall as it is now is not built
    hint: build it first: drystone build wall
    ");
    let run = world.drystone(&["build", "wall/bim"]).ended(2);
    assert_snapshot!(world.normal(run.error()), @r"
    error: wall has no component `bim`
    hint: the nearest: `bin`
    ");
    let run = world.drystone(&["build", "wall/quarry"]).ended(2);
    assert_snapshot!(world.normal(run.error()), @r"
    error: wall has no component `quarry`
    hint: it has `bin`
    ");
}

#[test]
fn recipes_that_need_each_other_are_spelled_out() {
    let world = World::new();
    for (name, needs) in [("egg", "hen"), ("hen", "nest"), ("nest", "egg"), ("farm", "hen")] {
        world.recipe(
            name,
            &format!("[dependencies]\ntarget = [{needs:?}]\n[build]\npreset = \"script\"\nscript = ':'\n"),
        );
    }
    assert_snapshot!(mistake(&world, &["build", "farm"]), @"error: recipes depend on each other: hen");
}

#[test]
fn an_unknown_target_says_which_there_are() {
    assert_snapshot!(mistake(&project(), &["build", "--target", "riscv64-linux-musl", "wall"]), @r"
    error: the toolchain `gcc-musl` cannot build for `riscv64-linux-musl`
    hint: it can for `aarch64-linux-musl`, `x86_64-linux-musl`
    ");
}

#[test]
fn a_place_without_a_project_is_said() {
    let world = World::bare();
    let run = Run::of(world.command(&["plan", "wall"]).current_dir(world.path("home"))).ended(2);
    assert_snapshot!(world.normal(run.error()), @r"
    error: HOME is not in a project: there is no directory with recipes/ and toolchains/
    hint: change to one, or name it with --project
    ");
}

#[test]
fn a_project_is_found_from_below_and_by_name() {
    let world = project();
    let here = world.drystone(&["plan", "wall"]).succeeded().stdout;
    let below = Run::of(world.command(&["plan", "wall"]).current_dir(world.path("project/recipes"))).succeeded();
    assert_eq!(below.stdout, here);
    let project = world.path("project");
    let words = ["plan", "wall", "--project", project.to_str().unwrap()];
    assert_eq!(Run::of(world.command(&words).current_dir("/")).succeeded().stdout, here);
}

const VERBS: &[&[&str]] = &[
    &[],
    &["build"],
    &["image"],
    &["image", "build"],
    &["image", "verify"],
    &["keys"],
    &["keys", "new"],
    &["keys", "public"],
    &["sign"],
    &["attest"],
    &["attest", "make"],
    &["attest", "collect"],
    &["attest", "push"],
    &["verify"],
    &["image", "push"],
    &["image", "pull"],
    &["image", "check"],
    &["image", "diff"],
    &["image", "inspect"],
    &["image", "why"],
    &["plan"],
    &["log"],
    &["shell"],
    &["why"],
    &["why-depends"],
    &["edit"],
    &["store"],
    &["store", "ls"],
    &["store", "path"],
    &["store", "manifest"],
    &["store", "verify"],
    &["store", "gc"],
    &["store", "export"],
    &["store", "import"],
    &["store", "diff"],
    &["image", "rebuild"],
    &["completions"],
];

#[test]
fn every_verb_has_help_with_examples() {
    let world = World::bare();
    for verb in VERBS {
        let help = world.drystone(&[verb, &["--help"][..]].concat()).succeeded().stdout;
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        assert!(
            matches!(verb, [_] if matches!(verb[0], "store" | "keys" | "image" | "attest"))
                || help.contains("Examples:\n"),
            "{verb:?} has no examples:\n{help}"
        );
        // What the environment says is a default, and shown as one.
        assert_snapshot!(["help", &verb.join("-")].join("-"), world.normal(&help));
    }
}

#[test]
fn shells_get_completions_that_they_understand() {
    let world = World::bare();
    for shell in ["bash", "zsh", "fish"] {
        let script = world.drystone(&["completions", shell]).succeeded().stdout;
        for word in ["build", "image", "plan", "--time-limit"] {
            assert!(script.contains(word.trim_start_matches("--")), "{shell}: no {word}");
        }
        // Only a shell that is there can read its own.
        let Ok(mut reader) = world.command_of(shell, &["-n"]).stdin(Stdio::piped()).spawn() else { continue };
        reader.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(reader.wait().unwrap().success(), "{shell} does not understand its completions");
    }
}

#[test]
fn a_recipe_that_is_not_for_a_target_says_so_and_all_recipes_pass_it_over() {
    let world = World::bare();
    world.script("anywhere", "true");
    world.script("picky", "true");
    let text = std::fs::read_to_string(world.path("project/recipes/picky.toml")).unwrap();
    world.write("recipes/picky.toml", &format!("targets = [\"x86_64-linux-musl\"]\n{text}"));
    let run = world.drystone(&["plan", "picky", "--target", "aarch64-linux-musl"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    let error = "picky cannot be built for aarch64-linux-musl: its `targets` are x86_64-linux-musl";
    assert!(run.stderr.contains(error), "{}", run.stderr);
    let catalog = drystone::recipe::Catalog::load(&world.path("project")).unwrap();
    let for_target = |target: &str| {
        let names = catalog.recipes_for(&drystone::recipe::Target(target.to_owned())).into_iter();
        names.map(|name| name.to_string()).filter(|name| name == "picky" || name == "anywhere").collect::<Vec<_>>()
    };
    assert_eq!(for_target("aarch64-linux-musl"), ["anywhere"]);
    assert_eq!(for_target("x86_64-linux-musl"), ["anywhere", "picky"]);
}
