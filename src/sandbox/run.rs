//! Drystone's side of the sandbox: starts the supervisor, listens to it, and stops it.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::visit::Guest;
use super::wire::Message;
use super::{Exit, Outcome, SUPERVISOR_NAME, SetupError, Spec, Visit, sys};

/// Why there is no [`Exit`].
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The world could not be made.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The supervisor could not be started.
    #[error("cannot start the sandbox's supervisor")]
    Start(#[source] io::Error),
    /// The supervisor ended without a report.
    #[error("the sandbox ended without a report ({0}); was it killed, or is the machine out of memory?")]
    Lost(String),
    /// [`Stop::stop`] was called.
    #[error("interrupted")]
    Interrupted,
}

/// What happens while the steps run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A step began.
    Phase(String),
    /// A step wrote a line; not necessarily UTF-8.
    Line(Vec<u8>),
    /// Something was contained.
    Breach(String),
    /// The steps ended in this way, and the visit begins when this has been taken.
    Visit(Outcome),
}

/// Stops every sandbox that was started with it, and those that would be.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Mutex<StopState>>);

#[derive(Debug, Default)]
struct StopState {
    stopped: bool,
    running: BTreeMap<u32, ()>,
}

impl Stop {
    /// Kills what runs; what would still be started is refused.
    pub fn stop(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.stopped = true;
        for pid in state.running.keys() {
            // A supervisor that is still listed has not been waited for, so the number is still its own.
            if let Some(pid) = i32::try_from(*pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }

    /// Whether [`Stop::stop`] has been called.
    pub fn is_stopped(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).stopped
    }

    /// Starts a command, unless it is too late.
    fn start(&self, command: &mut Command) -> Result<Child, SandboxError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.stopped {
            return Err(SandboxError::Interrupted);
        }
        let child = command.spawn().map_err(SandboxError::Start)?;
        state.running.insert(child.id(), ());
        Ok(child)
    }

    fn wait(&self, child: &mut Child) -> io::Result<std::process::ExitStatus> {
        // Waited for without reaping first, so that `stop` never signals a number that has been given away.
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a child's id is positive");
        let _ = rustix::process::waitid(
            rustix::process::WaitId::Pid(pid),
            rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT,
        );
        self.0.lock().unwrap_or_else(PoisonError::into_inner).running.remove(&child.id());
        child.wait()
    }
}

/// Runs a spec's steps and waits for their end.
///
/// The calling thread must not end before this returns, since the sandbox dies with it. `event` is called from a
/// second thread for lines and from this one for the rest.
///
/// # Errors
/// [`SandboxError`], when there is no sandbox or it was stopped; a step that fails is no error but an [`Outcome`].
pub fn run(
    spec: &Spec,
    jobserver: Option<&jobserver::Client>,
    stop: &Stop,
    event: &(dyn Fn(Event) + Sync),
) -> Result<Exit, SandboxError> {
    start(spec, None, jobserver, stop, event)
}

/// Runs a spec's steps, and then, whatever became of them, the visit's program in the same world. Only a limit that
/// a step passes, which ends everything, prevents it.
///
/// # Errors
/// As [`run`].
pub fn visit(
    spec: &Spec,
    visit: &Visit,
    jobserver: Option<&jobserver::Client>,
    stop: &Stop,
    event: &(dyn Fn(Event) + Sync),
) -> Result<Exit, SandboxError> {
    start(spec, Some(visit), jobserver, stop, event)
}

fn start(
    spec: &Spec,
    visit: Option<&Visit>,
    jobserver: Option<&jobserver::Client>,
    stop: &Stop,
    event: &(dyn Fn(Event) + Sync),
) -> Result<Exit, SandboxError> {
    let began = Instant::now();
    let streams = visit.map(Visit::streams).transpose().map_err(SandboxError::Start)?;
    let guest = visit.zip(streams.as_ref()).map(|(visit, streams)| Guest::new(visit, streams));
    let text = serde_json::to_vec(&(spec, guest)).expect("a spec is plain data");
    let input = sys::memory_file(&text).map_err(SandboxError::Start)?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0(SUPERVISOR_NAME).env_clear().process_group(0);
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(client) = jobserver {
        client.configure_make(&mut command);
    }
    let mut child = stop.start(&mut command)?;
    // These keep descriptors that the supervisor was given.
    drop((command, streams));
    let reports = child.stdout.take().expect("standard output was asked to be a pipe");
    let log = child.stderr.take().expect("standard error was asked to be a pipe");
    let (begun, visits) = channel();
    let heard = std::thread::scope(|scope| {
        let printed = scope.spawn(|| lines(log, event));
        if let Some(terminal) = visit.and_then(|visit| visit.terminal.as_ref()) {
            scope.spawn(move || visits.recv().map(|()| terminal.relay()));
        }
        let printed = || drop(printed.join());
        let begin = || {
            // Without a terminal nobody waits for it.
            let _ = begun.send(());
        };
        listen(reports, event, printed, begin)
    });
    let status = stop.wait(&mut child).map_err(SandboxError::Start)?;
    if stop.is_stopped() {
        return Err(SandboxError::Interrupted);
    }
    let Heard { outcome, breaches, left } = heard?;
    let outcome = outcome.ok_or_else(|| SandboxError::Lost(status.to_string()))?;
    Ok(Exit { outcome, breaches, duration: began.elapsed(), left })
}

struct Heard {
    outcome: Option<Outcome>,
    breaches: Vec<String>,
    left: Option<i32>,
}

/// Hears the reports to their end. `printed` waits until all that the steps printed has been heard, and `begin` lets
/// the visit begin.
fn listen(
    reports: impl Read,
    event: &(dyn Fn(Event) + Sync),
    printed: impl FnOnce(),
    begin: impl FnOnce(),
) -> Result<Heard, SandboxError> {
    let mut visit = Some((printed, begin));
    let mut heard = Heard { outcome: None, breaches: Vec::new(), left: None };
    for line in BufReader::new(reports).lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(Message::Setup(error)) => return Err(error.into()),
            Ok(Message::Phase(name)) => event(Event::Phase(name)),
            Ok(Message::Breach(what)) => {
                heard.breaches.push(what.clone());
                event(Event::Breach(what));
            }
            Ok(Message::Visit(outcome)) => {
                let (printed, begin) = visit.take().expect("there is one visit");
                printed();
                event(Event::Visit(outcome));
                begin();
            }
            Ok(Message::Left(status)) => heard.left = Some(status),
            Ok(Message::Done(outcome)) => heard.outcome = Some(outcome),
            // Only half a line can be wrong, of a sandbox that was killed while it wrote.
            Err(_) => break,
        }
    }
    Ok(heard)
}

fn lines(log: impl Read, event: &(dyn Fn(Event) + Sync)) {
    let mut reader = BufReader::with_capacity(1 << 16, log);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A program that writes no line ends must not fill the memory.
        match reader.by_ref().take(1 << 20).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                if line.last() == Some(&b'\n') {
                    line.pop();
                }
                event(Event::Line(line.clone()));
            }
        }
    }
}
