//! Stories of dividing installed files among components.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::digest::{Blake3, Sha256};
use crate::recipe::Preset;
use crate::recipe::parse::{Presets, parse_recipe};

/// A recipe with these `[install]` and `[components]` sections.
fn recipe(outputs: &str) -> Recipe {
    recipe_with_test(outputs, "script = 'true'")
}

fn recipe_with_test(outputs: &str, test: &str) -> Recipe {
    let text = format!(
        "name = 'x'\nversion = '1'\nsummary = 'X'\nlicense = 'MIT'\nbuild.preset = 'plain'\n\
         test = [{{ {test} }}]\n{outputs}"
    );
    let preset = Preset {
        name: "plain".to_owned(),
        summary: String::new(),
        seeds: None,
        tools: Vec::new(),
        sysroot: Vec::new(),
        phases: Vec::new(),
        file: "plain.toml".into(),
        sha256: Sha256::of(b""),
    };
    let presets = Presets::from([("plain".to_owned(), Some(preset))]);
    let parsed = parse_recipe(Path::new("x.toml"), &text, &presets, &|_| Ok(Vec::new()));
    assert_eq!(parsed.faults, []);
    parsed.value.unwrap()
}

fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

fn tree(paths: &[&str]) -> Tree {
    let mut tree = Tree::new();
    for text in paths {
        let entry = match text.strip_suffix('/') {
            Some(_) => Entry::Dir,
            None => Entry::File { executable: false, digest: Blake3::of(text.as_bytes()) },
        };
        tree.insert(path(text.trim_end_matches('/')), entry).unwrap();
    }
    tree
}

/// `component: path path`, a line for each component.
fn assigned(outputs: &str, paths: &[&str]) -> String {
    let assignment = assign(&recipe(outputs), &tree(paths)).unwrap();
    let leaves = |tree: &Tree| tree.iter().filter(|(_, e)| **e != Entry::Dir).map(|(p, _)| p.to_string()).collect();
    let line = |(name, tree): (&ComponentName, &Tree)| {
        let leaves: Vec<String> = leaves(tree);
        format!("{name}: {}\n", leaves.join(" "))
    };
    assignment.components.iter().map(line).collect()
}

fn refused(outputs: &str, paths: &[&str]) -> String {
    assign(&recipe(outputs), &tree(paths)).unwrap_err().to_string()
}

#[test]
fn the_default_components_need_no_word_of_the_recipe() {
    let installed = [
        "usr/bin/x",
        "usr/bin/x-config",
        "usr/include/x/x.h",
        "usr/lib/libx.a",
        "usr/lib/libx.la",
        "usr/lib/pkgconfig/x.pc",
        "usr/libexec/x/helper",
        "usr/share/info/dir",
        "usr/share/info/x.info",
        "usr/share/man/man1/x.1",
        "usr/share/empty/",
    ];
    assert_eq!(
        assigned("", &installed),
        "bin: usr/bin/x usr/libexec/x/helper\n\
         dev: usr/bin/x-config usr/include/x/x.h usr/lib/libx.a usr/lib/pkgconfig/x.pc\n\
         doc: usr/share/info/x.info usr/share/man/man1/x.1\n"
    );
    let assignment = assign(&recipe(""), &tree(&installed)).unwrap();
    assert_eq!(assignment.dropped, [path("usr/lib/libx.la"), path("usr/share/info/dir")]);
    assert!(assignment.components.values().all(|tree| tree.get(&path("usr/share/empty")).is_none()));
}

#[test]
fn an_explicit_component_wins_over_a_default_one_and_dropping_over_both() {
    let outputs = "install.drop = ['usr/share/locale/**', 'usr/bin/old']\n\
                   [components.bin]\nfiles = ['usr/share/x/*']\n\
                   [components.tools]\nfiles = ['usr/bin/x-*', 'usr/bin/old']\n";
    assert_eq!(
        assigned(outputs, &["usr/bin/old", "usr/bin/x", "usr/bin/x-config", "usr/share/locale/de/x", "usr/share/x/y"]),
        "bin: usr/bin/x usr/share/x/y\ntools: usr/bin/x-config\n"
    );
}

#[test]
fn each_utility_is_a_component_and_may_have_files_of_its_own_beside_it() {
    let outputs = "install.utilities = ['usr/{bin,sbin}/*']\n\
                   [components.dircolors]\nfiles = ['usr/share/dircolors/*']\n\
                   [components.ls]\nruntime = ['x/dircolors']\n";
    assert_eq!(
        assigned(
            outputs,
            &["usr/bin/[", "usr/bin/dircolors", "usr/bin/ls", "usr/sbin/chroot", "usr/share/dircolors/db"]
        ),
        "[: usr/bin/[\nchroot: usr/sbin/chroot\ndircolors: usr/bin/dircolors usr/share/dircolors/db\nls: usr/bin/ls\n"
    );
}

#[test]
fn a_star_does_not_reach_into_a_directory() {
    let outputs = "[components.bin]\nfiles = ['usr/share/x*']\n";
    assert_eq!(
        refused(outputs, &["usr/lib/x/crt.o", "usr/share/x/y", "usr/share/xyz"]),
        "the files that `x` installs do not fit its components\n\
         no component claims\n  usr/lib/x/crt.o\n  usr/share/x/y\n  \
         help: add \"usr/lib/x/**\", \"usr/share/x/**\" to `files` under [components.bin], or to `drop` under [install]"
    );
}

#[test]
fn a_symbolic_link_is_assigned_as_a_file_is() {
    let mut installed = tree(&["usr/bin/x"]);
    installed.insert(path("usr/bin/y"), Entry::Symlink { target: "x".to_owned() }).unwrap();
    let assignment = assign(&recipe("install.utilities = ['usr/bin/*']"), &installed).unwrap();
    let component = &assignment.components[&"y".parse().unwrap()];
    assert_eq!(component.manifest(), "usr\td\nusr/bin\td\nusr/bin/y\tl\tx\n");
}

#[test]
fn all_files_without_a_component_are_named_with_the_line_that_would_take_them() {
    assert_eq!(
        refused("", &["etc/x.conf", "usr/bin/x", "usr/share/x/a", "usr/share/x/b"]),
        "the files that `x` installs do not fit its components\n\
         no component claims\n  etc/x.conf\n  usr/share/x/a\n  usr/share/x/b\n  \
         help: add \"etc/x.conf\", \"usr/share/x/**\" to `files` under [components.bin], or to `drop` under [install]"
    );
}

#[test]
fn a_file_of_two_components_and_a_component_without_a_file_are_told_together() {
    let outputs = "[components.bin]\nfiles = ['usr/bin/*']\n[components.tools]\nfiles = ['usr/bin/x*']\n\
                   [components.data]\nfiles = ['usr/share/y/*', 'usr/share/z']\n[components.doc]\n";
    assert_eq!(
        refused(outputs, &["usr/bin/x", "usr/bin/y"]),
        "the files that `x` installs do not fit its components\n\
         usr/bin/x is claimed by the components `bin` and `tools`\n  help: make their globs disjoint\n\
         the component `data` gets no file: nothing matches `usr/share/y/*` or `usr/share/z`\n\
         the component `doc` gets no file\n  help: say its `files`, or remove it\n\
         the component `tools` gets no file: nothing matches `usr/bin/x*`"
    );
}

#[test]
fn a_utility_that_cannot_name_a_component_is_told_what_to_add() {
    assert_eq!(
        refused("install.utilities = ['usr/bin/*']", &["usr/bin/GET"]),
        "the files that `x` installs do not fit its components\n\
         usr/bin/GET cannot be a component named as its file: `GET` is not a component name: it needs lower-case \
         letters, digits, `+`, `-`, `_`, `.`, or `[`, and starts with a letter, digit or `[`\n  \
         help: add \"usr/bin/GET\" to `files` under [components.NAME]"
    );
}

#[test]
fn programs_do_not_hide_behind_a_component_that_only_happens_to_be_the_default() {
    let outputs = "[components.terminfo]\nfiles = ['usr/share/terminfo/**']\n";
    let installed = ["usr/bin/tic", "usr/share/terminfo/x/xterm"];
    assert_eq!(
        refused(outputs, &installed),
        "the files that `x` installs do not fit its components\n\
         programs are in the component `bin`, but the recipe's name alone would mean `terminfo`\n  \
         help: add the line [components.bin], and the name means `bin`"
    );
    assert_eq!(
        assigned(&format!("[components.bin]\n{outputs}"), &installed),
        "bin: usr/bin/tic\nterminfo: usr/share/terminfo/x/xterm\n"
    );
}

#[test]
fn the_default_component_is_bin_or_the_only_one_or_none() {
    let default = |outputs: &str| recipe(outputs).default_component().map(String::from);
    let bin = "[components.bin]\nfiles = ['usr/bin/*']\n";
    let data = "[components.data]\nfiles = ['usr/share/x/**']\n";
    let more = "[components.more]\nfiles = ['usr/share/y/**']\n";
    let dev = "[components.dev]\nfiles = ['usr/share/z/**']\n";
    let utilities = "install.utilities = ['usr/bin/*']\n";
    assert_eq!(default("").as_deref(), Some("bin"));
    assert_eq!(default(data).as_deref(), Some("data"));
    assert_eq!(default(&format!("{data}{dev}")).as_deref(), Some("data"));
    assert_eq!(default(dev).as_deref(), Some("bin"));
    assert_eq!(default(&format!("{data}{more}")).as_deref(), Some("bin"));
    assert_eq!(default(&format!("{data}{bin}")).as_deref(), Some("bin"));
    assert_eq!(default(utilities), None);
    assert_eq!(default(&format!("{utilities}{bin}")).as_deref(), Some("bin"));
}

#[test]
fn a_test_is_of_what_it_says_or_of_the_utility_that_it_runs() {
    let tested = |outputs: &str, test: &str| {
        let recipe = recipe_with_test(outputs, test);
        recipe.tested_component(&recipe.tests[0]).map(String::from)
    };
    let utilities = "install.utilities = ['usr/bin/*']";
    assert_eq!(tested("", "run = ['x']").as_deref(), Some("bin"));
    assert_eq!(tested("", "run = ['x'], component = 'dev'").as_deref(), Some("dev"));
    assert_eq!(tested("", "script = 'x'"), None);
    assert_eq!(tested(utilities, "run = ['cat', 'x']").as_deref(), Some("cat"));
    assert_eq!(tested(utilities, "run = ['/usr/bin/cat']").as_deref(), Some("cat"));
}

proptest! {
    #[test]
    fn every_installed_file_is_in_one_component_or_dropped(
        names in prop::collection::btree_set("(usr/bin|usr/lib|usr/share/man|usr/include|usr/share/x)/[a-d]{1,2}(\\.a|\\.la)?", 0..30),
    ) {
        let outputs = "install.drop = ['**/a*']\ninstall.utilities = ['usr/bin/d*']\n\
                       [components.x]\nfiles = ['usr/share/x/**', 'usr/bin/c']\n[components.bin]\nfiles = ['usr/lib/{b,c,d}*']";
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let installed = tree(&names);
        let assignment = match assign(&recipe(outputs), &installed) {
            Ok(assignment) => assignment,
            Err(error) => {
                // With few files a component may get none; nothing else is wrong with these.
                let all_unmatched = error.faults.iter().all(|fault| matches!(fault, AssignmentFault::Unmatched { .. }));
                prop_assert!(all_unmatched, "{error}");
                return Ok(());
            }
        };
        for name in names {
            let name = path(name);
            let holders = assignment.components.values().filter(|tree| tree.get(&name) == installed.get(&name)).count();
            let dropped = assignment.dropped.iter().filter(|dropped| **dropped == name).count();
            prop_assert_eq!(holders + dropped, 1, "{}", name);
        }
        for tree in assignment.components.values() {
            let is_leaf = |path: &RelPath| !tree.iter().any(|(below, _)| below.parent().as_ref() == Some(path));
            prop_assert!(tree.iter().all(|(path, entry)| *entry != Entry::Dir || !is_leaf(path)), "an empty directory");
        }
    }
}
