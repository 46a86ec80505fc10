//! Images of others are judged: each rule with what breaks it, as people, machines and code scanners read it.

#[path = "image_read/mason.rs"]
mod mason;
mod quarry;
mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;
use mason::{Image, Layout, owned};
use quarry::*;
use serde_json::{Value, json};
use support::{Run, World};

const SCRIPT: &str = "#!/usr/bin/env python3\nprint()\n";

/// A text that is a private key to whoever reads it, and to nobody else.
fn key() -> String {
    let line = "bm90IGEga2V5LCBub3QgYSBrZXkh".repeat(2);
    ["-----BEGIN ", "PRIVATE KEY-----\n", &line, "\n-----END ", "PRIVATE KEY-----\n"].concat()
}

/// An image that breaks most rules, each in a way that stands on one line here.
fn foreign() -> Layout {
    let executable = |name: &str, content: &str| owned(file(name, content), 0o755, 0, 0);
    let plain = |name: &str, content: &str| owned(file(name, content), 0o644, 0, 0);
    let mut device = entry(b'3', "dev/null", "", "");
    device[329..337].copy_from_slice(b"0000001\0");
    device[337..345].copy_from_slice(b"0000003\0");
    let lower = vec![
        executable("bin/sh", "#!/bin/busybox sh\n"),
        executable("usr/bin/serve", SCRIPT),
        executable("usr/bin/python3.11", "#!/bin/sh\n"),
        executable("sbin/apk", "#!/bin/sh\n"),
        owned(file("usr/bin/sudo", "x"), 0o4755, 0, 0),
        pax(b'x', "SCHILY.xattr.security.capability", "\u{1}"),
        executable("usr/bin/ping", "x"),
        executable("usr/lib/odd.so", "\u{7f}ELF and nothing more"),
        owned(device, 0o666, 0, 0),
    ];
    let upper = vec![
        owned(directory("tmp/"), 0o1777, 0, 0),
        owned(directory("srv/"), 0o755, 1000, 1000),
        owned(directory("lib/apk/db/"), 0o755, 0, 0),
        plain("etc/shadow", "root:$6$salt$hash:19000:0:::::\n"),
        plain("etc/tls/server.key", &key()),
        plain("opt/debug.map", "denied by its name"),
        plain("opt/blob", "denied by its content"),
        plain("opt/large", &"x".repeat(3000)),
    ];
    let layout = Layout::bare();
    let mut image = Image::of(&[gzip(&tar(&lower)), gzip(&tar(&upper))]);
    image.config["config"] = json!({ "User": "1000", "Entrypoint": ["/usr/bin/serve"] });
    let manifest = layout.image(&image);
    layout.index(&[manifest]);
    layout
}

fn policy() -> String {
    let denied = mason::digest(b"denied by its content").replace("sha256:", "");
    format!(
        r#"
denied-names = ["*.map"]
denied-digests = ["{denied}"]
max-size = 3000
max-file-size = 2000

[[waiver]]
rule = "setuid"
path = "/usr/bin/sudo"
reason = "an audit is under way"
expires = 2030-12-31

[[waiver]]
rule = "file-capability"
path = "/usr/bin/ping"
reason = "it was to be short"
expires = 2030-01-01

[[waiver]]
rule = "rpath"
path = "/usr/bin/ping"
reason = "it waives nothing"
expires = 2030-12-31
"#
    )
}

/// What `image check` says of an image, with its place replaced.
fn check(world: &World, image: &Path, words: &[&str]) -> Run {
    let image = image.to_str().unwrap();
    let run = world.drystone(&[&["image", "check", image, "--today", "2030-06-15"], words].concat());
    let normal = |text: &str| text.replace(image, "IMAGE");
    Run { code: run.code, stdout: normal(&run.stdout), stderr: normal(&run.stderr) }
}

#[test]
fn a_foreign_image_gets_a_table_of_what_it_breaks() {
    let (world, layout) = (World::bare(), foreign());
    world.write("policy.toml", &policy());
    let run = check(&world, &layout.path(), &["--policy", "policy.toml"]).ended(1);
    assert_snapshot!("check-table", run.stdout);
    assert_snapshot!("check-verdict", run.stderr);
}

#[test]
fn the_same_as_json_has_all() {
    let (world, layout) = (World::bare(), foreign());
    world.write("policy.toml", &policy());
    let run = check(&world, &layout.path(), &["--policy", "policy.toml", "--format", "json"]).ended(1);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&report["result"], &report["judged_on"]), (&"failed".into(), &"2030-06-15".into()));
    let rules = |key: &str| -> BTreeSet<String> {
        let findings = report[key].as_array().unwrap().iter();
        findings.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
    };
    let expected = [
        "denied-digest",
        "denied-name",
        "executable",
        "expired-waiver",
        "file-capability",
        "file-size",
        "image-size",
        "interpreter",
        "malformed-elf",
        "package-database",
        "package-manager",
        "private-key",
        "readable-secret",
        "setuid-helper",
        "shell",
        "special-file",
        "unused-waiver",
        "user-writable",
        "world-writable",
    ];
    assert_eq!(rules("findings"), expected.map(str::to_owned).into());
    assert_eq!(rules("waived"), ["setuid".to_owned()].into());
    assert_eq!(report["executables"], json!(["/usr/bin/serve"]));
    let manifest = report["manifest"].as_str().unwrap();
    assert!(layout.blob_path(manifest).is_file(), "{manifest}");
}

#[test]
fn hundreds_of_findings_are_cut_in_the_table_alone() {
    let world = World::bare();
    let entries: Vec<_> = (0..300).map(|n| owned(file(format!("bin/tool-{n:03}"), "x"), 0o755, 0, 0)).collect();
    let layout = Layout::of(&[&entries]);
    let run = check(&world, &layout.path(), &[]).ended(1);
    assert_eq!(run.stdout.lines().filter(|line| line.contains("/bin/tool-")).count(), 12);
    assert!(run.stdout.contains("executable (300): "), "{}", run.stdout);
    assert!(run.stdout.contains("  … and 288 more (--format json has all)\n"), "{}", run.stdout);
    let place = world.path("report.json");
    let words = ["--format", "json", "-o", place.to_str().unwrap()];
    let run = check(&world, &layout.path(), &words).ended(1);
    assert_eq!(run.stdout, "");
    let report: Value = serde_json::from_slice(&std::fs::read(&place).unwrap()).unwrap();
    assert_eq!(report["findings"].as_array().unwrap().len(), 300);
}

#[test]
fn a_hostile_text_does_not_reach_the_terminal() {
    let world = World::bare();
    let script = owned(file("x", "#!/bin/\u{1b}[2Jsh\n"), 0o755, 0, 0);
    let layout = Layout::bare();
    let mut image = Image::of(&[gzip(&tar(&[script]))]);
    image.config["config"]["User"] = "\u{1b}[31mroot".into();
    let manifest = layout.image(&image);
    layout.index(&[manifest]);
    let run = check(&world, &layout.path(), &[]).ended(1);
    assert!(run.stdout.contains(r"it runs as `\u{1b}[31mroot`") && !run.stdout.contains('\u{1b}'), "{}", run.stdout);
    let inspected = world.drystone(&["image", "inspect", layout.path().to_str().unwrap()]).succeeded();
    assert!(!inspected.stdout.contains('\u{1b}'), "{}", inspected.stdout);
}

/// A root file system as Alpine has it: BusyBox under many names, and its package manager's traces.
fn alpine(world: &World) -> Option<PathBuf> {
    let busybox = Path::new("/bin/busybox");
    if !busybox.exists() {
        eprintln!("skipped: BusyBox is not installed (on Debian: apt-get install busybox-static)");
        return None;
    }
    let root = world.path("alpine");
    for directory in ["bin", "sbin", "usr/bin", "etc/apk", "lib/apk/db", "root"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    std::fs::copy(busybox, root.join("bin/busybox")).unwrap();
    for name in ["sh", "ls", "cat", "cp", "mv", "rm", "mount", "su", "sed", "grep", "awk", "vi", "wget", "ping"] {
        symlink("/bin/busybox", root.join("bin").join(name)).unwrap();
    }
    std::fs::write(root.join("lib/apk/db/installed"), "P:busybox\n").unwrap();
    std::fs::write(root.join("etc/apk/world"), "busybox\n").unwrap();
    std::fs::write(root.join("etc/shadow"), "root:$6$salt$hash:19000:0:::::\n").unwrap();
    for file in ["etc/shadow", "lib/apk/db/installed", "etc/apk/world"] {
        std::fs::set_permissions(root.join(file), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    std::fs::set_permissions(root.join("bin/busybox"), std::fs::Permissions::from_mode(0o4755)).unwrap();
    Some(root)
}

#[test]
fn an_alpine_like_root_with_busybox_fails_loudly() {
    let world = World::bare();
    let Some(root) = alpine(&world) else { return };
    let run = check(&world, &root, &["--format", "json"]).ended(1);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let found: BTreeSet<(String, String)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["rule"].to_string(), finding["path"].to_string()))
        .map(|(rule, path)| (rule.replace('"', ""), path.replace('"', "")))
        .collect();
    for (rule, path) in [
        ("executable", "/bin/busybox"),
        ("multi-call", "/bin/busybox"),
        ("interpreter", "/bin/awk"),
        ("package-database", "/etc/apk"),
        ("package-database", "/lib/apk/db"),
        ("readable-secret", "/etc/shadow"),
        ("setuid", "/bin/busybox"),
        ("setuid-helper", "/bin/mount"),
        ("setuid-helper", "/bin/su"),
        ("shell", "/bin/busybox"),
        ("shell", "/bin/sh"),
    ] {
        assert!(found.contains(&(rule.to_owned(), path.to_owned())), "no {rule} for {path} in {found:#?}");
    }
}

/// A spec whose image is one program, compiled here, and a file; the layout that it makes.
fn ours(world: &World) -> PathBuf {
    let spec = r#"
name = "stone"
components = []

[config]
entrypoint = ["/usr/bin/stone"]

[runtime]
writable = [{ path = "/data", size = "1 MiB" }]

[[directory]]
path = "/data"
mode = "0700"
owner = "65532:65532"

[[file]]
path = "/usr/bin/stone"
source = "stone"
mode = "0555"

[[file]]
path = "/usr/bin/hammer"
source = "stone"
mode = "0555"
"#;
    world.write("images/stone.toml", spec);
    world.write(
        "stone.c",
        "#include <string.h>\nint main(int c, char **v) { char b[9] = {0}; strncpy(b, v[c - 1], 8); return b[0]; }\n",
    );
    let hardened = ["-static-pie", "-O1", "-fstack-protector-all", "-Wl,-z,relro,-z,now,-z,noexecstack"];
    let (source, program) = (world.path("project/stone.c"), world.path("project/images/stone"));
    let compiled = Command::new("cc").args(hardened).arg("-o").arg(program).arg(source).status();
    assert!(compiled.unwrap().success());
    let layout = world.path("layout");
    world.drystone(&["image", "build", "images/stone.toml", "-o", layout.to_str().unwrap()]).succeeded();
    layout
}

#[test]
fn an_image_of_ours_is_clean_by_its_spec_and_not_without_it() {
    let world = World::bare();
    let layout = ours(&world);
    let run = check(&world, &layout, &["--spec", "images/stone.toml"]).succeeded();
    assert_snapshot!(run.stderr, @r"
    IMAGE (OCI layout): 5 paths in a layer held to 33 rules as of 2030-06-15; named executables: 2
    IMAGE breaks no rule
    ");
    assert_eq!(run.stdout, "");
    // What only the spec allows: another program than the entry point, and a directory of the container's user.
    let run = check(&world, &layout, &[]).ended(1);
    assert_snapshot!(run.stdout, @r#"
    executable: what nobody asked for, nobody watches; an intruder uses what is there
      /usr/bin/hammer  an ELF file that nothing names
      mend: leave it out with `only`, or name "/usr/bin/hammer" in the policy's `executables`

    user-writable: a service that can change its own files can be made to
      /data  the container's user may write to it (mode 0700, owner 65532:65532)
      mend: give it to 0:0 without a write bit for others, or name it in the policy's `user-writable`

    "#);
}

#[test]
fn what_cannot_be_judged_is_a_mistake_and_no_verdict() {
    let (world, layout) = (World::bare(), foreign());
    let run = check(&world, Path::new("nowhere.tar"), &[]).ended(2);
    assert_snapshot!(run.error(), @"error: there is no image IMAGE: it must be an image layout, an archive or a directory on this machine");
    let run = check(&world, &layout.path(), &["--policy", "nowhere.toml"]).ended(2);
    assert_snapshot!(run.error(), @"error: cannot read nowhere.toml: No such file or directory (os error 2)");
    let place = layout.path().display().to_string();
    let run = world.drystone(&["image", "check", &place, "--today", "tomorrow"]).ended(2);
    assert!(run.stderr.contains("a day is written YYYY-MM-DD"), "{}", run.stderr);
    let blobs = std::fs::read_dir(layout.path().join("blobs/sha256")).unwrap().map(|blob| blob.unwrap().path());
    let largest = blobs.max_by_key(|blob| blob.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&largest, bytes).unwrap();
    let run = check(&world, &layout.path(), &["--format", "json"]).ended(2);
    assert_eq!(run.stdout, "", "an image that is altered gets no report");
    assert!(run.error().contains("it was altered; copy the image again"), "{}", run.error());
}

/// The validator of those who made SARIF, installed below the target directory.
fn multitool() -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sarif-multitool");
    let program = place.join("node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool");
    if !program.exists() {
        std::fs::create_dir_all(&place).unwrap();
        let words = ["install", "--no-audit", "--no-fund", "--prefix", ".", "@microsoft/sarif-multitool-linux@5.7.0"];
        // In the developer's own environment: it may say where the package registry and proxies are.
        let installed = Command::new("npm").args(words).current_dir(&place).output();
        if !installed.is_ok_and(|run| run.status.success()) {
            eprintln!("skipped: npm cannot install the validator of SARIF");
            return None;
        }
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    Some(program)
}

/// What the validator has to say that is an error.
fn errors(multitool: &Path, file: &Path) -> Vec<String> {
    let mut command = Command::new(multitool);
    command.arg("validate").arg(file).env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1");
    let run = Run::of(&mut command);
    assert!(run.stdout.contains("1 files scanned"), "{}\n{}", run.stdout, run.stderr);
    run.stdout.lines().filter(|line| line.contains(": error ")).map(str::to_owned).collect()
}

#[test]
fn sarif_is_what_its_makers_validator_takes() {
    let (world, layout) = (World::bare(), foreign());
    world.write("policy.toml", &policy());
    let place = world.path("report.sarif");
    let words = ["--policy", "policy.toml", "--format", "sarif", "-o", place.to_str().unwrap()];
    check(&world, &layout.path(), &words).ended(1);
    let text = std::fs::read_to_string(&place).unwrap();
    let log: Value = serde_json::from_str(&text).unwrap();
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    let of = |rule: &str| results.iter().find(|result| result["ruleId"] == rule).unwrap();
    assert_snapshot!("check-sarif-result", serde_json::to_string_pretty(of("private-key")).unwrap());
    assert_snapshot!("check-sarif-waived", serde_json::to_string_pretty(of("setuid")).unwrap());
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_snapshot!("check-sarif-rule", serde_json::to_string_pretty(&rules[0]).unwrap());
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let prints: BTreeSet<_> = results.iter().map(|result| result["partialFingerprints"].to_string()).collect();
    assert_eq!(prints.len(), results.len(), "each finding is told from the others");

    let Some(multitool) = multitool() else { return };
    assert_eq!(errors(&multitool, &place), [""; 0]);
    // It would have said so.
    let broken = world.path("broken.sarif");
    std::fs::write(&broken, text.replacen("\"ruleId\"", "\"rule\"", 1)).unwrap();
    assert_ne!(errors(&multitool, &broken), [""; 0]);
}
