//! A world that varies, for audits: each thing is seen inside, and nothing of it by what is built.

#[path = "../support/mod.rs"]
mod support;
mod tracing;
mod whole;
mod yard;

use std::time::{SystemTime, UNIX_EPOCH};

use drystone::sandbox::Variation;
use yard::{computed, printed};

/// Half a year and more.
const AHEAD: i64 = 34_000_000;

fn plain() -> Variation {
    Variation::default()
}

#[test]
fn cpus_are_as_many_as_asked_for() {
    let script = "nproc; grep -c '^cpu[0-9]' /proc/stat";
    assert_eq!(printed(&Variation { cpus: Some(1), ..plain() }, script), "1\n1\n");
}

#[test]
fn the_processor_is_of_another_maker_and_has_fewer_features() {
    let varied = Variation { processor: true, ..plain() };
    let names = printed(&varied, "grep -E '^(vendor_id|model name)' /proc/cpuinfo | sort | uniq -c | tr -s ' \\t' ' '");
    assert_eq!(names, " 4 model name : Drystone Audit Processor\n 4 vendor_id : AuthenticAMD\n");
    let probe = "printf(\"%lx %lx\\n\", getauxval(AT_HWCAP), getauxval(AT_HWCAP2));";
    assert_ne!(computed(&varied, probe), computed(&plain(), probe));
}

#[test]
fn what_cpuid_answers_is_the_other_processor_where_it_can_be_faulted() {
    let faults = std::fs::read_to_string("/proc/cpuinfo").unwrap().contains(" cpuid_fault ");
    let varied = Variation { processor: true, ..plain() };
    let probe = "unsigned a, b, c, d, name[13] = {0}; \
                 __asm__(\"cpuid\" : \"=a\"(a), \"=b\"(b), \"=c\"(c), \"=d\"(d) : \"a\"(1), \"c\"(0)); \
                 printf(\"%x %d\\n\", a, c >> 28 & 1); \
                 for (a = 0; a < 3; a++) { unsigned *n = name + 4 * a; \
                   __asm__(\"cpuid\" : \"=a\"(n[0]), \"=b\"(n[1]), \"=c\"(n[2]), \"=d\"(n[3]) : \"a\"(0x80000002 + a)); } \
                 printf(\"%s\\n\", (char *)name);";
    let native = "cc1=$(x86_64-linux-gnu-gcc-12 -march=native -### -E - </dev/null 2>&1); \
                  case $cc1 in *-mno-avx*) echo without;; *) echo with;; esac";
    if faults {
        assert_eq!(computed(&varied, probe), "600f20 0\nDrystone Audit Processor\n");
        assert_eq!(printed(&varied, native), "without\n");
    }
    assert!(!computed(&plain(), probe).contains("Drystone"));
}

#[test]
fn the_machine_has_another_name() {
    let varied = Variation { host_name: Some("quarry".to_owned()), ..plain() };
    assert_eq!(printed(&varied, "uname -n; cat /proc/sys/kernel/hostname"), "quarry\nquarry\n");
}

#[test]
fn the_kernel_is_another_one_on_the_same_machine() {
    let varied = Variation { kernel: true, host_name: Some("quarry".to_owned()), ..plain() };
    let seen = printed(&varied, "uname -srvnm; cat /proc/version /proc/sys/kernel/osrelease");
    let expected = "Linux quarry 4.19.0-audit #7 SMP Thu Jan 1 00:00:00 UTC 2015 x86_64\n\
                    Linux version 4.19.0-audit (audit) #7 SMP Thu Jan 1 00:00:00 UTC 2015\n4.19.0-audit\n";
    assert_eq!(seen, expected);
}

#[test]
fn the_user_has_another_number_and_the_same_name() {
    let varied = Variation { user: Some(4711), ..plain() };
    let script =
        "id; touch /out/file; stat -c '%u %g %U' /out/file /build /tmp/.; grep Cap /proc/self/status | sort -u -k2";
    let expected = "uid=4711(build) gid=4711(build) groups=4711(build)\n4711 4711 build\n4711 4711 build\n4711 4711 build\n\
                    CapInh:\t0000000000000000\n";
    assert_eq!(printed(&varied, script), expected);
}

#[test]
fn files_are_made_with_another_mask() {
    let varied = Variation { umask: Some(0o077), ..plain() };
    assert_eq!(printed(&varied, "umask; touch /out/file; stat -c %a /out/file /tmp"), "0077\n600\n1777\n");
}

/// Seconds since 1970, as it is in truth.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

#[test]
fn the_clocks_that_tell_the_time_of_day_are_ahead_and_no_other() {
    let varied = Variation { clock: Some(AHEAD), ..plain() };
    let probe = "struct timeval v; struct timespec s, m; gettimeofday(&v, 0); clock_gettime(CLOCK_REALTIME_COARSE, &s); \
                 clock_gettime(CLOCK_MONOTONIC, &m); \
                 printf(\"%ld\\n%ld\\n%ld\\n%ld\\n\", syscall(SYS_time, 0), (long)v.tv_sec, (long)s.tv_sec, (long)m.tv_sec);";
    let began = now();
    let seen = printed(&varied, "date +%s; grep btime /proc/stat | cut -c7-") + &computed(&varied, probe);
    let ended = now();
    let seen: Vec<i64> = seen.lines().map(|line| line.parse().unwrap()).collect();
    let [date, boot, time, day, coarse, monotonic] = seen[..] else { panic!("{seen:?}") };
    for shown in [date, time, day, coarse] {
        // The coarse clock is up to a tick behind.
        assert!((began - 1..=ended).contains(&(shown - AHEAD)), "{shown} is not {AHEAD} ahead of {began} to {ended}");
    }
    assert!(boot > AHEAD && boot < ended + AHEAD);
    assert!(monotonic < AHEAD);
}

#[test]
fn who_waits_until_a_clock_shows_something_is_woken_by_that_clock() {
    let varied = Variation { clock: Some(AHEAD), pace: Some(3), ..plain() };
    // glibc and Rust's library wait so on condition variables.
    let probe = "struct timespec s; int word = 0; \
                 clock_gettime(CLOCK_REALTIME, &s); s.tv_sec += 1; \
                 printf(\"%d\\n\", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &s, 0)); \
                 clock_gettime(CLOCK_REALTIME, &s); s.tv_sec += 1; \
                 long r = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &s, 0, -1); \
                 printf(\"%ld %d\\n\", r, errno == ETIMEDOUT); errno = 0; \
                 struct timespec t; clock_gettime(CLOCK_REALTIME, &t); printf(\"%d\\n\", t.tv_sec >= s.tv_sec); \
                 clock_gettime(CLOCK_MONOTONIC, &s); s.tv_sec += 1; \
                 r = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &s, 0, -1); printf(\"%ld %d\\n\", r, errno == ETIMEDOUT); \
                 clock_gettime(CLOCK_MONOTONIC, &t); printf(\"%d\\n\", t.tv_sec >= s.tv_sec);";
    assert_eq!(computed(&varied, probe), "0\n-1 1\n1\n-1 1\n1\n");
}

#[test]
fn all_clocks_run_faster() {
    let varied = Variation { pace: Some(100), ..plain() };
    let probe = "struct timespec s[4], t = {0, 100000000}; \
                 clock_gettime(CLOCK_REALTIME, s); clock_gettime(CLOCK_MONOTONIC, s + 1); nanosleep(&t, 0); \
                 clock_gettime(CLOCK_REALTIME, s + 2); clock_gettime(CLOCK_MONOTONIC, s + 3); \
                 printf(\"%d %d\\n\", s[2].tv_sec - s[0].tv_sec >= 9, s[3].tv_sec - s[1].tv_sec >= 9);";
    assert_eq!(computed(&varied, probe), "1 1\n");
}

#[test]
fn a_directory_s_entries_come_in_the_opposite_order() {
    // In memory, where the order is that of making.
    let script = "mkdir /tmp/wall; cd /tmp/wall; touch granite slate basalt gneiss; ls -f";
    let lines = |variation| printed(&variation, script).lines().map(str::to_owned).collect::<Vec<_>>();
    let (ordinary, mut varied) = (lines(plain()), lines(Variation { directories: true, ..plain() }));
    assert_ne!(varied, ordinary);
    varied.reverse();
    assert_eq!(varied, ordinary);
}

#[test]
fn a_large_directory_is_read_whole() {
    let script =
        "mkdir /tmp/wall; cd /tmp/wall; seq 5000 | xargs touch; ls -f | sort -n | cksum; rm -r /tmp/wall; ls /tmp";
    assert_eq!(printed(&Variation { directories: true, ..plain() }, script), printed(&plain(), script));
}

#[test]
fn there_is_another_amount_of_memory() {
    let varied = Variation { memory: Some(3 << 30), ..plain() };
    let probe =
        "struct sysinfo s; sysinfo(&s); printf(\"%lu %ld\\n\", s.totalram * s.mem_unit, sysconf(_SC_PHYS_PAGES));";
    assert_eq!(computed(&varied, probe), format!("{} {}\n", 3u64 << 30, (3u64 << 30) / 4096));
    let listed = "MemTotal:        3145728 kB\nMemFree:         3145728 kB\nMemAvailable:    3145728 kB\n";
    assert_eq!(printed(&varied, "cat /proc/meminfo"), listed);
}

#[test]
fn addresses_are_random_or_not() {
    let places = |variation| {
        let probe = "int here; printf(\"%p %p\\n\", (void *)&here, (void *)main); if (!getenv(\"AGAIN\")) { \
                     setenv(\"AGAIN\", \"1\", 1); for (int i = 0; i < 7; i++) if (system(\"/tmp/probe\")) return 1; }";
        // The first one's environment is another, and so is its stack.
        let mut lines: Vec<_> = computed(&variation, probe).lines().skip(1).map(str::to_owned).collect();
        lines.sort();
        lines.dedup();
        lines.len()
    };
    assert_eq!(places(plain()), 1);
    assert!(places(Variation { addresses: true, ..plain() }) > 1);
}

#[test]
fn what_is_random_is_the_same_in_every_build() {
    let varied = Variation { randomness: true, ..plain() };
    let probe = "unsigned char b[24]; getrandom(b, 16, 0); memcpy(b + 16, (void *)getauxval(AT_RANDOM), 8); \
                 for (int i = 0; i < 24; i++) printf(\"%02x\", b[i]); printf(\"\\n\");";
    let read = "head -c 8 /dev/urandom | od -An -tx1; mktemp -u";
    let seen = |variation| computed(variation, probe) + &printed(variation, read);
    let first = seen(&varied);
    assert_eq!(seen(&varied), first);
    let (one, other) = (seen(&plain()), seen(&plain()));
    for ((one, other), same) in one.lines().zip(other.lines()).zip(first.lines()) {
        assert!(one != other && one != same, "{one}");
    }
    // Names that are random are still found that are free.
    let names = "for i in 1 2 3 4 5 6 7 8 9; do mktemp; done | sort -u | wc -l";
    assert_eq!(printed(&varied, names), "9\n");
}
