//! A visit: somebody's program in the world of a spec, after its steps.
//!
//! The program begins a session of its own. So the user's terminal, where it is among drystone's own standard streams,
//! is never the session's, and nothing inside can put words into it (`TIOCSTI`).

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::{Terminal, sys};

/// Who looks around, and how.
#[derive(Debug)]
pub struct Visit {
    /// The directory to begin in, absolute, inside.
    pub dir: String,
    /// The program, looked up in the spec's `PATH`, and its words.
    pub argv: Vec<String>,
    /// Environment variables added to the spec's.
    pub env: BTreeMap<String, String>,
    /// The terminal that it gets; without, it gets drystone's own standard streams.
    pub terminal: Option<Terminal>,
}

impl Visit {
    /// The streams that the supervisor inherits: copies that executing does not close.
    pub(super) fn streams(&self) -> io::Result<[OwnedFd; 3]> {
        Ok(match &self.terminal {
            Some(terminal) => {
                let peer = terminal.peer()?;
                [rustix::io::dup(&peer)?, rustix::io::dup(&peer)?, rustix::io::dup(&peer)?]
            }
            None => [rustix::io::dup(io::stdin())?, rustix::io::dup(io::stdout())?, rustix::io::dup(io::stderr())?],
        })
    }
}

/// A visit as the supervisor is told of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Guest {
    dir: String,
    argv: Vec<String>,
    env: BTreeMap<String, String>,
    streams: [i32; 3],
    is_terminal: bool,
}

impl Guest {
    /// A visit over these streams.
    pub fn new(visit: &Visit, streams: &[OwnedFd; 3]) -> Self {
        let Visit { dir, argv, env, terminal } = visit;
        Self {
            dir: dir.clone(),
            argv: argv.clone(),
            env: env.clone(),
            streams: streams.each_ref().map(OwnedFd::as_raw_fd),
            is_terminal: terminal.is_some(),
        }
    }

    /// The program.
    pub fn program(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }

    /// Takes over the streams that were inherited.
    pub fn streams(&self) -> io::Result<[OwnedFd; 3]> {
        let [stdin, stdout, stderr] = self.streams;
        Ok([sys::inherited(stdin)?, sys::inherited(stdout)?, sys::inherited(stderr)?])
    }

    /// Becomes the program. Returns only when that fails, with the streams in place for saying so.
    pub fn execute(&self, env: &BTreeMap<String, String>, streams: &[OwnedFd; 3]) -> io::Error {
        let ready = || -> io::Result<()> {
            for (number, stream) in (0..).zip(streams) {
                sys::redirect(stream.as_fd(), number)?;
            }
            sys::new_session()?;
            if self.is_terminal { sys::take_terminal(streams[0].as_fd()) } else { Ok(()) }
        };
        if let Err(error) = ready() {
            return error;
        }
        let Some((program, words)) = self.argv.split_first() else {
            return io::ErrorKind::InvalidInput.into();
        };
        Command::new(program).args(words).env_clear().envs(env).envs(&self.env).current_dir(&self.dir).exec()
    }
}
