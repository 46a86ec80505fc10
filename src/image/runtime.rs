//! What the config and the run-time controls say of directories, held against the root file system. Pure.

use std::collections::BTreeMap;

use super::ImageError;
use super::rootfs::{Kind, Node, Reason, resolve};
use crate::path::RelPath;
use crate::recipe::{ImageConfig, Owner, Runtime, WritablePath};

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

/// The writable paths that need a directory to be mounted at: all but those to which the spec gives one itself. runc
/// gives what it mounts the mode of the directory below it, and podman has it copy the owner too.
///
/// # Errors
/// When a file is there, a link leads there, or what is mounted would hide files of the image.
pub(super) fn mount_points<'a>(
    runtime: &'a Runtime,
    nodes: &BTreeMap<RelPath, Node>,
) -> Result<Vec<&'a WritablePath>, ImageError> {
    let mut points = Vec::new();
    for point @ WritablePath { path, .. } in &runtime.writable {
        for above in path.ancestors() {
            if let Some(node) = nodes.get(&above).filter(|node| node.inode.kind != Kind::Directory) {
                return Err(ImageError::UnderNoDirectory {
                    path: path.clone(),
                    above,
                    reason: Box::new(node.reason.clone()),
                });
            }
        }
        match nodes.get(path) {
            None => points.push(point),
            Some(node) if node.inode.kind != Kind::Directory => {
                return Err(ImageError::WritableFile { path: path.clone(), reason: Box::new(node.reason.clone()) });
            }
            Some(node) if matches!(node.reason, Reason::Component(_)) => points.push(point),
            Some(_) => {}
        }
        let inside = |(below, node): &(&RelPath, &Node)| {
            below.ancestors().any(|above| above == *path) && node.inode.kind != Kind::Directory
        };
        if let Some((hidden, node)) = nodes.iter().find(inside) {
            let (path, hidden) = (path.clone(), hidden.clone());
            return Err(ImageError::Hides { path, hidden, reason: Box::new(node.reason.clone()) });
        }
    }
    points.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(points)
}

/// The controls with every writable path's owner said: the container's user where the spec names none.
pub(super) fn owned(runtime: &Runtime, config: &ImageConfig) -> Runtime {
    let user = user(config);
    let mut runtime = runtime.clone();
    for writable in &mut runtime.writable {
        writable.owner.get_or_insert(user);
    }
    runtime
}

/// The container's user, of a configuration whose user is a number.
pub(super) fn user(config: &ImageConfig) -> Owner {
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok());
    let mut parts = config.user.as_deref().unwrap_or_default().split(':');
    let uid = number(parts.next()).unwrap_or_default();
    Owner { uid, gid: number(parts.next()).unwrap_or(uid) }
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
