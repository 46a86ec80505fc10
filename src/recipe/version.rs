//! Versions as upstreams and Debian write them: which is newer, and which is no release.
//!
//! The order is that of deb-version(7): parts that are numbers are compared as numbers, and `~` sorts before
//! everything, the end included. One thing is added, since upstreams write no `~`: words for what comes before a
//! release (`rc`, `beta`, …; PEP 440 and Semantic Versioning have the same) sort before it. Knows of no version where
//! it comes from.

use std::cmp::Ordering;

/// Words of what comes before a release.
const BEFORE: [&str; 7] = ["alpha", "beta", "rc", "cr", "pre", "preview", "dev"];
/// Words of what is taken between releases.
const BETWEEN: [&str; 7] = ["git", "svn", "hg", "cvs", "bzr", "snapshot", "nightly"];
/// Words by which Debian says that an archive is not upstream's.
const REPACKED: [&str; 3] = ["dfsg", "ds", "repack"];

/// Which of two versions is newer.
pub fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (spelled_out(one), spelled_out(other));
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    while !one.is_empty() || !other.is_empty() {
        let (left, right) = (split(&mut one, |c| !c.is_ascii_digit()), split(&mut other, |c| !c.is_ascii_digit()));
        let order = compare_words(left, right).then_with(|| {
            let (left, right) = (split(&mut one, u8::is_ascii_digit), split(&mut other, u8::is_ascii_digit));
            compare_numbers(left, right)
        });
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// Whether it is a release, and neither something before one nor a snapshot of a repository.
pub fn is_release(version: &str) -> bool {
    let lower = version.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_ascii_alphabetic());
    !spelled_out(version).contains('~') && !words.any(|word| BETWEEN.contains(&word))
}

/// Whether both count in the same way: one that begins with a year or a date does not follow one that does not.
pub fn counts_alike(one: &str, other: &str) -> bool {
    let dated = |version: &str| {
        let first: String = version.chars().take_while(char::is_ascii_digit).collect();
        matches!(first.len(), 4 | 6 | 8) && (first.starts_with("19") || first.starts_with("20"))
    };
    dated(one) == dated(other)
}

/// The version as upstream has it, and what Debian has put behind it because the archive is not upstream's: `+dfsg1`.
pub fn without_repacking(version: &str) -> (&str, &str) {
    let starts = version.char_indices().filter(|(_, c)| matches!(c, '+' | '~' | '.' | '-')).map(|(at, _)| at);
    let is_repacking = |at: &usize| {
        let rest = &version[at + 1..];
        let word = rest.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        REPACKED.contains(&word)
    };
    version.split_at(starts.into_iter().find(is_repacking).unwrap_or(version.len()))
}

/// The version in small letters, with `~` before the words of what comes before a release.
fn spelled_out(version: &str) -> String {
    let lower = version.to_ascii_lowercase();
    let mut text = String::new();
    let mut rest = lower.as_str();
    while let Some(next) = rest.chars().next() {
        let length = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len()).max(next.len_utf8());
        let (word, after) = rest.split_at(length);
        let numbered = after.starts_with(|c: char| c.is_ascii_digit());
        let word_before = match word {
            // As in 1.0a1; the letter of 3.5a is a release's.
            "a" if numbered && text.ends_with(|c: char| c.is_ascii_digit()) => Some("alpha"),
            "b" if numbered && text.ends_with(|c: char| c.is_ascii_digit()) => Some("beta"),
            word => BEFORE.contains(&word).then_some(word),
        };
        if let Some(word) = word_before {
            text.truncate(text.trim_end_matches(['-', '.', '_', '~', '+']).len());
            // PEP 440: a development version comes before all others of its release.
            text.push_str(if word == "dev" { "~~" } else { "~" });
            text.push_str(word);
            rest = after.trim_start_matches(['-', '.', '_']);
        } else {
            text.push_str(word);
            rest = after;
        }
    }
    text
}

/// Takes the longest beginning of which every sign is of a kind.
fn split<'a>(text: &mut &'a [u8], is_of_kind: impl Fn(&u8) -> bool) -> &'a [u8] {
    let end = text.iter().position(|c| !is_of_kind(c)).unwrap_or(text.len());
    let (taken, rest) = text.split_at(end);
    *text = rest;
    taken
}

fn compare_words(one: &[u8], other: &[u8]) -> Ordering {
    // `~`, the end, letters, all else.
    let weight = |word: &[u8], at: usize| match word.get(at) {
        Some(b'~') => -1,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(c) => i32::from(*c) + 256,
    };
    let length = one.len().max(other.len());
    (0..length).map(|at| weight(one, at).cmp(&weight(other, at))).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn compare_numbers(one: &[u8], other: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    let (one, other) = (&one[significant(one)..], &other[significant(other)..]);
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_newer_than_the_one_before_it() {
        for row in [
            &["4.9", "4.9.1", "4.10", "4.10.1"][..],
            &["1.0~~dev", "1.0~rc1", "1.0", "1.0+git20240101", "1.0.1"],
            &["3.0.dev1", "3.0-alpha.1", "3.0a2", "3.0-beta1", "3.0b2", "3.0rc1", "3.0-rc.2", "3.0", "3.0.post1"],
            &["3.4", "3.5", "3.5a", "3.5b", "3.6"],
            &["9.9p2", "10.0p1", "10.0p2"],
            &["2025b", "2025c", "2026a"],
            &["590", "643", "668"],
            &["6.5+20240101", "6.5+20250216", "6.6"],
            &["300.6.0+3.6.2", "300.6.1+3.6.3"],
            &["1.99999999999999999999998", "1.99999999999999999999999"],
        ] {
            for pair in row.windows(2) {
                assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
                assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
            }
        }
        for (one, same) in [("1.0-rc1", "1.0~RC1"), ("1.02", "1.2"), ("1.0_beta.2", "1.0b2"), ("1.0", "1.0")] {
            assert_eq!(compare(one, same), Ordering::Equal, "{one} {same}");
        }
    }

    #[test]
    fn a_release_is_told_from_what_comes_before_and_between() {
        for release in ["4.9", "3.5a", "10.0p1", "2025b", "6.5+20250216", "300.6.1+3.6.3", "1.0.post1", "5.2.37"] {
            assert!(is_release(release), "{release}");
        }
        for other in ["1.0rc1", "1.0-pre2", "2.0b1", "1.0.dev3", "1.0~1", "1.2+git20240101", "7.1-BETA", "3-snapshot"] {
            assert!(!is_release(other), "{other}");
        }
    }

    #[test]
    fn a_date_does_not_follow_a_number() {
        for (one, other, alike) in [
            ("1.2", "20190101", false),
            ("1.2", "2019.1", false),
            ("2025.89", "2026.1", true),
            ("20250419", "20260101", true),
            ("668", "692", true),
            ("2025b", "2026a", true),
        ] {
            assert_eq!(counts_alike(one, other), alike, "{one} {other}");
        }
    }

    #[test]
    fn what_debian_has_repacked_says_so() {
        for (version, parts) in [
            ("1.5.7+dfsg", ("1.5.7", "+dfsg")),
            ("1.5.7+dfsg1", ("1.5.7", "+dfsg1")),
            ("3.5.0+ds1", ("3.5.0", "+ds1")),
            ("3.5.0~dfsg.2", ("3.5.0", "~dfsg.2")),
            ("1.0.dfsg", ("1.0", ".dfsg")),
            ("6.5+20250216", ("6.5+20250216", "")),
            ("1.0-dsp", ("1.0-dsp", "")),
        ] {
            assert_eq!(without_repacking(version), parts);
        }
    }
}
