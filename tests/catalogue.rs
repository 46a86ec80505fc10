//! The project's own recipes, toolchains and image specs have no fault.

use std::path::Path;

use drystone::recipe::Catalog;

#[test]
fn the_projects_own_files_have_no_fault() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let catalog = Catalog::load(root).unwrap_or_else(|error| panic!("{error}"));
    assert!(!catalog.toolchain().targets.is_empty());
    let Ok(images) = std::fs::read_dir(root.join("recipes/images")) else { return };
    for entry in images {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|kind| kind == "toml") {
            catalog.load_image_spec(&file).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}
