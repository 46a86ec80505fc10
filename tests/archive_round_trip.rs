//! What `TarWriter` writes, `unpack` reads back, and so does the system's tar; every honest form of an archive is
//! understood.

mod quarry;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use drystone::archive::{EPOCH, Meta, TarWriter};
use drystone::path::RelPath;
use proptest::prelude::*;
use quarry::*;

/// What is at a path of a generated tree.
#[derive(Debug, Clone)]
enum Node {
    Directory,
    File { executable: bool, content: String },
    Symlink { target: String },
}

fn node() -> impl Strategy<Value = Node> {
    prop_oneof![
        Just(Node::Directory),
        (any::<bool>(), 0..1500usize, "[a-z]")
            .prop_map(|(executable, length, letter)| Node::File { executable, content: letter.repeat(length) }),
        "([a-zé]{1,60}/){0,4}[a-z]{1,20}".prop_map(|target| Node::Symlink { target }),
    ]
}

/// Trees with short, long and non-ASCII names, in which nothing lies below a file or link.
fn tree() -> impl Strategy<Value = BTreeMap<RelPath, Node>> {
    let path = "([a-c]|[a-zäß ]{1,80})(/([a-c]|[a-z-]{90,120}|[a-z日]{1,30})){0,4}";
    proptest::collection::btree_map(path, node(), 0..12).prop_map(|entries| {
        let mut tree: BTreeMap<RelPath, Node> = BTreeMap::new();
        for (path, node) in entries {
            let path = RelPath::new(path).unwrap();
            let blocked = path.ancestors().any(|above| !matches!(tree.get(&above), None | Some(Node::Directory)));
            if !blocked && !tree.contains_key(&path) {
                tree.extend(path.ancestors().map(|above| (above, Node::Directory)));
                tree.insert(path, node);
            }
        }
        tree
    })
}

fn written(tree: &BTreeMap<RelPath, Node>) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new(), EPOCH);
    let meta = |mode| Meta { mode, uid: 0, gid: 0 };
    for (path, node) in tree {
        match node {
            Node::Directory => writer.directory(path, meta(0o755)),
            Node::File { executable, content } => {
                let mode = if *executable { 0o755 } else { 0o644 };
                writer.file(path, meta(mode), content.len() as u64, content.as_bytes())
            }
            Node::Symlink { target } => writer.symlink(path, target),
        }
        .unwrap();
    }
    writer.finish().unwrap()
}

fn expected(tree: &BTreeMap<RelPath, Node>) -> Vec<String> {
    let line = |(path, node): (&RelPath, &Node)| match node {
        Node::Directory => format!("755 {path}/"),
        Node::File { executable: true, content } => format!("755 {path} = {content}"),
        Node::File { executable: false, content } => format!("644 {path} = {content}"),
        Node::Symlink { target } => format!("link {path} -> {target}"),
    };
    let mut lines: Vec<_> = tree.iter().map(line).collect();
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_tree_survives_being_an_archive(tree in tree()) {
        let bytes = written(&tree);
        prop_assert_eq!(&bytes, &written(&tree));
        prop_assert_eq!(unpacked(&bytes, 0), expected(&tree));
    }
}

#[test]
fn the_systems_tar_reads_what_we_write() {
    let path = |text: &str| RelPath::new(text).unwrap();
    let long = format!("usr/share/{}/{}", "d".repeat(120), "f".repeat(90));
    let longest = format!("usr/{}", "n".repeat(200));
    let mut writer = TarWriter::new(Vec::new(), 1_700_000_000);
    writer.directory(&path("usr"), Meta { mode: 0o755, uid: 0, gid: 0 }).unwrap();
    writer.file(&path("usr/su"), Meta { mode: 0o4755, uid: 0, gid: 5 }, 3, b"elf".as_slice()).unwrap();
    writer.file(&path(&long), Meta { mode: 0o644, uid: 65532, gid: 65532 }, 0, b"".as_slice()).unwrap();
    writer.file(&path(&longest), Meta { mode: 0o644, uid: 3_000_000, gid: 0 }, 513, [b'x'; 513].as_slice()).unwrap();
    writer.symlink(&path("usr/größe"), &"t/".repeat(80)).unwrap();
    let bytes = writer.finish().unwrap();

    let command = Command::new("tar")
        .args(["--numeric-owner", "--quoting-style=literal", "--full-time", "--utc", "-tvf", "-"])
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = command else {
        eprintln!("skipped: there is no tar here");
        return;
    };
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "drwxr-xr-x 0/0 0 2023-11-14 22:13:20 usr/".to_owned(),
            "-rwsr-xr-x 0/5 3 2023-11-14 22:13:20 usr/su".to_owned(),
            format!("-rw-r--r-- 65532/65532 0 2023-11-14 22:13:20 {long}"),
            format!("-rw-r--r-- 3000000/0 513 2023-11-14 22:13:20 {longest}"),
            format!("lrwxrwxrwx 0/0 0 2023-11-14 22:13:20 usr/größe -> {}", "t/".repeat(80)),
        ]
    );
}

#[test]
fn every_compression_is_understood_in_one_member_or_several() {
    let archive = tar(&[directory("p/"), file("p/f", "content")]);
    let seen = ["644 p/f = content", "755 p/"];
    assert_eq!(unpacked(&archive, 0), seen);
    for (name, compress) in COMPRESSIONS {
        assert_eq!(unpacked(&compress(&archive), 0), seen, "{name}");
        let (start, end) = archive.split_at(700);
        assert_eq!(unpacked(&[compress(start), compress(b""), compress(end)].concat(), 0), seen, "{name}");
    }
    // What only one of the formats allows: padding between xz streams, and zstd's skippable frames.
    assert_eq!(unpacked(&[xz(&archive).as_slice(), &[0; 4]].concat(), 0), seen);
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    assert_eq!(unpacked(&[skippable.as_slice(), &zstd(&archive), &skippable].concat(), 0), seen);
}

#[test]
fn long_names_of_gnu_and_pax_are_understood() {
    let long = format!("p/{}", "n".repeat(150));
    let archive = tar(&[
        pax(b'g', "comment", "0123456789abcdef"),
        entry(b'L', "././@LongLink", "", format!("{long}-gnu\0")),
        file("p/nnn", "1"),
        pax(b'x', "path", &format!("{long}-pax")),
        file("p/nnn", "2"),
        entry(b'K', "././@LongLink", "", format!("{long}-gnu\0")),
        hard_link("p/hard", "p/nnn"),
        pax(b'x', "linkpath", &long[2..]),
        symlink("p/soft", "nnn"),
        pax(b'x', "size", "4"),
        claiming(file("p/sized", "four"), 0),
    ]);
    let name = &long[2..];
    let mut expected = [
        format!("644 {name}-gnu = 1"),
        format!("644 {name}-pax = 2"),
        "644 hard = 1".to_owned(),
        format!("link soft -> {name}"),
        "644 sized = four".to_owned(),
    ];
    expected.sort();
    assert_eq!(unpacked(&archive, 1), expected);
}

#[test]
fn only_the_executable_bit_is_kept() {
    let with_mode = |mode, path| {
        let mut entry = file(path, "");
        entry[100..108].copy_from_slice(format!("{mode:07o}\0").as_bytes());
        claiming(entry, 0)
    };
    let archive = tar(&[with_mode(0o4711, "su"), with_mode(0o400, "secret"), with_mode(0o666, "open")]);
    assert_eq!(unpacked(&archive, 0), ["644 open = ", "644 secret = ", "755 su = "]);
}
