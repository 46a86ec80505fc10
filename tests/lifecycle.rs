//! The life of a build: done once, stopped half-way, failed, checked, and on a machine without room.

mod support;

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use support::{DRYSTONE, Run, World, in_namespace, processes_with, wait_until};

const HELLO: &str = "mkdir -p $OUT/usr/bin; echo '#!/usr/bin/sh' > $OUT/usr/bin/hello";

/// What standard error says was run, in the order of its lines: `probe-1: script`.
fn phases(run: &Run) -> Vec<&str> {
    let own = |line: &&str| line.ends_with(": script") || line.ends_with(": test 1");
    run.stderr.lines().filter(own).collect()
}

/// Starts a build, to be met while it runs.
fn start(world: &World, words: &[&str]) -> Child {
    world.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_second_build_does_nothing_and_prints_the_same() {
    let world = World::new();
    world.script("probe", HELLO);
    let first = world.drystone(&["build", "probe"]).succeeded();
    let second = world.drystone(&["build", "probe"]).succeeded();
    assert_eq!(first.stdout, second.stdout);
    assert_snapshot!(world.normal(&first.stderr), @r"
    2 to run, 0 to fetch
    probe-1: unpack
    probe-1: script
    probe-1: check
    probe-1: register
    probe-1: done in N s (1/2)
    probe-1 test: test 1
    probe-1 test: done in N s (2/2)
    probe: built (2 run, N s)
    ");
    assert_snapshot!(world.normal(&second.stderr), @"probe: nothing to do, all is built (N ms)");
}

#[test]
fn a_change_that_yields_the_same_bits_stops_at_what_was_changed() {
    let world = World::new();
    let header =
        |line: &str| format!("{line}\nmkdir -p $OUT/usr/include; echo '#define STONE 1' > $OUT/usr/include/stone.h");
    world.script("stone", &header("# a header"));
    let script = "mkdir -p $OUT/usr/bin; cp /sysroot/usr/include/stone.h $OUT/usr/bin/wall";
    world.recipe(
        "wall",
        &format!("[dependencies]\ntarget = [\"stone\"]\n[build]\npreset = \"script\"\nscript = '{script}'\n"),
    );
    let all = ["stone-1 test: test 1", "stone-1: script", "wall-1 test: test 1", "wall-1: script"];
    let sorted = |run: &Run| {
        let mut phases: Vec<String> = phases(run).into_iter().map(str::to_owned).collect();
        phases.sort();
        phases
    };
    assert_eq!(sorted(&world.drystone(&["build", "wall"]).succeeded()), all);
    world.script("stone", &header("# the same header, with another comment"));
    assert_eq!(sorted(&world.drystone(&["build", "wall"]).succeeded()), all[1..2]);
    world.script("stone", &header("# another header").replace("STONE 1", "STONE 2"));
    assert_eq!(sorted(&world.drystone(&["build", "wall"]).succeeded()), all);
}

#[test]
fn a_check_of_what_is_built_but_not_tested_yet_does_both() {
    let world = World::new();
    world.script("probe", HELLO);
    world.drystone(&["build", "probe"]).succeeded();
    let recipe = std::fs::read_to_string(world.path("project/recipes/probe.toml")).unwrap();
    world.write("recipes/probe.toml", &recipe.replace("script = \"true\"", "script = \"test 1 = 1\""));
    let run = world.drystone(&["build", "--check", "probe"]).succeeded();
    assert_eq!(phases(&run), ["probe-1: script", "probe-1 test: test 1"]);
}

#[test]
fn a_changed_test_runs_the_test_alone() {
    let world = World::new();
    world.script("probe", HELLO);
    let built = world.drystone(&["build", "probe"]).succeeded();
    let recipe = world.path("project/recipes/probe.toml");
    let text = std::fs::read_to_string(&recipe).unwrap();
    std::fs::write(&recipe, text.replace("\"true\"", "\"test -x /usr/bin/hello\"")).unwrap();
    let run = world.drystone(&["build", "probe"]).ended(1);
    assert_eq!(phases(&run), ["probe-1 test: test 1"]);
    assert_snapshot!(world.normal(run.error()), @r"
    error: probe-1 test failed in its phase `test 1`: exit status 1
    its last lines:
      | [drystone] test 1
      | [drystone] ran sh -eu -c 'test -x /usr/bin/hello'
    hint: the whole log: drystone log probe --test
    hint: to look at what it left, run again with --keep-failed
    ");
    std::fs::write(&recipe, text.replace("\"true\"", "\"test -e /usr/bin/hello\"")).unwrap();
    let run = world.drystone(&["build", "probe"]).succeeded();
    assert_eq!(phases(&run), ["probe-1 test: test 1"]);
    assert_eq!(run.stdout, built.stdout);
}

#[test]
fn two_at_once_build_it_once() {
    let world = World::new();
    world.script("probe", &format!("sleep 2.5420; {HELLO}"));
    let first = start(&world, &["build", "probe"]);
    wait_until("the first builds", || !processes_with("sleep 2.5420").is_empty());
    let second = Run::from(start(&world, &["build", "probe"]).wait_with_output().unwrap()).succeeded();
    let first = Run::from(first.wait_with_output().unwrap()).succeeded();
    assert_eq!(first.stdout, second.stdout);
    assert_eq!([&first, &second].map(|run| run.stderr.matches("probe-1: script\n").count()), [1, 0]);
    assert_eq!(world.names("tmp"), [""; 0]);
}

#[test]
fn killing_drystone_kills_the_whole_build_and_the_next_run_sweeps_up() {
    let world = World::new();
    world.script("probe", "(sleep 5421 & sleep 5421) & sleep 5421");
    let mut child = start(&world, &["build", "probe"]);
    wait_until("the build runs", || processes_with("sleep 5421").len() >= 3);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the build's processes are gone", || processes_with("sleep 5421").is_empty());
    assert!(world.names("tmp").iter().any(|name| name.starts_with("run-")), "{:?}", world.names("tmp"));
    let left = world.names("tmp");
    world.script("probe", HELLO);
    world.drystone(&["build", "probe"]).succeeded();
    let still: Vec<_> = world.names("tmp").into_iter().filter(|name| left.contains(name)).collect();
    assert!(still.iter().all(|name| name.starts_with("lock-")), "{still:?}");
}

#[test]
fn an_interrupt_ends_everything_and_leaves_nothing_half_done() {
    for signal in [Signal::INT, Signal::TERM] {
        let world = World::new();
        world.script("probe", "mkdir -p $OUT/usr/bin; touch $OUT/usr/bin/half; sleep 5422 & sleep 5422");
        let before = ["objects", "manifests", "traces"].map(|directory| world.names(directory));
        let child = start(&world, &["build", "probe"]);
        wait_until("the build runs", || processes_with("sleep 5422").len() >= 2);
        send(&child, signal);
        let run = Run::from(child.wait_with_output().unwrap()).ended(130);
        assert_eq!(run.error(), "error: interrupted\n");
        assert_eq!(processes_with("sleep 5422"), [""; 0]);
        assert_eq!(["objects", "manifests", "traces"].map(|directory| world.names(directory)), before);
        assert_eq!(world.names("tmp"), [""; 0]);
    }
}

#[test]
fn check_builds_again_and_compares() {
    let world = World::new();
    world.script("probe", HELLO);
    let first = world.drystone(&["build", "probe"]).succeeded();
    let again = world.drystone(&["build", "--check", "probe"]).succeeded();
    assert_eq!(phases(&again), ["probe-1: script"]);
    assert_eq!(first.stdout, again.stdout);
    assert_snapshot!(world.normal(again.stderr.lines().last().unwrap()), @"probe: built again with the same result (1 run, N s)");
}

#[test]
fn check_names_the_files_that_differ() {
    let world = World::new();
    let script =
        "mkdir -p $OUT/usr/bin; cd $OUT/usr/bin; od -N 16 /dev/urandom > random; date +%N > clock; echo > same";
    world.script("probe", script);
    let first = world.drystone(&["build", "probe"]).succeeded();
    let run = world.drystone(&["build", "--check", "probe"]).ended(1);
    assert_snapshot!(world.normal(run.error()), @r"
    error: probe-1 is not reproducible: building it again gave other outputs
      bin: usr/bin/clock has other content
      bin: usr/bin/random has other content
      compare STORE/objects/DIGEST and STORE/objects/DIGEST
    ");
    // What was there first stays what it was.
    assert_eq!(world.drystone(&["build", "probe"]).succeeded().stdout, first.stdout);
}

const FAILING: &str = "for i in $(seq 40); do echo line $i; done; echo half > $OUT/half; exit 3";

#[test]
fn a_failed_build_shows_its_phase_its_status_and_its_last_thirty_lines_and_the_log_has_all() {
    let world = World::new();
    world.script("probe", FAILING);
    let run = world.drystone(&["build", "probe"]).ended(1);
    assert_eq!(run.stdout, "");
    assert_snapshot!(world.normal(run.error()), @r"
    error: probe-1 failed in its phase `script`: exit status 3
    its last lines:
      | line 11
      | line 12
      | line 13
      | line 14
      | line 15
      | line 16
      | line 17
      | line 18
      | line 19
      | line 20
      | line 21
      | line 22
      | line 23
      | line 24
      | line 25
      | line 26
      | line 27
      | line 28
      | line 29
      | line 30
      | line 31
      | line 32
      | line 33
      | line 34
      | line 35
      | line 36
      | line 37
      | line 38
      | line 39
      | line 40
    hint: the whole log: drystone log probe
    hint: to look around where it failed: drystone shell probe --failed
    ");
    let lines: String = (1..=40).map(|i| format!("line {i}\n")).collect();
    assert_eq!(world.log("probe"), format!("[drystone] unpack\n[drystone] script\n{lines}"));
    assert_eq!(world.names("tmp"), [""; 0]);
}

#[test]
fn a_failed_build_does_not_wait_for_a_download_that_hangs() {
    let world = World::new();
    // Takes connections and never answers.
    let server = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/slow.tar", server.local_addr().unwrap());
    let source = format!("[[source]]\nsha256 = \"{}\"\nurls = [\"{url}\"]\n", "0".repeat(64));
    world.recipe("slow", &format!("{source}[build]\npreset = \"script\"\nscript = \"true\"\n"));
    world.script("fails", "exit 7");
    let child = std::cell::RefCell::new(start(&world, &["build", "fails", "slow"]));
    wait_until("drystone has ended", || child.borrow_mut().try_wait().unwrap().is_some());
    let run = Run::from(child.into_inner().wait_with_output().unwrap()).ended(1);
    assert!(run.error().starts_with("error: fails-1 failed in its phase `script`: exit status 7"), "{}", run.stderr);
}

#[test]
fn keep_failed_keeps_the_directory_and_says_where() {
    let world = World::new();
    world.script("probe", FAILING);
    let run = world.drystone(&["build", "-k", "probe"]).ended(1);
    let [kept] = &world.names("failed")[..] else { panic!("one directory is kept") };
    assert!(kept.starts_with("probe-1-"), "{kept}");
    let place = world.store().join("failed").join(kept);
    let hint = format!("hint: what it left: {0} (/build is {0}/build, /out is {0}/out)\n", place.display());
    let shell = "hint: to look around where it failed: drystone shell probe --failed\n";
    assert!(run.error().ends_with(&format!("{hint}{shell}")), "{}", run.error());
    assert_eq!(std::fs::read_to_string(place.join("out/half")).unwrap(), "half\n");
    // A second failure takes its place.
    world.drystone(&["build", "-k", "probe"]).ended(1);
    assert_eq!(world.names("failed"), [kept.as_str()]);
}

#[test]
fn the_log_of_what_was_never_built_is_not_there() {
    let world = World::new();
    world.script("probe", HELLO);
    let run = world.drystone(&["log", "probe"]).ended(2);
    assert_eq!(
        run.error(),
        "error: probe as it is now has not been built\nhint: build it first: drystone build probe\n"
    );
    world.drystone(&["build", "probe"]).succeeded();
    assert_snapshot!(world.log("probe"), @r"
    [drystone] unpack
    [drystone] script
    [drystone] check
    [drystone] register
    ");
    assert_snapshot!(world.drystone(&["log", "probe", "--test"]).succeeded().stdout, @"[drystone] test 1");
}

#[test]
fn offline_with_an_empty_store_says_which_source_is_missing() {
    let world = World::new();
    let source = world.source("stones", &[("README", "granite\n")]);
    world.recipe("probe", &format!("{source}[build]\npreset = \"script\"\nscript = 'cat README'\n"));
    let run = world.drystone(&["build", "--offline", "probe"]).ended(3);
    assert_snapshot!(world.normal(run.error()), @"error: stones.tar (sha256 DIGEST) is not in the store, and the run is offline: fetch it once with the network");
    world.drystone(&["build", "probe"]).succeeded();
    assert_eq!(world.printed("probe"), "granite\n");
}

#[test]
fn a_source_with_other_bytes_is_refused_with_both_digests() {
    let world = World::new();
    let source = world.source("stones", &[("README", "granite\n")]);
    let pinned = source.split('"').nth(1).unwrap().to_owned();
    let wrong = drystone::digest::Sha256::of(b"marble").to_string();
    let source = source.replace(&pinned, &wrong);
    world.recipe("probe", &format!("{source}[build]\npreset = \"script\"\nscript = 'cat README'\n"));
    let run = world.drystone(&["build", "probe"]).ended(3);
    let error = run.error().replace(&pinned, "WHAT-CAME").replace(&wrong, "WHAT-IS-PINNED");
    assert_snapshot!(world.normal(&error), @r"
    error: cannot fetch stones.tar (sha256 WHAT-IS-PINNED):
      file://WORLD/stones.tar: wrong bytes: expected sha256 WHAT-IS-PINNED, found WHAT-CAME
    ");
    assert!(!world.store().join("sources").join(&pinned).exists());
}

#[test]
fn a_read_only_store_is_said_plainly() {
    let world = World::new();
    world.script("probe", HELLO);
    let script =
        "mount --bind $DRYSTONE_STORE $DRYSTONE_STORE; mount -o remount,bind,ro $DRYSTONE_STORE; exec $1 build probe";
    let run = in_namespace(&world, script).ended(3);
    assert_snapshot!(world.normal(run.error()), @r"
    error: cannot open the lock STORE/tmp/lock-DIGEST: Read-only file system (os error 30)
    hint: the file system is read-only; name another store with --store
    ");
}

/// A store with the toolchain on a file system of 4 MB; the build, and then what has appeared or is left there. Half a
/// download is no leaving: it is what the next run goes on from.
const LITTLE_ROOM: &str = "mkdir room; mount -t tmpfs -o size=4m tmpfs room; cp -a $DRYSTONE_STORE/. room
export DRYSTONE_STORE=$PWD/room; list() { (cd room; ls objects manifests traces sources tmp | grep -v '[.]part$') > $1; }
list before; code=0; $1 build probe || code=$?; list after; diff before after || :; exit $code";

#[test]
fn a_disk_that_is_full_before_the_build_is_said_plainly_and_nothing_is_half_published() {
    let world = World::new();
    let source = world.source("stones", &[("README", &"granite ".repeat(1 << 20))]);
    world.recipe("probe", &format!("{source}[build]\npreset = \"script\"\nscript = 'wc README'\n"));
    let run = in_namespace(&world, LITTLE_ROOM).ended(3);
    assert_eq!(run.stdout, "");
    assert_snapshot!(world.normal(run.error()).replace("PROJECT/room/sources/", "ROOM/"), @"error: the disk is full: no room for stones.tar at ROOM/DIGEST.part; free some space and run again (the download goes on where it ended)");
}

#[test]
fn a_disk_that_fills_during_the_build_is_said_plainly_and_nothing_is_half_published() {
    let world = World::new();
    world.script("probe", "mkdir -p $OUT/usr/bin; head -c 8M /dev/zero > $OUT/usr/bin/zeroes");
    let run = in_namespace(&world, LITTLE_ROOM);
    assert_eq!(run.stdout, "", "{}", run.stderr);
    assert_snapshot!(format!("{:?}\n{}", run.code, world.normal(run.error())), @r"
    Some(3)
    error: cannot write PROJECT/room/tmp/run-RANDOM/work-0/log: No space left on device (os error 28)
    hint: the disk is full; nothing was published half: free some space and run again
    ");
}

#[test]
fn a_trace_that_a_disk_has_altered_is_found_and_moved_away_and_made_anew() {
    let world = World::new();
    world.script("probe", HELLO);
    let built = world.drystone(&["build", "probe"]).succeeded();
    let has_probe = |path: &PathBuf| std::fs::read_to_string(path).is_ok_and(|text| text.contains("\nname probe-1\n"));
    let traces = world.names("traces").into_iter().map(|name| world.store().join("traces").join(name));
    let trace = traces.into_iter().find(has_probe).unwrap();
    // As well-formed as it was, and about another object.
    let text = std::fs::read_to_string(&trace).unwrap();
    let line = text.lines().find(|line| line.starts_with("output ")).unwrap();
    let (output, object) = line.rsplit_once(' ').unwrap();
    let other: String = object.chars().rev().collect();
    std::fs::write(&trace, text.replace(line, &format!("{output} {other}"))).unwrap();
    let run = world.drystone(&["build", "probe"]).ended(3);
    assert_snapshot!(world.normal(run.error()), @r"
    error: the trace STORE/traces/DIGEST has been altered: its sum is not that of its lines
    hint: what is corrupt is found and moved away by: drystone store verify
    ");
    world.drystone(&["store", "verify"]).ended(1);
    assert_eq!(world.drystone(&["build", "probe"]).succeeded().stdout, built.stdout);
}

#[test]
fn a_broken_pipe_or_a_closed_terminal_does_not_disturb_a_build() {
    let world = World::new();
    world.script("probe", &format!("seq 2000; {HELLO}"));
    let mut child = start(&world, &["build", "probe"]);
    let mut first = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "2 to run, 0 to fetch\n");
    // Its standard error is gone from here on.
    child.wait().unwrap();
    assert_eq!(phases(&world.drystone(&["build", "probe"]).succeeded()), [""; 0]);
    let mut head = world.command_of("sh", &["-c", "$0 log probe | head -n 1", DRYSTONE]);
    assert_eq!(Run::of(&mut head).succeeded().stderr, "");
}
