//! A store of a few objects, and the image that the tests make of it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use drystone::digest::ObjectId;
use drystone::image::{Compression, Format, ImageError, Options, Part, Summary, compose, write};
use drystone::path::RelPath;
use drystone::recipe::{
    ImageConfig, ImageSpec, Owner, Policy, Runtime, SpecDirectory, SpecFile, SpecGroup, SpecLink, SpecUser, Target,
};
use tempfile::TempDir;

/// A store of objects.
pub struct Store {
    directory: TempDir,
    store: drystone::store::Store,
}

/// A file of an object; `true` makes it executable.
pub type Content<'a> = (&'a str, bool, &'a [u8]);

impl Store {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = drystone::store::Store::open(&directory.path().join("store")).unwrap();
        Self { directory, store }
    }

    /// The store itself.
    pub fn store(&self) -> &drystone::store::Store {
        &self.store
    }

    pub fn path(&self, id: &ObjectId) -> PathBuf {
        self.store.object_path(id)
    }

    /// Changes a file of an object behind the store's back, or takes it away. Gives its place.
    pub fn damage(&self, id: &ObjectId, at: &str, bytes: Option<&str>) -> PathBuf {
        let place = self.path(id).join(at);
        std::fs::set_permissions(place.parent().unwrap(), Permissions::from_mode(0o755)).unwrap();
        if place.exists() {
            std::fs::remove_file(&place).unwrap();
        }
        if let Some(bytes) = bytes {
            std::fs::write(&place, bytes).unwrap();
        }
        place
    }

    /// Puts an object of these files and `link`, if one is given.
    pub fn part(&self, output: &str, files: &[Content<'_>], link: Option<(&str, &str)>) -> Part {
        let made = tempfile::tempdir_in(self.directory.path()).unwrap();
        for (at, executable, bytes) in files {
            let place = made.path().join(at);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(&place, bytes).unwrap();
            let mode = if *executable { 0o755 } else { 0o644 };
            std::fs::set_permissions(place, Permissions::from_mode(mode)).unwrap();
        }
        if let Some((at, target)) = link {
            let place = made.path().join(at);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(target, place).unwrap();
        }
        let id = self.store.add(made.path()).unwrap();
        let tree = self.store.tree(&id).unwrap();
        Part { output: output.parse().unwrap(), version: "4.9".into(), id, tree, only: None, named: true }
    }

    pub fn sed(&self) -> Part {
        // Several blocks of the compressor.
        let bytes: Vec<u8> = (0u32..300_000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
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
        write(&compose(spec, parts)?, &options(format), &self.store, output)
    }
}

pub fn options(format: Format) -> Options {
    let target = Target("x86_64-linux-musl".to_owned());
    Options { format, compression: Compression::Gzip, target, links: true }
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
            SpecFile { path: path("etc/motd"), content: b"hello\n".into(), source: None, mode: 0o640, owner: nobody },
            SpecFile { path: path("usr/bin/su"), content: b"su".into(), source: None, mode: 0o4755, owner: nobody },
        ],
        directories: vec![
            SpecDirectory { path: path("data"), mode: 0o750, owner: nobody },
            SpecDirectory { path: path("tmp"), mode: 0o1777, owner: Owner::default() },
        ],
        links: vec![SpecLink { path: path("bin"), target: "usr/bin".into() }],
        policy: Policy::default(),
        runtime: Runtime::default(),
        targets: Vec::new(),
        file: "stones.toml".into(),
    }
}
