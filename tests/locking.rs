//! The lock: what everybody must get, and what happens to what is something else.

mod support;

use support::World;

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
    let place = world.own_toolchains();
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

const SPEC: &str = "name = \"stone\"\ncomponents = [\"stone/doc\"]\n[config]\nentrypoint = [\"/none\"]\n";

/// Takes what a recipe gives into the lock.
fn update(world: &World, names: &[&str]) -> support::Run {
    world.drystone(&[&["lock", "--update", "--target", support::TARGET], names].concat())
}

/// `wall` is built with `gravel`.
fn wall(world: &World, script: &str) {
    world.script("gravel", "mkdir -p $OUT/usr/bin; echo gravel > $OUT/usr/bin/gravel");
    let build = format!("[build]\npreset = \"script\"\nscript = '{script}'\n");
    world.recipe("wall", &format!("[dependencies]\nbuild = [\"gravel\"]\n{build}"));
}

#[test]
fn what_the_lock_does_not_know_is_an_error_where_it_is_strict() {
    let world = World::new();
    stone(&world, "echo granite");
    update(&world, &["stone"]).succeeded();
    wall(&world, "true");
    world.drystone(&["build", "gravel", "--locked"]).ended(1).says("error: gravel-1 is not in the lock");
    world.drystone(&["build", "gravel"]).succeeded();
    world.write("recipes/images/stone.toml", SPEC);
    let build = ["image", "build", "recipes/images/stone.toml", "-o", "image"];
    let said = "error: recipes/images/stone.toml is not in the lock";
    world.drystone(&[&build[..], &["--locked"]].concat()).ended(1).says(said);
    assert!(!world.path("project/image").exists());
    world.drystone(&build).succeeded();
}

#[test]
fn the_same_outputs_of_other_inputs_are_an_error_where_the_lock_is_strict() {
    let world = World::new();
    stone(&world, "echo granite");
    update(&world, &["stone"]).succeeded();
    stone(&world, "echo granite; true");
    let said = "error: stone-1 is what the lock says, but its inputs have changed since";
    world.drystone(&["build", "stone", "--locked"]).ended(1).says(said);
    world.drystone(&["build", "stone"]).succeeded();
    let updated = update(&world, &["stone"]).succeeded();
    assert_eq!(updated.stdout, "x86_64-linux-musl stone: the same outputs, from other inputs\n");
    world.drystone(&["build", "stone", "--locked"]).succeeded();
}

#[test]
fn what_is_not_locked_and_what_is_not_there_any_more_is_told() {
    let world = World::new();
    stone(&world, "echo granite");
    wall(&world, "mkdir -p $OUT/usr/bin; echo wall > $OUT/usr/bin/wall");
    world.write("recipes/images/stone.toml", SPEC);
    update(&world, &["wall", "recipes/images/stone.toml"]).succeeded();
    let whole = lock(&world);
    let less = |word: &str| -> String {
        whole.lines().filter(|line| !line.contains(word)).map(|line| format!("{line}\n")).collect()
    };
    let check = |words: &[&str]| world.drystone(&[&["lock", "--target", support::TARGET], words].concat()).ended(1);
    world.write("drystone.lock", &less(" gravel "));
    assert_eq!(
        check(&["wall"]).stdout,
        "gravel (x86_64-linux-musl): is not locked\nwall (x86_64-linux-musl): an input of it is not locked\n"
    );
    world.write("drystone.lock", &less("image "));
    assert_eq!(check(&["wall", "recipes/images/stone.toml"]).stdout, "recipes/images/stone.toml: is not locked\n");
    world.write("drystone.lock", &whole);
    // Wherever a spec is named from, it is the same.
    let spec = world.path("project/recipes/images/stone.toml");
    world.drystone(&["lock", "--target", support::TARGET, spec.to_str().unwrap()]).succeeded();
    for gone in ["wall", "images/stone"] {
        std::fs::remove_file(world.path(&format!("project/recipes/{gone}.toml"))).unwrap();
    }
    let told = check(&[]).stdout;
    for gone in ["wall (x86_64-linux-musl)", "recipes/images/stone.toml"] {
        assert!(told.contains(&format!("{gone}: is locked, but not in the project\n")), "{told}");
    }
}

#[test]
fn what_is_gone_leaves_the_lock_when_all_of_it_is_written() {
    let world = World::new();
    small_toolchain(&world);
    wall(&world, "mkdir -p $OUT/usr/bin; echo wall > $OUT/usr/bin/wall");
    world.drystone(&["lock", "--update"]).succeeded();
    std::fs::remove_file(world.path("project/recipes/wall.toml")).unwrap();
    // In part, nothing is known of the rest.
    assert_eq!(update(&world, &["gravel"]).succeeded().stdout, "");
    assert_eq!(world.drystone(&["lock", "--update"]).succeeded().stdout, "x86_64-linux-musl wall: is gone\n");
    assert!(!lock(&world).contains(" wall "), "{}", lock(&world));
}

#[test]
fn an_update_that_fails_writes_down_what_was_built_before() {
    let world = World::new();
    wall(&world, "exit 1");
    update(&world, &["wall"]).ended(1);
    assert!(lock(&world).contains("\nx86_64-linux-musl gravel 1 bin "), "{}", lock(&world));
    assert!(!lock(&world).contains(" wall "), "{}", lock(&world));
}

#[test]
fn an_update_says_what_is_not_reproducible() {
    let world = World::new();
    stone(&world, "head -c 8 /dev/urandom | cksum");
    update(&world, &["stone"]).succeeded();
    // As on another machine: nothing is known of it.
    for name in world.names("traces") {
        let path = world.store().join("traces").join(&name);
        if std::fs::read_to_string(&path).unwrap().contains("name stone-1\n") {
            std::fs::remove_file(&path).unwrap();
        }
    }
    let updated = update(&world, &["stone"]).succeeded();
    assert_eq!(updated.stdout, "x86_64-linux-musl stone: doc of the same derivation: it is not reproducible\n");
}

#[test]
fn the_lock_says_nothing_of_an_image_in_another_compression() {
    let world = World::new();
    stone(&world, "echo granite");
    world.write("recipes/images/stone.toml", SPEC);
    update(&world, &["stone", "recipes/images/stone.toml"]).succeeded();
    let build = ["image", "build", "recipes/images/stone.toml", "-o", "image", "--compression", "zstd", "--locked"];
    world.drystone(&build).succeeded();
}

#[test]
fn what_is_locked_for_another_target_is_none_of_the_business_of_one() {
    let world = World::new();
    small_toolchain(&world);
    stone(&world, "echo granite");
    update(&world, &[]).succeeded();
    let foreign = format!("aarch64-linux-musl stone 1 (derivation) {}\n", "7".repeat(64));
    world.write("drystone.lock", &format!("{}{foreign}", lock(&world)));
    world.drystone(&["lock", "--target", support::TARGET]).succeeded();
    update(&world, &[]).succeeded();
    assert!(lock(&world).contains(&foreign), "{}", lock(&world));
}
