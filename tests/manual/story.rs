//! A chapter as somebody who follows it has it: its files are written, its commands run, in order.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::book::{Block, Chapter};
use crate::support::{DRYSTONE, HOME, Run, World, base};

/// Where the manual's reader has the project.
const READER: &str = "/home/ann/tools";

/// A place in which a chapter happens.
pub struct Story {
    world: World,
    shared: bool,
}

impl Story {
    /// One that begins with a project without recipes, in whose store the toolchain is built.
    pub fn from_nothing() -> Self {
        Self { world: World::new(), shared: false }
    }

    /// One on this project's own files, with the store that all tests share.
    pub fn of_this_project() -> Self {
        let world = World::bare();
        std::fs::remove_dir(world.path("project/recipes")).unwrap();
        for name in ["recipes", "docs"] {
            symlink(Path::new(HOME).join(name), world.path("project").join(name)).unwrap();
        }
        Self { world, shared: true }
    }

    /// Follows the chapter; returns how many blocks were run.
    pub fn follow(&self, chapter: &Chapter) -> usize {
        let (mut files, mut count) = (Files::default(), 0);
        let blocks = chapter.blocks();
        for (index, block) in blocks.iter().enumerate() {
            if let Some((path, text)) = files.take(block) {
                // On this project's own files nothing is written: its chapters show files as examples.
                if !self.shared {
                    self.world.write(path, text);
                }
            }
            let fails = block.is("sh", "fails");
            if !(fails || block.is("sh", "run")) || !can_run(block) {
                continue;
            }
            let run = self.run(&block.text);
            assert_eq!(run.code == Some(0), !fails, "{}: code {:?}\n{}", block.place, run.code, run.stdout);
            let shown = blocks.get(index + 1).filter(|next| next.follows && next.info == ["text"]);
            if let Some(shown) = shown {
                self.compare(shown, &run.stdout);
            }
            count += 1;
        }
        count
    }

    /// Runs shell text; both outputs come together, as in a terminal.
    fn run(&self, script: &str) -> Run {
        let bin = self.world.path("bin");
        if !bin.exists() {
            std::fs::create_dir(&bin).unwrap();
            symlink(DRYSTONE, bin.join("drystone")).unwrap();
        }
        let words = ["-euc", &format!("exec 2>&1\n{script}")];
        let mut command = self.world.command_of("sh", &words);
        if self.shared {
            // In the developer's own environment: it may say where the mirrors and proxies are.
            command = Command::new("sh");
            command.args(words).current_dir(self.world.path("project")).env("DRYSTONE_STORE", &base().store);
        }
        let path = std::env::var("PATH").unwrap();
        Run::of(command.env("PATH", format!("{}:{path}", bin.display())).stdin(std::process::Stdio::null()))
    }

    fn compare(&self, shown: &Block, printed: &str) {
        let store = base().store.to_str().unwrap().to_owned();
        let printed = self.world.normal(&printed.replace(&store, "STORE"));
        let text = shown.text.replace(&format!("{READER}/store"), "STORE").replace(READER, "PROJECT");
        let expected = self.world.normal(&text);
        let (left, right): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), printed.lines().collect());
        assert!(agree(&left, &right), "{}: shown is\n{expected}\nprinted was\n{printed}", shown.place);
    }
}

/// The files that a chapter writes, each known by what it is.
#[derive(Default)]
pub struct Files {
    path: String,
    text: String,
}

impl Files {
    /// The path and the text of the file that a block writes, or adds to.
    pub fn take(&mut self, block: &Block) -> Option<(&str, &str)> {
        if block.is("toml", "add") {
            self.text.push_str(&block.text);
        } else {
            let directory = if block.is("toml", "recipe") {
                "recipes"
            } else if block.is("toml", "image") {
                "recipes/images"
            } else if block.is("toml", "policy") {
                "recipes/images/policies"
            } else {
                return None;
            };
            let name = block.text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
            let stem = name.unwrap_or("manual").rsplit('/').next().unwrap();
            self.path = format!("{directory}/{stem}.toml");
            self.text.clone_from(&block.text);
        }
        Some((&self.path, &self.text))
    }
}

/// Whether all programs that a block calls are installed; says which is not.
fn can_run(block: &Block) -> bool {
    let wanted = ["skopeo", "jq", "b3sum", "diff"].into_iter().filter(|name| {
        block.text.split([' ', '\n', '|']).any(|word| word == *name)
            || (*name == "b3sum" && block.text.contains("scripts/"))
    });
    let missing: Vec<_> = wanted.filter(|name| Command::new(name).arg("--version").output().is_err()).collect();
    if !missing.is_empty() {
        eprintln!("{} is skipped: {missing:?} not installed", block.place);
    }
    missing.is_empty()
}

/// Whether lines agree, where `…` stands for any lines, or within a line for any text.
fn agree(expected: &[&str], printed: &[&str]) -> bool {
    match expected {
        [] => printed.is_empty(),
        [first, rest @ ..] if first.trim() == "…" => (0..=printed.len()).any(|at| agree(rest, &printed[at..])),
        [first, rest @ ..] => match printed {
            [line, others @ ..] => line_agrees(first, line) && agree(rest, others),
            [] => false,
        },
    }
}

fn line_agrees(expected: &str, line: &str) -> bool {
    let mut parts = expected.trim_end().split('…');
    let Some(mut rest) = line.trim_end().strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn shown_output_agrees_only_with_what_it_leaves_out() {
    let agrees = |expected: &[&str], printed: &[&str]| agree(expected, printed);
    assert!(agrees(&["a", "…", "z"], &["a", "b", "c", "z"]) && agrees(&["…"], &[]));
    assert!(agrees(&["1 file, … KiB"], &["1 file, 22.5 KiB"]));
    for (expected, printed) in [(&["a", "…", "z"][..], &["a", "b"][..]), (&["a…c"], &["abcd"]), (&["a"], &["a", "b"])]
    {
        assert!(!agrees(expected, printed), "{expected:?} {printed:?}");
    }
}
