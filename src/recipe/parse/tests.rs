//! What files without a fault mean.

use std::path::Path;

use super::*;
use crate::recipe::{CcTarget, CcUnit, ImageSpec, Owner, Preset, Recipe, SpecGroup, Steps, Test, TestKind, Words};

const FACTS: &str = "name = 'x'\nversion = '1.2'\nsummary = 'X'\nlicense = 'MIT'\n";
const TEST: &str = "[[test]]\nrun = ['x']\n";

fn preset(name: &str, script: &str) -> (String, Option<Preset>) {
    let text = format!("name = '{name}'\nsummary = 'S'\n[[phase]]\nname = 'only'\nscript = '{script}'\n");
    let parsed = parse_preset(Path::new(&format!("{name}.toml")), &text, &SeedSets::new());
    assert_eq!(parsed.faults, []);
    (name.to_owned(), parsed.value)
}

fn recipe(text: &str) -> Recipe {
    let presets = Presets::from([
        preset("autotools", "./configure @configure@; make @make@ @targets@; make @make@ @install@ \"$@\""),
        preset("script", "@script@"),
    ]);
    let read = |path: &Path| Ok(path.to_str().unwrap().as_bytes().to_vec());
    let parsed = parse_recipe(Path::new("recipes/x.toml"), text, &presets, &read);
    assert_eq!(parsed.faults, []);
    parsed.value.unwrap()
}

#[test]
fn a_source_is_found_by_its_version_and_unpacked_where_it_says() {
    let sha256 = "6e226b732e1cd739464ad6862bd1a1aba42d7982922da7a53519631d24975181";
    let recipe = recipe(&format!(
        "{FACTS}patches = ['a.patch']\n\
         [[source]]\nsha256 = '{sha256}'\nurls = ['https://up.example/{{version}}/x-{{version}}.tgz', 'crate:x/{{version}}']\n\
         [[source]]\nsha256 = '{sha256}'\nurls = ['debian:pool/x.txt']\ninto = 'texts'\nunpack = false\n\
         [[source]]\nsha256 = '{sha256}'\nurls = ['debian:pool/y.tgz']\ninto = 'y'\nstrip = 0\n\
         [build]\npreset = 'autotools'\n{TEST}"
    ));
    let shown = |index: usize| {
        let source = &recipe.sources[index];
        let locations: Vec<String> = source.locations.iter().map(ToString::to_string).collect();
        format!("{} into {} strip {} unpack {}", locations.join(" "), source.into, source.strip, source.unpack)
    };
    assert_eq!(shown(0), "https://up.example/1.2/x-1.2.tgz crate:x/1.2 into src strip 1 unpack true");
    assert_eq!(shown(1), "debian:pool/x.txt into texts strip 1 unpack false");
    assert_eq!(shown(2), "debian:pool/y.tgz into y strip 0 unpack true");
    assert_eq!(recipe.sources[0].sha256.to_string(), sha256);
    assert_eq!(recipe.patches[0].path, Path::new("recipes/x/a.patch"));
    assert_eq!(recipe.patches[0].digest, crate::digest::Blake3::of(b"recipes/x/a.patch"));
}

#[test]
fn a_preset_takes_the_words_that_its_phases_have_a_place_for() {
    let autotools = recipe(&format!(
        "{FACTS}[build]\npreset = 'autotools'\nconfigure = ['--disable-nls']\nprepare = 'true'\n{TEST}"
    ));
    let Steps::Shell { preset, words, prepare, finish } = autotools.build.steps else { panic!("no shell steps") };
    assert_eq!((preset.as_str(), prepare.as_deref(), finish), ("autotools", Some("true"), None));
    let configure = vec!["--disable-nls".to_owned()];
    assert_eq!(*words, Words { configure, install: vec!["install".to_owned()], ..Words::default() });

    let script = recipe(&format!("{FACTS}[build]\npreset = 'script'\nscript = 'cp'\ndir = 'sub'\n{TEST}"));
    assert_eq!(script.build.dir.unwrap().as_str(), "sub");
    let Steps::Shell { words, .. } = script.build.steps else { panic!("no shell steps") };
    assert_eq!(*words, Words { script: Some("cp".to_owned()), ..Words::default() });
}

#[test]
fn the_cc_preset_says_what_is_compiled_and_copied() {
    let recipe = recipe(&format!(
        "{FACTS}[build]\npreset = 'cc'\n\
         [[build.cc]]\nlibrary = 'y'\nsources = ['*.c']\nexclude = ['x.c']\ninclude = ['.', 'inc']\n\
         [[build.cc]]\nprogram = 'x'\nsources = ['x.c']\ndefine = {{ VERSION = '\"1\"', FLAG = true }}\nlibs = ['y']\n\
         [build.copy]\n'usr/include/' = '*.h'\n'usr/bin/script' = 'script.sh'\n{TEST}"
    ));
    let Steps::Cc(CcTarget { units, copies }) = recipe.build.steps else { panic!("no cc steps") };
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let library = CcUnit {
        name: "y".to_owned(),
        library: true,
        sources: texts(&["*.c"]),
        exclude: texts(&["x.c"]),
        include: texts(&[".", "inc"]),
        define: [].into(),
        flags: Vec::new(),
        libs: Vec::new(),
    };
    let program = CcUnit {
        name: "x".to_owned(),
        library: false,
        sources: texts(&["x.c"]),
        exclude: Vec::new(),
        include: Vec::new(),
        define: [("VERSION".to_owned(), Some("\"1\"".to_owned())), ("FLAG".to_owned(), None)].into(),
        flags: Vec::new(),
        libs: texts(&["y"]),
    };
    assert_eq!(units, [library, program]);
    let copies: Vec<_> = copies.iter().map(|(to, from)| (to.as_str(), from.as_str())).collect();
    assert_eq!(copies, [("usr/include/", "*.h"), ("usr/bin/script", "script.sh")]);
}

#[test]
fn a_test_expects_success_and_nothing_more_unless_it_says_so() {
    let recipe = recipe(&format!(
        "{FACTS}[build]\npreset = 'autotools'\n{TEST}\
         [[test]]\nscript = 'true'\nstdout-has = 'a'\nstderr-has = ['b', 'c']\nstatus = 3\nemulated = false\nwith = ['y/cat']\n\
         files = {{ 'sub/in.txt' = 't' }}\n"
    ));
    let plain = Test {
        kind: TestKind::Run(vec!["x".to_owned()]),
        component: None,
        with: Vec::new(),
        env: [].into(),
        files: [].into(),
        stdin: String::new(),
        stdout: None,
        stdout_has: Vec::new(),
        stderr_has: Vec::new(),
        status: 0,
        emulated: true,
    };
    let full = Test {
        kind: TestKind::Script("true".to_owned()),
        with: vec!["y/cat".parse().unwrap()],
        files: [("sub/in.txt".parse().unwrap(), "t".to_owned())].into(),
        stdout_has: vec!["a".to_owned()],
        stderr_has: vec!["b".to_owned(), "c".to_owned()],
        status: 3,
        emulated: false,
        ..plain.clone()
    };
    assert_eq!(recipe.tests, [plain, full]);
}

fn image(text: &str) -> ImageSpec {
    let read = |path: &Path| Ok(path.to_str().unwrap().as_bytes().to_vec());
    parse_image_spec(Path::new("recipes/images/x.toml"), text, &read).unwrap()
}

#[test]
fn an_image_spec_says_little_and_the_rest_is_usual() {
    let spec = image(
        "name = 'tools/jq'\ncomponents = ['jq', { name = 'tar', only = ['/usr/bin/tar', 'usr/share/tar'] }]\n\
         [[user]]\nname = 'nonroot'\nuid = 65532\n\
         [[group]]\nname = 'data'\ngid = 2000\nmembers = ['nonroot']\n\
         [[file]]\npath = '/etc/motd'\nsource = 'motd'\n\
         [[directory]]\npath = '/tmp'\nmode = '1777'\nowner = '1:2'\n",
    );
    assert_eq!((spec.name.as_str(), spec.tag.as_str()), ("tools/jq", "latest"));
    assert_eq!(spec.components[0].only, None);
    let only = ["usr/bin/tar", "usr/share/tar"].map(|path| path.parse().unwrap());
    assert_eq!(spec.components[1].only.as_deref(), Some(&only[..]));
    let user = &spec.users[0];
    assert_eq!(user.owner, Owner { uid: 65532, gid: 65532 });
    assert_eq!((user.home.as_str(), user.shell.as_str()), ("/", "/nonexistent"));
    let group = |name: &str, gid, members: &[&str]| SpecGroup {
        name: name.to_owned(),
        gid,
        members: members.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(spec.groups, [group("nonroot", 65532, &[]), group("data", 2000, &["nonroot"])]);
    let file = &spec.files[0];
    assert_eq!((file.path.as_str(), file.mode, file.owner), ("etc/motd", 0o444, Owner::default()));
    assert_eq!(file.content, b"recipes/images/motd");
    assert_eq!((spec.directories[0].mode, spec.directories[0].owner), (0o1777, Owner { uid: 1, gid: 2 }));
}
