//! An auditor without our program: an object's manifest and name from `find`, `sort` and `b3sum`; and what happens
//! to an object that is no longer what its name says.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use support::{Run, World};

/// Names that sort differently as paths, as lines and in other locales; every kind of entry.
const SCRIPT: &str = r#"
mkdir -p $OUT/usr/bin $OUT/usr/share/doc/a/b "$OUT/usr/share/doc/ä ö"
cd $OUT/usr/share/doc
for name in B a-c a.c a/c a/b/x aa 'a c' 'ä ö/ü'; do echo "$name" > "$name"; done
ln -s a/b/x link
: > empty
printf '#!/usr/bin/sh\n' > $OUT/usr/bin/hello
chmod 750 $OUT/usr/bin/hello
ln -s hello $OUT/usr/bin/hallo
"#;

/// What the manual of the store says that a manifest is, in the words of a shell.
const AUDIT: &str = r#"
find . -mindepth 1 -printf '%P\t%y\t%m\t%l\n' | while IFS="$(printf '\t')" read -r path kind mode target; do
  case $kind.$mode in
  d.555) printf '%s\td\n' "$path" ;;
  l.*) printf '%s\tl\t%s\n' "$path" "$target" ;;
  f.555) printf '%s\tx\t%s\n' "$path" "$(b3sum --no-names "$path")" ;;
  f.444) printf '%s\tf\t%s\n' "$path" "$(b3sum --no-names "$path")" ;;
  *) printf 'unexpected: %s %s %s\n' "$path" "$kind" "$mode" ;;
  esac
done | LC_ALL=C sort
"#;

#[test]
fn a_manifest_and_an_object_s_name_can_be_computed_with_find_sort_and_b3sum() {
    if Command::new("b3sum").arg("--version").output().is_err() {
        eprintln!("skipped: b3sum is not installed");
        return;
    }
    let world = World::new();
    world.script("probe", SCRIPT);
    world.drystone(&["build", "probe"]).succeeded();
    for (component, entries) in [("probe", 4), ("probe/doc", 16)] {
        let path = world.drystone(&["store", "path", component]).succeeded().paths().remove(0);
        let manifest = world.drystone(&["store", "manifest", component]).succeeded().stdout;
        let audited = Run::of(world.command_of("sh", &["-euc", AUDIT]).current_dir(&path)).succeeded().stdout;
        assert_eq!(audited, manifest);
        assert_eq!(manifest.lines().count(), entries, "{manifest}");

        let id = path.file_name().unwrap().to_str().unwrap();
        let stored = world.store().join("manifests").join(id);
        let digest = Run::of(world.command_of("b3sum", &["--no-names"]).arg(&stored)).succeeded().stdout;
        assert_eq!(digest.trim_end(), id);
        assert_eq!(std::fs::read_to_string(stored).unwrap(), manifest);
        assert_eq!(world.drystone(&["store", "manifest", id]).succeeded().stdout, manifest);
    }
}

#[test]
fn the_roots_are_listed_with_what_they_name() {
    let world = World::new();
    world.script("probe", SCRIPT);
    let built = world.drystone(&["build", "probe", "probe/doc"]).succeeded().paths();
    let ids: Vec<&str> = built.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    let [bin, doc, again] = ids[..] else { panic!("two components, and one of them again: {ids:?}") };
    assert_eq!(doc, again);
    let listed = world.drystone(&["store", "ls"]).succeeded().stdout;
    let own: Vec<&str> = listed.lines().filter(|line| line.contains("/probe-1")).collect();
    let root = "x86_64-linux-musl/probe-1";
    assert_eq!(own, [format!("{bin}  {root}"), format!("{doc}  {root}.doc")]);
    let link = world.store().join("roots").join(root);
    assert_eq!(link.canonicalize().unwrap(), built[0].canonicalize().unwrap());
}

#[test]
fn a_flipped_byte_is_found_and_named_and_the_next_build_makes_the_object_anew() {
    let world = World::new();
    world.script("probe", SCRIPT);
    let object = world.drystone(&["build", "probe/bin"]).succeeded().paths().remove(0);
    let id = object.file_name().unwrap().to_str().unwrap().to_owned();
    world.drystone(&["store", "verify"]).succeeded();

    let file = object.join("usr/bin/hello");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(&file, "#!/usr/bin/sj\n").unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o555)).unwrap();
    let run = world.drystone(&["store", "verify"]).ended(1);
    assert_eq!(run.stdout, format!("objects/{id}: `usr/bin/hello` differs from the manifest\n"));
    let hint = "hint: build again, and what is missing is made or fetched anew\n";
    assert_eq!(world.normal(run.error()), format!("error: 1 corrupt; moved to STORE/quarantine\n{hint}"));
    assert_eq!(world.names("quarantine"), [id]);
    assert!(!object.exists());

    world.drystone(&["store", "path", "probe"]).ended(2).says("probe as it is now is not built");
    assert_eq!(world.drystone(&["build", "probe/bin"]).succeeded().paths(), [object]);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "#!/usr/bin/sh\n");
    world.drystone(&["store", "verify"]).succeeded();
}

#[test]
fn a_source_that_has_rotted_is_found_and_fetched_again() {
    let world = World::new();
    let source = world.source("stones", &[("doc", "granite\n")]);
    let script = "[build]\npreset = \"script\"\nscript = \"mkdir -p $OUT/usr/share/doc; cp doc $OUT/usr/share/doc\"\n";
    world.recipe("probe", &format!("{source}{script}"));
    let built = world.drystone(&["build", "probe"]).succeeded().paths();
    let sha256 = source.split('"').nth(1).unwrap().to_owned();
    let kept = world.store().join("sources").join(&sha256);
    std::fs::set_permissions(&kept, PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::write(&kept, "rot").unwrap();
    let run = world.drystone(&["store", "verify"]).ended(1);
    let rot = drystone::digest::Sha256::of(b"rot");
    assert_eq!(run.stdout, format!("sources/{sha256}: its SHA-256 is {rot}\n"));
    assert_eq!(world.names("quarantine"), [sha256]);
    assert_eq!(world.drystone(&["build", "--check", "probe"]).succeeded().paths(), built);
}
