//! Programs that are many programs (BusyBox, Toybox, sash and their like), found by what is in them.
//!
//! A program that is many has to come from a name to a function. That way is in its data, whatever its own name, its
//! banner, its version, its sections and its symbols are, and it is what is looked for:
//!
//! | evidence | found in | score: programs of `utilities.txt` with a telling name | from |
//! | --- | --- | --- | --- |
//! | list | BusyBox | on one sorted list of names, with an array of as many functions (or packed help texts) | 5 |
//! | table | Toybox, sash, uutils | whose names stand in memory beside a function's address | 10 |
//! | texts | GNU coreutils as one binary | that have a string of their own, at most as many as there are usage texts | 10 |
//!
//! Measured, by [`score`], on Debian 12 and 13, in part for nine architectures, on builds from source, and on 2200
//! innocent ELF files (2 GB): all of our recipes and seeds; of Debian coreutils, util-linux, procps, e2fsprogs,
//! iproute2, systemd, udev, kmod, lvm2, git, openssl, perl, python, vim, gdb, ten shells and shellcheck, which lists
//! utilities; what Debian links statically (bash, zsh, gpgv, dar, e2fsck, cdebootstrap, tini, catatonit, ldconfig,
//! qemu-user for all machines); and Go's own: rclone, restic, docker, podman, hugo, caddy, gh, skopeo.
//!
//! | programs | list | table | texts |
//! | --- | --- | --- | --- |
//! | BusyBox of Debian, dynamic and static, all architectures; defconfig of 1.35 | 99–183 | 0–2 | 1–3 |
//! | BusyBox from source, 130 programs, another banner and version | 38 | 0 | 0 |
//! | Toybox of Debian | 0 | 84–88 | 88–92 |
//! | sash of Debian | 0 | 30–31 | 0–1 |
//! | uutils as one binary (Debian's rust-coreutils) | 0 | 31–33 | 0 |
//! | GNU coreutils 9.1 as one binary | 0 | 0 | 32 |
//! | innocent: the highest (haproxy, guestfsd; git, sqlite) | 0 | 3 | 3 |
//!
//! **The way to a program.** Archives that keep their members as they are (tar, ar, cpio, images of file systems)
//! need not be understood: programs and compressed streams are found at any offset. gzip, xz, zstd, bzip2, lzma,
//! lzip and zip's entries are decompressed, and looked into again; so is what UPX packed, by its structure. What
//! stops the way is a fact, [`Packed`]: a format that is not understood, encryption, a program of which almost every
//! byte is compressed; and for one file more than 16 steps into one another, more than 512 MiB of output, or more
//! reading than eight times its length and 1 GiB. No step is more than linear in what it reads; ordinary programs
//! are read at 570 MB/s (2 GB of them, on one core of a small virtual machine).
//!
//! **Not known**: programs that are no ELF files; scripts, and what they hold as text (base64); programs that hide
//! their names on purpose, other than by packing; and those of Go and Rust that compare their name in code, without
//! a table. A program of fewer utilities than the thresholds is one program. Pure: knows no paths and no policy.

mod array;
mod dig;
mod expand;
mod judge;
mod list;
mod magic;
mod members;
mod names;
mod nrv;
mod opaque;
mod program;
mod upx;
mod zipped;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

/// From how many programs on a list of names is evidence.
const LISTED: usize = 5;
/// From how many programs in tables of names and functions are evidence.
const TABLED: usize = 10;
/// From how many usage texts, and as many programs, are evidence.
const TOLD: usize = 10;

/// From how many programs on one content behind their names is evidence; see [`many_names`].
pub const MANY_NAMES: usize = 3;

/// How many steps into one another are taken.
const DEEPEST: usize = 16;
/// How many bytes are decompressed for one file.
const MOST_OUTPUT: usize = 512 << 20;
/// How many beginnings of something are looked at in one file or decompressed stream.
const MOST_BEGINNINGS: usize = 1 << 20;
/// How many members of one archive are looked at for what they begin with.
const MOST_MEMBERS: usize = 1 << 18;

/// A program that is many programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiCall {
    /// The names of the utilities that were found in it, sorted.
    pub programs: Vec<String>,
    /// Why it is one.
    pub evidence: Evidence,
    /// The steps from the file to it: `gzip`, `tar: bin/x`, `upx`, `byte 4096`. None when it is the file.
    pub within: Vec<String>,
}

/// For people: the evidence, the way, and some of the names.
impl fmt::Display for MultiCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 6;
        let Self { programs, evidence, within } = self;
        let more = if programs.len() > SHOWN { ", …" } else { "" };
        write!(f, "{}{evidence}: {}{more}", Way(within), programs[..programs.len().min(SHOWN)].join(", "))
    }
}

/// The way into a file, before what is there.
struct Way<'a>(&'a [String]);

impl fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            // Names from archives may hold anything.
            steps => write!(f, "in {}: ", steps.join(" › ").escape_debug()),
        }
    }
}

/// What shows that a program is many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// A sorted list of utilities' names, and as many functions, or help texts, in one array.
    List {
        /// How many names.
        names: usize,
        /// How many functions the longest array has.
        functions: usize,
        /// How many packed help texts there are; they are counted only when there are too few functions.
        texts: usize,
    },
    /// Tables in which utilities' names stand beside functions.
    Table {
        /// How many programs have a telling name in them.
        programs: usize,
    },
    /// Help texts, and names without a table.
    Texts {
        /// How many programs have a telling name in it.
        programs: usize,
        /// How many help texts there are.
        texts: usize,
    },
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List { names, functions, texts: 0 } => {
                write!(f, "a sorted list of {names} utilities' names, and an array of {functions} functions")
            }
            Self::List { names, texts, .. } => {
                write!(f, "a sorted list of {names} utilities' names, and {texts} packed help texts")
            }
            Self::Table { programs } => {
                write!(f, "tables that lead from the names of {programs} utilities to functions")
            }
            Self::Texts { programs, texts } => write!(f, "the names of {programs} utilities, and {texts} usage texts"),
        }
    }
}

/// Content that cannot be looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// What stands in the way.
    pub packing: Packing,
    /// The steps from the file to it, as in [`MultiCall`].
    pub within: Vec<String>,
}

/// For people: what stands in the way, and where.
impl fmt::Display for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Way(&self.within), self.packing)
    }
}

/// What stands in the way of looking into something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// A program packed by UPX, with a block that does not unpack.
    Upx,
    /// A program almost all of which is compressed or encrypted.
    Program,
    /// A format that is not understood.
    Format(&'static str),
    /// A format that is encrypted.
    Encrypted(&'static str),
    /// Things in one another, deeper than is followed.
    TooDeep,
    /// More than is unpacked for one file.
    TooMuch,
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upx => f.write_str("a program packed by UPX that does not unpack"),
            Self::Program => f.write_str("a program that unpacks or decrypts itself"),
            Self::Format(name) => write!(f, "packed in a format that is not understood ({name})"),
            Self::Encrypted(name) => write!(f, "encrypted ({name})"),
            Self::TooDeep => write!(f, "packed in more than {DEEPEST} layers"),
            Self::TooMuch => write!(f, "more than is unpacked for one file ({} MiB)", MOST_OUTPUT >> 20),
        }
    }
}

/// How near a program is to each kind of evidence, in programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Score {
    /// On a list of names; evidence from 5 on.
    pub listed: usize,
    /// In tables of names and functions; evidence from 10 on.
    pub tabled: usize,
    /// With usage texts; evidence from 10 on.
    pub told: usize,
}

/// The program that is many programs which a file is or holds.
pub fn multi_call(bytes: &[u8]) -> Option<MultiCall> {
    examine(bytes).0
}

/// The first content of a file that cannot be looked into. In a file in which [`multi_call`] finds something, not
/// all was looked at.
pub fn packed(bytes: &[u8]) -> Option<Packed> {
    examine(bytes).1
}

/// Both at once: what [`multi_call`] and [`packed`] say.
pub fn examine(bytes: &[u8]) -> (Option<MultiCall>, Option<Packed>) {
    let dig = dig::Dig::file(bytes);
    (dig.multi_call, dig.packed)
}

/// The scores of the program that a file begins with; zeros for other files.
pub fn score(bytes: &[u8]) -> Score {
    program::Program::read(bytes).map(|program| judge::score(&program)).unwrap_or_default()
}

/// One content behind many names: of the names (or paths) of one executable, those of utilities that are programs of
/// their own. None, unless they are names of [`MANY_NAMES`] different programs: `gzip`, `gunzip` and `zcat` are one, as are
/// `halt`, `poweroff` and `reboot`, but `cat`, `ls` and `mount` are three.
pub fn many_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let base = |name: &'a str| name.rsplit_once('/').map_or(name, |(_, base)| base);
    let known = names.into_iter().filter_map(|name| Some((name, names::utility(base(name).as_bytes())?.program)));
    let known: Vec<_> = known.collect();
    let programs: BTreeSet<_> = known.iter().map(|(_, program)| program).collect();
    if programs.len() < MANY_NAMES {
        return Vec::new();
    }
    known.into_iter().map(|(name, _)| name).collect()
}
