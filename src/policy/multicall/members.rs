//! The members of archives that keep them as they are: tar, ar and cpio, for their names.
//!
//! What is in a member is found without this. An archive that is broken has the members up to there. Knows nothing
//! of links and other kinds of entries.

use memchr::memmem;

/// A part of the bytes that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Where its content begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The kind of the archive, and the name: `tar: bin/x`.
    pub label: String,
}

/// How much of a name is kept, in bytes.
const LONGEST_NAME: usize = 255;

/// The members of an archive that the bytes begin with, in order and not more than `most`; none of other bytes.
pub(super) fn members(bytes: &[u8], most: usize) -> Vec<Member> {
    let next = match () {
        () if bytes.get(257..).is_some_and(|magic| magic.starts_with(b"ustar")) => tar,
        () if bytes.starts_with(b"!<arch>\n") => ar,
        () if bytes.starts_with(b"070701") || bytes.starts_with(b"070702") => cpio,
        () => return Vec::new(),
    };
    let mut members = Vec::new();
    let (mut at, mut long) = (if bytes.starts_with(b"!<arch>\n") { 8 } else { 0 }, None);
    while let Some(entry) = next(bytes, at).filter(|_| members.len() < most) {
        let end = entry.content.saturating_add(entry.length).min(bytes.len());
        let content = &bytes[entry.content.min(end)..end];
        match entry.names_next {
            Some(name) => long = name(content).or(long),
            None => {
                let label = format!("{}: {}", entry.archive, long.take().unwrap_or(entry.name));
                members.push(Member { start: entry.content, end, label });
            }
        }
        at = entry.next;
    }
    members
}

/// How to find a name in a content.
type NameOf = fn(&[u8]) -> Option<String>;

struct Entry {
    archive: &'static str,
    name: String,
    content: usize,
    length: usize,
    /// The way to the name of the next entry, if that is what the content is for.
    names_next: Option<NameOf>,
    next: usize,
}

/// A header of ustar or of GNU's tar, with the content's length in octal (tar(5)).
fn tar(bytes: &[u8], at: usize) -> Option<Entry> {
    const BLOCK: usize = 512;
    let header = bytes.get(at..at.checked_add(BLOCK)?).filter(|header| header[257..].starts_with(b"ustar"))?;
    let digits = std::str::from_utf8(&header[124..136]).ok()?.trim_matches([' ', '\0']);
    let length = usize::from_str_radix(digits, 8).ok()?;
    let (name, prefix) = (text(&header[..100]), text(&header[345..500]));
    let prefixed = header[257..].starts_with(b"ustar\x0000") && !prefix.is_empty();
    let name = if prefixed { format!("{prefix}/{name}") } else { name };
    let content = at + BLOCK;
    let next = content.checked_add(length)?.checked_next_multiple_of(BLOCK)?;
    let names_next: Option<NameOf> = match header[156] {
        b'L' => Some(|content| Some(text(content))),
        b'x' => Some(pax_path),
        _ => None,
    };
    Some(Entry { archive: "tar", name, content, length, names_next, next })
}

/// A header of the common ar format (deb(5)).
fn ar(bytes: &[u8], at: usize) -> Option<Entry> {
    const HEADER: usize = 60;
    let content = at.checked_add(HEADER)?;
    let header = std::str::from_utf8(bytes.get(at..content)?).ok().filter(|header| header.ends_with("`\n"))?;
    let length = header.get(48..58)?.trim_end().parse().ok()?;
    let name = header.get(..16)?.trim_end();
    let name = name.strip_suffix('/').unwrap_or(name).to_owned();
    let next = content.checked_add(length)?.checked_next_multiple_of(2)?;
    Some(Entry { archive: "ar", name, content, length, names_next: None, next })
}

/// A header of the new ASCII format of cpio, as the kernel reads it (`initramfs-buffer-format.rst`).
fn cpio(bytes: &[u8], at: usize) -> Option<Entry> {
    const HEADER: usize = 110;
    let start = at.checked_add(HEADER)?;
    let header = std::str::from_utf8(bytes.get(at..start)?).ok()?;
    if !header.starts_with("07070") {
        return None;
    }
    let number = |field: usize| usize::from_str_radix(header.get(field..field + 8)?, 16).ok();
    let (length, name_length) = (number(54)?, number(94)?);
    let name = text(bytes.get(start..start.checked_add(name_length)?)?);
    let content = (start + name_length).checked_next_multiple_of(4)?;
    let next = content.checked_add(length)?.checked_next_multiple_of(4)?;
    Some(Entry { archive: "cpio", name, content, length, names_next: None, next })
}

/// The path that an extended header gives (pax(1), "Extended Header").
fn pax_path(content: &[u8]) -> Option<String> {
    let start = memmem::find(content, b" path=")? + b" path=".len();
    let end = memchr::memchr(b'\n', &content[start..])?;
    Some(text(&content[start..start + end]))
}

/// A text up to its first zero byte, as far as it is kept.
fn text(bytes: &[u8]) -> String {
    let kept = &bytes[..bytes.len().min(LONGEST_NAME)];
    let end = memchr::memchr(0, kept).unwrap_or(kept.len());
    String::from_utf8_lossy(&kept[..end]).into_owned()
}
