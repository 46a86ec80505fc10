//! Programs that are many programs (BusyBox, Toybox, sash and their like), found by what is in them.

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

use std::fmt;

/// From how many programs with telling names on a sorted list of names is evidence.
const LISTED: usize = 5;
/// From how many programs with telling names in tables of names and functions are evidence.
const TABLED: usize = 10;
/// From how many help texts, and as many programs with telling names, are evidence.
const TOLD: usize = 12;

/// How many steps into one another are taken.
const DEEPEST: usize = 16;
/// How many bytes are decompressed for one file.
const MOST_OUTPUT: usize = 512 << 20;
/// How many beginnings of something are looked at in one file or decompressed stream.
const MOST_BEGINNINGS: usize = 1 << 20;

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
            Self::Texts { programs, texts } => write!(f, "the names of {programs} utilities, and {texts} help texts"),
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

/// The program that is many programs which a file is or holds.
pub fn multi_call(bytes: &[u8]) -> Option<MultiCall> {
    dig::Dig::file(bytes).multi_call
}

/// The first content of a file that cannot be looked into. A file in which [`multi_call`] finds something may have
/// more than was looked at.
pub fn packed(bytes: &[u8]) -> Option<Packed> {
    dig::Dig::file(bytes).packed
}
pub fn both(bytes: &[u8]) -> (Option<MultiCall>, Option<Packed>) { let d = dig::Dig::file(bytes); (d.multi_call, d.packed) }
