//! What supervisor and init tell drystone: one JSON value a line, on the supervisor's standard output.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};

use super::{Outcome, SetupError};

/// One report.
#[derive(Debug, Serialize, Deserialize)]
pub enum Message {
    /// The world could not be made.
    Setup(SetupError),
    /// A step began.
    Phase(String),
    /// Something was contained.
    Breach(String),
    /// All steps are over, and a visit begins.
    Visit(Outcome),
    /// A visit is over; its program's exit status.
    Left(i32),
    /// All steps are over.
    Done(Outcome),
}

/// The sending end.
#[derive(Debug)]
pub struct Reporter(File);

impl Reporter {
    /// Sends over a pipe's writing end.
    pub fn new(pipe: OwnedFd) -> Self {
        Self(pipe.into())
    }

    /// Sends one report. A reader that is gone means that drystone is: there is nobody left to tell.
    pub fn send(&mut self, message: &Message) {
        let mut line = serde_json::to_vec(message).expect("messages are plain data");
        line.push(b'\n');
        let _ = self.0.write_all(&line);
    }
}
