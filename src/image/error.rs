//! Why a spec and its components are no image, or why it could not be written.

use std::path::PathBuf;

use super::Reason;
use crate::archive::WriteError;
use crate::digest::Sha256;
use crate::fs::FsError;
use crate::path::{PathError, RelPath};
use crate::recipe::{OutputRef, Target};
use crate::store::StoreError;

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Two components bring the same path with different content.
    #[error(
        "/{path} differs between the components {first} ({first_is}) and {second} ({second_is}): leave one of them out, or limit one with `only`"
    )]
    Differs {
        /// Where.
        path: RelPath,
        /// Who brings it first.
        first: Box<OutputRef>,
        /// What it is there.
        first_is: &'static str,
        /// Who brings something else.
        second: Box<OutputRef>,
        /// What it is there.
        second_is: &'static str,
    },
    /// The spec brings a path that is there already.
    #[error("/{path} comes from {second}, but {first} has brought it already: choose another path, or leave one out")]
    Taken {
        /// Where.
        path: RelPath,
        /// What it is there for.
        first: Reason,
        /// What would bring it again.
        second: Reason,
    },
    /// Something lies below a path that is not a directory.
    #[error("/{below} ({second}) lies below /{path} ({first}), which is not a directory")]
    NotADirectory {
        /// The path that would have to be a directory.
        path: RelPath,
        /// Who brings it.
        first: Box<Reason>,
        /// What lies below it.
        below: RelPath,
        /// Who brings that.
        second: Box<Reason>,
    },
    /// A writable path that is a file.
    #[error("/{path} cannot be writable: {reason} has a file there; a writable path is a directory")]
    WritableFile {
        /// Where.
        path: RelPath,
        /// Who brings the file.
        reason: Box<Reason>,
    },
    /// A writable path below a file or link.
    #[error("/{path} cannot be writable: /{above} ({reason}) is not a directory")]
    UnderNoDirectory {
        /// Where.
        path: RelPath,
        /// What is no directory.
        above: RelPath,
        /// Who brings that.
        reason: Box<Reason>,
    },
    /// A writable path whose file system would hide files.
    #[error(
        "/{path} cannot be writable: what is mounted there would hide /{hidden} ({reason}); choose a directory that holds nothing"
    )]
    Hides {
        /// Where.
        path: RelPath,
        /// A file that would not be seen.
        hidden: RelPath,
        /// Who brings it.
        reason: Box<Reason>,
    },
    /// `only` names something that the component does not have.
    #[error("the component {output} has no /{path}, which `only` names; {}", similar_names(nearest, *files))]
    Only {
        /// The component.
        output: OutputRef,
        /// What is not there.
        path: RelPath,
        /// Files of it with similar names, the nearest first.
        nearest: Vec<String>,
        /// How many files it has.
        files: usize,
    },
    /// Neither a component nor the spec brings anything.
    #[error("the image would be empty: the spec names no component with files, and has no files of its own")]
    Empty,
    /// A user or group that `/etc/passwd` or `/etc/group` cannot hold.
    #[error("the {kind} `{}` cannot be written to /etc/{file}: {reason}", name.escape_debug())]
    Account {
        /// `user` or `group`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// `passwd` or `group`.
        file: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// The container's user is neither a number nor declared.
    #[error(
        "the config's user `{user}` names the {kind} `{name}`, which the spec does not declare{}",
        declared_names(declared)
    )]
    User {
        /// What the config says.
        user: String,
        /// `user` or `group`.
        kind: &'static str,
        /// The part that is unknown.
        name: String,
        /// The names that there are.
        declared: Vec<String>,
    },
    /// A path of the config that is not an absolute one.
    #[error("the config's {field} `{}` must be an absolute path, such as /data", path.escape_debug())]
    NotAbsolute {
        /// `workdir` or `volume`.
        field: &'static str,
        /// What the config says.
        path: String,
    },
    /// A path of the config that is none.
    #[error("the config's {field} `{}` cannot be used", path.escape_debug())]
    Path {
        /// `workdir` or `volume`.
        field: &'static str,
        /// What the config says.
        path: String,
        /// What is wrong with it.
        #[source]
        source: PathError,
    },
    /// A volume that is not in the image.
    #[error("the config's volume {path} is not in the image: declare it as a [[directory]] with its mode and owner")]
    NoVolume {
        /// What the config says.
        path: String,
    },
    /// A path of the config that is there, but is not a directory.
    #[error("the config's {field} {path} is not a directory: {reason} brings it")]
    NoDirectory {
        /// `workdir` or `volume`.
        field: &'static str,
        /// What the config says.
        path: String,
        /// Why it is there.
        reason: Reason,
    },
    /// A target for which OCI has no name.
    #[error("no image can be made for the target {target}: its architecture must be x86_64 or aarch64")]
    Platform {
        /// The target.
        target: Target,
    },
    /// A form of an image that holds one platform's alone.
    #[error("neither a docker archive nor a plain directory holds an image for several targets: {}", listed(targets))]
    OnePlatform {
        /// What it is for.
        targets: Vec<Target>,
    },
    /// A file of the store that is not what its object's manifest says.
    #[error("{} is corrupt: its bytes are not those that its object's manifest names; verify the store", path.display())]
    Corrupt {
        /// Where it lies.
        path: PathBuf,
    },
    /// A layer that was made before, and is not what it was made as.
    #[error("{} is corrupt: its SHA-256 is not {digest}; verify the store, then build again", path.display())]
    Blob {
        /// Where it lies.
        path: PathBuf,
        /// What it should hash to.
        digest: Sha256,
    },
    /// The output is something that is not replaced.
    #[error("{} is there already and {what}: name another output, or remove it first", path.display())]
    Occupied {
        /// The output.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// An archive that could not be written.
    #[error("cannot write {}", path.display())]
    Tar {
        /// Where.
        path: PathBuf,
        /// What failed.
        source: WriteError,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file operation.
    #[error(transparent)]
    Fs(#[from] FsError),
}

fn similar_names(nearest: &[String], files: usize) -> String {
    if nearest.is_empty() {
        return format!("none of its {files} files has a similar name");
    }
    format!("did you mean /{}?", nearest.join(" or /"))
}

fn declared_names(declared: &[String]) -> String {
    if declared.is_empty() { "; it declares none".to_owned() } else { format!("; it declares {}", declared.join(", ")) }
}

fn listed(targets: &[Target]) -> String {
    targets.iter().map(Target::to_string).collect::<Vec<_>>().join(", ")
}
