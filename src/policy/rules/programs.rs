//! Which programs may be there: the allowed set, shells and their like, programs that are many programs.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use crate::path::RelPath;
use crate::policy::programs::{Program, ProgramKind, named};
use crate::policy::{Entry, EntryKind, Facts, Inventory};
use crate::recipe::{Policy, Rule};

/// Adds findings about programs; returns the executables that may be there.
pub(super) fn judge(policy: &Policy, inventory: &Inventory, findings: &mut Findings) -> Vec<RelPath> {
    let declared = inventory.declared.as_ref().map(|declared| &declared.executables);
    let entry_point = inventory.program.as_deref().and_then(|program| RelPath::new(program.strip_prefix('/')?).ok());
    let named: BTreeSet<&RelPath> =
        declared.into_iter().flatten().chain(&policy.executables).chain(&entry_point).collect();
    let mut allowed = Vec::new();
    for (path, entry, facts) in inventory.files() {
        kind(policy, path, facts, findings);
        nature(path, facts, findings);
        if !entry.is_executable() {
            continue;
        }
        if named.contains(path) {
            allowed.push(path.clone());
        } else {
            unnamed(path, entry, facts, findings);
        }
    }
    links(policy, inventory, findings);
    names(inventory, findings);
    databases(inventory, findings);
    allowed
}

fn unnamed(path: &RelPath, entry: &Entry, facts: &Facts, findings: &mut Findings) {
    let why = match (&facts.elf, &facts.script) {
        (Some(_), _) => "an ELF file",
        (None, Some(_)) => "a script",
        (None, None) => "a file with an executable mode",
    };
    let from = entry.reason.as_ref().map(|reason| format!(" from {reason}")).unwrap_or_default();
    let mend = format!("leave it out with `only`, or name \"/{path}\" in the policy's `executables`");
    findings.add(Rule::Executable, path, format!("{why}{from} that nothing names"), mend);
}

/// Shells, interpreters and package managers, by name or by content, and scripts by what they need.
fn kind(policy: &Policy, path: &RelPath, facts: &Facts, findings: &mut Findings) {
    let by_name = facts.is_program().then(|| named(path.file_name())).flatten();
    let Some(program) = facts.program.clone().or(by_name) else { return };
    add_kind(policy, path, &program, findings);
}

fn add_kind(policy: &Policy, path: &RelPath, program: &Program, findings: &mut Findings) {
    let Program { kind, name } = program;
    if policy.allowed.iter().any(|allowed| allowed.program == *name || allowed.program == path.file_name()) {
        return;
    }
    let rule = match kind {
        ProgramKind::Shell => Rule::Shell,
        ProgramKind::Interpreter => Rule::Interpreter,
        ProgramKind::PackageManager => Rule::PackageManager,
    };
    let mend = format!("leave it out, or allow it: [[policy.allow]] with program = \"{name}\" and a reason");
    let article = if *kind == ProgramKind::Interpreter { "an" } else { "a" };
    findings.add(rule, path, format!("{name}, {article} {kind}"), mend);
}

fn nature(path: &RelPath, facts: &Facts, findings: &mut Findings) {
    if let Some(why) = &facts.multi_call {
        let mend = "take single programs in its place; if it must be, waive the rule for this path";
        findings.add(Rule::MultiCall, path, why.clone(), mend);
    }
    if let Some(why) = &facts.packed {
        let mend = "put the content there as it is, without packer or encryption";
        findings.add(Rule::Packed, path, why.clone(), mend);
    }
}

/// Names of shells that are links: `/bin/sh` to anything is a shell by name.
fn links(policy: &Policy, inventory: &Inventory, findings: &mut Findings) {
    let links = inventory.entries.iter().filter(|(_, entry)| matches!(entry.kind, EntryKind::Symlink { .. }));
    for (path, _) in links {
        if let Some(program) = named(path.file_name())
            && inventory.follow(path).is_some_and(|(_, facts)| facts.is_program())
        {
            add_kind(policy, path, &program, findings);
        }
    }
}

/// One content under the names of many programs, be they links, hard links or copies.
fn names(inventory: &Inventory, findings: &mut Findings) {
    let mut contents: BTreeMap<&str, (Vec<&RelPath>, Vec<&RelPath>)> = BTreeMap::new();
    for (path, entry) in &inventory.entries {
        match &entry.kind {
            EntryKind::File(facts) if facts.elf.is_some() => contents.entry(&facts.sha256).or_default().0.push(path),
            EntryKind::Symlink { .. } => {
                if let Some((_, facts)) = inventory.follow(path).filter(|(_, facts)| facts.elf.is_some()) {
                    contents.entry(&facts.sha256).or_default().1.push(path);
                }
            }
            _ => {}
        }
    }
    for (files, links) in contents.values() {
        let Some(first) = files.first() else { continue };
        let all = files.iter().chain(links).map(|path| path.file_name());
        let separate = crate::policy::multicall::many_names(all);
        if separate.len() >= crate::policy::multicall::MANY_NAMES {
            let shown = separate.iter().take(6).copied().collect::<Vec<_>>().join(", ");
            let what = format!("one binary under the names of {} programs: {shown}, …", separate.len());
            findings.add(Rule::MultiCall, first, what, "take single programs in its place");
        }
    }
}

/// Programs that change users, and the traces of package managers.
fn databases(inventory: &Inventory, findings: &mut Findings) {
    const HELPERS: [&str; 14] = [
        "sudo",
        "su",
        "doas",
        "pkexec",
        "passwd",
        "chsh",
        "chfn",
        "gpasswd",
        "newgrp",
        "mount",
        "umount",
        "newuidmap",
        "newgidmap",
        "fusermount",
    ];
    const DATABASES: [&str; 10] = [
        "var/lib/dpkg",
        "var/lib/apt",
        "var/cache/apt",
        "lib/apk/db",
        "usr/lib/apk/db",
        "etc/apk",
        "var/lib/rpm",
        "usr/lib/sysimage/rpm",
        "var/lib/pacman",
        "var/lib/opkg",
    ];
    for (path, entry) in &inventory.entries {
        let runs = match &entry.kind {
            EntryKind::File(_) => entry.is_executable(),
            EntryKind::Symlink { .. } => inventory.follow(path).is_some_and(|(_, facts)| facts.is_program()),
            _ => false,
        };
        if runs && HELPERS.contains(&path.file_name()) {
            let what = format!("`{}`, which exists to change what its caller may do", path.file_name());
            findings.add(Rule::SetuidHelper, path, what, "leave it out");
        }
        if DATABASES.contains(&path.as_str()) {
            let what = "a package manager's database or settings";
            findings.add(Rule::PackageDatabase, path, what, "leave it out; the bill of materials says what is there");
        }
    }
}
