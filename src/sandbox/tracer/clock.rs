//! Clocks that are ahead, or run faster: what they show, and when in truth it is what they show.
//!
//! Times are nanoseconds.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// The clocks of one sandbox.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    ahead: i128,
    pace: i128,
    began: Began,
}

/// What the clocks showed when the sandbox began.
#[derive(Debug, Clone, Copy)]
struct Began {
    realtime: i128,
    monotonic: i128,
    raw: i128,
    boottime: i128,
}

impl Clocks {
    /// Clocks that are ahead by so many seconds, and run so many times as fast from now on; with a pace of 0 they stand
    /// still, that of the day at a whole second and all others at one that is the same in every sandbox.
    pub fn begin(seconds: Option<i64>, pace: Option<u32>) -> Self {
        let began = Began {
            realtime: read(ClockId::Realtime),
            monotonic: read(ClockId::Monotonic),
            raw: read(ClockId::MonotonicRaw),
            boottime: read(ClockId::Boottime),
        };
        let pace = i128::from(pace.unwrap_or(1));
        Self { ahead: i128::from(seconds.unwrap_or(0)) * SECOND, pace, began }
    }

    /// What a clock shows now; `None` for one that is left as it is, such as those of CPU time.
    pub fn now(&self, clock: u64) -> Option<i128> {
        Some(self.shown(clock, read(id(clock)?)))
    }

    /// What a clock shows when it is `real` in truth.
    fn shown(&self, clock: u64, real: i128) -> i128 {
        let (began, ahead) = self.origin(clock);
        match self.pace {
            0 => self.stands_at(clock),
            pace => began + (real - began) * pace + ahead,
        }
    }

    /// What a clock that stands still shows.
    fn stands_at(&self, clock: u64) -> i128 {
        match self.origin(clock) {
            // Only that of the day has an origin that is ahead; it counts seconds since 1970 also where that is by none.
            (began, ahead) if began == self.began.realtime => (began + ahead).div_euclid(SECOND) * SECOND,
            _ => STANDING,
        }
    }

    /// When it is in truth that a clock shows this; rounded up, so that nobody is woken too early.
    pub fn real(&self, clock: u64, shown: i128) -> i128 {
        let (began, ahead) = self.origin(clock);
        match self.pace {
            // Whoever waits waits as long as it takes outside.
            0 => began + (shown - self.stands_at(clock)),
            pace => began + (shown - ahead - began + pace - 1).div_euclid(pace),
        }
    }

    fn origin(&self, clock: u64) -> (i128, i128) {
        let began = &self.began;
        match id(clock) {
            Some(ClockId::Realtime | ClockId::RealtimeCoarse | ClockId::RealtimeAlarm) => (began.realtime, self.ahead),
            Some(ClockId::MonotonicRaw) => (began.raw, 0),
            Some(ClockId::Boottime | ClockId::BoottimeAlarm) => (began.boottime, 0),
            _ => (began.monotonic, 0),
        }
    }
}

/// What every clock but that of the day shows where they stand still.
const STANDING: i128 = 1000 * SECOND;

/// One second.
pub const SECOND: i128 = 1_000_000_000;

/// The clocks that vary, by their numbers (`linux/time.h`).
fn id(clock: u64) -> Option<ClockId> {
    Some(match clock {
        // CLOCK_TAI is taken for the other: they differ only where somebody has told the kernel of leap seconds.
        0 | 11 => ClockId::Realtime,
        1 => ClockId::Monotonic,
        4 => ClockId::MonotonicRaw,
        5 => ClockId::RealtimeCoarse,
        6 => ClockId::MonotonicCoarse,
        7 => ClockId::Boottime,
        8 => ClockId::RealtimeAlarm,
        9 => ClockId::BoottimeAlarm,
        _ => return None,
    })
}

fn read(clock: ClockId) -> i128 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    i128::from(tv_sec) * SECOND + i128::from(tv_nsec)
}

/// A time as a `struct timespec`, or with another unit of so many nanoseconds as a `struct timeval`.
pub fn to_bytes(time: i128, unit: i128) -> [u8; 16] {
    let seconds = time.div_euclid(SECOND) as i64;
    let rest = (time.rem_euclid(SECOND) / unit) as i64;
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&seconds.to_ne_bytes());
    bytes[8..].copy_from_slice(&rest.to_ne_bytes());
    bytes
}

/// The time that a `struct timespec` is.
pub fn of_bytes(bytes: [u8; 16]) -> i128 {
    let word = |at: usize| i128::from(i64::from_ne_bytes(std::array::from_fn(|index| bytes[at + index])));
    word(0) * SECOND + word(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_runs_from_the_beginning_and_only_that_of_the_day_is_ahead() {
        let began = Began { realtime: 1000, monotonic: 10, raw: 11, boottime: 12 };
        let clocks = Clocks { ahead: 7 * SECOND, pace: 3, began };
        assert_eq!(clocks.shown(0, 1005), 1015 + 7 * SECOND);
        assert_eq!(clocks.shown(5, 1005), 1015 + 7 * SECOND);
        assert_eq!(clocks.shown(1, 15), 25);
        assert_eq!(clocks.shown(7, 17), 27);
        for clock in [0, 1, 4, 7, 11] {
            for real in [5, 1005, 2000] {
                assert_eq!(clocks.real(clock, clocks.shown(clock, real)), real);
            }
        }
        // Not before the clock shows it.
        assert_eq!(clocks.real(1, 26), 16);
        assert_eq!(clocks.now(2), None);
    }

    #[test]
    fn a_clock_that_stands_still_is_the_same_in_every_sandbox_and_waits_are_as_long_as_outside() {
        let began = Began { realtime: 1000 * SECOND + 300, monotonic: 10, raw: 11, boottime: 12 };
        let clocks = Clocks { ahead: 7 * SECOND, pace: 0, began };
        assert_eq!(clocks.shown(0, 1005 * SECOND), 1007 * SECOND);
        assert_eq!((clocks.shown(1, 99), clocks.shown(7, 99)), (STANDING, STANDING));
        assert_eq!(clocks.real(1, STANDING + 5 * SECOND), 10 + 5 * SECOND);
    }

    #[test]
    fn a_time_is_the_kernel_s_structure_and_back() {
        let time = 5 * SECOND + 123_456_789;
        assert_eq!(of_bytes(to_bytes(time, 1)), time);
        assert_eq!(of_bytes(to_bytes(time, 1000)), 5 * SECOND + 123_456);
        assert_eq!(of_bytes(to_bytes(-1, 1)), -1);
    }
}
