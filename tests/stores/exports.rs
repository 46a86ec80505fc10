//! An export holds what was selected, arrives as it was, and is read by others' tools.

use std::process::Command;

use drystone::store::{Holding, Store, Taken, Trace};

use crate::bench::{Bench, TARGET, inputs, names, object, told};
use crate::support::{HOME, Run};

#[test]
fn what_arrives_is_what_left() {
    let bench = Bench::new();
    let (file, exported) = bench.export("wall.tar.zst");
    assert_eq!((exported.objects, exported.traces, exported.sources), (2, 1, 1));
    let other = bench.other("other");
    let imported = other.import(&file, Taken::Traces, &|_| ()).unwrap();
    assert_eq!(imported.index, exported.index);
    assert_eq!((imported.objects, imported.present, imported.sources, imported.traces), (2, 0, 1, 1));
    for directory in ["objects", "manifests", "traces", "logs", "sources", "roots/x86_64-linux-musl"] {
        // What came from elsewhere is marked as that.
        let mut came = names(&other, directory);
        came.retain(|name| !name.ends_with(".imported"));
        assert_eq!(came, names(&bench.store, directory), "{directory}");
    }
    assert_eq!(other.verify(&|| ()).unwrap().faults, []);
    assert_eq!(other.trace(&bench.key).unwrap(), bench.store.trace(&bench.key).unwrap());
    assert_eq!(other.inputs(&bench.key).unwrap(), Some(inputs("-O2")));
    assert_eq!(other.log(&bench.key).unwrap().unwrap(), b"laid 3 stones\n");
    let again = other.import(&file, Taken::Traces, &|_| ()).unwrap();
    assert_eq!((again.objects, again.present, again.sources, again.traces), (0, 2, 0, 0));
    // The roots keep what came.
    let place = other.root().to_owned();
    drop(other);
    assert_eq!(Store::open(&place).unwrap().collect().unwrap().objects, 0);
}

#[test]
fn nobody_is_believed_unasked() {
    let bench = Bench::new();
    let (file, _) = bench.export("wall.tar.zst");
    let other = bench.other("other");
    let imported = other.import(&file, Taken::Objects, &|_| ()).unwrap();
    assert_eq!((imported.objects, imported.traces, imported.left), (2, 0, 1));
    assert_eq!(names(&other, "traces"), [""; 0]);
    assert_eq!(names(&other, "logs"), [""; 0]);
    assert!(other.has_object(&bench.wall));
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    let (one, other) = (Bench::new(), Bench::new());
    object(&other.store, &[("usr/bin/else", "in this store alone")]);
    let [one, other] = [one, other].map(|bench| std::fs::read(bench.export("wall.tar.zst").0).unwrap());
    assert_eq!(one, other);
}

#[test]
fn tar_and_b3sum_read_an_export_and_agree_with_its_index() {
    let bench = Bench::new();
    bench.export("wall.tar.zst");
    let script = format!(
        "cd {}; mkdir out; cd out; tar --zstd -xf ../wall.tar.zst; tail -n +2 index | b3sum --check --quiet
        for object in objects/*; do
          test \"$('{HOME}/docs/scripts/manifest' $object | b3sum --no-names)\" = \"${{object#objects/}}\"
        done
        head -c -40 ../wall.tar.zst | b3sum --no-names
        tail -c 32 ../wall.tar.zst | od -An -v -tx1 | tr -d ' \\n'",
        bench.scratch.path().display()
    );
    let run = Run::of(Command::new("sh").args(["-euc", &script])).succeeded();
    let seals: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(seals[0], seals[1], "the seal is the BLAKE3 of what stands before it");
    let files = std::fs::read_to_string(bench.path("out/index")).unwrap();
    let lines: Vec<&str> = files.lines().map(|line| line.split("  ").last().unwrap()).collect();
    let (key, id) = (bench.key, bench.wall);
    assert_eq!(lines[0], "drystone-export 1 whole");
    assert!(lines.contains(&format!("manifests/{id}").as_str()) && lines.contains(&format!("traces/{key}").as_str()));
}

#[test]
fn manifests_alone_can_be_compared_but_not_imported() {
    let mut bench = Bench::new();
    bench.selection.bytes = false;
    bench.selection.sources.clear();
    let (file, _) = bench.export("manifests.tar.zst");
    let other = bench.other("other");
    let error = other.import(&file, Taken::Objects, &|_| ()).unwrap_err().to_string();
    assert!(error.ends_with("manifests.tar.zst has only manifests and traces, which can be compared but not imported"));
    let holding = Holding::open(&file, &|_| ()).unwrap();
    assert_eq!(holding.tree(&bench.wall), Some(&bench.store.tree(&bench.wall).unwrap()));
    assert_eq!(holding.roots, bench.selection.roots);
}

#[test]
fn nothing_corrupt_leaves_a_store() {
    let bench = Bench::new();
    let place = bench.store.object_path(&bench.wall).join("usr/bin/wall");
    drystone::fs::set_mode(&place, 0o755).unwrap();
    std::fs::write(&place, "ELF of a hole!!").unwrap();
    let output = bench.path("wall.tar.zst");
    let error = bench.store.export(&bench.selection, &output, &|_| ()).unwrap_err().to_string();
    let what = format!("objects/{}/usr/bin/wall", bench.wall);
    assert_eq!(error, format!("`{what}` of the store is not what its name or manifest says, so nothing was exported"));
    assert!(!output.exists());
}

#[test]
fn a_truncated_export_leaves_whole_objects_and_the_same_import_goes_on() {
    let bench = Bench::new();
    // Too much for one block of the compression, so that the first object is whole when the rest is missing.
    let noise = |seed: u64| {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + (state >> 33) as u8 % 90)
        };
        (0..600_000).map(|_| next()).collect::<String>()
    };
    let mut selection = bench.selection.clone();
    selection.traces.clear();
    selection.roots.clear();
    selection.objects = (1..=3).map(|seed| object(&bench.store, &[("noise", &noise(seed))])).collect();
    let file = bench.path("noise.tar.zst");
    bench.store.export(&selection, &file, &|_| ()).unwrap();
    let whole = std::fs::read(&file).unwrap();
    // Cut in the middle, with the seal that the rest would have: a broken disk, say, or a bad copy.
    let cut = crate::bench::resealed(&whole[..whole.len() / 2]);
    std::fs::write(&file, cut).unwrap();
    let other = bench.other("other");
    let error = told(&other.import(&file, Taken::Objects, &|_| ()).unwrap_err());
    let second = selection.objects.iter().nth(1).unwrap();
    assert!(error.ends_with(&format!("noise.tar.zst: `objects/{second}/noise` is truncated")), "{error}");
    let first = selection.objects.first().unwrap().to_string();
    assert_eq!((names(&other, "objects"), names(&other, "manifests")), (vec![first.clone()], vec![first]));
    assert_eq!(other.verify(&|| ()).unwrap().faults, []);
    std::fs::write(&file, whole).unwrap();
    let imported = other.import(&file, Taken::Objects, &|_| ()).unwrap();
    assert_eq!((imported.objects, imported.present), (2, 1));
}

#[test]
fn what_the_store_says_itself_stays() {
    let bench = Bench::new();
    let (file, _) = bench.export("wall.tar.zst");
    let other = bench.other("other");
    let own = object(&other, &[("usr/bin/wall*", "another ELF")]);
    other.set_root(TARGET, "wall-1", &own).unwrap();
    let trace = bench.store.trace(&bench.key).unwrap().unwrap();
    let own_trace = Trace { outputs: [("bin".to_owned(), own)].into(), ..trace };
    other.put_trace(&bench.key, &own_trace).unwrap();
    let imported = other.import(&file, Taken::Traces, &|_| ()).unwrap();
    let name = format!("{TARGET}/wall-1@{}", bench.wall.short());
    assert_eq!(imported.renamed, [(format!("{TARGET}/wall-1"), name.clone())]);
    assert_eq!(imported.other.len(), 1);
    assert_eq!(imported.other[0].key, bench.key);
    assert_eq!(other.trace(&bench.key).unwrap(), Some(own_trace));
    let roots = other.roots().unwrap();
    assert_eq!((roots[&format!("{TARGET}/wall-1")], roots[&name]), (own, bench.wall));
}

#[test]
fn no_corrupt_source_leaves_a_store() {
    let bench = Bench::new();
    let sha256 = *bench.selection.sources.first().unwrap();
    let place = bench.store.source(&sha256).unwrap();
    drystone::fs::set_mode(&place, 0o644).unwrap();
    std::fs::write(&place, "sand").unwrap();
    let output = bench.path("wall.tar.zst");
    let error = bench.store.export(&bench.selection, &output, &|_| ()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("`sources/{sha256}` of the store is corrupt: ")), "{error}");
    assert!(!output.exists());
}

#[test]
fn a_log_that_another_build_has_replaced_stays_behind() {
    let bench = Bench::new();
    bench.store.put_log(&bench.key, b"laid 4 stones\n").unwrap();
    let (file, _) = bench.export("wall.tar.zst");
    let other = bench.other("other");
    other.import(&file, Taken::Traces, &|_| ()).unwrap();
    assert_eq!(other.trace(&bench.key).unwrap(), bench.store.trace(&bench.key).unwrap());
    assert_eq!(names(&other, "logs"), [""; 0]);
}

#[test]
fn neither_another_mode_nor_a_link_to_elsewhere_leaves_a_store() {
    for change in ["chmod 644 usr/bin/wall", "chmod 755 usr/bin; ln -sf gate usr/bin/mur"] {
        let bench = Bench::new();
        let place = bench.store.object_path(&bench.wall);
        Run::of(Command::new("sh").args(["-euc", change]).current_dir(&place)).succeeded();
        let output = bench.path("wall.tar.zst");
        let error = bench.store.export(&bench.selection, &output, &|_| ()).unwrap_err().to_string();
        assert!(
            error.ends_with(" of the store is not what its name or manifest says, so nothing was exported"),
            "{error}"
        );
        assert!(!output.exists(), "{change}");
    }
}

#[test]
fn what_tells_of_an_object_that_was_not_chosen_stays_behind() {
    let mut bench = Bench::new();
    let wall = bench.wall;
    bench.selection.objects.retain(|id| *id == wall);
    let (file, exported) = bench.export("wall.tar.zst");
    assert_eq!((exported.objects, exported.traces), (1, 0));
    let other = bench.other("other");
    let imported = other.import(&file, Taken::Traces, &|_| ()).unwrap();
    assert_eq!((imported.objects, imported.traces), (1, 0));
    assert_eq!(names(&other, "roots/x86_64-linux-musl"), ["wall-1"]);
}

#[test]
fn inputs_that_do_not_explain_their_key_stay_in_their_store() {
    let bench = Bench::new();
    let name = format!("{}.inputs", bench.key);
    let place = bench.store.root().join("traces").join(&name);
    drystone::fs::set_mode(&place, 0o644).unwrap();
    let text = std::fs::read_to_string(&place).unwrap();
    std::fs::write(&place, text.replace("-O2", "-O3")).unwrap();
    let output = bench.path("wall.tar.zst");
    let error = bench.store.export(&bench.selection, &output, &|_| ()).unwrap_err().to_string();
    assert_eq!(error, format!("`traces/{name}` of the store does not explain its key, so nothing was exported"));
    assert!(!output.exists());
}
