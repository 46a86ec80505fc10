//! Debian packages: an `ar` archive (deb(5)) of `debian-binary`, `control.tar` and `data.tar`, of which the last
//! is unpacked. Knows nothing of what packages need, nor runs what they would run.

use std::io::{self, BufRead, Read as _};

use super::destination::Destination;
use super::error::{ArchiveError, Fault};
use super::layout::Layout;
use super::tarball;

/// Whether an archive that begins with these bytes is an `ar` archive, as packages are.
pub(super) fn is_ar(beginning: &[u8]) -> bool {
    beginning.starts_with(MAGIC)
}

/// Unpacks the `data.tar` of one package.
pub(super) fn unpack(
    input: impl BufRead,
    label: &str,
    layout: Layout,
    destination: &mut Destination,
) -> Result<(), ArchiveError> {
    let mut members = Ar::new(input).map_err(|fault| fault.of(label))?;
    let first = members.next().map_err(|fault| fault.of(label))?;
    let mut version = Vec::new();
    if first.as_deref() == Some("debian-binary") {
        members.content().take(8).read_to_end(&mut version).map_err(|error| Fault::reading(error).of(label))?;
    }
    if !version.starts_with(b"2.") {
        return Err(Fault::NotADeb("its first member is not `debian-binary` with a version 2").of(label));
    }
    let mut unpacked = false;
    while let Some(member) = members.next().map_err(|fault| fault.of(label))? {
        if member == "data.tar" || member.starts_with("data.tar.") {
            if unpacked {
                return Err(Fault::NotADeb("it has two `data.tar`").of(label));
            }
            unpacked = true;
            tarball::unpack(members.content(), label, layout, destination)?;
        } else if !(member == "control.tar" || member.starts_with("control.tar.") || member.starts_with('_')) {
            return Err(Fault::NotADeb("it has an unknown member").of_entry(label, member.as_bytes()));
        }
    }
    if unpacked { Ok(()) } else { Err(Fault::NotADeb("it has no `data.tar`").of(label)) }
}

/// The members of an `ar` archive in the common format, without the extensions for long names.
struct Ar<R> {
    /// Limited to the current member.
    input: io::Take<R>,
    padded: bool,
}

const MAGIC: &[u8; 8] = b"!<arch>\n";
/// Name (16 bytes), time, owner, group, mode, then size (10 bytes) and a magic number.
const HEADER: usize = 60;

impl<R: BufRead> Ar<R> {
    fn new(mut input: R) -> Result<Self, Fault> {
        let mut magic = [0; MAGIC.len()];
        match input.read_exact(&mut magic) {
            Ok(()) if magic == *MAGIC => Ok(Self { input: input.take(0), padded: false }),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(Fault::reading(error)),
            _ => Err(Fault::NotADeb("it does not start as an ar archive does")),
        }
    }

    /// Goes on to the next member, and gives its name; `None` at the end.
    fn next(&mut self) -> Result<Option<String>, Fault> {
        let rest = self.input.limit();
        if io::copy(&mut self.input, &mut io::sink()).map_err(Fault::reading)? < rest {
            return Err(Fault::Truncated);
        }
        let mut header = Vec::with_capacity(HEADER);
        self.input.set_limit(HEADER as u64 + u64::from(self.padded));
        self.input.read_to_end(&mut header).map_err(Fault::reading)?;
        if header.is_empty() || self.padded && header == [b'\n'] {
            return Ok(None);
        }
        let header = header.get(usize::from(self.padded)..).filter(|header| header.len() == HEADER);
        let header = header.ok_or(Fault::Truncated)?;
        let text = std::str::from_utf8(header).ok().filter(|text| text.is_ascii() && text.ends_with("`\n"));
        let text = text.ok_or(Fault::Malformed("it has a broken ar header"))?;
        let size = text[48..58].trim_end();
        let digits = size.bytes().all(|byte| byte.is_ascii_digit());
        let size: u64 = size.parse().ok().filter(|_| digits).ok_or(Fault::Malformed("it has a broken ar header"))?;
        self.input.set_limit(size);
        self.padded = size % 2 == 1;
        let name = text[..16].trim_end();
        Ok(Some(name.strip_suffix('/').unwrap_or(name).to_owned()))
    }

    /// The current member's content.
    fn content(&mut self) -> &mut io::Take<R> {
        &mut self.input
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, content: &str) -> String {
        let pad = if content.len() % 2 == 1 { "\n" } else { "" };
        format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n{content}{pad}", 0, 0, 0, 100644, content.len())
    }

    #[test]
    fn members_follow_each_other_at_even_offsets() {
        let text = format!("!<arch>\n{}{}{}", member("odd", "123"), member("even/", "1234"), member("last", "1"));
        let mut archive = Ar::new(text.as_bytes()).unwrap();
        let mut seen = Vec::new();
        while let Some(name) = archive.next().unwrap() {
            let mut content = String::new();
            archive.content().read_to_string(&mut content).unwrap();
            seen.push((name, content));
        }
        let expected = [("odd", "123"), ("even", "1234"), ("last", "1")];
        assert_eq!(seen, expected.map(|(name, content)| (name.to_owned(), content.to_owned())));
    }

    #[test]
    fn a_member_that_claims_more_than_there_is_is_truncated() {
        let text = format!("!<arch>\n{}", member("a", "1234"));
        let mut archive = Ar::new(&text.as_bytes()[..text.len() - 2]).unwrap();
        archive.next().unwrap();
        assert_eq!(archive.next().unwrap_err().to_string(), "is truncated");
    }
}
