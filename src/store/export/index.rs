//! The index: which members an export has, and what they hash to.

use std::collections::BTreeMap;

use super::Wrong;
use crate::digest::{Blake3, DerivationKey, ObjectId, Sha256};

const HEAD: &str = "drystone-export 1 ";
const WHOLE: &str = "whole";
const MANIFESTS: &str = "manifests";

/// A member that the index names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Member {
    Log(DerivationKey),
    Manifest(ObjectId),
    Roots,
    Source(Sha256),
    Trace(DerivationKey),
    Inputs(DerivationKey),
}

impl Member {
    fn parse(path: &str) -> Option<Self> {
        let (directory, name) = path.split_once('/').unwrap_or((path, ""));
        Some(match (directory, name.strip_suffix(".inputs")) {
            ("roots", None) if name.is_empty() && path == "roots" => Self::Roots,
            ("logs", None) => Self::Log(name.strip_suffix(".zst")?.parse().ok()?),
            ("manifests", None) => Self::Manifest(name.parse().ok()?),
            ("sources", None) => Self::Source(name.parse().ok()?),
            ("traces", None) => Self::Trace(name.parse().ok()?),
            ("traces", Some(name)) => Self::Inputs(name.parse().ok()?),
            _ => return None,
        })
    }

    /// Where it is in the archive.
    pub fn path(&self) -> String {
        match self {
            Self::Log(key) => format!("logs/{key}.zst"),
            Self::Manifest(id) => format!("manifests/{id}"),
            Self::Roots => "roots".to_owned(),
            Self::Source(sha256) => format!("sources/{sha256}"),
            Self::Trace(key) => format!("traces/{key}"),
            Self::Inputs(key) => format!("traces/{key}.inputs"),
        }
    }
}

/// An index's content.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// Whether the objects' bytes are there.
    pub bytes: bool,
    /// Path → the member and its BLAKE3.
    members: BTreeMap<String, (Member, Blake3)>,
}

impl Index {
    pub fn new(bytes: bool) -> Self {
        Self { bytes, members: BTreeMap::new() }
    }

    pub fn add(&mut self, member: Member, digest: Blake3) {
        self.members.insert(member.path(), (member, digest));
    }

    /// The members and what they hash to, in the order of the archive.
    pub fn members(&self) -> impl Iterator<Item = (&Member, &Blake3)> {
        self.members.values().map(|(member, digest)| (member, digest))
    }

    /// What a member that it names hashes to.
    pub fn digest(&self, member: &Member) -> Blake3 {
        self.members.get(&member.path()).expect("the index names it").1
    }

    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}{}\n", if self.bytes { WHOLE } else { MANIFESTS });
        for (path, (_, digest)) in &self.members {
            text.push_str(&format!("{digest}  {path}\n"));
        }
        text
    }

    /// Reads an index back, strict to the byte.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let mut lines = text.split_terminator('\n');
        let mut index = match lines.next().and_then(|line| line.strip_prefix(HEAD)) {
            Some(WHOLE) => Self::new(true),
            Some(MANIFESTS) => Self::new(false),
            _ => return Err(Wrong::Index(1)),
        };
        for (number, line) in lines.enumerate() {
            let wrong = || Wrong::Index(number + 2);
            let (digest, path) = line.split_once("  ").ok_or_else(wrong)?;
            let (digest, member): (Blake3, _) = digest.parse().ok().zip(Member::parse(path)).ok_or_else(wrong)?;
            // A manifest's BLAKE3 is its object's name.
            let named = !matches!(&member, Member::Manifest(id) if id.as_bytes() != digest.as_bytes());
            let sorted = index.members.last_key_value().is_none_or(|(last, _)| last.as_str() < path);
            if !(named && sorted) {
                return Err(wrong());
            }
            index.add(member, digest);
        }
        let same = index.text() == text && index.members.contains_key("roots");
        if same { Ok(index) } else { Err(Wrong::Index(text.lines().count())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Index {
        let mut index = Index::new(true);
        let key = DerivationKey::from_bytes([1; 32]);
        let manifest = Blake3::of(b"manifest");
        index.add(Member::Manifest(ObjectId::from_bytes(*manifest.as_bytes())), manifest);
        index.add(Member::Roots, Blake3::of(b"roots"));
        index.add(Member::Trace(key), Blake3::of(b"trace"));
        index.add(Member::Inputs(key), Blake3::of(b"inputs"));
        index.add(Member::Log(key), Blake3::of(b"log"));
        index.add(Member::Source(Sha256::of(b"source")), Blake3::of(b"source"));
        index
    }

    #[test]
    fn an_index_survives_its_text_and_is_sorted_by_path() {
        let text = sample().text();
        assert_eq!(Index::parse(&text).unwrap(), sample());
        let paths: Vec<&str> = text.lines().skip(1).map(|line| line.split_once("  ").unwrap().1).collect();
        assert!(paths.is_sorted(), "{paths:?}");
    }

    #[test]
    fn a_line_that_is_out_of_order_or_names_something_else_is_an_error_with_its_number() {
        let text = sample().text();
        let lines: Vec<&str> = text.lines().collect();
        let swapped = [lines[0], lines[2], lines[1]].join("\n") + "\n";
        let digest = Blake3::of(b"x");
        for (text, line) in [
            (swapped, 3),
            (text.replace("whole", "half"), 1),
            (format!("{}\n{digest}  ../x\n", lines[0]), 2),
            (format!("{}\n{digest}  manifests/{}\n", lines[0], Blake3::of(b"y")), 2),
            (format!("{}\n{digest}  roots\n{digest}  roots\n", lines[0]), 3),
            (format!("{}\n{digest}  roots", lines[0]), 2),
            (format!("{}\n", lines[0]), 1),
        ] {
            let error = Index::parse(&text).unwrap_err().to_string();
            assert_eq!(error, format!("is not an index that this drystone reads (line {line})"), "{text}");
        }
    }
}
