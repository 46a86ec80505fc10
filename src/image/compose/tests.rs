//! What an image may be made of, and what the errors say where it may not.

use super::*;
use crate::digest::Blake3;
use crate::recipe::{ImageConfig, Policy, Runtime, SpecDirectory, SpecFile, SpecGroup, SpecLink, SpecUser};

fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

fn program(content: &str) -> Entry {
    Entry::File { executable: true, digest: Blake3::of(content.as_bytes()) }
}

fn file(content: &str) -> Entry {
    Entry::File { executable: false, digest: Blake3::of(content.as_bytes()) }
}

fn symlink(target: &str) -> Entry {
    Entry::Symlink { target: target.to_owned() }
}

fn part(output: &str, entries: &[(&str, Entry)]) -> Part {
    let mut tree = Tree::new();
    for (at, entry) in entries {
        tree.insert(path(at), entry.clone()).unwrap();
    }
    Part { output: output.parse().unwrap(), version: "1".into(), id: tree.id(), tree, only: None, named: true }
}

fn sed() -> Part {
    part("sed/bin", &[("usr/bin/sed", program("sed")), ("usr/bin/gsed", symlink("sed"))])
}

fn spec() -> ImageSpec {
    ImageSpec {
        name: "test".into(),
        tag: "latest".into(),
        components: Vec::new(),
        config: ImageConfig::default(),
        users: Vec::new(),
        groups: Vec::new(),
        files: Vec::new(),
        directories: Vec::new(),
        links: Vec::new(),
        policy: Policy::default(),
        runtime: Runtime::default(),
        targets: Vec::new(),
        file: "test.toml".into(),
    }
}

fn spec_file(at: &str, content: &str) -> SpecFile {
    SpecFile { path: path(at), content: content.into(), source: None, mode: 0o444, owner: Owner::default() }
}

fn spec_directory(at: &str, mode: u32) -> SpecDirectory {
    SpecDirectory { path: path(at), mode, owner: Owner::default() }
}

fn spec_link(at: &str, target: &str) -> SpecLink {
    SpecLink { path: path(at), target: target.into() }
}

fn user(name: &str, uid: u32, gid: u32) -> SpecUser {
    SpecUser { name: name.into(), owner: Owner { uid, gid }, home: "/".into(), shell: "/nonexistent".into() }
}

fn group(name: &str, gid: u32, members: &[&str]) -> SpecGroup {
    SpecGroup { name: name.into(), gid, members: members.iter().map(|&member| member.to_owned()).collect() }
}

fn fault(spec: &ImageSpec, parts: &[Part]) -> String {
    compose(spec, parts).unwrap_err().to_string()
}

#[test]
fn every_path_knows_its_mode_its_layer_and_why_it_is_there() {
    let spec = ImageSpec { files: vec![spec_file("etc/motd", "hello")], ..spec() };
    let rootfs = compose(&spec, &[sed()]).unwrap();
    let lines: Vec<_> = rootfs
        .iter()
        .map(|(path, node)| format!("{path} {:o} layer {} {}", node.inode.mode, node.layer, node.reason))
        .collect();
    assert_eq!(
        lines,
        [
            "etc 755 layer 1 a [[file]] of the spec",
            "etc/motd 444 layer 1 a [[file]] of the spec",
            "usr 755 layer 0 the component sed/bin",
            "usr/bin 755 layer 0 the component sed/bin",
            "usr/bin/gsed 777 layer 0 the component sed/bin",
            "usr/bin/sed 555 layer 0 the component sed/bin",
        ]
    );
    assert_eq!(rootfs.files(), 3);
}

#[test]
fn layers_are_sorted_by_output_and_one_object_is_one_layer() {
    let twin = Part { output: "gnused/bin".parse().unwrap(), ..sed() };
    let cat = part("coreutils/cat", &[("usr/bin/cat", program("cat"))]);
    let rootfs = compose(&spec(), &[sed(), twin, cat.clone(), sed()]).unwrap();
    let origins: Vec<_> = rootfs
        .layers()
        .iter()
        .map(|layer| match &layer.origin {
            Origin::Object { id, outputs } => (*id, outputs.iter().map(Provenance::to_string).collect::<Vec<_>>()),
            Origin::Spec => panic!("the spec brings nothing"),
        })
        .collect();
    assert_eq!(
        origins,
        [
            (cat.id, vec!["coreutils/cat 1".to_owned()]),
            (sed().id, vec!["gnused/bin 1".to_owned(), "sed/bin 1".to_owned()])
        ]
    );
}

#[test]
fn a_layer_holds_its_whole_object_also_where_another_brings_the_same_file() {
    let licence = ("usr/share/licence", file("GPL"));
    let a = part("a/bin", &[("usr/bin/a", program("a")), licence.clone()]);
    let b = part("b/bin", &[("usr/bin/b", program("b")), licence]);
    let rootfs = compose(&spec(), &[a, b]).unwrap();
    assert!(rootfs.layers().iter().all(|layer| layer.entries.contains_key(&path("usr/share/licence"))));
    assert_eq!(rootfs.get(&path("usr/share/licence")).unwrap().layer, 0);
}

#[test]
fn components_that_differ_at_a_path_are_both_named() {
    let busybox = part("busybox/bin", &[("usr/bin/sed", program("busybox"))]);
    assert_eq!(
        fault(&spec(), &[sed(), busybox]),
        "/usr/bin/sed differs between the components busybox/bin (an executable file) and sed/bin (an executable \
         file): leave one of them out, or limit one with `only`"
    );
    let merged = part("merged/bin", &[("usr/bin", symlink("../bin"))]);
    assert_eq!(
        fault(&spec(), &[sed(), merged]),
        "/usr/bin differs between the components merged/bin (a symbolic link) and sed/bin (a directory): leave one of \
         them out, or limit one with `only`"
    );
    let data = part("data/bin", &[("usr/bin/sed", file("sed"))]);
    assert_eq!(
        fault(&spec(), &[sed(), data]),
        "/usr/bin/sed differs between the components data/bin (a file) and sed/bin (an executable file): leave one of \
         them out, or limit one with `only`"
    );
}

#[test]
fn only_takes_the_files_that_it_names_and_what_is_below_the_directories_that_it_names() {
    let terminfo = part(
        "ncurses/terminfo",
        &[
            ("usr/share/terminfo/x/xterm", file("x")),
            ("usr/share/terminfo/v/vt100", file("v")),
            ("usr/note", file("n")),
        ],
    );
    let some = Part { only: Some(vec![path("usr/share/terminfo/x"), path("usr/note")]), ..terminfo.clone() };
    let paths = |parts: &[Part]| -> Vec<String> {
        compose(&spec(), parts).unwrap().iter().map(|(path, _)| path.to_string()).collect()
    };
    let both =
        ["usr", "usr/note", "usr/share", "usr/share/terminfo", "usr/share/terminfo/x", "usr/share/terminfo/x/xterm"];
    assert_eq!(paths(std::slice::from_ref(&some)), both);
    assert_eq!(paths(&[some, terminfo.clone()]), paths(&[terminfo]), "asked for whole as well, it is whole");
}

#[test]
fn only_that_names_what_is_not_there_is_told_the_nearest_names() {
    let asks = |wanted: &str, part: Part| fault(&spec(), &[Part { only: Some(vec![path(wanted)]), ..part }]);
    assert_eq!(
        asks("bin/sed", sed()),
        "the component sed/bin has no /bin/sed, which `only` names; did you mean /usr/bin/sed?"
    );
    assert_eq!(
        asks("usr/bin/gsedd", sed()),
        "the component sed/bin has no /usr/bin/gsedd, which `only` names; did you mean /usr/bin/gsed or /usr/bin/sed?"
    );
    assert_eq!(
        asks("etc/ed.conf", sed()),
        "the component sed/bin has no /etc/ed.conf, which `only` names; none of its 2 files has a similar name"
    );
}

#[test]
fn the_spec_brings_no_path_that_is_there_already() {
    let taken = |spec: ImageSpec| fault(&spec, &[sed()]);
    assert_eq!(
        taken(ImageSpec { files: vec![spec_file("usr/bin/sed", "sed")], ..spec() }),
        "/usr/bin/sed comes from a [[file]] of the spec, but the component sed/bin has brought it already: choose \
         another path, or leave one out"
    );
    assert_eq!(
        taken(ImageSpec { links: vec![spec_link("usr/bin", "x")], ..spec() }),
        "/usr/bin comes from a [[link]] of the spec, but the component sed/bin has brought it already: choose another \
         path, or leave one out"
    );
    assert_eq!(
        taken(ImageSpec { directories: vec![spec_directory("tmp", 0o755), spec_directory("tmp", 0o1777)], ..spec() }),
        "/tmp comes from a [[directory]] of the spec, but a [[directory]] of the spec has brought it already: choose \
         another path, or leave one out"
    );
    let passwd = vec![spec_file("etc/passwd", "root:x:0:0::/:/bin/sh\n")];
    assert_eq!(
        taken(ImageSpec { files: passwd, users: vec![user("nonroot", 65532, 65532)], ..spec() }),
        "/etc/passwd comes from the spec's users and groups, but a [[file]] of the spec has brought it already: choose \
         another path, or leave one out"
    );
}

#[test]
fn nothing_lies_below_a_link_or_a_file() {
    let links = vec![spec_link("bin", "usr/bin")];
    assert_eq!(
        fault(&ImageSpec { links, files: vec![spec_file("bin/x", "x")], ..spec() }, &[sed()]),
        "/bin/x (a [[file]] of the spec) lies below /bin (a [[link]] of the spec), which is not a directory"
    );
    assert_eq!(
        fault(&ImageSpec { directories: vec![spec_directory("usr/bin/sed/a/b", 0o755)], ..spec() }, &[sed()]),
        "/usr/bin/sed/a (a [[directory]] of the spec) lies below /usr/bin/sed (the component sed/bin), which is not a \
         directory"
    );
}

#[test]
fn a_directory_of_the_spec_gives_a_components_directory_its_mode_in_the_last_layer() {
    let directories = vec![spec_directory("usr/bin", 0o700)];
    let rootfs = compose(&ImageSpec { directories, ..spec() }, &[sed()]).unwrap();
    let node = rootfs.get(&path("usr/bin")).unwrap();
    assert_eq!((node.inode.mode, node.layer, &node.reason), (0o700, 1, &Reason::Directory));
    assert_eq!(rootfs.layers()[0].entries[&path("usr/bin")].mode, 0o755);
    let last: Vec<_> = rootfs.layers()[1].entries.keys().map(RelPath::as_str).collect();
    assert_eq!(last, ["usr", "usr/bin"]);
}

#[test]
fn users_and_groups_become_passwd_and_group() {
    let spec = ImageSpec {
        users: vec![user("nonroot", 65532, 65532)],
        groups: vec![group("nonroot", 65532, &[]), group("data", 2000, &["nonroot", "other"])],
        ..spec()
    };
    let rootfs = compose(&spec, &[]).unwrap();
    let text = |at| match &rootfs.get(&path(at)).unwrap().inode.kind {
        Kind::File(Content::Inline(bytes)) => String::from_utf8(bytes.clone()).unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text("etc/passwd"), "nonroot:x:65532:65532::/:/nonexistent\n");
    assert_eq!(text("etc/group"), "nonroot:x:65532:\ndata:x:2000:nonroot,other\n");
}

#[test]
fn an_account_cannot_smuggle_in_another() {
    let mut evil = user("evil", 1000, 1000);
    evil.home = "/\nroot".into();
    assert_eq!(
        fault(&ImageSpec { users: vec![evil], ..spec() }, &[]),
        "the user `evil` cannot be written to /etc/passwd: a field holds a control character"
    );
    assert_eq!(
        fault(&ImageSpec { groups: vec![group("wheel", 10, &["a,b"])], ..spec() }, &[]),
        "the group `wheel` cannot be written to /etc/group: a member's name holds a comma"
    );
    assert_eq!(
        fault(&ImageSpec { groups: vec![group("a:b", 10, &[])], ..spec() }, &[]),
        "the group `a:b` cannot be written to /etc/group: a field holds a colon"
    );
}

#[test]
fn the_containers_user_becomes_a_number() {
    let with_user = |text: &str| {
        let config = ImageConfig { user: Some(text.into()), ..ImageConfig::default() };
        let users = vec![user("nonroot", 65532, 65533)];
        let spec = ImageSpec { config, users, groups: vec![group("data", 2000, &[])], ..spec() };
        compose(&spec, &[]).map(|rootfs| rootfs.config().user.clone().unwrap()).map_err(|error| error.to_string())
    };
    assert_eq!(with_user("1000").unwrap(), "1000");
    assert_eq!(with_user("1000:0").unwrap(), "1000:0");
    assert_eq!(with_user("nonroot").unwrap(), "65532");
    assert_eq!(with_user("nonroot:data").unwrap(), "65532:2000");
    assert_eq!(
        with_user("www").unwrap_err(),
        "the config's user `www` names the user `www`, which the spec does not declare; it declares nonroot"
    );
    assert_eq!(
        with_user("0:+1").unwrap_err(),
        "the config's user `0:+1` names the group `+1`, which the spec does not declare; it declares data"
    );
    assert_eq!(
        with_user("").unwrap_err(),
        "the config's user `` names the user ``, which the spec does not declare; it declares nonroot"
    );
}

#[test]
fn a_working_directory_is_made_where_there_is_none() {
    let in_workdir = |text: &str, links| {
        let config = ImageConfig { workdir: Some(text.into()), ..ImageConfig::default() };
        compose(&ImageSpec { config, links, ..spec() }, &[sed()]).map_err(|error| error.to_string())
    };
    let made = in_workdir("/srv/data", vec![]).unwrap();
    let node = made.get(&path("srv/data")).unwrap();
    assert_eq!((node.inode.mode, node.layer, &node.reason), (0o755, 1, &Reason::Workdir));
    for there in ["/", "/usr/bin", "/bin"] {
        let rootfs = in_workdir(there, vec![spec_link("bin", "usr/bin")]).unwrap();
        assert!(rootfs.iter().all(|(_, node)| node.reason != Reason::Workdir), "{there}");
    }
    assert_eq!(
        in_workdir("/usr/bin/gsed", vec![]).unwrap_err(),
        "the config's workdir /usr/bin/gsed is not a directory: the component sed/bin brings it"
    );
    assert_eq!(
        in_workdir("data", vec![]).unwrap_err(),
        "the config's workdir `data` must be an absolute path, such as /data"
    );
    assert_eq!(in_workdir("/a/../b", vec![]).unwrap_err(), "the config's workdir `/a/../b` cannot be used");
}

#[test]
fn a_volume_must_be_in_the_image() {
    let with_volume = |directories| {
        let config = ImageConfig { volumes: vec!["/data".into()], ..ImageConfig::default() };
        compose(&ImageSpec { config, directories, ..spec() }, &[sed()]).map_err(|error| error.to_string())
    };
    assert!(with_volume(vec![spec_directory("data", 0o755)]).is_ok());
    assert_eq!(
        with_volume(vec![]).unwrap_err(),
        "the config's volume /data is not in the image: declare it as a [[directory]] with its mode and owner"
    );
}

#[test]
fn an_image_of_nothing_is_refused() {
    let nothing = "the image would be empty: the spec names no component with files, and has no files of its own";
    assert_eq!(fault(&spec(), &[]), nothing);
    assert_eq!(fault(&spec(), &[part("none/bin", &[])]), nothing);
}
