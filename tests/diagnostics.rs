//! What a person reads who has made a mistake in a recipe, an image spec or a toolchain's files: each fixture bears
//! its fault's name, and its diagnostics are a snapshot.

use std::fs;
use std::path::{Path, PathBuf};

use drystone::recipe::{Catalog, CatalogError};

fn fixtures(directory: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(directory)
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// Lays `from` over `to`.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        entries(from).iter().for_each(|entry| copy(entry, &to.join(entry.file_name().unwrap())));
    } else {
        fs::copy(from, to).unwrap();
    }
}

/// A project without a fault.
fn project() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    copy(&fixtures("project"), root.path());
    root
}

fn snapshot(kind: &str, fixture: &Path, found: Result<(), CatalogError>, root: &Path) {
    let name = format!("{kind}__{}", fixture.file_stem().unwrap().to_str().unwrap());
    let text = found.err().unwrap_or_else(|| panic!("{name} has no fault")).to_string();
    let text = text.replace(&format!("{}/", root.display()), "");
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn a_project_without_a_fault_loads() {
    let root = project();
    let catalog = Catalog::load(root.path()).unwrap();
    let names: Vec<_> = catalog.recipes().map(|recipe| recipe.name.to_string()).collect();
    assert_eq!(names, ["coreutils", "musl", "ncurses", "zlib"]);
    assert_eq!(catalog.nearest("zlip"), ["zlib"]);
    assert_eq!(catalog.toolchain().seeds.packages[0].name, "dash");
    assert_eq!(catalog.toolchain().recipes, ["musl".parse().unwrap()]);
    let zlib = catalog.recipe(&"zlib".parse().unwrap()).unwrap();
    assert_eq!(zlib.file, root.path().join("recipes/zlib.toml"));
    assert_eq!(fs::read_to_string(&zlib.patches[0].path).unwrap(), "a patch\n");
}

#[test]
fn broken_recipes() {
    for fixture in entries(&fixtures("broken-recipes")) {
        let root = project();
        copy(&fixture, &root.path().join("recipes").join(fixture.file_name().unwrap()));
        snapshot("recipe", &fixture, Catalog::load(root.path()).map(drop), root.path());
    }
}

#[test]
fn broken_images() {
    let root = project();
    let catalog = Catalog::load(root.path()).unwrap();
    for fixture in entries(&fixtures("broken-images")) {
        let spec = root.path().join("recipes/images").join(fixture.file_name().unwrap());
        copy(&fixtures("broken-images"), spec.parent().unwrap());
        snapshot("image", &fixture, catalog.load_image_spec(&spec).map(drop), root.path());
    }
}

#[test]
fn broken_toolchains() {
    for fixture in entries(&fixtures("broken-toolchains")) {
        let root = project();
        copy(&fixture, root.path());
        snapshot("toolchain", &fixture, Catalog::load(root.path()).map(drop), root.path());
    }
}

/// A project with a recipe whose crates a lock file pins, which is yet to be put beside it.
fn locked_project() -> (tempfile::TempDir, PathBuf) {
    let root = project();
    let preset = "name = \"cargo\"\nsummary = \"Programs in Rust\"\n\
                  [[phase]]\nname = \"build\"\nscript = \"cargo build @crates@\"\n";
    fs::write(root.path().join("toolchains/presets/cargo.toml"), preset).unwrap();
    let recipe = "name = \"wall\"\nversion = \"0.1.0\"\nsummary = \"A wall\"\nlicense = \"MIT\"\n\
                  [build]\npreset = \"cargo\"\ncrates = \"Cargo.lock\"\n[[test]]\nrun = [\"wall\"]\n";
    fs::write(root.path().join("recipes/wall.toml"), recipe).unwrap();
    let beside = root.path().join("recipes/wall");
    fs::create_dir(&beside).unwrap();
    (root, beside.join("Cargo.lock"))
}

#[test]
fn broken_locks() {
    for fixture in entries(&fixtures("broken-locks")) {
        let (root, lock) = locked_project();
        fs::copy(&fixture, lock).unwrap();
        snapshot("lock", &fixture, Catalog::load(root.path()).map(drop), root.path());
    }
}

#[test]
fn a_lock_that_is_no_text_or_not_there() {
    let (root, lock) = locked_project();
    let missing = Path::new("missing.lock");
    snapshot("lock", missing, Catalog::load(root.path()).map(drop), root.path());
    fs::write(&lock, b"\xff").unwrap();
    let binary = Path::new("binary.lock");
    snapshot("lock", binary, Catalog::load(root.path()).map(drop), root.path());
}

/// What is wrong in several files is told at once.
#[test]
fn all_files_are_read_before_anything_is_reported() {
    let root = project();
    for name in ["no-test.toml", "unknown-preset.toml"] {
        copy(&fixtures("broken-recipes").join(name), &root.path().join("recipes").join(name));
    }
    let Err(CatalogError::Faults(faults)) = Catalog::load(root.path()) else { panic!("two recipes have a fault") };
    let files: Vec<_> = faults.iter().map(|fault| fault.file.to_str().unwrap()).collect();
    assert_eq!(files, ["recipes/no-test.toml", "recipes/unknown-preset.toml"]);
}
