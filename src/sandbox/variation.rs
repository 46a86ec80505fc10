//! In what a world differs from the contract's: [`Variation`], for audits.
//!
//! What of it is a matter of mounts, names, ids and limits is so from the beginning. What is an answer of the kernel to
//! a call takes a tracer ([`super::tracer`]) between init and the step.
//!
//! # What cannot be varied
//! A time that a file has is the machine's own, so that with a clock that is ahead files lie in the past, which make
//! tolerates, and with one that is behind in the future. The processor's own instructions `rdtsc`, `rdrand` and `xgetbv`
//! answer as always. What `processor` does to `cpuid` takes a processor that can fault it, and Linux 4.12; elsewhere
//! `/proc/cpuinfo` and the auxiliary vector differ alone. A directory's entries come reversed in each portion that a
//! program reads, which is all of it up to some hundred entries.

use serde::{Deserialize, Serialize};

use super::UID;

/// In what a world differs from the contract's, for audits. Never part of a key: an output must not depend on it.
///
/// Each field is one thing, and the default is the contract's world.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variation {
    /// So many of the CPUs that drystone itself may use; at least one.
    pub cpus: Option<usize>,
    /// A processor of another maker, model and with fewer features: in `/proc/cpuinfo` (which tells of four), in the
    /// auxiliary vector (`AT_HWCAP`, `AT_HWCAP2`) and, where the processor can fault it, in what `cpuid` answers.
    pub processor: bool,
    /// What the machine is called, up to 64 bytes.
    pub host_name: Option<String>,
    /// Another release and version of the kernel: in `uname(2)`, `/proc/version` and `/proc/sys/kernel`.
    pub kernel: bool,
    /// The user and group that a step runs as.
    pub user: Option<u32>,
    /// The file creation mask that a step begins with.
    pub umask: Option<u32>,
    /// Seconds added to what the clocks that tell the time of day say.
    pub clock: Option<i64>,
    /// So many times as fast do all clocks run since the sandbox began; those of a process's own CPU time do not. With 0
    /// they stand still, that of the day at a whole second.
    pub pace: Option<u32>,
    /// A directory's entries come in another order: reversed.
    pub directories: bool,
    /// The machine's memory in bytes: in `sysinfo(2)` and `/proc/meminfo`.
    pub memory: Option<u64>,
    /// Addresses are random, as they are in most places outside.
    pub addresses: bool,
    /// What is random is the same in every build: `getrandom(2)`, `/dev/urandom`, `AT_RANDOM`. No hostile variation but a
    /// means of finding out.
    pub randomness: bool,
}

/// What `uname(2)` tells where `kernel` varies.
pub const RELEASE: &str = "4.19.0-audit";
/// The same, of its build.
pub const BUILD: &str = "#7 SMP Thu Jan 1 00:00:00 UTC 2015";

/// The name of the processor where `processor` varies.
pub const PROCESSOR: &str = "Drystone Audit Processor";
/// How many of them `/proc/cpuinfo` tells of.
const PROCESSORS: usize = 4;

/// What the sandbox's machine is called.
pub const HOST_NAME: &str = "drystone";

/// The mask that steps begin with.
const UMASK: u32 = 0o022;

impl Variation {
    /// Whether it is anything.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it takes a tracer.
    pub fn is_traced(&self) -> bool {
        let Self { cpus: _, host_name: _, user: _, umask: _, addresses: _, .. } = self;
        let Self { processor, kernel, clock, pace, directories, memory, randomness, .. } = self;
        [*processor, *kernel, *directories, *randomness].contains(&true)
            || clock.is_some()
            || pace.is_some()
            || memory.is_some()
    }

    /// The user and group that a step runs as.
    pub fn user_id(&self) -> u32 {
        self.user.unwrap_or(UID)
    }

    /// The mask that a step begins with.
    pub fn mask(&self) -> u32 {
        self.umask.unwrap_or(UMASK)
    }

    /// What the machine is called.
    pub fn machine_name(&self) -> &str {
        self.host_name.as_deref().unwrap_or(HOST_NAME)
    }
}

/// `/proc/cpuinfo` of the other processor.
pub fn cpuinfo() -> String {
    let one = |number: usize| {
        format!(
            "processor\t: {number}\nvendor_id\t: AuthenticAMD\ncpu family\t: 21\nmodel\t\t: 2\nmodel name\t: {PROCESSOR}\n\
             stepping\t: 0\ncpu MHz\t\t: 2000.000\ncache size\t: 2048 KB\nsiblings\t: {PROCESSORS}\n\
             core id\t\t: {number}\ncpu cores\t: {PROCESSORS}\nflags\t\t: fpu tsc cx8 cmov mmx fxsr sse sse2 syscall nx lm \
             pni ssse3 cx16 sse4_1 sse4_2 popcnt\n\n"
        )
    };
    (0..PROCESSORS).map(one).collect()
}

/// `/proc/stat` of a machine with fewer CPUs, whose clock is ahead.
pub fn stat(truth: &str, variation: &Variation) -> String {
    let line = |line: &str| {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let number = name.strip_prefix("cpu").and_then(|number| number.parse::<usize>().ok());
        if number.zip(variation.cpus).is_some_and(|(number, cpus)| number >= cpus.max(1)) {
            return String::new();
        }
        match (name, rest.parse::<i64>(), variation.clock) {
            ("btime", Ok(started), Some(ahead)) => format!("btime {}\n", started.saturating_add(ahead)),
            _ => format!("{line}\n"),
        }
    };
    truth.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_s_statistics_tell_of_as_many_cpus_and_of_the_clock() {
        let truth = "cpu  9 9\ncpu0 4 4\ncpu1 3 3\ncpu12 2 2\nctxt 7\nbtime 1000\n";
        let variation = Variation { cpus: Some(2), clock: Some(-10), ..Variation::default() };
        assert_eq!(stat(truth, &variation), "cpu  9 9\ncpu0 4 4\ncpu1 3 3\nctxt 7\nbtime 990\n");
        assert_eq!(stat(truth, &Variation::default()), truth);
    }

    #[test]
    fn the_contract_s_world_has_no_tracer_and_neither_has_what_mounts_and_names_can_do() {
        assert!(Variation::default().is_none() && !Variation::default().is_traced());
        let easy = Variation {
            cpus: Some(1),
            host_name: Some("quarry".to_owned()),
            user: Some(4711),
            umask: Some(0o077),
            addresses: true,
            ..Variation::default()
        };
        assert!(!easy.is_none() && !easy.is_traced());
        assert!(Variation { pace: Some(3), ..easy }.is_traced());
    }
}
