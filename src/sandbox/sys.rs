//! The raw system calls that no crate wraps safely: with [`ptrace`] below it the only `unsafe` code of the project, each
//! block with its reason. Every function returns the system's error as it is; the callers say what was tried.

pub mod ptrace;

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use libc::{c_int, c_ulong, pid_t};

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Leaves the namespaces that `flags` name (`unshare(2)`).
pub fn unshare(flags: c_int) -> io::Result<()> {
    // SAFETY: unshare takes no pointer. It is called by a single-threaded process, as CLONE_NEWUSER demands.
    check(unsafe { libc::unshare(flags) }).map(drop)
}

/// Makes a user namespace, and the others that `flags` name. Within, this process's user and group are `id`: one id
/// each is mapped, which needs no privilege (`user_namespaces(7)`).
pub fn unshare_user(flags: c_int, id: u32) -> io::Result<()> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    unshare(libc::CLONE_NEWUSER | flags)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{id} {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{id} {gid} 1"))
}

/// Which side of a fork this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// The new process.
    Child,
    /// The old one, with the new one's id.
    Parent(pid_t),
}

/// Forks this process (`fork(2)`).
pub fn fork() -> io::Result<Fork> {
    // SAFETY: supervisor and init are single-threaded programs that executed anew, so the child may go on to
    // allocate and to use the standard library.
    match check(unsafe { libc::fork() })? {
        0 => Ok(Fork::Child),
        child => Ok(Fork::Parent(child)),
    }
}

/// Ends this process at once, without running exit handlers that belong to its parent.
pub fn exit(status: c_int) -> ! {
    // SAFETY: _exit takes no pointer and does not return.
    unsafe { libc::_exit(status) }
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It returned this status.
    Exited(i32),
    /// This signal killed it.
    Signaled(i32),
}

/// Waits for a child (`-1`: any). `Ok(None)`: with `wait` false, none has ended yet.
pub fn wait(pid: pid_t, wait: bool) -> io::Result<Option<(pid_t, Ending)>> {
    let mut status = 0;
    loop {
        // SAFETY: `status` outlives the call and is a c_int as waitpid wants.
        match check(unsafe { libc::waitpid(pid, &mut status, if wait { 0 } else { libc::WNOHANG }) }) {
            Ok(0) => return Ok(None),
            Ok(child) if libc::WIFSIGNALED(status) => {
                return Ok(Some((child, Ending::Signaled(libc::WTERMSIG(status)))));
            }
            Ok(child) => return Ok(Some((child, Ending::Exited(libc::WEXITSTATUS(status))))),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Sends a signal (`-1`: to every process but this one that it may signal).
pub fn kill(pid: pid_t, signal: c_int) -> io::Result<()> {
    // SAFETY: kill takes no pointer.
    check(unsafe { libc::kill(pid, signal) }).map(drop)
}

fn prctl(option: c_int, argument: c_ulong) -> io::Result<()> {
    // SAFETY: the options used here take integers only.
    check(unsafe { libc::prctl(option, argument, 0, 0, 0) }).map(drop)
}

/// Has the kernel kill this process when its parent ends.
pub fn die_with_parent() -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong)
}

/// Keeps this process and its children from ever gaining privileges.
pub fn no_new_privileges() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// Turns address-space randomisation on or off for programs executed from here on; off, no output depends on it.
pub fn set_addresses(random: bool) -> io::Result<()> {
    let persona = if random { 0 } else { libc::ADDR_NO_RANDOMIZE };
    // SAFETY: personality takes no pointer.
    check(unsafe { libc::personality(persona as c_ulong) }).map(drop)
}

/// Gives up every capability, for good.
pub fn drop_capabilities() -> io::Result<()> {
    // The kernel refuses with EINVAL past its last capability.
    for capability in 0..64 {
        if prctl(libc::PR_CAPBSET_DROP, capability).is_err() {
            break;
        }
    }
    #[repr(C)]
    struct Header {
        version: u32,
        pid: c_int,
    }
    const VERSION_3: u32 = 0x2008_0522; // _LINUX_CAPABILITY_VERSION_3, which takes two sets of three words
    let header = Header { version: VERSION_3, pid: 0 };
    let none = [[0u32; 3]; 2];
    // SAFETY: header and sets have the layout of capset(2) in version 3 and outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) };
    check(result as c_int).map(drop)
}

/// Sets a resource limit, soft and hard.
pub fn limit(resource: libc::__rlimit_resource_t, value: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: `limit` outlives the call.
    check(unsafe { libc::setrlimit(resource, &limit) }).map(drop)
}

/// Sets the names that `uname(2)` tells.
pub fn set_host_name(name: &CStr) -> io::Result<()> {
    let length = name.to_bytes().len();
    // SAFETY: the pointer is valid for `length` bytes.
    check(unsafe { libc::sethostname(name.as_ptr(), length) })?;
    // SAFETY: as above.
    check(unsafe { libc::setdomainname(name.as_ptr(), length) }).map(drop)
}

/// Sets the file creation mask.
pub fn set_umask(mask: u32) {
    // SAFETY: umask takes no pointer and cannot fail.
    unsafe { libc::umask(mask) };
}

/// Starts a session, away from any terminal.
pub fn new_session() -> io::Result<()> {
    // SAFETY: setsid takes no pointer.
    check(unsafe { libc::setsid() }).map(drop)
}

/// Makes a terminal the controlling one of this process's session, which has none yet (`TIOCSCTTY(2const)`).
pub fn take_terminal(terminal: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: this request takes an integer.
    check(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0) }).map(drop)
}

/// Opens a new terminal's master, and lets its other end be opened (`unlockpt(3)`).
pub fn open_master() -> io::Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let master = open("/dev/ptmx", flags, Mode::empty())?;
    let unlocked: c_int = 0;
    // SAFETY: the request reads an int, which outlives the call.
    check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) })?;
    Ok(master)
}

/// Opens a terminal's other end, whatever name it has (`TIOCGPTPEER`, `ioctl_tty(2)`).
pub fn open_peer(master: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: the request takes an integer.
    let peer = check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) })?;
    // SAFETY: the call returns a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(peer) })
}

/// What a terminal does with what is typed and printed (`termios(3)`).
#[derive(Clone, Copy)]
pub struct TerminalMode(libc::termios);

impl TerminalMode {
    /// A terminal's mode.
    pub fn of(terminal: BorrowedFd<'_>) -> io::Result<Self> {
        // SAFETY: termios is plain data, for which all zeroes is valid.
        let mut mode: libc::termios = unsafe { zeroed() };
        // SAFETY: `mode` outlives the call.
        check(unsafe { libc::tcgetattr(terminal.as_raw_fd(), &raw mut mode) })?;
        Ok(Self(mode))
    }

    /// The same, but with everything passed on as it is.
    pub fn raw(mut self) -> Self {
        // SAFETY: `self` outlives the call, which only changes its flags.
        unsafe { libc::cfmakeraw(&raw mut self.0) };
        self
    }

    /// Gives a terminal this mode.
    pub fn set(&self, terminal: BorrowedFd<'_>) -> io::Result<()> {
        // SAFETY: `self` outlives the call.
        check(unsafe { libc::tcsetattr(terminal.as_raw_fd(), libc::TCSANOW, &raw const self.0) }).map(drop)
    }
}

/// Gives one terminal the size of another's window (`TIOCSWINSZ(2const)`).
pub fn copy_window_size(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: winsize is plain data, for which all zeroes is valid.
    let mut size: libc::winsize = unsafe { zeroed() };
    // SAFETY: the request writes a winsize, which outlives the call.
    check(unsafe { libc::ioctl(from.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) })?;
    // SAFETY: the request reads a winsize, which outlives the call.
    check(unsafe { libc::ioctl(to.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }).map(drop)
}

/// Replaces this process's environment, for libraries that read it.
pub fn set_environment<'a>(variables: impl Iterator<Item = (&'a String, &'a String)>) {
    let old: Vec<_> = std::env::vars_os().map(|(name, _)| name).collect();
    for name in old {
        // SAFETY: the process is single-threaded: it was just forked by a single-threaded one.
        unsafe { std::env::remove_var(name) };
    }
    for (name, value) in variables {
        // SAFETY: as above.
        unsafe { std::env::set_var(name, value) };
    }
}

/// Has a descriptor closed when the next program is executed.
pub fn close_on_exec(number: c_int) -> io::Result<()> {
    // SAFETY: fcntl takes an integer here, and closes nothing in this program.
    check(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) }).map(drop)
}

/// Makes `source` this process's file descriptor `number`.
pub fn redirect(source: BorrowedFd<'_>, number: c_int) -> io::Result<()> {
    // SAFETY: dup2 takes no pointer; the descriptors it replaces are the standard ones, which nobody else owns.
    check(unsafe { libc::dup2(source.as_raw_fd(), number) }).map(drop)
}

/// Takes over one of the standard descriptors that this process was started with.
///
/// Called once for each number, at the start of a program, before anything else uses it.
pub fn inherited(number: c_int) -> io::Result<OwnedFd> {
    // SAFETY: fcntl takes an integer here.
    let copy = check(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) })?;
    // SAFETY: `copy` is new, and owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Installs a seccomp filter; with `notify` also gives the listener of its user notifications.
pub fn install_filter(program: &mut [libc::sock_filter], notify: bool) -> io::Result<Option<OwnedFd>> {
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    let flags = if notify { libc::SECCOMP_FILTER_FLAG_NEW_LISTENER } else { 0 };
    // SAFETY: `program` points to `len` instructions and outlives the call, which copies them.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    let result = check(result as c_int)?;
    // SAFETY: with the flag, the call returns a new descriptor that nobody else owns.
    Ok(notify.then(|| unsafe { OwnedFd::from_raw_fd(result) }))
}

/// A system call that a filter has handed over, waiting for its answer.
#[derive(Debug, Clone, Copy)]
pub struct Notification {
    id: u64,
    /// Who called.
    pub pid: u32,
    /// The call's first argument.
    pub argument: u64,
}

/// Receives one notification.
pub fn receive(listener: &OwnedFd) -> io::Result<Notification> {
    // SAFETY: seccomp_notif is plain data, for which all zeroes is valid (and demanded by the kernel).
    let mut notification: libc::seccomp_notif = unsafe { zeroed() };
    // SAFETY: the structure has the kernel's layout and outlives the call.
    check(unsafe { libc::ioctl(listener.as_raw_fd(), SECCOMP_IOCTL_NOTIF_RECV, &raw mut notification) })?;
    Ok(Notification { id: notification.id, pid: notification.pid, argument: notification.data.args[0] })
}

/// Answers a notification with an error number.
pub fn refuse(listener: &OwnedFd, notification: Notification, errno: c_int) -> io::Result<()> {
    let response = libc::seccomp_notif_resp { id: notification.id, val: 0, error: -errno, flags: 0 };
    // SAFETY: the structure has the kernel's layout and outlives the call.
    check(unsafe { libc::ioctl(listener.as_raw_fd(), SECCOMP_IOCTL_NOTIF_SEND, &raw const response) }).map(drop)
}

/// `_IOWR('!', NUMBER, SIZE)` of linux/seccomp.h, in the generic encoding that x86_64 and aarch64 share.
const fn notify_ioctl(number: u64, size: usize) -> c_ulong {
    (3 << 30 | (size as u64) << 16 | (b'!' as u64) << 8 | number) as c_ulong
}

const SECCOMP_IOCTL_NOTIF_RECV: c_ulong = notify_ioctl(0, size_of::<libc::seccomp_notif>());
const SECCOMP_IOCTL_NOTIF_SEND: c_ulong = notify_ioctl(1, size_of::<libc::seccomp_notif_resp>());

/// An anonymous file in memory that holds `bytes`, read from its start.
pub fn memory_file(bytes: &[u8]) -> io::Result<File> {
    use std::io::{Seek as _, Write as _};
    let descriptor = rustix::fs::memfd_create("drystone-sandbox", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = File::from(descriptor);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}
