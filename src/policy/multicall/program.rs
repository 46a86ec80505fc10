//! A program as it lies in memory: where its segments are, and which of its words point to where.
//!
//! Reads the ELF header, the program headers and the dynamic relocations, as the kernel and the start-up code do
//! (System V gABI, "Program Loading"; elf(5)). Section headers are not looked at: a program runs without them. Both
//! classes and byte orders, at any alignment. Knows nothing of what is in the program.

use std::ops::Range;

/// `e_type` of a program that can be loaded anywhere.
const ET_DYN: u16 = 3;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PF_X: u32 = 1;
const DT_RELA: u64 = 7;
const DT_RELASZ: u64 = 8;
/// The kernel loads no program whose program headers are longer (`load_elf_phdrs`).
const MOST_HEADERS: usize = 65536;

/// How words are written: their length and order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    wide: bool,
    big: bool,
}

impl Words {
    fn length(self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big { u16::from_be_bytes(field) } else { u16::from_le_bytes(field) })
    }

    /// A number of four bytes.
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) })
    }

    /// The lengths of an ELF header and of a program header.
    pub(super) fn header_lengths(self) -> (usize, usize) {
        if self.wide { (64, 56) } else { (52, 32) }
    }

    /// An address or a size.
    fn word(self, bytes: &[u8], at: usize) -> Option<u64> {
        if !self.wide {
            return self.u32(bytes, at).map(u64::from);
        }
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big { u64::from_be_bytes(field) } else { u64::from_le_bytes(field) })
    }
}

/// A part of the file that is loaded.
#[derive(Debug, Clone, Copy)]
struct Segment {
    address: u64,
    offset: usize,
    /// Of the part that is in the file.
    length: usize,
    code: bool,
}

/// A word that holds an address in the program. Both are offsets in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pointer {
    /// Where the word is.
    pub at: u32,
    /// What it points to.
    pub to: u32,
}

/// A program in a file's bytes.
#[derive(Debug)]
pub(super) struct Program<'a> {
    bytes: &'a [u8],
    words: Words,
    movable: bool,
    /// By address.
    segments: Vec<Segment>,
    /// Where in the file what is loaded as code is.
    code: Vec<Range<usize>>,
    /// The dynamic section's place.
    dynamic: Option<(usize, usize)>,
}

impl<'a> Program<'a> {
    /// How much there is to read before it is known whether there is a program.
    pub(super) fn cost(bytes: &[u8]) -> usize {
        headers(bytes).map_or(0, |(_, table)| table.len())
    }

    /// The program whose header the bytes begin with; `None` when nothing can be loaded from there.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (words, table) = headers(bytes)?;
        let movable = words.u16(bytes, 16)? == ET_DYN;
        let mut program = Self { bytes, words, movable, segments: Vec::new(), code: Vec::new(), dynamic: None };
        for header in bytes[table].chunks_exact(words.header_lengths().1) {
            program.take_header(header)?;
        }
        program.segments.sort_by_key(|segment| segment.address);
        let code = program.segments.iter().filter(|segment| segment.code);
        program.code = merged(code.map(|segment| segment.offset..segment.offset + segment.length));
        let loaded = program.segments.iter().map(|segment| segment.offset + segment.length).max()?;
        program.bytes = &bytes[..loaded.max(program.end_of_sections().unwrap_or(0))];
        Some(program)
    }

    fn take_header(&mut self, header: &[u8]) -> Option<()> {
        let words = self.words;
        let field = |narrow, wide| words.word(header, if words.wide { wide } else { narrow });
        let offset = usize::try_from(field(4, 8)?).ok()?;
        let address = field(8, 16)?;
        // Of a file that was cut short, what is there.
        let length = usize::try_from(field(16, 32)?).ok()?.min(self.bytes.len().saturating_sub(offset));
        let flags = words.u32(header, if words.wide { 4 } else { 24 })?;
        match words.u32(header, 0)? {
            PT_LOAD if length > 0 => {
                self.segments.push(Segment { address, offset, length, code: flags & PF_X != 0 });
            }
            PT_DYNAMIC => self.dynamic = Some((offset, length)),
            _ => {}
        }
        Some(())
    }

    /// Where the section headers end, which linkers put last; `None` without any.
    fn end_of_sections(&self) -> Option<usize> {
        let field = |narrow, wide| if self.words.wide { wide } else { narrow };
        let table = usize::try_from(self.words.word(self.bytes, field(32, 40))?).ok()?;
        let size = usize::from(self.words.u16(self.bytes, field(46, 58))?);
        let count = usize::from(self.words.u16(self.bytes, field(48, 60))?);
        let end = table.checked_add(size * count)?;
        (table > 0 && end <= self.bytes.len()).then_some(end)
    }

    /// Where the program headers end.
    pub(super) fn end_of_headers(&self) -> Option<usize> {
        headers(self.bytes).map(|(_, table)| table.end)
    }

    /// Offset and length in the file of each segment that is loaded, in the order of the program headers, of a
    /// program of which only the headers are there.
    pub(super) fn extents(bytes: &[u8]) -> Option<Vec<(usize, usize)>> {
        let (words, table) = headers(bytes)?;
        let loads = bytes[table].chunks_exact(words.header_lengths().1);
        let loads = loads.filter(|header| words.u32(header, 0) == Some(PT_LOAD));
        let extent = |header: &[u8]| {
            let field = |narrow, wide| words.word(header, if words.wide { wide } else { narrow });
            Some((usize::try_from(field(4, 8)?).ok()?, usize::try_from(field(16, 32)?).ok()?))
        };
        loads.map(extent).collect()
    }

    /// How numbers are written in it.
    pub(super) fn words(&self) -> Words {
        self.words
    }

    /// The program's bytes, from its header on.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes from where it starts to run.
    pub(super) fn start(&self) -> Option<&'a [u8]> {
        // Zero is for what does not start at all, such as a library.
        let entry = self.words.word(self.bytes, 24).filter(|entry| *entry > 0)?;
        self.bytes.get(self.offset_of(entry)? as usize..)
    }

    /// The length of an address.
    pub(super) fn word_length(&self) -> u32 {
        if self.words.wide { 8 } else { 4 }
    }

    /// The number in the word at an offset.
    pub(super) fn word(&self, at: u32) -> Option<u64> {
        self.words.word(self.bytes, at as usize)
    }

    /// The offset of what is at an address.
    fn offset_of(&self, address: u64) -> Option<u32> {
        let after = self.segments.partition_point(|segment| segment.address <= address);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        let within = usize::try_from(address - segment.address).ok().filter(|within| *within < segment.length)?;
        u32::try_from(segment.offset + within).ok()
    }

    /// Whether an offset is in what is loaded as code; linkers of old put constants there too.
    pub(super) fn is_loaded_as_code(&self, at: u32) -> bool {
        let at = at as usize;
        let after = self.code.partition_point(|range| range.start <= at);
        after.checked_sub(1).is_some_and(|index| self.code[index].contains(&at))
    }

    /// Whether a function could be at an offset: it is loaded as code, and is not text.
    pub(super) fn is_code(&self, at: u32) -> bool {
        self.is_loaded_as_code(at) && !is_text(&self.bytes[at as usize..])
    }

    /// All words that point into the program, by their place.
    pub(super) fn pointers(&self) -> Vec<Pointer> {
        let mut pointers = self.relocated();
        pointers.extend(self.in_place());
        if !pointers.is_sorted() {
            // Two sorted runs, as a rule: merging them is what a stable sort is good at.
            pointers.sort();
        }
        pointers.dedup_by_key(|pointer| pointer.at);
        pointers
    }

    /// The pointers that are aligned words of the file's loaded parts.
    fn in_place(&self) -> Vec<Pointer> {
        match (self.words.wide, self.words.big) {
            (true, false) => self.aligned(u64::from_le_bytes),
            (true, true) => self.aligned(u64::from_be_bytes),
            (false, false) => self.aligned(|word| u32::from_le_bytes(word).into()),
            (false, true) => self.aligned(|word| u32::from_be_bytes(word).into()),
        }
    }

    fn aligned<const LENGTH: usize>(&self, read: impl Fn([u8; LENGTH]) -> u64) -> Vec<Pointer> {
        let (Some(first), Some(last)) = (self.segments.first(), self.segments.last()) else { return Vec::new() };
        // In a movable program small numbers look like addresses of its headers.
        let lowest = first.address + if self.movable { 0x1000 } else { 0 };
        let size = last.address.saturating_add(last.length as u64).saturating_sub(lowest);
        let mut pointers = Vec::new();
        let loaded = self.segments.iter().map(|segment| segment.offset..segment.offset + segment.length);
        for range in merged(loaded) {
            let start = range.start.next_multiple_of(LENGTH);
            let (words, _) = self.bytes.get(start..range.end).unwrap_or_default().as_chunks();
            for (index, word) in words.iter().enumerate() {
                let value = read(*word);
                if value.wrapping_sub(lowest) >= size {
                    continue;
                }
                let at = u32::try_from(start + index * LENGTH).ok();
                if let (Some(at), Some(to)) = (at, self.offset_of(value)) {
                    pointers.push(Pointer { at, to });
                }
            }
        }
        pointers
    }

    /// The pointers that the relocations of a movable program will make: those without a symbol, whose addend is
    /// an address (`R_X86_64_RELATIVE` and its like). Without addends (`DT_REL`, `DT_RELR`) the address is in place.
    fn relocated(&self) -> Vec<Pointer> {
        self.relocations().map(|table| self.relative(table)).unwrap_or_default()
    }

    fn relocations(&self) -> Option<&'a [u8]> {
        let (start, length) = self.dynamic?;
        let size = self.words.length();
        let (mut table, mut bytes) = (None, None);
        for entry in self.bytes.get(start..start + length)?.chunks_exact(2 * size) {
            let value = self.words.word(entry, size)?;
            match self.words.word(entry, 0)? {
                0 => break,
                DT_RELA => table = Some(self.offset_of(value)? as usize),
                DT_RELASZ => bytes = usize::try_from(value).ok(),
                _ => {}
            }
        }
        let rest = self.bytes.get(table?..)?;
        Some(&rest[..bytes?.min(rest.len())])
    }

    fn relative(&self, table: &[u8]) -> Vec<Pointer> {
        let size = self.words.length();
        let pointer = |entry: &[u8]| {
            let info = self.words.word(entry, size)?;
            let symbol = if self.words.wide { info >> 32 } else { info >> 8 };
            let (at, to) = (self.words.word(entry, 0)?, self.words.word(entry, 2 * size)?);
            (symbol == 0).then_some(Pointer { at: self.offset_of(at)?, to: self.offset_of(to)? })
        };
        table.chunks_exact(3 * size).filter_map(pointer).collect()
    }
}

/// Ranges in order, each place in one of them only, however many held it.
fn merged(ranges: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut ranges: Vec<_> = ranges.collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// The class and byte order of an ELF file, and where its program headers are.
fn headers(bytes: &[u8]) -> Option<(Words, Range<usize>)> {
    if !bytes.starts_with(crate::elf::MAGIC) {
        return None;
    }
    let words = match (bytes.get(4)?, bytes.get(5)?) {
        (class @ 1..=2, order @ 1..=2) => Words { wide: *class == 2, big: *order == 2 },
        _ => return None,
    };
    let field = |narrow, wide| if words.wide { wide } else { narrow };
    let start = usize::try_from(words.word(bytes, field(28, 32))?).ok()?;
    let size = usize::from(words.u16(bytes, field(42, 54))?);
    let count = usize::from(words.u16(bytes, field(44, 56))?);
    let end = start.checked_add(size * count)?;
    let loads = size == words.header_lengths().1 && size * count <= MOST_HEADERS && end <= bytes.len();
    loads.then_some((words, start..end))
}

/// Whether the bytes up to the next zero byte are printable text.
fn is_text(bytes: &[u8]) -> bool {
    /// Longer than any beginning of a function that happens to be printable.
    const ENOUGH: usize = 24;
    let text = bytes.iter().take(ENOUGH).take_while(|byte| **byte != 0);
    let mut length = 0;
    for byte in text {
        if !matches!(byte, b' '..=b'~' | b'\t' | b'\n') {
            return false;
        }
        length += 1;
    }
    length > 0
}
