//! Traces a step whose world varies in what the kernel answers: [`Variation::is_traced`].
//!
//! ```text
//! init ─ fork ─► tracer ─ fork ─► the step and all that it starts
//! ```
//! The step's filter hands over the calls that matter (`SECCOMP_RET_TRACE`); most are answered here and never made, a
//! few are made and their results changed. All others cost nothing. When a program is executed, its auxiliary vector is
//! changed before it begins: without the kernel's code that tells the time (`vdso(7)`), programs ask by a call.
//!
//! The tracer knows of each thread only what it waits for, so that the order in which a new thread and the one that
//! started it are heard of does not matter (`ptrace(2)`). It ends as the step does; what the step leaves behind may go on
//! for a moment, and ends with the tracer.

mod answers;
mod clock;
#[cfg(target_arch = "x86_64")]
mod processor;
mod registers;
mod stack;

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use libc::{c_int, c_long, pid_t};

pub use answers::stream;
pub use clock::Clocks;

use super::Variation;
use super::sys::Ending;
use super::sys::ptrace::{self, Event, Until};
use answers::Randomness;
use clock::SECOND;
use registers::Registers;
use stack::Vector;

/// How long one waits between looks at what a step has left behind.
const LOOK: Duration = Duration::from_millis(2);
/// The most bytes that `getrandom(2)` gives at once.
const MOST: usize = 32 << 20;
/// What is below a stack's end may be in use up to here (System V ABI, the red zone).
const RED_ZONE: u64 = 128;

/// Why a step could not be traced.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Tracing could not begin.
    #[error("the step cannot be traced, which a varied world takes (is kernel.yama.ptrace_scope below 2?): {0}")]
    Begin(#[source] io::Error),
    /// It could not be waited for.
    #[error("cannot wait for what is traced: {0}")]
    Wait(#[source] io::Error),
    /// A stopped thread could not be dealt with.
    #[error("cannot deal with {event:?} of a traced thread: {source}")]
    Thread {
        /// What it had stopped for.
        event: Event,
        /// What the system said.
        source: io::Error,
    },
}

/// The calls that a step's filter has to hand over.
pub fn calls(variation: &Variation) -> Vec<c_long> {
    let mut calls = Vec::new();
    let mut add = |wanted: bool, more: &[c_long]| calls.extend(more.iter().filter(|_| wanted));
    add(variation.kernel, &[libc::SYS_uname]);
    add(variation.memory.is_some(), &[libc::SYS_sysinfo]);
    add(variation.directories, &[libc::SYS_getdents64]);
    add(variation.randomness, &[libc::SYS_getrandom]);
    let clocks = varies_clocks(variation);
    add(clocks, &[libc::SYS_clock_gettime, libc::SYS_gettimeofday, libc::SYS_clock_nanosleep, libc::SYS_futex]);
    #[cfg(target_arch = "x86_64")]
    add(clocks, &[libc::SYS_time]);
    calls
}

fn varies_clocks(variation: &Variation) -> bool {
    variation.clock.is_some() || variation.pace.is_some()
}

/// What a thread will be heard of next.
enum Pending {
    /// The kernel's answer to a call that lists a directory.
    Listing,
    /// The end of a call one of whose arguments was changed and is to be what it was.
    Argument(usize, u64),
    /// The end of a call that executed a program; then `cpuid` is to fault.
    #[cfg(target_arch = "x86_64")]
    Execution { syscall: u64 },
    /// The beginning and then the end of the call that has `cpuid` fault, and the registers after that.
    #[cfg(target_arch = "x86_64")]
    Faulting { begun: bool, after: Box<libc::user_regs_struct> },
}

/// A step that is traced.
pub struct Tracer<'a> {
    step: pid_t,
    variation: &'a Variation,
    clocks: &'a Clocks,
    pending: BTreeMap<pid_t, Pending>,
    randomness: Randomness,
    #[cfg(target_arch = "x86_64")]
    faults: bool,
}

impl<'a> Tracer<'a> {
    /// Begins to trace a child of this process, which waits to be let go on.
    ///
    /// # Errors
    /// Where the system forbids that.
    pub fn begin(step: pid_t, variation: &'a Variation, clocks: &'a Clocks) -> Result<Self, TraceError> {
        let executions = variation.processor || variation.randomness || varies_clocks(variation);
        ptrace::seize(step, executions).map_err(TraceError::Begin)?;
        Ok(Self {
            step,
            variation,
            clocks,
            pending: BTreeMap::new(),
            randomness: Randomness::default(),
            #[cfg(target_arch = "x86_64")]
            faults: variation.processor && ptrace::cpuid_can_fault(),
        })
    }

    /// Attends to the step until it has ended and what it leaves behind has, too, or has had so much time to.
    ///
    /// # Errors
    /// Where a thread cannot be dealt with. All end with this process then.
    pub fn attend(mut self, grace: Duration) -> Result<Ending, TraceError> {
        let mut ended: Option<(Ending, Instant)> = None;
        loop {
            if let Some((ending, at)) = ended
                && at.elapsed() >= grace
            {
                return Ok(ending);
            }
            let (thread, event) = match ptrace::next(ended.is_none()) {
                Ok(Some(news)) => news,
                Ok(None) => {
                    std::thread::sleep(LOOK);
                    continue;
                }
                Err(error) => match ended {
                    Some((ending, _)) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(ending),
                    _ => return Err(TraceError::Wait(error)),
                },
            };
            if let (Event::Ended(ending), true) = (event, thread == self.step) {
                ended = Some((ending, Instant::now()));
            }
            match self.heard(thread, event) {
                // It was killed meanwhile: that is heard of next.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                heard => heard.map_err(|source| TraceError::Thread { event, source })?,
            }
        }
    }

    fn heard(&mut self, thread: pid_t, event: Event) -> io::Result<()> {
        let mut signal = 0;
        match event {
            Event::Ended(_) => {
                self.pending.remove(&thread);
                self.randomness.forget(thread);
                return Ok(());
            }
            Event::Paused => return ptrace::leave_paused(thread),
            Event::Call => self.called(thread)?,
            Event::Returned => self.returned(thread)?,
            Event::Executed => self.executed(thread)?,
            Event::Signal(number) if self.answers_cpuid(thread, number)? => {}
            Event::Signal(number) => signal = number,
            Event::Other => {}
        }
        let until = if self.pending.contains_key(&thread) { Until::Call } else { Until::Event };
        ptrace::resume(thread, until, signal)
    }

    /// A call has been handed over.
    fn called(&mut self, thread: pid_t) -> io::Result<()> {
        let Some(mut registers) = Registers::of(thread)? else { return Ok(()) };
        let [first, second] = [0, 1].map(|index| registers.argument(index));
        match registers.number() {
            libc::SYS_getdents64 => drop(self.pending.insert(thread, Pending::Listing)),
            libc::SYS_uname => {
                let names = answers::utsname(self.variation.machine_name());
                answer(thread, registers, &[(first, &names)], 0)?;
            }
            libc::SYS_sysinfo => {
                let uptime = self.clocks.now(libc::CLOCK_BOOTTIME as u64).unwrap_or(0) / SECOND;
                let told = answers::sysinfo(self.variation.memory.unwrap_or(0), uptime as u64);
                answer(thread, registers, &[(first, &told)], 0)?;
            }
            libc::SYS_getrandom => {
                let length = usize::try_from(second).map_or(MOST, |length| length.min(MOST));
                let bytes = self.randomness.draw(process_of(thread), length);
                answer(thread, registers, &[(first, &bytes)], length as i64)?;
            }
            libc::SYS_clock_gettime => {
                if let Some(now) = self.clocks.now(first) {
                    answer(thread, registers, &[(second, &clock::to_bytes(now, 1))], 0)?;
                }
            }
            libc::SYS_gettimeofday => {
                let now = clock::to_bytes(self.now(), 1000);
                // The time zone that nobody uses.
                answer(thread, registers, &[(first, &now), (second, &[0; 8])], 0)?;
            }
            #[cfg(target_arch = "x86_64")]
            libc::SYS_time => {
                let now = self.now().div_euclid(SECOND) as i64;
                answer(thread, registers, &[(first, &now.to_ne_bytes())], now)?;
            }
            libc::SYS_futex => {
                let clock =
                    if second & FUTEX_CLOCK_REALTIME == 0 { libc::CLOCK_MONOTONIC } else { libc::CLOCK_REALTIME };
                self.change_deadline(thread, &mut registers, 3, clock)?;
            }
            libc::SYS_clock_nanosleep if second & libc::TIMER_ABSTIME as u64 != 0 => {
                self.change_deadline(thread, &mut registers, 2, first as c_int)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn now(&self) -> i128 {
        self.clocks.now(libc::CLOCK_REALTIME as u64).expect("the time of day varies")
    }

    /// A thread waits until its clock shows something: it is made to wait until that is so. What it gave is left, and the
    /// true time put where nothing is.
    fn change_deadline(
        &mut self,
        thread: pid_t,
        registers: &mut Registers,
        index: usize,
        clock: c_int,
    ) -> io::Result<()> {
        let mut bytes = [0; 16];
        let given = registers.argument(index);
        if ptrace::read_memory(thread, given, &mut bytes).ok() != Some(bytes.len()) {
            return Ok(());
        }
        let shown = clock::of_bytes(bytes);
        let real = self.clocks.real(clock as u64, shown);
        if real == shown {
            return Ok(());
        }
        let place = (registers.stack() - RED_ZONE - bytes.len() as u64) & !15;
        if ptrace::write_memory(thread, place, &clock::to_bytes(real.max(0), 1)).is_ok() {
            registers.set_argument(index, place);
            registers.store()?;
            self.pending.insert(thread, Pending::Argument(index, given));
        }
        Ok(())
    }

    /// A call that was let go on begins or has returned.
    fn returned(&mut self, thread: pid_t) -> io::Result<()> {
        let (Some(pending), Some(mut registers)) = (self.pending.remove(&thread), Registers::of(thread)?) else {
            return Ok(());
        };
        match pending {
            Pending::Listing => reverse(thread, &registers),
            Pending::Argument(index, given) => {
                registers.set_argument(index, given);
                registers.store()
            }
            #[cfg(target_arch = "x86_64")]
            Pending::Execution { syscall } => {
                let after = Box::new(*registers.raw());
                self.pending.insert(thread, Pending::Faulting { begun: false, after });
                ptrace::set_registers(thread, &processor::faulting(*registers.raw(), syscall))
            }
            #[cfg(target_arch = "x86_64")]
            Pending::Faulting { begun: false, after } => {
                self.pending.insert(thread, Pending::Faulting { begun: true, after });
                Ok(())
            }
            #[cfg(target_arch = "x86_64")]
            Pending::Faulting { begun: true, after } => ptrace::set_registers(thread, &after),
        }
    }

    /// A program is about to begin.
    fn executed(&mut self, process: pid_t) -> io::Result<()> {
        self.pending.remove(&process);
        self.randomness.forget(process);
        let Some(registers) = Registers::of(process)? else { return Ok(()) };
        let mut vector = Vector::of(process, registers.stack())?;
        #[cfg(target_arch = "x86_64")]
        if self.faults
            && let Some(vdso) = vector.get(libc::AT_SYSINFO_EHDR)
            && let Some(syscall) = processor::find_syscall(process, vdso)
        {
            self.pending.insert(process, Pending::Execution { syscall });
        }
        if self.variation.randomness
            && let Some(place) = vector.get(libc::AT_RANDOM)
        {
            ptrace::write_memory(process, place, &stream(0, 16))?;
        }
        let clocks = varies_clocks(self.variation);
        vector.change(|[tag, value]| match tag {
            libc::AT_SYSINFO_EHDR if clocks => [libc::AT_IGNORE, value],
            libc::AT_HWCAP | libc::AT_HWCAP2 if self.variation.processor => [tag, capabilities(tag, value)],
            _ => [tag, value],
        })
    }

    /// Whether a thread gets this signal because of a `cpuid` that has now been answered.
    fn answers_cpuid(&self, thread: pid_t, signal: c_int) -> io::Result<bool> {
        #[cfg(target_arch = "x86_64")]
        if self.faults && signal == libc::SIGSEGV {
            return processor::answer(thread);
        }
        let _ = (thread, signal);
        Ok(false)
    }
}

/// Flag of `futex(2)`: the deadline is of the time of day.
const FUTEX_CLOCK_REALTIME: u64 = 256;

/// The capabilities (`AT_HWCAP`, `AT_HWCAP2`) of another processor.
fn capabilities(tag: u64, value: u64) -> u64 {
    #[cfg(target_arch = "x86_64")]
    return processor::capabilities(tag, value);
    // FP and ASIMD, which every aarch64 processor has that Linux runs on.
    #[cfg(target_arch = "aarch64")]
    return if tag == libc::AT_HWCAP { value & 3 } else { 0 };
}

/// Answers a call in the kernel's place, with what is to be in the caller's memory (at 0: nowhere).
fn answer(thread: pid_t, mut registers: Registers, memory: &[(u64, &[u8])], result: i64) -> io::Result<()> {
    for (address, bytes) in memory.iter().filter(|(address, bytes)| *address != 0 && !bytes.is_empty()) {
        if ptrace::write_memory(thread, *address, bytes).is_err() {
            return registers.answer(-i64::from(libc::EFAULT));
        }
    }
    registers.answer(result)
}

/// Reverses what `getdents64(2)` has given.
fn reverse(thread: pid_t, registers: &Registers) -> io::Result<()> {
    let Some(length) = usize::try_from(registers.result()).ok().filter(|length| *length > 0) else { return Ok(()) };
    let place = registers.argument(1);
    let mut entries = vec![0; length];
    let read = ptrace::read_memory(thread, place, &mut entries)?;
    ptrace::write_memory(thread, place, &answers::reversed(&entries[..read]))
}

/// The process that a thread belongs to; of one that has been killed meanwhile nobody will know.
fn process_of(thread: pid_t) -> pid_t {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    let process = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    process.and_then(|process| process.trim().parse().ok()).unwrap_or(thread)
}
