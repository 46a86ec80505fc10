//! The scripts of `docs/scripts/` compute what drystone says, and notice what was altered.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{HOME, Run, World};

fn script(name: &str, argument: &Path) -> Run {
    Run::of(Command::new(Path::new(HOME).join("docs/scripts").join(name)).arg(argument))
}

/// Whether the programs are there that the scripts take.
fn can_run() -> bool {
    let missing: Vec<_> = ["b3sum", "zstd", "gzip", "tar"]
        .into_iter()
        .filter(|name| Command::new(name).arg("--version").output().is_err())
        .collect();
    if !missing.is_empty() {
        eprintln!("skipped: {missing:?} not installed");
    }
    missing.is_empty()
}

/// A world with a built recipe whose files are as odd as they may be, and an image of it.
struct Odd {
    world: World,
    object: PathBuf,
}

impl Odd {
    fn new() -> Self {
        let world = World::new();
        world.script(
            "odd",
            "mkdir -p $OUT/usr/bin \"$OUT/usr/share/a b\" $OUT/usr/share/deep/er && cd $OUT/usr\n\
             printf '#include <stdio.h>\\nint main(void) { char a[64]; return !fgets(a, 64, stdin); }\\n' | $CC -x c - -o bin/odd\n\
             echo text > 'share/a b/-c d.txt'; : > share/empty; ln -s ../share/empty bin/link; echo x > share/deep/er/x\n\
             echo 1 > share/a-b; echo 2 > share/a.b; mkdir share/a; echo 3 > share/a/b; chmod 755 share/a.b",
        );
        let text = std::fs::read_to_string(world.path("project/recipes/odd.toml")).unwrap();
        world.write("recipes/odd.toml", &format!("{text}[components.bin]\nfiles = [\"usr/**\"]\n"));
        let object = world.drystone(&["build", "odd"]).succeeded().paths().remove(0);
        world.write(
            "odd.toml",
            "name = \"odd\"\ncomponents = [\"odd\"]\n[config]\nentrypoint = [\"/usr/bin/odd\"]\nuser = \"65532:65532\"\n\
             [policy]\nexecutables = [\"/usr/share/a.b\"]\n",
        );
        Self { world, object }
    }

    fn image(&self, compression: &str) -> (PathBuf, Value) {
        let words = ["image", "build", "odd.toml", "-o", compression, "--compression", compression, "--json"];
        let made = self.world.drystone(&words).succeeded();
        (self.world.path("project").join(compression), serde_json::from_str(&made.stdout).unwrap())
    }
}

#[test]
fn an_object_s_name_and_its_layer_s_diff_id_are_recomputed() {
    if !can_run() {
        return;
    }
    let odd = Odd::new();
    let manifest = script("manifest", &odd.object).succeeded().stdout;
    assert_eq!(manifest, odd.world.drystone(&["store", "manifest", "odd"]).succeeded().stdout);
    assert_eq!(
        drystone::digest::Blake3::of(manifest.as_bytes()).to_string(),
        odd.object.file_name().unwrap().to_str().unwrap()
    );
    for compression in ["gzip", "zstd"] {
        let (layout, made) = odd.image(compression);
        let of_layers = script("image-diff-ids", &layout).succeeded().stdout;
        let of_object = script("object-diff-id", &odd.object).succeeded().stdout;
        let told: Vec<_> =
            made["layers"].as_array().unwrap().iter().map(|layer| layer["diff_id"].as_str().unwrap()).collect();
        let told = told.iter().map(|id| format!("{}\n", id.trim_start_matches("sha256:"))).collect::<String>();
        assert_eq!(of_layers, told, "{made}");
        assert!(of_layers.starts_with(&of_object), "{of_object}{of_layers}");
        let digest = image_digest(&layout, &odd.object).succeeded().stdout;
        assert_eq!(digest.lines().last(), made["digest"].as_str(), "{digest}");
    }
}

/// The image's digest, from an object and what is around it.
fn image_digest(layout: &Path, object: &Path) -> Run {
    Run::of(Command::new(Path::new(HOME).join("docs/scripts/image-digest")).arg(layout).arg(object))
}

#[test]
fn an_object_that_is_not_in_an_image_is_not_found_there() {
    if !can_run() {
        return;
    }
    let odd = Odd::new();
    let (layout, _) = odd.image("gzip");
    let other = odd.world.path("other");
    drystone::fs::copy_tree(&odd.object, &other).unwrap();
    image_digest(&layout, &other).succeeded();
    let empty = other.join("usr/share/empty");
    std::fs::remove_file(&empty).unwrap();
    std::fs::write(&empty, "x").unwrap();
    let run = image_digest(&layout, &other);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("no layer of "), "{run:?}");
}

#[test]
fn what_was_altered_is_noticed() {
    if !can_run() {
        return;
    }
    let odd = Odd::new();
    let (layout, _) = odd.image("gzip");
    let blobs = layout.join("blobs/sha256");
    let blob = blobs.join(&drystone::fs::list(&blobs).unwrap()[0]);
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[10] ^= 1;
    std::fs::remove_file(&blob).unwrap();
    std::fs::write(&blob, bytes).unwrap();
    assert_ne!(script("image-diff-ids", &layout).code, Some(0));
}
