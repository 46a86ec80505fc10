//! pax extended headers (POSIX.1-2017, pax, "pax Extended Header"): records of the form `LENGTH KEY=VALUE\n`.
//!
//! Knows the records that say where an entry goes, how long it is and whose, and the names of its extended
//! attributes; times have no place here. The length rules: a value may hold line feeds, so records cannot be told
//! apart by lines.

use std::collections::BTreeSet;

use super::error::Fault;
use super::sparse;

/// What the records of one extended header say of the entry that follows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Extensions {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    /// The names of extended attributes, as star writes them (and Go, and so every builder of layers) and as
    /// libarchive does.
    pub(super) attributes: BTreeSet<String>,
    pub(super) sparse: sparse::Records,
}

/// The keys of extended attributes begin with one of these.
const ATTRIBUTES: [&[u8]; 2] = [b"SCHILY.xattr.", b"LIBARCHIVE.xattr."];

const MALFORMED: Fault = Fault::Malformed("it has a pax record that is not of the form `LENGTH KEY=VALUE`");

/// Reads the records of an extended header.
pub(super) fn parse(mut text: &[u8]) -> Result<Extensions, Fault> {
    let mut extensions = Extensions::default();
    while !text.is_empty() {
        let (record, rest) = split(text).ok_or(MALFORMED)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or(MALFORMED)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        let twice = match key {
            b"path" => extensions.path.replace(value.to_owned()).is_some(),
            b"linkpath" => extensions.link.replace(value.to_owned()).is_some(),
            b"size" => extensions.size.replace(number(value).ok_or(MALFORMED)?).is_some(),
            b"uid" => extensions.uid.replace(number(value).ok_or(MALFORMED)?).is_some(),
            b"gid" => extensions.gid.replace(number(value).ok_or(MALFORMED)?).is_some(),
            _ => match key.strip_prefix(b"GNU.sparse.") {
                Some(key) => extensions.sparse.add(key, value)?,
                None => {
                    let name = ATTRIBUTES.iter().find_map(|prefix| key.strip_prefix(*prefix));
                    extensions.attributes.extend(name.map(|name| String::from_utf8_lossy(name).into_owned()));
                    false
                }
            },
        };
        if twice {
            return Err(Fault::Malformed("it has the same pax record twice"));
        }
        text = rest;
    }
    Ok(extensions)
}

/// The first record, without its length and line feed, and what follows it.
fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = text.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(number(&text[..space])?).ok()?;
    if length > text.len() {
        return None;
    }
    let (record, rest) = text.split_at(length);
    Some((record.get(space + 1..)?.strip_suffix(b"\n")?, rest))
}

fn number(digits: &[u8]) -> Option<u64> {
    // `parse` alone would take a sign.
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| all_digits)?.parse().ok()
}

/// One record, in front of which its own length is counted too.
pub(super) fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_a_line_feed_hides_no_record() {
        let text = record("comment", "x\n12 path=evil\n") + &record("path", "good");
        assert_eq!(parse(text.as_bytes()).unwrap().path.unwrap(), b"good");
    }

    #[test]
    fn a_record_counts_the_digits_of_its_own_length() {
        // 7 + 91 bytes: with two digits of length 98 + 2 would be 100, which has three.
        for length in 0..2000 {
            let text = record("path", &"x".repeat(length));
            assert!(text.starts_with(&format!("{} path=", text.len())), "{text}");
            assert_eq!(parse(text.as_bytes()).unwrap().path.unwrap().len(), length);
        }
    }

    #[test]
    fn a_wrong_length_is_no_record() {
        for text in [
            "9 path=ab\n",
            "10 path=ab\n",
            "12 path=ab\n",
            "+12 path=ab\n",
            "10 pathab\n\n",
            "0 path=ab\n",
            " path=a\n",
            "x",
        ] {
            assert_eq!(
                parse(text.as_bytes()).unwrap_err().to_string(),
                "is malformed: it has a pax record that is not of the form `LENGTH KEY=VALUE`",
                "{text}"
            );
        }
        let twice = record("path", "a") + &record("path", "b");
        assert_eq!(parse(twice.as_bytes()).unwrap_err().to_string(), "is malformed: it has the same pax record twice");
    }
}
