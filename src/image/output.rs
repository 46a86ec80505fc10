//! Where an image is written: checked before the work, replaced in one step after it. Knows nothing of the image.

use std::path::{Path, PathBuf};

use super::oci::{LAYOUT_FILE, OURS};
use super::{Format, ImageError};
use crate::fs;

/// An output, and a hidden directory beside it where the image grows. Dropping it removes the hidden directory,
/// unless another run is to go on with what is there.
#[derive(Debug)]
pub struct Place {
    output: PathBuf,
    hidden: PathBuf,
    kept: bool,
}

impl Place {
    /// Checks that an output may be written.
    ///
    /// # Errors
    /// When something is there that this format does not replace, or nothing can be written beside it.
    pub fn claim(output: &Path, format: Format) -> Result<Self, ImageError> {
        let (output, parent) = prepare(output, format)?;
        let hidden = tempfile::Builder::new()
            .prefix(".drystone-image-")
            .tempdir_in(&parent)
            .map_err(fs::failed("create a directory in", &parent))?
            .keep();
        Ok(Self { output, hidden, kept: false })
    }

    /// The same with a hidden directory that outlives a failure: the next run for this output finds what is there.
    ///
    /// # Errors
    /// As [`Place::claim`].
    pub fn resume(output: &Path, format: Format) -> Result<Self, ImageError> {
        let (output, parent) = prepare(output, format)?;
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        let hidden = parent.join(format!(".drystone-pull-{name}"));
        fs::create_dir_all(&hidden)?;
        Ok(Self { output, hidden, kept: true })
    }

    /// Where the image is to be written.
    pub fn draft(&self) -> PathBuf {
        self.hidden.join("image")
    }

    /// A place for files that are removed in the end.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.hidden.join(name)
    }

    /// Moves the image into place, in exchange for what was there.
    ///
    /// # Errors
    /// When it cannot be moved; the old output is there still.
    pub fn publish(mut self) -> fs::Result<()> {
        fs::replace_tree(&self.draft(), &self.output, &self.scratch("old"))?;
        self.kept = false;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed is in nobody's way, and there is nobody to tell.
            drop(fs::remove_tree(&self.hidden));
        }
    }
}

/// The output itself and the directory that it is in, if it may be written.
fn prepare(output: &Path, format: Format) -> Result<(PathBuf, PathBuf), ImageError> {
    // A link is followed to what is to be replaced; the link itself stays.
    let output = match output.canonicalize() {
        Ok(target) if output.is_symlink() => target,
        _ => output.to_owned(),
    };
    check(&output, format)?;
    let parent = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&parent)?;
    Ok((output, parent))
}

fn check(output: &Path, format: Format) -> Result<(), ImageError> {
    let occupied = |what| Err(ImageError::Occupied { path: output.to_owned(), what });
    let Ok(metadata) = std::fs::symlink_metadata(output) else { return Ok(()) };
    match format {
        Format::OciArchive | Format::DockerArchive if metadata.is_file() => Ok(()),
        Format::OciArchive | Format::DockerArchive => occupied("is not a file"),
        Format::Oci | Format::Rootfs if !metadata.is_dir() => occupied("is not a directory"),
        Format::Oci | Format::Rootfs if fs::list(output)?.is_empty() => Ok(()),
        Format::Rootfs => occupied("is not empty"),
        Format::Oci if is_ours(output)? => Ok(()),
        Format::Oci => occupied("is not an image layout that drystone wrote"),
    }
}

/// Whether a directory is a layout that we wrote, and to which nobody has added another image since.
fn is_ours(directory: &Path) -> fs::Result<bool> {
    let Some(_) = fs::read_if_exists(&directory.join(LAYOUT_FILE))? else { return Ok(false) };
    let Some(index) = fs::read_if_exists(&directory.join("index.json"))? else { return Ok(false) };
    let index: serde_json::Value = serde_json::from_str(&index).unwrap_or_default();
    let images = index["manifests"].as_array().map_or(0, Vec::len);
    Ok(images == 1 && index["annotations"][OURS].is_string())
}
