//! The auxiliary vector (`getauxval(3)`) on a new program's stack.

use std::io;

use libc::pid_t;

use crate::sandbox::sys::ptrace;

/// One entry: what it tells, and that.
pub type Entry = [u64; 2];

/// The vector of a program that is about to begin.
#[derive(Debug)]
pub struct Vector {
    process: pid_t,
    address: u64,
    entries: Vec<Entry>,
}

impl Vector {
    /// The one above this end of the stack, which holds the number of arguments, their addresses, 0, those of the
    /// environment, 0, and the vector, which `AT_NULL` ends (System V ABI, "initial process stack").
    pub fn of(process: pid_t, stack: u64) -> io::Result<Self> {
        let mut words = Words { process, next: stack, read: Vec::new() };
        let arguments = words.next()?;
        words.skip(arguments + 1);
        while words.next()? != 0 {}
        let address = words.place();
        let mut entries = Vec::new();
        loop {
            match [words.next()?, words.next()?] {
                [0, _] => return Ok(Self { process, address, entries }),
                entry => entries.push(entry),
            }
        }
    }

    /// What it tells of something.
    pub fn get(&self, tag: u64) -> Option<u64> {
        self.entries.iter().find(|entry| entry[0] == tag).map(|entry| entry[1])
    }

    /// Changes what it tells: `change` gives the new entry for an old one.
    pub fn change(&mut self, change: impl Fn(Entry) -> Entry) -> io::Result<()> {
        let changed: Vec<Entry> = self.entries.iter().copied().map(change).collect();
        let bytes: Vec<u8> = changed.as_flattened().iter().flat_map(|word| word.to_ne_bytes()).collect();
        self.entries = changed;
        ptrace::write_memory(self.process, self.address, &bytes)
    }
}

/// Memory read word by word.
struct Words {
    process: pid_t,
    /// The address behind what has been read.
    next: u64,
    /// What has been read and not taken, from the end.
    read: Vec<u64>,
}

impl Words {
    /// The address of the next word.
    fn place(&self) -> u64 {
        self.next - 8 * self.read.len() as u64
    }

    fn skip(&mut self, words: u64) {
        self.next = self.place() + 8 * words;
        self.read.clear();
    }

    fn next(&mut self) -> io::Result<u64> {
        if self.read.is_empty() {
            let mut bytes = [0; 2048];
            // Up to the end of the stack, perhaps.
            let length = ptrace::read_memory(self.process, self.next, &mut bytes)?;
            let words = bytes[..length].as_chunks::<8>().0;
            self.next += 8 * words.len() as u64;
            self.read.extend(words.iter().rev().map(|word| u64::from_ne_bytes(*word)));
        }
        self.read.pop().ok_or_else(|| io::Error::from_raw_os_error(libc::EFAULT))
    }
}
