//! A recipe written from nothing but a URL: what it says, what its trials teach, and what it does not touch.

mod loopback;
mod support;

use std::process::Command;

use insta::assert_snapshot;
use loopback::{Answer, Server};
use support::{Run, World};

const COPYING: &str = "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n";
const README: &str =
    "greet\n=====\n\nGreet says a friendly word to everybody. It is small.\n\nhttps://example.org/greet/\n";
const PROGRAM: &str = "/* under the GNU General Public License, version 3 of the License,\n\
    or (at your option) any later version. */\n#include <fruit.h>\n#include <stdio.h>\n\
    int main(int n, char **words) { return puts(n > 1 ? \"greet 1.2\" : FRUIT) < 0; }\n";
const MAKEFILE: &str = "greet: greet.c\n\t$(CC) greet.c -o greet\ninstall: greet\n\
    \tmkdir -p $(DESTDIR)/usr/bin $(DESTDIR)/usr/share/locale/xx $(DESTDIR)/usr/share/greet\n\
    \tcp greet $(DESTDIR)/usr/bin\n\techo x > $(DESTDIR)/usr/share/locale/xx/greet.mo\n\
    \techo word > $(DESTDIR)/usr/share/greet/words\n";

fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("greet-1.2/{path}"), text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn serving(files: &[(&str, &str)]) -> Server {
    let bytes = packed(files);
    Server::start(move |asked| match asked.path {
        "/debian/pool/main/g/greet/" => {
            // The newest is listed and not there.
            let names = ["1.1", "1.2", "1.2.5", "1.3~rc1"].map(|version| format!("greet_{version}.orig.tar.gz"));
            Answer::Text("text/html", names.map(|name| format!("<a href=\"{name}\">x</a>")).concat())
        }
        "/dl/greet-1.2.tar.gz" | "/debian/pool/main/g/greet/greet_1.2.orig.tar.gz" => Answer::File(bytes.clone()),
        _ => Answer::Status(404),
    })
}

fn command(world: &World, server: &Server, words: &[&str]) -> Command {
    let mut command = world.command(words);
    command.env("DRYSTONE_MIRROR_DEBIAN", server.url("/debian"));
    command
}

fn drystone(world: &World, server: &Server, words: &[&str]) -> Run {
    Run::of(&mut command(world, server, words))
}

fn normal(world: &World, server: &Server, text: &str) -> String {
    world.normal(text).replace(&server.url(""), "SERVER")
}

fn recipe(world: &World) -> String {
    std::fs::read_to_string(world.path("project/recipes/greet.toml")).unwrap()
}

/// What is said at the end, without the trials before it.
fn end(run: &Run) -> &str {
    &run.stderr[run.stderr.find("greet 1.2: ").unwrap()..]
}

#[test]
fn a_url_becomes_a_recipe_that_builds() {
    let server = serving(&[("COPYING", COPYING), ("README", README), ("greet.c", PROGRAM), ("Makefile", MAKEFILE)]);
    let world = World::new();
    // What the program needs and nobody has said: the trial's failure does.
    world.script("fruit", "mkdir -p $OUT/usr/include; echo '#define FRUIT \"banana\"' > $OUT/usr/include/fruit.h");
    drystone(&world, &server, &["build", "fruit"]).succeeded();
    let run = drystone(&world, &server, &["new", &server.url("/dl/greet-1.2.tar.gz")]).succeeded();
    assert_snapshot!(normal(&world, &server, &recipe(&world)), @r#"
    name = "greet"
    version = "1.2"
    summary = "Greet says a friendly word to everybody"
    license = "GPL-3.0-or-later"
    homepage = "https://example.org/greet/"

    [[source]]
    sha256 = "DIGEST"
    urls = ["SERVER/dl/greet-{version}.tar.gz"]

    [dependencies]
    target = ["fruit"]

    [build]
    preset = "make"

    [install]
    drop = ["usr/share/locale/**"]

    [components.bin]
    files = ["usr/share/greet/**"]

    # Only that it starts: write what a user relies on.
    [[test]]
    run = ["greet", "--version"]
    stdout-has = "1.2"
    "#);
    assert_snapshot!(normal(&world, &server, end(&run)), @r"
    greet 1.2: make, GPL-3.0-or-later; it builds; its programs are greet
      unsure  the licence: GPL-3.0-or-later by the words of COPYING
      unsure  the summary: it is the first sentence that the source says of itself
      unsure  the components: usr/share/greet/** goes into the component bin, as a guess
      unsure  the components: usr/share/locale/** is dropped, as a guess
    ");
    drystone(&world, &server, &["build", "greet"]).succeeded().says("nothing to do");
    drystone(&world, &server, &["fmt", "--check", "recipes/greet.toml"]).succeeded();

    let before = recipe(&world);
    let again = drystone(&world, &server, &["new", "greet"]).ended(2);
    assert_snapshot!(normal(&world, &server, again.error()), @r"
    error: there is a recipe `greet` already: PROJECT/recipes/greet.toml
    hint: to bring it to another version: drystone update greet; for another name: --name NAME
    ");
    assert_eq!(recipe(&world), before);
}

#[test]
fn a_name_is_looked_for_in_the_debian_archive() {
    let server = serving(&[("COPYING", COPYING), ("README", README), ("CMakeLists.txt", "")]);
    let world = World::bare();
    drystone(&world, &server, &["new", "greet", "--no-build"]).succeeded();
    let text = recipe(&world);
    assert!(text.contains("urls = [\"debian:pool/main/g/greet/greet_{version}.orig.tar.gz\"]\n"), "{text}");
    assert!(text.contains("preset = \"cmake\"\n"), "{text}");
    let absent = drystone(&world, &server, &["new", "absent"]).ended(1);
    assert_snapshot!(normal(&world, &server, absent.error()), @r"
    error: absent was looked for in the Debian archive and not found: SERVER/debian/pool/main/a/absent/: the server answered 404 Not Found
    hint: name the source itself: drystone new https://…/absent-VERSION.tar.gz
    ");
}

#[test]
fn what_does_not_build_is_written_as_far_as_it_goes() {
    let server = serving(&[("Makefile", "all:\n\tfalse\ninstall: all\n")]);
    let world = World::new();
    let run = drystone(&world, &server, &["new", &server.url("/dl/greet-1.2.tar.gz")]).ended(1);
    assert!(run.stderr.contains("recipes/greet.toml is written as far as it goes"), "{}", run.stderr);
    assert!(recipe(&world).contains("license = \"LicenseRef-unknown\"\n"), "{}", recipe(&world));
    std::fs::remove_file(world.path("project/recipes/greet.toml")).unwrap();
    let url = server.url("/dl/greet-1.2.tar.gz");
    let run = drystone(&world, &server, &["new", &url, "--no-build", "--name", "hail"]).succeeded();
    assert_eq!(run.paths(), [world.path("project/recipes/hail.toml")]);
    assert!(!run.stderr.contains("hail-1.2"), "{}", run.stderr);
}

#[test]
fn a_rust_program_s_lock_file_is_put_beside_its_recipe() {
    let manifest = "[package]\nname = \"greet\"\nversion = \"1.2\"\nlicense = \"MIT\"\ndescription = \"Greets\"\n";
    let lock = "version = 4\n\n[[package]]\nname = \"greet\"\nversion = \"1.2\"\n";
    let server = serving(&[("Cargo.toml", manifest), ("Cargo.lock", lock), ("src/main.rs", "fn main() {}\n")]);
    let world = World::new();
    let words = ["new", &server.url("/dl/greet-1.2.tar.gz"), "--no-build"];
    drystone(&world, &server, &words).succeeded();
    assert!(recipe(&world).contains("preset = \"cargo\"\ncrates = \"Cargo.lock\"\n"), "{}", recipe(&world));
    assert_eq!(std::fs::read_to_string(world.path("project/recipes/greet/Cargo.lock")).unwrap(), lock);
    drystone(&world, &server, &["plan", "greet"]).succeeded();

    let server = serving(&[("Cargo.toml", manifest), ("src/main.rs", "fn main() {}\n")]);
    let world = World::new();
    let run = drystone(&world, &server, &["new", &server.url("/dl/greet-1.2.tar.gz")]).succeeded();
    assert!(end(&run).contains("the source brings no Cargo.lock, which the preset cargo needs"), "{}", run.stderr);
    assert!(!world.path("project/recipes/greet").exists());
}
