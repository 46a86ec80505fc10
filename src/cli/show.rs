//! Progress on standard error: moving lines on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};

use crate::progress::{Event, Sink};

/// A sink that has an end.
pub trait Show: Sink {
    /// Takes what moves off the screen.
    fn end(&self);
}

/// The sink that fits standard error.
pub fn sink() -> Box<dyn Show> {
    if console::user_attended_stderr() { Box::new(Lines::new()) } else { Box::new(Plain::default()) }
}

/// One line an event that matters, for logs and pipes.
#[derive(Debug, Default)]
struct Plain {
    total: Mutex<Total>,
}

#[derive(Debug, Default)]
struct Total {
    builds: usize,
    done: usize,
    sizes: BTreeMap<String, u64>,
}

/// Writes a line; a reader that has gone away, with its terminal or its end of a pipe, does not end the builds.
pub fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A text that others wrote, such as a name in an image: what could move a terminal's cursor is spelled out.
pub fn escaped(text: &str) -> String {
    let spelled = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(spelled).collect()
}

impl Sink for Plain {
    fn event(&self, event: Event) {
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Planned { builds, downloads } => {
                total.builds = builds;
                say(format_args!("{builds} to run, {downloads} to fetch"));
            }
            Event::Extended { builds } => total.builds += builds,
            Event::DownloadAdvanced { name, bytes } => *total.sizes.entry(name).or_default() += bytes,
            Event::DownloadRetried { name, reason } => say(format_args!("fetching {name} again: {reason}")),
            Event::DownloadFinished { name } => {
                let size = total.sizes.get(&name).copied().unwrap_or_default();
                say(format_args!("fetched {name} ({})", HumanBytes(size)));
            }
            Event::UploadsPlanned { missing: 0, .. } => {}
            Event::UploadsPlanned { there, missing } => say(format_args!("{missing} blobs to send, {there} are there")),
            Event::UploadStarted { name, size, .. } => drop(total.sizes.insert(name, size)),
            Event::UploadRetried { name, reason } => say(format_args!("sending {name} again: {reason}")),
            Event::UploadSpared { name, from } => say(format_args!("mounted {name} from {from}")),
            Event::UploadFinished { name } => {
                let size = total.sizes.get(&name).copied().unwrap_or_default();
                say(format_args!("sent {name} ({})", HumanBytes(size)));
            }
            Event::BuildPhase { name, phase } => say(format_args!("{name}: {phase}")),
            Event::Breach { name, what } => say(format_args!("{name}: contained: {what}")),
            Event::BuildFinished { name, duration } => {
                total.done += 1;
                say(format_args!("{name}: done in {:.1} s ({}/{})", duration.as_secs_f64(), total.done, total.builds));
            }
            Event::BuildFailed { name } => say(format_args!("{name}: failed")),
            Event::DownloadFailed { .. }
            | Event::DownloadStarted { .. }
            | Event::UploadAdvanced { .. }
            | Event::BuildStarted { .. }
            | Event::BuildLine { .. } => {}
        }
    }
}

impl Show for Plain {
    fn end(&self) {}
}

/// A bar for each download and upload, a line for each running build, and a total.
struct Lines {
    all: MultiProgress,
    state: Mutex<State>,
}

struct State {
    total: ProgressBar,
    /// What comes or leaves, by its name.
    transfers: BTreeMap<String, ProgressBar>,
    /// Whether the total counts what leaves, not what is built.
    is_upload: bool,
    builds: BTreeMap<String, Running>,
}

struct Running {
    bar: ProgressBar,
    phase: String,
    began: Instant,
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is valid").progress_chars("=> ")
}

impl Lines {
    fn new() -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(0).with_style(style("[{bar:24}] {pos}/{len} done, {elapsed}")));
        let state = Mutex::new(State { total, transfers: BTreeMap::new(), is_upload: false, builds: BTreeMap::new() });
        Self { all, state }
    }

    fn add(&self, state: &State, bar: ProgressBar) -> ProgressBar {
        let bar = self.all.insert_before(&state.total, bar);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// A bar for what comes or leaves; it takes the place of one of the same name.
    fn transfer(&self, state: &mut State, name: String, size: Option<u64>, at: u64) {
        let known = style("  {prefix:32!} [{bar:24}] {bytes}/{total_bytes}  {binary_bytes_per_sec}");
        let unknown = style("  {prefix:32!} {spinner} {bytes}  {binary_bytes_per_sec}");
        let bar = match size {
            Some(size) => ProgressBar::new(size).with_style(known),
            None => ProgressBar::new_spinner().with_style(unknown),
        };
        let bar = self.add(state, bar.with_prefix(name.clone()));
        bar.set_position(at);
        if let Some(old) = state.transfers.insert(name, bar) {
            old.finish_and_clear();
        }
    }

    fn say(&self, text: &str) {
        // Only a terminal that has gone away refuses.
        let _ = self.all.println(text);
    }
}

impl Sink for Lines {
    fn event(&self, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Planned { builds, .. } => {
                state.total.set_length(builds as u64);
                state.total.enable_steady_tick(Duration::from_millis(500));
            }
            Event::Extended { builds } => state.total.inc_length(builds as u64),
            Event::DownloadStarted { name, size, resumed_at } => self.transfer(&mut state, name, size, resumed_at),
            Event::UploadStarted { name, size, resumed_at } => {
                self.transfer(&mut state, name, Some(size), resumed_at);
            }
            Event::DownloadAdvanced { name, bytes } | Event::UploadAdvanced { name, bytes } => {
                if let Some(bar) = state.transfers.get(&name) {
                    bar.inc(bytes);
                }
            }
            Event::DownloadRetried { name, reason } => self.say(&format!("fetching {name} again: {reason}")),
            Event::UploadRetried { name, reason } => self.say(&format!("sending {name} again: {reason}")),
            Event::DownloadFinished { name } | Event::DownloadFailed { name } | Event::UploadFinished { name } => {
                if let Some(bar) = state.transfers.remove(&name) {
                    bar.finish_and_clear();
                    state.total.inc(u64::from(state.is_upload));
                }
            }
            Event::UploadSpared { .. } => state.total.inc(1),
            Event::UploadsPlanned { missing, .. } => {
                state.is_upload = true;
                state.total.inc_length(missing as u64);
                state.total.enable_steady_tick(Duration::from_millis(500));
            }
            Event::BuildStarted { name } => {
                let bar = ProgressBar::new_spinner().with_style(style("  {prefix:24!} {elapsed:>5} {wide_msg}"));
                let bar = self.add(&state, bar.with_prefix(name.clone()));
                state.builds.insert(name, Running { bar, phase: String::new(), began: Instant::now() });
            }
            Event::BuildPhase { name, phase } => {
                if let Some(running) = state.builds.get_mut(&name) {
                    running.bar.set_message(phase.clone());
                    running.phase = phase;
                }
            }
            Event::BuildLine { name, line } => {
                if let Some(running) = state.builds.get(&name) {
                    let line = console::strip_ansi_codes(&line).replace('\t', " ");
                    running.bar.set_message(format!("{}: {line}", running.phase));
                }
            }
            Event::Breach { name, what } => self.say(&format!("{name}: contained: {what}")),
            Event::BuildFinished { name, .. } | Event::BuildFailed { name } => {
                if let Some(running) = state.builds.remove(&name) {
                    running.bar.finish_and_clear();
                    let seconds = running.began.elapsed().as_secs_f64();
                    self.say(&format!("  {name:<24} {seconds:.1} s"));
                }
                state.total.inc(1);
            }
        }
    }
}

impl Show for Lines {
    fn end(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.total.finish_and_clear();
        let _ = self.all.clear();
    }
}
