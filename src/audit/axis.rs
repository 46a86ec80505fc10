//! What may vary between two builds.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One thing in which two machines, or two days on one machine, can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    /// The date and the time of day.
    Clock,
    /// How fast time passes, and so how long the build seems to take.
    Pace,
    /// The order in which directories list their entries.
    Directories,
    /// How many processes run at once.
    Jobs,
    /// How many processors there are.
    Cpus,
    /// Which processor it is.
    Processor,
    /// How much memory there is.
    Memory,
    /// Where programs and their stacks lie in memory.
    Addresses,
    /// The host's name.
    HostName,
    /// The kernel's release.
    Kernel,
    /// The user's and group's numbers.
    User,
    /// The file creation mask.
    Umask,
    /// The language, and the encoding of texts.
    Locale,
    /// The time zone.
    TimeZone,
    /// Variables that the contract does not have.
    Environment,
    /// Where on the machine the store and the build's directories lie.
    Place,
    /// The file system on which it is built.
    FileSystem,
}

/// A set of them.
pub type Axes = BTreeSet<Axis>;

impl Axis {
    /// All of them, with what is most often at fault first.
    pub const ALL: [Self; 17] = [
        Self::Clock,
        Self::Pace,
        Self::Directories,
        Self::Jobs,
        Self::Cpus,
        Self::Processor,
        Self::Memory,
        Self::Addresses,
        Self::HostName,
        Self::Kernel,
        Self::User,
        Self::Umask,
        Self::Locale,
        Self::TimeZone,
        Self::Environment,
        Self::Place,
        Self::FileSystem,
    ];

    /// The name by which it is switched on and off.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Pace => "pace",
            Self::Directories => "directories",
            Self::Jobs => "jobs",
            Self::Cpus => "cpus",
            Self::Processor => "processor",
            Self::Memory => "memory",
            Self::Addresses => "addresses",
            Self::HostName => "host-name",
            Self::Kernel => "kernel",
            Self::User => "user",
            Self::Umask => "umask",
            Self::Locale => "locale",
            Self::TimeZone => "time-zone",
            Self::Environment => "environment",
            Self::Place => "place",
            Self::FileSystem => "file-system",
        }
    }

    /// What an output depends on that changes with it, for people.
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Clock => "time stamp",
            Self::Pace => "duration of the build",
            Self::Directories => "order of directory entries",
            Self::Jobs => "race of parallel jobs",
            Self::Cpus => "number of processors",
            Self::Processor => "processor model",
            Self::Memory => "size of memory",
            Self::Addresses => "memory addresses",
            Self::HostName => "host name",
            Self::Kernel => "kernel release",
            Self::User => "user and group ids",
            Self::Umask => "file creation mask",
            Self::Locale => "locale",
            Self::TimeZone => "time zone",
            Self::Environment => "host environment",
            Self::Place => "build path",
            Self::FileSystem => "file system",
        }
    }

    /// What usually mends it.
    pub const fn mend(self) -> &'static str {
        match self {
            Self::Clock => "have it take SOURCE_DATE_EPOCH, or leave the time out",
            Self::Pace => "leave measured times out of what is installed",
            Self::Directories => {
                "sort what a directory lists before it is used (sort, wildcard with $(sort …), readdir)"
            }
            Self::Jobs => "tell make what the rule really needs, or build that part with -j1",
            Self::Cpus => "give the number of jobs, threads or blocks as a fixed word",
            Self::Processor => "name the instruction set (no -march=native, no detection at build time)",
            Self::Memory => "give the size as a fixed word",
            Self::Addresses => "order by content or by number, not by pointer; leave addresses out",
            Self::HostName => "leave the host's name out, or give a fixed one",
            Self::Kernel => "leave `uname` out of what is installed",
            Self::User => "leave owners out: tar --owner=0 --group=0, no `whoami`",
            Self::Umask => "set modes: install -m, tar --mode",
            Self::Locale => "run it with LC_ALL=C",
            Self::TimeZone => "run it with TZ=UTC, and print times in UTC",
            Self::Environment => "leave the environment out of what is installed",
            Self::Place => "map the path away (-ffile-prefix-map), or leave it out",
            Self::FileSystem => "sort what a directory lists; leave inode numbers and sizes on disk out",
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no axis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not vary; what does: {names}", names = Axis::ALL.map(Axis::name).join(", "))]
pub struct AxisError(String);

impl FromStr for Axis {
    type Err = AxisError;
    fn from_str(text: &str) -> Result<Self, AxisError> {
        Self::ALL.into_iter().find(|axis| axis.name() == text).ok_or_else(|| AxisError(text.to_owned()))
    }
}
