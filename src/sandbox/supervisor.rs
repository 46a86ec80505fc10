//! The supervisor: drystone executed anew, which makes the namespaces and waits for init.
//!
//! It gets the [`Spec`], and a visit where there is one, on its standard input, reports on its standard output, and hands its standard error to
//! the steps for theirs. It exists because only a single-threaded process may make a user namespace and go on
//! after a fork, and because a new pid namespace begins with the next child.

use std::fs;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::visit::Guest;
use super::wire::{Message, Reporter};
use super::world::{SetupError, attempt};
use super::{Spec, emulation, init, sys};

/// The name (`argv[0]`) under which drystone's binary is the supervisor.
pub const SUPERVISOR_NAME: &str = "drystone-sandbox";

/// Runs as the supervisor, to the end of the process. Called by `main` before anything else when the program's
/// name is [`SUPERVISOR_NAME`].
pub fn supervise() -> ! {
    let status = match (sys::inherited(1), sys::inherited(2)) {
        (Ok(reports), Ok(log)) => {
            let mut reporter = Reporter::new(reports);
            match enter(log) {
                Ok(Some(world)) => init::run(world, reporter),
                Ok(None) => 0,
                Err(error) => {
                    reporter.send(&Message::Setup(error));
                    1
                }
            }
        }
        _ => 1,
    };
    sys::exit(status)
}

/// Makes the namespaces. Returns `Some` in init, and `None` in the supervisor once init has ended.
fn enter(log: OwnedFd) -> Result<Option<init::Start>, SetupError> {
    let parent = rustix::process::getppid();
    attempt("die with drystone", "prctl", sys::die_with_parent())?;
    let (spec, guest) = attempt("read the sandbox's spec", "read", read_spec())?;
    if rustix::process::getppid() != parent {
        sys::exit(1);
    }
    if guest.is_some() {
        // What the steps print ends before the visit: only `log` may hold their stream open.
        let nothing = attempt("let go of the steps' stream", "dev", fs::File::open("/dev/null"))?;
        attempt("let go of the steps' stream", "dev", sys::redirect(nothing.as_fd(), 2))?;
    }
    let makeflags = std::env::var("MAKEFLAGS").ok();
    attempt("close what drystone was started with", "proc", close_strangers(makeflags.as_deref().unwrap_or("")))?;
    let scratch = spec.build.parent().expect("a build directory lies in the scratch directory");
    let emulation = spec.emulator.as_ref().map(|emulator| emulation::enter(emulator, &scratch.join("emulation")));
    let emulation = emulation.transpose()?;
    if let Some(cpus) = spec.variation.cpus {
        attempt("keep to its CPUs", "affinity", keep_to(cpus))?;
    }
    let namespaces =
        libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    attempt(
        "make user, mount, pid, net, ipc and uts namespaces",
        "user-namespaces",
        sys::unshare_user(namespaces, spec.variation.user_id()),
    )?;
    // cgroup namespaces came with Linux 4.6 and can be configured out; there is no cgroup file system inside anyway.
    let _ = sys::unshare(libc::CLONE_NEWCGROUP);
    match attempt("start pid 1", "fork", sys::fork())? {
        sys::Fork::Child => {
            attempt("die with the supervisor", "prctl", sys::die_with_parent())?;
            Ok(Some(init::Start { spec, log, makeflags, guest }))
        }
        sys::Fork::Parent(child) => {
            drop(log);
            attempt("wait for pid 1", "wait", sys::wait(child, true))?;
            drop(emulation);
            Ok(None)
        }
    }
}

fn read_spec() -> io::Result<(Spec, Option<Guest>)> {
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(io::Error::other)
}

/// Keeps this process, and all that it starts, to so many of its CPUs: not always the first, which other sandboxes may
/// have to keep to as well.
fn keep_to(count: usize) -> io::Result<()> {
    let all = sched_getaffinity(None)?;
    let mut cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).collect();
    let first = std::process::id() as usize % cpus.len().max(1);
    cpus.rotate_left(first);
    let mut some = CpuSet::new();
    cpus.iter().take(count.max(1)).for_each(|cpu| some.set(*cpu));
    Ok(sched_setaffinity(None, &some)?)
}

/// Keeps the steps from inheriting descriptors that whoever started drystone left open: all but the standard ones
/// and the jobserver's are closed when a step executes.
fn close_strangers(makeflags: &str) -> io::Result<()> {
    let jobserver = makeflags.split_once("--jobserver-auth=").map_or("", |(_, rest)| rest);
    let kept: Vec<&str> = jobserver.split(' ').next().unwrap_or("").split(',').collect();
    for entry in fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.parse::<i32>().ok());
        if let Some(number) = number.filter(|number| *number > 2)
            && !kept.contains(&number.to_string().as_str())
        {
            sys::close_on_exec(number)?;
        }
    }
    Ok(())
}
