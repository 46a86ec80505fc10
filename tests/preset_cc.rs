//! The `cc` preset: C files become libraries and programs without any shell or make.

mod support;

use insta::assert_snapshot;
use support::World;

const FILES: &[(&str, &str)] = &[
    ("include/greet.h", "const char *greet(void);\n"),
    ("lib/greet.c", "#include <greet.h>\nconst char *greet(void) { return GREETING; }\n"),
    ("lib/skipped.c", "#error not to be compiled\n"),
    (
        "main.c",
        "#include <stdio.h>\n#include <greet.h>\n#ifndef POLITE\n#error rude\n#endif\n\
         int main(void) { printf(\"%s %s %d\\n\", greet(), __FILE__, OPTIMISED); }\n",
    ),
    ("doc/greet.1", "a manual\n"),
    ("doc/wave.1", "another\n"),
    ("LICENSE", "MIT\n"),
];

const BUILD: &str = r#"
[build]
preset = "cc"
[[build.cc]]
library = "greet"
sources = ["lib/*.c"]
exclude = ["lib/skipped.c"]
include = ["include"]
define = { GREETING = "\"good 'stone' $HOME\"" }
[[build.cc]]
program = "greet"
sources = ["*.c"]
include = ["include"]
define = { POLITE = true }
flags = ["-DOPTIMISED=__OPTIMIZE__"]
libs = ["greet"]
[build.copy]
"usr/include/" = "include/*.h"
"usr/share/man/man1/" = "doc/*.1"
"usr/share/doc/greet/copying" = "LICENSE"
"#;

const TEST: &str = "[[test]]\nrun = [\"greet\"]\nstdout = \"good 'stone' $HOME main.c 1\\n\"\n";

fn project(build: &str) -> World {
    let world = World::new();
    let source = world.source("greet", FILES);
    world.recipe("greet", &format!("{source}{build}{TEST}"));
    world
}

#[test]
fn a_library_and_a_program_that_links_it_are_made_and_files_are_copied() {
    let world = project(BUILD);
    let built = world.drystone(&["build", "greet"]).succeeded();
    let mut files = Vec::new();
    for component in ["bin", "dev", "doc"] {
        let manifest = world.drystone(&["store", "manifest", &format!("greet/{component}")]).succeeded().stdout;
        let lines = manifest.lines().filter(|line| !line.ends_with("\td"));
        files.extend(lines.map(|line| format!("{component} {}", world.normal(line).replace('\t', " "))));
    }
    assert_snapshot!(files.join("\n"), @r"
    bin usr/bin/greet x DIGEST
    dev usr/include/greet.h f DIGEST
    dev usr/lib/libgreet.a f DIGEST
    doc usr/share/doc/greet/copying f DIGEST
    doc usr/share/man/man1/greet.1 f DIGEST
    doc usr/share/man/man1/wave.1 f DIGEST
    ");
    assert_eq!(built.paths().len(), 3);
    let header = std::fs::read_to_string(built.paths()[1].join("usr/include/greet.h")).unwrap();
    assert_eq!(header, FILES[0].1);
}

#[test]
fn neither_shell_nor_make_is_run() {
    // What runs first is the compiler by its name, so a build whose PATH has nothing else succeeds.
    let world = project(BUILD);
    world.drystone(&["build", "greet"]).succeeded();
    assert_snapshot!(world.log("greet"), @r"
    [drystone] unpack
    [drystone] compile
    made /out/usr/lib/libgreet.a
    made /out/usr/bin/greet
    [drystone] check
    [drystone] register
    ");
}

#[test]
fn a_compile_error_shows_the_compiler_s_own_words() {
    let world = project(&BUILD.replace("POLITE = true", "RUDE = true"));
    let run = world.drystone(&["build", "greet"]).ended(1);
    assert_snapshot!(world.normal(run.error()), @r#"
    error: greet-1 failed in its phase `compile`: exit status 1
    its last lines:
      | [drystone] unpack
      | [drystone] compile
      | made /out/usr/lib/libgreet.a
      | main.c:4:2: error: #error rude
      |     4 | #error rude
      |       |  ^~~~~
      | greet: ToolExecError: command did not execute successfully (status code exit status: 1): "x86_64-linux-musl-gcc" "-O2" "-ffunction-sections" "-fdata-sections" "-m64" "-march=x86-64" "-I" "include" "-I" "/build/files" "-w" "-DOPTIMISED=__OPTIMIZE__" "-DRUDE" "-O2" "-o" "/build/objects/greet/9bb0a3195b9dd27a-main.o" "-c" "main.c"
    hint: the whole log: drystone log greet
    hint: to look around where it failed: drystone shell greet --failed
    "#);
}

#[test]
fn a_missing_library_shows_the_linker_s_own_words() {
    let world = project(&BUILD.replace("libs = [\"greet\"]", "libs = [\"gone\"]"));
    let run = world.drystone(&["build", "greet"]).ended(1);
    assert_snapshot!(world.normal(run.error()), @r"
    error: greet-1 failed in its phase `compile`: exit status 1
    its last lines:
      | [drystone] unpack
      | [drystone] compile
      | made /out/usr/lib/libgreet.a
      | /usr/bin/ld: cannot find -lgone: No such file or directory
      | collect2: error: ld returned 1 exit status
      | greet: `x86_64-linux-musl-gcc` ended with exit status: 1
    cause: the library `gone` is not here
     mend: its recipe belongs to `[dependencies] target`; if it is the program's own, it is linked before it is made
    hint: the whole log: drystone log greet
    hint: to look around where it failed: drystone shell greet --failed
    ");
}

#[test]
fn globs_that_match_nothing_or_too_much_are_said() {
    let fault = |from: &str, to: &str| {
        let world = project(&BUILD.replace(from, to));
        let run = world.drystone(&["build", "greet"]).ended(1);
        let mut tail = run.stderr.lines().filter(|line| line.starts_with("  | ") && !line.contains("[drystone]"));
        tail.next_back().unwrap_or_default().to_owned()
    };
    assert_snapshot!(fault("\"*.c\"", "\"*.cc\""), @r#"  | greet: no file matches ["*.cc"]"#);
    assert_snapshot!(fault("\"LICENSE\"", "\"LICENCE\""), @"  | nothing to copy to usr/share/doc/greet/copying: no file matches `LICENCE`");
    assert_snapshot!(fault("\"LICENSE\"", "\"doc/*\""), @"  | several files match `doc/*`, so usr/share/doc/greet/copying must end with `/`");
}

#[test]
fn a_program_links_a_library_of_another_recipe() {
    let world = project(BUILD);
    let source = world
        .source("wave", &[("wave.c", "#include <greet.h>\n#include <stdio.h>\nint main(void) { puts(greet()); }\n")]);
    let needs = "[dependencies]\ntarget = [\"greet\"]\n";
    let build =
        "[build]\npreset = \"cc\"\n[[build.cc]]\nprogram = \"wave\"\nsources = [\"wave.c\"]\nlibs = [\"greet\"]\n";
    let test = "[[test]]\nrun = [\"wave\"]\nstdout = \"good 'stone' $HOME\\n\"\n";
    world.recipe("wave", &format!("{source}{needs}{build}{test}"));
    world.drystone(&["build", "wave"]).succeeded();
}
