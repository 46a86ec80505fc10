//! A program that tries what it must not, run by real runtimes with the controls that an image brings.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;
use serde_json::Value;
use support::World;

const SPEC: &str = r#"
name = "probe"
tag = "1"
components = []

[config]
entrypoint = ["/usr/bin/probe"]

[runtime]
writable = [{ path = "/data", size = "1 MiB" }]

[[file]]
path = "/usr/bin/probe"
source = "probe"
mode = "0555"
"#;

/// An image of the probe, in a world's directory as `layout`.
fn image() -> World {
    let world = World::bare();
    world.write("images/probe.toml", SPEC);
    let source = Path::new(support::HOME).join("tests/controls/probe.c");
    let hardened = ["-static-pie", "-O1", "-fstack-protector-strong", "-Wl,-z,relro,-z,now,-z,noexecstack"];
    let compiled =
        Command::new("cc").args(hardened).arg("-o").arg(world.path("project/images/probe")).arg(source).status();
    assert!(compiled.unwrap().success(), "the probe could not be compiled");
    let layout = world.path("layout");
    world.drystone(&["image", "build", "images/probe.toml", "-o", layout.to_str().unwrap()]).succeeded();
    world
}

/// A runtime bundle of the image.
fn bundle(world: &World) -> PathBuf {
    let rootfs = world.path("bundle/rootfs");
    std::fs::create_dir_all(world.path("bundle")).unwrap();
    let words = ["image", "build", "images/probe.toml", "--format", "rootfs", "-o", rootfs.to_str().unwrap()];
    world.drystone(&words).succeeded();
    std::fs::copy(world.path("layout/runtime/config.json"), world.path("bundle/config.json")).unwrap();
    world.path("bundle")
}

/// Whether this machine can run containers; says what is missing.
fn can_run(program: &str) -> bool {
    let can = |words: &[&str]| Command::new(words[0]).args(&words[1..]).output().is_ok_and(|run| run.status.success());
    let able = rustix::process::geteuid().is_root()
        && can(&["unshare", "--mount", "--pid", "--fork", "true"])
        && can(&[program, "--version"]);
    if !able {
        eprintln!("skipped: {program} is not here, or this user may not make containers");
    }
    able
}

/// What a shell command prints; it must succeed.
fn shell(world: &World, script: &str) -> String {
    let run = support::Run::of(&mut world.command_of("sh", &["-euc", script])).succeeded();
    run.stdout
}

/// crun refuses hybrid cgroups: it gets a mount namespace without the second hierarchy.
const CRUN: &str = "umount /sys/fs/cgroup/unified 2> /dev/null || true; exec crun";

fn crun(world: &World, bundle: &Path) -> String {
    let name = format!("drystone-crun-{}", std::process::id());
    let (state, bundle) = (world.path("crun").display().to_string(), bundle.display());
    shell(world, &format!("unshare -m sh -c '{CRUN} --root {state} run --bundle {bundle} {name}'"))
}

fn runc(world: &World, bundle: &Path) -> String {
    let name = format!("drystone-runc-{}", std::process::id());
    let (state, bundle) = (world.path("runc").display().to_string(), bundle.display());
    shell(world, &format!("runc --root {state} run --bundle {bundle} {name}"))
}

#[test]
fn crun_and_runc_hold_the_program_to_what_the_spec_declares() {
    if !can_run("crun") || !can_run("runc") {
        return;
    }
    let world = image();
    let bundle = bundle(&world);
    let seen = crun(&world, &bundle);
    assert_snapshot!("controls-probe", seen);
    assert_eq!(seen, runc(&world, &bundle));
}

/// The same probe finds an open door where the controls leave one: the snapshot above is theirs, not the kernel's.
#[test]
fn without_the_list_of_system_calls_the_same_probe_gets_further() {
    if !can_run("crun") {
        return;
    }
    let world = image();
    let bundle = bundle(&world);
    let file = bundle.join("config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    config["linux"].as_object_mut().unwrap().remove("seccomp");
    std::fs::write(&file, config.to_string()).unwrap();
    let seen = crun(&world, &bundle);
    assert!(seen.contains("run memory: done\n"), "{seen}");
}

#[test]
fn podman_holds_it_to_the_same_by_the_command_that_lies_in_the_layout() {
    if !can_run("podman") || !can_run("runc") {
        return;
    }
    let world = image();
    let engine = world.path("podman");
    let places = format!("--root {} --runroot {}", world.path("pods").display(), world.path("podrun").display());
    let script = format!("#!/bin/sh\nexec podman --storage-driver vfs {places} --runtime runc \"$@\"\n");
    std::fs::write(&engine, script).unwrap();
    std::fs::set_permissions(&engine, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // What a machine without a network and with low limits needs; nothing that loosens the controls.
    let options = "--network=none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096";
    let seen =
        shell(&world, &format!("ENGINE={} {}/runtime/run {options}", engine.display(), world.path("layout").display()));
    assert_snapshot!("controls-podman-probe", seen);
    shell(&world, &format!("{} system reset --force", engine.display()));
}

/// systemd's own reader finds nothing to say against the unit.
#[test]
fn the_unit_is_one_that_systemd_takes() {
    let analyze = |words: &[&str]| Command::new("systemd-analyze").args(words).output();
    if analyze(&["--version"]).is_err() {
        eprintln!("skipped: systemd-analyze is not here");
        return;
    }
    let world = image();
    // Only the program is not where the unit expects the image to be unpacked.
    let unit = std::fs::read_to_string(world.path("layout/runtime/probe.service")).unwrap();
    let file = world.path("probe.service");
    std::fs::write(&file, unit.replace("ExecStart=/usr/bin/probe", "ExecStart=/bin/true")).unwrap();
    let seen = analyze(&["verify", file.to_str().unwrap()]).unwrap();
    let said = String::from_utf8_lossy(&seen.stderr);
    assert!(seen.status.success() && !said.contains("probe.service"), "{said}");
}

/// Each file to the byte: whoever changes one changes what everybody's containers may do.
#[test]
fn the_controls_are_these() {
    let world = image();
    let text = |name: &str| std::fs::read_to_string(world.path("layout/runtime").join(name)).unwrap();
    for name in ["config.json", "seccomp.json", "run", "pod.yaml", "probe.service"] {
        insta::assert_snapshot!(format!("controls-{name}"), text(name));
    }
}
