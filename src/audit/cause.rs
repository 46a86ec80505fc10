//! The cause of a difference, found by rebuilding.

use std::time::{SystemTime, UNIX_EPOCH};

use super::content::ChangeKind;
use super::{Axes, Axis, Change, Ends, search, world};
use crate::builder::{BuildError, Rebuilt, Site, World, rebuild};
use crate::plan::Outputs;
use crate::progress::Event;
use crate::sandbox::Stop;

/// Why two builds of one derivation differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// These, each of them, or only all of them together.
    Axes(Axes),
    /// It differs from one build to the next, and not when the clock stands still.
    TimeStamp,
    /// It differs from one build to the next, and not when random numbers are the same.
    Randomness,
    /// It differs from one build to the next, and not with one job at a time.
    Race,
    /// It differs from one build to the next, whatever is held still; a file holds the time of its making.
    FileTime,
    /// It differs from one build to the next, whatever is held still.
    Unknown,
    /// It came out the same each time that it was tried again.
    Gone,
}

impl Cause {
    /// A title for people; `changes` is what the difference looks like in the files.
    pub fn title(&self, changes: &[Change]) -> String {
        let packed = !changes.is_empty() && changes.iter().all(|change| change.kind == ChangeKind::Compression);
        let title = match self {
            Self::Axes(axes) => axes.iter().map(|axis| axis.cause()).collect::<Vec<_>>().join(", together with "),
            Self::TimeStamp | Self::FileTime => Axis::Clock.cause().to_owned(),
            Self::Randomness => "randomness".to_owned(),
            Self::Race => Axis::Jobs.cause().to_owned(),
            Self::Unknown => "unknown: it differs from build to build, whatever is held still".to_owned(),
            Self::Gone => "unknown: it differed once, and never again".to_owned(),
        };
        if packed { format!("compression level (by the {title})") } else { title }
    }

    /// What usually mends it.
    pub fn mend(&self) -> &'static str {
        match self {
            Self::Axes(axes) => axes.first().map_or("", |axis| axis.mend()),
            Self::TimeStamp => Axis::Clock.mend(),
            Self::FileTime => {
                "give files a fixed time before they are packed: tar --mtime, touch -d @$SOURCE_DATE_EPOCH"
            }
            Self::Randomness => "give it a fixed seed, or order by name instead of by hash",
            Self::Race => Axis::Jobs.mend(),
            Self::Unknown | Self::Gone => "compare the two trees: drystone audit --diffoscope",
        }
    }
}

/// What was found out.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// Why.
    pub cause: Cause,
    /// How many rebuilds that took.
    pub rebuilds: usize,
}

/// Where rebuilds are made, and what they are compared with.
pub struct Lab<'a> {
    /// The build.
    pub site: Site<'a>,
    /// What it must give.
    pub expected: &'a Outputs,
    /// What the ends of the axes are. Called for each rebuild, since each needs paths of its own.
    pub ends: &'a dyn Fn() -> Ends,
    /// What ends all of it.
    pub stop: &'a Stop,
}

/// What a rebuild gave: the outputs' objects, or that it failed.
type Outcome = Option<Outputs>;

struct Trials<'l, 'a> {
    lab: &'l Lab<'a>,
    count: usize,
}

/// Finds out why a build does not give what it must when all of `axes` are at their far ends; `changes` is what the
/// difference looked like.
///
/// # Errors
/// When it is interrupted, or there is no sandbox. A rebuild that fails is a difference.
pub fn diagnose(lab: &Lab<'_>, axes: &Axes, changes: &[Change]) -> Result<Diagnosis, BuildError> {
    let mut trials = Trials { lab, count: 0 };
    let steady = trials.plain()?.as_ref() == Some(lab.expected);
    let cause = if steady {
        let found = search(axes, |axes| trials.varied(axes).map(|outcome| outcome.as_ref() != Some(lab.expected)))?;
        // All of them are needed only if the last trial, with fewer, made no difference, or if none does any more.
        let whole = found == *axes && axes.len() > 1;
        if whole && trials.varied(axes)?.as_ref() == Some(lab.expected) { Cause::Gone } else { Cause::Axes(found) }
    } else {
        trials.hold_still(changes)?
    };
    Ok(Diagnosis { cause, rebuilds: trials.count })
}

impl Trials<'_, '_> {
    fn plain(&mut self) -> Result<Outcome, BuildError> {
        self.varied(&Axes::new())
    }

    fn varied(&mut self, axes: &Axes) -> Result<Outcome, BuildError> {
        let world = world(axes, &(self.lab.ends)(), now());
        self.run(&world)
    }

    fn run(&mut self, world: &World) -> Result<Outcome, BuildError> {
        self.count += 1;
        self.lab.site.sink.event(Event::Extended { builds: 1 });
        match rebuild(&self.lab.site, world, self.lab.stop) {
            Ok(rebuilt) => Ok(Some(Rebuilt::outputs(&rebuilt))),
            Err(error) if is_the_builds_own(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What has to be held still for two rebuilds to be the same.
    fn hold_still(&mut self, changes: &[Change]) -> Result<Cause, BuildError> {
        if self.twice(hold_clock)? {
            return Ok(Cause::TimeStamp);
        }
        // Each other rebuild is at a place of its own.
        let place = (self.lab.ends)().near;
        if self.twice(|world| world.scratch.clone_from(&place))? {
            return Ok(Cause::Axes(Axes::from([Axis::Place])));
        }
        if self.twice(|world| world.variation.randomness = true)? {
            return Ok(Cause::Randomness);
        }
        if self.twice(|world| world.jobs = 1)? {
            return Ok(Cause::Race);
        }
        let times = changes.iter().any(|change| change.kind == ChangeKind::Time);
        Ok(if times { Cause::FileTime } else { Cause::Unknown })
    }

    /// Whether two rebuilds with this held still are the same.
    fn twice(&mut self, hold: impl Fn(&mut World)) -> Result<bool, BuildError> {
        let mut once = || {
            let mut world = world(&Axes::new(), &(self.lab.ends)(), now());
            hold(&mut world);
            self.run(&world)
        };
        let first = once()?;
        Ok(first.is_some() && first == once()?)
    }
}

/// An error that says something of the build, and not of the machine or of who runs it.
pub fn is_the_builds_own(error: &BuildError) -> bool {
    matches!(error, BuildError::Failed(_) | BuildError::Rules { .. } | BuildError::Components { .. })
}

/// The moment at which a held clock stands, in seconds since 1970: later than any file that a build begins with.
const HELD: i64 = 2_000_000_000;

/// Has the clock stand still at one moment. The moment is in whole seconds of an offset to the real clock, so it is
/// begun early in a second.
fn hold_clock(world: &mut World) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let rest = 1_000_000_000 - since.subsec_nanos();
    if since.subsec_millis() > 500 {
        std::thread::sleep(std::time::Duration::from_nanos(u64::from(rest)));
    }
    world.variation.clock = Some(HELD - now());
    world.variation.pace = Some(0);
}

/// The time, in seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
