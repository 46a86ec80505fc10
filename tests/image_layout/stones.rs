//! A store of a few objects, and the image that the tests make of it.

use std::path::{Path, PathBuf};

use drystone::digest::{Blake3, ObjectId};
use drystone::image::{Compression, Format, ImageError, Options, Part, Summary, compose, write};
use drystone::path::RelPath;
use drystone::recipe::{ImageConfig, ImageSpec, Owner, SpecDirectory, SpecFile, SpecGroup, SpecLink, SpecUser, Target};
use drystone::tree::{Entry, Tree};
use tempfile::TempDir;

/// A directory of objects.
pub struct Store {
    directory: TempDir,
}

/// A file of an object; `true` makes it executable.
pub type Content<'a> = (&'a str, bool, &'a [u8]);

impl Store {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, id: &ObjectId) -> PathBuf {
        self.directory.path().join(id.to_string())
    }

    /// Puts an object of these files and `link`, if one is given.
    pub fn part(&self, output: &str, files: &[Content<'_>], link: Option<(&str, &str)>) -> Part {
        let mut tree = Tree::new();
        for (at, executable, bytes) in files {
            let entry = Entry::File { executable: *executable, digest: Blake3::of(bytes) };
            tree.insert(path(at), entry).unwrap();
        }
        if let Some((at, target)) = link {
            tree.insert(path(at), Entry::Symlink { target: target.into() }).unwrap();
        }
        let id = tree.id();
        for (at, _, bytes) in files {
            let place = self.path(&id).join(at);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, bytes).unwrap();
        }
        Part { output: output.parse().unwrap(), version: "4.9".into(), id, tree, only: None, named: true }
    }

    pub fn sed(&self) -> Part {
        // Longer than a block of the compressor.
        let bytes: Vec<u8> = (0u32..40_000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        self.part("sed/bin", &[("usr/bin/sed", true, &bytes)], Some(("usr/bin/gsed", "sed")))
    }

    pub fn cat(&self) -> Part {
        self.part("coreutils/cat", &[("usr/bin/cat", true, b"cat"), ("usr/share/licence", false, b"GPL")], None)
    }

    /// An object whose paths do not fit into the name field of a tar header.
    pub fn deep(&self) -> Part {
        let long = format!("usr/share/{}/{}", "deep/".repeat(40).trim_end_matches('/'), "é".repeat(60));
        self.part("deep/data", &[(&long, false, b"stone")], Some(("usr/share/long", &"x/".repeat(90))))
    }

    pub fn write(&self, format: Format, output: &Path) -> Result<Summary, ImageError> {
        self.write_image(&spec(), &[self.sed(), self.cat(), self.deep()], format, output)
    }

    pub fn write_image(
        &self,
        spec: &ImageSpec,
        parts: &[Part],
        format: Format,
        output: &Path,
    ) -> Result<Summary, ImageError> {
        let options =
            Options { format, compression: Compression::Gzip, target: Target("x86_64-linux-musl".to_owned()) };
        write(&compose(spec, parts)?, &options, &|id| self.path(id), output, &|_, _| Ok(()))
    }
}

pub fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

/// A spec with one of everything.
pub fn spec() -> ImageSpec {
    let nobody = Owner { uid: 65532, gid: 65532 };
    ImageSpec {
        name: "stones".into(),
        tag: "4.9".into(),
        components: Vec::new(),
        config: ImageConfig {
            entrypoint: vec!["/usr/bin/sed".into()],
            cmd: vec!["--version".into()],
            env: [("PATH".to_owned(), "/usr/bin".to_owned())].into(),
            user: Some("nonroot".into()),
            workdir: Some("/srv".into()),
            labels: [("org.opencontainers.image.licenses".to_owned(), "GPL-3.0-or-later".to_owned())].into(),
            ports: vec!["8080/tcp".into()],
            stop_signal: Some("SIGTERM".into()),
            volumes: vec!["/data".into()],
        },
        users: vec![SpecUser { name: "nonroot".into(), owner: nobody, home: "/".into(), shell: "/nonexistent".into() }],
        groups: vec![SpecGroup { name: "nonroot".into(), gid: 65532, members: Vec::new() }],
        files: vec![
            SpecFile { path: path("etc/motd"), content: b"hello\n".into(), mode: 0o640, owner: nobody },
            SpecFile { path: path("usr/bin/su"), content: b"su".into(), mode: 0o4755, owner: nobody },
        ],
        directories: vec![
            SpecDirectory { path: path("data"), mode: 0o750, owner: nobody },
            SpecDirectory { path: path("tmp"), mode: 0o1777, owner: Owner::default() },
        ],
        links: vec![SpecLink { path: path("bin"), target: "usr/bin".into() }],
        file: "stones.toml".into(),
    }
}
