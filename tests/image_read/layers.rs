//! Layers over each other, as the image specification has it; and layers that say different things to different
//! readers.

use drystone::image::read::Limits;

use crate::mason::{Image, Layout, content, digest, owned, read_for, refused};
use crate::quarry::*;

#[test]
fn a_layer_hides_and_replaces_what_lies_below() {
    let lower = [
        directory("etc/"),
        file("etc/motd", "old"),
        file("etc/gone", "x"),
        directory("var/"),
        file("var/cache/a/b", "x"),
        file("var/cache/c", "x"),
        file("tool", "x"),
        directory("opt/"),
        file("opt/x/y", "x"),
    ];
    let upper = [
        // A whiteout may stand behind what takes the place of what it hides.
        file("etc/motd", "new!"),
        file("etc/.wh.gone", ""),
        file("etc/.wh.never-there", ""),
        file("var/cache/fresh", "x"),
        file("var/cache/.wh..wh..opq", ""),
        // A directory takes a file's place, and a file a directory's.
        owned(directory("tool/"), 0o700, 1, 2),
        file("tool/part", ""),
        file("opt", "flat"),
    ];
    let layout = Layout::of(&[&lower, &upper]);
    assert_eq!(
        layout.listing(),
        [
            "etc/ 644 0:0".to_owned(),
            format!("etc/motd 644 0:0 {}", content("new!")),
            format!("opt 644 0:0 {}", content("flat")),
            "tool/ 700 1:2".to_owned(),
            format!("tool/part 644 0:0 {}", content("")),
            "var/ 644 0:0".to_owned(),
            "var/cache/".to_owned(),
            format!("var/cache/fresh 644 0:0 {}", content("x")),
        ]
    );
    let contents = layout.read().unwrap();
    let layer = |path: &str| contents.entries[path].layer;
    assert_eq!((layer("etc"), layer("etc/motd"), layer("tool")), (Some(0), Some(1), Some(1)));
}

#[test]
fn a_layer_hides_nothing_of_its_own_and_may_empty_the_root() {
    let upper = [file("a", "new"), file(".wh.a", ""), file(".wh..wh..opq", "")];
    let layout = Layout::of(&[&[file("a", "old"), file("b", "old")], &upper]);
    assert_eq!(layout.listing(), [format!("a 644 0:0 {}", content("new"))]);
}

#[test]
fn a_name_that_only_begins_like_a_hidden_one_stays() {
    let lower = [file("lib/a", ""), file("lib-x", ""), file("lib.d/a", ""), file("lib0", "")];
    let layout = Layout::of(&[&lower, &[file(".wh.lib", "")]]);
    let names: Vec<_> = layout.read().unwrap().entries.into_keys().map(String::from).collect();
    assert_eq!(names, ["lib-x", "lib.d", "lib.d/a", "lib0"]);
}

#[test]
fn within_a_layer_the_last_entry_of_a_name_counts_in_any_order() {
    let entries = [
        file("./d/f", "first"),
        file("/d//f", "second"),
        owned(directory("d"), 0o750, 5, 5),
        symlink("l", "d"),
        symlink("l", "/d/f"),
        directory("./"),
    ];
    assert_eq!(
        Layout::of(&[&entries]).listing(),
        ["d/ 750 5:5".to_owned(), format!("d/f 644 0:0 {}", content("second")), "l -> /d/f".to_owned()]
    );
}

#[test]
fn hard_links_share_their_file_and_its_last_mode() {
    let lower = [owned(file("sudo", "x"), 0o4755, 0, 0), owned(hard_link("s", "./sudo"), 0o4755, 0, 0)];
    let upper =
        [hard_link("below", "sudo"), owned(file("a", "y"), 0o644, 0, 0), owned(hard_link("b", "a"), 0o2755, 7, 7)];
    let contents = Layout::of(&[&lower, &upper]).read().unwrap();
    let mode = |path: &str| (contents.entries[path].mode, contents.entries[path].owner.uid);
    assert_eq!((mode("sudo"), mode("s"), mode("below")), ((0o4755, 0), (0o4755, 0), (0o644, 0)));
    // chmod(2) and chown(2) by the name `b` change the file that `a` names too.
    assert_eq!((mode("a"), mode("b")), ((0o2755, 7), (0o2755, 7)));
    assert_eq!(contents.size(), 3, "`sudo` and `s` once, `below` by itself, `a` and `b` once");
    // What a link named keeps its bytes when the first name gets others.
    let replaced = [file("a", "old"), hard_link("b", "a"), file("a", "new")];
    let listing = Layout::of(&[&replaced]).listing();
    assert_eq!(listing, [format!("a 644 0:0 {}", content("new")), format!("b 644 0:0 {}", content("old"))]);
    let later = refused(&[&[hard_link("b", "a"), file("a", "")]]);
    assert!(later.ends_with("the entry `b` is a hard link to `a`, which is no earlier file"), "{later}");
}

#[test]
fn pax_records_give_long_names_large_owners_and_capabilities() {
    let long = format!("{}/{}", "d".repeat(120), "é".repeat(60));
    let entries = [
        pax(b'x', "path", &long),
        file("short", "x"),
        pax(b'x', "uid", "4000000000"),
        file("owned", "x"),
        pax(b'x', "SCHILY.xattr.security.capability", "\u{1}\0\0\u{2}"),
        file("ping", "x"),
    ];
    let x = content("x");
    assert_eq!(
        Layout::of(&[&entries]).listing(),
        [
            format!("{}/", "d".repeat(120)),
            format!("{long} 644 0:0 {x}"),
            format!("owned 644 4000000000:0 {x}"),
            format!("ping 644 0:0 {x} [security.capability]"),
        ]
    );
}

#[test]
fn devices_and_pipes_are_told_and_an_overlays_whiteout_is_refused() {
    let device = |kind, major: u8, minor: u8| {
        let mut bytes = entry(kind, "dev", "", "");
        bytes[329..337].copy_from_slice(format!("{major:07o}\0").as_bytes());
        bytes[337..345].copy_from_slice(format!("{minor:07o}\0").as_bytes());
        owned(bytes, 0o666, 0, 0)
    };
    assert_eq!(Layout::of(&[&[device(b'3', 1, 3)]]).listing(), ["dev 666 0:0 a character device"]);
    assert_eq!(Layout::of(&[&[device(b'4', 0, 0)]]).listing(), ["dev 666 0:0 a block device"]);
    assert_eq!(Layout::of(&[&[entry(b'6', "p", "", "")]]).listing(), ["p 644 0:0 a named pipe"]);
    assert_eq!(
        refused(&[&[device(b'3', 0, 0)]]),
        "the layer 1 (sha256:…) of IMAGE: the entry `dev` is a character device 0:0, which overlay file systems take \
         for a whiteout"
    );
    let opaque = [pax(b'x', "SCHILY.xattr.trusted.overlay.opaque", "y"), directory("d/")];
    assert_eq!(
        refused(&[&opaque]),
        "the layer 1 (sha256:…) of IMAGE: the entry `d/` has the attribute trusted.overlay.opaque, by which overlay \
         file systems hide what lies below"
    );
}

#[test]
fn what_leaves_the_root_or_is_no_name_is_refused() {
    for (entries, reason) in [
        (vec![file("../etc/passwd", "")], "`../etc/passwd` has an unusable path: it has a `..` component"),
        (vec![file("a/../../b", "")], "`a/../../b` has an unusable path: it has a `..` component"),
        (vec![file(b"caf\xe9", "")], "`caf\u{fffd}` has an unusable path: it is not UTF-8"),
        (vec![file("a\nb", "")], "`a\\nb` has an unusable path: it holds a control character"),
        (vec![file(".", "")], "`.` has no name"),
        (vec![file(".wh.", "")], "`.wh.` is a whiteout of nothing"),
        (vec![file("a/.wh...", "")], "`a/.wh...` is a whiteout of nothing"),
        (vec![file(".wh..wh.plnk", "")], "`.wh..wh.plnk` is a mark of AUFS, which runtimes read differently"),
        (vec![hard_link("a", "../b")], "`a` is a hard link with an unusable target: it has a `..` component"),
        (vec![hard_link("a", "b")], "`a` is a hard link to `b`, which is no earlier file"),
        (vec![symlink("a", "")], "`a` is a symbolic link with an unusable target: it is empty"),
        (vec![entry(b'V', "v", "", "")], "`v` is of an unknown kind, which no runtime unpacks"),
        (vec![file("f", ""), file("f/x", "")], "`f/x` lies below `f`, which is no directory"),
        (
            vec![symlink("a", "b"), symlink("b", "a"), file("a/x", "")],
            "`a/x` lies below `a`, a symbolic link that leads in a circle",
        ),
    ] {
        let refusal = refused(&[&entries]);
        assert!(refusal.starts_with("the layer 1 (sha256:…) of IMAGE: the entry `"), "{refusal}");
        assert!(refusal.ends_with(reason), "{refusal}\n{reason}");
    }
}

#[test]
fn a_link_of_the_same_layer_is_followed_and_one_of_a_lower_layer_is_refused() {
    let same = [symlink("lib", "usr/lib"), file("lib/a", "x"), symlink("up", "../../usr/./"), file("up/b", "x")];
    let x = content("x");
    assert_eq!(
        Layout::of(&[&same]).listing(),
        [
            "lib -> usr/lib".to_owned(),
            "up -> ../../usr/./".to_owned(),
            "usr/".to_owned(),
            format!("usr/b 644 0:0 {x}"),
            "usr/lib/".to_owned(),
            format!("usr/lib/a 644 0:0 {x}"),
        ]
    );
    let lower = [symlink("lib", "usr/lib"), directory("usr/lib/")];
    let differently = "lies below `lib`, a symbolic link of a lower layer, which runtimes read differently";
    for upper in [file("lib/a", "x"), file("lib/.wh.a", ""), file("lib/.wh..wh..opq", "")] {
        let refusal = refused(&[&lower, &[upper]]);
        assert!(refusal.starts_with("the layer 2 (") && refusal.ends_with(differently), "{refusal}");
    }
    // A layer that says so puts a directory in the link's place.
    let upper = [owned(directory("lib/"), 0o755, 0, 0), file("lib/.wh..wh..opq", ""), file("lib/a", "x")];
    assert_eq!(
        Layout::of(&[&[symlink("lib", "usr/lib")], &upper]).listing(),
        ["lib/".to_owned(), format!("lib/a 644 0:0 {x}")]
    );
}

#[test]
fn layers_may_be_compressed_by_anything_or_empty() {
    let archive = tar(&[file("a", "x")]);
    let layers = [archive.clone(), gzip(&archive), zstd(&archive), xz(&archive), bzip2(&archive)];
    // An archive without the blocks that mark its end, and one without anything: digests vouch for them.
    let layers = [&layers[..], &[file("b", "y"), Vec::new(), vec![0; 1024], gzip(&[])]].concat();
    let layout = Layout::bare();
    let image = layout.image(&Image::of(&layers));
    layout.index(&[image]);
    assert_eq!(layout.listing(), [format!("a 644 0:0 {}", content("x")), format!("b 644 0:0 {}", content("y"))]);
}

/// The layout of an image whose layer is stored as `bytes`, and unpacks to what the configuration says of `whole`.
fn stored(bytes: &[u8], whole: &[u8]) -> Layout {
    let mut image = Image::of(&[bytes.to_vec()]);
    image.config["rootfs"]["diff_ids"] = serde_json::json!([digest(whole)]);
    let layout = Layout::bare();
    let manifest = layout.image(&image);
    layout.index(&[manifest]);
    layout
}

#[test]
fn a_layer_of_several_members_is_whole_or_refused() {
    let parts = [file("a", "x"), file("b", "y"), vec![0; 1024]];
    let ((bytes, ends), whole) = (members(&parts), parts.concat());
    let layout = stored(&bytes, &whole);
    assert_eq!(layout.listing(), [format!("a 644 0:0 {}", content("x")), format!("b 644 0:0 {}", content("y"))]);
    for end in [ends[0], ends[1]] {
        // Each member that is left is whole, each entry too; and then what names the blob was altered like it.
        layout.write(&format!("blobs/sha256/{}", &digest(&bytes)[7..]), &bytes[..end]);
        let size = bytes.len();
        let refusal = layout.refusal();
        assert!(refusal.contains(&format!("has {end} bytes, but {size} are announced: it was cut")), "{refusal}");
        let refusal = stored(&bytes[..end], &whole).refusal();
        assert!(refusal.contains("has the diffID sha256:…, but the configuration says sha256:…"), "{refusal}");
    }
    let garbage = [&bytes, b"garbage".as_slice()].concat();
    let behind = "the layer 1 (sha256:…) of IMAGE is followed by data that does not belong to it";
    assert_eq!(stored(&garbage, &whole).refusal(), behind);
    let size = garbage.len();
    layout.write(&format!("blobs/sha256/{}", &digest(&bytes)[7..]), garbage);
    let refusal = layout.refusal();
    assert!(refusal.contains(&format!("has {size} bytes, but {} are announced", bytes.len())), "{refusal}");
}

#[test]
fn a_small_archive_that_unpacks_to_much_is_stopped() {
    let layout = Layout::of(&[&[file("a", &"x".repeat(100_000))], &[file("b", &"x".repeat(100_000))]]);
    let read = |limits| read_for(layout.path().to_str().unwrap(), "linux/amd64", limits).err().unwrap();
    let limits = Limits { bytes: 150_000, entries: 10, file: 1 << 20 };
    assert!(read(limits).ends_with("unpacks to more than the limit of 150000 bytes"));
    let refusal = read(Limits { bytes: 1 << 20, file: 99_999, ..limits });
    assert!(
        refusal.ends_with("the entry `a` has 100000 bytes; files of more than 99999 are not examined"),
        "{refusal}"
    );
    let deep = Layout::of(&[&[file("a/b/c/d/e/f", "")]]);
    let refusal = read_for(deep.path().to_str().unwrap(), "linux/amd64", Limits { entries: 3, ..Limits::default() });
    let refusal = refusal.err().unwrap();
    assert!(refusal.ends_with("unpacks to more than the limit of 3 files and directories"), "{refusal}");
}

#[test]
fn a_file_of_holes_is_stopped_by_its_size() {
    let mut hole = entry(b'S', "hole", "", "");
    hole[483..495].copy_from_slice(b"77777777777\0");
    let refusal = refused(&[&[owned(hole, 0o644, 0, 0)]]);
    let reason = "the entry `hole` has 8589934591 bytes; files of more than 2147483648 are not examined";
    assert!(refusal.ends_with(reason), "{refusal}");
}
