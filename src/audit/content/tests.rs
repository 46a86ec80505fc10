use super::*;

fn found(old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> Found {
    compare(old.as_ref(), new.as_ref(), DEPTH)
}

fn gzip(content: &[u8], level: u32, time: u32) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::GzBuilder::new().mtime(time).write(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn tar(members: &[(&str, &str, u64)]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, content, time) in members {
        let mut header = ::tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mtime(*time);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn texts_show_the_lines_that_differ() {
    let found = found("a\nbuilt on monday\nz\n", "a\nbuilt on tuesday\nz\n");
    assert_eq!(found.kind, ChangeKind::Text);
    assert_eq!(found.lines, ["line 2:", "- built on monday", "+ built on tuesday"]);
}

#[test]
fn lines_and_words_in_another_order_are_told_as_that() {
    assert_eq!(found("b\na\nc\n", "a\nb\nc\n").kind, ChangeKind::Order);
    let words = found("parts: c a b\n", "parts: a b c\n");
    assert_eq!(words.kind, ChangeKind::Order);
    assert_eq!(words.lines[0], "the same lines in another order");
    assert_eq!(found("a\nb\n", "a\na\n").kind, ChangeKind::Text);
}

#[test]
fn what_is_compressed_is_compared_by_what_it_holds() {
    let content = "stone upon stone\n".repeat(500);
    let levels = found(gzip(content.as_bytes(), 1, 0), gzip(content.as_bytes(), 9, 0));
    assert_eq!(levels.kind, ChangeKind::Compression, "{levels:?}");
    let times = found(gzip(content.as_bytes(), 9, 1_000), gzip(content.as_bytes(), 9, 2_000));
    assert_eq!(times.kind, ChangeKind::Time);
    assert!(times.lines[0].contains("the time 2000 instead of 1000"), "{times:?}");
    let inside = found(gzip(b"one\n", 9, 0), gzip(b"two\n", 9, 0));
    assert_eq!(inside.lines, ["uncompressed: line 1:", "uncompressed: - one", "uncompressed: + two"]);
}

#[test]
fn archives_name_the_member() {
    let old = tar(&[("a", "1", 5), ("b", "2", 5)]);
    let times = found(&old, tar(&[("a", "1", 5), ("b", "2", 6)]));
    assert_eq!(
        (times.kind, times.lines.as_slice()),
        (ChangeKind::Time, ["tar archive, member b: has the time 6 instead of 5".to_owned()].as_slice())
    );
    let order = found(&old, tar(&[("b", "2", 5), ("a", "1", 5)]));
    assert_eq!(
        (order.kind, order.lines[0].as_str()),
        (ChangeKind::Order, "tar archive: the same members in another order")
    );
    let gone = found(&old, tar(&[("a", "1", 5)]));
    assert_eq!(gone.lines, ["tar archive: the member b is gone"]);
    let within = found(gzip(&old, 9, 0), gzip(&tar(&[("a", "1", 5), ("b", "3", 5)]), 9, 0));
    assert_eq!(within.lines[1], "uncompressed: tar archive, member b: - 2");
}

#[test]
fn programs_name_the_section_and_show_its_text() {
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let needle = b"programs_name_the_section_and_show_its_text-marker";
    let at = memchr::memmem::find(&own, needle).expect("the marker is in this program");
    let mut other = own.clone();
    other[at] = b'P';
    let found = found(&own, &other);
    assert_eq!(found.kind, ChangeKind::Elf);
    assert!(found.lines[0].starts_with("section .rodata: 1 bytes differ"), "{:?}", found.lines);
    assert!(found.lines[2].contains("Programs_name_the_section"), "{:?}", found.lines);
}

#[test]
fn other_bytes_show_where_they_begin_to_differ() {
    let found = found(b"\0\x01\x02\x03\xff", b"\0\x01\x09\x03\xff");
    assert_eq!(found.lines, ["1 bytes differ of 5 bytes, from offset 0x2 on", "- 02 03 ff", "+ 09 03 ff"]);
}

#[test]
fn owners_and_modes_of_members_are_told() {
    let of_mode = |mode| {
        let mut builder = ::tar::Builder::new(Vec::new());
        let mut header = ::tar::Header::new_ustar();
        header.set_size(1);
        header.set_mode(mode);
        builder.append_data(&mut header, "a", b"1".as_slice()).unwrap();
        builder.into_inner().unwrap()
    };
    let found = found(of_mode(0o644), of_mode(0o600));
    assert_eq!(found.lines.len(), 1, "{found:?}");
    let line = &found.lines[0];
    assert!(line.starts_with("tar archive, member a: has ") && line.contains("mode 600, "), "{line}");
    assert!(line.contains(" instead of ") && line.contains("mode 644, "), "{line}");
}

#[test]
fn sections_that_only_one_program_has_are_told() {
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    // The names of the sections stand near the end.
    let at = memchr::memmem::rfind(&own, b".comment\0").expect("the compiler says who it is");
    let mut other = own.clone();
    other[at + 7] = b'd';
    let found = found(&own, &other);
    assert_eq!(found.kind, ChangeKind::Elf);
    for line in ["section .comment is gone", "section .commend is new"] {
        assert!(found.lines.iter().any(|told| told == line), "{:?}", found.lines);
    }
}

#[test]
fn files_that_only_one_build_gave_are_told() {
    let scratch = tempfile::tempdir().unwrap();
    let [one, other] = [["a", "b"], ["a", "c"]].map(|names| {
        let place = scratch.path().join(names.concat());
        std::fs::create_dir(&place).unwrap();
        names.iter().for_each(|name| std::fs::write(place.join(name), "1").unwrap());
        (crate::store::scan(&place).unwrap().tree, place)
    });
    let changes = changes("bin", (&one.0, &one.1), (&other.0, &other.1)).unwrap();
    let told: Vec<_> =
        changes.iter().map(|change| (change.path.as_str(), change.kind, change.lines.join(""))).collect();
    let entry = |path, how: &str| (path, ChangeKind::Entry, how.to_owned());
    assert_eq!(told, [entry("b", "is gone"), entry("c", "is new")]);
}

#[test]
fn what_is_packed_in_what_is_packed_is_looked_into_so_deep_and_no_deeper() {
    let packed = |text: &[u8]| (0..=DEPTH).fold(text.to_vec(), |inner, _| gzip(&inner, 9, 0));
    let found = found(packed(b"one\n"), packed(b"two\n"));
    assert_eq!(found.kind, ChangeKind::Binary);
    assert_eq!(found.lines[0].matches("uncompressed: ").count(), DEPTH, "{found:?}");
}

#[test]
fn a_file_in_which_much_differs_is_told_of_in_few_lines() {
    let scratch = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..LINES + 8).map(|number| number.to_string()).collect();
    let [one, other] = [1, 2].map(|time| {
        let place = scratch.path().join(time.to_string());
        std::fs::create_dir(&place).unwrap();
        let members: Vec<(&str, &str, u64)> = names.iter().map(|name| (name.as_str(), "1", time)).collect();
        std::fs::write(place.join("a.tar"), tar(&members)).unwrap();
        (crate::store::scan(&place).unwrap().tree, place)
    });
    let changes = changes("bin", (&one.0, &one.1), (&other.0, &other.1)).unwrap();
    assert_eq!((changes.len(), changes[0].lines.len()), (1, LINES + 1));
    assert_eq!(changes[0].lines[LINES], "and 8 lines more");
}
