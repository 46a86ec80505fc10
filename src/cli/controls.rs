//! How an image's container runs, beside the image.

use crate::image::{Beside, Rootfs};
use crate::path::RelPath;
use crate::policy;
use crate::recipe::Target;

/// The directory of a layout that holds it.
const DIRECTORY: &str = "runtime";

/// The files of [`policy::controls`], below `runtime/`.
pub fn files(rootfs: &Rootfs, target: &Target) -> Beside {
    let place = |name: RelPath| RelPath::new(format!("{DIRECTORY}/{name}")).expect("a path below a directory is one");
    let controls = target.architecture().map(|architecture| policy::controls(rootfs, architecture));
    controls.into_iter().flatten().map(|(name, bytes)| (place(name), bytes)).collect()
}
