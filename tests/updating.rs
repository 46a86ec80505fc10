//! Recipes and their newer versions: found where they are listed, pinned, built, and written only when they are good.

mod loopback;
mod support;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use drystone::digest::Sha256;
use insta::assert_snapshot;
use loopback::{Answer, Server};
use rustix::process::{Pid, Signal, kill_process};
use support::{Run, World, processes_with, wait_until};

/// A packed source of a program that says its version.
fn packed(version: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let program = format!("#include <stdio.h>\nint main(void) {{ return puts(\"probe {version}\") < 0; }}\n");
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, text) in [("probe.c", program.as_str())].iter().chain(files) {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("probe-{version}/{path}"), text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// A server that lists and gives, below `/debian`, a pool directory with the first version and these files.
fn pool(mut files: Vec<(&'static str, Vec<u8>)>) -> Server {
    files.push(("probe_1.9.orig.tar.gz", packed("1.9", OLD)));
    Server::start(move |asked| {
        let Some(name) = asked.path.strip_prefix("/debian/pool/main/p/probe/") else { return Answer::Status(404) };
        if name.is_empty() {
            let link = |(name, _): &(&str, Vec<u8>)| {
                let href = name.replace('+', "%2B");
                format!("<tr><td><a href=\"{href}\">{:.12}..&gt;</a></td></tr>", name)
            };
            let links: String = files.iter().map(link).collect();
            return Answer::Text("text/html", format!("<html><a href=\"../\">Parent</a><table>{links}</table></html>"));
        }
        let name = name.replace("%2b", "+");
        files
            .iter()
            .find(|(file, _)| *file == name)
            .map_or(Answer::Status(404), |(_, bytes)| Answer::File(bytes.clone()))
    })
}

/// The recipe of the probe, with comments that are its maintainer's.
fn recipe(server: &Server, version: &str, bytes: &[u8]) -> String {
    format!(
        r#"# A probe, kept by hand.
name    = "probe"
version = '{version}'   # see the notes
summary = "A probe"
license = "MIT"

[[source]]
sha256  = "{sha256}"
urls = [
  "{upstream}-{{version}}.tar.gz",   # upstream lists nothing
  "debian:pool/main/p/probe/probe_{{version}}.orig.tar.gz",
]

[build]
preset = "script"
script = '''
mkdir -p $OUT/usr/bin $OUT/usr/share/doc
$CC probe.c -o $OUT/usr/bin/probe
cp *.txt $OUT/usr/share/doc
'''

[[test]]
run = ["probe"]   # version {version}
stdout = "probe {version}\n"
"#,
        sha256 = Sha256::of(bytes),
        upstream = server.url("/dl/probe"),
    )
}

/// A world in which the probe is built in its first version.
fn world(server: &Server) -> World {
    let world = World::new();
    world.write("recipes/probe.toml", &recipe(server, "1.9", &packed("1.9", OLD)));
    drystone(&world, server, &["build", "probe"]).succeeded();
    world
}

const OLD: &[(&str, &str)] = &[("old.txt", "old"), ("both.txt", "one")];
const NEW: &[(&str, &str)] = &[("new.txt", "new"), ("both.txt", "another")];

fn command(world: &World, server: &Server, words: &[&str]) -> Command {
    let mut command = world.command(words);
    command.env("DRYSTONE_MIRROR_DEBIAN", server.url("/debian"));
    command
}

fn drystone(world: &World, server: &Server, words: &[&str]) -> Run {
    Run::of(&mut command(world, server, words))
}

fn text(world: &World) -> String {
    std::fs::read_to_string(file(world)).unwrap()
}

fn file(world: &World) -> PathBuf {
    world.path("project/recipes/probe.toml")
}

/// A text without the server's port.
fn normal(world: &World, server: &Server, text: &str) -> String {
    world.normal(text).replace(&server.url(""), "SERVER")
}

/// A pool with the old version, a new one, and what is not to be taken.
fn usual() -> Server {
    pool(vec![
        ("probe_1.9-1.debian.tar.xz", vec![]),
        ("probe_1.9.1.orig.tar.gz", packed("1.9.1", NEW)),
        ("probe_1.10.orig.tar.gz", packed("1.10", NEW)),
        ("probe_1.10.orig.tar.gz.asc", vec![]),
        ("probe_1.11~rc1.orig.tar.gz", packed("1.11~rc1", NEW)),
        ("probe_1.12+dfsg.orig.tar.gz", packed("1.12", NEW)),
        ("probe_20250101.orig.tar.gz", vec![]),
    ])
}

#[test]
fn the_newest_release_is_pinned_built_and_written_and_nothing_else_changes() {
    let server = usual();
    let world = world(&server);
    let before = text(&world);
    let run = drystone(&world, &server, &["update", "probe"]).succeeded();
    let expected = before
        .replace("'1.9'", "'1.10'")
        .replace(&Sha256::of(&packed("1.9", OLD)).to_string(), &Sha256::of(&packed("1.10", NEW)).to_string())
        .replace("\"probe 1.9\\n\"", "\"probe 1.10\\n\"");
    assert_eq!(text(&world), expected);
    assert_snapshot!(normal(&world, &server, &run.stdout), @r"
    probe 1.9 → 1.10
      source    probe_1.10.orig.tar.gz, 249 B → 267 B, from debian:pool/main/p/probe/probe_1.10.orig.tar.gz
      size      17.86 KiB → 17.86 KiB
      came      /usr/share/doc/new.txt (doc), 3 B
      went      /usr/share/doc/old.txt (doc), 3 B
      changed   /usr/bin/probe (bin), 17.85 KiB → 17.85 KiB
      changed   /usr/share/doc/both.txt (doc), 3 B → 7 B
      hardening as before
      tests     1 test has passed; 1.10 is expected now in line 24
      note      debian:pool/main/p/probe: 1.12+dfsg is listed, which Debian has repacked: not upstream's file
    ");
    drystone(&world, &server, &["build", "probe"]).succeeded().says("nothing to do");
    let again = drystone(&world, &server, &["update", "probe"]).succeeded();
    assert!(again.stdout.starts_with("probe 1.10 is up to date\n"), "{}", again.stdout);
}

#[test]
fn a_check_says_what_is_newer_and_touches_nothing() {
    let server = usual();
    let world = World::bare();
    world.write("recipes/probe.toml", &recipe(&server, "1.9", &packed("1.9", OLD)));
    let before = text(&world);
    let run = drystone(&world, &server, &["update", "--check", "probe"]).succeeded();
    assert_snapshot!(normal(&world, &server, &run.stdout), @r"
    probe 1.9 → 1.10, after 1.9.1 (debian:pool/main/p/probe)
      debian:pool/main/p/probe: 1.12+dfsg is listed, which Debian has repacked: not upstream's file
    ");
    let run = drystone(&world, &server, &["update", "--check", "probe", "--pre", "--json"]).succeeded();
    assert_snapshot!(normal(&world, &server, &run.stdout), @r#"
    [
      {
        "recipe": "probe",
        "version": "1.9",
        "newer": [
          {
            "version": "1.9.1",
            "listed_by": [
              "debian:pool/main/p/probe"
            ]
          },
          {
            "version": "1.10",
            "listed_by": [
              "debian:pool/main/p/probe"
            ]
          },
          {
            "version": "1.11~rc1",
            "listed_by": [
              "debian:pool/main/p/probe"
            ]
          }
        ],
        "listed": true,
        "notes": [
          "debian:pool/main/p/probe: 1.12+dfsg is listed, which Debian has repacked: not upstream's file"
        ],
        "silent": [
          "SERVER/dl/: the server answered 404 Not Found"
        ]
      }
    ]
    "#);
    assert_eq!(text(&world), before);
}

#[test]
fn a_version_that_does_not_build_leaves_the_recipe_as_it_was_unless_it_is_kept() {
    let server = pool(vec![("probe_2.0.orig.tar.gz", packed("1.9", NEW))]);
    let world = world(&server);
    let before = text(&world);
    // It still says 1.9.
    let run = drystone(&world, &server, &["update", "probe"]).ended(1);
    assert_snapshot!(normal(&world, &server, run.error()), @r#"
    error: probe-2.0 test failed in its phase `test 1`: its standard output should be "probe 2.0\n" but is "probe 1.9\n"
    its last lines:
      | [drystone] test 1
      | [drystone] ran probe
      | [drystone] its standard output:
      | probe 1.9
    hint: PROJECT/recipes/probe.toml is as it was; with --keep the new facts stay in it, and `drystone log probe` shows the whole log
    "#);
    assert_eq!(text(&world), before);
    drystone(&world, &server, &["update", "probe", "--keep"]).ended(1).says("recipes/probe.toml has the new facts");
    assert_eq!(
        text(&world),
        before
            .replace("'1.9'", "'2.0'")
            .replace(&Sha256::of(&packed("1.9", OLD)).to_string(), &Sha256::of(&packed("1.9", NEW)).to_string(),)
            .replace("\"probe 1.9\\n", "\"probe 2.0\\n")
    );
}

#[test]
fn a_patch_that_does_not_apply_any_more_is_named() {
    let server = pool(vec![("probe_2.0.orig.tar.gz", packed("2.0", NEW))]);
    let world = world(&server);
    world.write(
        "recipes/probe/0001-one.patch",
        "--- a/both.txt\n+++ b/both.txt\n@@ -1 +1 @@\n-one\n\\ No newline at end of file\n+two\n",
    );
    let patched = text(&world).replace("license =", "patches = [\"0001-one.patch\"]\nlicense =");
    std::fs::write(file(&world), &patched).unwrap();
    drystone(&world, &server, &["build", "probe"]).succeeded();
    let run = drystone(&world, &server, &["update", "probe"]).ended(1);
    assert!(run.stderr.contains("a patch of probe 1.9 does not apply to 2.0: 0001-one.patch; "), "{}", run.stderr);
    assert_eq!(text(&world), patched);
}

#[test]
fn a_named_version_is_taken_also_where_nothing_lists_it() {
    let server = Server::start(|asked| match asked.path {
        "/dl/probe-1.8.tar.gz" => Answer::File(packed("1.8", OLD)),
        "/debian/pool/main/p/probe/probe_1.9.orig.tar.gz" => Answer::File(packed("1.9", OLD)),
        _ => Answer::Status(404),
    });
    let world = world(&server);
    let run = drystone(&world, &server, &["update", "probe"]).ended(1);
    assert_snapshot!(normal(&world, &server, run.error()), @r"
    error: nothing lists the versions of probe:
      SERVER/dl/: the server answered 404 Not Found
      SERVER/debian/pool/main/p/probe/: the server answered 404 Not Found
    hint: say to which: --to VERSION
    ");
    drystone(&world, &server, &["update", "probe", "--to", "1.8"]).succeeded();
    assert!(text(&world).contains("version = '1.8'   # see the notes"), "{}", text(&world));
    let run = drystone(&world, &server, &["update", "probe", "--to", "1.7"]).ended(3);
    assert_snapshot!(normal(&world, &server, run.error()), @r"
    error: cannot fetch probe-1.7.tar.gz:
      SERVER/dl/probe-1.7.tar.gz: the server answered 404 Not Found
      SERVER/debian/pool/main/p/probe/probe_1.7.orig.tar.gz: the server answered 404 Not Found
    ");
}

#[test]
fn an_archive_that_lists_no_directories_is_asked_by_its_index() {
    let index = format!(
        "Package: probe\nDirectory: pool/main/p/probe\nChecksums-Sha256:\n {0} 9 probe_1.10-1.dsc\n \
         {0} 9 probe_1.10.orig.tar.gz\n",
        Sha256::of(b"")
    );
    let mut packed_index = xz2::write::XzEncoder::new(Vec::new(), 1);
    packed_index.write_all(index.as_bytes()).unwrap();
    let packed_index = packed_index.finish().unwrap();
    let server = Server::start(move |asked| match asked.path {
        "/dl/probe-1.9.tar.gz" => Answer::File(packed("1.9", OLD)),
        "/debian/dists/stable/main/source/Sources.xz" | "/debian/dists/testing/main/source/Sources.xz" => {
            Answer::File(packed_index.clone())
        }
        _ => Answer::Status(404),
    });
    let world = world(&server);
    let run = drystone(&world, &server, &["update", "probe", "--check"]).succeeded();
    assert_snapshot!(normal(&world, &server, &run.stdout), @"probe 1.9 → 1.10 (debian:pool/main/p/probe)");
}

#[test]
fn all_of_them_end_in_a_table() {
    let server = usual();
    let world = world(&server);
    let other = |name: &str, version: &str| {
        let named = recipe(&server, version, &packed("1.9", OLD)).replace("\"probe\"\n", &format!("{name:?}\n"));
        world.write(&format!("recipes/{name}.toml"), &named);
    };
    other("current", "1.10");
    // Its test calls the probe what it is not.
    other("failing", "1.9");
    let failing = world.path("project/recipes/failing.toml");
    let wrong = std::fs::read_to_string(&failing).unwrap().replace("stdout = \"probe", "stdout = \"stone");
    std::fs::write(&failing, wrong).unwrap();
    world.script("local", "mkdir -p $OUT/usr/bin; echo > $OUT/usr/bin/local");
    let run = drystone(&world, &server, &["update", "--all"]).ended(1);
    let at = run.stdout.find("updated ").unwrap();
    assert_snapshot!(normal(&world, &server, &run.stdout[at..]), @r#"
    updated     probe 1.9 → 1.10
    up to date  1 recipe
    failed      failing 1.9 → 1.10: failing-1.10 test failed in its phase `test 1`: its standard output should be "stone 1.10\n" but is "probe 1.10\n"
    not listed  local 1: no location of its sources has the version in it
    "#);
    assert!(text(&world).contains("'1.10'"));
    assert!(std::fs::read_to_string(failing).unwrap().contains("'1.9'"));
}

#[test]
fn an_interrupted_update_leaves_the_old_recipe() {
    let server = pool(vec![("probe_2.0.orig.tar.gz", packed("2.0", &[("slow.txt", "")]))]);
    let world = world(&server);
    let slow = text(&world).replace("cp *.txt", "test ! -e slow.txt || sleep 2711\ncp *.txt");
    std::fs::write(file(&world), &slow).unwrap();
    let mut child = command(&world, &server, &["update", "probe"]);
    let child = child.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    wait_until("the new version is built", || !processes_with("sleep 2711").is_empty());
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let run = Run::from(child.wait_with_output().unwrap()).ended(130);
    assert!(run.stderr.contains("is as it was"), "{}", run.stderr);
    assert_eq!(text(&world), slow);
}
