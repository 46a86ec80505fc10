//! `drystone store export` and `import`: what one project has built, another need not build.

use insta::assert_snapshot;

use crate::support::{Run, World, base, wait_until};

const HELLO: &str = "mkdir -p $OUT/usr/bin; echo '#!/usr/bin/sh' > $OUT/usr/bin/hello";

/// Another store of a world, in which nothing or the toolchain is built.
pub fn other(world: &World, name: &str, toolchain: bool) -> std::path::PathBuf {
    let place = world.path(name);
    if toolchain {
        base().link_into(&place);
    } else {
        drystone::store::Store::open(&place).unwrap();
    }
    place
}

fn run_in(world: &World, store: &str, words: &[&str]) -> Run {
    Run::of(world.command(words).env("DRYSTONE_STORE", world.path(store)))
}

#[test]
fn what_was_imported_with_its_traces_is_not_built_again() {
    let world = World::new();
    world.script("hello", HELLO);
    world.drystone(&["build", "hello"]).succeeded();
    let exported =
        world.drystone(&["store", "export", "hello", "--build", "--logs", "-o", "../hello.tar.zst"]).succeeded();
    other(&world, "other", false);
    let imported = run_in(&world, "other", &["store", "import", "../hello.tar.zst", "--trust-traces"]).succeeded();
    assert_eq!(imported.stdout, exported.stdout, "both name the index");
    let marked = drystone::fs::list(&world.path("other/traces")).unwrap();
    let is_mark = |name: &std::ffi::OsString| name.to_string_lossy().ends_with(".imported");
    assert!(marked.iter().any(is_mark), "what was not built here must not be attested: {marked:?}");
    let built = run_in(&world, "other", &["build", "hello"]).succeeded();
    assert_snapshot!(world.normal(&built.stderr), @"hello: nothing to do, all is built (N ms)");
    assert_eq!(run_in(&world, "other", &["log", "hello"]).succeeded().stdout, world.log("hello"));
    let gone = run_in(&world, "other", &["store", "gc"]).succeeded();
    assert_snapshot!(gone.stderr, @"removed 0 objects, 0 traces and 0 cached layers");
    run_in(&world, "other", &["store", "verify"]).succeeded();
}

#[test]
fn an_import_says_what_it_took_and_what_it_did_not_believe() {
    let world = World::new();
    world.script("hello", HELLO);
    world.drystone(&["build", "hello"]).succeeded();
    let run = world.drystone(&["store", "export", "hello", "-o", "../hello.tar.zst"]).succeeded();
    assert_snapshot!(without_size(&world.normal(&run.stderr)), @"../hello.tar.zst: 1 object and 2 traces, N BYTES (N s)");
    other(&world, "other", true);
    let first = run_in(&world, "other", &["store", "import", "../hello.tar.zst"]).succeeded();
    assert_snapshot!(world.normal(&first.stderr), @r"
    ../hello.tar.zst: imported 1 object; 0 objects there before (N s)
    left out: 2 traces; --trust-traces takes them, on the word of whoever made the file
    ");
    let built = run_in(&world, "other", &["build", "hello"]).succeeded();
    assert!(built.stderr.contains("hello-1: script"), "what is not believed is built:\n{}", built.stderr);
    let again = run_in(&world, "other", &["store", "import", "../hello.tar.zst", "--trust-traces"]).succeeded();
    assert_snapshot!(world.normal(&again.stderr), @"../hello.tar.zst: imported 0 objects, 0 traces; 1 object there before (N s)");
}

#[test]
fn a_killed_import_leaves_whole_objects_and_the_next_one_goes_on() {
    let world = World::new();
    world.script("hello", HELLO);
    world.drystone(&["build", "hello"]).succeeded();
    world.drystone(&["store", "export", "hello", "--build", "-o", "../hello.tar.zst"]).succeeded();
    let place = other(&world, "other", false);
    let mut command = world.command(&["store", "import", "../hello.tar.zst", "--trust-traces"]);
    let mut child = command.env("DRYSTONE_STORE", &place).spawn().unwrap();
    wait_until("an object has come", || !drystone::fs::list(&place.join("manifests")).unwrap().is_empty());
    child.kill().unwrap();
    let killed = child.wait().unwrap().code().is_none();
    let store = drystone::store::Store::look(&place).unwrap();
    // Which of the objects is the large one, the toolchain decides: the import may have been at its end.
    let traces = drystone::fs::list(&place.join("traces")).unwrap();
    assert!(!killed || traces.is_empty() || store.roots().unwrap().len() > 1, "traces come last: {traces:?}");
    for id in drystone::fs::list(&place.join("manifests")).unwrap() {
        let id = id.to_str().unwrap().parse().unwrap();
        let scanned = drystone::store::scan(&store.object_path(&id)).unwrap();
        assert_eq!(scanned.tree.id(), id);
    }
    run_in(&world, "other", &["store", "import", "../hello.tar.zst", "--trust-traces"]).succeeded();
    run_in(&world, "other", &["build", "hello"]).succeeded().says("nothing to do");
    assert_eq!(drystone::fs::list(&place.join("tmp")).unwrap(), [""; 0]);
}

/// The archive's size differs with the seconds that builds took.
fn without_size(text: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    if let Some(unit) = words.iter().position(|word| matches!(*word, "B" | "KiB" | "MiB")) {
        words[unit - 1] = "N";
        words[unit] = "BYTES";
    }
    words.join(" ")
}

#[test]
fn a_changed_export_is_an_error_that_says_what_to_do() {
    let world = World::new();
    world.script("hello", HELLO);
    world.drystone(&["build", "hello"]).succeeded();
    world.drystone(&["store", "export", "hello", "-o", "../hello.tar.zst"]).succeeded();
    let file = world.path("hello.tar.zst");
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    other(&world, "other", false);
    let run = run_in(&world, "other", &["store", "import", "../hello.tar.zst", "--trust-traces"]).ended(1);
    assert_snapshot!(world.normal(&run.stderr), @r"
    error: ../hello.tar.zst was altered: its bytes are not those that it was sealed with, though what they unpack to is the same
    hint: nothing of the file that does not prove itself was taken; get it again
    ");
    let run = world.drystone(&["store", "export", "hallo", "-o", "../x"]).ended(2);
    assert_snapshot!(world.normal(&run.stderr), @r"
    error: there is no recipe `hallo`
    hint: the nearest: `hello`
    ");
    world.script("hello", "exit 1");
    let run = world.drystone(&["store", "export", "hello", "-o", "../x"]).ended(2);
    assert_snapshot!(world.normal(&run.stderr), @r"
    error: hello as it is now is not built for x86_64-linux-musl
    hint: build it first: drystone build hello
    ");
}

#[test]
fn a_component_is_exported_with_what_it_needs_at_run_time_and_without_its_siblings() {
    let world = World::new();
    world.script("sand", "mkdir -p $OUT/usr/bin; echo sand > $OUT/usr/bin/sand");
    let script =
        "mkdir -p $OUT/usr/bin $OUT/usr/share/doc; echo wall > $OUT/usr/bin/wall; echo doc > $OUT/usr/share/doc/wall";
    let body = format!("[build]\npreset = \"script\"\nscript = '{script}'\n[components.bin]\nruntime = [\"sand\"]\n");
    world.recipe("wall", &body);
    world.drystone(&["build", "wall", "sand"]).succeeded();
    world.drystone(&["store", "export", "wall/bin", "-o", "../wall.tar.zst"]).succeeded();
    let place = other(&world, "other", false);
    run_in(&world, "other", &["store", "import", "../wall.tar.zst"]).succeeded();
    assert_eq!(drystone::fs::list(&place.join("roots/x86_64-linux-musl")).unwrap(), ["sand-1", "wall-1"]);
    assert_eq!(drystone::fs::list(&place.join("objects")).unwrap().len(), 2);
}

#[test]
fn a_derivation_that_gave_other_objects_here_is_an_error_and_stays_as_it_is() {
    let world = World::new();
    world.script("hello", "mkdir -p $OUT/usr/bin; head -c 9 /dev/urandom | od -An -tx1 > $OUT/usr/bin/hello");
    world.drystone(&["build", "hello"]).succeeded();
    world.drystone(&["store", "export", "hello", "-o", "../hello.tar.zst"]).succeeded();
    other(&world, "other", true);
    let built = run_in(&world, "other", &["build", "hello"]).succeeded();
    let run = run_in(&world, "other", &["store", "import", "../hello.tar.zst", "--trust-traces"]).ended(1);
    assert_snapshot!(world.normal(run.error()), @r"
    error: hello-1 gave other objects here than in the file, of the same inputs (key DIGEST)
    hint: what this store says of it stays; to see the difference: drystone store diff STORE ../hello.tar.zst
    ");
    assert_eq!(run_in(&world, "other", &["build", "hello"]).succeeded().stdout, built.stdout);
}

#[test]
fn sources_come_along_where_that_is_asked_for() {
    let world = World::new();
    let source = world.source("stones", &[("stone", "granite\n")]);
    let script = "mkdir -p $OUT/usr/bin; echo wall > $OUT/usr/bin/wall";
    world.recipe("wall", &format!("{source}[build]\npreset = \"script\"\nscript = '{script}'\n"));
    world.drystone(&["build", "wall"]).succeeded();
    for (store, words, count) in [("without", [].as_slice(), 0), ("with", &["--sources"], 1)] {
        let export = ["store", "export", "wall", "-o", "../wall.tar.zst"];
        world.drystone(&[&export, words].concat()).succeeded();
        let place = other(&world, store, false);
        run_in(&world, store, &["store", "import", "../wall.tar.zst"]).succeeded();
        assert_eq!(drystone::fs::list(&place.join("sources")).unwrap().len(), count, "{store}");
    }
}
