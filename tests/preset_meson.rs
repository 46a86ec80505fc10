//! The `meson` preset: a project with a library of its own and others' becomes a static program, and what is run during
//! the build is compiled for the machine that builds.

mod support;

use std::process::Command;

use insta::assert_snapshot;
use support::{DRYSTONE, Run, World, base, real_recipe};

const WALL: &[(&str, &str)] = &[
    (
        "meson.build",
        "project('wall', 'c', version: '1.0', default_options: ['buildtype=debugoptimized', 'c_std=c11'])\n\
         cc = meson.get_compiler('c')\nconfig = configuration_data()\n\
         config.set('HAVE_STRLCPY', cc.has_function('strlcpy', prefix: '#define _GNU_SOURCE\\n#include <string.h>'))\n\
         config.set('HAVE_BACKTRACE', cc.has_function('backtrace'))\n\
         config.set('LONG', cc.sizeof('long'))\n\
         config.set_quoted('CPU', host_machine.cpu_family())\n\
         config.set('CROSS', meson.is_cross_build())\n\
         config.set_quoted('ETC', get_option('sysconfdir'))\n\
         config.set('EXPAT', dependency('expat', required: false).found() or cc.find_library('ssl', required: false).found())\n\
         configure_file(output: 'config.h', configuration: config)\n\
         mortar = dependency('mortar')\ncc.find_library('z')\nstone = library('stone', 'stone.c', install: true)\n\
         maker = executable('maker', 'maker.c', native: true)\n\
         made = custom_target('made', output: 'made.h', capture: true, command: [maker])\n\
         sorted = custom_target('sorted', output: 'sorted.h', capture: true,\n\
         \tcommand: [find_program('python3'), files('make.py')])\n\
         executable('wall', 'wall.c', made, sorted, link_with: stone, dependencies: mortar, install: true)\n\
         install_data('wall.conf', install_dir: get_option('sysconfdir'))\n",
    ),
    ("stone.c", "const char *stone(void) { return __FILE__; }\n"),
    ("maker.c", "#include <stdio.h>\nint main(void) { return puts(\"#define MADE \\\"made\\\"\") < 0; }\n"),
    ("make.py", "import helper\nprint('#define SORTED \"%s\"' % helper.order(set('dry stone')))\n"),
    ("helper.py", "def order(names): return ''.join(names)\n"),
    (
        "wall.c",
        "#include \"config.h\"\n#include \"made.h\"\n#include \"sorted.h\"\n#include <assert.h>\n#include <stdio.h>\n\
         #include <zlib.h>\n\
         #if !defined HAVE_STRLCPY || defined HAVE_BACKTRACE || defined EXPAT || defined NDEBUG || !defined CROSS\n\
         #error\n#endif\nconst char *stone(void);\nint mortar(void);\n\
         int main(void)\n{\n\tprintf(\"%s %lx %d\\n\", stone(), crc32(0, (const Bytef *)\"wall\", 4), mortar());\n\
         \tprintf(\"%s %s %d %s %s\\n\", MADE, SORTED, LONG, CPU, ETC);\n}\n",
    ),
    ("wall.conf", "dry\n"),
    (
        "subprojects/mortar.wrap",
        "[wrap-file]\ndirectory = mortar-1\nsource_url = https://quarry.example/mortar-1.tar.xz\n\
         source_filename = mortar-1.tar.xz\nsource_hash = 00\n[provide]\nmortar = mortar_dep\n",
    ),
];

/// A library that says with pkg-config alone that it needs another.
const MORTAR: &[(&str, &str)] = &[
    (
        "meson.build",
        "project('mortar', 'c', version: '1')\nz = dependency('zlib')\n\
         library('mortar', 'mortar.c', dependencies: z, install: true)\n\
         install_data('mortar.pc', install_dir: get_option('libdir') / 'pkgconfig')\n",
    ),
    (
        "mortar.c",
        "#include <zlib.h>\nint mortar(void) { return compressBound(0) > 0 && zlibVersion()[0] == ZLIB_VERSION[0]; }\n",
    ),
    ("mortar.pc", "Name: mortar\nDescription: Mortar\nVersion: 1\nLibs: -L/usr/lib -lmortar\nRequires.private: zlib\n"),
];

const BUILD: &str = "[build]\npreset = \"meson\"\n";
const BIN: &str = "[components.bin]\nfiles = [\"usr/bin/*\", \"etc/**\"]\n";

/// The program in a world's project, with the store in which the preset's seeds are or come to be: it may say where
/// the mirrors are, so it is run in the developer's own environment.
fn drystone(world: &World, words: &[&str]) -> Run {
    let mut command = Command::new(DRYSTONE);
    Run::of(command.args(words).current_dir(world.path("project")).env("DRYSTONE_STORE", &base().store))
}

fn project(files: &[(&str, &str)], needs: &str, more: &str) -> World {
    let world = World::bare();
    world.write("recipes/zlib.toml", &real_recipe("zlib"));
    let mortar = world.source("mortar", MORTAR);
    let zlib = "[dependencies]\ntarget = [\"zlib\"]\n";
    world.recipe("mortar", &format!("{mortar}{zlib}{BUILD}"));
    let wall = world.source("wall", files);
    world.recipe("wall", &format!("{wall}[dependencies]\ntarget = [\"{needs}\"]\n{BUILD}{more}"));
    world
}

#[test]
fn libraries_come_from_the_sysroot_and_what_is_run_is_compiled_for_that() {
    let said = "stdout = \"../src/stone.c 13f5eff6 1\\nmade dy snrtoe 8 x86_64 /etc\\n\"\n";
    let world = project(WALL, "mortar", &format!("{BIN}[[test]]\nrun = [\"wall\"]\n{said}"));
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
    // The order of a set of names comes from Python's hashes, which are not of chance here.
    drystone(&world, &["build", "--check", "wall"]).succeeded();
}

#[test]
fn a_library_that_is_not_there_is_not_fetched() {
    let world = project(WALL, "zlib", BIN);
    let run = drystone(&world, &["build", "wall"]).ended(1);
    run.says("Dependency 'mortar' is required but not found.");
}

#[test]
fn what_could_only_be_found_by_running_it_is_said() {
    let text = format!("{}cc.run('int main(void) {{ return 0; }}')\n", WALL[0].1);
    let mut files = WALL.to_vec();
    files[0].1 = &text;
    let world = project(&files, "mortar", BIN);
    drystone(&world, &["build", "wall"]).ended(1).says("Can not run test applications in this cross environment.");
}

#[test]
fn words_of_the_recipe_name_options_and_what_is_built() {
    let text =
        format!("{}run_target('only-conf', command: ['cp', files('wall.conf'), get_option('conf')])\n", WALL[0].1);
    let mut files = WALL.to_vec();
    files[0].1 = &text;
    files[5].1 = "#error not to be built\n";
    files.push(("meson_options.txt", "option('conf', type: 'string')\n"));
    let words = "configure = [\"-Dconf=/out/usr/share\"]\ntargets = [\"libstone.a\"]\ninstall = [\"only-conf\"]\n\
                 prepare = \"mkdir -p $OUT/usr/share\"\n[components.conf]\nfiles = [\"usr/share/*\"]\n";
    let world = project(&files, "mortar", words);
    drystone(&world, &["build", "wall"]).succeeded();
    let manifest = drystone(&world, &["store", "manifest", "wall/conf"]).succeeded().stdout;
    assert!(manifest.contains("usr/share/wall.conf"), "{manifest}");
}
