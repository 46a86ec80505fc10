//! Has the kernel start an emulator in place of another machine's programs, for one sandbox alone.
//!
//! The kernel looks for such registrations (`binfmt_misc`) in the user namespace of who executes and in those around
//! it; since Linux 6.7 each can have its own. Only its root may register, and the sandbox has none, so that there is
//! one more namespace around it, with no other use.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, mount};

use super::world::{SetupError, attempt};
use super::{Emulator, sys};

/// Stands between the fields of a registration: no path holds it.
const BETWEEN: u8 = 1;

/// Enters a user namespace around the sandbox's and registers the emulator there, by way of a directory to mount on.
/// The registration lasts as long as what is returned is open.
///
/// # Errors
/// [`SetupError`], where the kernel does not let a user namespace have registrations.
pub fn enter(emulator: &Emulator, place: &Path) -> Result<OwnedFd, SetupError> {
    let Emulator { machine, program } = emulator;
    let registered = register(machine, program, place);
    attempt(&format!("have programs for {machine} emulated"), "binfmt-misc", registered)
}

fn register(machine: &str, program: &Path, place: &Path) -> io::Result<OwnedFd> {
    let machine = match machine {
        "x86_64" => 62,
        "aarch64" => 183,
        other => return Err(io::Error::other(format!("no machine `{other}` is known"))),
    };
    sys::unshare_user(libc::CLONE_NEWNS, 0)?;
    fs::create_dir(place)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("binfmt_misc", place, "binfmt_misc", flags, None)?;
    fs::write(place.join("register"), registration(machine, &fs::canonicalize(program)?))?;
    // The mount goes with this namespace when the sandbox's is made; its file system stays while this is open.
    Ok(rustix::fs::open(place, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// A registration (the kernel's `binfmt-misc.rst`) for a machine's number: an ELF header of 64 bits, little endian, for
/// whatever system, of an executable (2 or 3: the last bit is masked). `F`: the kernel opens the emulator now, so that
/// it need not be in the sandbox. `P`: the emulator is told by which name the program was called.
fn registration(machine: u8, program: &Path) -> Vec<u8> {
    let mut magic = [0; 20];
    magic[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    (magic[16], magic[18]) = (2, machine);
    let mut mask = [0xff; 20];
    mask[7..16].fill(0);
    mask[16] = 0xfe;
    let [magic, mask] = [magic, mask].map(|bytes| bytes.map(|byte| format!("\\x{byte:02x}")).concat());
    let fields = [b"", b"emulated".as_slice(), b"M", b"0", magic.as_bytes(), mask.as_bytes()];
    [fields.as_slice(), &[program.as_os_str().as_bytes(), b"FP"]].concat().join(&BETWEEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_names_the_machine_and_neither_the_system_nor_the_kind_of_executable() {
        let text = registration(183, Path::new("/q:emu")).into_iter().map(char::from).collect::<String>();
        let fields: Vec<_> = text.split('\u{1}').collect();
        assert_eq!(fields[..4], ["", "emulated", "M", "0"]);
        assert_eq!(fields[4], format!(r"\x7f\x45\x4c\x46\x02\x01\x01{}\x02\x00\xb7\x00", r"\x00".repeat(9)));
        assert_eq!(fields[5], format!(r"{}{}\xfe\xff\xff\xff", r"\xff".repeat(7), r"\x00".repeat(9)));
        assert_eq!(fields[6..], ["/q:emu", "FP"]);
    }
}
