//! How a step's process begins: as a program, as the compile job, and under a tracer where the world varies so.

use std::io::{self, PipeWriter, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use super::{Capture, GRACE, Init};
use crate::sandbox::sys::{self, Ending, Fork, ptrace};
use crate::sandbox::tracer::{self, TraceError, Tracer};
use crate::sandbox::{Action, Step, compile, seccomp};

impl Init {
    /// Starts a step's process; the error is how the step failed.
    pub(super) fn start(&self, step: &Step, capture: Capture) -> Result<i32, String> {
        let traced = self.spec.variation.is_traced();
        let argv = match &step.action {
            Action::Exec { argv } | Action::Capture { argv, .. } => argv,
            Action::Compile(job) if traced => {
                return self.start_traced(|teller| {
                    drop(teller);
                    self.compile(step, job)
                });
            }
            Action::Compile(job) => {
                return match sys::fork().map_err(|error| error.to_string())? {
                    Fork::Parent(child) => Ok(child),
                    Fork::Child => self.compile(step, job),
                };
            }
        };
        let (program, words) = argv.split_first().ok_or("there is no program to run")?;
        let mut command = self.command(step, program, words, capture)?;
        let cannot = |error| format!("cannot execute `{program}`: {error}");
        if traced {
            return self.start_traced(|teller| tell(teller, &cannot(command.exec())));
        }
        let child = command.spawn().map_err(cannot)?;
        i32::try_from(child.id()).map_err(|error| error.to_string())
    }

    fn command(&self, step: &Step, program: &str, words: &[String], capture: Capture) -> Result<Command, String> {
        let log = || self.log.try_clone().map_err(|error| format!("cannot share the log: {error}"));
        let [stdin, stdout, stderr] = match capture {
            Some(files) => files.map(Stdio::from),
            None => [Stdio::null(), log()?.into(), log()?.into()],
        };
        let mut command = Command::new(program);
        command.args(words).env_clear().envs(&self.spec.env).current_dir(&step.dir);
        command.stdin(stdin).stdout(stdout).stderr(stderr).process_group(0);
        Ok(command)
    }

    /// Does a compile job, to the end of this process.
    fn compile(&self, step: &Step, job: &compile::Job) -> ! {
        let ready = std::env::set_current_dir(&step.dir)
            .and_then(|()| sys::redirect(self.log.as_fd(), 1))
            .and_then(|()| sys::redirect(self.log.as_fd(), 2))
            .and_then(|()| sys::new_session());
        sys::set_environment(self.spec.env.iter());
        let status = match ready.map_err(|error| error.to_string()).and_then(|()| compile::run(job)) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("{error}");
                1
            }
        };
        sys::exit(status)
    }

    /// Starts a tracer that starts the step, and ends as the step does. `begin` becomes the step, or tells why not
    /// through a pipe which executing closes.
    fn start_traced(&self, begin: impl FnOnce(PipeWriter)) -> Result<i32, String> {
        let cannot = |error: io::Error| format!("cannot start a tracer: {error}");
        let (mut told, teller) = io::pipe().map_err(cannot)?;
        match sys::fork().map_err(cannot)? {
            Fork::Parent(tracer) => {
                drop(teller);
                let mut why = String::new();
                told.read_to_string(&mut why).map_err(cannot)?;
                if why.is_empty() { Ok(tracer) } else { Err(why) }
            }
            Fork::Child => {
                drop(told);
                match self.trace(teller, begin) {
                    Ok(Ending::Exited(status)) => sys::exit(status),
                    Ok(Ending::Signaled(signal)) => ptrace::die_of(signal),
                    Err(error) => {
                        // Into the log, as the step's own words.
                        let _ = sys::redirect(self.log.as_fd(), 2);
                        eprintln!("{error}");
                        sys::exit(1)
                    }
                }
            }
        }
    }

    /// Is the tracer of one step.
    fn trace(&self, teller: PipeWriter, begin: impl FnOnce(PipeWriter)) -> Result<Ending, TraceError> {
        let (mut gate, mut opener) = io::pipe().map_err(TraceError::Begin)?;
        match sys::fork().map_err(TraceError::Begin)? {
            Fork::Child => {
                drop(opener);
                // Nothing comes from a tracer that could not begin, and has said so.
                if gate.read_exact(&mut [0]).is_ok() {
                    match self.filter() {
                        Ok(()) => begin(teller),
                        Err(error) => tell(teller, &format!("cannot install its filter: {error}")),
                    }
                }
                sys::exit(1)
            }
            Fork::Parent(step) => {
                drop(gate);
                let tracer = Tracer::begin(step, &self.spec.variation, &self.clocks);
                match &tracer {
                    Ok(_) => drop(teller),
                    Err(error) => tell(teller, &error.to_string()),
                }
                let tracer = tracer?;
                opener.write_all(&[0]).map_err(TraceError::Begin)?;
                tracer.attend(GRACE)
            }
        }
    }

    /// The ordinary filter of a step that has a tracer: it hands over what the tracer answers.
    fn filter(&self) -> io::Result<()> {
        let mut filter = seccomp::program(false, &tracer::calls(&self.spec.variation));
        sys::install_filter(&mut filter, false).map(drop)
    }
}

/// Tells init why a step does not begin.
fn tell(mut teller: PipeWriter, why: &str) {
    // An init that is gone means that all is.
    let _ = teller.write_all(why.as_bytes());
}
