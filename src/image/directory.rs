//! The root file system as a plain directory, for whoever packs it in another way.

use std::io;
use std::os::unix::fs::chown;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use super::object::ObjectFile;
use super::rootfs::{Content, Inode, Kind, Rootfs};
use super::{ImageError, ObjectPaths, Summary};
use crate::archive::EPOCH;
use crate::fs;
use crate::path::RelPath;

/// Writes the tree into a directory that is not there yet.
///
/// # Errors
/// As [`super::write`].
pub(super) fn write(rootfs: &Rootfs, objects: ObjectPaths<'_>, root: &Path) -> Result<Summary, ImageError> {
    fs::create_dir_all(root)?;
    let mut size = 0;
    for (path, node) in rootfs.iter() {
        let place = path.under(root);
        match &node.inode.kind {
            Kind::Directory => fs::create_dir_all(&place)?,
            Kind::Symlink { target } => fs::symlink(target, &place)?,
            Kind::File(content) => size += write_file(path, content, objects, &place)?,
        }
    }
    // Inside out, and after everything is there: writing into a directory changes its time, and may need a mode that
    // it is not to have.
    let as_root = rustix::process::geteuid().is_root();
    let nodes: Vec<_> = rootfs.iter().collect();
    for (path, node) in nodes.into_iter().rev() {
        dress(&path.under(root), &node.inode, as_root)?;
    }
    fs::set_mode(root, 0o755)?;
    set_time(root)?;
    Ok(Summary { manifest: None, config: None, layers: Vec::new(), size, files: rootfs.files() })
}

fn write_file(path: &RelPath, content: &Content, objects: ObjectPaths<'_>, place: &Path) -> Result<u64, ImageError> {
    match content {
        Content::Inline(bytes) => {
            fs::write(place, bytes)?;
            Ok(bytes.len() as u64)
        }
        Content::Object { id, digest } => {
            let mut file = ObjectFile::open(objects, id, path, *digest)?;
            let size = io::copy(&mut file, &mut fs::create(place)?);
            let size = size.map_err(fs::failed("copy an object's file to", place))?;
            file.verify()?;
            Ok(size)
        }
    }
}

/// Gives a path its owner, mode and time; in this order, because a change of owner takes set-user-ID bits away.
fn dress(place: &Path, inode: &Inode, as_root: bool) -> fs::Result<()> {
    let is_link = matches!(inode.kind, Kind::Symlink { .. });
    if as_root && !is_link {
        chown(place, Some(inode.owner.uid), Some(inode.owner.gid)).map_err(fs::failed("set the owner of", place))?;
    }
    if !is_link {
        fs::set_mode(place, inode.mode)?;
    }
    set_time(place)
}

fn set_time(place: &Path) -> fs::Result<()> {
    let time = Timespec { tv_sec: EPOCH.cast_signed(), tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, place, &times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|error| fs::failed("set the time of", place)(error.into()))
}
