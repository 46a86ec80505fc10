//! Small programs made for the purpose, and the ways into files that hold them.

use std::io::Write as _;

use super::*;

/// Where the code of a made program is, in the file and in memory, and how many functions it has.
const CODE: (usize, u64, usize) = (0x1000, 0x40_1000, 64);
/// Where its data is.
const DATA: (usize, u64) = (0x2000, 0x40_2000);

/// Names of ten and more programs, none of which is a word.
const NAMES: [&str; 14] = [
    "base64", "blkid", "chgrp", "dmesg", "dos2unix", "fdisk", "gunzip", "hexdump", "ifconfig", "losetup", "md5sum",
    "mkswap", "pgrep", "whoami",
];

/// The data of a program that is being made.
#[derive(Default)]
struct Data(Vec<u8>);

impl Data {
    fn text(&mut self, text: &str) -> u64 {
        let address = DATA.1 + self.0.len() as u64;
        self.0.extend([text.as_bytes(), b"\0"].concat());
        address
    }

    fn texts(&mut self, texts: &[&str]) {
        for text in texts {
            self.text(text);
        }
    }

    fn words(&mut self, words: &[u64]) {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        self.0.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
}

fn function(index: usize) -> u64 {
    CODE.1 + 16 * index as u64
}

/// A program of 64 bits for a fixed address, without section headers.
fn program(fill: impl FnOnce(&mut Data)) -> Vec<u8> {
    let mut data = Data::default();
    fill(&mut data);
    let header = |flags: u32, (offset, address): (usize, u64), length: usize| {
        let (offset, length) = (offset as u64, length as u64);
        let words = [offset, address, address, length, length, 0x1000].map(u64::to_le_bytes);
        [&1u32.to_le_bytes()[..], &flags.to_le_bytes(), words.as_flattened()].concat()
    };
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    bytes.extend([CODE.1, 64, 0].map(u64::to_le_bytes).as_flattened());
    bytes.extend(b"\0\0\0\0\x40\0\x38\0\x02\0\0\0\0\0\0\0");
    bytes.extend(header(5, (CODE.0, CODE.1), 16 * CODE.2));
    bytes.extend(header(6, DATA, data.0.len()));
    bytes.resize(CODE.0, 0);
    bytes.extend([0xf3, 0x0f, 0x1e, 0xfa, 0x31, 0xc0, 0xc3, 0xcc].repeat(2 * CODE.2));
    bytes.resize(DATA.0, 0);
    bytes.extend(data.0);
    bytes
}

/// One as Toybox and sash are made.
fn tabled(names: &[&str]) -> Vec<u8> {
    program(|data| {
        let names: Vec<_> = names.iter().map(|name| data.text(name)).collect();
        for (index, name) in names.into_iter().enumerate() {
            data.words(&[name, function(index), 0]);
        }
    })
}

/// One as BusyBox is made, with so many functions.
fn listed(functions: usize) -> Vec<u8> {
    program(|data| {
        data.0.extend([0xff; 7]);
        data.texts(&NAMES);
        data.words(&(0..functions).map(function).collect::<Vec<_>>());
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, name, bytes).unwrap();
    archive.into_inner().unwrap()
}

#[track_caller]
fn way(bytes: &[u8]) -> Vec<String> {
    multi_call(bytes).expect("something is found").within
}

#[test]
fn names_that_lead_to_functions_are_programs() {
    let found = multi_call(&tabled(&NAMES)).unwrap();
    assert_eq!(found.programs, NAMES);
    assert_eq!(found.evidence, Evidence::Table { programs: NAMES.len() });
    assert_eq!(found.within, [""; 0]);
    let text = "tables that lead from the names of 14 utilities to functions: base64, blkid, chgrp, dmesg, dos2unix, \
                fdisk, …";
    assert_eq!(found.to_string(), text);
    assert_eq!(multi_call(&tabled(&NAMES[..TABLED - 1])), None);
    assert_eq!(score(&tabled(&NAMES[..9])), Score { tabled: 9, ..Score::default() });
}

#[test]
fn the_same_names_without_functions_are_words() {
    let words = program(|data| {
        let names = NAMES.map(|name| data.text(name));
        data.words(&names);
        let texts = NAMES.map(|name| data.text(&format!("What {name} is")));
        names.into_iter().zip(texts).for_each(|pair| data.words(&[pair.0, pair.1]));
    });
    assert_eq!(examine(&words), (None, None));
}

#[test]
fn constants_among_the_code_are_no_functions() {
    // As linkers of old did it: one segment for all that is read.
    let mut old = program(|data| {
        let pairs = NAMES.map(|name| [data.text(name), data.text(&format!("What {name} is"))]);
        pairs.iter().for_each(|pair| data.words(pair));
    });
    old[64 + 56 + 4] = 5;
    assert_eq!(score(&old), Score::default());
}

#[test]
fn names_without_an_end_have_a_length() {
    let rust = program(|data| {
        data.0.extend(NAMES.concat().bytes());
        let mut at = DATA.1;
        for (index, name) in NAMES.iter().enumerate() {
            data.words(&[at, name.len() as u64, function(index)]);
            at += name.len() as u64;
        }
    });
    assert_eq!(multi_call(&rust).unwrap().programs, NAMES);
}

#[test]
fn words_with_a_dash_are_commands_of_sash_but_not_what_find_knows() {
    let dashed = |words: &[&str]| {
        tabled(
            &words.iter().map(|word| format!("-{word}")).collect::<Vec<_>>().iter().map(|w| &**w).collect::<Vec<_>>(),
        )
    };
    let commands = ["chmod", "chown", "cmp", "dd", "echo", "find", "grep", "kill", "mkdir", "more", "tar", "touch"];
    assert!(multi_call(&dashed(&commands)).is_some());
    assert_eq!(multi_call(&tabled(&commands)), None);
    assert_eq!(score(&dashed(&["false", "ls", "mount", "printf", "rm", "true"])).tabled, 0);
}

#[test]
fn a_sorted_list_leads_to_functions_by_its_order() {
    let found = multi_call(&listed(NAMES.len())).unwrap();
    assert_eq!(found.evidence, Evidence::List { names: 14, functions: 14, texts: 0 });
    assert_eq!(found.programs, NAMES);
    assert_eq!(multi_call(&listed(NAMES.len() - 1)), None);
}

#[test]
fn names_for_one_function_have_to_lead_to_one_function() {
    let mut names = [&NAMES[..], &["pkill", "unix2dos"]].concat();
    names.sort_unstable();
    let program = |main: &dyn Fn(&str) -> usize| {
        program(|data| {
            data.texts(&names);
            data.words(
                &[&[function(63); 3][..], &names.iter().map(|name| function(main(name))).collect::<Vec<_>>()].concat(),
            );
        })
    };
    let place = |name: &str| names.binary_search(&name).unwrap();
    let busybox = program(&|name| match name {
        "unix2dos" => place("dos2unix"),
        "pkill" => place("pgrep"),
        name => place(name),
    });
    assert_eq!(multi_call(&busybox).unwrap().evidence, Evidence::List { names: 16, functions: 19, texts: 0 });
    assert_eq!(multi_call(&program(&place)), None);
}

#[test]
fn packed_help_texts_show_what_a_list_is_for() {
    let texts: Vec<u8> = NAMES.iter().flat_map(|name| format!("[-x] {name}\n\n\t-x\tDo\0").into_bytes()).collect();
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(&texts).unwrap();
    let packed = encoder.finish().unwrap();
    let program = program(|data| {
        data.texts(&NAMES);
        data.0.extend(&packed[2..]);
    });
    let found = multi_call(&program).unwrap();
    assert_eq!(found.evidence, Evidence::List { names: 14, functions: 0, texts: 14 });
}

#[test]
fn usage_texts_and_names_need_no_table() {
    let told = |usage: &str| {
        program(|data| {
            for name in NAMES {
                data.text(&format!("{usage}: %s [OPTION]... for {name}"));
                data.text(name);
            }
        })
    };
    let evidence = multi_call(&told("Usage")).unwrap().evidence;
    assert_eq!(evidence, Evidence::Texts { programs: 14, texts: 14 });
    assert_eq!(multi_call(&told("Sausage")), None);
}

#[test]
fn a_program_is_found_at_any_offset_and_in_any_archive() {
    let hidden = tabled(&NAMES);
    assert_eq!(way(&[b"GIF89a", &hidden[..], b"tail"].concat()), ["byte 6"]);
    assert_eq!(way(&tar("bin/x", &hidden)), ["tar: bin/x"]);
    let long = format!("{}/x", "long".repeat(30));
    assert_eq!(way(&tar(&long, &hidden)), [format!("tar: {long}")]);
    let mut pax = tar::Builder::new(Vec::new());
    pax.append_pax_extensions([("path", "by/pax".as_bytes())]).unwrap();
    let pax = [pax.get_ref(), &tar("short", &hidden)[..]].concat();
    assert_eq!(way(&pax), ["tar: by/pax"]);
    assert_eq!(way(&zipped(&hidden, zip::CompressionMethod::Stored)), ["zip: a/b"]);
    let cpio = format!("070701{:048}{:08x}{:032}{:08x}{:08}a/b\0\0\0", 0, hidden.len(), 0, 4, 0);
    assert_eq!(way(&[cpio.as_bytes(), &hidden].concat()), ["cpio: a/b"]);
    let ar = format!("!<arch>\n{:<48}{:<10}`\n", "x/", hidden.len());
    assert_eq!(way(&[ar.as_bytes(), &hidden].concat()), ["ar: x"]);
}

fn zipped(bytes: &[u8], method: zip::CompressionMethod) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("a/b", zip::write::SimpleFileOptions::default().compression_method(method)).unwrap();
    archive.write_all(bytes).unwrap();
    archive.finish().unwrap().into_inner()
}

#[test]
fn streams_are_decompressed() {
    let hidden = tabled(&NAMES);
    let lzma = |filters: xz2::stream::Stream| {
        let mut encoder = xz2::write::XzEncoder::new_stream(Vec::new(), filters);
        encoder.write_all(&hidden).unwrap();
        encoder.finish().unwrap()
    };
    let alone = xz2::stream::LzmaOptions::new_preset(6).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&hidden).unwrap();
    let streams = [
        ("gzip", gzip(&hidden)),
        ("gzip", [gzip(&hidden[..5000]), gzip(&hidden[5000..])].concat()),
        ("xz", lzma(xz2::stream::Stream::new_easy_encoder(6, xz2::stream::Check::Crc32).unwrap())),
        ("lzma", lzma(xz2::stream::Stream::new_lzma_encoder(&alone).unwrap())),
        ("zstd", zstd::encode_all(&hidden[..], 1).unwrap()),
        ("bzip2", bzip2.finish().unwrap()),
        ("zip: a/b", zipped(&hidden, zip::CompressionMethod::Deflated)),
    ];
    for (name, stream) in streams {
        assert_eq!(way(&stream), [name]);
        assert_eq!(way(&[b"#!/bin/sh\n", &stream[..], b"\n"].concat()), ["byte 10", name]);
    }
    let lzip =
        [b"LZIP\x01\x17", &lzma(xz2::stream::Stream::new_lzma_encoder(&alone).unwrap())[13..], &[0; 20]].concat();
    assert_eq!(way(&lzip), ["lzip"]);
}

#[test]
fn layers_are_taken_off_one_by_one_until_there_are_too_many() {
    let nested = gzip(&tar("data", &gzip(&tabled(&NAMES))));
    assert_eq!(way(&nested), ["gzip", "tar: data", "gzip"]);
    let deep = (0..=DEEPEST).fold(tabled(&NAMES), |inner, _| gzip(&inner));
    let (found, packed) = examine(&deep);
    assert_eq!((found, packed.unwrap().packing), (None, Packing::TooDeep));
}

#[test]
fn more_than_the_bound_is_a_fact() {
    let bomb = gzip(&vec![0; 1 << 20]);
    let dig = dig::Dig::bounded(&bomb, 1 << 19);
    let packed = dig.packed.unwrap();
    assert_eq!(packed.to_string(), "in gzip: more than is unpacked for one file (512 MiB)");
    assert_eq!(dig::Dig::bounded(&bomb, 1 << 20).packed, None);
}

#[test]
fn what_cannot_be_looked_into_is_named() {
    let packing = |bytes: &[u8]| packed(bytes).map(|packed| packed.to_string());
    assert_eq!(packing(b"hsqs and more").as_deref(), Some("packed in a format that is not understood (squashfs)"));
    let text = packing(&tar("x", b"Salted__12345678"));
    assert_eq!(text.as_deref(), Some("in tar: x: encrypted (openssl)"));
    let mut zip = zipped(b"secret", zip::CompressionMethod::Deflated);
    zip[6] |= 1;
    assert_eq!(packing(&zip).as_deref(), Some("in zip: a/b: encrypted (zip)"));
    assert_eq!(packing(b"PK\x03\x04 and Rar!\x1a\x07\0, as programs that unpack them hold"), None);
    assert_eq!(packing(b"\x1f\x8b\x08 is how gzip begins"), None);
}

#[test]
fn a_program_of_noise_unpacks_itself() {
    let noise = |data: &mut Data| {
        let blocks = (0u32..2048).map(|number| blake3::hash(&number.to_le_bytes()));
        data.0.extend(blocks.flat_map(|hash| *hash.as_bytes()));
    };
    assert_eq!(packed(&program(noise)).unwrap().packing, Packing::Program);
    // What would start as noise starts nothing: such are files of debugging information.
    let mut debugging = program(noise);
    debugging[24..32].copy_from_slice(&DATA.1.to_le_bytes());
    assert_eq!(packed(&debugging), None);
    assert_eq!(packed(&program(|data| data.0.extend(include_bytes!("utilities.txt").repeat(10)))), None);
}

#[test]
fn upx_is_known_by_its_structure() {
    let original = tabled(&NAMES);
    let mut packed = program(|_| ());
    packed.truncate(64 + 2 * 56);
    packed.extend([0; 24]);
    for block in [&original[..64 + 2 * 56], &original[CODE.0..CODE.0 + 16 * CODE.2], &original[DATA.0..]] {
        let length = u32::try_from(block.len()).unwrap().to_le_bytes();
        packed.extend([&length[..], &length, b"\x02\0\0\0", block].concat());
    }
    // What is loaded is the whole file.
    let length = (packed.len() as u64).to_le_bytes();
    packed[64 + 8..64 + 16].copy_from_slice(&[0; 8]);
    packed[64 + 32..64 + 40].copy_from_slice(&length);
    assert_eq!(way(&packed), ["upx"]);
    // A first block that is not as long as headers are belongs to something else.
    let mut other = packed.clone();
    other[64 + 2 * 56 + 24] += 1;
    other[64 + 2 * 56 + 28] += 1;
    assert_eq!(examine(&other), (None, None));
    packed.truncate(packed.len() - 40);
    assert_eq!(examine(&packed), (None, Some(Packed { packing: Packing::Upx, within: Vec::new() })));
}

#[test]
fn links_are_judged_by_the_programs_that_they_name() {
    assert_eq!(many_names(["gzip", "gunzip", "zcat", "uncompress"]), [""; 0]);
    assert_eq!(many_names(["systemctl", "halt", "poweroff", "reboot", "shutdown", "init", "telinit"]), [""; 0]);
    assert_eq!(many_names(["kmod", "lsmod", "modprobe", "insmod", "rmmod", "depmod", "modinfo"]), [""; 0]);
    assert_eq!(many_names(["git", "git-add", "git-log", "git-receive-pack"]), [""; 0]);
    assert_eq!(many_names(["bin/mount", "bin/x", "bin/cat", "sbin/arp"]), ["bin/mount", "bin/cat", "sbin/arp"]);
}

#[test]
fn whoever_knows_the_names_is_not_the_programs() {
    // This test's own program holds the whole list.
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let score = score(&own);
    assert!(score.listed == 0 && score.tabled <= 5 && score.told <= 6, "{score:?}");
}
