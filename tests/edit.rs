//! A recipe in the user's editor.

mod support;
mod terminal;

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use insta::assert_snapshot;
use support::{Run, World};
use terminal::Terminal;

/// A project with a recipe, and an editor that is a shell script over the file.
fn project(script: &str) -> World {
    let world = World::bare();
    world.script("wall", ":");
    let editor = world.path("editor");
    std::fs::write(&editor, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&editor, PermissionsExt::from_mode(0o755)).unwrap();
    world
}

fn edit(world: &World, name: &str) -> Command {
    let mut command = world.command(&["edit", name]);
    command.env("EDITOR", world.path("editor"));
    command
}

const REPAIR: &str = "sed -i s/sumary/summary/";

#[test]
fn a_recipe_is_checked_after_it_was_edited() {
    let world = project("sed -i 's/A probe/A wall/' \"$1\"");
    let run = Run::of(&mut edit(&world, "wall")).succeeded();
    assert_eq!(world.normal(&run.stderr), "PROJECT/recipes/wall.toml has no faults; build it: drystone build wall\n");
    assert!(std::fs::read_to_string(world.path("project/recipes/wall.toml")).unwrap().contains("A wall"));
    let again = Run::of(&mut edit(&world, "wall")).succeeded();
    assert_eq!(world.normal(&again.stderr), "PROJECT/recipes/wall.toml is unchanged\n");
}

#[test]
fn faults_are_shown_and_without_a_terminal_that_is_the_end() {
    let world = project("sed -i s/summary/sumary/ \"$1\"");
    let run = Run::of(&mut edit(&world, "wall")).ended(2);
    assert_snapshot!(run.error(), @r#"
    error: unknown field `sumary` in the recipe
      --> recipes/wall.toml:3:1
       |
     3 | sumary = "A probe"
       | ^^^^^^
       = help: did you mean `summary`? valid fields are `name`, `version`, `summary`, `license`, `homepage`, `cpe`, `targets`, `files`, `patches`, `source`, `dependencies`, `build`, `install`, `components` and `test`
    "#);
    // What has faults can still be reached.
    let mended = Run::of(edit(&world, "wall").env("VISUAL", REPAIR)).succeeded();
    assert!(mended.stderr.contains("has no faults"), "{}", mended.stderr);
}

#[test]
fn at_a_terminal_it_can_be_edited_again() {
    let toggle =
        "if grep -q sumary \"$1\"; then sed -i s/sumary/summary/ \"$1\"; else sed -i s/summary/sumary/ \"$1\"; fi";
    let world = project(toggle);
    let mut terminal = Terminal::start(&mut edit(&world, "wall"));
    let shown = terminal.until("edit again? [Y/n]");
    assert!(shown.contains("unknown field `sumary`"), "{shown}");
    terminal.types("\r");
    let (rest, code) = terminal.end();
    // The editor has undone what it did.
    assert!(rest.contains("is unchanged"), "{rest}");
    assert_eq!(code, Some(0));
    let mut terminal = Terminal::start(&mut edit(&world, "wall"));
    terminal.until("edit again? [Y/n]");
    terminal.types("n\r");
    let (rest, code) = terminal.end();
    assert!(rest.contains("is left as it is, with faults"), "{rest}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_file_beside_the_recipe_is_named_with_it() {
    let world = project("echo more >> \"$1\"");
    world.recipe("wall", "files = [\"plan\"]\n[build]\npreset = \"script\"\nscript = ':'\n");
    world.write("recipes/wall/plan", "a wall\n");
    Run::of(&mut edit(&world, "wall/plan")).succeeded();
    assert_eq!(std::fs::read_to_string(world.path("project/recipes/wall/plan")).unwrap(), "a wall\nmore\n");
    assert_snapshot!(world.normal(Run::of(&mut edit(&world, "wall/plam")).ended(2).error()), @r"
    error: wall has no file `plam`
    hint: it has plan
    ");
    assert_snapshot!(world.normal(Run::of(&mut edit(&world, "wal")).ended(2).error()), @r"
    error: there is no recipe `wal`
    hint: the nearest: wall
    ");
}

#[test]
fn an_editor_that_is_missing_or_fails_is_said() {
    let world = project("exit 3");
    assert_snapshot!(world.normal(Run::of(&mut edit(&world, "wall")).ended(2).error()), @r"
    error: the editor `WORLD/editor` ended with exit status: 3
    hint: VISUAL or EDITOR names the editor
    ");
    assert_snapshot!(world.normal(world.drystone(&["edit", "wall"]).ended(2).error()), @r"
    error: neither VISUAL nor EDITOR names an editor
    hint: name one, as in: EDITOR=nano drystone edit wall; the file is PROJECT/recipes/wall.toml
    ");
}
