//! tar, ar and zip with their compressions: unpacking what others published, and writing image layers.
//!
//! Hostile input is the normal case. An archive is a stream of claims about paths, kinds and sizes, and none is
//! believed: every path is validated, nothing is written through a link or over something, everything unpacked
//! counts against [`Limits`], and what was unpacked vanishes with the first error. Where readers of the format
//! disagree about an archive (two long names, a size on a link, data behind the end, a name listed twice), it is
//! an error, so that nobody can show an auditor one tree and the build another.
//!
//! What is unpacked is only what exists in our world: directories, files that are executable or not, and symbolic
//! links. Owners, times, other modes and extended attributes are dropped; a hard link becomes a copy. Who must know
//! what an archive of others says beside that reads it with [`TarReader`], which writes nothing.
//! Knows nothing of sources, packages' dependencies or the store.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `error` | what can be wrong, and with which entry of which archive |
//! | `budget` | how much may still be unpacked |
//! | `stream` | compressed streams of several members |
//! | `headers`, `number`, `pax`, `sparse` | tar's headers (ustar, pax, GNU long names, holes) |
//! | `tarball` | tar that is unpacked |
//! | `reader` | tar that is read with all that it says |
//! | `zipball` | zip's central directory |
//! | `deb` | Debian packages: ar around tar |
//! | `wheel` | Python's binary packages: zip with a description |
//! | `package` | packages of both kinds, laid over each other into one root |
//! | `layout` | where an entry goes, and where a link may point |
//! | `destination` | the directory that grows |
//! | `writer` | deterministic tar |

mod budget;
mod deb;
mod destination;
mod error;
mod headers;
mod layout;
mod number;
mod package;
mod pax;
mod reader;
mod sparse;
mod stream;
mod tarball;
mod wheel;
mod writer;
mod zipball;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

pub use budget::Limits;
pub use error::{ArchiveError, Fault};
pub use reader::{TarEntry, TarKind, TarReader};
pub use stream::{decompress, is_compressed};
pub use writer::{Meta, TarWriter, WriteError};

use crate::fs;
use destination::Destination;
use layout::Layout;

/// The time of every unpacked file: 1980-01-01T00:00:00Z, in seconds since 1970. One time for all, so that make
/// sees no generated file (`configure`, `*.info`) as older than its inputs; and the oldest that zip can hold.
pub const EPOCH: u64 = 315_532_800;

/// How much of an archive is read at once.
const BUFFER: usize = 128 * 1024;

/// Unpacks an archive into the new directory `destination`. What the archive is, is told by its first bytes: a
/// zip archive, a Debian package, of which the files are meant, or a tar archive, plain or compressed by gzip, xz,
/// bzip2 or zstd.
///
/// `strip` leading components are removed from each path (`.` does not count), and entries that have no more are
/// left out. `label` names the archive in errors.
///
/// # Errors
/// When `destination` exists or cannot be written, when the archive cannot be read or is not an archive, is
/// truncated or followed by other data, goes past the limits, or has an entry that is not acceptable as
/// [`Fault`] lists them. Then `destination` is removed again.
pub fn unpack(
    archive: &Path,
    label: &str,
    destination: &Path,
    strip: usize,
    limits: &Limits,
) -> Result<(), ArchiveError> {
    let fault = |fault: Fault| fault.of(label);
    let file = fs::open(archive).map_err(|error| fault(error.into()))?;
    let mut input = BufReader::with_capacity(BUFFER, file);
    let beginning = input.fill_buf().map_err(|error| fault(Fault::reading(error)))?;
    let (zip, deb) = (zipball::is_zip(beginning), deb::is_ar(beginning));
    let mut destination = Destination::create(destination, limits).map_err(|error| fault(error.into()))?;
    destination.begin(label);
    let layout = Layout::Source { strip };
    if zip {
        zipball::unpack(input, label, layout, &mut destination)?;
    } else if deb {
        deb::unpack(input, label, layout, &mut destination)?;
    } else {
        tarball::unpack(input, label, layout, &mut destination)?;
    }
    destination.finish()
}

/// Unpacks binary packages (label and file of each) into one new directory, a root with merged `/usr`. What a package
/// is, is told by its first bytes.
///
/// Of a Debian package, what lies in `bin`, `sbin`, `lib`, `lib32` or `lib64` moves below `usr`, and links to there take
/// the place of these directories. An absolute target of a symbolic link is kept as it is: the packages' root is what
/// it will be resolved against. Maintainer scripts are not run.
///
/// A Python wheel is laid out as an installer does whose prefix is `usr` and whose library is `usr/lib`. Nothing is
/// made of its entry points.
///
/// Directories of several packages merge; no other path may come twice. The limits count all packages together.
///
/// # Errors
/// As [`unpack`]; also for a file that is no package, and for a path that is in two packages.
pub fn unpack_packages(
    packages: &[(String, PathBuf)],
    destination: &Path,
    limits: &Limits,
) -> Result<(), ArchiveError> {
    package::unpack_all(packages, destination, limits)
}
