//! Python's binary packages: a zip archive that describes itself in `NAME-VERSION.dist-info` (Python packaging user
//! guide, "Binary distribution format"). Knows nothing of Python: an interpreter that a script's first line leaves open
//! stays open, and `RECORD` is not read, since whoever pins the archive pins all that it lists.

use std::io::{BufReader, Read, Seek};

use super::destination::Destination;
use super::error::{ArchiveError, Fault};
use super::layout::Layout;
use super::zipball;

/// How much of the description is read: real ones have four lines.
const DESCRIPTION: u64 = 64 * 1024;

/// Unpacks a wheel.
pub(super) fn unpack<R: Read + Seek>(
    input: BufReader<R>,
    label: &str,
    destination: &mut Destination,
) -> Result<(), ArchiveError> {
    let mut archive = zipball::open(input, label)?;
    let is_description =
        |name: &str| name.split_once('/').is_some_and(|(top, file)| top.ends_with(".dist-info") && file == "WHEEL");
    let name = archive.file_names().flatten().find(|name| is_description(name)).map(std::borrow::Cow::into_owned);
    let Some(name) = name else {
        return Err(Fault::NotAWheel("it has no `*.dist-info/WHEEL`").of(label));
    };
    let mut text = Vec::new();
    let described = archive
        .by_name(&name)
        .map_err(zipball::fault)
        .and_then(|entry| entry.take(DESCRIPTION).read_to_end(&mut text).map_err(Fault::reading));
    described.map_err(|fault| fault.of_entry(label, name.as_bytes()))?;
    if !is_known(&String::from_utf8_lossy(&text)) {
        return Err(Fault::NotAWheel("its `Wheel-Version` is not 1, which is what is known").of(label));
    }
    zipball::unpack_all(archive, label, Layout::Wheel, destination)
}

/// Whether the description is of a version that an installer may go on with: any minor one of the major one it knows.
fn is_known(description: &str) -> bool {
    let version = description.lines().find_map(|line| line.strip_prefix("Wheel-Version:"));
    version.is_some_and(|version| version.trim().split('.').next() == Some("1"))
}
