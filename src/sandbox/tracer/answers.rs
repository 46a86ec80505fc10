//! What is told in the kernel's place: the bytes of its structures. Pure.

use std::collections::BTreeMap;

use libc::pid_t;

use crate::sandbox::variation::{BUILD, RELEASE};

/// The `struct utsname` of a machine with this name: six texts of 65 bytes.
pub fn utsname(machine_name: &str) -> Vec<u8> {
    let texts = ["Linux", machine_name, RELEASE, BUILD, std::env::consts::ARCH, machine_name];
    let mut bytes = Vec::with_capacity(texts.len() * 65);
    for text in texts {
        let mut field = [0; 65];
        let length = text.len().min(64);
        field[..length].copy_from_slice(&text.as_bytes()[..length]);
        bytes.extend(field);
    }
    bytes
}

/// The `struct sysinfo` of a machine with so much memory that was started so many seconds ago.
pub fn sysinfo(memory: u64, uptime: u64) -> Vec<u8> {
    // uptime, three loads, memory: all, free, shared, of buffers; swap: all, free; processes; high memory: all, free; and
    // the unit.
    let words = [uptime, 0, 0, 0, memory, memory / 2, 0, 0, 0, 0, 1, 0, 0, 1];
    words.iter().flat_map(|word: &u64| word.to_ne_bytes()).collect()
}

/// The entries of `getdents64(2)` in the opposite order. Where each stands in the directory (`d_off`) is kept by its
/// place, so that reading goes on behind the last.
pub fn reversed(entries: &[u8]) -> Vec<u8> {
    /// Where `d_off` and `d_reclen` are.
    const OFFSET: std::ops::Range<usize> = 8..16;
    const LENGTH: usize = 16;
    let mut parts = Vec::new();
    let mut rest = entries;
    while let Some(length) = rest.get(LENGTH..LENGTH + 2) {
        let length = usize::from(u16::from_ne_bytes([length[0], length[1]]));
        let Some((entry, after)) = rest.split_at_checked(length).filter(|_| length > LENGTH) else { break };
        parts.push(entry);
        rest = after;
    }
    let mut bytes = Vec::with_capacity(entries.len());
    for (entry, place) in parts.iter().rev().zip(&parts) {
        let start = bytes.len();
        bytes.extend_from_slice(entry);
        bytes[start..][OFFSET].copy_from_slice(&place[OFFSET]);
    }
    // Nothing, unless the kernel's structure has changed.
    bytes.extend_from_slice(rest);
    bytes
}

/// A source of the same bytes in every build: each process has its own stream, which begins when it executes a program.
#[derive(Debug, Default)]
pub struct Randomness(BTreeMap<pid_t, u64>);

impl Randomness {
    /// The next bytes of a process's stream.
    pub fn draw(&mut self, process: pid_t, length: usize) -> Vec<u8> {
        let position = self.0.entry(process).or_default();
        let bytes = stream(*position, length);
        *position += length.div_ceil(8) as u64;
        bytes
    }

    /// A process begins anew, or has ended.
    pub fn forget(&mut self, process: pid_t) {
        self.0.remove(&process);
    }
}

/// So many bytes of the one stream, from a position in words of eight.
pub fn stream(position: u64, length: usize) -> Vec<u8> {
    let words = (position..).take(length.div_ceil(8));
    let mut bytes: Vec<u8> = words.flat_map(|word| mixed(word).to_ne_bytes()).collect();
    bytes.truncate(length);
    bytes
}

/// splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
fn mixed(position: u64) -> u64 {
    let mut word = position.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `struct linux_dirent64`, padded as the kernel does.
    fn entry(offset: i64, name: &str) -> Vec<u8> {
        let length = (19 + name.len() + 1).next_multiple_of(8);
        let mut bytes = 7u64.to_ne_bytes().to_vec();
        bytes.extend(offset.to_ne_bytes());
        bytes.extend((length as u16).to_ne_bytes());
        bytes.push(8);
        bytes.extend(name.as_bytes());
        bytes.resize(length, 0);
        bytes
    }

    #[test]
    fn entries_are_reversed_and_their_places_are_not() {
        let [first, second, third] = [(1, "a"), (5, "a longer name"), (9, "c")].map(|(at, name)| entry(at, name));
        let expected = [entry(1, "c"), entry(5, "a longer name"), entry(9, "a")].concat();
        assert_eq!(reversed(&[first, second, third].concat()), expected);
        assert_eq!(reversed(&[]), [0; 0]);
        // What is no entry is left.
        assert_eq!(reversed(&[0; 30]), [0; 30]);
    }

    #[test]
    fn each_process_draws_the_same_stream_and_begins_anew_when_it_executes() {
        let mut source = Randomness::default();
        let first = source.draw(2, 13);
        assert_ne!(source.draw(2, 13), first);
        assert_eq!(source.draw(3, 13), first);
        source.forget(2);
        assert_eq!(source.draw(2, 13), first);
        assert_eq!(first, stream(0, 16)[..13]);
    }

    #[test]
    fn structures_have_the_kernel_s_sizes() {
        assert_eq!(utsname("quarry").len(), size_of::<libc::utsname>());
        assert_eq!(sysinfo(1 << 30, 5).len(), size_of::<libc::sysinfo>());
        assert_eq!(&utsname("quarry")[65..72], b"quarry\0");
    }
}
