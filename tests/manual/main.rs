//! The manual tells the truth: its files parse, its commands run and print what it shows, its links lead somewhere, its
//! scripts agree with the program.

mod book;
mod commands;
mod scripts;
mod story;

#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use book::{chapter, chapters, directory, links};
use drystone::recipe::{Catalog, load_policy};
use story::{Files, Story};
use support::{DRYSTONE, HOME, Run, World, base};

/// A project that has all of this project's recipes, and files of its own in place of some.
fn project_with(files: &BTreeMap<String, String>) -> World {
    let world = World::bare();
    let own = Path::new(HOME).join("recipes");
    for name in drystone::fs::list(&own).unwrap() {
        let place = world.path("project/recipes").join(&name);
        if name == "images" {
            std::fs::create_dir(&place).unwrap();
            std::fs::create_dir(place.join("policies")).unwrap();
            std::fs::copy(own.join("images/policies/production.toml"), place.join("policies/production.toml")).unwrap();
        } else if !files.contains_key(&format!("recipes/{}", name.to_str().unwrap())) {
            symlink(own.join(&name), place).unwrap();
        }
    }
    files.iter().for_each(|(path, text)| world.write(path, text));
    world
}

#[test]
fn whole_files_in_the_manual_have_no_fault() {
    let mut count = 0;
    for chapter in chapters() {
        let (mut files, mut written) = (Files::default(), BTreeMap::new());
        for block in chapter.blocks().iter().filter(|block| block.info[0] == "toml") {
            let fault = |error: &dyn std::fmt::Display| -> ! { panic!("{}: {error}", block.place) };
            let Some((path, text)) = files.take(block) else {
                assert_eq!(block.info.len(), 1, "{}: what is {:?}?", block.place, block.info);
                toml::from_str::<toml::Table>(&block.text).unwrap_or_else(|error| fault(&error));
                continue;
            };
            written.insert(path.to_owned(), text.to_owned());
            let world = project_with(&written);
            let file = world.path("project").join(path);
            let catalog = Catalog::load(&world.path("project")).unwrap_or_else(|error| fault(&error));
            if path.contains("policies/") {
                load_policy(&file).unwrap_or_else(|error| fault(&error));
            } else if path.contains("images/") {
                catalog.load_image_spec(&file).map(drop).unwrap_or_else(|error| fault(&error));
            }
            count += 1;
        }
    }
    assert!(count > 10, "only {count} whole files were found");
}

#[test]
fn a_recipe_in_five_minutes_happens_as_it_is_told() {
    let chapter = chapter("first-recipe.md");
    // The source comes into the shared store once, by a build of the recipe as it is in the end.
    let mut files = Files::default();
    let mut recipe = String::new();
    for block in chapter.blocks() {
        match files.take(&block) {
            Some((path, text)) if !path.contains("images/") => text.clone_into(&mut recipe),
            _ => {}
        }
    }
    let world = World::bare();
    world.write("recipes/units.toml", &recipe);
    let mut build = Command::new(DRYSTONE);
    build.args(["build", "units"]).current_dir(world.path("project")).env("DRYSTONE_STORE", &base().store);
    Run::of(&mut build).succeeded();
    assert!(Story::from_nothing().follow(&chapter) > 7);
}

#[test]
fn a_failure_is_taught_as_the_chapter_on_porting_shows_it() {
    assert_eq!(Story::from_nothing().follow(&chapter("porting.md")), 1);
}

#[test]
fn commands_on_this_project_print_what_the_manual_shows() {
    let told = ["first-recipe.md", "porting.md"];
    let mut count = 0;
    for chapter in chapters().iter().filter(|chapter| !told.contains(&chapter.file.as_str())) {
        if chapter.blocks().iter().any(|block| block.is("sh", "run")) {
            count += Story::of_this_project().follow(chapter);
        }
    }
    assert!(count > 8, "only {count} blocks were run");
}

#[test]
fn links_between_chapters_lead_somewhere_and_every_file_is_a_chapter() {
    let chapters = chapters();
    let mut count = 0;
    for chapter in &chapters {
        for (shown, to) in chapter.prose().join("\n").split('\n').flat_map(links) {
            let (file, anchor) = to.split_once('#').unwrap_or((&to, ""));
            if to.starts_with("https://") {
                continue;
            }
            let file = if file.is_empty() { chapter.file.as_str() } else { file };
            let other = chapters.iter().find(|chapter| chapter.file == file);
            let other =
                other.unwrap_or_else(|| panic!("{}: `{shown}` leads to {file}, which is not there", chapter.file));
            let known = anchor.is_empty() || other.anchors().iter().any(|own| own == anchor);
            assert!(known, "{}: {file} has no #{anchor} but {:?}", chapter.file, other.anchors());
            count += 1;
        }
    }
    assert!(count > 20, "only {count} links were found");
    let there: BTreeSet<_> = drystone::fs::list(&directory()).unwrap().into_iter().collect();
    let named = chapters.iter().map(|chapter| chapter.file.clone().into()).chain(["SUMMARY.md".into()]).collect();
    assert_eq!(there, named);
}

/// The rules of the policy are in its chapter, each in the words of the program.
#[test]
fn the_chapter_on_the_policy_has_every_rule() {
    use drystone::recipe::Rule;
    let text = chapter("policy.md").text;
    let rows: Vec<&str> =
        text.lines().skip_while(|line| *line != "## The rules").filter(|line| line.starts_with("| `")).collect();
    for rule in Rule::ALL {
        let row = rows.iter().find(|line| line.starts_with(&format!("| `{rule}` |")));
        let row = row.unwrap_or_else(|| panic!("policy.md has no row for `{rule}`"));
        assert!(row.ends_with(&format!("| {} |", rule.reason())), "`{rule}`: {row}");
    }
    assert_eq!(rows.len(), Rule::ALL.len());
}
