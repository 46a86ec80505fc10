//! Every byte of an export counts: whichever changes, it is found, and where it lies in something that has a name,
//! that is named.

use drystone::store::{Holding, Store, Taken};

use crate::bench::{Bench, Kind, archive, members, names, sealed, told, unsealed};

/// What reading these bytes as an export says.
fn refusal(bench: &Bench, bytes: &[u8]) -> Option<String> {
    let file = bench.path("flipped.tar.zst");
    std::fs::write(&file, bytes).unwrap();
    Holding::open(&file, &|_| ()).err().map(|error| told(&error))
}

#[test]
fn a_flipped_bit_anywhere_in_the_file_is_found() {
    let bench = Bench::new();
    let whole = std::fs::read(bench.export("wall.tar.zst").0).unwrap();
    assert_eq!(refusal(&bench, &whole), None);
    for at in 0..whole.len() {
        for bit in [0, 6] {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            let said = refusal(&bench, &flipped).unwrap_or_else(|| panic!("byte {at}, bit {bit}: nothing was found"));
            assert!(said.contains("flipped.tar.zst"), "byte {at}, bit {bit}: {said}");
        }
    }
}

#[test]
fn an_export_that_ends_too_early_is_never_taken_for_a_whole_one() {
    let bench = Bench::new();
    let whole = std::fs::read(bench.export("wall.tar.zst").0).unwrap();
    for length in 0..whole.len() {
        assert!(refusal(&bench, &whole[..length]).is_some(), "the first {length} bytes");
    }
    let longer = [&whole[..], b"x"].concat();
    assert!(refusal(&bench, &longer).unwrap().contains("does not end with a seal"));
}

#[test]
fn a_byte_that_was_altered_before_the_seal_was_made_is_named_with_its_member() {
    let bench = Bench::new();
    let (file, _) = bench.export("wall.tar.zst");
    let honest = members(&file);
    let mut named = 0;
    for index in 0..honest.len() {
        let Kind::File(content, mode) = honest[index].kind.clone() else { continue };
        for at in (0..content.len()).step_by(7) {
            let mut altered = content.clone();
            altered[at] ^= 0x20;
            let mut members = honest.clone();
            members[index].kind = Kind::File(altered, mode);
            let said = refusal(&bench, &archive(&members)).unwrap_or_else(|| {
                panic!("byte {at} of {}: nothing was found", members[index].path);
            });
            // An index that was altered is told of there, or where the archive is no longer what it says.
            if index > 0 {
                let name = format!("`{}` was altered: its BLAKE3 should be", members[index].path.escape_debug());
                assert!(said.contains(&name), "byte {at}: {said}");
                named += 1;
            }
        }
    }
    assert!(named > 200, "only {named} bytes were altered");
}

#[test]
fn a_header_that_was_altered_before_the_seal_was_made_is_found() {
    let bench = Bench::new();
    let tar = unsealed(&bench.export("wall.tar.zst").0);
    let mut archive = tar::Archive::new(tar.as_slice());
    let headers: Vec<usize> =
        archive.entries().unwrap().map(|entry| entry.unwrap().raw_header_position() as usize).collect();
    for header in headers {
        for at in (header..header + 512).step_by(3) {
            let mut altered = tar.clone();
            altered[at] ^= 0x04;
            assert!(refusal(&bench, &sealed(&altered)).is_some(), "byte {} of the header at {header}", at - header);
        }
    }
}

#[test]
fn an_import_of_a_flipped_export_leaves_only_what_proves_itself() {
    let bench = Bench::new();
    let whole = std::fs::read(bench.export("wall.tar.zst").0).unwrap();
    let file = bench.path("flipped.tar.zst");
    let store = bench.path("other");
    for at in (0..whole.len()).step_by(23) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        std::fs::write(&file, flipped).unwrap();
        let other = Store::open(&store).unwrap();
        other.import(&file, Taken::Traces, &|_| ()).unwrap_err();
        assert_eq!(other.verify(&|| ()).unwrap().faults, []);
        assert_eq!(names(&other, "objects"), names(&other, "manifests"), "byte {at}");
        for directory in ["traces", "logs", "roots"] {
            assert_eq!(names(&other, directory), [""; 0], "byte {at}");
        }
        drop(other);
        assert_eq!(drystone::fs::list(&store.join("tmp")).unwrap(), [""; 0]);
        drystone::fs::remove_tree(&store).unwrap();
    }
}

#[test]
fn a_trace_or_its_inputs_that_were_altered_in_a_store_are_found_and_moved_away() {
    let bench = Bench::new();
    let traces = bench.store.root().join("traces");
    let key = bench.key.to_string();
    let alter = |name: &str, from: &str, to: &str| {
        let path = traces.join(name);
        drystone::fs::set_mode(&path, 0o644).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace(from, to)).unwrap();
    };
    alter(&key, "output bin", "outpUt bin");
    alter(&format!("{key}.inputs"), "-O2", "-O3");
    let holding = Holding::open(bench.store.root(), &|_| ()).unwrap();
    let found: Vec<&str> = holding.faults.iter().map(|fault| fault.what.as_str()).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(bench.store.verify(&|| ()).unwrap().faults.len(), 2);
    assert_eq!(names(&bench.store, "traces"), [""; 0]);
    assert_eq!(names(&bench.store, "quarantine"), [key.clone(), format!("{key}.inputs")]);
}
