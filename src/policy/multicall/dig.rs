//! The way to the programs in a file: through archives, compressed streams and packers, whatever lies where.
//!
//! Every bound that stops the way leaves a fact behind. Knows nothing of what makes a program many.

use std::collections::HashSet;

use super::magic::{self, Hit, Kind};
use super::members::{self, Member};
use super::program::Program;
use super::zipped::{self, Content};
use super::{
    DEEPEST, MOST_BEGINNINGS, MOST_MEMBERS, MOST_OUTPUT, MultiCall, Packed, Packing, expand, judge, opaque, upx,
};

/// A search, and what it has found.
#[derive(Debug)]
pub(super) struct Dig {
    pub multi_call: Option<MultiCall>,
    /// The first content that could not be looked into.
    pub packed: Option<Packed>,
    within: Vec<String>,
    /// How many bytes may still be decompressed.
    output: usize,
    /// How many bytes may still be read, those counted that are read again for another beginning.
    work: usize,
}

impl Dig {
    /// Searches a file.
    pub(super) fn file(bytes: &[u8]) -> Self {
        Self::bounded(bytes, MOST_OUTPUT)
    }

    /// Searches a file, and decompresses so many bytes at most.
    pub(super) fn bounded(bytes: &[u8], output: usize) -> Self {
        // Things that begin in one another are read for each of them: that is bounded, and far from what happens.
        let work = bytes.len().saturating_mul(8).saturating_add(2 * output);
        let mut dig = Self { multi_call: None, packed: None, within: Vec::new(), output, work };
        dig.look(bytes);
        dig
    }

    fn look(&mut self, bytes: &[u8]) {
        if self.within.len() > DEEPEST {
            return self.note(Packing::TooDeep);
        }
        let (hits, all) = magic::hits(bytes, MOST_BEGINNINGS);
        let members = all_members(bytes, &hits);
        if !all || members.len() >= MOST_MEMBERS {
            self.note(Packing::TooMuch);
        }
        let whole = Member { start: 0, end: bytes.len(), label: String::new() };
        for member in std::iter::once(&whole).chain(&members) {
            if let Some(packing) = bytes.get(member.start..member.end).and_then(opaque::format) {
                self.under(place(&members, member.start), |dig| dig.note(packing));
            }
        }
        let mut read = HashSet::new();
        for hit in hits {
            if self.multi_call.is_some() || self.work == 0 {
                return;
            }
            if read.insert((hit.at, hit.kind)) {
                let label = place(&members, hit.at);
                self.spend(cost(hit.kind));
                self.under(label, |dig| dig.follow(hit, bytes, &mut read));
            }
        }
    }

    /// Looks at what may begin somewhere. Members of the same stream that were read with it are added to `read`.
    fn follow(&mut self, hit: Hit, bytes: &[u8], read: &mut HashSet<(usize, Kind)>) {
        let rest = &bytes[hit.at..];
        match hit.kind {
            Kind::Elf => self.program(rest),
            Kind::SevenZip => self.note(Packing::Format("7z")),
            Kind::Rar => self.note(Packing::Format("RAR")),
            Kind::Zip => self.zip_entry(rest),
            kind => {
                let expanded = expand::expand(kind, rest, self.output);
                read.extend(expanded.members.iter().map(|at| (hit.at + at, kind)));
                self.content(expand::name(kind).unwrap_or_default().to_owned(), expanded);
            }
        }
    }

    fn program(&mut self, bytes: &[u8]) {
        self.spend(Program::cost(bytes));
        let Some(program) = Program::read(bytes) else { return };
        self.spend(program.bytes().len());
        if let Some((evidence, programs)) = judge::judge(&program) {
            self.multi_call = Some(MultiCall { programs, evidence, within: self.within.clone() });
        } else if let Some(unpacked) = upx::unpack(&program, self.output) {
            self.output -= unpacked.content.len();
            self.under(Some("upx".to_owned()), |dig| dig.look(&unpacked.content));
            if !unpacked.complete {
                self.note(Packing::Upx);
            }
        } else if opaque::is_dense(&program) {
            self.note(Packing::Program);
        }
    }

    fn zip_entry(&mut self, bytes: &[u8]) {
        let Some(entry) = zipped::entry(bytes) else { return };
        let label = format!("zip: {}", entry.name);
        match entry.content {
            Content::Plain(..) => {}
            Content::Deflated(data) => self.content(label, expand::inflate(data, self.output)),
            Content::Lzma(data) => {
                if let Some(expanded) = zipped::lzma(data, self.output) {
                    self.content(label, expanded);
                }
            }
            Content::Unknown => self.under(Some(label), |dig| dig.note(Packing::Format("zip"))),
            Content::Encrypted => self.under(Some(label), |dig| dig.note(Packing::Encrypted("zip"))),
        }
    }

    /// Looks into what was decompressed.
    fn content(&mut self, label: String, expanded: expand::Expanded) {
        self.output -= expanded.content.len();
        self.spend(expanded.read.saturating_add(expanded.content.len()));
        self.under(Some(label), |dig| {
            if !expanded.content.is_empty() {
                dig.look(&expanded.content);
            }
            if expanded.cut {
                dig.note(Packing::TooMuch);
            }
        });
    }

    fn spend(&mut self, bytes: usize) {
        self.work = self.work.saturating_sub(bytes);
        if self.work == 0 {
            self.note(Packing::TooMuch);
        }
    }

    fn note(&mut self, packing: Packing) {
        self.packed.get_or_insert_with(|| Packed { packing, within: self.within.clone() });
    }

    /// Does something with one more step on the way, if there is one.
    fn under(&mut self, step: Option<String>, act: impl FnOnce(&mut Self)) {
        let depth = self.within.len();
        self.within.extend(step);
        act(self);
        self.within.truncate(depth);
    }
}

/// What it costs to begin with something, in bytes read: decoders have tables to set up and memory to ask for.
fn cost(kind: Kind) -> usize {
    match kind {
        Kind::Gzip | Kind::Zip => 4 << 10,
        Kind::Elf | Kind::Xz | Kind::Zstd | Kind::Bzip2 | Kind::Lzma | Kind::Lzip => 64 << 10,
        Kind::SevenZip | Kind::Rar => 0,
    }
}

/// What of the bytes has a name: the members of an archive that they are, and the stored entries of zip archives.
fn all_members(bytes: &[u8], hits: &[Hit]) -> Vec<Member> {
    let mut members = members::members(bytes, MOST_MEMBERS);
    let stored = hits.iter().filter(|hit| hit.kind == Kind::Zip).filter_map(|hit| {
        let entry = zipped::entry(&bytes[hit.at..])?;
        let Content::Plain(offset, length) = entry.content else { return None };
        let start = hit.at + offset;
        let end = start.saturating_add(length).min(bytes.len());
        Some(Member { start, end, label: format!("zip: {}", entry.name) })
    });
    members.extend(stored.take(MOST_MEMBERS));
    members.sort_by_key(|member| member.start);
    members
}

/// How people find an offset: by the member that holds it, else by its number, unless it is the beginning.
fn place(members: &[Member], at: usize) -> Option<String> {
    let after = members.partition_point(|member| member.start <= at);
    let member = after.checked_sub(1).map(|index| &members[index]).filter(|member| at < member.end);
    match member {
        Some(member) => Some(member.label.clone()),
        None => (at > 0).then(|| format!("byte {at}")),
    }
}
