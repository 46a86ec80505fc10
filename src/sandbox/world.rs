//! Makes what a step sees: the mounts of the sandbox contract, from within the new namespaces.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};
use serde::{Deserialize, Serialize};

use super::variation::{self, BUILD, RELEASE};
use super::{Spec, Variation, sys, tracer};

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

const CPUINFO: &str = "processor\t: 0\n\n";
const MEMORY: u64 = 4 << 30;
/// How long `/dev/urandom` is where it is the same in every build.
const RANDOM: usize = 1 << 20;
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
    attempt("write its skeleton", "tmpfs", skeleton(&spec.variation))?;
    unite("root", "skeleton", &spec.root)?;
    unite("root/sysroot", "nothing", &spec.sysroot)?;
    attempt("mount /build", "mount", mount_bind(&build, "root/build"))?;
    if let Some(out) = out {
        attempt("mount /out", "mount", mount_bind(&out, "root/out"))?;
    }
    attempt("mount /tmp", "tmpfs", mount("tmpfs", "root/tmp", "tmpfs", flags, c"size=4g,mode=1777"))?;
    devices(spec.variation.randomness)?;
    processes(&spec.variation)?;
    attempt("enter its root", "pivot_root", pivot())?;
    let name = CString::new(spec.variation.machine_name()).map_err(io::Error::from);
    attempt("set the host name", "uts", name.and_then(|name| sys::set_host_name(&name)))
}

/// Directories to mount on, and the files that name the sandbox's one user.
fn skeleton(variation: &Variation) -> io::Result<()> {
    for directory in ["build", "out", "tmp", "proc", "dev", "sysroot", "etc"] {
        fs::create_dir_all(Path::new("skeleton").join(directory))?;
    }
    for directory in ["root", "empty", "nothing", "masks", "layers"] {
        fs::create_dir(directory)?;
    }
    let id = variation.user_id();
    let user = format!("root:x:0:0:root:/nonexistent:/nonexistent\nbuild:x:{id}:{id}:build:/tmp:/bin/sh\n");
    fs::write("skeleton/etc/passwd", user)?;
    fs::write("skeleton/etc/group", format!("root:x:0:\nbuild:x:{id}:\n"))
}

/// What stands in `/proc` instead of what the kernel tells there: the file's name, and its text.
fn masks(variation: &Variation) -> io::Result<Vec<(&'static str, String)>> {
    let memory = variation.memory.unwrap_or(MEMORY) / 1024;
    let line = |name: &str| format!("{name:<16}{memory:>8} kB\n");
    let mut masks = vec![
        ("cpuinfo", if variation.processor { variation::cpuinfo() } else { CPUINFO.to_owned() }),
        ("meminfo", ["MemTotal:", "MemFree:", "MemAvailable:"].map(line).concat()),
        ("version", VERSION.to_owned()),
    ];
    if variation.kernel {
        masks[2].1 = format!("Linux version {RELEASE} (audit) {BUILD}\n");
        masks.push(("sys/kernel/osrelease", format!("{RELEASE}\n")));
        masks.push(("sys/kernel/version", format!("{BUILD}\n")));
    }
    if variation.cpus.is_some() || variation.clock.is_some() {
        masks.push(("stat", variation::stat(&fs::read_to_string("/proc/stat")?, variation)));
    }
    Ok(masks)
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
    let option = attempt("unite its layers", "scratch", CString::new(option))?;
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    attempt("unite its layers", "overlay", mount("overlay", place, "overlay", flags, option.as_c_str()))
}

fn devices(same_randomness: bool) -> Result<(), SetupError> {
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    attempt("mount /dev", "tmpfs", mount("tmpfs", "root/dev", "tmpfs", flags, c"size=64k,mode=755"))?;
    for device in ["null", "zero", "full", "urandom"] {
        let place = Path::new("root/dev").join(device);
        attempt("make a device's place", "tmpfs", File::create(&place))?;
        let source = Path::new("/dev").join(device);
        attempt("mount a device", "mount", mount_bind_recursive(&source, &place))?;
    }
    if same_randomness {
        let place = Path::new("root/dev/urandom");
        attempt("write what is random", "tmpfs", fs::write("masks/random", tracer::stream(0, RANDOM)))?;
        attempt("mount a device", "mount", mount_bind(Path::new("masks/random"), place))?;
        let sealed = flags | MountFlags::NODEV | MountFlags::RDONLY | MountFlags::BIND;
        attempt("seal a device", "mount", mount_remount(place, sealed, c""))?;
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

fn processes(variation: &Variation) -> Result<(), SetupError> {
    // Read-only: see the module `sandbox` on a process whose outer id is 0.
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
    attempt("mount a new /proc", "proc", mount("proc", "root/proc", "proc", flags, None))?;
    for (number, (name, text)) in attempt("mask /proc", "proc", masks(variation))?.into_iter().enumerate() {
        let mask = Path::new("masks").join(number.to_string());
        attempt("write a mask", "tmpfs", fs::write(&mask, text))?;
        let place = Path::new("root/proc").join(name);
        attempt("mask /proc", "mount", mount_bind(&mask, &place))?;
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
