//! By which way one recipe needs another.

mod support;

use insta::assert_snapshot;
use serde_json::Value;
use support::World;

/// `wall` is linked with `arch`, which is linked with `stone`; it is built with `hammer`, which needs `handle` where it
/// runs; and it needs `moss` where it runs, which is built with `hammer`, too.
fn project() -> World {
    let world = World::bare();
    let recipe = |name: &str, needs: &str, rest: &str| {
        world.recipe(name, &format!("{needs}\n[build]\npreset = \"script\"\nscript = ':'\n{rest}"));
    };
    recipe("stone", "", "");
    // So there is a longer way to `stone`, too.
    recipe("handle", "[dependencies]\ntarget = [\"stone\"]", "");
    recipe("arch", "[dependencies]\ntarget = [\"stone\"]", "");
    recipe("hammer", "", "[components.bin]\nfiles = [\"usr/bin/*\"]\nruntime = [\"handle\"]\n");
    recipe("moss", "[dependencies]\nbuild = [\"hammer\"]", "");
    let runtime = "[components.bin]\nfiles = [\"usr/bin/*\"]\nruntime = [\"moss\"]\n";
    recipe("wall", "[dependencies]\ntarget = [\"arch\"]\nbuild = [\"hammer\"]", runtime);
    recipe("hut", "", "");
    world
}

fn way(words: &[&str]) -> String {
    project().drystone(&[&["why-depends"], words].concat()).succeeded().stdout
}

#[test]
fn the_shortest_way_says_what_each_edge_is_for() {
    assert_snapshot!(way(&["wall", "stone"]), @r"
    wall-1
    └─ linked library: arch-1
       └─ linked library: stone-1
    ");
    assert_snapshot!(way(&["wall", "handle"]), @r"
    wall-1
    └─ build tool: hammer-1
       └─ run time: handle-1
    ");
    assert_snapshot!(way(&["wall", "moss"]), @r"
    wall-1
    └─ run time: moss-1
    ");
    assert_snapshot!(way(&["wall", "musl"]), @r"
    wall-1
    └─ toolchain: musl-1.2.5
    ");
    assert_snapshot!(way(&["wall", "gcc-12"]), @r"
    wall-1
    └─ seed: debian-12 seeds
    ");
}

#[test]
fn every_way_comes_shortest_first() {
    assert_snapshot!(way(&["wall", "hammer", "--all"]), @r"
    wall-1
    └─ build tool: hammer-1

    wall-1
    └─ run time: moss-1
       └─ build tool: hammer-1
    ");
}

#[test]
fn for_another_target_the_tools_are_still_the_build_machine_s() {
    assert_snapshot!(way(&["wall", "handle", "--target", "aarch64-linux-musl"]), @r"
    wall-1 (aarch64-linux-musl)
    └─ build tool: hammer-1
       └─ run time: handle-1
    ");
}

#[test]
fn no_way_is_said_and_is_exit_code_1() {
    let world = project();
    let run = world.drystone(&["why-depends", "wall", "hut"]).ended(1);
    assert_eq!(run.stdout, "");
    assert_snapshot!(run.error(), @r"
    error: wall-1 needs hut neither to be built nor to run
    hint: what its tests alone have beside them is no part of this: drystone plan shows it
    ");
    let json = world.drystone(&["why-depends", "wall", "hut", "--json"]).ended(1);
    let answer: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(answer["ways"], Value::Array(Vec::new()));
    assert_eq!(json.stderr, "");
}

#[test]
fn machines_get_every_edge() {
    let run = project().drystone(&["why-depends", "wall", "handle", "--json"]).succeeded();
    assert_snapshot!(run.stdout);
}

#[test]
fn an_unknown_name_suggests_the_nearest() {
    let world = project();
    assert_snapshot!(world.drystone(&["why-depends", "wall", "stome"]).ended(2).error(), @r"
    error: there is no recipe, no set of seeds and no seed package `stome`
    hint: the nearest: stone
    ");
    assert_snapshot!(world.drystone(&["why-depends", "wal", "stone"]).ended(2).error(), @r"
    error: there is no recipe `wal`
    hint: the nearest: `wall`
    ");
}
