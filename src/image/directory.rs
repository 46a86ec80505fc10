//! The root file system as a plain directory, for whoever packs it in another way.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use super::object::ObjectFile;
use super::rootfs::{Content, Inode, Kind, Rootfs};
use super::{ImageError, Options, Summary};
use crate::archive::EPOCH;
use crate::fs::{self, Shared};
use crate::path::RelPath;
use crate::store::Store;

/// Writes the tree into a directory that is not there yet.
///
/// # Errors
/// As [`super::write`].
pub(super) fn write(rootfs: &Rootfs, options: &Options, store: &Store, root: &Path) -> Result<Summary, ImageError> {
    fs::create_dir_all(root)?;
    for (path, node) in rootfs.iter() {
        match &node.inode.kind {
            Kind::Directory => fs::create_dir_all(&path.under(root))?,
            Kind::Symlink { target } => fs::symlink(target, &path.under(root))?,
            Kind::File(_) => {}
        }
    }
    let nodes: Vec<_> = rootfs.iter().collect();
    let files: Vec<_> = nodes
        .par_iter()
        .map(|(path, node)| write_file(path, &node.inode, options.links, store, &path.under(root)))
        .collect::<Result<_, _>>()?;
    // Inside out, and after everything is there: writing into a directory changes its time, and may need a mode that
    // it is not to have.
    let as_root = rustix::process::geteuid().is_root();
    for ((path, node), file) in nodes.iter().zip(&files).rev() {
        if !file.linked {
            dress(&path.under(root), &node.inode, as_root)?;
        }
    }
    fs::set_mode(root, 0o755)?;
    set_time(root)?;
    Ok(Summary {
        manifest: None,
        config: None,
        layers: Vec::new(),
        size: files.iter().map(|file| file.size).sum(),
        files: rootfs.files(),
        linked: files.iter().filter(|file| file.linked).count(),
    })
}

/// A file that was written.
#[derive(Default)]
struct Written {
    size: u64,
    /// It is the store's own: nothing of it may be changed any more.
    linked: bool,
}

fn write_file(path: &RelPath, inode: &Inode, links: bool, store: &Store, place: &Path) -> Result<Written, ImageError> {
    match &inode.kind {
        Kind::Directory | Kind::Symlink { .. } => Ok(Written::default()),
        Kind::File(Content::Inline(bytes)) => {
            fs::write(place, bytes)?;
            Ok(Written { size: bytes.len() as u64, linked: false })
        }
        Kind::File(Content::Object { id, digest }) => {
            let file = ObjectFile::open(store, id, path, *digest)?;
            let way = fs::share(file.path(), place, links && is_finished(&file.metadata()?, inode))?;
            // What is at its place now, whichever way it came there.
            let size = file.check(place)?;
            Ok(Written { size, linked: way == Shared::HardLink })
        }
    }
}

/// Whether a file has already the owner, the mode and the time that it is to get, and nobody may write to it.
fn is_finished(metadata: &Metadata, inode: &Inode) -> bool {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    let owner = if uid.is_root() { (inode.owner.uid, inode.owner.gid) } else { (uid.as_raw(), gid.as_raw()) };
    (metadata.uid(), metadata.gid()) == owner
        && metadata.mode() & 0o7777 == inode.mode
        && inode.mode & 0o222 == 0
        && (metadata.mtime(), metadata.mtime_nsec()) == (EPOCH.cast_signed(), 0)
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
