use super::*;

fn nobody(_: Missing, _: &str) -> Vec<String> {
    Vec::new()
}

/// The causes told of a log.
fn causes(log: &str) -> Vec<String> {
    lessons(log.as_bytes(), &nobody).into_iter().map(|lesson| lesson.cause).collect()
}

#[track_caller]
fn tells(log: &str, start: &str) {
    let causes = causes(log);
    assert!(causes.first().is_some_and(|cause| cause.contains(start)), "{log}\n{causes:?}");
}

#[test]
fn what_compilers_and_linkers_print_has_a_cause() {
    tells(
        "gcc: error: no shared objects are built here: everything is linked statically",
        "a shared library is linked",
    );
    tells("ld: attempted static link of dynamic object `libz.so'", "the shared object libz.so");
    tells("ld: cannot find -lgcc_s: No such file or directory", "libgcc_s is gcc's shared library");
    tells("a.c:3: undefined reference to `fopen64'", "`fopen64` is a second name");
    tells("a.c:3:1: error: unknown type name ‘off64_t’; did you mean", "`off64_t` is a second name");
    tells("a.c:1:10: fatal error: error.h: No such file or directory", "`error.h` is no header of POSIX");
    tells("a.c:1:10: fatal error: sys/cdefs.h: No such file or directory", "`sys/cdefs.h` is no header");
    tells("a.c:(.text+0x1): undefined reference to `backtrace'", "`backtrace` is a function of glibc");
    tells("a.c:(.text+0x1): undefined reference to `inflate'", "nothing that was linked defines `inflate`");
    tells("ld: b.o:(.bss+0x0): multiple definition of `log_level'; a.o", "`log_level` is defined twice");
    tells(
        "ld: a.o: relocation R_X86_64_32S against `.rodata' can not be used when making a PIE object",
        "code that depends",
    );
    tells("a.c:2:1: error: unused variable ‘x’ [-Werror=unused-variable]", "a warning is an error");
    tells("a.c:2:1: error: unknown type name ‘u_char’", "`u_char` is declared only");
    tells(
        "a.c:1: error: macro \"__DATE__\" might prevent reproducible builds [-Werror=date-time]",
        "`__DATE__` is fixed here",
    );
    tells("utf8.h:30:1: error: unknown type name '__BEGIN_DECLS'", "`__BEGIN_DECLS` is a macro of other libcs'");
    tells("a.c:1:10: fatal error: /usr/include/zlib.h: No such file or directory", "a path of the build machine");
}

#[test]
fn what_shells_and_configure_scripts_print_has_a_cause() {
    tells("configure: error: cannot run test program while cross compiling", "configure wants to run a program");
    tells("sh: 1: ./mkdefs: Exec format error", "a program that was built for the target");
    tells(
        "checking host system type... Invalid configuration `x86_64-linux-musl': system `musl' not recognized",
        "its config.sub",
    );
    tells("./missing: 81: aclocal-1.16: not found", "make takes files that autotools made");
    tells("WARNING: 'makeinfo' is missing on your system.", "makeinfo makes translations or documents");
    tells("/bin/sh: 1: msgfmt: not found", "msgfmt makes translations");
    tells(
        "checking for stone.h... no\nconfigure: error: required header file not found",
        "the header `stone.h` is not here",
    );
    tells("checking for lay in -lstone... no\nconfigure: error: stone is needed", "the library `stone` is not here");
    tells("make: /usr/bin/pkg-config: No such file or directory", "libraries are looked for");
    tells("configure: error: pkg-config not found", "libraries are looked for");
    tells("configure: error: The pkg-config script could not be found or is too old.", "libraries are looked for");
    tells("[drystone] contained: `wget` wanted a network socket (AF_INET)", "the build wants to fetch something");
    tells(
        "install: cannot change ownership of '/out/usr/bin/x': Operation not permitted",
        "files are given to another user",
    );
    tells("cp: cannot create regular file '/usr/bin/x': Read-only file system", "/usr/bin/x is written to");
    tells("sh: 3: python3: not found", "the program `python3` is not here");
    tells("make: gperf: No such file or directory", "the program `gperf` is not here");
}

#[test]
fn every_name_in_a_template_stands_for_something() {
    for (row, pattern) in LESSONS.iter().zip(patterns()) {
        for template in [row.cause, row.mend] {
            let names = template
                .replace("$$", "")
                .split('$')
                .skip(1)
                .map(|rest| {
                    let rest = rest.trim_start_matches('{');
                    rest[..rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())].to_owned()
                })
                .collect::<Vec<_>>();
            for name in names {
                assert!(pattern.capture_names().flatten().any(|group| group == name), "${name} in {template}");
            }
        }
    }
}

#[test]
fn a_recipe_that_brings_what_is_missing_is_named() {
    let brings = |missing: Missing, name: &str| match (missing, name) {
        (Missing::Header, "zlib.h") => vec!["zlib".to_owned()],
        (Missing::Program, "lua") => vec!["lua".to_owned(), "luajit".to_owned()],
        _ => Vec::new(),
    };
    let mend = |log: &str| lessons(log.as_bytes(), &brings).remove(0).mend;
    let header = mend("a.c:1:10: fatal error: zlib.h: No such file or directory");
    assert_eq!(header, "`zlib` brings it: add it to `[dependencies] target`");
    assert_eq!(mend("sh: 1: lua: not found"), "`lua` or `luajit` brings it: add it to `[dependencies] build`");
    assert!(mend("ld: cannot find -lfruit: No such file or directory").starts_with("its recipe belongs to"));
}

#[test]
fn few_are_told_the_particular_ones_first_and_nothing_of_a_log_that_says_nothing() {
    let log = "undefined reference to `f'\nmultiple definition of `g'\ncannot find -lgcc_s\nsh: 1: x: not found";
    let causes = causes(log);
    assert_eq!(causes.len(), TOLD);
    assert!(causes[0].contains("libgcc_s") && causes[1].contains("`g`"), "{causes:?}");
    assert_eq!(lessons(b"make: *** [all] Error 1\n", &nobody), []);
    // An early line of a long log is another story.
    let long = format!("cannot find -lgcc_s\n{}", "checking for x... yes\n".repeat(10_000));
    assert_eq!(lessons(long.as_bytes(), &nobody), []);
}
