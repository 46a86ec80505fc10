//! Whether one program is many, by what a program that is many cannot do without: a way from a name to a function.
//!
//! Three kinds of evidence, each with its own threshold (`super` has the measurements). None rests on a version, a
//! banner, a section or a symbol. Knows nothing of archives and packers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use memchr::memmem;

use super::names::{self, Utility};
use super::program::{Pointer, Program};
use super::{Evidence, LISTED, Score, TABLED, TOLD};
use super::{array, list};

/// The names that `find` and `test` give their own tables with a dash before them, as sash does its commands.
const PRIMARIES: [&str; 10] = ["false", "file", "link", "ls", "mount", "printf", "rm", "stat", "sum", "true"];
/// How a usage text begins, without its first letter.
const USAGE: &[u8] = b"sage: ";
/// How the first block of a bzip2 stream begins. BusyBox drops the stream's own header, or a part of it.
const BLOCK: &[u8] = b"1AY&SY";
/// Packed help texts are not longer than this (BusyBox 1.37, all of them: 100 KB).
const LONGEST_HELP: u64 = 256 << 10;

/// What was found in a program: the score, why, and the utilities' names, sorted.
struct Verdict {
    score: usize,
    evidence: Evidence,
    names: Vec<String>,
}

/// Why a program is many, and the utilities' names, sorted; `None` when it is one program.
pub(super) fn judge(program: &Program) -> Option<(Evidence, Vec<String>)> {
    let pointers = program.pointers();
    let verdict = by_list(program, &pointers, LISTED)
        .or_else(|| Some(by_table(program, &pointers)).filter(|verdict| verdict.score >= TABLED))
        .or_else(|| by_texts(program, TOLD));
    verdict.map(|verdict| (verdict.evidence, verdict.names))
}

/// How much of each kind of evidence there is.
pub(super) fn score(program: &Program) -> Score {
    let pointers = program.pointers();
    let of = |verdict: Option<Verdict>| verdict.map_or(0, |verdict| verdict.score);
    Score {
        listed: of(by_list(program, &pointers, 1)),
        tabled: by_table(program, &pointers).score,
        told: of(by_texts(program, 1)),
    }
}

/// A list of names is the way to an array of as many functions, or of help texts.
fn by_list(program: &Program, pointers: &[Pointer], least: usize) -> Option<Verdict> {
    let list = list::longest(program.bytes()).filter(|list| list.telling >= least)?;
    let functions = array::behind(&list, program, pointers).unwrap_or(0);
    let texts = if functions == 0 { packed_texts(program.bytes()) } else { 0 };
    (functions > 0 || texts >= list.known).then(|| Verdict {
        score: list.telling,
        evidence: Evidence::List { names: list.known, functions, texts },
        names: list.names.iter().map(|name| (*name).to_owned()).collect(),
    })
}

/// A table of names that stand beside functions.
fn by_table(program: &Program, pointers: &[Pointer]) -> Verdict {
    let mut found: BTreeMap<&str, Utility> = BTreeMap::new();
    for (index, pointer) in pointers.iter().enumerate() {
        // The first question needs no look at what the neighbours point to, and almost always is answered with no.
        if !beside_function(program, pointers, index, |to| program.is_loaded_as_code(to)) {
            continue;
        }
        if let Some(utility) = named(program, *pointer)
            && beside_function(program, pointers, index, |to| program.is_code(to))
        {
            found.entry(utility.name).and_modify(|known| known.telling |= utility.telling).or_insert(utility);
        }
    }
    let programs = names::programs(&found.values().copied().collect::<Vec<_>>());
    let names = found.keys().map(|name| (*name).to_owned()).collect();
    Verdict { score: programs, evidence: Evidence::Table { programs }, names }
}

/// Whether one of the words around a pointer points to a function: the one before it, or one of the three after it
/// (the length of a Rust or Go string and a description may stand between).
fn beside_function(program: &Program, pointers: &[Pointer], index: usize, is_function: impl Fn(u32) -> bool) -> bool {
    let (at, word) = (pointers[index].at, program.word_length());
    let before = index.checked_sub(1).map(|before| pointers[before]);
    let before = before.filter(|before| before.at.saturating_add(word) == at);
    let after = pointers[index + 1..].iter().take_while(|after| after.at <= at.saturating_add(3 * word));
    before.iter().chain(after).any(|beside| is_function(beside.to))
}

/// The utility whose name a pointer points to: a text that ends with a zero byte, or whose length is the next word.
fn named(program: &Program, pointer: Pointer) -> Option<Utility> {
    let rest = program.bytes().get(pointer.to as usize..)?;
    let window = &rest[..rest.len().min(names::LONGEST + 2)];
    if let Some(end) = memchr::memchr(0, window) {
        let utility = match window[..end].strip_prefix(b"-") {
            Some(name) => names::utility(name).map(|utility| {
                let telling = !PRIMARIES.contains(&utility.name);
                Utility { telling, ..utility }
            }),
            None => names::utility(&window[..end]),
        };
        if utility.is_some() {
            return utility;
        }
    }
    let length = program.word(pointer.at.checked_add(program.word_length())?)?;
    names::utility(rest.get(..usize::try_from(length).ok().filter(|length| *length <= names::LONGEST)?)?)
}

/// Many help texts, and as many names: a program that compares its own name with one after the other has no table.
fn by_texts(program: &Program, least: usize) -> Option<Verdict> {
    let bytes = program.bytes();
    let texts = memmem::find_iter(bytes, USAGE).filter(|at| is_text_start(&bytes[..*at])).count();
    if texts < least {
        return None;
    }
    let mut programs = BTreeSet::new();
    let mut names = BTreeSet::new();
    let mut start = 0;
    for end in memchr::memchr_iter(0, bytes) {
        let name = &bytes[start..end];
        start = end + 1;
        if let Some(utility) = names::utility(name).filter(|utility| utility.telling) {
            programs.insert(utility.program);
            names.insert(utility.name);
        }
    }
    let (programs, names) = (programs.len(), names.into_iter().map(str::to_owned).collect());
    let evidence = Evidence::Texts { programs, texts };
    (programs >= least).then_some(Verdict { score: programs.min(texts), evidence, names })
}

/// Whether a text's first letter, and before it nothing or the end of another text, stand before these bytes' end.
fn is_text_start(before: &[u8]) -> bool {
    matches!(before, [.., 0, b'U' | b'u'] | [b'U' | b'u'])
}

/// How many texts there are in what bzip2 packed into the program, as BusyBox does with its help.
fn packed_texts(bytes: &[u8]) -> usize {
    let texts = |at: usize| {
        let stream = b"BZh9".chain(&bytes[at..]);
        let mut text = Vec::new();
        // What comes before an error is what counts: the stream may be followed by anything.
        let _ = bzip2::read::BzDecoder::new(stream).take(LONGEST_HELP).read_to_end(&mut text);
        text.split(|byte| *byte == 0).filter(|text| text.len() > 1).count()
    };
    memmem::find_iter(bytes, BLOCK).take(2).map(texts).max().unwrap_or(0)
}
