//! Modes and owners.

use super::Findings;
use crate::path::RelPath;
use crate::policy::{Entry, EntryKind, Inventory};
use crate::recipe::{Policy, Rule};

const SET_USER_ID: u32 = 0o4000;
const SET_GROUP_ID: u32 = 0o2000;
const STICKY: u32 = 0o1000;

pub(super) fn judge(policy: &Policy, inventory: &Inventory, findings: &mut Findings) {
    for (path, entry) in &inventory.entries {
        match &entry.kind {
            EntryKind::Symlink { .. } => continue,
            EntryKind::Special(what) => {
                let mend = "leave it out; runtimes make the devices that a container needs";
                findings.add(Rule::SpecialFile, path, format!("{what}, not a file"), mend);
            }
            EntryKind::Directory | EntryKind::File(_) => {}
        }
        privileged(policy, path, entry, findings);
        writable(policy, inventory, path, entry, findings);
    }
}

fn privileged(policy: &Policy, path: &RelPath, entry: &Entry, findings: &mut Findings) {
    if policy.privileged.contains(path) {
        return;
    }
    let bits = match (entry.mode & SET_USER_ID != 0, entry.mode & SET_GROUP_ID != 0) {
        (true, true) => "set-user-ID and set-group-ID",
        (true, false) => "set-user-ID",
        (false, true) => "set-group-ID",
        (false, false) => "",
    };
    if !bits.is_empty() {
        let mend = "take the bit away, or name the path in the policy's `privileged`";
        findings.add(Rule::Setuid, path, format!("it is {bits}, owned by {}", owner(entry)), mend);
    }
    if entry.capabilities {
        let mend = "take them away, or name the path in the policy's `privileged`";
        findings.add(Rule::FileCapability, path, "it has file capabilities", mend);
    }
}

fn writable(policy: &Policy, inventory: &Inventory, path: &RelPath, entry: &Entry, findings: &mut Findings) {
    // A declared writable path is a mount point: what is mounted there has its own mode.
    let declared = inventory.declared.as_ref();
    if declared.is_some_and(|declared| declared.runtime.writable.iter().any(|one| one.path == *path)) {
        return;
    }
    if entry.mode & 0o002 != 0 && !policy.world_writable.contains(path) {
        let sticky = if entry.mode & STICKY != 0 { ", though sticky" } else { "" };
        let mend = "declare it under [[runtime.writable]], or name it in the policy's `world-writable`";
        let what = format!("everybody may write to it (mode {:04o}{sticky})", entry.mode & 0o7777);
        findings.add(Rule::WorldWritable, path, what, mend);
    } else if writable_by_user(inventory, entry) && !policy.user_writable.contains(path) {
        let mend = "give it to 0:0 without a write bit for others, or name it in the policy's `user-writable`";
        let what =
            format!("the container's user may write to it (mode {:04o}, owner {})", entry.mode & 0o7777, owner(entry));
        findings.add(Rule::UserWritable, path, what, mend);
    }
}

/// Whether the container's user could change it: as its owner also by giving itself the bit; by its group.
fn writable_by_user(inventory: &Inventory, entry: &Entry) -> bool {
    let Some(uid) = inventory.uid().filter(|uid| *uid != 0) else { return false };
    let gid = inventory.user.as_deref().and_then(|user| user.split_once(':')).and_then(|(_, gid)| gid.parse().ok());
    let gid: u32 = gid.unwrap_or(uid);
    entry.owner.uid == uid || (entry.owner.gid == gid && gid != 0 && entry.mode & 0o020 != 0)
}

fn owner(entry: &Entry) -> String {
    format!("{}:{}", entry.owner.uid, entry.owner.gid)
}
