//! What the config says of directories, held against the root file system. Pure.

use std::collections::BTreeMap;

use super::ImageError;
use super::rootfs::{Kind, Node, resolve};
use crate::path::RelPath;
use crate::recipe::ImageConfig;

/// The working directory, if the root file system does not have it yet.
///
/// # Errors
/// When it is no absolute path, or there and not a directory.
pub(super) fn missing_workdir(
    config: &ImageConfig,
    nodes: &BTreeMap<RelPath, Node>,
) -> Result<Option<RelPath>, ImageError> {
    let Some(workdir) = &config.workdir else { return Ok(None) };
    match directory("workdir", workdir, nodes)? {
        Place::There => Ok(None),
        Place::Missing(path) => Ok(Some(path)),
    }
}

/// Checks that every volume is there: a runtime copies its mode and owner to what it mounts.
///
/// # Errors
/// When one is no absolute path, is not there, or is not a directory.
pub(super) fn check_volumes(config: &ImageConfig, nodes: &BTreeMap<RelPath, Node>) -> Result<(), ImageError> {
    for volume in &config.volumes {
        if let Place::Missing(_) = directory("volume", volume, nodes)? {
            return Err(ImageError::NoVolume { path: volume.clone() });
        }
    }
    Ok(())
}

enum Place {
    There,
    Missing(RelPath),
}

fn directory(field: &'static str, text: &str, nodes: &BTreeMap<RelPath, Node>) -> Result<Place, ImageError> {
    let Some(relative) = text.strip_prefix('/') else {
        return Err(ImageError::NotAbsolute { field, path: text.to_owned() });
    };
    if relative.is_empty() {
        return Ok(Place::There);
    }
    let path = RelPath::new(relative).map_err(|source| ImageError::Path { field, path: text.to_owned(), source })?;
    match resolve(nodes, text) {
        Some((_, node)) if node.inode.kind == Kind::Directory => Ok(Place::There),
        Some((_, node)) => Err(ImageError::NoDirectory { field, path: text.to_owned(), reason: node.reason.clone() }),
        None => Ok(Place::Missing(path)),
    }
}
