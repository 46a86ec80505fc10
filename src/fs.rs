//! `std::fs` with errors that name the action and the path, and the publication of files.
//!
//! Knows nothing of what the files mean. Everything that a reader of the store may see appears by one `rename`
//! of something complete: see [`publish`].

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// A file operation that failed: what was tried, and where.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct FsError {
    /// What was tried, as a verb that a path follows ("read", "create the directory").
    pub action: &'static str,
    /// Where.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// The result of a file operation.
pub type Result<T> = std::result::Result<T, FsError>;

/// Turns the system's error into one that names action and path.
pub fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FsError {
    let path = path.to_owned();
    move |source| FsError { action, path, source }
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(failed("read", path))
}

/// Reads a whole UTF-8 file.
pub fn read_to_string(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(failed("read", path))
}

/// Reads a whole UTF-8 file; `None` when there is none.
pub fn read_if_exists(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// Writes a file that nobody else reads yet; see [`publish`] for one that others may.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, bytes).map_err(failed("write", path))
}

/// Writes a file where nothing may be yet.
pub fn write_new(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    create_new(path)?.write_all(bytes.as_ref()).map_err(failed("write", path))
}

/// Opens a file for reading.
pub fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(failed("open", path))
}

/// Creates a file, or empties the one that is there.
pub fn create(path: &Path) -> Result<File> {
    File::create(path).map_err(failed("create", path))
}

/// Creates a file where nothing is yet.
fn create_new(path: &Path) -> Result<File> {
    File::create_new(path).map_err(failed("create", path))
}

/// Creates a directory and those above it.
pub fn create_dir_all(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(failed("create the directory", path))
}

/// Renames, replacing what is at `to`.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(failed("move into place", to))
}

/// Sets the permission bits of a file or directory.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed("set the mode of", path))
}

/// Sets the times of a file or directory, in seconds since 1970.
pub fn set_time(path: &Path, seconds: u64) -> Result<()> {
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    let times = std::fs::FileTimes::new().set_accessed(time).set_modified(time);
    open(path)?.set_times(times).map_err(failed("set the times of", path))
}

/// Makes a symbolic link.
pub fn symlink(target: impl AsRef<Path>, link: &Path) -> Result<()> {
    std::os::unix::fs::symlink(target, link).map_err(failed("create the symbolic link", link))
}

/// The names in a directory, sorted.
pub fn list(path: &Path) -> Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed("list", path))? {
        names.push(entry.map_err(failed("list", path))?.file_name());
    }
    names.sort();
    Ok(names)
}

/// Removes a file if it is there.
pub fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a tree if it is there, read-only directories included (a store's objects are).
pub fn remove_tree(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return remove_file(path),
        Err(_) => {}
    }
    make_writable(path)?;
    std::fs::remove_dir_all(path).map_err(failed("remove", path))
}

fn make_writable(directory: &Path) -> Result<()> {
    set_mode(directory, 0o755)?;
    for entry in std::fs::read_dir(directory).map_err(failed("list", directory))? {
        let entry = entry.map_err(failed("list", directory))?;
        if entry.file_type().map_err(failed("inspect", directory))?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}

/// How a file's bytes came to a second place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// A file of its own, which shares its blocks with the first until one of them is written to.
    Reflink,
    /// A second name of the same file: whoever writes to one writes to both.
    HardLink,
    /// A file of its own.
    Copied,
}

/// Brings a file to a second place where nothing is yet, in the way that costs least: reflink (ioctl_ficlone(2)),
/// hard link where `may_link`, copy. A reflink and a copy have the permission bits of the first; their times are new.
///
/// # Errors
/// When `from` cannot be read or `to` cannot be written.
pub fn share(from: &Path, to: &Path, may_link: bool) -> Result<Shared> {
    if reflink(from, to)? {
        return Ok(Shared::Reflink);
    }
    if may_link && std::fs::hard_link(from, to).is_ok() {
        return Ok(Shared::HardLink);
    }
    // Another file system, too many links, or a link that is not this user's to make: a copy does, or tells why not.
    std::fs::copy(from, to).map_err(failed("copy to", to))?;
    Ok(Shared::Copied)
}

/// Whether the file system could do it; when not, nothing is at `to`.
fn reflink(from: &Path, to: &Path) -> Result<bool> {
    let source = open(from)?;
    let target = create_new(to)?;
    if rustix::fs::ioctl_ficlone(&target, &source).is_err() {
        remove_file(to)?;
        return Ok(false);
    }
    let mode = source.metadata().map_err(failed("inspect", from))?.permissions();
    target.set_permissions(mode).map_err(failed("set the mode of", to))?;
    Ok(true)
}

/// Copies a tree to where nothing is yet, sharing blocks where the file system can: with its permission bits and its
/// times, so that what compares times finds it as it was. Sockets and pipes have no content and are left out; hard
/// links become files of their own.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir(to).map_err(failed("create the directory", to))?;
    for name in list(from)? {
        let (from, to) = (from.join(&name), to.join(&name));
        let kind = std::fs::symlink_metadata(&from).map_err(failed("inspect", &from))?.file_type();
        if kind.is_dir() {
            copy_tree(&from, &to)?;
        } else if kind.is_symlink() {
            symlink(std::fs::read_link(&from).map_err(failed("read the link", &from))?, &to)?;
        } else if kind.is_file() {
            share(&from, &to, false)?;
            copy_times(&from, &to)?;
        }
    }
    copy_times(from, to)?;
    let mode = std::fs::metadata(from).map_err(failed("inspect", from))?.permissions().mode();
    set_mode(to, mode & 0o7777)
}

fn copy_times(from: &Path, to: &Path) -> Result<()> {
    let metadata = std::fs::metadata(from).map_err(failed("inspect", from))?;
    let time = metadata.modified().map_err(failed("inspect", from))?;
    let times = std::fs::FileTimes::new().set_accessed(time).set_modified(time);
    open(to)?.set_times(times).map_err(failed("set the times of", to))
}

/// Moves a tree to where nothing is yet, also to another file system.
///
/// # Errors
/// When it can neither be renamed nor copied.
pub fn move_tree(from: &Path, to: &Path) -> Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            copy_tree(from, to)?;
            remove_tree(from)
        }
        result => result.map_err(failed("move into place", to)),
    }
}

/// Moves a whole tree into the place of another, or of nothing, in one step. The old one is at `new` or at `aside`
/// afterwards, which must be on the same file system; its owner removes both.
///
/// # Errors
/// When it cannot be moved; the old one is in its place still.
pub fn replace_tree(new: &Path, place: &Path, aside: &Path) -> Result<()> {
    match renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(Errno::NOENT) => rename(new, place),
        // Not every file system can exchange: then the old one stands aside for a moment.
        Err(Errno::INVAL | Errno::NOSYS) => {
            rename(place, aside)?;
            rename(new, place).inspect_err(|_| drop(rename(aside, place)))
        }
        Err(error) => Err(failed("move into place", place)(error.into())),
    }
}

/// Flushes a file's or directory's content to the disk.
pub fn sync(path: &Path) -> Result<()> {
    open(path)?.sync_data().map_err(failed("flush", path))
}

/// How many files are flushed at once.
const FLUSHED_AT_ONCE: usize = 32;

/// Flushes many files' contents to the disk. All at once, they take little longer than one: a file system's journal
/// is written for all that wait for it.
///
/// # Errors
/// When one of them cannot be flushed.
pub fn sync_all(paths: &[PathBuf]) -> Result<()> {
    for paths in paths.chunks(FLUSHED_AT_ONCE) {
        std::thread::scope(|scope| {
            let flushes: Vec<_> = paths.iter().map(|path| scope.spawn(|| sync(path))).collect();
            flushes.into_iter().try_for_each(|flush| flush.join().expect("a flush does not panic"))
        })?;
    }
    Ok(())
}

/// Whether what is published must outlive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Flushed before it is renamed: never seen torn.
    Flushed,
    /// Not flushed, which is much faster: after a power cut it may be gone or empty, and its reader takes that for
    /// "not there".
    Remakable,
}

/// Publishes a file: written below `scratch` (on the same file system), made read-only, flushed where it must be,
/// then renamed to `destination`. Whoever looks sees the old state or the whole file, also after a crash of this
/// program.
///
/// # Errors
/// As the steps give them; what was written below `scratch` is removed.
pub fn publish(scratch: &Path, destination: &Path, bytes: &[u8], durability: Durability) -> Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(scratch).map_err(failed("create a file in", scratch))?;
    let write = |file: &mut tempfile::NamedTempFile| {
        file.write_all(bytes)?;
        file.as_file().set_permissions(Permissions::from_mode(0o444))?;
        if durability == Durability::Flushed { file.as_file().sync_data() } else { Ok(()) }
    };
    write(&mut file).map_err(failed("write", destination))?;
    file.persist(destination).map_err(|error| failed("move into place", destination)(error.error))?;
    Ok(())
}

/// Puts other bytes into a file's place, in one step and with its permission bits: whoever looks sees the old or the
/// new. For files of people, which lie where they are to be edited.
///
/// # Errors
/// As the steps give them; the old file is in its place still.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed("create a file in", directory))?;
    let mode = std::fs::metadata(path).map_or(0o644, |metadata| metadata.permissions().mode() & 0o7777);
    let write = |file: &mut tempfile::NamedTempFile| {
        file.write_all(bytes)?;
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.as_file().sync_data()
    };
    write(&mut file).map_err(failed("write", path))?;
    file.persist(path).map_err(|error| failed("move into place", path)(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn an_error_names_the_action_and_the_path() {
        let error = read(Path::new("/nowhere/at/all")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nowhere/at/all");
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_read_only_tree_can_be_removed() {
        let scratch = tempfile::tempdir().unwrap();
        let tree = scratch.path().join("object");
        create_dir_all(&tree.join("usr/bin")).unwrap();
        write(&tree.join("usr/bin/x"), "x").unwrap();
        set_mode(&tree.join("usr/bin"), 0o555).unwrap();
        set_mode(&tree.join("usr"), 0o555).unwrap();
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
        remove_tree(&tree).unwrap();
    }

    #[test]
    fn a_shared_file_has_the_bytes_and_the_mode_of_the_first_whatever_the_way() {
        let scratch = tempfile::tempdir().unwrap();
        let first = scratch.path().join("first");
        write(&first, "stone").unwrap();
        set_mode(&first, 0o555).unwrap();
        for (name, may_link) in [("linked", true), ("own", false)] {
            let second = scratch.path().join(name);
            let way = share(&first, &second, may_link).unwrap();
            assert_eq!(read(&second).unwrap(), b"stone");
            let metadata = std::fs::metadata(&second).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o555);
            let same = metadata.ino() == std::fs::metadata(&first).unwrap().ino();
            assert_eq!(same, way == Shared::HardLink, "{way:?}");
            assert!(may_link || way != Shared::HardLink);
        }
        let error = share(&first, &scratch.path().join("own"), true).unwrap_err();
        assert_eq!(error.action, "create", "what is there is not replaced");
    }

    #[test]
    fn a_copied_tree_has_the_times_the_modes_and_the_links_of_the_first() {
        let scratch = tempfile::tempdir().unwrap();
        let (first, second) = (scratch.path().join("first"), scratch.path().join("second"));
        create_dir_all(&first.join("src")).unwrap();
        write(&first.join("src/run"), "x").unwrap();
        set_mode(&first.join("src/run"), 0o755).unwrap();
        set_time(&first.join("src/run"), 7).unwrap();
        set_time(&first.join("src"), 5).unwrap();
        symlink("src/nowhere", &first.join("link")).unwrap();
        copy_tree(&first, &second).unwrap();
        let metadata = std::fs::metadata(second.join("src/run")).unwrap();
        assert_eq!((metadata.mtime(), metadata.permissions().mode() & 0o777), (7, 0o755));
        assert_eq!(std::fs::metadata(second.join("src")).unwrap().mtime(), 5);
        assert_eq!(std::fs::read_link(second.join("link")).unwrap(), Path::new("src/nowhere"));
    }

    #[test]
    fn a_published_file_is_read_only_and_leaves_nothing_behind() {
        let scratch = tempfile::tempdir().unwrap();
        let destination = scratch.path().join("trace");
        publish(scratch.path(), &destination, b"text", Durability::Flushed).unwrap();
        assert_eq!(read(&destination).unwrap(), b"text");
        assert_eq!(std::fs::metadata(&destination).unwrap().permissions().mode() & 0o777, 0o444);
        assert_eq!(list(scratch.path()).unwrap(), ["trace"]);
    }
}
