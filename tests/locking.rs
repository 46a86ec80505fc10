//! The lock: what everybody must get, and what happens to what is something else.

mod support;

use std::path::Path;

use support::{HOME, World};

fn stone(world: &World, what: &str) {
    world.script("stone", &format!("mkdir -p $OUT/usr/share/doc\n({what}) > $OUT/usr/share/doc/it"));
}

fn lock(world: &World) -> String {
    std::fs::read_to_string(world.path("project/drystone.lock")).unwrap()
}

#[test]
fn a_lock_is_written_and_is_that_of_the_recipes_until_one_changes() {
    let world = World::new();
    stone(&world, "echo granite");
    let none = world.drystone(&["lock"]);
    assert_eq!(none.code, Some(1));
    assert!(none.stderr.contains("write it: drystone lock --update"), "{}", none.stderr);
    let written = world.drystone(&["lock", "--update", "stone", "--target", support::TARGET]).succeeded();
    assert!(written.stdout.contains("x86_64-linux-musl stone: is new"), "{}", written.stdout);
    let text = lock(&world);
    let of_stone: Vec<&str> = text.lines().filter(|line| line.contains(" stone ")).collect();
    assert_eq!(of_stone.len(), 2, "{text}");
    assert!(of_stone[0].starts_with("x86_64-linux-musl stone 1 (derivation) "), "{text}");
    assert!(of_stone[1].starts_with("x86_64-linux-musl stone 1 doc "), "{text}");
    assert!(text.lines().any(|line| line.contains(" seeds:debian-12 - root ")), "{text}");
    world.drystone(&["lock", "stone", "--target", support::TARGET]).succeeded();

    stone(&world, "echo marble");
    let changed = world.drystone(&["lock", "stone", "--target", support::TARGET]);
    assert_eq!(
        (changed.code, changed.stdout.as_str()),
        (Some(1), "stone (x86_64-linux-musl): its inputs have changed since\n")
    );
    let update = world.drystone(&["lock", "--update", "stone", "--target", support::TARGET]).succeeded();
    assert_eq!(update.stdout, "x86_64-linux-musl stone: doc\n");
    let now = lock(&world);
    let differing = now.lines().zip(text.lines()).filter(|(one, other)| one != other).count();
    assert_eq!((differing, now.lines().count()), (2, text.lines().count()));
}

#[test]
fn another_result_of_the_locked_derivation_is_an_error_that_names_the_file() {
    let world = World::new();
    stone(&world, "head -c 8 /dev/urandom | cksum");
    world.drystone(&["lock", "--update", "stone", "--target", support::TARGET]).succeeded();
    world.drystone(&["build", "stone"]).succeeded();
    // As on another machine: built anew.
    for name in world.names("traces") {
        let path = world.store().join("traces").join(&name);
        if std::fs::read_to_string(&path).unwrap().contains("name stone-1\n") {
            std::fs::remove_file(&path).unwrap();
        }
    }
    let roots = world.names("roots/x86_64-linux-musl");
    let run = world.drystone(&["build", "stone"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let error = "error: stone-1 is not what everybody must get: the derivation that is locked gave other outputs here\n  \
                 doc: usr/share/doc/it has other content\n";
    assert!(run.stderr.contains(error), "{}", run.stderr);
    assert!(run.stderr.contains("hint: to find the cause: drystone audit stone\n"), "{}", run.stderr);
    assert_eq!(world.names("roots/x86_64-linux-musl"), roots);
    let again = world.drystone(&["build", "stone"]);
    assert_eq!(again.code, Some(1), "what is wrong was registered: {again:?}");
}

#[test]
fn a_recipe_that_is_worked_at_builds_with_a_note_and_not_where_the_lock_is_strict() {
    let world = World::new();
    stone(&world, "echo granite");
    world.drystone(&["lock", "--update", "stone", "--target", support::TARGET]).succeeded();
    stone(&world, "echo marble");
    let strict = world.drystone(&["build", "stone", "--locked"]);
    assert_eq!(strict.code, Some(1), "{strict:?}");
    assert!(
        strict.stderr.contains("stone-1 is not what the lock says: its inputs have changed since"),
        "{}",
        strict.stderr
    );
    let free = world.drystone(&["build", "stone"]).succeeded();
    assert!(free.stderr.contains("note: stone-1 has changed since it was locked"), "{}", free.stderr);
}

#[test]
fn an_image_is_held_to_the_lock_where_that_is_strict() {
    let world = World::new();
    stone(&world, "echo granite");
    let spec = |tag: &str| {
        format!("name = \"stone\"\ntag = \"{tag}\"\ncomponents = [\"stone/doc\"]\n[config]\nentrypoint = [\"/none\"]\n")
    };
    world.write("recipes/images/stone.toml", &spec("1"));
    let names = ["stone", "recipes/images/stone.toml"];
    world.drystone(&[&["lock", "--update", "--target", support::TARGET], &names[..]].concat()).succeeded();
    let build = |out: &str, more: &[&str]| {
        world.drystone(&[&["image", "build", "recipes/images/stone.toml", "-o", out], more].concat())
    };
    let made = build("one", &["--locked"]).succeeded();
    let digest = made.stdout.trim();
    assert!(lock(&world).contains(&format!("image recipes/images/stone.toml {digest}\n")), "{}", lock(&world));
    let layers = spec("1").replace("[\"/none\"]", "[\"/other\"]");
    world.write("recipes/images/stone.toml", &layers);
    let strict = build("two", &["--locked"]);
    assert_eq!(strict.code, Some(1), "{strict:?}");
    assert!(strict.stderr.contains(&format!("and the lock says {digest}")), "{}", strict.stderr);
    assert!(!world.path("project/two").exists());
    let free = build("two", &[]).succeeded();
    assert!(free.stderr.contains("note: recipes/images/stone.toml gives sha256:"), "{}", free.stderr);
}

#[test]
fn a_file_that_is_no_lock_is_told_of_with_its_line() {
    let world = World::new();
    stone(&world, "echo granite");
    world.write("drystone.lock", "x86_64-linux-musl stone 1 doc\n");
    let run = world.drystone(&["build", "stone"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("drystone.lock: line 1 of the lock is not of the form"), "{}", run.stderr);
    assert!(run.stderr.contains("write it anew: drystone lock --update"), "{}", run.stderr);
    // What builds nothing does not need it.
    world.drystone(&["plan", "stone"]).succeeded();
}

/// Gives a project a toolchain of its own: for one target, with no more than a script takes.
fn small_toolchain(world: &World) {
    let place = world.path("project/toolchains");
    std::fs::remove_file(&place).unwrap();
    drystone::fs::copy_tree(&Path::new(HOME).join("toolchains"), &place).unwrap();
    let recipes = ["cc-for-build", "pkgconf", "rust-std"].map(|name| format!("gcc-musl/recipes/{name}.toml"));
    let presets = ["cargo", "cmake", "meson", "rust"].map(|name| format!("presets/{name}.toml"));
    recipes.iter().chain(&presets).for_each(|name| std::fs::remove_file(place.join(name)).unwrap());
    let file = place.join("gcc-musl/toolchain.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (own, _) = text.split_once("[target.aarch64-linux-musl]").unwrap();
    std::fs::write(&file, own).unwrap();
}

#[test]
fn a_lock_with_the_marks_of_a_merge_conflict_is_written_anew_as_a_whole_and_not_in_part() {
    let world = World::new();
    small_toolchain(&world);
    stone(&world, "echo granite");
    let part = ["lock", "--update", "stone", "--target", support::TARGET];
    world.drystone(&part).succeeded();
    let written = lock(&world);
    let marked = format!("<<<<<<< ours\n{written}=======\n>>>>>>> theirs\n");
    world.write("drystone.lock", &marked);
    let run = world.drystone(&part);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("drystone.lock: line 1 of the lock is a mark of a merge conflict"), "{}", run.stderr);
    assert_eq!(lock(&world), marked);
    let run = world.drystone(&["lock", "--update"]).succeeded();
    assert!(run.stderr.contains("is a mark of a merge conflict; it is written anew"), "{}", run.stderr);
    assert_eq!(lock(&world), written);
}
