//! What came of the votes, as people read it: a line for each derivation that was asked for or is not accepted, and
//! below it who says something else, and over what.

use std::fmt::Write as _;

use super::entry::{Difference, Entry, Vote};
use crate::attest::{Threshold, first_difference};
use crate::cli::show::escaped;
use crate::digest::ObjectId;

/// The whole text.
pub fn of(entries: &[Entry], threshold: Threshold) -> String {
    let is_shown = |entry: &&Entry| entry.wanted || entry.outputs.is_none() || !is_unanimous(entry);
    let shown: Vec<&Entry> = entries.iter().filter(is_shown).collect();
    let width = shown.iter().map(|entry| entry.name.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for entry in &shown {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{:width$}  {}", entry.name, standing(entry, threshold));
        details(entry, &mut text);
    }
    let rest = entries.len() - shown.len();
    if rest > 0 {
        let _ = writeln!(text, "and {rest} that these are made of, accepted");
    }
    text
}

fn is_unanimous(entry: &Entry) -> bool {
    entry.votes.len() <= 1 && entry.double.is_empty()
}

/// How a derivation stands, in a few words.
fn standing(entry: &Entry, threshold: Threshold) -> String {
    let needed = threshold.needed;
    let votes = entry.votes.first().map_or(0, |vote| vote.keys.len());
    match entry {
        Entry { outputs: Some(_), .. } => format!("accepted: {votes} of {}", threshold.of),
        Entry { key: None, waits_for, .. } => {
            format!("NOT accepted: nor is what it is made of: {}", waits_for.join(", "))
        }
        Entry { votes, .. } if votes.is_empty() => "NOT accepted: no vote".to_owned(),
        Entry { votes: several, .. } if several.len() > 1 && votes >= needed => {
            format!("NOT accepted: {needed} would do, and several results have as many")
        }
        _ => format!("NOT accepted: {votes} of the {needed} that are needed"),
    }
}

fn details(entry: &Entry, text: &mut String) {
    let mut line = |line: String| {
        let _ = writeln!(text, "  {line}");
    };
    match entry.votes.as_slice() {
        [one] if entry.outputs.is_none() => line(format!("{}: {}", one.keys.join(", "), objects(one))),
        [] | [_] => {}
        [first, others @ ..] => {
            for other in others {
                let Some(Difference { component, one, other: object, file }) = &other.difference else { continue };
                let file = file.as_ref().map(|file| format!(" (the first file is {})", escaped(file)));
                line(format!(
                    "{}: {} for {}; {} for {}{}",
                    escaped(component),
                    short(one.as_ref()),
                    first.keys.join(", "),
                    short(object.as_ref()),
                    other.keys.join(", "),
                    file.unwrap_or_default()
                ));
            }
        }
    }
    for double in &entry.double {
        let over = double.difference.as_ref().map(|over| {
            let (one, other) = (short(over.one.as_ref()), short(over.other.as_ref()));
            format!(": {} is {one} and {other}", escaped(&over.component))
        });
        line(format!(
            "{} says {} things, and has no vote{}",
            double.key,
            double.outputs.len(),
            over.unwrap_or_default()
        ));
    }
    if entry.outputs.is_none() && !entry.silent.is_empty() {
        line(format!("nothing from {}", entry.silent.join(", ")));
    }
    if let Some(said) = here(entry) {
        line(said);
    }
}

/// What this store has, where that tells something.
fn here(entry: &Entry) -> Option<String> {
    let here = entry.here.as_ref()?;
    let what = if here.imported { "imported here" } else { "built here" };
    match &entry.outputs {
        Some(accepted) => {
            let (component, accepted, own) = first_difference(accepted, &here.outputs)?;
            Some(format!("{what} is something else: {}: {}, not {}", escaped(component), short(own), short(accepted)))
        }
        None => {
            let vote = entry.votes.iter().find(|vote| vote.outputs == here.outputs)?;
            Some(format!("{what} is the same as for {}", vote.keys.join(", ")))
        }
    }
}

fn objects(vote: &Vote) -> String {
    let of = |(component, id): (&String, &ObjectId)| format!("{} {}", escaped(component), id.short());
    vote.outputs.iter().map(of).collect::<Vec<_>>().join(", ")
}

/// The beginning of an object's id; an output that is not there has none.
fn short(id: Option<&ObjectId>) -> String {
    id.map_or_else(|| "none".to_owned(), ObjectId::short)
}
