//! The far end of each axis, as a world to build in.

use std::path::PathBuf;

use super::{Axes, Axis};
use crate::builder::World;
use crate::sandbox::Variation;

/// What the two ends of the axes are on this machine.
#[derive(Debug, Clone)]
pub struct Ends {
    /// Processes at once, at the near end.
    pub jobs: usize,
    /// The processor to use at the far end, where there is to be one only.
    pub processor: usize,
    /// A path for a build's directories where nothing is yet.
    pub near: PathBuf,
    /// The same, elsewhere, under a name of another length.
    pub far: PathBuf,
    /// The same, on a file system of another kind, if there is one.
    pub other: Option<PathBuf>,
}

/// 400 days and a few seconds: another year, another day of the week and of the month.
const AHEAD: i64 = 400 * 86_400;
/// How far before midnight a build begins, in seconds.
const BEFORE_MIDNIGHT: i64 = 20;
const DAY: i64 = 86_400;

/// The world in which these axes are at their far ends. `now` is in seconds since 1970.
pub fn world(axes: &Axes, ends: &Ends, now: i64) -> World {
    let has = |axis| axes.contains(&axis);
    let variation = Variation {
        cpus: None,
        processor: has(Axis::Processor),
        host_name: has(Axis::HostName).then(|| "another-host.example".to_owned()),
        kernel: has(Axis::Kernel),
        user: has(Axis::User).then_some(54_321),
        umask: has(Axis::Umask).then_some(0o077),
        clock: has(Axis::Clock).then(|| ahead(now)),
        pace: has(Axis::Pace).then_some(7),
        directories: has(Axis::Directories),
        memory: has(Axis::Memory).then_some(900 << 20),
        addresses: has(Axis::Addresses),
        randomness: false,
    };
    let mut world = World {
        variation,
        jobs: if has(Axis::Jobs) { 1 } else { ends.jobs },
        processor: has(Axis::Cpus).then_some(ends.processor),
        scratch: match (has(Axis::FileSystem), has(Axis::Place)) {
            (true, _) => ends.other.clone().unwrap_or_else(|| ends.far.clone()),
            (false, true) => ends.far.clone(),
            (false, false) => ends.near.clone(),
        },
        ..World::default()
    };
    let mut set = |axis, variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        world.env.extend(variables.filter(|_| has(axis)));
    };
    set(Axis::Locale, &[("LC_ALL", "C.UTF-8"), ("LANG", "tr_TR.UTF-8"), ("LANGUAGE", "tr:de")]);
    // A zone of its own, without a file: 13 hours and 45 minutes east (POSIX counts westward).
    set(Axis::TimeZone, &[("TZ", "AUD-13:45")]);
    set(
        Axis::Environment,
        &[
            ("USER", "auditor"),
            ("LOGNAME", "auditor"),
            ("HOSTNAME", "another-host"),
            ("TERM", "xterm-256color"),
            ("COLUMNS", "132"),
            ("EDITOR", "ed"),
            ("AUDIT_CANARY", "a variable that no build knows"),
        ],
    );
    world
}

/// What is added to the clock so that the build begins in another year, shortly before midnight.
fn ahead(now: i64) -> i64 {
    let then = now + AHEAD;
    let midnight = (then / DAY + 1) * DAY;
    midnight - BEFORE_MIDNIGHT - now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> Ends {
        let (near, far) = (PathBuf::from("/near"), PathBuf::from("/far/away"));
        Ends { jobs: 8, processor: 1, near, far, other: Some("/other".into()) }
    }

    #[test]
    fn without_axes_the_world_is_that_of_the_contract() {
        let plain = world(&Axes::new(), &ends(), 1_000_000_000);
        assert_eq!(plain.variation, Variation::default());
        assert!(plain.env.is_empty() && plain.processor.is_none());
        assert_eq!((plain.jobs, plain.scratch), (8, PathBuf::from("/near")));
    }

    #[test]
    fn each_axis_changes_something_by_itself() {
        let text = |axes: &Axes| format!("{:?}", world(axes, &ends(), 1_000_000_000));
        let plain = text(&Axes::new());
        for axis in Axis::ALL {
            assert_ne!(text(&Axes::from([axis])), plain, "{axis}");
        }
    }

    #[test]
    fn the_far_clock_is_in_another_year_shortly_before_midnight() {
        for now in [1_000_000_000, 1_764_547_200, 1_764_547_199] {
            let then = now + ahead(now);
            assert_eq!(then % DAY, DAY - BEFORE_MIDNIGHT);
            assert!((399 * DAY..402 * DAY).contains(&(then - now)), "{now}");
        }
    }
}
