//! The names that tell a program of many programs: those of utilities that are packages' separate programs.
//!
//! The list is data (`utilities.txt`). It knows nothing of binaries.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

/// One line of the list is one program, under all the names that it is installed by.
const LIST: &str = include_str!("utilities.txt");

/// The longest name of the list, and of any applet that is believed.
pub(super) const LONGEST: usize = 20;

/// What is known of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Utility {
    /// The name.
    pub name: &'static str,
    /// Which program it is a name of; `gunzip` and `zcat` are one.
    pub program: u16,
    /// Whether the name stands for nothing but the utility. `mount` is also a system call, `head` a word.
    pub telling: bool,
}

/// What is known of a name, if it is that of a utility.
pub(super) fn utility(name: &[u8]) -> Option<Utility> {
    if !plausible(name) {
        return None;
    }
    table().get(name).copied()
}

/// Whether the name of a utility could look so.
pub(super) fn plausible(name: &[u8]) -> bool {
    name.last().is_some_and(|byte| is_name_byte(*byte))
        && name.len() <= LONGEST
        && name.iter().all(|byte| is_name_byte(*byte))
}

/// Whether a byte occurs in names of utilities.
pub(super) fn is_name_byte(byte: u8) -> bool {
    const NAME_BYTES: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < table.len() {
            table[byte] = matches!(byte as u8, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'+' | b'[');
            byte += 1;
        }
        table
    };
    NAME_BYTES[usize::from(byte)]
}

fn table() -> &'static HashMap<&'static [u8], Utility> {
    static TABLE: OnceLock<HashMap<&'static [u8], Utility>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let lines = LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let words = lines.zip(0..).flat_map(|(line, program)| line.split(' ').map(move |word| (word, program)));
        let utility = |(word, program): (&'static str, u16)| {
            let name = word.trim_start_matches('~');
            (name.as_bytes(), Utility { name, program, telling: name == word })
        };
        words.map(utility).collect()
    })
}

/// How many programs have a telling name among these.
pub(super) fn programs(utilities: &[Utility]) -> usize {
    let telling = utilities.iter().filter(|utility| utility.telling).map(|utility| utility.program);
    telling.collect::<BTreeSet<_>>().len()
}
