//! Unpacks a tar archive: takes each entry from its headers and hands it to the destination. Only files,
//! directories and links are unpacked.

use std::io::{BufRead, BufReader, Read};

use super::BUFFER;
use super::destination::Destination;
use super::error::{ArchiveError, Fault};
use super::headers::{Ending, Entry, Kind, Tarball, read_over};
use super::layout::{Layout, Place};
use super::stream;

/// Unpacks a tar archive, compressed or not, and sees to it that nothing follows it.
pub(super) fn unpack(
    input: impl BufRead,
    label: &str,
    layout: Layout,
    destination: &mut Destination,
) -> Result<(), ArchiveError> {
    let stream = stream::decompress(input).map_err(|error| Fault::reading(error).of(label))?;
    let mut tarball = Tarball::new(BufReader::with_capacity(BUFFER, stream), Ending::Marked, read_over);
    while let Some(entry) = tarball.next(label, &mut destination.budget)? {
        install(&entry, &mut tarball, layout, destination).map_err(|fault| fault.of_entry(label, &entry.path))?;
    }
    Ok(())
}

/// Puts an entry where it belongs.
fn install(entry: &Entry, content: &mut impl Read, layout: Layout, destination: &mut Destination) -> Result<(), Fault> {
    let executable = entry.mode.map(|mode| mode & 0o100 != 0);
    match entry.kind {
        Kind::Special(what) => return Err(Fault::Special(what)),
        Kind::Device { .. } => return Err(Fault::Special("a device node")),
        Kind::Sparse(_) => return Err(Fault::Special("a sparse file")),
        Kind::File { .. } if executable.is_none() => return Err(Fault::Malformed("its mode is not a number")),
        _ => {}
    }
    let place = match layout.place(&entry.path)? {
        Place::At(place) => place,
        Place::Root if !matches!(entry.kind, Kind::Directory) => return Err(Fault::Path("it is empty")),
        Place::Root | Place::Outside => {
            // Left out, but its size was unpacked all the same.
            let Kind::File { size } = entry.kind else { return destination.budget.take_entry() };
            destination.budget.take_entry()?;
            return destination.budget.take_bytes(size);
        }
    };
    match &entry.kind {
        Kind::Directory => destination.directory(&place),
        Kind::File { size } => destination.file(&place, executable.unwrap_or_default(), *size, content),
        Kind::Symlink { target } => {
            let (target, kind) = layout.target(&place, target)?;
            destination.symlink(&place, &target, kind)
        }
        Kind::HardLink { target } => {
            let missing = || Fault::HardLink { target: String::from_utf8_lossy(target).into_owned() };
            let Place::At(original) = layout.place(target).map_err(|_| missing())? else { return Err(missing()) };
            destination.copy(&place, &original)?.ok_or_else(missing)
        }
        Kind::Sparse(_) | Kind::Device { .. } | Kind::Special(_) => unreachable!("refused above"),
    }
}
