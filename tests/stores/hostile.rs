//! An export that wants to write somewhere else, to be something else, or to be believed, is refused with a sentence
//! that names the archive and the member, and leaves nothing behind.

use std::path::Path;

use drystone::digest::{Blake3, DerivationKey, Sha256};
use drystone::store::{Store, Taken};

use crate::bench::{Bench, Kind, Member, archive, inputs, members, names, reindex, told};

/// What an import of a changed export says, without the archive's place. Nothing of it may be in the store.
fn refused(change: impl FnOnce(&Bench, &mut Vec<Member>)) -> String {
    let bench = Bench::new();
    let (file, _) = bench.export("wall.tar.zst");
    let mut members = members(&file);
    change(&bench, &mut members);
    let text = import(&bench, &archive(&members));
    text.replace(&bench.wall.to_string(), "WALL").replace(&bench.key.to_string(), "KEY")
}

fn import(bench: &Bench, bytes: &[u8]) -> String {
    let file = bench.path("x.tar.zst");
    std::fs::write(&file, bytes).unwrap();
    let other = bench.other("other");
    let error = told(&other.import(&file, Taken::Traces, &|_| ()).unwrap_err());
    assert!(names(&other, "objects").iter().all(|id| other.has_object(&id.parse().unwrap())));
    assert_eq!(other.verify(&|| ()).unwrap().faults, []);
    for directory in ["traces", "logs", "roots"] {
        assert_eq!(names(&other, directory), [""; 0], "{directory}");
    }
    let place = other.root().to_owned();
    drop(other);
    assert_eq!(drystone::fs::list(&place.join("tmp")).unwrap(), [""; 0]);
    error.strip_prefix(&format!("{}", bench.scratch.path().join("").display())).unwrap().to_owned()
}

fn at(members: &[Member], end: &str) -> usize {
    members.iter().position(|member| member.path.ends_with(end)).unwrap_or_else(|| panic!("no {end}"))
}

fn file(path: &str) -> Member {
    Member { path: path.to_owned(), kind: Kind::File(b"x".to_vec(), 0o444) }
}

/// A header with a name that no writer of ours gives, and no content.
fn raw(path: &str, kind: tar::EntryType, size: u64) -> Member {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o444);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    if kind != tar::EntryType::Regular {
        header.set_link_name("usr/bin/wall").unwrap();
    }
    header.set_cksum();
    Member { path: path.to_owned(), kind: Kind::Raw(header.as_bytes().to_vec()) }
}

#[test]
fn a_member_that_is_not_the_next_one() {
    assert_eq!(
        refused(|_, members| members.push(file("more"))),
        "x.tar.zst: `more` is not in the index, or is there twice"
    );
    let twice = refused(|_, members| {
        let last = members.last().unwrap().clone();
        members.push(last);
    });
    assert_eq!(twice, "x.tar.zst: `traces/KEY.inputs` is not in the index, or is there twice");
    let hostile = refused(|_, members| {
        let roots = at(members, "roots");
        members.insert(roots, raw("../../etc/cron.d/x", tar::EntryType::Regular, 0));
    });
    assert_eq!(hostile, "x.tar.zst: `roots` should be next, but `../../etc/cron.d/x` is there");
    let extra = refused(|_, members| {
        let wall = at(members, "usr/bin/wall");
        let mut more = members[wall].clone();
        more.path.push('2');
        members.insert(wall + 1, more);
    });
    assert_eq!(extra, "x.tar.zst: `objects/WALL/usr/lib` should be next, but `objects/WALL/usr/bin/wall2` is there");
    let missing = refused(|_, members| drop(members.pop()));
    assert_eq!(missing, "x.tar.zst: `traces/KEY.inputs` is missing");
}

#[test]
fn a_member_of_another_kind() {
    let instead = |kind: tar::EntryType| {
        refused(move |bench, members| {
            let wall = at(members, "usr/bin/wall");
            // Long names are none of this story: the link's place is short enough for a header.
            let path = format!("objects/{}/usr/bin/wall", bench.wall);
            members[wall] = raw(&path, kind, 0);
        })
    };
    let start = "x.tar.zst: `objects/WALL/usr/bin/wall` should be a file of 0:0 with the mode 0555, but is";
    for (kind, what) in [
        (tar::EntryType::Symlink, "a symbolic link to `usr/bin/wall`"),
        (tar::EntryType::Link, "a hard link"),
        (tar::EntryType::Char, "a character device"),
        (tar::EntryType::Fifo, "a named pipe"),
    ] {
        assert_eq!(instead(kind), format!("{start} {what} of 0:0 with the mode 0444"));
    }
    let setuid = refused(|_, members| {
        let wall = at(members, "usr/bin/wall");
        let Kind::File(content, _) = &members[wall].kind else { panic!("it is a file") };
        members[wall].kind = Kind::File(content.clone(), 0o4555);
    });
    assert_eq!(setuid, format!("{start} a file of 0:0 with the mode 4555"));
    let elsewhere = refused(|_, members| {
        let link = at(members, "usr/bin/mur");
        members[link].kind = Kind::Link("/etc/passwd".into());
    });
    assert!(elsewhere.contains("should be a symbolic link to `wall`") && elsewhere.contains("to `/etc/passwd`"));
}

#[test]
fn a_size_that_nothing_has() {
    let huge = refused(|bench, members| {
        let wall = at(members, "usr/bin/wall");
        let path = format!("objects/{}/usr/bin/wall", bench.wall);
        let mut member = raw(&path, tar::EntryType::Regular, 7 << 30);
        let Kind::Raw(header) = &mut member.kind else { panic!("it is raw") };
        let mut header = tar::Header::from_byte_slice(header).clone();
        header.set_mode(0o555);
        header.set_size(9 << 30);
        header.set_cksum();
        member.kind = Kind::Raw(header.as_bytes().to_vec());
        members[wall] = member;
    });
    assert_eq!(huge, "x.tar.zst: `objects/WALL/usr/bin/wall` is larger than the limit of 8589934592 bytes");
    let index = refused(|_, members| members[0] = raw("index", tar::EntryType::Regular, 2 << 30));
    assert_eq!(index, "x.tar.zst: `index` is larger than the limit of 1073741824 bytes");
}

#[test]
fn a_link_that_leads_out_of_its_object() {
    let bench = Bench::new();
    let (file, _) = bench.export("wall.tar.zst");
    let mut all = members(&file);
    let manifest = at(&all, &format!("manifests/{}", bench.wall));
    let Kind::File(text, _) = &all[manifest].kind else { panic!("it is a file") };
    let text = String::from_utf8(text.clone()).unwrap().replace("\tl\twall", "\tl\t../../../../etc/passwd");
    let id = Blake3::of(text.as_bytes()).to_string();
    // The same object under the name of the manifest that lies, and nothing that tells of it.
    let old = bench.wall.to_string();
    all.retain(|member| !["traces/", "logs/"].iter().any(|place| member.path.starts_with(place)));
    for member in &mut all {
        member.path = member.path.replace(&old, &id);
        if member.path == "roots" {
            member.kind = Kind::File(Vec::new(), 0o444);
        }
        if member.path.ends_with("usr/bin/mur") {
            member.kind = Kind::Link("../../../../etc/passwd".into());
        }
    }
    let manifest = at(&all, &format!("manifests/{id}"));
    all[manifest].kind = Kind::File(text.into_bytes(), 0o444);
    all[1..].sort_by(|one, other| one.path.cmp(&other.path));
    reindex(&mut all);
    let said = import(&bench, &archive(&all));
    assert_eq!(
        said,
        format!(
            "x.tar.zst: `objects/{id}/usr/bin/mur` is a symbolic link to `../../../../etc/passwd`, \
             which leads out of the object"
        )
    );
    assert!(!Path::new(&bench.path("other")).join("objects").join(id).exists());
}

#[test]
fn a_word_that_does_not_hold() {
    let alter = |end: &'static str, change: fn(String) -> String| {
        refused(move |_, members| {
            let member = at(members, end);
            let Kind::File(text, mode) = &members[member].kind else { panic!("it is a file") };
            let text = change(String::from_utf8(text.clone()).unwrap());
            members[member].kind = Kind::File(text.into_bytes(), *mode);
            reindex(members);
        })
    };
    let key = inputs("-O3").key();
    assert_eq!(
        alter(".inputs", |text| text.replace("-O2", "-O3")),
        format!("x.tar.zst: `traces/KEY.inputs` does not explain its key: its fields hash to {key}")
    );
    let said = |one: &dyn Fn(&Bench) -> String, other: &str, whole: bool| {
        refused(|bench, members| {
            let trace = at(members, &format!("traces/{}", bench.key));
            let Kind::File(text, mode) = &members[trace].kind else { panic!("it is a file") };
            let text = String::from_utf8(text.clone()).unwrap().replace(&one(bench), other);
            let (body, _) = text.split_once("sum ").unwrap();
            let sum = Blake3::of(format!("{}\n{body}", bench.key).as_bytes());
            let text = if whole { format!("{body}sum {sum}\n") } else { text };
            members[trace].kind = Kind::File(text.into_bytes(), *mode);
            reindex(members);
        })
    };
    let (other, absent) = (Blake3::of(b"another log").to_string(), DerivationKey::from_bytes([7; 32]).to_string());
    let log = |_: &Bench| Blake3::of(b"laid 3 stones\n").to_string();
    assert_eq!(
        said(&log, &other, false),
        "x.tar.zst: `traces/KEY` cannot be read: the trace traces/KEY has been altered: its sum is not that of its lines"
    );
    let log = said(&log, &other, true);
    assert_eq!(
        log,
        format!(
            "x.tar.zst: `traces/KEY` was altered: its log's BLAKE3 should be {}, but is {other}",
            Blake3::of(b"laid 3 stones\n")
        )
    );
    let nothing = said(&|bench| bench.wall.to_string(), &absent, true);
    assert_eq!(nothing, format!("x.tar.zst: `traces/KEY` tells of the object {absent}, which is not in the archive"));
    assert_eq!(
        alter("roots", |text| text.replace("x86_64-linux-musl/wall-1\n", "../../../etc/passwd\n")),
        "x.tar.zst: `roots` is not of the documented form (line 1)"
    );
}

#[test]
fn a_file_that_is_no_export() {
    let bench = Bench::new();
    let said = import(&bench, b"PK\x03\x04 and so on, for more than forty bytes of anything");
    assert_eq!(said, "x.tar.zst is not an export of drystone, or is truncated: it does not end with a seal");
    let bomb = crate::bench::sealed(&vec![0; 64 << 20]);
    assert_eq!(import(&bench, &bomb), "x.tar.zst: `index` is missing");
    let index = Member { path: "index".into(), kind: Kind::File(b"drystone-export 2 whole\n".to_vec(), 0o444) };
    assert_eq!(
        import(&bench, &archive(&[index])),
        "x.tar.zst: `index` is not an index that this drystone reads (line 1)"
    );
    let absent = bench.path("absent");
    let error = Store::look(&absent).unwrap_err();
    assert!(told(&error).contains("absent") && !absent.exists());
}

#[test]
fn a_source_under_another_s_name() {
    let [stones, sand] = ["stones", "sand"].map(|text| Sha256::of(text.as_bytes()).to_string());
    let said = refused(|_, members| {
        let source = at(members, &Sha256::of(b"stones").to_string());
        members[source].kind = Kind::File(b"sand".to_vec(), 0o444);
        reindex(members);
    });
    assert_eq!(
        said,
        format!("x.tar.zst: `sources/{stones}` was altered: its SHA-256 should be {stones}, but is {sand}")
    );
}

#[test]
fn a_name_of_an_object_that_is_not_there() {
    let absent = Blake3::of(b"absent").to_string();
    let said = refused(|_, members| {
        let roots = at(members, "roots");
        let Kind::File(text, mode) = &members[roots].kind else { panic!("it is a file") };
        let text = [absent.as_bytes(), &text[absent.len()..]].concat();
        members[roots].kind = Kind::File(text, *mode);
        reindex(members);
    });
    assert_eq!(said, format!("x.tar.zst: `roots` tells of the object {absent}, which is not in the archive"));
}

#[test]
fn a_trace_without_the_sum_that_traces_have() {
    let said = refused(|bench, members| {
        let trace = at(members, &format!("traces/{}", bench.key));
        let Kind::File(text, mode) = &members[trace].kind else { panic!("it is a file") };
        let text = String::from_utf8(text.clone()).unwrap().replace("drystone-trace 2", "drystone-trace 1");
        let (body, _) = text.rsplit_once("sum ").unwrap();
        members[trace].kind = Kind::File(body.as_bytes().to_vec(), *mode);
        reindex(members);
    });
    assert_eq!(said, "x.tar.zst: `traces/KEY` is not of the documented form (line 1)");
}

#[test]
fn a_member_with_an_attribute() {
    let said = refused(|_, members| {
        // A record is as long as it says, the digits included (POSIX, pax).
        let record = b"30 SCHILY.xattr.user.a=stone!\n";
        assert_eq!(record.len(), 30);
        let Kind::Raw(mut bytes) = raw("pax", tar::EntryType::Regular, 30).kind else { panic!("it is raw") };
        let mut header = tar::Header::from_byte_slice(&bytes).clone();
        header.set_entry_type(tar::EntryType::XHeader);
        header.set_cksum();
        bytes = header.as_bytes().to_vec();
        bytes.extend(record);
        bytes.resize(1024, 0);
        let wall = at(members, "usr/bin/wall");
        members.insert(wall, Member { path: "pax".to_owned(), kind: Kind::Raw(bytes) });
    });
    assert!(said.starts_with("x.tar.zst: `objects/WALL/usr/bin/wall` should be a file"), "{said}");
}

#[test]
fn names_in_another_order() {
    let said = refused(|_, members| {
        let roots = at(members, "roots");
        let Kind::File(text, mode) = &members[roots].kind else { panic!("it is a file") };
        let text: String = String::from_utf8_lossy(text).lines().rev().map(|line| format!("{line}\n")).collect();
        members[roots].kind = Kind::File(text.into_bytes(), *mode);
        reindex(members);
    });
    assert_eq!(said, "x.tar.zst: `roots` is not of the documented form (line 2)");
}
