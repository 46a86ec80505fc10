//! BusyBox built from source with the machine's own compiler: a hundred programs, under another name and version.

use std::path::{Path, PathBuf};
use std::process::Command;

use drystone::archive::{self, Limits};
use drystone::policy::multicall::Evidence;

use crate::{found, packages, variants};

/// The source as Debian keeps it.
const SOURCE: &str = "busybox_1.35.0.orig.tar.bz2";
const SHA256: &str = "SHA256:faeeb244c35a348a334f4a59e44626ee870fb07b6884d68c10ae8bc19f83a694";

/// What is built into it, by the names of its configuration.
const PROGRAMS: &str = "ARP ARPING ASH AWK BASE64 BASENAME BC BLKID BLOCKDEV BRCTL BUNZIP2 BZCAT CAL CAT CHATTR CHGRP \
                        CHMOD CHOWN CHROOT CKSUM CLEAR CMP CP CPIO CUT DATE DD DF DIFF DIRNAME DMESG DOS2UNIX DU ECHO \
                        EGREP ENV EXPAND EXPR FACTOR FALLOCATE FALSE FGREP FIND FOLD FREE FSFREEZE FSTRIM GREP GROUPS \
                        GUNZIP GZIP HEAD HEXDUMP HOSTID ID INSTALL KILL KILLALL LN LOSETUP LS LSATTR MD5SUM MKDIR \
                        MKFIFO MKNOD MKSWAP MKTEMP MORE MOUNT MV NC NICE NL NOHUP NPROC OD PASTE PGREP PIDOF PRINTF \
                        PWD READLINK REALPATH RENICE REV RM RMDIR SED SEQ SHA1SUM SHA256SUM SHUF SLEEP SORT SPLIT \
                        STAT STTY SUM SYNC TAC TAIL TAR TEE TEST TIMEOUT TOUCH TR TRUE TRUNCATE TTY UMOUNT UNAME \
                        UNEXPAND UNIQ UNIX2DOS UNLINK UPTIME UUDECODE UUENCODE VI WATCH WC WGET WHO WHOAMI XARGS XXD \
                        YES ZCAT";

#[test]
fn busybox_from_source_is_found_under_another_name_and_version() {
    let Some(program) = built() else { return };
    let bytes = std::fs::read(program).unwrap();
    for text in ["BusyBox", "1.35.0", "multi-call"] {
        assert!(memchr::memmem::find(&bytes, text.as_bytes()).is_none(), "{text} is still in it");
    }
    for bytes in [&bytes, &variants::stripped_and_edited(&bytes)] {
        let seen = found("BusyBox from source", bytes);
        assert!(seen.programs.len() > 100, "{:?}", seen.programs);
        assert!(matches!(seen.evidence, Evidence::List { functions: 100.., .. }), "{}", seen.evidence);
    }
}

/// The program; `None` when the source or a compiler cannot be had. It is built once.
fn built() -> Option<PathBuf> {
    let program = packages::cache().join("busybox-from-source");
    if !program.exists() {
        let directory = tempfile::tempdir_in(packages::cache()).unwrap();
        let tree = directory.path().join("busybox");
        archive::unpack(&source()?, SOURCE, &tree, 1, &Limits::default()).unwrap();
        edit(&tree.join("libbb/appletlib.c"), &[("BusyBox", "Kitchen"), ("multi-call", "all-in-one")]);
        edit(&tree.join("libbb/messages.c"), &[("BusyBox", "Kitchen")]);
        edit(&tree.join("Makefile"), &[("VERSION = 1\n", "VERSION = 7\n"), ("PATCHLEVEL = 35\n", "PATCHLEVEL = 3\n")]);
        make(&tree, &["allnoconfig"])?;
        let config = std::fs::read_to_string(tree.join(".config")).unwrap();
        let words = PROGRAMS.split_whitespace().chain(["STATIC", "SHOW_USAGE", "FEATURE_VERBOSE_USAGE"]);
        let config = words.fold(config, |config, word| {
            config.replace(&format!("# CONFIG_{word} is not set\n"), &format!("CONFIG_{word}=y\n"))
        });
        std::fs::write(tree.join(".config"), config).unwrap();
        make(&tree, &["oldconfig"])?;
        make(&tree, &["-j4", "busybox"])?;
        std::fs::rename(tree.join("busybox"), &program).unwrap();
    }
    Some(program)
}

fn source() -> Option<PathBuf> {
    let file = packages::cache().join(SOURCE);
    if !file.exists() {
        // The source lies beside the binary packages.
        let output = Command::new("apt-get").args(["-q", "download", "--print-uris", "busybox"]).output().ok()?;
        let output = String::from_utf8(output.stdout).unwrap();
        let uri = output.split('\'').nth(1)?.rsplit_once('/')?.0.to_owned() + "/" + SOURCE;
        let partial = packages::cache().join("source.partial");
        let mut fetch = Command::new("/usr/lib/apt/apt-helper");
        let fetched = fetch.args(["download-file", &uri]).arg(&partial).arg(SHA256).output().ok()?;
        if !fetched.status.success() {
            eprintln!("skipped: {SOURCE} cannot be had: {}", String::from_utf8_lossy(&fetched.stderr));
            return None;
        }
        std::fs::rename(partial, &file).unwrap();
    }
    Some(file)
}

fn edit(file: &Path, replacements: &[(&str, &str)]) {
    let text = std::fs::read_to_string(file).unwrap();
    let edited = replacements.iter().fold(text.clone(), |text, (old, new)| text.replace(old, new));
    assert_ne!(text, edited, "{}", file.display());
    std::fs::write(file, edited).unwrap();
}

/// Runs make; `None` when there is none, or no static libc.
fn make(tree: &Path, words: &[&str]) -> Option<()> {
    // It asks for what the choices imply: an empty line takes what is proposed.
    let answers = tree.join("answers");
    std::fs::write(&answers, "\n".repeat(10_000)).unwrap();
    let mut make = Command::new("make");
    make.args(words)
        .current_dir(tree)
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .stdin(std::fs::File::open(answers).unwrap());
    let output = match make.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: make is not installed");
            return None;
        }
        output => output.unwrap(),
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "make {words:?}: {errors}");
    Some(())
}
