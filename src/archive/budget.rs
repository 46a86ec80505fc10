//! How much an unpacking may still produce. Knows nothing of archives: it only counts down.

use super::error::Fault;

/// What an archive may unpack to at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of content, long names and other metadata, after decompression.
    pub bytes: u64,
    /// Files, links and directories, those included that only a path below them implies.
    pub entries: u64,
}

impl Default for Limits {
    /// 8 GiB in a million entries: ten times the largest sources there are.
    fn default() -> Self {
        Self { bytes: 8 << 30, entries: 1_000_000 }
    }
}

/// What is left of the limits.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    left: Limits,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, left: limits }
    }

    /// Takes bytes before they are produced, so that a declared size is enough to stop.
    pub(super) fn take_bytes(&mut self, bytes: u64) -> Result<(), Fault> {
        let left = self.left.bytes.checked_sub(bytes).ok_or(Fault::TooManyBytes { limit: self.limits.bytes })?;
        self.left.bytes = left;
        Ok(())
    }

    /// Takes one entry.
    pub(super) fn take_entry(&mut self) -> Result<(), Fault> {
        let left = self.left.entries.checked_sub(1).ok_or(Fault::TooManyEntries { limit: self.limits.entries })?;
        self.left.entries = left;
        Ok(())
    }
}
