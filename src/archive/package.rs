//! Binary packages of others, laid over each other into one root with merged `/usr`. Knows nothing of what packages
//! need, nor runs what they would run.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use super::destination::Destination;
use super::error::{ArchiveError, Fault};
use super::layout::{self, Layout, Target};
use super::{BUFFER, Limits, deb, wheel, zipball};
use crate::fs;

/// Unpacks all packages into one new directory; see [`super::unpack_packages`].
pub(super) fn unpack_all(
    packages: &[(String, PathBuf)],
    destination: &Path,
    limits: &Limits,
) -> Result<(), ArchiveError> {
    let name = || packages.first().map_or("", |(label, _)| label);
    let mut destination = Destination::create(destination, limits).map_err(|error| Fault::from(error).of(name()))?;
    for (label, file) in packages {
        let file = fs::open(file).map_err(|error| Fault::from(error).of(label))?;
        let mut input = BufReader::with_capacity(BUFFER, file);
        let zip = zipball::is_zip(input.fill_buf().map_err(|error| Fault::reading(error).of(label))?);
        destination.begin(label);
        if zip {
            wheel::unpack(input, label, &mut destination)?;
        } else {
            deb::unpack(input, label, Layout::Package, &mut destination)?;
        }
    }
    for (link, target) in layout::merged_links() {
        if link.as_str() == "lib32" && !destination.is_directory(&target) {
            continue;
        }
        let made = destination.symlink(&link, target.as_str(), Target::Inside);
        made.map_err(|fault| fault.of_entry(name(), link.as_str().as_bytes()))?;
    }
    destination.finish()
}
