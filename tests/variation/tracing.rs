//! A step does not notice that it is traced: how it ends, what it starts, stops and leaves behind.

use drystone::sandbox::{self, Action, Job, Outcome, Stop, Unit, Variation, Visit};

use crate::support::processes_with;
use crate::yard::{Yard, computed, printed, shell};

/// One that takes a tracer, and changes nothing that these stories see.
fn traced() -> Variation {
    Variation { kernel: true, clock: Some(1), processor: true, ..Variation::default() }
}

fn outcome(action: Action) -> Outcome {
    Yard::new(&traced()).run(action).0.outcome
}

fn failed(how: &str) -> Outcome {
    Outcome::Failed { step: "step".to_owned(), how: how.to_owned() }
}

#[test]
fn it_ends_as_it_ends() {
    assert_eq!(outcome(shell("exit 7")), failed("exit status 7"));
    assert_eq!(outcome(shell("kill -SEGV $$")), failed("killed by signal 11"));
    assert_eq!(outcome(shell("kill -KILL $$")), failed("killed by signal 9"));
    let missing = Action::Exec { argv: vec!["trowel".to_owned()] };
    assert_eq!(outcome(missing), failed("cannot execute `trowel`: No such file or directory (os error 2)"));
    let limit = "file size (4294967296 bytes)".to_owned();
    assert_eq!(outcome(shell("exec truncate -s 5G /tmp/x")), Outcome::Limit { step: "step".to_owned(), limit });
}

#[test]
fn processes_are_stopped_and_go_on_and_are_waited_for() {
    let script = "sleep 5421 & kill -STOP $!; kill -CONT $!; kill -TERM $!; wait $! || echo $?; \
                  sh -c 'kill -STOP $$; echo on > on' & sleep 0.2; test -e on || echo off; \
                  until test -e on; do kill -CONT $!; sleep 0.01; done; wait $!; cat on; \
                  trap 'echo caught' USR1; kill -USR1 $$";
    let expected = printed(&Variation::default(), script);
    assert!(expected.ends_with("143\noff\non\ncaught\n"), "{expected}");
    assert_eq!(printed(&traced(), script), expected);
}

#[test]
fn what_outlives_it_is_ended_when_it_has_had_its_time() {
    assert_eq!(printed(&traced(), "(sleep 5422 &); echo over"), "over\n");
    assert_eq!(processes_with("sleep 5422"), [""; 0]);
}

#[test]
fn the_fences_stand() {
    let calls = "printf(\"%d\", socket(AF_INET, SOCK_STREAM, 0)); printf(\" %d\\n\", errno == EAFNOSUPPORT); \
                 printf(\"%d\", unshare(CLONE_NEWUSER)); printf(\" %d\\n\", errno == EPERM);";
    assert_eq!(computed(&traced(), calls), "-1 1\n-1 1\n");
    let status = printed(&traced(), "grep -E '^(CapEff|NoNewPrivs|Seccomp:)' /proc/self/status");
    assert_eq!(status, "CapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n");
}

#[test]
fn threads_come_and_go_while_others_execute() {
    let program = "#include <pthread.h>\n#include <stdio.h>\n#include <spawn.h>\n#include <sys/wait.h>\n\
        #include <time.h>\n#include <unistd.h>\nextern char **environ;\n\
        static void *work(void *p) { struct timespec t; for (int i = 0; i < 200; i++) \
          *(long *)p += !clock_gettime(CLOCK_MONOTONIC, &t); return 0; }\n\
        static void *start(void *p) { char *a[] = {\"true\", 0}; pid_t c; int s; \
          for (int i = 0; i < 5; i++) { posix_spawn(&c, \"/usr/bin/true\", 0, 0, a, environ); waitpid(c, &s, 0); *(long *)p += !s; } \
          return 0; }\n\
        int main(void) { pthread_t t[16]; long n[16] = {0}, all = 0; \
          for (int round = 0; round < 4; round++) { \
            for (int i = 0; i < 16; i++) pthread_create(t + i, 0, i % 4 ? work : start, n + i); \
            for (int i = 0; i < 16; i++) pthread_join(t[i], 0); } \
          for (int i = 0; i < 16; i++) all += n[i]; printf(\"%ld\\n\", all); \
          for (int i = 0; i < 4; i++) pthread_create(t + i, 0, work, n + i); \
          execlp(\"echo\", \"echo\", \"executed\", (char *)0); return 1; }\n";
    let mut yard = Yard::new(&traced()).with("threads.c", program);
    let script = "x86_64-linux-musl-gcc -O1 threads.c -o /tmp/threads; for i in 1 2 3; do /tmp/threads; done";
    assert_eq!(yard.printed(script), "9680\nexecuted\n".repeat(3));
}

#[test]
fn the_compile_job_is_traced_as_well() {
    let mut yard =
        Yard::new(&traced()).with("wall.c", "#include <stdio.h>\nint main(void) { puts(__DATE__); return 0; }\n");
    yard.spec.env.insert("CFLAGS".to_owned(), "-Wno-date-time".to_owned());
    let unit = Unit {
        name: "wall".to_owned(),
        library: false,
        sources: vec!["*.c".to_owned()],
        exclude: Vec::new(),
        include: Vec::new(),
        define: [].into(),
        flags: Vec::new(),
        libs: Vec::new(),
    };
    let job = Job {
        compiler: "x86_64-linux-musl-gcc".to_owned(),
        archiver: "x86_64-linux-musl-ar".to_owned(),
        target: "x86_64-unknown-linux-musl".to_owned(),
        units: vec![unit],
        copies: Vec::new(),
    };
    // The compiler's own clock: a day ahead of what the world's would be.
    yard.spec.variation.clock = Some(-86_400 * 365 * 20);
    let (exit, printed) = yard.run(Action::Compile(job));
    assert_eq!(exit.outcome, Outcome::Success, "{printed}");
    yard.spec.variation = Variation::default();
    let year = |text: String| text.trim_end().rsplit_once(' ').unwrap().1.parse::<i32>().unwrap();
    let (made, today) = (year(yard.printed("/out/usr/bin/wall")), year(yard.printed("LC_ALL=C date '+%d %Y'")));
    assert!((19..=21).contains(&(today - made)), "{made} is not 20 years before {today}");
}

#[test]
fn who_visits_a_varied_world_is_fenced_in() {
    let yard = Yard::new(&traced());
    let visit = Visit {
        dir: "/build".to_owned(),
        argv: ["sh", "-c", "grep Seccomp: /proc/self/status > seen"].map(str::to_owned).to_vec(),
        env: [].into(),
        terminal: None,
    };
    let exit = sandbox::visit(&yard.spec, &visit, None, &Stop::default(), &|_| {}).unwrap();
    assert_eq!((exit.left, yard.file("seen").as_str()), (Some(0), "Seccomp:\t2\n"));
}
