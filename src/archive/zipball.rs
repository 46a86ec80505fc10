//! zip (PKWARE's APPNOTE), stored or deflated.
//!
//! A zip archive tells everything twice, before each entry and in the directory at the end; what differs is an
//! error, as are entries that share bytes, names that come twice, and bytes behind the end. Knows what Info-ZIP
//! adds for Unix modes, and nothing of tar.

use std::collections::HashSet;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::destination::Destination;
use super::error::{ArchiveError, Fault};
use super::layout::{Layout, Place};

/// Whether a file that starts so is a zip archive (an empty one has only the end record).
pub(super) fn is_zip(start: &[u8]) -> bool {
    start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06")
}

/// Unpacks a zip archive.
pub(super) fn unpack<R: Read + Seek>(
    input: BufReader<R>,
    label: &str,
    layout: Layout,
    destination: &mut Destination,
) -> Result<(), ArchiveError> {
    let archive = open(input, label)?;
    unpack_all(archive, label, layout, destination)
}

/// Unpacks all that a zip archive lists.
pub(super) fn unpack_all<R: Read + Seek>(
    mut archive: ZipArchive<R>,
    label: &str,
    layout: Layout,
    destination: &mut Destination,
) -> Result<(), ArchiveError> {
    archive.validate_header_consistency().map_err(|error| fault(error).of(label))?;
    for index in 0..archive.len() {
        // The name comes from what was read already: it is there for an error in opening the entry too.
        let data = archive.by_index_data(index).map_err(|error| fault(error).of(label))?;
        let name = data.name_raw().to_owned();
        archive
            .by_index(index)
            .map_err(fault)
            .and_then(|mut entry| install(&mut entry, layout, destination))
            .map_err(|fault| fault.of_entry(label, &name))?;
    }
    Ok(())
}

/// Reads the directory at the end. Of names that are there twice the crate keeps one, and of bytes behind the end
/// it says nothing.
pub(super) fn open<R: Read + Seek>(input: R, label: &str) -> Result<ZipArchive<R>, ArchiveError> {
    let archive = ZipArchive::new(input).map_err(|error| fault(error).of(label))?;
    let twice = archive.has_duplicate_names();
    let (start, comment) = (archive.central_directory_start(), archive.comment().len());
    let mut input = archive.into_inner();
    if twice {
        let name = name_listed_twice(&mut input, start).map_err(|error| Fault::reading(error).of(label))?;
        return Err(name.map_or_else(|| Fault::Twice.of(label), |name| Fault::Twice.of_entry(label, &name)));
    }
    if !ends_with_record(&mut input, comment).map_err(|error| Fault::reading(error).of(label))? {
        return Err(Fault::Trailing.of(label));
    }
    ZipArchive::new(input).map_err(|error| fault(error).of(label))
}

/// Whether the end record with its comment is the last thing in the file (APPNOTE 4.3.16).
fn ends_with_record(input: &mut (impl Read + Seek), comment: usize) -> io::Result<bool> {
    const RECORD: u64 = 22;
    let length = input.seek(SeekFrom::End(0))?;
    let Some(at) = length.checked_sub(RECORD + comment as u64) else { return Ok(false) };
    let mut magic = [0; 4];
    input.seek(SeekFrom::Start(at))?;
    input.read_exact(&mut magic)?;
    Ok(magic == *b"PK\x05\x06")
}

/// The first name that the directory at `start` repeats (APPNOTE 4.3.12).
fn name_listed_twice(input: &mut (impl Read + Seek), start: u64) -> io::Result<Option<Vec<u8>>> {
    let mut seen = HashSet::new();
    input.seek(SeekFrom::Start(start))?;
    loop {
        let mut header = [0; 46];
        input.read_exact(&mut header)?;
        if !header.starts_with(b"PK\x01\x02") {
            return Ok(None);
        }
        let length = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let mut name = vec![0; length(28)];
        input.read_exact(&mut name)?;
        let rest = length(30) + length(32);
        input.seek_relative(i64::try_from(rest).expect("twice 16 bits"))?;
        if !seen.insert(name.clone()) {
            return Ok(Some(name));
        }
    }
}

/// A zip error as a fault; an error below it keeps its own meaning.
pub(super) fn fault(error: ZipError) -> Fault {
    match error {
        ZipError::Io(error) => Fault::reading(error),
        other => Fault::Zip(other),
    }
}

const S_IFMT: u32 = 0o170_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;
const S_IFLNK: u32 = 0o120_000;

fn install<R: Read>(entry: &mut ZipFile<'_, R>, layout: Layout, destination: &mut Destination) -> Result<(), Fault> {
    let name = entry.name_raw();
    if name.contains(&b'\\') {
        // Written by programs that take it for a separator, and read as one by some.
        return Err(Fault::Path("it holds a backslash"));
    }
    let mode = entry.unix_mode().unwrap_or(0);
    let is_directory = name.ends_with(b"/") || mode & S_IFMT == S_IFDIR;
    if is_directory && entry.size() > 0 {
        return Err(Fault::Malformed("it is a directory, but has a size"));
    }
    let place = match layout.place(name)? {
        Place::At(place) => place,
        Place::Root if !is_directory => return Err(Fault::Path("it is empty")),
        Place::Root | Place::Outside => return destination.budget.take_entry(),
    };
    let size = entry.size();
    match mode & S_IFMT {
        _ if is_directory => destination.directory(&place),
        0 | S_IFREG => {
            let executable = mode & 0o100 != 0 || layout.is_script(entry.name_raw());
            destination.file(&place, executable, size, entry)
        }
        S_IFLNK if layout == Layout::Wheel => Err(Fault::Special("a symbolic link in a wheel")),
        S_IFLNK => {
            // One byte more than any target may have is enough to see that it is too long.
            let mut target = Vec::new();
            entry.take(4096).read_to_end(&mut target).map_err(Fault::reading)?;
            let (target, kind) = layout.target(&place, &target)?;
            destination.symlink(&place, &target, kind)
        }
        _ => Err(Fault::Special("a device node, pipe or socket")),
    }
}
