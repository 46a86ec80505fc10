//! Somebody looks around in the sandbox of a build.

mod support;
mod terminal;

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use support::{Run, World, processes_with, wait_until};
use terminal::Terminal;

/// `wall` is built in three phases; `configure` writes what `build` needs.
const CONFIGURE: &str = "#!/bin/sh\necho checking for stones\necho done > configured\n";
const MAKEFILE: &str = "all: wall\nwall: configured\n\techo laying stones; echo wall > wall\n\
                        install: all\n\tmkdir -p $(DESTDIR)/usr/share; cp wall $(DESTDIR)/usr/share/\n";

fn project(makefile: &str) -> World {
    let world = World::new();
    let source = world.source("wall-1", &[("configure", CONFIGURE), ("Makefile", makefile)]);
    let steps = "[build]\npreset = \"autotools\"\nprepare = \"chmod +x configure\"\n";
    let files = "[components.data]\nfiles = [\"usr/share/**\"]\n";
    world.recipe("wall", &format!("{source}{steps}{files}"));
    world
}

/// Runs a shell command in the build's sandbox.
fn inside(world: &World, words: &[&str], script: &str) -> Run {
    world.drystone(&[&["shell", "wall"], words, &["--", "sh", "-c", script]].concat())
}

#[test]
fn the_world_inside_is_the_build_s() {
    let probe =
        "env | grep -v MAKEFLAGS | sort; pwd; id; ls /; ls /dev /usr/bin /sysroot; cat /proc/net/dev; ls -l /build";
    let world = World::new();
    world.script("wall", &format!("{probe}; mkdir -p $OUT/usr/bin; touch $OUT/usr/bin/wall"));
    world.drystone(&["build", "wall"]).succeeded();
    let run = inside(&world, &[], probe).succeeded();
    // What is added: `phase`, and what it runs.
    let expected = world.printed("wall");
    let own = |line: &&str| !matches!(*line, "phase" | "phases");
    let found: Vec<&str> = run.stdout.lines().filter(own).collect();
    assert_eq!(found, expected.lines().collect::<Vec<_>>());
    assert_eq!(run.stdout.lines().count(), found.len() + 2);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_command_has_the_caller_s_streams_and_its_status_is_the_exit_code() {
    let world = project(MAKEFILE);
    // What is told of fetching the source stands on standard error, too.
    inside(&world, &[], "true").succeeded();
    let run = inside(&world, &[], "echo out; echo err >&2; exit 7").ended(7);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("out\n", "err\n"));
    let missing = world.drystone(&["shell", "wall", "--", "trowel"]).ended(127);
    assert_eq!(missing.stderr, "cannot execute `trowel`: No such file or directory (os error 2)\n");
    let text = world.path("text");
    std::fs::write(&text, "a stone\n").unwrap();
    let mut reader = world.command(&["shell", "wall", "--", "cat"]);
    assert_eq!(Run::of(reader.stdin(std::fs::File::open(&text).unwrap())).succeeded().stdout, "a stone\n");
    let killed = inside(&world, &[], "kill -KILL $$").ended(137);
    assert_eq!(killed.stderr, "");
}

#[test]
fn phases_run_as_the_build_runs_them_and_the_build_is_not_needed() {
    let world = project(MAKEFILE);
    let run = inside(&world, &[], "phase; phase prepare configure && ls; phase build install && ls /out/usr/share")
        .succeeded();
    assert_snapshot!(run.stdout);
    let unknown = inside(&world, &[], "phase biuld").ended(2);
    assert_snapshot!(unknown.stderr, @r"
    phase: this build has no phase `biuld`; it has:
    prepare
    configure
    build
    install
    ");
    assert!(world.names("roots/x86_64-linux-musl").iter().all(|name| !name.starts_with("wall")));
}

#[test]
fn before_a_phase_the_earlier_ones_have_run() {
    let world = project(MAKEFILE);
    let run = inside(&world, &["--phase", "build"], "ls; make -q all || echo to make").succeeded();
    assert_eq!(run.stdout, "Makefile\nconfigure\nconfigured\nto make\n");
    let unknown = inside(&world, &["--phase", "biuld"], "true").ended(2);
    assert_snapshot!(unknown.error(), @r"
    error: the build of wall-1 has no phase `biuld`
    hint: it has `prepare`, `configure`, `build`, `install`
    ");
}

#[test]
fn what_is_done_is_thrown_away_unless_it_is_kept() {
    let world = project(MAKEFILE);
    inside(&world, &[], "echo moss > moss; echo moss > /out/moss").succeeded();
    assert_eq!(inside(&world, &[], "ls /out; ls").succeeded().stdout, "Makefile\nconfigure\n");
    let kept = world.path("kept");
    let words = ["--keep", kept.to_str().unwrap()];
    let run = inside(&world, &words, "echo moss > moss; echo moss > /out/moss; exit 1").ended(1);
    assert_eq!(world.normal(&run.stderr), "kept: WORLD/kept/build and WORLD/kept/out\n");
    assert_eq!(std::fs::read_to_string(kept.join("build/src/moss")).unwrap(), "moss\n");
    assert_eq!(std::fs::read_to_string(kept.join("out/moss")).unwrap(), "moss\n");
    let again = inside(&world, &words, "true").ended(2);
    assert_snapshot!(world.normal(again.error()), @r"
    error: WORLD/kept/build is there already
    hint: name another place
    ");
}

#[test]
fn a_failure_is_found_by_running_the_phases_or_in_what_was_kept() {
    let broken = MAKEFILE.replace("echo wall > wall", "echo mortar > mortar; false");
    let world = project(&broken);
    let look = "ls; cat mortar; test -f moss && echo moss; echo moss > moss; true";
    let found = inside(&world, &["--failed"], look).succeeded();
    assert_eq!(found.stdout, "Makefile\nconfigure\nconfigured\nmortar\nmortar\n");
    // `/tmp` does not outlive a build: what shows that nothing is run again is a time.
    world.drystone(&["build", "--keep-failed", "wall"]).ended(1);
    let directory = world.store().join("failed").join(&world.names("failed")[0]);
    let time = |path: &std::path::Path| std::fs::metadata(path).unwrap().modified().unwrap();
    let configured = time(&directory.join("build/src/configured"));
    let kept = world.path("kept");
    let found = inside(&world, &["--failed", "--keep", kept.to_str().unwrap()], look).succeeded();
    assert_eq!(found.stdout, "Makefile\nconfigure\nconfigured\nmortar\nmortar\n");
    assert_eq!(time(&kept.join("build/src/configured")), configured);
    let left = ["mortar", "moss"].map(|name| directory.join("build/src").join(name).exists());
    assert_eq!(left, [true, false], "what was kept is not touched");
}

#[test]
fn a_shell_without_a_terminal_says_what_to_do() {
    let run = project(MAKEFILE).drystone(&["shell", "wall"]).ended(2);
    assert_snapshot!(run.error(), @r"
    error: a shell needs a terminal as standard input and output
    hint: run one command without: drystone shell wall -- COMMAND
    ");
}

const PROMPT: &str = "[wall-1] /build/src $ ";

#[test]
fn a_shell_at_a_terminal_says_where_it_is_and_has_job_control_and_the_window_s_size() {
    let world = project(MAKEFILE);
    let mut terminal = Terminal::start(&mut world.command(&["shell", "wall", "--phase", "build"]));
    let arrived = terminal.until(PROMPT);
    assert_snapshot!("banner", world.normal(&arrived));
    assert!(!terminal.is_cooked(), "keys are handed through");
    assert_eq!(terminal.command(PROMPT, "stty size; env | grep ENV="), "24 80\n");
    terminal.types("sleep 5417\r");
    wait_until("it sleeps", || !processes_with("sleep 5417").is_empty());
    terminal.types("\x1a");
    terminal.until(PROMPT);
    assert!(terminal.command(PROMPT, "jobs").contains("Stopped"));
    terminal.types("fg; echo ended with $?\r");
    // Shown when typed, and again when it goes on.
    terminal.until("fg; echo");
    terminal.until("sleep 5417");
    // The terminal is the job's before that goes on.
    wait_until("it goes on", || states_of("sleep 5417") == ["S"]);
    terminal.types("\x03");
    terminal.until(PROMPT);
    terminal.resize(11, 77);
    terminal.command(PROMPT, "until [ \"$(stty size)\" = '11 77' ]; do sleep 0.1; done");
    let built = terminal.command(PROMPT, "phase build");
    assert_eq!(built, "[drystone] build\necho laying stones; echo wall > wall\nlaying stones\n");
    terminal.types("false\r");
    terminal.until(PROMPT);
    terminal.types("\x04");
    let (rest, code) = terminal.end();
    assert_eq!((rest.trim(), code), ("", Some(0)));
}

#[test]
fn where_a_build_failed_its_last_lines_are_shown_and_the_terminal_is_as_it_was_afterwards() {
    let world = project(&MAKEFILE.replace("echo wall > wall", "false"));
    let mut terminal = Terminal::start(&mut world.command(&["shell", "wall", "--failed"]));
    assert_snapshot!("failed", world.normal(&terminal.until(PROMPT)));
    terminal.command(PROMPT, "exec 9>/dev/null");
    assert!(!terminal.is_cooked());
    terminal.types("exit\r");
    terminal.until("exit\r\n");
    wait_until("the terminal is as it was", || terminal.is_cooked());
    assert_eq!(terminal.end().1, Some(0));
}

#[test]
fn a_shell_that_is_told_to_end_gives_the_terminal_back_and_leaves_nothing() {
    let world = project(MAKEFILE);
    let mut terminal = Terminal::start(&mut world.command(&["shell", "wall"]));
    terminal.until(PROMPT);
    wait_until("the terminal is handed on", || !terminal.is_cooked());
    terminal.types("sleep 6528\r");
    wait_until("it sleeps", || !processes_with("sleep 6528").is_empty());
    kill_process(Pid::from_raw(terminal.id() as i32).unwrap(), Signal::TERM).unwrap();
    wait_until("the terminal is as it was", || terminal.is_cooked());
    let (said, code) = terminal.end();
    assert!(said.ends_with("error: interrupted\n"), "{said}");
    assert_eq!(code, Some(130));
    assert!(processes_with("sleep 6528").is_empty());
    assert_eq!(world.names("tmp"), [""; 0]);
}

/// What the processes with such a command line are doing: see `proc_pid_stat(5)`.
fn states_of(command: &str) -> Vec<String> {
    let mut states = Vec::new();
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let read = |name: &str| std::fs::read_to_string(process.path().join(name)).unwrap_or_default();
        if read("cmdline").trim_end_matches('\0').replace('\0', " ") == command {
            states.extend(
                read("stat").rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).map(str::to_owned),
            );
        }
    }
    states
}
