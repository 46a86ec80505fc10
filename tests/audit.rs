//! Audits: every cause of a difference is found and named, and what has none passes.

mod support;

use drystone::digest::Blake3;
use serde_json::Value;
use support::{World, in_namespace};

/// What a script that writes to `/out/usr/share/doc/it` depends on, and what the audit must say.
const CAUSES: [(&str, &str, &str); 17] = [
    ("clock", "date +%Y", "time stamp"),
    ("seconds", "date +%s.%N", "time stamp"),
    (
        "directories",
        "mkdir d; touch d/stone d/wall d/cap d/hearting d/through d/face; find d -type f",
        "order of directory entries",
    ),
    ("race", RACE, "race of parallel jobs"),
    ("processors", "nproc", "number of processors"),
    ("processor", "grep -m 1 model /proc/cpuinfo || cat /proc/cpuinfo", "processor model"),
    ("memory", "grep MemTotal /proc/meminfo", "size of memory"),
    ("host", "uname -n", "host name"),
    ("kernel", "uname -r", "kernel release"),
    ("user", "id -u", "user and group ids"),
    ("umask", "umask", "file creation mask"),
    ("locale", "echo ${LC_ALL}", "locale"),
    ("zone", "date -d @0 +%H", "time zone"),
    ("environment", "echo ${USER:-nobody}", "host environment"),
    ("path", "grep -o ' /[^ ]* /build ' /proc/self/mountinfo | cksum", "build path"),
    ("random", "od -An -N8 -tx1 /dev/urandom", "randomness"),
    (
        "level",
        "seq 20000 > n; if [ $(nproc) = 1 ]; then gzip -1nc n; else gzip -9nc n; fi",
        "compression level (by the number of processors)",
    ),
];

const RACE: &str = r"
printf 'all: one two\none:\n\t@sleep 0.5; echo one >> log\ntwo:\n\t@echo two >> log\n' > Makefile
make >&2; cat log";

/// A recipe that installs what a script prints.
fn printing(world: &World, name: &str, script: &str) {
    world.script(name, &format!("mkdir -p $OUT/usr/share/doc\n({script}) > it\ncp it $OUT/usr/share/doc/it"));
}

fn audit(world: &World, words: &[&str]) -> (support::Run, Vec<Value>) {
    let all = [&["audit", "--trust-store", "--json", "--jobs", "2"], words].concat();
    let run = world.drystone(&all);
    let rows = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    (run, rows)
}

#[test]
fn each_cause_is_found_and_named() {
    let world = World::new();
    for (name, script, _) in CAUSES {
        printing(&world, name, script);
    }
    let names: Vec<&str> = CAUSES.iter().map(|(name, ..)| *name).collect();
    let (run, rows) = audit(&world, &names);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(rows.len(), CAUSES.len());
    for (name, _, cause) in CAUSES {
        let row = rows.iter().find(|row| row["what"] == format!("{name} 1")).unwrap();
        let found = &row["second"]["differs"]["cause"];
        assert_eq!(found["title"], cause, "{row:#}");
        assert!(found["rebuilds"].as_u64().unwrap() <= 9, "{row:#}");
        assert_eq!(row["second"]["differs"]["changes"][0]["path"], "usr/share/doc/it");
    }
}

#[test]
fn a_build_that_depends_on_nothing_is_reproducible_in_every_world() {
    let world = World::new();
    // What a careful recipe does with all that varies.
    let script = "mkdir d; touch d/stone d/wall d/cap; find d -type f | sort; date -u -d @$SOURCE_DATE_EPOCH; \
                  tar -cf - --sort=name --mtime=@0 --owner=0 --group=0 --mode=644 d | gzip -9n | cksum";
    printing(&world, "steady", script);
    let (run, rows) = audit(&world, &["steady"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!((rows.len(), &rows[0]["second"]), (1, &Value::from("same")));
    assert_eq!(rows[0]["first"], "not-locked");
}

#[test]
fn only_what_is_asked_for_varies() {
    let world = World::new();
    printing(&world, "clock", "date +%Y");
    let differs = |words: &[&str]| audit(&world, &[words, &["clock"]].concat()).1[0]["second"]["differs"].is_object();
    assert!(differs(&["--vary", "clock"]));
    assert!(!differs(&["--vary", "time-zone,user"]));
    assert!(!differs(&["--without", "clock"]));
    let run = world.drystone(&["audit", "--vary", "weather", "clock"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("`weather` does not vary; what does: clock, pace, directories"), "{}", run.stderr);
}

#[test]
fn what_fails_only_elsewhere_is_told_with_its_cause_and_its_last_lines() {
    let world = World::new();
    printing(&world, "picky", "test $(id -u) = 1000 || { echo 'who is that?' >&2; exit 7; }");
    let (run, rows) = audit(&world, &["picky"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let failed = &rows[0]["second"]["failed"];
    assert_eq!(failed["cause"]["title"], "user and group ids", "{failed:#}");
    assert!(failed["error"].as_str().unwrap().contains("who is that?"), "{failed:#}");
}

#[test]
fn an_audit_builds_from_source_in_a_store_of_its_own_and_goes_on_where_it_was() {
    let world = World::new();
    printing(&world, "steady", "echo stone");
    // What the project's store claims does not count: the trace leads to another object.
    world.drystone(&["build", "steady"]).succeeded();
    let forged = world.names("objects").into_iter().next().unwrap();
    forge(&world, &forged);
    let run = world.drystone(&["audit", "steady", "--vary", "clock", "--json"]).succeeded();
    let rows: Vec<Value> = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(rows[0]["second"], "same");
    assert!(run.stderr.contains("musl-"), "nothing was built from source: {}", run.stderr);
    let again = world.drystone(&["audit", "steady", "--vary", "clock", "--json"]).succeeded();
    assert_eq!(again.stdout, run.stdout);
    assert!(!again.stderr.contains("musl-"), "it was built again: {}", again.stderr);
}

#[test]
fn an_audit_asks_which_bits_come_out_and_not_whether_they_work() {
    let world = World::new();
    let build =
        "[build]\npreset = \"script\"\nscript = 'mkdir -p $OUT/usr/share/doc; echo stone > $OUT/usr/share/doc/it'\n";
    world.recipe("idle", &format!("{build}[[test]]\nscript = 'false'\n"));
    world.drystone(&["build", "idle"]).ended(1);
    let (run, rows) = audit(&world, &["idle"]);
    assert_eq!((run.code, &rows[0]["second"]), (Some(0), &Value::from("same")), "{run:?}");
}

/// Has the trace of `steady` lead to another object.
fn forge(world: &World, object: &str) {
    for name in world.names("traces") {
        let path = world.store().join("traces").join(&name);
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("\nname steady-1\n") {
            let lines = text.lines().map(|line| match line.strip_prefix("output doc ") {
                Some(_) => format!("output doc {object}\n"),
                None => format!("{line}\n"),
            });
            let forged: String = lines.filter(|line| !line.starts_with("sum ")).collect();
            let sum = Blake3::of(format!("{name}\n{forged}").as_bytes());
            std::fs::write(&path, format!("{forged}sum {sum}\n")).unwrap();
        }
    }
}

#[test]
fn an_image_is_assembled_again_elsewhere() {
    let world = World::new();
    printing(&world, "steady", "echo stone");
    let spec = "name = \"steady\"\ncomponents = [\"steady/doc\"]\n[config]\nentrypoint = [\"/none\"]\n";
    world.write("recipes/images/steady.toml", spec);
    let (_, rows) = audit(&world, &["--image", "recipes/images/steady.toml"]);
    let image = rows.iter().find(|row| row["what"] == "recipes/images/steady.toml").unwrap();
    assert_eq!((&image["second"], &image["first"]), (&Value::from("same"), &Value::from("not-locked")), "{image:#}");
}

#[test]
fn a_file_system_that_is_full_is_no_difference() {
    let world = World::new();
    printing(&world, "large", "head -c 40M /dev/zero | cksum; head -c 40M /dev/zero > zeroes 2> /dev/null || exit 7");
    world.drystone(&["build", "large"]).succeeded();
    let script = "mkdir -p little; mount -t tmpfs -o size=32m tmpfs little; \
                  exec $1 audit --trust-store --other-file-system little large";
    let run = in_namespace(&world, script).ended(3);
    assert!(run.stderr.contains("the disk is full"), "{}", run.stderr);
    let script = script.replace("size=32m", "size=1g");
    in_namespace(&world, &script).succeeded();
}

#[test]
fn a_result_is_that_of_its_axes_and_what_differs_is_built_again() {
    let world = World::new();
    printing(&world, "clock", "date +%Y");
    let second = |axis: &str| audit(&world, &["--no-diagnosis", "--vary", axis, "clock"]).1[0]["second"].clone();
    assert_eq!(second("user"), "same");
    for _ in 0..2 {
        let trees = second("clock")["differs"]["trees"][0].clone();
        // Both can be compared, although each audit takes away what the last one has left.
        for tree in trees.as_array().unwrap() {
            assert!(world.path(tree.as_str().unwrap()).join("usr/share/doc/it").is_file(), "{tree}");
        }
    }
    assert_eq!(second("user"), "same");
}

#[test]
fn an_audit_that_is_begun_anew_believes_nothing_of_what_was_found() {
    let world = World::new();
    printing(&world, "steady", "echo stone");
    let what = |words: &[&str]| audit(&world, &[&["--vary", "user", "steady"], words].concat()).1[0]["what"].clone();
    assert_eq!(what(&[]), "steady 1");
    let result = world.path("store/audit/results").join(&world.names("audit/results")[0]);
    let text = std::fs::read_to_string(&result).unwrap();
    std::fs::write(&result, text.replace("steady 1", "found before")).unwrap();
    assert_eq!(what(&[]), "found before");
    assert_eq!(what(&["--anew"]), "steady 1");
}

#[test]
fn the_first_build_and_the_image_are_held_against_the_lock() {
    let world = World::new();
    printing(&world, "steady", "echo stone");
    let spec = "name = \"steady\"\ncomponents = [\"steady/doc\"]\n[config]\nentrypoint = [\"/none\"]\n";
    world.write("recipes/images/steady.toml", spec);
    let update = ["lock", "--update", "--target", support::TARGET, "steady", "recipes/images/steady.toml"];
    world.drystone(&update).succeeded();
    let lock = std::fs::read_to_string(world.path("project/drystone.lock")).unwrap();
    let audited = |words: &[&str]| {
        let (run, rows) = audit(&world, &[&["--vary", "user"], words].concat());
        let row = rows.last().unwrap();
        assert_eq!(row["second"], "same", "{row:#}");
        (run.code, row["first"].as_str().unwrap().to_owned())
    };
    for (words, line) in [
        (["--", "steady"], " steady 1 doc "),
        (["--image", "recipes/images/steady.toml"], "image recipes/images/steady"),
    ] {
        world.write("drystone.lock", &lock);
        assert_eq!(audited(&words), (Some(0), "locked".to_owned()));
        // As if it had come out otherwise elsewhere.
        let other = |text: &str| match text.contains(line) {
            true => format!("{}{}\n", &text[..text.len() - 64], "7".repeat(64)),
            false => format!("{text}\n"),
        };
        world.write("drystone.lock", &lock.lines().map(other).collect::<String>());
        assert_eq!(audited(&words), (Some(1), "differs".to_owned()));
    }
}

#[test]
fn people_read_what_differs_below_its_line() {
    let world = World::new();
    printing(&world, "clock", "date +%Y");
    let words = ["audit", "--trust-store", "--jobs", "2", "--vary", "clock", "clock"];
    let told = world.drystone(&words).ended(1).stdout;
    let lines: Vec<&str> = told.lines().map(str::trim).collect();
    assert!(lines[1].starts_with("clock 1 x86_64-linux-musl  not locked "), "{told}");
    assert!(lines[1].ends_with("  DIFFERS: time stamp"), "{told}");
    assert!(lines.contains(&"doc: usr/share/doc/it"), "{told}");
    assert_eq!(lines.last(), Some(&"0 of 1 reproducible"), "{told}");
}

#[test]
fn two_audits_do_not_work_in_one_store() {
    let world = World::new();
    printing(&world, "steady", "echo stone");
    std::fs::create_dir(world.path("store/audit")).unwrap();
    let held = std::fs::File::create(world.path("store/audit/lock")).unwrap();
    held.lock().unwrap();
    let words = ["audit", "--trust-store", "--vary", "user", "steady"];
    world.drystone(&words).ended(2).says("error: another audit works in ");
    drop(held);
    world.drystone(&words).succeeded();
}

#[test]
fn an_image_that_comes_out_otherwise_elsewhere_is_told() {
    let world = World::new();
    printing(&world, "steady", "echo stone");
    let spec = "name = \"steady\"\ncomponents = [\"steady/doc\"]\n[config]\nentrypoint = [\"/none\"]\n\
                [[file]]\npath = \"/etc/motd\"\nsource = \"motd\"\n";
    world.write("recipes/images/steady.toml", spec);
    // No two processes read the same there.
    std::os::unix::fs::symlink("/proc/self/stat", world.path("project/recipes/images/motd")).unwrap();
    let (run, rows) = audit(&world, &["--vary", "user", "--image", "recipes/images/steady.toml"]);
    let error = rows.last().unwrap()["second"]["failed"]["error"].as_str().unwrap_or_default().to_owned();
    assert_eq!((run.code, error.starts_with("the digest is sha256:")), (Some(1), true), "{rows:#?}");
}

#[test]
fn a_file_that_holds_the_time_of_its_making_is_told() {
    let world = World::new();
    // No two builds touch it in the same second.
    printing(&world, "packed", "touch stone; sleep 1.1; tar -cf - stone");
    let (run, rows) = audit(&world, &["packed"]);
    let cause = &rows[0]["second"]["differs"]["cause"];
    assert_eq!((run.code, &cause["title"]), (Some(1), &Value::from("time stamp")), "{rows:#?}");
    assert!(cause["mend"].as_str().unwrap().starts_with("give files a fixed time before they are packed"), "{cause}");
}

#[test]
fn what_cannot_be_built_is_told_and_the_rest_is_audited() {
    let world = World::new();
    printing(&world, "broken", "exit 7");
    printing(&world, "steady", "echo stone");
    let (run, rows) = audit(&world, &["--vary", "user", "broken", "steady"]);
    let told: Vec<_> = rows.iter().map(|row| ["what", "first", "second"].map(|field| row[field].as_str())).collect();
    assert_eq!((run.code, told.len()), (Some(1), 2), "{rows:#?}");
    assert!(told.contains(&["broken 1", "failed", "none"].map(Some)), "{told:?}");
    assert!(told.contains(&["steady 1", "not-locked", "same"].map(Some)), "{told:?}");
}

#[test]
fn what_is_known_of_an_audit_is_known_of_the_outputs_that_it_compared() {
    let world = World::new();
    printing(&world, "steady", "echo stone");
    let words = ["--no-diagnosis", "--vary", "user", "steady"];
    assert_eq!(audit(&world, &words).1[0]["second"], "same");
    // The store says something else of the same derivation now: an import, say, after what was here was removed.
    let other = world.names("objects").into_iter().next().unwrap();
    forge(&world, &other);
    let (run, rows) = audit(&world, &words);
    assert_eq!((run.code, rows[0]["second"]["differs"].is_object()), (Some(1), true), "{rows:#?}");
}

#[test]
fn an_image_is_assembled_again_whatever_the_lock_says_of_its_components() {
    let world = World::new();
    printing(&world, "steady", "echo stone");
    let spec = "name = \"steady\"\ncomponents = [\"steady/doc\"]\n[config]\nentrypoint = [\"/none\"]\n";
    world.write("recipes/images/steady.toml", spec);
    world.drystone(&["lock", "--update", "--target", support::TARGET, "steady"]).succeeded();
    let lock = std::fs::read_to_string(world.path("project/drystone.lock")).unwrap();
    let other = |line: &str| match line.contains(" steady 1 doc ") {
        true => format!("{}{}\n", &line[..line.len() - 64], "7".repeat(64)),
        false => format!("{line}\n"),
    };
    world.write("drystone.lock", &lock.lines().map(other).collect::<String>());
    let (_, rows) = audit(&world, &["--vary", "user", "--image", "recipes/images/steady.toml"]);
    let seconds: Vec<_> = rows.iter().map(|row| (&row["first"], &row["second"])).collect();
    let same = Value::from("same");
    assert_eq!(seconds, [(&Value::from("differs"), &same), (&Value::from("not-locked"), &same)]);
}
