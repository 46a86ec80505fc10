//! Lists of names as BusyBox keeps them: sorted, one after another, each ended by a zero byte.
//!
//! One pass that looks at few bytes: a list is longer than the distance between two looks, and between the lists
//! of names almost every look ends at its first or second byte. Knows nothing of programs.

use super::names;

/// The distance between two looks; see [`candidate`] for why no list of [`FEWEST`] names is missed.
const STRIDE: usize = 16;
/// How many bytes a look wants to be a list's.
const LOOK: usize = 8;
/// The fewest names that are a list: with their ends at least `STRIDE + LOOK` bytes.
const FEWEST: usize = 12;

/// A sorted list of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List<'a> {
    /// All of them, also those that are no utilities'.
    pub names: Vec<&'a str>,
    /// How many are utilities' names.
    pub known: usize,
    /// How many programs have a telling name among them.
    pub telling: usize,
}

/// The list that names the most programs by telling names, if half of a list's names are utilities'.
pub(super) fn longest(bytes: &[u8]) -> Option<List<'_>> {
    let mut best: Option<List> = None;
    let mut at = 0;
    while let Some((start, end)) = candidate(bytes, at) {
        at = end + 1;
        for list in sorted_runs(&bytes[start..end]) {
            if 2 * list.known >= list.names.len() && best.as_ref().is_none_or(|best| best.telling < list.telling) {
                best = Some(list);
            }
        }
    }
    best
}

/// The next stretch from `at` on that consists of short names and their ends.
fn candidate(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut look = at;
    loop {
        let window = bytes.get(look..look + LOOK)?;
        if is_part(window) {
            let start = look - bytes[at..look].iter().rev().take_while(|byte| is_listed(**byte)).count();
            let end = look + bytes[look..].iter().take_while(|byte| is_listed(**byte)).count();
            if end - start >= FEWEST * 2 {
                return Some((start, end));
            }
            look = end;
        }
        look += STRIDE;
    }
}

fn is_listed(byte: u8) -> bool {
    byte == 0 || names::is_name_byte(byte)
}

/// Whether these bytes could be in a list: in zeros, text and code one of the first bytes says no.
fn is_part(window: &[u8]) -> bool {
    window.iter().all(|byte| is_listed(*byte)) && window.windows(2).all(|pair| pair != [0, 0])
}

/// The runs of names in ascending order.
fn sorted_runs(stretch: &[u8]) -> Vec<List<'_>> {
    let mut runs = Vec::new();
    let mut run: Vec<&[u8]> = Vec::new();
    for name in stretch.split(|byte| *byte == 0) {
        let follows = run.last().is_none_or(|last| *last < name);
        if !names::plausible(name) || !follows {
            runs.extend(list(&run));
            run.clear();
        }
        if names::plausible(name) {
            run.push(name);
        }
    }
    runs.extend(list(&run));
    runs
}

/// What a run is, if it is long enough for a list.
fn list<'a>(run: &[&'a [u8]]) -> Option<List<'a>> {
    if run.len() < FEWEST {
        return None;
    }
    let known: Vec<_> = run.iter().filter_map(|name| names::utility(name)).collect();
    let names = run.iter().filter_map(|name| std::str::from_utf8(name).ok()).collect();
    Some(List { names, known: known.len(), telling: names::programs(&known) })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Not as one text with zero bytes in it: that would make a list of this test's own program.
    const NAMES: [&str; 13] = [
        "[", "arch", "ash", "base64", "cat", "chgrp", "chmod", "cp", "dmesg", "dos2unix", "gunzip", "losetup", "md5sum",
    ];

    #[test]
    fn a_list_is_found_wherever_it_lies() {
        for before in 0..2 * STRIDE {
            let bytes = [&vec![0xc3; before][..], b"\0\0", NAMES.join("\0").as_bytes(), &[0; 40]].concat();
            let list = longest(&bytes).unwrap_or_else(|| panic!("after {before} bytes"));
            assert_eq!((list.names.len(), list.known, list.telling), (13, 13, 8), "{:?}", list.names);
        }
    }

    #[test]
    fn names_out_of_order_and_words_are_no_list() {
        let reversed: Vec<_> = NAMES.into_iter().rev().collect();
        assert_eq!(longest(reversed.join("\0").as_bytes()), None);
        let words: Vec<_> = ('a'..='z').map(|letter| format!("{letter}word")).collect();
        assert_eq!(longest(words.join("\0").as_bytes()), None);
    }
}
