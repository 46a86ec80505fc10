//! How an image's container runs, beside the image.

use crate::image::{Beside, Rootfs};
use crate::path::RelPath;
use crate::policy;
use crate::recipe::Target;

/// The files of [`policy::controls`], below a directory of the layout.
pub fn files(rootfs: &Rootfs, target: &Target, directory: &RelPath) -> Beside {
    let place = |name: RelPath| RelPath::new(format!("{directory}/{name}")).expect("a path below a directory is one");
    let controls = target.architecture().map(|architecture| policy::controls(rootfs, architecture));
    controls.into_iter().flatten().map(|(name, bytes)| (place(name), bytes)).collect()
}
