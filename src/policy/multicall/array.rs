//! Arrays of functions, and whether a list of names is the way into one: the name's place is the function's place.
//!
//! BusyBox gives some names one function (`[` and `test`, `gunzip` and `zcat`). So its array has the same function
//! at the places of these names, and any other array that happens to be long enough has not. Knows nothing of what
//! functions do.

use std::ops::Range;

use super::list::List;
use super::program::{Pointer, Program};

/// Names that are one function in BusyBox (`applets.h`, `APPLET_ODDNAME`), whatever its version.
const SHARED: [&[&str]; 16] = [
    &["[", "[[", "test"],
    &["bunzip2", "bzcat"],
    &["chpst", "envdir", "envuidgid", "setuidgid", "softlimit"],
    &["dnsdomainname", "hostname"],
    &["dos2unix", "unix2dos"],
    &["egrep", "fgrep", "grep"],
    &["ftpget", "ftpput"],
    &["gunzip", "zcat"],
    &["halt", "poweroff", "reboot"],
    &["hd", "hexdump"],
    &["ifdown", "ifup"],
    &["linux32", "linux64"],
    &["md5sum", "sha1sum", "sha256sum", "sha3sum", "sha512sum"],
    &["pgrep", "pkill"],
    &["swapoff", "swapon"],
    &["unxz", "xzcat"],
];

/// The length of an array that a list leads into; `None` when there is none.
///
/// Of a list without two pairs of names for one function, it is the longest array with room for all utilities' names.
pub(super) fn behind(list: &List, program: &Program, pointers: &[Pointer]) -> Option<usize> {
    let pairs = pairs(list);
    let arrays = arrays(program, pointers).into_iter().filter(|array| array.len() >= list.known);
    if pairs.len() < 2 {
        return arrays.map(|array| array.len()).max();
    }
    arrays.map(|array| &pointers[array]).find(|array| fits(&pairs, array)).map(<[Pointer]>::len)
}

/// The runs of adjacent words that each point to a function.
fn arrays(program: &Program, pointers: &[Pointer]) -> Vec<Range<usize>> {
    let mut arrays: Vec<Range<usize>> = Vec::new();
    for (index, pointer) in pointers.iter().enumerate() {
        if !program.is_loaded_as_code(pointer.to) || !program.is_code(pointer.to) {
            continue;
        }
        let adjacent = |last: &Range<usize>| {
            last.end == index && pointers[index - 1].at.checked_add(program.word_length()) == Some(pointer.at)
        };
        match arrays.last_mut() {
            Some(last) if adjacent(last) => last.end = index + 1,
            _ => arrays.push(index..index + 1),
        }
    }
    arrays
}

/// The places on the list of names for one function, two by two.
fn pairs(list: &List) -> Vec<(usize, usize)> {
    let places = |group: &&[&str]| -> Vec<usize> {
        group.iter().filter_map(|name| list.names.binary_search(name).ok()).collect()
    };
    let groups: Vec<Vec<usize>> = SHARED.iter().map(places).collect();
    groups.iter().flat_map(|group| group.windows(2).map(|pair| (pair[0], pair[1]))).collect()
}

/// Whether, with some beginning, an array has one function at both places of at least two thirds of the pairs. The
/// list or the array may have more before its beginning than belongs to it.
fn fits(pairs: &[(usize, usize)], array: &[Pointer]) -> bool {
    let first = pairs.iter().map(|(one, _)| *one).min().unwrap_or_default();
    let at = |start: usize, place: usize| array.get(start + place - first).map(|pointer| pointer.to);
    (0..array.len()).any(|start| {
        let same = pairs.iter().filter(|(one, other)| {
            let function = at(start, *one);
            function.is_some() && function == at(start, *other)
        });
        3 * same.count() >= 2 * pairs.len()
    })
}
