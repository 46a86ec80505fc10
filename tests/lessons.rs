//! The commonest failures of static builds on musl, each by a recipe that really fails so: the error names the cause.

mod support;

use support::World;

/// A recipe's name, its script, and what its error must say.
const FAILURES: &[(&str, &str, &str)] = &[
    ("shared-library", "echo 'int f;' > f.c; $CC -shared f.c -o f.so", "a shared library is linked"),
    ("gcc-s", "echo 'int main(void) { return 0; }' > m.c; $CC m.c -lgcc_s -o m", "libgcc_s is gcc's shared library"),
    ("error-h", "printf '#include <error.h>\\n' > a.c; $CC -c a.c", "`error.h` is no header of POSIX or Linux"),
    ("obstack-h", "printf '#include <obstack.h>\\n' > a.c; $CC -c a.c", "`obstack.h` is no header of POSIX or Linux"),
    ("cdefs-h", "printf '#include <sys/cdefs.h>\\n' > a.c; $CC -c a.c", "`sys/cdefs.h` is no header"),
    (
        "backtrace",
        "echo 'int backtrace(void **, int); int main(void) { return backtrace(0, 0); }' > m.c; $CC m.c -o m",
        "`backtrace` is a function of glibc that musl does not have",
    ),
    (
        "lfs64",
        "printf '#include <unistd.h>\\noff64_t at;\\n' > a.c; $CC -c a.c",
        "`off64_t` is a second name from the time when files beyond 2 GB were new",
    ),
    ("header", "printf '#include <fruit.h>\\n' > a.c; $CC -c a.c", "the header `fruit.h` is not here"),
    ("library", "echo 'int main(void) { return 0; }' > m.c; $CC m.c -lfruit -o m", "the library `fruit` is not here"),
    ("program", "gperf --version", "the program `gperf` is not here"),
    (
        "order",
        "echo 'int f(void); int main(void) { return f(); }' > m.c; $CC m.c -o m",
        "nothing that was linked defines `f`",
    ),
    (
        "common",
        "echo 'int level; int main(void) { return level; }' > a.c; echo 'int level;' > b.c; $CC a.c b.c -o m",
        "`level` is defined twice",
    ),
    (
        "absolute",
        "printf '.globl main\\nmain: movl $here, %%eax\\nret\\n.data\\nhere: .long 1\\n' > a.s; $CC a.s -o m",
        "code that depends on its address",
    ),
    ("werror", "echo 'static int x;' > a.c; $CC -Wall -Werror -c a.c", "a warning is an error here"),
    ("bsd-types", "echo 'u_char c;' > a.c; $CC -c a.c", "`u_char` is declared only where its source asks for more"),
    (
        "date",
        "echo 'const char *when = __DATE__;' > a.c; $CC -Wdate-time -Werror -c a.c",
        "`__DATE__` is fixed here by SOURCE_DATE_EPOCH",
    ),
    (
        "written-path",
        "printf '#include \"/usr/include/fruit.h\"\\n' > a.c; $CC -c a.c",
        "a path of the build machine is written down",
    ),
    ("owner", "touch x; chown 0:0 x", "files are given to another user"),
    ("no-destdir", "cp /usr/bin/sed /usr/bin/fruit", "/usr/bin/fruit is written to"),
    ("documents", "makeinfo fruit.texi", "makeinfo makes translations or documents"),
    ("autotools-times", "aclocal-1.16", "make takes files that autotools made for older"),
    (
        "network",
        "$CC -x c - -o get <<'E'\n#include <sys/socket.h>\nint main(void) { return socket(AF_INET, SOCK_STREAM, 0) < 0; }\nE\n./get",
        "the build wants to fetch something",
    ),
    (
        "old-config-sub",
        "echo \"Invalid configuration \\`$HOST': system \\`musl' not recognized\" >&2; exit 1",
        "its config.sub is older than musl's name",
    ),
    (
        "run-test",
        "echo 'configure: error: cannot run test program while cross compiling' >&2; exit 1",
        "configure wants to run a program that it has just compiled",
    ),
];

#[test]
fn the_error_names_the_cause_and_the_mend() {
    let world = World::new();
    for (name, script, _) in FAILURES {
        world.script(name, script);
    }
    // As many as may run; each failure is told.
    let run = world.drystone(&["build", "--all", "--keep-going"]).ended(1);
    let errors: Vec<&str> = run.stderr.split("\nerror: ").collect();
    for (name, _, cause) in FAILURES {
        let own = errors.iter().find(|error| error.starts_with(&format!("{name}-1 failed")));
        let own = own.unwrap_or_else(|| panic!("{name} did not fail:\n{}", run.stderr));
        assert!(own.contains(&format!("cause: {cause}")), "{own}");
        assert!(own.contains("\n mend: "), "{own}");
    }
}

#[test]
fn a_recipe_that_brings_the_missing_header_library_or_program_is_named() {
    let world = World::new();
    world.script(
        "fruit",
        "mkdir -p $OUT/usr/include $OUT/usr/lib $OUT/usr/bin
         echo 'int fruit(void);' > $OUT/usr/include/fruit.h
         echo 'int fruit(void) { return 0; }' > f.c && $CC -c f.c && $AR rc $OUT/usr/lib/libfruit.a f.o
         echo 'int main(void) { return 0; }' > m.c && $CC m.c -o $OUT/usr/bin/peel",
    );
    world.drystone(&["build", "fruit"]).succeeded();
    for (name, script, key) in [
        ("header", "printf '#include <fruit.h>\\n' > a.c; $CC -c a.c", "target"),
        ("library", "echo 'int main(void) { return 0; }' > m.c; $CC m.c -lfruit -o m", "target"),
        ("program", "peel", "build"),
    ] {
        world.script(name, script);
        let run = world.drystone(&["build", name]).ended(1);
        let mend = format!("mend: `fruit` brings it: add it to `[dependencies] {key}`");
        assert!(run.stderr.contains(&mend), "{}", run.stderr);
    }
}
