//! The registers of a thread at a system call, on each machine.

use std::io;

use libc::{c_long, pid_t, user_regs_struct};

use crate::sandbox::sys::ptrace;

/// A stopped thread and its registers.
pub struct Registers {
    thread: pid_t,
    raw: user_regs_struct,
}

impl Registers {
    /// Those of a stopped thread; `None` if it is of another machine.
    pub fn of(thread: pid_t) -> io::Result<Option<Self>> {
        Ok(ptrace::registers(thread)?.map(|raw| Self { thread, raw }))
    }

    /// Gives them back to the thread.
    pub fn store(&self) -> io::Result<()> {
        ptrace::set_registers(self.thread, &self.raw)
    }

    /// The whole of them.
    pub fn raw(&mut self) -> &mut user_regs_struct {
        &mut self.raw
    }
}

#[cfg(target_arch = "x86_64")]
impl Registers {
    /// The number of the call.
    pub fn number(&self) -> c_long {
        self.raw.orig_rax as c_long
    }

    /// One of its arguments, counted from 0.
    pub fn argument(&self, index: usize) -> u64 {
        let raw = &self.raw;
        [raw.rdi, raw.rsi, raw.rdx, raw.r10, raw.r8, raw.r9][index]
    }

    /// Changes one.
    pub fn set_argument(&mut self, index: usize, value: u64) {
        let raw = &mut self.raw;
        *[&mut raw.rdi, &mut raw.rsi, &mut raw.rdx, &mut raw.r10, &mut raw.r8, &mut raw.r9][index] = value;
    }

    /// Where the stack ends.
    pub fn stack(&self) -> u64 {
        self.raw.rsp
    }

    /// What a call has returned.
    pub fn result(&self) -> i64 {
        self.raw.rax as i64
    }

    /// Answers a call in the kernel's place: it is not made.
    pub fn answer(&mut self, result: i64) -> io::Result<()> {
        self.raw.orig_rax = u64::MAX;
        self.raw.rax = result as u64;
        self.store()
    }
}

#[cfg(target_arch = "aarch64")]
impl Registers {
    /// The number of the call.
    pub fn number(&self) -> c_long {
        self.raw.regs[8] as c_long
    }

    /// One of its arguments, counted from 0.
    pub fn argument(&self, index: usize) -> u64 {
        self.raw.regs[index]
    }

    /// Changes one.
    pub fn set_argument(&mut self, index: usize, value: u64) {
        self.raw.regs[index] = value;
    }

    /// Where the stack ends.
    pub fn stack(&self) -> u64 {
        self.raw.sp
    }

    /// What a call has returned.
    pub fn result(&self) -> i64 {
        self.raw.regs[0] as i64
    }

    /// Answers a call in the kernel's place: it is not made.
    pub fn answer(&mut self, result: i64) -> io::Result<()> {
        ptrace::skip_call(self.thread)?;
        self.raw.regs[0] = result as u64;
        self.store()
    }
}
