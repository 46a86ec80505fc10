//! `config.json` of an OCI runtime bundle, for crun and runc
//! ([runtime specification 1.1](https://github.com/opencontainers/runtime-spec/blob/v1.1.0/config.md)).

use serde_json::{Value, json};

use super::{Controls, seccomp};
use crate::recipe::WritablePath;

/// How many files the container may have open: as many as every host lets a container raise itself to.
const OPEN_FILES: u32 = 1024;

/// The configuration. The root file system is expected beside it as `rootfs`.
pub(super) fn config(controls: &Controls<'_>) -> Value {
    let capabilities: Vec<String> =
        controls.runtime.capabilities.iter().map(|capability| format!("CAP_{capability}")).collect();
    let env: Vec<String> = controls.config.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut mounts = vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "noexec", "mode=755", "size=65536"]),
        mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    ];
    // Outer paths first: an inner one is mounted into them.
    let mut writable: Vec<&WritablePath> = controls.runtime.writable.iter().collect();
    writable.sort_by(|left, right| left.path.cmp(&right.path));
    mounts.extend(writable.into_iter().map(tmpfs));
    let namespaces = ["pid", "network", "ipc", "uts", "mount", "cgroup"].map(|kind| json!({ "type": kind }));
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": controls.user.uid, "gid": controls.user.gid },
            "args": controls.words().collect::<Vec<_>>(),
            "env": env,
            "cwd": controls.workdir(),
            "capabilities": {
                "bounding": capabilities,
                "effective": capabilities,
                "permitted": capabilities,
                "inheritable": capabilities,
                "ambient": capabilities,
            },
            "rlimits": [
                { "type": "RLIMIT_NOFILE", "hard": OPEN_FILES, "soft": OPEN_FILES },
                { "type": "RLIMIT_CORE", "hard": 0, "soft": 0 },
            ],
            "noNewPrivileges": true,
        },
        "root": { "path": "rootfs", "readonly": true },
        "hostname": controls.short_name(),
        "mounts": mounts,
        "linux": {
            "namespaces": namespaces,
            "resources": resources(controls),
            "seccomp": seccomp::profile(controls),
            "maskedPaths": [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
                "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/dev/block", "/sys/firmware",
            ],
            "readonlyPaths": [
                "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
            ],
        },
    })
}

fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Value {
    json!({ "destination": destination, "type": kind, "source": source, "options": options })
}

/// A writable path: in memory, with its bound, not for programs.
fn tmpfs(writable: &WritablePath) -> Value {
    let owner = writable.owner.unwrap_or_default();
    json!({
        "destination": format!("/{}", writable.path),
        "type": "tmpfs",
        "source": "tmpfs",
        "options": [
            "nosuid", "noexec", "nodev",
            format!("mode={:04o}", writable.mode),
            format!("uid={}", owner.uid),
            format!("gid={}", owner.gid),
            format!("size={}", writable.size),
        ],
    })
}

fn resources(controls: &Controls<'_>) -> Value {
    let mut resources = json!({ "devices": [{ "allow": false, "access": "rwm" }] });
    if let Some(limit) = controls.runtime.memory {
        resources["memory"] = json!({ "limit": limit, "swap": limit });
    }
    if let Some(limit) = controls.runtime.pids {
        resources["pids"] = json!({ "limit": limit });
    }
    resources
}
