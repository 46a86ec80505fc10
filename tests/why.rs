//! Why something was built again, or will be.

mod support;

use insta::assert_snapshot;
use serde_json::Value;
use support::World;

const HEADER: &str = "mkdir -p $OUT/usr/include; echo > $OUT/usr/include/stone.h";

fn stone(world: &World, extra: &str) {
    world.script("stone", &format!("{HEADER}{extra}"));
}

/// `wall` is linked with `stone`, and has a file beside it and a variable.
fn wall(world: &World, flag: &str, script: &str) {
    let body = format!(
        "files = [\"plan\"]\n[dependencies]\ntarget = [\"stone\"]\n[build]\npreset = \"script\"\nenv = {{ HEIGHT = \
         \"{flag}\" }}\nscript = '''\nmkdir -p $OUT/usr/bin\n{script}\ncp /sysroot/usr/include/stone.h $OUT/usr/bin/wall\n'''\n"
    );
    world.recipe("wall", &body);
    world.write("recipes/wall/plan", "a wall\n");
}

fn project() -> World {
    let world = World::new();
    stone(&world, "");
    wall(&world, "2", "# lay");
    world.recipe("village", "[dependencies]\nbuild = [\"wall\"]\n[build]\npreset = \"script\"\nscript = ':'\n");
    world
}

fn why(world: &World, words: &[&str]) -> String {
    world.normal(&world.drystone(&[&["why"], words].concat()).succeeded().stdout)
}

#[test]
fn the_inputs_that_changed_are_told_before_the_rebuild_and_after_it() {
    let world = project();
    world.drystone(&["build", "wall"]).succeeded();
    assert_snapshot!("first", why(&world, &["wall"]));
    wall(&world, "3", "# lay\n# and again");
    world.write("recipes/wall/plan", "a high wall\n");
    assert_snapshot!("to_build", why(&world, &["wall"]));
    world.drystone(&["build", "wall"]).succeeded();
    let built = why(&world, &["wall"]);
    let told = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert!(built.starts_with("wall-1 was built again because of\n"), "{built}");
    assert_eq!(told(&built), told(&why(&world, &["wall"])));
    assert_snapshot!("built", built);
}

#[test]
fn a_dependency_s_object_is_told_with_its_files() {
    let world = project();
    world.drystone(&["build", "wall"]).succeeded();
    stone(&world, "; echo '// moss' >> $OUT/usr/include/stone.h; echo > $OUT/usr/include/moss.h");
    assert_snapshot!("waiting", why(&world, &["wall"]));
    world.drystone(&["build", "stone"]).succeeded();
    assert_snapshot!("object", why(&world, &["wall"]));
}

#[test]
fn a_change_without_effect_stops_there() {
    let world = project();
    world.drystone(&["build", "wall"]).succeeded();
    stone(&world, "; true");
    world.drystone(&["build", "wall"]).succeeded();
    assert_snapshot!(why(&world, &["wall"]), @r"
    wall-1:
      the store knows of no earlier build of it
    looked at when its files change: village-1, village-1 test, wall-1 test
    ");
}

#[test]
fn a_test_has_reasons_of_its_own() {
    let world = project();
    world.drystone(&["build", "stone"]).succeeded();
    let recipe = std::fs::read_to_string(world.path("project/recipes/stone.toml")).unwrap();
    world.write("recipes/stone.toml", &recipe.replace("script = \"true\"", "script = \"echo moss\""));
    assert_snapshot!(why(&world, &["stone", "--test"]), @r"
    stone-1 test is to be built again because of
      test 1: command: true → echo moss
    nothing is made of it
    ");
}

#[test]
fn machines_get_the_whole() {
    let world = project();
    world.drystone(&["build", "wall"]).succeeded();
    wall(&world, "3", "# lay");
    let run = world.drystone(&["why", "wall", "--json"]).succeeded();
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(answer["status"], "to-build");
    let change = &answer["changes"][0];
    assert_eq!(change["what"], "environment variable HEIGHT");
    assert_eq!((&change["before"], &change["after"]), (&Value::from("2"), &Value::from("3")));
    assert_eq!(answer["dependents"], serde_json::json!(["village-1", "village-1 test", "wall-1 test"]));
}

#[test]
fn what_was_built_before_inputs_were_recorded_is_said_to_be_so() {
    let world = project();
    world.drystone(&["build", "stone"]).succeeded();
    for name in world.names("traces").iter().filter(|name| name.ends_with(".inputs")) {
        std::fs::remove_file(world.store().join("traces").join(name)).unwrap();
    }
    let said = why(&world, &["stone"]);
    assert!(said.contains("what it was made of was not recorded when it was built"), "{said}");
    stone(&world, "; true");
    let said = why(&world, &["stone"]);
    assert!(said.contains("the store knows of no build of it whose inputs were recorded"), "{said}");
}

#[test]
fn a_collection_takes_the_inputs_of_what_it_takes() {
    let world = project();
    world.drystone(&["build", "stone"]).succeeded();
    let recorded = || world.names("traces").iter().filter(|name| name.ends_with(".inputs")).count();
    let before = recorded();
    stone(&world, "; echo '// moss' >> $OUT/usr/include/stone.h");
    world.drystone(&["build", "stone"]).succeeded();
    assert_eq!(recorded(), before + 2, "a build and its test");
    world.drystone(&["store", "gc"]).succeeded();
    assert!(recorded() < before + 2);
    let keys = world.names("traces");
    let orphan = keys.iter().filter_map(|name| name.strip_suffix(".inputs")).find(|key| !keys.iter().any(|k| k == key));
    assert_eq!(orphan, None);
}

#[test]
fn an_unknown_recipe_suggests_the_nearest() {
    assert_snapshot!(project().drystone(&["why", "wal"]).ended(2).error(), @r"
    error: there is no recipe `wal`
    hint: the nearest: `wall`
    ");
}
