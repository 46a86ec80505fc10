//! What an image's container may do while it runs, beyond reading its own files.

use super::Owner;
use crate::path::RelPath;

/// The run-time controls of an image. What is not said is denied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runtime {
    /// The paths that are writable: each a file system of its own in memory.
    pub writable: Vec<WritablePath>,
    /// The capabilities that the first process keeps, as `NET_BIND_SERVICE`.
    pub capabilities: Vec<String>,
    /// System calls that it needs beyond the usual ones.
    pub syscalls: Vec<String>,
    /// The most memory that it may use, in bytes.
    pub memory: Option<u64>,
    /// The most processes and threads that it may have.
    pub pids: Option<u32>,
}

/// A path that is writable while the container runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WritablePath {
    /// Where.
    pub path: RelPath,
    /// How many bytes fit.
    pub size: u64,
    /// Whose the directory is; the container's user where it is not said.
    pub owner: Option<Owner>,
    /// The directory's permission bits.
    pub mode: u32,
}

/// The capabilities that Linux knows, without `CAP_` (capabilities(7)).
pub const CAPABILITIES: &[&str] = &[
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];
