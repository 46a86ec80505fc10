//! Compressed files and archives: whether what is inside differs, and which member.

use std::io::{Cursor, Read as _};

use object::read::archive::ArchiveFile;

use super::{ChangeKind, Found, compare as compare_bytes};
use crate::archive::{decompress, is_compressed};

/// The most that is unpacked to be looked into, in bytes.
const MOST: u64 = 512 << 20;

/// A member of an archive.
struct Member {
    name: String,
    /// Everything else that the archive says of it, in words.
    facts: String,
    /// Its time, in seconds since 1970.
    time: u64,
    bytes: Vec<u8>,
}

/// Compares what two compressed files or archives hold; `None` when they are none, or not both of one kind.
pub fn compare(old: &[u8], new: &[u8], depth: usize) -> Option<Found> {
    if is_compressed(old) && is_compressed(new) {
        return compressed(old, new, depth);
    }
    let (kind, before, after) = match (ar(old), ar(new)) {
        (Some(before), Some(after)) => ("static library", before, after),
        _ => ("tar archive", tar(old)?, tar(new)?),
    };
    Some(members(kind, &before, &after, depth))
}

fn compressed(old: &[u8], new: &[u8], depth: usize) -> Option<Found> {
    let unpacked = |bytes: &[u8]| {
        let mut content = Vec::new();
        decompress(Cursor::new(bytes.to_vec())).ok()?.take(MOST).read_to_end(&mut content).ok()?;
        Some(content)
    };
    let (before, after) = (unpacked(old)?, unpacked(new)?);
    if before != after {
        return Some(compare_bytes(&before, &after, depth).within("uncompressed"));
    }
    // RFC 1952, 2.3: after two bytes of magic, the method and the flags, four bytes of time.
    let gzip = old.starts_with(&[0x1f, 0x8b]) && old.len() >= 8 && new.len() >= 8;
    if gzip && old[4..8] != new[4..8] {
        let time = |bytes: &[u8]| u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        let line =
            format!("the header of gzip holds the time {} instead of {} (gzip -n leaves it out)", time(new), time(old));
        return Some(Found::new(ChangeKind::Time, vec![line]));
    }
    let line = format!("the same content, compressed otherwise ({} and {} bytes)", old.len(), new.len());
    Some(Found::new(ChangeKind::Compression, vec![line]))
}

fn members(kind: &str, before: &[Member], after: &[Member], depth: usize) -> Found {
    let names = |members: &[Member]| members.iter().map(|member| member.name.clone()).collect::<Vec<_>>();
    let (old, new) = (names(before), names(after));
    if old != new {
        return other_names(kind, &old, &new);
    }
    let mut found: Option<Found> = None;
    for (one, other) in before.iter().zip(after) {
        let what = format!("{kind}, member {}", one.name);
        let of_member = if one.bytes != other.bytes {
            compare_bytes(&one.bytes, &other.bytes, depth).within(&what)
        } else if one.time != other.time {
            Found::new(ChangeKind::Time, vec![format!("{what}: has the time {} instead of {}", other.time, one.time)])
        } else if one.facts != other.facts {
            Found::new(ChangeKind::Binary, vec![format!("{what}: has {} instead of {}", other.facts, one.facts)])
        } else {
            continue;
        };
        match &mut found {
            None => found = Some(of_member),
            Some(found) => found.lines.extend(of_member.lines),
        }
    }
    found.unwrap_or_else(|| {
        Found::new(ChangeKind::Binary, vec![format!("{kind}: the members are the same, what is around them is not")])
    })
}

fn other_names(kind: &str, old: &[String], new: &[String]) -> Found {
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names
    };
    let (one, other) = (sorted(old), sorted(new));
    if one == other {
        let line = format!("{kind}: the same members in another order");
        let lines = vec![line, format!("- {}", old.join(" ")), format!("+ {}", new.join(" "))];
        return Found::new(ChangeKind::Order, lines);
    }
    let gone = one.iter().filter(|name| other.binary_search(name).is_err());
    let come = other.iter().filter(|name| one.binary_search(name).is_err());
    let mut lines: Vec<String> = gone.map(|name| format!("{kind}: the member {name} is gone")).collect();
    lines.extend(come.map(|name| format!("{kind}: the member {name} is new")));
    Found::new(ChangeKind::Binary, lines)
}

/// The members of an `ar` archive.
fn ar(bytes: &[u8]) -> Option<Vec<Member>> {
    let archive = ArchiveFile::parse(bytes).ok()?;
    let member = |member: object::Result<object::read::archive::ArchiveMember<'_>>| {
        let member = member.ok()?;
        Some(Member {
            name: String::from_utf8_lossy(member.name()).into_owned(),
            facts: format!("owner {:?}:{:?}, mode {:?}", member.uid(), member.gid(), member.mode()),
            time: member.date().unwrap_or_default(),
            bytes: member.data(bytes).ok()?.to_vec(),
        })
    };
    archive.members().map(member).collect()
}

/// The members of a tar archive.
fn tar(bytes: &[u8]) -> Option<Vec<Member>> {
    // POSIX, pax: the magic of a header's format stands at this place.
    if bytes.get(257..262) != Some(b"ustar") {
        return None;
    }
    let mut archive = ::tar::Archive::new(bytes);
    let member = |entry: std::io::Result<::tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.ok()?;
        let header = entry.header();
        let owner = |number: std::io::Result<u64>| number.map_or_else(|_| "?".to_owned(), |number| number.to_string());
        let name = |name: Result<Option<&str>, _>| name.ok().flatten().unwrap_or_default().to_owned();
        let facts = format!(
            "owner {}:{} ({}:{}), mode {:o}, kind {:?}",
            owner(header.uid()),
            owner(header.gid()),
            name(header.username()),
            name(header.groupname()),
            header.mode().unwrap_or_default(),
            header.entry_type(),
        );
        let time = header.mtime().unwrap_or_default();
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut bytes = Vec::new();
        entry.by_ref().take(MOST).read_to_end(&mut bytes).ok()?;
        Some(Member { name, facts, time, bytes })
    };
    archive.entries().ok()?.map(member).collect()
}
