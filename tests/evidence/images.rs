//! The real program, which makes real images of the project's recipes, and of copies of them elsewhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{DRYSTONE, HOME, Run, base};

/// An image of everything that evidence has to tell apart: programs with and without libraries, several of one recipe,
/// patches, data, links, the spec's own files.
pub const SPEC: &str = r#"
name = "acme/sampler"
tag = "1.0"
components = ["curl", "jq", "less", "sqlite", "coreutils/cat", "coreutils/ls"]

[config]
entrypoint = ["/usr/bin/curl"]
user = "65532:65532"
labels = { "org.opencontainers.image.vendor" = "Acme" }

[policy]
executables = ["/usr/bin/lessecho", "/usr/bin/lesskey", "/usr/bin/sqlite3"]

[[user]]
name = "nonroot"
uid = 65532

[[file]]
path = "/etc/motd"
content = "hello"

[[link]]
path = "/bin"
target = "usr/bin"
"#;

/// An image, and the directory that it lies in.
pub struct Image {
    pub scratch: TempDir,
    pub layout: PathBuf,
    pub digest: String,
}

impl Image {
    /// A file of the layout's evidence.
    pub fn file(&self, name: &str) -> PathBuf {
        self.layout.join("evidence").join(name)
    }

    /// The same, read.
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.file(name)).unwrap()).unwrap()
    }
}

/// Drystone on a project, with the shared store.
pub fn drystone(project: &Path, words: &[&str]) -> Run {
    let mut command = Command::new(DRYSTONE);
    command.arg("--project").arg(project).args(words).env("DRYSTONE_STORE", &base().store);
    Run::of(&mut command)
}

/// Makes the sampler of a project as a layout.
pub fn sampler(project: &Path) -> Image {
    let scratch = tempfile::tempdir().unwrap();
    let (spec, layout) = (scratch.path().join("sampler.toml"), scratch.path().join("image"));
    std::fs::write(&spec, SPEC).unwrap();
    let words = ["image", "build", spec.to_str().unwrap(), "-o", layout.to_str().unwrap()];
    let digest = drystone(project, &words).succeeded().stdout.trim().trim_start_matches("sha256:").to_owned();
    Image { scratch, layout, digest }
}

/// The sampler of the project itself.
pub fn own() -> Image {
    sampler(Path::new(HOME))
}

/// A copy of the project's recipes and toolchains.
pub fn elsewhere() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    for name in ["recipes", "toolchains"] {
        let copied = Command::new("cp").arg("-r").arg(Path::new(HOME).join(name)).arg(place.path()).status();
        assert!(copied.unwrap().success());
    }
    place
}
