//! The chapter on commands against what the program prints of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::book::{Block, chapter, chapters};
use crate::support::{DRYSTONE, Run};

/// For each command, as `drystone image build`, its long options.
type Commands = BTreeMap<String, BTreeSet<String>>;

/// What every verb takes, and is told of once.
const COMMON: [&str; 5] = ["--project", "--store", "--target", "--help", "--version"];

/// The word at the beginning of a text that is a long option.
fn long_option(text: &str) -> Option<String> {
    let rest = text.strip_prefix("--")?;
    let length = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '-')).unwrap_or(rest.len());
    rest.starts_with(|c: char| c.is_ascii_lowercase()).then(|| format!("--{}", &rest[..length]))
}

fn help(words: &[&str]) -> String {
    let mut command = Command::new(DRYSTONE);
    Run::of(command.args(words).arg("--help").env_clear().env("COLUMNS", "100")).succeeded().stdout
}

/// The names of the commands below one, as its help lists them.
fn verbs(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The long options that a help lists.
fn options(help: &str) -> BTreeSet<String> {
    let listed = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let long = listed.filter_map(|line| {
        long_option(line.split_once(", ").filter(|(short, _)| short.len() == 2).map_or(line, |(_, long)| long))
    });
    long.collect()
}

/// What the program says of itself and all its commands.
fn printed() -> Commands {
    let mut found = Commands::new();
    let mut pending: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(words) = pending.pop() {
        let text = help(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let below = verbs(&text);
        let name = ["drystone"].into_iter().chain(words.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
        let own = |option: &String| words.is_empty() || !COMMON.contains(&option.as_str());
        // What only holds other commands has nothing of its own to tell.
        if words.is_empty() || below.is_empty() {
            found.insert(name, options(&text).into_iter().filter(own).collect());
        }
        pending.extend(below.into_iter().map(|verb| words.iter().cloned().chain([verb]).collect()));
    }
    found
}

/// What the chapter says: a heading for each command, a row for each option.
fn told() -> Commands {
    let chapter = chapter("commands.md");
    let mut found = Commands::new();
    let mut current = None;
    for line in chapter.prose() {
        if let Some(name) = line.strip_prefix("## `").and_then(|rest| rest.strip_suffix('`')) {
            assert!(found.insert(name.to_owned(), BTreeSet::new()).is_none(), "`{name}` has two headings");
            current = Some(name.to_owned());
        } else if let (Some(name), Some(cell)) =
            (&current, line.strip_prefix("| ").and_then(|row| row.split(" | ").next()))
        {
            let options = cell.split('`').filter_map(long_option);
            found.get_mut(name).unwrap().extend(options);
        }
    }
    found
}

#[test]
fn the_chapter_on_commands_names_what_the_program_has_and_nothing_else() {
    let (printed, told) = (printed(), told());
    assert!(printed.len() > 20 && printed["drystone build"].contains("--keep-failed"), "{printed:?}");
    for (name, options) in &printed {
        let own = told.get(name).unwrap_or_else(|| panic!("commands.md has no heading for `{name}`"));
        let missing: Vec<_> = options.difference(own).collect();
        let invented: Vec<_> = own.difference(options).collect();
        assert!(missing.is_empty() && invented.is_empty(), "`{name}`: missing {missing:?}, invented {invented:?}");
    }
    let invented: Vec<_> = told.keys().filter(|name| !printed.contains_key(*name)).collect();
    assert!(invented.is_empty(), "there is no {invented:?}");
}

/// The commands of a block, with the options that each is given.
fn calls<'a>(block: &'a Block, commands: &'a Commands) -> Vec<(&'a str, BTreeSet<String>)> {
    let mut found = Vec::new();
    for line in block.text.replace("\\\n", " ").lines() {
        let line = line.split(" # ").next().unwrap_or_default();
        for call in line.split(['|', ';', '(', ')']).map(str::trim).filter(|call| call.starts_with("drystone ")) {
            let of = |name: &&String| call == name.as_str() || call.starts_with(&format!("{name} "));
            let name = commands.keys().filter(of).max_by_key(|name| name.len()).unwrap();
            let own = call.split(" -- ").next().unwrap_or_default();
            found.push((name.as_str(), own.split_whitespace().filter_map(long_option).collect()));
        }
    }
    found
}

#[test]
fn every_command_in_the_manual_is_one_that_there_is() {
    let commands = printed();
    let mut count = 0;
    for chapter in chapters() {
        for block in chapter.blocks().iter().filter(|block| block.info[0] == "sh") {
            for (name, options) in calls(block, &commands) {
                assert_ne!(name, "drystone", "{}: there is no such verb:\n{}", block.place, block.text);
                let known = |option: &&String| commands[name].contains(*option) || COMMON.contains(&option.as_str());
                let unknown: Vec<_> = options.iter().filter(|option| !known(option)).collect();
                assert!(unknown.is_empty(), "{}: `{name}` has no {unknown:?}", block.place);
                count += 1;
            }
        }
    }
    assert!(count > 40, "only {count} commands were found");
}
