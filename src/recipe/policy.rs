//! What a policy says: the rules that an image is held to beyond the strict defaults, and where they are waived.

use std::fmt;
use std::path::PathBuf;

use crate::path::RelPath;

/// The rules of one image: those of a shared file and those of the spec, together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Executables that may be there although the spec does not name them otherwise.
    pub executables: Vec<RelPath>,
    /// Shells, interpreters and package managers that may be there.
    pub allowed: Vec<AllowedProgram>,
    /// Files that may have a set-user-ID or set-group-ID bit or capabilities.
    pub privileged: Vec<RelPath>,
    /// Paths that everybody may write to.
    pub world_writable: Vec<RelPath>,
    /// Paths that the user whom the container runs as may write to.
    pub user_writable: Vec<RelPath>,
    /// The largest that the sum of all files may be, in bytes.
    pub max_size: Option<u64>,
    /// The largest that one file may be, in bytes.
    pub max_file_size: Option<u64>,
    /// Names that no file may have: globs for the file's name, or for the whole path where they have a `/`.
    pub denied_names: Vec<String>,
    /// SHA-256 digests that no file may have, as 64 hexadecimal digits.
    pub denied_digests: Vec<String>,
    /// Where a rule does not count.
    pub waivers: Vec<Waiver>,
    /// The shared files that it was read from, as seen from the working directory.
    pub files: Vec<PathBuf>,
}

impl Policy {
    /// Joins a shared policy with what a spec says beside it: lists are united, of two bounds the smaller counts.
    pub fn joined(mut self, more: Self) -> Self {
        let Self {
            executables,
            allowed,
            privileged,
            world_writable,
            user_writable,
            max_size,
            max_file_size,
            denied_names,
            denied_digests,
            waivers,
            files,
        } = more;
        self.executables.extend(executables);
        self.allowed.extend(allowed);
        self.privileged.extend(privileged);
        self.world_writable.extend(world_writable);
        self.user_writable.extend(user_writable);
        self.max_size = smaller(self.max_size, max_size);
        self.max_file_size = smaller(self.max_file_size, max_file_size);
        self.denied_names.extend(denied_names);
        self.denied_digests.extend(denied_digests);
        self.waivers.extend(waivers);
        self.files.extend(files);
        self
    }
}

fn smaller(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (left, right) => left.or(right),
    }
}

/// A shell, interpreter or package manager that an image may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedProgram {
    /// The program's own name, `bash`.
    pub program: String,
    /// Why it must be there.
    pub reason: String,
}

/// A rule that does not count for one path, until a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The rule.
    pub rule: Rule,
    /// The path; `None` for a rule about the image as a whole.
    pub path: Option<RelPath>,
    /// Why.
    pub reason: String,
    /// The last day on which it counts.
    pub expires: Date,
}

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// The year.
    pub year: u16,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, from 1.
    pub day: u8,
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// A rule by its name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Rule {
            /// All rules, in the order in which reports list them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name, as policies and reports have it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What the rule asks for, in a sentence.
            pub fn summary(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+),)+
                }
            }
        }
    };
}

rules! {
    /// Nothing is executable but what the spec names.
    Executable = "executable",
    /// No shell.
    Shell = "shell",
    /// No interpreter.
    Interpreter = "interpreter",
    /// No package manager.
    PackageManager = "package-manager",
    /// No binary that is many programs.
    MultiCall = "multi-call",
    /// No file whose content is packed or hidden so that it cannot be checked.
    Packed = "packed",
    /// Every ELF file can be read.
    MalformedElf = "malformed-elf",
    /// Every program is for the image's platform.
    Platform = "platform",
    /// Every program is static.
    Static = "static",
    /// Every program can be loaded at any address.
    Pie = "pie",
    /// Every program's relocated data is read-only.
    Relro = "relro",
    /// Every program binds its symbols at start.
    BindNow = "bind-now",
    /// No stack and no writable memory is executable.
    ExecutableStack = "executable-stack",
    /// Every program is compiled with a stack protector.
    StackProtector = "stack-protector",
    /// No program names places to look for libraries in.
    Rpath = "rpath",
    /// No set-user-ID or set-group-ID bit.
    Setuid = "setuid",
    /// No file has capabilities.
    FileCapability = "file-capability",
    /// Nothing is writable by everybody.
    WorldWritable = "world-writable",
    /// Nothing is writable by the user whom the container runs as.
    UserWritable = "user-writable",
    /// Everything is a file, a directory or a symbolic link.
    SpecialFile = "special-file",
    /// The container does not run as root.
    RunAsRoot = "run-as-root",
    /// The container's user is a number.
    NumericUser = "numeric-user",
    /// Only harmless capabilities are kept.
    Capability = "capability",
    /// No private key.
    PrivateKey = "private-key",
    /// No program that exists to change the user.
    SetuidHelper = "setuid-helper",
    /// No database of a package manager.
    PackageDatabase = "package-database",
    /// No secret that everybody may read.
    ReadableSecret = "readable-secret",
    /// Nothing with a denied name.
    DeniedName = "denied-name",
    /// Nothing with denied content.
    DeniedDigest = "denied-digest",
    /// The files' sizes stay within the image's budget.
    ImageSize = "image-size",
    /// Each file's size stays within its budget.
    FileSize = "file-size",
    /// No waiver is past its day.
    ExpiredWaiver = "expired-waiver",
    /// Every waiver waives something.
    UnusedWaiver = "unused-waiver",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Rule {
    /// The rule of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.name() == name)
    }
}
