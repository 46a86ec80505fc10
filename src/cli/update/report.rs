//! What an update says, for people and for machines.

use std::fmt::Write as _;

use indicatif::HumanBytes;
use serde::Serialize;

use super::change::{Changed, Changes, Hardening};
use super::look::{Findings, Subject};
use super::renew::{Renewed, Source};
use crate::cli::failure::Failure;
use crate::cli::show::escaped;

/// How many files of a kind are shown; `--json` has all.
const SHOWN: usize = 12;

/// How one recipe's update ended.
pub enum Outcome {
    Updated(Box<Renewed>),
    UpToDate { notes: Vec<String> },
    Unlisted { silent: Vec<String>, notes: Vec<String> },
    Failed { to: String, failure: Failure },
}

/// `1 recipe`, `3 recipes`.
pub fn recipes(number: usize) -> String {
    if number == 1 { "1 recipe".to_owned() } else { format!("{number} recipes") }
}

/// What is newer, a line for each recipe, and why what is listed is not taken.
pub fn check(subjects: &[Subject], findings: &[Findings]) -> String {
    let mut text = String::new();
    for (subject, found) in subjects.iter().zip(findings) {
        let (name, version) = (&subject.name, subject.version());
        // Writing to a text cannot fail.
        let _ = match found.newer.last() {
            Some(newest) => {
                let between: Vec<&str> = found.newer.iter().map(|newer| newer.version.as_str()).collect();
                let others = match between.split_last() {
                    Some((_, [])) | None => String::new(),
                    Some((_, before)) => format!(", after {}", before.join(", ")),
                };
                writeln!(text, "{name} {version} → {}{others} ({})", newest.version, newest.listed_by.join(", "))
            }
            None if found.listed => writeln!(text, "{name} {version} is up to date"),
            None => writeln!(text, "{name} {version}: {}", escaped(&unlisted(&found.silent))),
        };
        found.notes.iter().for_each(|note| text.push_str(&format!("  {}\n", escaped(note))));
    }
    text
}

/// Why nothing is known, in a line.
fn unlisted(silent: &[String]) -> String {
    match silent {
        [] => "no location of its sources has the version in it".to_owned(),
        silent => format!("nothing lists its versions: {}", silent.join("; ")),
    }
}

#[derive(Serialize)]
struct Checked<'a> {
    recipe: &'a str,
    version: &'a str,
    /// The oldest first.
    newer: Vec<Newer<'a>>,
    listed: bool,
    notes: &'a [String],
    silent: &'a [String],
}

#[derive(Serialize)]
struct Newer<'a> {
    version: &'a str,
    listed_by: &'a [String],
}

/// The same for machines.
pub fn check_json(subjects: &[Subject], findings: &[Findings]) -> String {
    let checked = subjects.iter().zip(findings).map(|(subject, found)| Checked {
        recipe: subject.name.as_str(),
        version: subject.version(),
        newer: found.newer.iter().map(|new| Newer { version: &new.version, listed_by: &new.listed_by }).collect(),
        listed: found.listed,
        notes: &found.notes,
        silent: &found.silent,
    });
    json(&checked.collect::<Vec<_>>())
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("this is plain data") + "\n"
}

/// What an update has changed.
pub fn renewed(renewed: &Renewed) -> String {
    let Renewed { recipe, from, to, sources, tests, test_lines, changes, notes } = renewed;
    let mut text = format!("{recipe} {from} → {to}\n");
    let mut row = |word: &str, what: String| text.push_str(&format!("  {word:<10}{what}\n"));
    for Source { file, from, before, after, .. } in sources {
        let size = match before {
            Some(before) => format!("{} → {}", HumanBytes(*before), HumanBytes(*after)),
            None => HumanBytes(*after).to_string(),
        };
        let from = from.as_ref().map_or_else(|| "which the store had".to_owned(), |from| format!("from {from}"));
        row("source", format!("{file}, {size}, {from}"));
    }
    match changes {
        Some(changes) => rows(changes, &mut row),
        None => row("changes", format!("{from} is not in the store: there is nothing to compare with")),
    }
    let lines: Vec<String> = test_lines.iter().map(ToString::to_string).collect();
    let expecting = match lines.as_slice() {
        [] => String::new(),
        lines => format!("; {to} is expected now in line {}", lines.join(", ")),
    };
    let passed = if *tests == 1 { "1 test has".to_owned() } else { format!("{tests} tests have") };
    row("tests", format!("{passed} passed{expecting}"));
    notes.iter().for_each(|note| row("note", escaped(note)));
    text
}

fn rows(changes: &Changes, row: &mut dyn FnMut(&str, String)) {
    let Changes { files, before, after, hardening, programs } = changes;
    row("size", format!("{} → {}", HumanBytes(*before), HumanBytes(*after)));
    let kind = |came: bool, went: bool| {
        files.iter().filter(move |file| (file.before.is_none(), file.after.is_none()) == (came, went))
    };
    for (word, came, went) in [("came", true, false), ("went", false, true), ("changed", false, false)] {
        let all: Vec<&Changed> = kind(came, went).collect();
        for file in all.iter().take(SHOWN) {
            let size = match (file.before, file.after) {
                (Some(before), Some(after)) => format!("{} → {}", HumanBytes(before), HumanBytes(after)),
                (one, other) => HumanBytes(one.or(other).unwrap_or_default()).to_string(),
            };
            row(word, format!("/{} ({}), {size}", escaped(&file.path), file.component));
        }
        if all.len() > SHOWN {
            row(word, format!("and {} more (--json has all)", all.len() - SHOWN));
        }
    }
    if files.is_empty() {
        row("files", "all the same".to_owned());
    }
    match (hardening.as_slice(), programs) {
        (_, 0) => {}
        ([], 1) => row("hardening", "as before".to_owned()),
        ([], programs) => row("hardening", format!("as before, of all {programs} programs")),
        (differing, _) => differing.iter().for_each(|Hardening { path, lost, gained }| {
            let lost = (!lost.is_empty()).then(|| format!("lost {}", lost.join(", ")));
            let gained = (!gained.is_empty()).then(|| format!("gained {}", gained.join(", ")));
            let both: Vec<String> = lost.into_iter().chain(gained).collect();
            row("hardening", format!("/{path}: {}", both.join("; ")));
        }),
    }
}

/// What is said of a recipe, named alone, that has not changed.
pub fn unchanged(subject: &Subject, outcome: &Outcome) -> String {
    let (notes, mut text) = match outcome {
        Outcome::UpToDate { notes } => (notes, format!("{} {} is up to date\n", subject.name, subject.version())),
        Outcome::Unlisted { notes, .. } => (notes, String::new()),
        Outcome::Updated(_) | Outcome::Failed { .. } => return String::new(),
    };
    notes.iter().for_each(|note| text.push_str(&format!("  {}\n", escaped(note))));
    text
}

/// How all of them ended: first what was done, then what people have to look at.
pub fn table(subjects: &[Subject], outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    let mut up_to_date = 0;
    let mut lines: [Vec<String>; 3] = Default::default();
    for (subject, outcome) in subjects.iter().zip(outcomes) {
        let (name, version) = (&subject.name, subject.version());
        match outcome {
            Outcome::Updated(renewed) => lines[0].push(format!("updated     {name} {version} → {}", renewed.to)),
            Outcome::UpToDate { .. } => up_to_date += 1,
            Outcome::Failed { to, failure } => {
                lines[1].push(format!("failed      {name} {version} → {to}: {}", escaped(&failure.headline())));
            }
            Outcome::Unlisted { silent, .. } => {
                lines[2].push(format!("not listed  {name} {version}: {}", escaped(&unlisted(silent))));
            }
        }
    }
    let [updated, failed, silent] = lines;
    updated.iter().for_each(|line| text.push_str(&format!("{line}\n")));
    let _ = writeln!(text, "up to date  {}", recipes(up_to_date));
    failed.iter().chain(&silent).for_each(|line| text.push_str(&format!("{line}\n")));
    if outcomes.len() < subjects.len() {
        let _ = writeln!(text, "not begun   {}", recipes(subjects.len() - outcomes.len()));
    }
    text
}

#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
enum Ended<'a> {
    Updated(&'a Renewed),
    UpToDate { recipe: &'a str, version: &'a str, notes: &'a [String] },
    NotListed { recipe: &'a str, version: &'a str, silent: &'a [String], notes: &'a [String] },
    Failed { recipe: &'a str, version: &'a str, to: &'a str, reason: String },
}

/// The same for machines.
pub fn outcomes_json(subjects: &[Subject], outcomes: &[Outcome]) -> String {
    let ended = subjects.iter().zip(outcomes).map(|(subject, outcome)| {
        let (recipe, version) = (subject.name.as_str(), subject.version());
        match outcome {
            Outcome::Updated(renewed) => Ended::Updated(renewed),
            Outcome::UpToDate { notes } => Ended::UpToDate { recipe, version, notes },
            Outcome::Unlisted { silent, notes } => Ended::NotListed { recipe, version, silent, notes },
            Outcome::Failed { to, failure } => Ended::Failed { recipe, version, to, reason: failure.headline() },
        }
    });
    json(&ended.collect::<Vec<_>>())
}
