//! Texts: which lines differ.

use super::{ChangeKind, Found};

/// How many differing lines of each side are shown.
const SHOWN: usize = 4;
/// How much of a line is shown, in characters.
const WIDTH: usize = 160;

/// Compares two texts; `None` when one of them is none.
pub fn compare(old: &[u8], new: &[u8]) -> Option<Found> {
    let is_text = |bytes: &[u8]| !bytes.contains(&0);
    let (old, new) = (std::str::from_utf8(old).ok()?, std::str::from_utf8(new).ok()?);
    if !is_text(old.as_bytes()) || !is_text(new.as_bytes()) {
        return None;
    }
    let (before, after): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let lines = differing(&before, &after);
    let sorted = |lines: &[&str]| {
        let mut words: Vec<String> = lines.iter().map(|line| sorted_words(line)).collect();
        words.sort();
        words
    };
    if sorted(&before) == sorted(&after) {
        let mut told = vec!["the same lines in another order".to_owned()];
        told.extend(lines);
        return Some(Found::new(ChangeKind::Order, told));
    }
    Some(Found::new(ChangeKind::Text, lines))
}

/// A line with its words in order, so that a list within a line counts as a list.
fn sorted_words(line: &str) -> String {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    words.sort_unstable();
    words.join(" ")
}

/// The lines between the common beginning and the common end, marked by their side.
fn differing(before: &[&str], after: &[&str]) -> Vec<String> {
    let head = before.iter().zip(after).take_while(|(one, other)| one == other).count();
    let (before, after) = (&before[head..], &after[head..]);
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(|(one, other)| one == other).count();
    let (before, after) = (&before[..before.len() - tail], &after[..after.len() - tail]);
    let mut told = vec![format!("line {}:", head + 1)];
    for (mark, lines) in [("-", before), ("+", after)] {
        told.extend(lines.iter().take(SHOWN).map(|line| format!("{mark} {}", cut(line))));
        if lines.len() > SHOWN {
            told.push(format!("{mark} … {} lines more", lines.len() - SHOWN));
        }
    }
    told
}

fn cut(line: &str) -> String {
    let shown: String = line.chars().take(WIDTH).map(|c| if c.is_control() { '·' } else { c }).collect();
    if shown.len() < line.len() && line.chars().count() > WIDTH { format!("{shown}…") } else { shown }
}
