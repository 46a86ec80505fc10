//! What is told of the phases before a visit, and to whoever arrives.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::Arrival;
use super::left::Left;
use super::phases::Phase;
use crate::builder::execute::TAIL;
use crate::progress::{Event, Sink};
use crate::sandbox::{self, Outcome};

/// Hears what happens in the sandbox.
pub struct Progress<'a> {
    name: &'a str,
    dir: &'a str,
    phases: &'a [Phase],
    left: Option<Left>,
    sink: &'a dyn Sink,
    arrive: Option<&'a (dyn Fn(&Arrival) + Sync)>,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tail: VecDeque<String>,
    /// The phase that runs.
    phase: Option<String>,
    is_visited: bool,
}

impl<'a> Progress<'a> {
    /// Begins to listen.
    pub fn new(
        name: &'a str,
        dir: &'a str,
        phases: &'a [Phase],
        left: Option<Left>,
        sink: &'a dyn Sink,
        arrive: Option<&'a (dyn Fn(&Arrival) + Sync)>,
    ) -> Self {
        Self { name, dir, phases, left, sink, arrive, began: Instant::now(), state: Mutex::default() }
    }

    /// Takes an event.
    pub fn hear(&self, event: sandbox::Event) {
        let name = || self.name.to_owned();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            sandbox::Event::Phase(phase) => {
                if state.phase.is_none() {
                    self.sink.event(Event::Planned { builds: 1, downloads: 0 });
                    self.sink.event(Event::BuildStarted { name: name() });
                }
                state.phase = Some(phase.clone());
                self.sink.event(Event::BuildPhase { name: name(), phase });
            }
            sandbox::Event::Line(line) => {
                let line = String::from_utf8_lossy(&line).into_owned();
                if state.tail.len() == TAIL {
                    state.tail.pop_front();
                }
                state.tail.push_back(line.clone());
                self.sink.event(Event::BuildLine { name: name(), line });
            }
            // What a visitor does is said when they are back: until then the terminal is theirs.
            sandbox::Event::Breach(_) if state.is_visited => {}
            sandbox::Event::Breach(what) => self.sink.event(Event::Breach { name: name(), what }),
            sandbox::Event::Visit(outcome) => {
                state.is_visited = true;
                if state.phase.is_some() {
                    self.sink.event(match outcome {
                        Outcome::Success => Event::BuildFinished { name: name(), duration: self.began.elapsed() },
                        Outcome::Failed { .. } | Outcome::Limit { .. } => Event::BuildFailed { name: name() },
                    });
                }
                if let Some(arrive) = self.arrive {
                    arrive(&self.arrival(&state, &outcome));
                }
            }
        }
    }

    fn arrival(&self, state: &State, outcome: &Outcome) -> Arrival {
        let names = |phases: &[Phase]| phases.iter().map(|phase| phase.name.clone()).collect();
        let place = |name: &str| self.phases.iter().position(|phase| phase.name == name);
        let (at, failed, tail) = match (&self.left, outcome) {
            (Some(left), _) => {
                (place(&left.failed).unwrap_or(self.phases.len()), Some((left.failed.clone(), None)), left.tail.clone())
            }
            (None, Outcome::Failed { step, how } | Outcome::Limit { step, limit: how }) => (
                place(step).unwrap_or(self.phases.len()),
                Some((step.clone(), Some(how.clone()))),
                state.tail.iter().cloned().collect(),
            ),
            (None, Outcome::Success) => {
                (state.phase.as_deref().and_then(place).map_or(0, |last| last + 1), None, Vec::new())
            }
        };
        Arrival {
            name: self.name.to_owned(),
            dir: self.dir.to_owned(),
            done: names(&self.phases[..at]),
            failed,
            next: names(&self.phases[at..]),
            left: self.left.as_ref().map(|left| left.place.clone()),
            tail,
        }
    }
}
