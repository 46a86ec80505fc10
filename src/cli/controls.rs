//! Writes how an image's container runs, beside the image.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::fs;
use crate::image::Rootfs;
use crate::policy;
use crate::recipe::Target;

/// The directory of a layout that holds them.
const DIRECTORY: &str = "runtime";

/// Writes the files of [`policy::controls`] into `runtime/` below a directory.
pub fn write(rootfs: &Rootfs, target: &Target, directory: &Path) -> fs::Result<()> {
    let Some(architecture) = target.architecture() else { return Ok(()) };
    let place = directory.join(DIRECTORY);
    fs::create_dir_all(&place)?;
    for (name, bytes) in policy::controls(rootfs, architecture) {
        let path = name.under(&place);
        fs::write(&path, &bytes)?;
        if bytes.starts_with(b"#!") {
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&path, mode).map_err(fs::failed("change the mode of", &path))?;
        }
    }
    Ok(())
}
