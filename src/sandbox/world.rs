//! Makes what a step sees: the mounts of the sandbox contract, from within the new namespaces.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};
use serde::{Deserialize, Serialize};

use super::{Spec, sys};

/// The world could not be made: no sandbox, no build.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("the sandbox cannot {action}: {reason}")]
pub struct SetupError {
    /// What was tried.
    pub action: String,
    /// The kernel facility that it takes; `cli` knows how each is enabled.
    pub facility: String,
    /// What the system said.
    pub reason: String,
}

/// Says what was tried, and which kernel facility it takes, where a step of the set-up fails.
pub fn attempt<T, E: std::fmt::Display>(action: &str, facility: &str, result: Result<T, E>) -> Result<T, SetupError> {
    result.map_err(|error| SetupError {
        action: action.to_owned(),
        facility: facility.to_owned(),
        reason: error.to_string(),
    })
}

const PASSWD: &str = "root:x:0:0:root:/nonexistent:/nonexistent\nbuild:x:1000:1000:build:/tmp:/bin/sh\n";
const GROUP: &str = "root:x:0:\nbuild:x:1000:\n";
const CPUINFO: &str = "processor\t: 0\n\n";
const MEMINFO: &str = "MemTotal:        4194304 kB\nMemFree:         4194304 kB\nMemAvailable:    4194304 kB\n";
const VERSION: &str = "Linux version 6.0.0 (drystone)\n";

/// Makes the world of `spec` and enters it.
///
/// # Errors
/// [`SetupError`], with the facility that is missing.
pub fn enter(spec: &Spec) -> Result<(), SetupError> {
    let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    attempt("make its mounts private", "mount", mount_change("/", private))?;
    // Everything is made in a tmpfs over this build's own directory, and named relative to it: the union's layers
    // by short links, so that their number is not bounded by the length of one option string, and the layers' places
    // on this machine do not show in the sandbox's mount table (those of /build and /out do; outputs are searched).
    let base = spec.build.parent().expect("a build directory lies in the scratch directory").join("world");
    attempt("make its base directory", "scratch", fs::create_dir(&base))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    attempt("mount a tmpfs", "tmpfs", mount("tmpfs", &base, "tmpfs", flags, c"size=1g,mode=755"))?;
    let build = attempt("find its build directory", "scratch", fs::canonicalize(&spec.build))?;
    let out = spec.out.as_ref().map(fs::canonicalize).transpose();
    let out = attempt("find its output directory", "scratch", out)?;
    attempt("enter its base directory", "scratch", std::env::set_current_dir(&base))?;
    attempt("write its skeleton", "tmpfs", skeleton())?;
    unite("root", "skeleton", &spec.root)?;
    unite("root/sysroot", "nothing", &spec.sysroot)?;
    attempt("mount /build", "mount", mount_bind(&build, "root/build"))?;
    if let Some(out) = out {
        attempt("mount /out", "mount", mount_bind(&out, "root/out"))?;
    }
    attempt("mount /tmp", "tmpfs", mount("tmpfs", "root/tmp", "tmpfs", flags, c"size=4g,mode=1777"))?;
    devices()?;
    processes()?;
    attempt("enter its root", "pivot_root", pivot())?;
    attempt("set the host name", "uts", sys::set_host_name(c"drystone"))
}

/// Directories to mount on, and the files that name the sandbox's one user.
fn skeleton() -> io::Result<()> {
    for directory in ["build", "out", "tmp", "proc", "dev", "sysroot", "etc"] {
        fs::create_dir_all(Path::new("skeleton").join(directory))?;
    }
    for directory in ["root", "empty", "nothing", "masks", "layers"] {
        fs::create_dir(directory)?;
    }
    fs::write("skeleton/etc/passwd", PASSWD)?;
    fs::write("skeleton/etc/group", GROUP)?;
    fs::write("masks/cpuinfo", CPUINFO)?;
    fs::write("masks/meminfo", MEMINFO)?;
    fs::write("masks/version", VERSION)
}

/// Mounts the read-only union of `top` (below the base) and `layers` at `place`.
fn unite(place: &str, top: &str, layers: &[PathBuf]) -> Result<(), SetupError> {
    // overlayfs wants two layers at least; an empty one changes nothing.
    let mut option = format!("lowerdir={top}:empty");
    for layer in layers {
        let link = format!("layers/{}", fs::read_dir("layers").map_or(0, Iterator::count));
        let linked = attempt("reach its layers", "scratch", symlink(layer, &link).and(fs::metadata(&link)));
        let linked = linked.map_err(|error| SetupError { action: format!("reach {}", layer.display()), ..error });
        if !linked?.is_dir() {
            return attempt("unite its layers", "scratch", Err(format!("{} is no directory", layer.display())));
        }
        option.push(':');
        option.push_str(&link);
    }
    let option = attempt("unite its layers", "scratch", std::ffi::CString::new(option))?;
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    attempt("unite its layers", "overlay", mount("overlay", place, "overlay", flags, option.as_c_str()))
}

fn devices() -> Result<(), SetupError> {
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    attempt("mount /dev", "tmpfs", mount("tmpfs", "root/dev", "tmpfs", flags, c"size=64k,mode=755"))?;
    for device in ["null", "zero", "full", "urandom"] {
        let place = Path::new("root/dev").join(device);
        attempt("make a device's place", "tmpfs", File::create(&place))?;
        let source = Path::new("/dev").join(device);
        attempt("mount a device", "mount", mount_bind_recursive(&source, &place))?;
    }
    for (link, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        attempt("link a device", "tmpfs", symlink(target, Path::new("root/dev").join(link)))?;
    }
    let sealed = flags | MountFlags::RDONLY | MountFlags::BIND;
    attempt("seal /dev", "mount", mount_remount("root/dev", sealed, c""))
}

fn processes() -> Result<(), SetupError> {
    // Read-only: see the module `sandbox` on a process whose outer id is 0.
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
    attempt("mount a new /proc", "proc", mount("proc", "root/proc", "proc", flags, None))?;
    for mask in ["cpuinfo", "meminfo", "version"] {
        let place = Path::new("root/proc").join(mask);
        attempt("mask /proc", "mount", mount_bind(Path::new("masks").join(mask), &place))?;
        let sealed = flags | MountFlags::BIND;
        attempt("seal a mask", "mount", mount_remount(&place, sealed, c""))?;
    }
    Ok(())
}

/// Makes the union the root, and lets go of the old one: see `pivot_root(2)`, "pivot_root(".", ".")".
fn pivot() -> io::Result<()> {
    std::env::set_current_dir("root")?;
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    std::env::set_current_dir("/")
}
