//! `NAME.service`: a systemd unit that runs the root file system without a container engine (systemd.exec(5)).

use std::fmt::Write as _;

use super::{Controls, seccomp};

/// The unit. The root file system is expected where `RootDirectory=` says.
pub(super) fn unit(controls: &Controls<'_>) -> String {
    let (name, tag) = (controls.short_name(), controls.tag);
    let (uid, gid) = (controls.user.uid, controls.user.gid);
    let words: Vec<String> = controls.words().map(quoted).collect();
    let mut text = format!(
        "# Unpack the image to /var/lib/drystone/{name} (drystone image build --format rootfs), then: systemctl start {name}
[Unit]
Description={name} {tag}

[Service]
ExecStart={words}
RootDirectory=/var/lib/drystone/{name}
WorkingDirectory={workdir}
User={uid}
Group={gid}
MountAPIVFS=yes
ProtectSystem=strict
ReadOnlyPaths=/
PrivateDevices=yes
PrivateIPC=yes
PrivateMounts=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
NoNewPrivileges=yes
CapabilityBoundingSet={capabilities}
AmbientCapabilities={capabilities}
KeyringMode=private
LimitCORE=0
LimitNOFILE=1024
LockPersonality=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
UMask=0077
",
        words = words.join(" "),
        workdir = controls.workdir(),
        capabilities = capabilities(controls),
    );
    for (variable, value) in &controls.config.env {
        let _ = writeln!(text, "Environment={}", quoted(&format!("{variable}={value}")));
    }
    for writable in &controls.runtime.writable {
        let owner = writable.owner.unwrap_or_default();
        let _ = writeln!(
            text,
            "TemporaryFileSystem=/{}:rw,noexec,nosuid,nodev,size={},mode={:04o},uid={},gid={}",
            writable.path, writable.size, writable.mode, owner.uid, owner.gid
        );
    }
    if let Some(limit) = controls.runtime.memory {
        let _ = writeln!(text, "MemoryMax={limit}");
    }
    if let Some(limit) = controls.runtime.pids {
        let _ = writeln!(text, "TasksMax={limit}");
    }
    let mut calls: Vec<&str> = seccomp::HARMLESS.to_vec();
    calls.extend(["clone", "ioctl", "socket"]);
    calls.extend(controls.runtime.syscalls.iter().map(String::as_str));
    calls.sort_unstable();
    calls.dedup();
    for line in calls.chunks(12) {
        let _ = writeln!(text, "SystemCallFilter={}", line.join(" "));
    }
    text.push_str("\n[Install]\nWantedBy=multi-user.target\n");
    text
}

fn capabilities(controls: &Controls<'_>) -> String {
    let names = controls.runtime.capabilities.iter().map(|capability| format!("CAP_{capability}"));
    names.collect::<Vec<_>>().join(" ")
}

/// A word as systemd.service(5) reads it: in double quotes where it must be, `%` and `$` doubled.
fn quoted(word: &str) -> String {
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    let plain = !escaped.is_empty() && !escaped.contains(|c: char| c.is_whitespace() || "\"'\\;".contains(c));
    if plain { escaped } else { format!("\"{}\"", escaped.replace('\n', "\\n").replace('\t', "\\t")) }
}
