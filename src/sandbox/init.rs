//! Pid 1 of the sandbox: runs the steps, reaps what is orphaned, samples the limits, answers refused calls.

mod start;

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::sys::{self, Ending};
use super::tracer::Clocks;
use super::visit::Guest;
use super::wire::{Message, Reporter};
use super::world::{self, SetupError, attempt};
use super::{Action, Outcome, Spec, Step, seccomp};

/// How often the limits are looked at.
const SAMPLE: Duration = Duration::from_millis(200);
/// How long processes that a step leaves behind may take to end by themselves before that is reported.
const GRACE: Duration = Duration::from_millis(200);

/// How many files a process may have open: what every Linux lets a user have.
const OPEN_FILES: u64 = 1024;
/// The size of a stack, in bytes: Linux's own default.
const STACK: u64 = 8 << 20;

/// What init begins with.
#[derive(Debug)]
pub struct Start {
    /// What to run.
    pub spec: Spec,
    /// Where the steps write.
    pub log: OwnedFd,
    /// The jobserver's words for make.
    pub makeflags: Option<String>,
    /// Who looks around after the steps.
    pub guest: Option<Guest>,
}

struct Init {
    spec: Spec,
    log: OwnedFd,
    listener: Option<OwnedFd>,
    reporter: Reporter,
    began: Instant,
    clocks: Clocks,
    reported: Vec<String>,
}

/// Makes the world, runs the steps and reports; returns pid 1's exit status.
pub fn run(start: Start, mut reporter: Reporter) -> i32 {
    let Start { mut spec, log, makeflags, guest } = start;
    // Before anything is made: the caller's own mask must not show in the world's modes.
    sys::set_umask(0o022);
    let prepared = captures(&spec.steps).and_then(|captures| {
        let streams = guest.as_ref().map(Guest::streams).transpose();
        let streams = attempt("take its visitor's streams", "dup", streams)?;
        world::enter(&spec)?;
        Ok((captures, guest.zip(streams), fence(&spec)?))
    });
    let (captures, guest, listener) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            reporter.send(&Message::Setup(error));
            return 1;
        }
    };
    if let Some(flags) = makeflags {
        spec.env.insert("MAKEFLAGS".to_owned(), flags);
    }
    let steps = std::mem::take(&mut spec.steps);
    sys::set_umask(spec.variation.mask());
    let clocks = Clocks::begin(spec.variation.clock, spec.variation.pace);
    let mut init = Init { spec, log, listener, reporter, began: Instant::now(), clocks, reported: Vec::new() };
    let failure = steps.iter().zip(captures).find_map(|(step, capture)| init.step(step, capture));
    let outcome = failure.unwrap_or(Outcome::Success);
    if let Some((guest, streams)) = guest.filter(|_| !matches!(outcome, Outcome::Limit { .. })) {
        match File::open("/dev/null") {
            // The last holder of the steps' stream lets go of it: drystone hears all of it before the visit.
            Ok(nothing) => init.log = nothing.into(),
            Err(error) => init.breach(format!("cannot open /dev/null: {error}")),
        }
        if init.spec.variation.is_traced() {
            // Only the steps had a filter each; who visits has the ordinary one, and no tracer.
            match filter() {
                Ok(listener) => init.listener = listener,
                Err(error) => {
                    init.reporter.send(&Message::Setup(error));
                    return 1;
                }
            }
        }
        init.reporter.send(&Message::Visit(outcome.clone()));
        let status = init.visit(&guest, streams);
        init.reporter.send(&Message::Left(status));
    }
    init.reporter.send(&Message::Done(outcome));
    0
}

/// A captured step's standard input, output and error, opened while this machine's files can still be named.
type Capture = Option<[File; 3]>;

fn captures(steps: &[Step]) -> Result<Vec<Capture>, SetupError> {
    let open = |step: &Step| match &step.action {
        Action::Capture { stdin, stdout, stderr, .. } => {
            Ok(Some([File::open(stdin)?, File::create(stdout)?, File::create(stderr)?]))
        }
        Action::Exec { .. } | Action::Compile(_) => Ok(None),
    };
    let opened: io::Result<_> = steps.iter().map(open).collect();
    attempt("open a test's files", "scratch", opened)
}

/// Gives up what init needed to make the world; everything that it starts inherits the fences.
fn fence(spec: &Spec) -> Result<Option<OwnedFd>, SetupError> {
    let limits = &spec.limits;
    attempt("fix the address layout", "personality", sys::set_addresses(spec.variation.addresses))?;
    attempt("drop its capabilities", "capabilities", sys::drop_capabilities())?;
    attempt("set no_new_privs", "prctl", sys::no_new_privileges())?;
    attempt("limit file sizes", "rlimit", sys::limit(libc::RLIMIT_FSIZE, limits.file_size))?;
    attempt("forbid core dumps", "rlimit", sys::limit(libc::RLIMIT_CORE, 0))?;
    // What programs can ask for must not depend on who runs drystone.
    attempt("limit open files", "rlimit", sys::limit(libc::RLIMIT_NOFILE, OPEN_FILES))?;
    attempt("limit the stack", "rlimit", sys::limit(libc::RLIMIT_STACK, STACK))?;
    // Counted for each user over the whole machine before Linux 5.14, so only a far bound is safe here; `sample`
    // counts this sandbox's own processes.
    let _ = sys::limit(libc::RLIMIT_NPROC, limits.processes.saturating_mul(4));
    // A tracer could not trace behind the filter; its step has one.
    if spec.variation.is_traced() { Ok(None) } else { filter() }
}

/// Installs the filter, with a listener where the kernel has such.
fn filter() -> Result<Option<OwnedFd>, SetupError> {
    match sys::install_filter(&mut seccomp::program(true, &[]), true) {
        Ok(listener) => Ok(listener),
        Err(_) => {
            attempt("install its filter", "seccomp", sys::install_filter(&mut seccomp::program(false, &[]), false))
        }
    }
}

impl Init {
    /// Runs one step; `Some` when it failed.
    fn step(&mut self, step: &Step, capture: Capture) -> Option<Outcome> {
        self.reporter.send(&Message::Phase(step.name.clone()));
        let failed = |how: String| Some(Outcome::Failed { step: step.name.clone(), how });
        let child = match self.start(step, capture) {
            Ok(child) => child,
            Err(error) => return failed(error),
        };
        let ending = match self.attend(child) {
            Ok(ending) => ending,
            Err(limit) => {
                let _ = sys::kill(-1, libc::SIGKILL);
                return Some(Outcome::Limit { step: step.name.clone(), limit });
            }
        };
        self.sweep(&step.name);
        let expected = match &step.action {
            Action::Capture { status, .. } => *status,
            Action::Exec { .. } | Action::Compile(_) => 0,
        };
        match ending {
            Ending::Exited(status) if status == expected => None,
            Ending::Exited(status) if expected == 0 => failed(format!("exit status {status}")),
            Ending::Exited(status) => failed(format!("exit status {status}, expected {expected}")),
            Ending::Signaled(libc::SIGXFSZ) => {
                let limit = format!("file size ({} bytes)", self.spec.limits.file_size);
                Some(Outcome::Limit { step: step.name.clone(), limit })
            }
            Ending::Signaled(signal) => failed(format!("killed by signal {signal}")),
        }
    }

    /// Lets a guest look around; gives the exit status.
    fn visit(&mut self, guest: &Guest, streams: [OwnedFd; 3]) -> i32 {
        let child = match sys::fork() {
            Ok(sys::Fork::Parent(child)) => child,
            Ok(sys::Fork::Child) => {
                let error = guest.execute(&self.spec.env, &streams);
                eprintln!("cannot execute `{}`: {error}", guest.program());
                // As shells tell it.
                sys::exit(127)
            }
            Err(error) => {
                self.breach(format!("cannot start `{}`: {error}", guest.program()));
                return 126;
            }
        };
        drop(streams);
        let ending = self.attend(child).unwrap_or_else(|limit| {
            self.breach(format!("over the limit of {limit}: everything was ended"));
            let _ = sys::kill(-1, libc::SIGKILL);
            Ending::Signaled(libc::SIGKILL)
        });
        self.sweep(guest.program());
        match ending {
            Ending::Exited(status) => status,
            Ending::Signaled(signal) => 128 + signal,
        }
    }

    /// Waits for a step's process, meanwhile reaping, sampling and refusing. `Err` names a limit that was passed.
    fn attend(&mut self, child: i32) -> Result<Ending, String> {
        let pid = Pid::from_raw(child).expect("a child's id is positive");
        let handle = pidfd_open(pid, PidfdFlags::empty()).ok();
        loop {
            while let Ok(Some((ended, ending))) = sys::wait(-1, false) {
                if ended == child {
                    return Ok(ending);
                }
            }
            self.sample()?;
            self.wait_for_news(handle.as_ref());
        }
    }

    /// Sleeps until the step ends, a call waits for its refusal, or it is time for a sample.
    fn wait_for_news(&mut self, step: Option<&OwnedFd>) {
        let mut sources = Vec::with_capacity(2);
        sources.extend(self.listener.iter().map(|fd| PollFd::new(fd, PollFlags::IN)));
        sources.extend(step.map(|fd| PollFd::new(fd, PollFlags::IN)));
        let timeout = Timespec { tv_sec: 0, tv_nsec: SAMPLE.as_nanos() as i64 };
        let woken = poll(&mut sources, Some(&timeout)).unwrap_or(0);
        let called = woken > 0 && self.listener.is_some() && sources[0].revents().contains(PollFlags::IN);
        if called && let Some(what) = self.listener.as_ref().and_then(refuse_socket) {
            self.breach(what);
        }
    }

    fn breach(&mut self, what: String) {
        if !self.reported.contains(&what) {
            self.reporter.send(&Message::Breach(what.clone()));
            self.reported.push(what);
        }
    }

    fn sample(&self) -> Result<(), String> {
        let limits = &self.spec.limits;
        if self.began.elapsed() > limits.time {
            return Err(format!("time ({} s)", limits.time.as_secs()));
        }
        let processes = processes();
        if processes.len() as u64 > limits.processes {
            return Err(format!("processes ({})", limits.processes));
        }
        let memory: u64 = processes.iter().filter_map(|pid| resident(*pid)).sum();
        if memory > limits.memory {
            return Err(format!("memory ({} bytes)", limits.memory));
        }
        Ok(())
    }

    /// Ends and reports what a step left behind.
    fn sweep(&mut self, step: &str) {
        let until = Instant::now() + GRACE;
        loop {
            while let Ok(Some(_)) = sys::wait(-1, false) {}
            let left = processes();
            if left.is_empty() {
                return;
            }
            if Instant::now() >= until {
                let names: Vec<_> = left.iter().filter_map(|pid| name(*pid)).collect();
                self.breach(format!("left processes behind after `{step}`: {}", names.join(", ")));
                let _ = sys::kill(-1, libc::SIGKILL);
                while let Ok(Some(_)) = sys::wait(-1, true) {}
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Refuses the network socket that waits for an answer; says who wanted it.
fn refuse_socket(listener: &OwnedFd) -> Option<String> {
    let notification = sys::receive(listener).ok()?;
    let who = name(notification.pid).unwrap_or_else(|| "a process".to_owned());
    let family = seccomp::family_name(notification.argument as i32);
    let _ = sys::refuse(listener, notification, libc::EAFNOSUPPORT);
    Some(format!("`{who}` tried to open a network socket ({family}); there is no network in a build"))
}

/// The processes beside init.
fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| *pid != 1).collect()
}

fn name(pid: u32) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())
}

/// Resident memory in bytes: the second number of `statm`, in pages (`proc_pid_statm(5)`).
fn resident(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
