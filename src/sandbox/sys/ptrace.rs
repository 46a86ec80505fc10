//! `ptrace(2)`, and what a tracer does to the memory of what it traces.

use std::io;
use std::mem::{size_of, zeroed};

use libc::{c_int, c_uint, c_void, pid_t, user_regs_struct};

use super::{Ending, check};

fn request(request: c_uint, pid: pid_t, address: usize, data: usize) -> io::Result<()> {
    // SAFETY: the requests made with this take integers, or in `data` the address of what the caller owns.
    let result = unsafe { libc::ptrace(request, pid, address as *mut c_void, data as *mut c_void) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Begins to trace a process, and all that it will start. With `executions`, a stop follows each `execve(2)`. When the
/// tracer ends, they are killed.
pub fn seize(pid: pid_t, executions: bool) -> io::Result<()> {
    let family = libc::PTRACE_O_TRACEFORK | libc::PTRACE_O_TRACEVFORK | libc::PTRACE_O_TRACECLONE;
    let calls = libc::PTRACE_O_TRACESECCOMP | libc::PTRACE_O_TRACESYSGOOD;
    let executions = if executions { libc::PTRACE_O_TRACEEXEC } else { 0 };
    let options = family | calls | executions | libc::PTRACE_O_EXITKILL;
    request(libc::PTRACE_SEIZE, pid, 0, options as usize)
}

/// Why a traced thread has stopped, or that it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It has ended.
    Ended(Ending),
    /// The filter hands over a call that has not been made yet.
    Call,
    /// A call begins or has returned, of one that was let go on with [`Until::Call`].
    Returned,
    /// It has executed a program, of which nothing has run yet.
    Executed,
    /// It gets a signal.
    Signal(c_int),
    /// Its process was stopped, as by ctrl-z.
    Paused,
    /// It begins, or has started another one.
    Other,
}

/// How far a thread is let go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Until something happens.
    Event,
    /// Until it makes a call, or one returns.
    Call,
}

/// What happens to any of the traced threads. With `wait` false, `None` if nothing has yet. `ECHILD`: all have ended.
pub fn next(wait: bool) -> io::Result<Option<(pid_t, Event)>> {
    let mut status = 0;
    let options = libc::__WALL | if wait { 0 } else { libc::WNOHANG };
    loop {
        // SAFETY: `status` outlives the call and is a c_int as waitpid wants.
        match check(unsafe { libc::waitpid(-1, &raw mut status, options) }) {
            Ok(0) => return Ok(None),
            Ok(thread) => return Ok(Some((thread, event(status)))),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn event(status: c_int) -> Event {
    if libc::WIFSIGNALED(status) {
        return Event::Ended(Ending::Signaled(libc::WTERMSIG(status)));
    }
    if libc::WIFEXITED(status) {
        return Event::Ended(Ending::Exited(libc::WEXITSTATUS(status)));
    }
    let signal = libc::WSTOPSIG(status);
    match status >> 16 {
        0 if signal == libc::SIGTRAP | 0x80 => Event::Returned,
        0 => Event::Signal(signal),
        libc::PTRACE_EVENT_SECCOMP => Event::Call,
        libc::PTRACE_EVENT_EXEC => Event::Executed,
        libc::PTRACE_EVENT_STOP if signal != libc::SIGTRAP => Event::Paused,
        _ => Event::Other,
    }
}

/// Lets a stopped thread go on, with a signal (0: none).
pub fn resume(thread: pid_t, until: Until, signal: c_int) -> io::Result<()> {
    let kind = match until {
        Until::Event => libc::PTRACE_CONT,
        Until::Call => libc::PTRACE_SYSCALL,
    };
    request(kind, thread, 0, signal as usize)
}

/// Leaves a thread stopped whose process was, until that is to go on.
pub fn leave_paused(thread: pid_t) -> io::Result<()> {
    request(libc::PTRACE_LISTEN, thread, 0, 0)
}

/// A stopped thread's registers; `None` if it is of another machine (32 bits).
pub fn registers(thread: pid_t) -> io::Result<Option<user_regs_struct>> {
    // SAFETY: the structure is plain data, for which all zeroes is valid.
    let mut registers: user_regs_struct = unsafe { zeroed() };
    let mut place = libc::iovec { iov_base: (&raw mut registers).cast(), iov_len: size_of::<user_regs_struct>() };
    request(libc::PTRACE_GETREGSET, thread, libc::NT_PRSTATUS as usize, &raw mut place as usize)?;
    Ok((place.iov_len == size_of::<user_regs_struct>()).then_some(registers))
}

/// Sets them.
pub fn set_registers(thread: pid_t, registers: &user_regs_struct) -> io::Result<()> {
    let base = (&raw const *registers).cast_mut().cast();
    let place = libc::iovec { iov_base: base, iov_len: size_of::<user_regs_struct>() };
    request(libc::PTRACE_SETREGSET, thread, libc::NT_PRSTATUS as usize, &raw const place as usize)
}

/// Keeps a call from being made that is about to, on a machine where no register that [`set_registers`] sets says so.
#[cfg(target_arch = "aarch64")]
pub fn skip_call(thread: pid_t) -> io::Result<()> {
    const NT_ARM_SYSTEM_CALL: usize = 0x404;
    let mut none: c_int = -1;
    let place = libc::iovec { iov_base: (&raw mut none).cast(), iov_len: size_of::<c_int>() };
    request(libc::PTRACE_SETREGSET, thread, NT_ARM_SYSTEM_CALL, &raw const place as usize)
}

/// Reads another process's memory; gives how much of it is there.
pub fn read_memory(pid: pid_t, address: u64, bytes: &mut [u8]) -> io::Result<usize> {
    let own = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let other = libc::iovec { iov_base: address as *mut c_void, iov_len: bytes.len() };
    // SAFETY: `own` is valid for writing; the kernel checks the other process's side.
    let read = unsafe { libc::process_vm_readv(pid, &raw const own, 1, &raw const other, 1, 0) };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

/// Writes all of `bytes` into another process's memory.
pub fn write_memory(pid: pid_t, address: u64, bytes: &[u8]) -> io::Result<()> {
    let own = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let other = libc::iovec { iov_base: address as *mut c_void, iov_len: bytes.len() };
    // SAFETY: `own` is valid for reading; the kernel checks the other process's side.
    let written = unsafe { libc::process_vm_writev(pid, &raw const own, 1, &raw const other, 1, 0) };
    match usize::try_from(written) {
        Ok(written) if written == bytes.len() => Ok(()),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Ends this process as a signal ends one.
pub fn die_of(signal: c_int) -> ! {
    // SAFETY: SIG_DFL is no function of this program; the handler that it replaces belongs to it alone.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: raise takes no pointer.
    unsafe { libc::raise(signal) };
    // A signal that ends nothing.
    super::exit(128 + signal)
}

/// Whether this processor can fault `cpuid` (`arch_prctl(2)`, `ARCH_SET_CPUID`): tried on this thread.
#[cfg(target_arch = "x86_64")]
pub fn cpuid_can_fault() -> bool {
    let set = |enabled: usize| {
        // SAFETY: the request takes an integer; no `cpuid` is executed between the two calls.
        unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_CPUID, enabled) == 0 }
    };
    set(0) && set(1)
}

/// `ARCH_SET_CPUID` of asm/prctl.h.
#[cfg(target_arch = "x86_64")]
pub const ARCH_SET_CPUID: u64 = 0x1012;
