//! A build that tries to leave its world: what it sees of the network, the machine, the user and the clock, and
//! what of its output is refused.

mod support;

use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;
use support::{DRYSTONE, Run, World, processes_with};

/// Builds a recipe that is one script and must succeed; returns what it printed.
fn printed_by(script: &str) -> String {
    let world = World::new();
    world.script("probe", script);
    world.drystone(&["build", "probe"]).succeeded();
    world.printed("probe")
}

/// A script that compiles a C program's main function and runs it.
fn c_program(body: &str) -> String {
    format!(
        "cat > probe.c <<'E'\n#define _GNU_SOURCE\n#include <errno.h>\n#include <sched.h>\n#include <stdio.h>\n\
         #include <string.h>\n#include <sys/mount.h>\n#include <sys/ptrace.h>\n#include <sys/socket.h>\n\
         #include <sys/syscall.h>\n#include <unistd.h>\n\
         #define TRY(call) (errno = 0, (call), printf(\"%s: %s\\n\", #call, strerror(errno)))\n\
         int main(void)\n{{\n{body}\nreturn 0;\n}}\nE\n$CC probe.c -o probe\n./probe"
    )
}

#[test]
fn a_network_socket_is_refused_and_reported_with_the_program_s_name() {
    let world = World::new();
    let sockets = "TRY(socket(AF_INET, SOCK_STREAM, 0)); TRY(socket(AF_INET6, SOCK_DGRAM, 0)); \
                   TRY(socket(AF_UNIX, SOCK_STREAM, 0));";
    world.script("probe", &c_program(sockets));
    let contained = "contained: `probe` tried to open a network socket (AF_INET); there is no network in a build";
    world.drystone(&["build", "probe"]).succeeded().says(&format!("probe-1: {contained}\n"));
    assert!(world.log("probe").contains(&format!("[drystone] {contained}\n")));
    assert_snapshot!(world.printed("probe"), @r"
    socket(AF_INET, SOCK_STREAM, 0): Address family not supported by protocol
    socket(AF_INET6, SOCK_DGRAM, 0): Address family not supported by protocol
    socket(AF_UNIX, SOCK_STREAM, 0): No error information
    ");
}

#[test]
fn there_is_no_network_interface_but_the_dead_loopback() {
    assert_snapshot!(printed_by("sed 1,2d /proc/net/dev | cut -d: -f1; cat /proc/net/route"), @"    lo");
}

#[test]
fn calls_that_open_the_kernel_s_rarely_used_entrances_are_refused() {
    let calls = "TRY(mount(\"none\", \"/tmp\", \"tmpfs\", 0, 0)); TRY(unshare(CLONE_NEWUSER)); TRY(unshare(CLONE_NEWNS));\n\
                 TRY(ptrace(PTRACE_TRACEME, 0, 0, 0)); TRY(syscall(SYS_bpf, 0, 0, 0)); TRY(syscall(SYS_keyctl, 0, 0));\n\
                 TRY(syscall(SYS_io_uring_setup, 1, 0)); TRY(chroot(\"/tmp\")); TRY(umount(\"/build\"));\n\
                 TRY(syscall(SYS_clone, CLONE_NEWUSER | 17, 0, 0, 0, 0)); TRY(sethostname(\"x\", 1));";
    assert_snapshot!(printed_by(&c_program(calls)), @r#"
    mount("none", "/tmp", "tmpfs", 0, 0): Operation not permitted
    unshare(CLONE_NEWUSER): Operation not permitted
    unshare(CLONE_NEWNS): Operation not permitted
    ptrace(PTRACE_TRACEME, 0, 0, 0): Operation not permitted
    syscall(SYS_bpf, 0, 0, 0): Operation not permitted
    syscall(SYS_keyctl, 0, 0): Operation not permitted
    syscall(SYS_io_uring_setup, 1, 0): Function not implemented
    chroot("/tmp"): Operation not permitted
    umount("/build"): Operation not permitted
    syscall(SYS_clone, CLONE_NEWUSER | 17, 0, 0, 0, 0): Operation not permitted
    sethostname("x", 1): Operation not permitted
    "#);
}

#[test]
fn the_machine_s_files_are_absent() {
    let outside = tempfile::NamedTempFile::new().unwrap();
    let places = [outside.path().to_str().unwrap(), support::HOME, "/etc/hostname", "/root", "/home", "/sys", "/run"];
    let script = format!("for place in {}; do test ! -e $place || echo $place is there; done", places.join(" "));
    assert_eq!(printed_by(&script), "");
}

#[test]
fn the_root_holds_the_tools_and_the_sandbox_s_own_places() {
    assert_snapshot!(printed_by("ls /; echo; ls -A /build /build/src /out /tmp /dev; echo; cat /etc/passwd"), @r"
    bin
    build
    dev
    etc
    lib
    lib64
    out
    proc
    sbin
    sysroot
    tmp
    usr

    /build:
    files
    src

    /build/src:

    /dev:
    fd
    full
    null
    stderr
    stdin
    stdout
    urandom
    zero

    /out:

    /tmp:

    root:x:0:0:root:/nonexistent:/nonexistent
    build:x:1000:1000:build:/tmp:/bin/sh
    ");
}

#[test]
fn only_the_build_s_own_processes_are_seen_and_none_outside_can_be_signalled() {
    // Builtins only: the shell's own children would come and go.
    let script = format!(
        "cd /proc; for process in [0-9]*; do read -r name < $process/comm; echo $process $name; done\n\
         kill -KILL 1; kill -TERM 1; kill -TERM {} || true",
        std::process::id()
    );
    assert_snapshot!(printed_by(&script).replace(&std::process::id().to_string(), "PID"), @r"
    1 exe
    2 sh
    sh: 2: kill: No such process
    ");
}

#[test]
fn the_environment_is_exactly_what_the_derivation_lists() {
    let world = World::new();
    world.script("probe", "env | sort; date +%Z; umask; LC_ALL=C ls /nowhere || true");
    let mut command = world.command(&["build", "-j", "2", "probe"]);
    command.envs([("SECRET", "x"), ("CFLAGS", "-O3"), ("TZ", "Asia/Tokyo"), ("LC_ALL", "de_DE.UTF-8"), ("CC", "tcc")]);
    Run::of(&mut command).succeeded();
    assert_snapshot!(world.printed("probe"), @r"
    AR=x86_64-linux-musl-ar
    BUILD=x86_64-pc-linux-gnu
    BUILD_CC=cc
    CC=x86_64-linux-musl-gcc
    CC_FOR_BUILD=cc
    CFLAGS=-O2
    CONFIG_SITE=/usr/share/config.site
    CPP=x86_64-linux-musl-cpp
    HOME=/tmp
    HOST=x86_64-linux-musl
    HOSTCC=cc
    LC_ALL=C
    LD=x86_64-linux-musl-ld
    LDFLAGS=
    MAKEFLAGS=-j --jobserver-fds=3,4 --jobserver-auth=3,4
    NM=x86_64-linux-musl-nm
    OBJCOPY=x86_64-linux-musl-objcopy
    OBJDUMP=x86_64-linux-musl-objdump
    OUT=/out
    PATH=/usr/bin:/usr/sbin
    PWD=/build/src
    RANLIB=x86_64-linux-musl-ranlib
    READELF=x86_64-linux-musl-readelf
    SOURCE_DATE_EPOCH=315532800
    STRIP=x86_64-linux-musl-strip
    SYSROOT=/sysroot
    TZ=UTC
    UTC
    0022
    ls: cannot access '/nowhere': No such file or directory
    ");
}

#[test]
fn the_caller_s_umask_does_not_show_in_any_mode() {
    let modes = |umask: &str| {
        let world = World::new();
        let source = world.source("stones", &[("doc/README", "granite\n")]);
        let whole = format!("{source}unpack = false\ninto = \"whole/archive\"\n");
        world.write("recipes/probe/local/file", "slate\n");
        let script = "find / /build /out /tmp /dev -xdev -printf '%m %p\\n' | grep -v ' /usr/' | sort -u";
        let build = format!("[build]\npreset = \"script\"\nscript = \"{script}\"\n");
        world.recipe("probe", &format!("files = [\"local/file\"]\n{source}{whole}{build}"));
        let script = format!("umask {umask}; exec {DRYSTONE} build probe");
        Run::of(&mut world.command_of("sh", &["-c", &script])).succeeded();
        world.printed("probe")
    };
    let ordinary = modes("022");
    assert!(ordinary.contains("644 /build/files/local/file\n"), "{ordinary}");
    assert_eq!(modes("077"), ordinary);
}

#[test]
fn no_descriptor_of_the_caller_arrives() {
    let world = World::new();
    world.script(
        "probe",
        "for fd in 0 1 2 3 4 5 6 7 8 9; do test ! -e /proc/$$/fd/$fd || echo $fd; done; echo $MAKEFLAGS",
    );
    let leak = format!("exec 7</etc/passwd 9>leak; exec {DRYSTONE} build probe");
    Run::of(&mut world.command_of("sh", &["-c", &leak])).succeeded();
    let printed = world.printed("probe");
    let (descriptors, makeflags) = printed.trim_end().rsplit_once('\n').unwrap();
    let auth = makeflags.split_once("--jobserver-auth=").unwrap().1.split(' ').next().unwrap();
    let (read, write) = auth.split_once(',').unwrap();
    assert_eq!(descriptors.lines().collect::<Vec<_>>(), ["0", "1", "2", read, write]);
}

#[test]
fn the_user_is_1000_without_capabilities_on_a_machine_called_drystone() {
    let script = "id; uname -n; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; cat /proc/self/personality";
    assert_snapshot!(printed_by(script), @r"
    uid=1000(build) gid=1000(build) groups=1000(build)
    drystone
    CapInh:	0000000000000000
    CapPrm:	0000000000000000
    CapEff:	0000000000000000
    CapBnd:	0000000000000000
    CapAmb:	0000000000000000
    NoNewPrivs:	1
    Seccomp:	2
    00040000
    ");
}

#[test]
fn what_proc_tells_of_the_machine_is_masked_and_cannot_be_written() {
    let script = "cat /proc/cpuinfo /proc/meminfo /proc/version; (echo x > /proc/sys/kernel/domainname) || true";
    assert_snapshot!(printed_by(script), @r"
    processor	: 0

    MemTotal:        4194304 kB
    MemFree:         4194304 kB
    MemAvailable:    4194304 kB
    Linux version 6.0.0 (drystone)
    sh: 1: cannot create /proc/sys/kernel/domainname: Read-only file system
    ");
}

#[test]
fn a_write_outside_meets_a_read_only_file_system_and_the_error_says_where_one_may() {
    let world = World::new();
    world.script("probe", "touch /usr/share/probe");
    let run = world.drystone(&["build", "probe"]).ended(1);
    assert_snapshot!(world.normal(run.error()), @r##"
    error: probe-1 failed in its phase `script`: exit status 1
    its last lines:
      | [drystone] unpack
      | [drystone] script
      | touch: cannot touch '/usr/share/probe': Read-only file system
    cause: /usr/share/probe is written to, and a build writes only to /build, /out and /tmp: what is installed goes below $DESTDIR, /out
     mend: give the root by the variable that the Makefile has for it (`install = ["install", "DESTDIR=/out"]`, INSTALL_ROOT, prefix=/out/usr), or patch it in
    hint: the whole log: drystone log probe
    hint: to look around where it failed: drystone shell probe --failed
    "##);
}

#[test]
fn a_process_that_outlives_its_step_is_killed_and_reported() {
    let world = World::new();
    world.script("probe", "(sleep 5417 &)");
    let said = "probe-1: contained: left processes behind after `script`: sleep\n";
    world.drystone(&["build", "probe"]).succeeded().says(said);
    assert_eq!(processes_with("sleep 5417"), [""; 0]);
}

const SETUID: &str = "mkdir -p $OUT/usr/bin; echo '#!/usr/bin/sh' > $OUT/usr/bin/gain; chmod 4755 $OUT/usr/bin/gain";

#[test]
fn a_setuid_file_that_the_recipe_does_not_list_fails_the_build() {
    let world = World::new();
    world.script("probe", SETUID);
    let run = world.drystone(&["build", "probe"]).ended(1);
    assert_snapshot!(world.normal(run.error()), @r"
    error: the output of probe-1 breaks the rules:
      usr/bin/gain: is setuid or setgid, and the recipe's `install.setuid` does not list it
    hint: the whole log: drystone log probe
    hint: to look around where it failed: drystone shell probe --failed
    ");
}

#[test]
fn a_listed_setuid_file_arrives_and_the_store_does_not_keep_the_bit() {
    let world = World::new();
    let install = "[install]\nsetuid = [\"usr/bin/gain\"]";
    world.recipe("probe", &format!("[build]\npreset = \"script\"\nscript = '''\n{SETUID}\n'''\n{install}\n"));
    let run = world.drystone(&["build", "probe"]).succeeded();
    let mode = run.paths()[0].join("usr/bin/gain").metadata().unwrap().permissions().mode();
    assert_eq!(format!("{:o}", mode & 0o7777), "555");
}

/// Builds a script whose output breaks the rules; returns the error.
fn refused(script: &str) -> String {
    let world = World::new();
    world.script("probe", &format!("mkdir -p $OUT/usr/bin\n{script}"));
    let run = world.drystone(&["build", "probe"]).ended(1);
    assert_eq!(run.stdout, "");
    assert_eq!(world.names("roots/x86_64-linux-musl").iter().filter(|name| name.starts_with("probe")).count(), 0);
    world.normal(run.error())
}

#[test]
fn an_output_that_names_the_build_s_places_is_refused() {
    let script = "echo 'cc -I/build/src/include' > $OUT/usr/bin/a; ln -s /out/usr/bin/a $OUT/usr/bin/b; \
                  echo 'https://host/build/x' > $OUT/usr/bin/fine";
    assert_snapshot!(refused(script), @r"
    error: the output of probe-1 breaks the rules:
      usr/bin/a: names the build's own place `/build/`
      usr/bin/b: names the build's own place `/out/`
    hint: the whole log: drystone log probe
    hint: to look around where it failed: drystone shell probe --failed
    ");
}

#[test]
fn an_output_that_names_the_store_is_refused() {
    let world = World::new();
    world.script("probe", &format!("mkdir -p $OUT/usr/bin; echo {} > $OUT/usr/bin/a", world.store().display()));
    let run = world.drystone(&["build", "probe"]).ended(1);
    assert_snapshot!(world.normal(run.error()), @r"
    error: the output of probe-1 breaks the rules:
      usr/bin/a: names the store's place on this machine
    hint: the whole log: drystone log probe
    hint: to look around where it failed: drystone shell probe --failed
    ");
}

#[test]
fn a_program_that_is_not_static_pie_is_refused() {
    // Past the toolchain's driver, with the seeds' own compiler.
    let script = "echo 'void _start(void) { for (;;); }' > t.c\n\
                  gcc=/usr/bin/x86_64-linux-gnu-gcc-12\n\
                  $gcc -nostdlib -static -no-pie t.c -o $OUT/usr/bin/fixed\n\
                  $gcc -nostdlib -pie t.c -Wl,--no-as-needed -l:libc.so.6 -Wl,-rpath,/lib -o $OUT/usr/bin/dynamic";
    assert_snapshot!(refused(script), @r"
    error: the output of probe-1 breaks the rules:
      usr/bin/dynamic: needs shared libraries
      usr/bin/dynamic: names places to look for shared libraries in
      usr/bin/dynamic: does not bind all symbols at start
      usr/bin/dynamic: carries a build id
      usr/bin/dynamic: is not static: it asks for the interpreter /lib64/ld-linux-x86-64.so.2
      usr/bin/fixed: is not a static-PIE program
      usr/bin/fixed: has no RELRO segment
      usr/bin/fixed: does not bind all symbols at start
      usr/bin/fixed: carries a build id
    hint: the whole log: drystone log probe
    hint: to look around where it failed: drystone shell probe --failed
    ");
}

#[test]
fn a_file_of_no_component_is_refused() {
    assert_snapshot!(refused("mkdir -p $OUT/usr/share/probe $OUT/etc; touch $OUT/usr/share/probe/x $OUT/etc/y"), @r#"
    error: the output of probe-1 does not divide into components: the files that `probe` installs do not fit its components
    no component claims
      etc/y
      usr/share/probe/x
      help: add "etc/y", "usr/share/probe/**" to `files` under [components.bin], or to `drop` under [install]
    hint: the whole log: drystone log probe
    hint: to look around where it failed: drystone shell probe --failed
    "#);
}

#[test]
fn a_device_or_pipe_is_no_output() {
    assert_snapshot!(refused("mkfifo $OUT/usr/bin/pipe"), @r"
    error: the output of probe-1 breaks the rules:
      usr/bin/pipe: cannot be part of an object: it is a named pipe
    hint: the whole log: drystone log probe
    hint: to look around where it failed: drystone shell probe --failed
    ");
}

#[test]
fn a_build_that_takes_too_long_is_ended_and_the_error_names_the_limit() {
    let world = World::new();
    world.script("probe", "echo before; sleep 5418");
    let run = world.drystone(&["build", "--time-limit", "2", "probe"]).ended(1);
    assert_eq!(processes_with("sleep 5418"), [""; 0]);
    assert_snapshot!(run.error(), @r"
    error: probe-1 failed in its phase `script`: over the limit of time (2 s)
    its last lines:
      | [drystone] unpack
      | [drystone] script
      | before
    hint: the whole log: drystone log probe
    hint: to look around where it failed: drystone shell probe --failed
    ");
}

#[test]
fn a_build_of_too_many_processes_is_ended_and_the_error_names_the_limit() {
    let world = World::new();
    world.script("probe", "i=0; while [ $i -lt 2200 ]; do sleep 5419 & i=$((i + 1)); done; wait");
    world
        .drystone(&["build", "probe"])
        .ended(1)
        .says("failed in its phase `script`: over the limit of processes (2048)");
    assert_eq!(processes_with("sleep 5419"), [""; 0]);
}

#[test]
fn a_file_that_grows_too_large_ends_what_writes_it() {
    let world = World::new();
    world.script("probe", "exec truncate -s 5G huge");
    let limit = "error: probe-1 failed in its phase `script`: over the limit of file size (4294967296 bytes)\n";
    world.drystone(&["build", "probe"]).ended(1).says(limit);
}
