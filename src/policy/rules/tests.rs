//! Each rule with what breaks it and what does not.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::policy::{Binary, Declared, Entry, EntryKind, Facts, examine};
use crate::recipe::{AllowedProgram, Owner, Runtime, WritablePath};

const TODAY: Date = Date { year: 2030, month: 6, day: 15 };

fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

/// A program as our toolchain makes them.
fn program() -> Facts {
    let binary = Binary {
        program: true,
        machine: "x86_64".into(),
        interpreter: None,
        needed: 0,
        pie: true,
        fixed: false,
        rpath: false,
        relro: true,
        bind_now: true,
        no_executable_stack: true,
        writable_code: false,
        canary_checks: Some(40),
    };
    Facts { elf: Some(Ok(binary)), ..examine(b"a stone") }
}

fn with(change: impl FnOnce(&mut Binary)) -> Facts {
    let mut facts = program();
    change(facts.elf.as_mut().unwrap().as_mut().unwrap());
    facts
}

fn file(facts: Facts) -> Entry {
    let kind = EntryKind::File(Arc::new(facts));
    Entry { kind, mode: 0o555, owner: Owner::default(), capabilities: false, reason: None }
}

fn text(content: &str) -> Entry {
    Entry { mode: 0o444, ..file(examine(content.as_bytes())) }
}

fn directory(mode: u32, uid: u32) -> Entry {
    let owner = Owner { uid, gid: uid };
    Entry { kind: EntryKind::Directory, mode, owner, capabilities: false, reason: None }
}

fn link(target: &str) -> Entry {
    Entry { kind: EntryKind::Symlink { target: target.into() }, ..directory(0o777, 0) }
}

/// An image that runs `/usr/bin/stone`, with further entries.
fn image(entries: Vec<(&str, Entry)>) -> Inventory {
    let mut all: BTreeMap<RelPath, Entry> = [("usr", directory(0o755, 0)), ("usr/bin", directory(0o755, 0))]
        .into_iter()
        .chain([("usr/bin/stone", file(program()))])
        .map(|(name, entry)| (path(name), entry))
        .collect();
    all.extend(entries.into_iter().map(|(name, entry)| (path(name), entry)));
    Inventory {
        name: "stone".into(),
        architecture: Some("amd64".into()),
        user: Some("65532:65532".into()),
        program: Some("/usr/bin/stone".into()),
        entries: all,
        declared: Some(Declared::default()),
    }
}

/// The findings as `rule /path`.
fn found(policy: &Policy, inventory: &Inventory) -> Vec<String> {
    let place = |finding: &Finding| finding.path.as_ref().map(|path| format!(" /{path}")).unwrap_or_default();
    judge(policy, inventory, TODAY).findings.iter().map(|one| format!("{}{}", one.rule, place(one))).collect()
}

fn strict(entries: Vec<(&str, Entry)>) -> Vec<String> {
    found(&Policy::default(), &image(entries))
}

#[test]
fn one_static_program_that_the_spec_names_breaks_nothing() {
    let report = judge(&Policy::default(), &image(vec![]), TODAY);
    assert_eq!(report.findings, []);
    assert_eq!(report.executables, [path("usr/bin/stone")]);
}

#[test]
fn what_runs_must_be_named_however_it_runs() {
    let script = Entry { mode: 0o444, ..file(examine(b"#!/usr/bin/stone\n")) };
    let entries = || {
        vec![
            ("usr/bin/chip", file(program())),
            ("usr/lib/hidden", Entry { mode: 0o444, ..file(program()) }),
            ("usr/lib/script", script.clone()),
            ("etc/motd", Entry { mode: 0o555, ..text("hello") }),
            ("etc/hosts", text("localhost")),
        ]
    };
    assert_eq!(
        strict(entries()),
        [
            "executable /etc/motd",
            "executable /usr/bin/chip",
            "executable /usr/lib/hidden",
            "executable /usr/lib/script"
        ]
    );
    let executables = ["etc/motd", "usr/bin/chip", "usr/lib/hidden", "usr/lib/script"].map(path).to_vec();
    assert!(found(&Policy { executables, ..Policy::default() }, &image(entries())).is_empty());
}

#[test]
fn a_shell_is_one_by_name_by_content_and_by_link_and_is_allowed_by_name_alone() {
    let bash = std::fs::read("/bin/bash").unwrap();
    let hidden = Facts { elf: program().elf, ..examine(&bash) };
    let mut inventory = image(vec![
        ("usr/bin/cat", file(hidden)),
        ("usr/bin/python3.11", file(program())),
        ("bin", directory(0o755, 0)),
        ("bin/sh", link("../usr/bin/stone")),
        ("usr/bin/apk", file(program())),
    ]);
    let executables = ["usr/bin/cat", "usr/bin/python3.11", "usr/bin/apk"].map(path);
    inventory.declared = Some(Declared { executables: executables.into(), runtime: Runtime::default() });
    assert_eq!(
        found(&Policy::default(), &inventory),
        ["shell /bin/sh", "shell /usr/bin/cat", "interpreter /usr/bin/python3.11", "package-manager /usr/bin/apk"]
    );
    let allow = |program: &str| AllowedProgram { program: program.into(), reason: "for people".into() };
    let allowed = ["bash", "sh", "python", "apk"].map(allow).to_vec();
    assert!(found(&Policy { allowed, ..Policy::default() }, &inventory).is_empty());
}

#[test]
fn every_program_is_static_and_hardened() {
    let broken = |facts| {
        let mut inventory = image(vec![("usr/bin/stone", file(facts))]);
        inventory.declared = None;
        found(&Policy::default(), &inventory)
    };
    let one = |rule: &str| vec![format!("{rule} /usr/bin/stone")];
    assert_eq!(broken(with(|binary| binary.machine = "aarch64".into())), one("platform"));
    assert_eq!(broken(with(|binary| binary.interpreter = Some("/lib/ld.so".into()))), one("static"));
    assert_eq!(broken(with(|binary| binary.needed = 1)), one("static"));
    assert_eq!(broken(with(|binary| (binary.pie, binary.fixed) = (false, true))), one("pie"));
    assert_eq!(broken(with(|binary| binary.pie = false)), one("pie"));
    assert_eq!(broken(with(|binary| binary.relro = false)), one("relro"));
    assert_eq!(broken(with(|binary| binary.bind_now = false)), one("bind-now"));
    assert_eq!(broken(with(|binary| binary.no_executable_stack = false)), one("executable-stack"));
    assert_eq!(broken(with(|binary| binary.writable_code = true)), one("executable-stack"));
    assert_eq!(broken(with(|binary| binary.canary_checks = Some(0))), one("stack-protector"));
    assert!(broken(with(|binary| binary.canary_checks = None)).is_empty(), "nothing is said of what cannot be told");
    assert_eq!(broken(with(|binary| binary.rpath = true)), one("rpath"));
    assert_eq!(broken(Facts { elf: Some(Err("no header".into())), ..program() }), one("malformed-elf"));
}

#[test]
fn modes_owners_and_kinds_give_nobody_more_than_is_listed() {
    let entries = || {
        vec![
            ("usr/bin/stone", Entry { mode: 0o4555, ..file(program()) }),
            ("usr/bin", directory(0o2755, 0)),
            ("tmp", directory(0o1777, 0)),
            ("data", directory(0o755, 65532)),
            ("cap", Entry { capabilities: true, ..text("x") }),
            ("pipe", Entry { kind: EntryKind::Special("a named pipe"), ..directory(0o644, 0) }),
        ]
    };
    assert_eq!(
        strict(entries()),
        [
            "setuid /usr/bin",
            "setuid /usr/bin/stone",
            "file-capability /cap",
            "world-writable /tmp",
            "user-writable /data",
            "special-file /pipe",
        ]
    );
    let policy = Policy {
        privileged: ["usr/bin", "usr/bin/stone", "cap"].map(path).to_vec(),
        world_writable: vec![path("tmp")],
        user_writable: vec![path("data")],
        ..Policy::default()
    };
    assert_eq!(found(&policy, &image(entries())), ["special-file /pipe"]);
    let mut mounted = image(vec![("data", directory(0o755, 65532))]);
    let data = WritablePath { path: path("data"), size: 1, owner: None, mode: 0o700 };
    mounted.declared.as_mut().unwrap().runtime.writable.push(data);
    assert!(found(&Policy::default(), &mounted).is_empty(), "a mount point is covered by what is mounted");
}

#[test]
fn secrets_databases_and_helpers_have_no_place_in_an_image() {
    let key =
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n";
    let mut inventory = image(vec![
        ("etc/tls/key.pem", Entry { mode: 0o400, ..text(key) }),
        ("etc/shadow", text("root:$6$salt$hash:1::::::\n")),
        ("root/.netrc", text("machine example.org login me password secret")),
        ("root/.npmrc", Entry { mode: 0o400, ..text("x") }),
        ("lib/apk/db", directory(0o755, 0)),
        ("usr/bin/su", file(program())),
    ]);
    inventory.declared.as_mut().unwrap().executables.insert(path("usr/bin/su"));
    assert_eq!(
        found(&Policy::default(), &inventory),
        [
            "private-key /etc/tls/key.pem",
            "setuid-helper /usr/bin/su",
            "package-database /lib/apk/db",
            "readable-secret /etc/shadow",
            "readable-secret /root/.netrc",
        ]
    );
}

#[test]
fn a_policy_denies_names_digests_and_sizes() {
    let stone = examine(b"a stone");
    let policy = Policy {
        denied_names: vec!["*.pem".into(), "opt/**".into()],
        denied_digests: vec![stone.sha256],
        max_size: Some(10),
        max_file_size: Some(6),
        ..Policy::default()
    };
    let inventory = image(vec![("etc/a.pem", text("x")), ("opt", directory(0o755, 0)), ("opt/b", text("12345"))]);
    assert_eq!(
        found(&policy, &inventory),
        [
            "denied-name /etc/a.pem",
            "denied-name /opt/b",
            "denied-digest /usr/bin/stone",
            "image-size",
            "file-size /usr/bin/stone",
        ]
    );
}

#[test]
fn a_container_is_not_root_and_keeps_no_part_of_it() {
    let runs_as = |user: Option<&str>| {
        let mut inventory = image(vec![]);
        inventory.user = user.map(str::to_owned);
        found(&Policy::default(), &inventory)
    };
    assert_eq!(runs_as(Some("")), ["run-as-root"]);
    assert_eq!(runs_as(Some("0:65532")), ["run-as-root"]);
    assert_eq!(runs_as(Some("nobody")), ["numeric-user"]);
    assert!(runs_as(None).is_empty(), "a plain directory has no user");
    let mut inventory = image(vec![]);
    inventory.declared.as_mut().unwrap().runtime.capabilities = vec!["NET_BIND_SERVICE".into(), "SYS_ADMIN".into()];
    assert_eq!(found(&Policy::default(), &inventory), ["capability"]);
}

#[test]
fn a_waiver_takes_away_one_rule_for_one_path_until_its_day() {
    let waiver = |rule, at: &str, expires| Waiver { rule, path: Some(path(at)), reason: "until 2.0".into(), expires };
    let inventory = image(vec![("tmp", directory(0o1777, 0)), ("run", directory(0o1777, 0))]);
    let report = |waivers| judge(&Policy { waivers, ..Policy::default() }, &inventory, TODAY);
    let rules = |report: &Report| report.findings.iter().map(|one| one.rule).collect::<Vec<_>>();

    let good = report(vec![waiver(Rule::WorldWritable, "tmp", TODAY)]);
    assert_eq!(rules(&good), [Rule::WorldWritable], "/run stays a finding");
    assert_eq!(good.waived.len(), 1);

    let yesterday = Date { day: 14, ..TODAY };
    let late = report(vec![waiver(Rule::WorldWritable, "tmp", yesterday)]);
    assert_eq!(rules(&late), [Rule::WorldWritable, Rule::WorldWritable, Rule::ExpiredWaiver]);
    assert!(late.findings[2].what.ends_with("was good until 2030-06-14"), "{}", late.findings[2].what);

    let idle = report(vec![waiver(Rule::Shell, "tmp", TODAY)]);
    assert_eq!(rules(&idle), [Rule::WorldWritable, Rule::WorldWritable, Rule::UnusedWaiver]);
}
