//! The `cmake` preset: a project with a library of its own and others' becomes a static program, and nothing that it
//! has compiled is run.

mod support;

use std::process::Command;

use insta::assert_snapshot;
use support::{DRYSTONE, Run, World, base, real_recipe};

const WALL: &[(&str, &str)] = &[
    (
        "CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.20)\nproject(wall VERSION 1.0 LANGUAGES C)\ninclude(GNUInstallDirs)\n\
         include(CheckSymbolExists)\nfind_package(PkgConfig REQUIRED)\n\
         pkg_check_modules(MORTAR REQUIRED IMPORTED_TARGET mortar)\nfind_package(ZLIB REQUIRED)\n\
         find_package(LibArchive)\nfind_library(UV NAMES uv libuv.so.1)\n\
         check_symbol_exists(strlcpy string.h HAVE_STRLCPY)\n\
         check_symbol_exists(backtrace execinfo.h HAVE_BACKTRACE)\n\
         configure_file(config.h.in config.h)\nadd_library(stone stone.c)\nadd_executable(wall wall.c)\n\
         target_include_directories(wall PRIVATE ${CMAKE_CURRENT_BINARY_DIR})\n\
         target_link_libraries(wall stone PkgConfig::MORTAR ZLIB::ZLIB)\ninstall(TARGETS wall stone)\n\
         install(FILES wall.conf DESTINATION ${CMAKE_INSTALL_SYSCONFDIR})\n",
    ),
    (
        "config.h.in",
        "#cmakedefine HAVE_STRLCPY\n#cmakedefine HAVE_BACKTRACE\n\
         #define FOUND \"${LibArchive_FOUND} ${UV}\"\n#define PROCESSOR \"${CMAKE_SYSTEM_PROCESSOR}\"\n\
         #define ETC \"${CMAKE_INSTALL_FULL_SYSCONFDIR}\"\n#define CROSS \"${CMAKE_CROSSCOMPILING}\"\n",
    ),
    ("stone.c", "const char *stone(void) { return __FILE__; }\n"),
    (
        "wall.c",
        "#include \"config.h\"\n#include <assert.h>\n#include <stdio.h>\n#include <zlib.h>\n\
         #if !defined HAVE_STRLCPY || defined HAVE_BACKTRACE || defined NDEBUG || !defined __OPTIMIZE__\n#error\n#endif\n\
         const char *stone(void);\nint mortar(void);\n\
         int main(void)\n{\n\tprintf(\"%s %lx %d\\n\", stone(), crc32(0, (const Bytef *)\"wall\", 4), mortar());\n\
         \tputs(FOUND);\n\tputs(PROCESSOR \" \" CROSS \" \" ETC);\n}\n",
    ),
    ("wall.conf", "dry\n"),
];

/// A library that says with pkg-config alone that it needs another.
const MORTAR: &[(&str, &str)] = &[
    (
        "CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.20)\nproject(mortar LANGUAGES C)\nadd_library(mortar mortar.c)\n\
         install(TARGETS mortar)\ninstall(FILES mortar.pc DESTINATION lib/pkgconfig)\n",
    ),
    (
        "mortar.c",
        "#include <zlib.h>\nint mortar(void) { return compressBound(0) > 0 && zlibVersion()[0] == ZLIB_VERSION[0]; }\n",
    ),
    ("mortar.pc", "Name: mortar\nDescription: Mortar\nVersion: 1\nLibs: -L/usr/lib -lmortar\nRequires.private: zlib\n"),
];

const BUILD: &str = "[build]\npreset = \"cmake\"\n";

/// The program in a world's project, with the store in which the preset's seeds are or come to be: it may say where
/// the mirrors are, so it is run in the developer's own environment.
fn drystone(world: &World, words: &[&str]) -> Run {
    let mut command = Command::new(DRYSTONE);
    Run::of(command.args(words).current_dir(world.path("project")).env("DRYSTONE_STORE", &base().store))
}

fn project(files: &[(&str, &str)], more: &str) -> World {
    let world = World::bare();
    world.write("recipes/zlib.toml", &real_recipe("zlib"));
    let mortar = world.source("mortar", MORTAR);
    let zlib = "[dependencies]\ntarget = [\"zlib\"]\n";
    world.recipe("mortar", &format!("{mortar}{zlib}{BUILD}"));
    let wall = world.source("wall", files);
    world.recipe("wall", &format!("{wall}[dependencies]\ntarget = [\"mortar\"]\n{BUILD}{more}"));
    world
}

/// The project with lines added to its CMakeLists.txt, and what the build makes of it.
fn with_lines(lines: &str, words: &str) -> Run {
    let text = WALL[0].1.replace("add_library", &format!("{lines}\nadd_library"));
    let mut files = WALL.to_vec();
    files[0].1 = &text;
    let world = project(&files, words);
    drystone(&world, &["build", "wall"])
}

#[test]
fn libraries_come_from_the_sysroot_and_nothing_from_the_seeds() {
    let said = "stdout = \"./src/stone.c 13f5eff6 1\\nFALSE UV-NOTFOUND\\nx86_64 TRUE /etc\\n\"\n";
    let world = project(
        WALL,
        &format!("[components.bin]\nfiles = [\"usr/bin/*\", \"etc/**\"]\n[[test]]\nrun = [\"wall\"]\n{said}"),
    );
    drystone(&world, &["build", "wall"]).succeeded();
    let mut files = Vec::new();
    for component in ["bin", "dev"] {
        let manifest = drystone(&world, &["store", "manifest", &format!("wall/{component}")]).succeeded().stdout;
        let lines = manifest.lines().filter(|line| !line.ends_with("\td"));
        files.extend(lines.map(|line| format!("{component} {}", world.normal(line).replace('\t', " "))));
    }
    assert_snapshot!(files.join("\n"), @r"
    bin etc/wall.conf f DIGEST
    bin usr/bin/wall x DIGEST
    dev usr/lib/libstone.a f DIGEST
    ");
}

#[test]
fn what_could_only_be_found_by_running_it_is_answered_by_the_recipe() {
    let check = "include(CheckCSourceRuns)\ncheck_c_source_runs(\"int main(void) { return 0; }\" RUNS)\n\
                 if(NOT RUNS)\nmessage(FATAL_ERROR \"it does not run\")\nendif()";
    with_lines(check, "").ended(1).says("-- Performing Test RUNS").says("Answer it by its name");
    with_lines(check, "configure = [\"-DRUNS=1\"]\n[components.bin]\nfiles = [\"usr/bin/*\", \"etc/**\"]\n")
        .succeeded();
}

#[test]
fn what_it_has_compiled_is_not_run_later_either() {
    let lines = "file(WRITE maker.c \"int main(void) { return 0; }\")\nadd_executable(maker maker.c)\n\
                 add_custom_command(OUTPUT made COMMAND maker)\nadd_custom_target(making ALL DEPENDS made)";
    with_lines(lines, "").ended(1).says("/build/cmake/maker was compiled for the target");
}

#[test]
fn words_of_the_recipe_name_what_is_built_and_installed() {
    let lines = "add_custom_target(only-stone COMMAND ${CMAKE_COMMAND} --install . --component stone)";
    let text = WALL[0].1.replace("install(TARGETS wall stone)", "install(TARGETS stone COMPONENT stone)");
    let text = text.replace("add_library", &format!("{lines}\nadd_library"));
    let mut files = WALL.to_vec();
    files[0].1 = &text;
    files[3].1 = "#error not to be built\n";
    let world = project(&files, "targets = [\"stone\"]\ninstall = [\"only-stone\"]\n");
    drystone(&world, &["build", "wall"]).succeeded();
    let manifest = drystone(&world, &["store", "manifest", "wall/dev"]).succeeded().stdout;
    let names: Vec<_> = manifest.lines().filter_map(|line| line.split('\t').next()).collect();
    assert!(names.contains(&"usr/lib/libstone.a"), "{names:?}");
}
