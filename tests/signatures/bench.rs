//! Where the stories happen: keys, and an image for two platforms, small and made by hand.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use drystone::digest::Sha256;
use serde_json::{Value, json};

use crate::support::{Run, World};

pub const PASSPHRASE: &str = "a stone on a stone";
/// What the image is signed as.
pub const NAME: &str = "registry.example/walls/dry:1";

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Whether a program of others is installed; says so when it is not.
pub fn is_there(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", "command -v \"$0\"", program]).output().unwrap().status.success();
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// A directory with the image `layout` and the keys `ours` and `theirs`.
pub struct Bench {
    world: World,
    /// The digest of the image's index.
    pub index: String,
    /// Those of its manifests: amd64, arm64.
    pub manifests: Vec<String>,
}

impl Bench {
    pub fn new() -> Self {
        let world = World::bare();
        let (index, manifests) = write_layout(&world.path("project/layout"), "wall");
        let bench = Self { world, index, manifests };
        for name in ["ours", "theirs"] {
            bench.drystone(&["keys", "new", "-o", name, "--no-passphrase"]).succeeded();
        }
        bench
    }

    /// The same, with evidence of both kinds and signed with `ours`.
    pub fn signed() -> Self {
        let bench = Self::new();
        bench.state("provenance", "https://slsa.dev/provenance/v1", &[&bench.index]);
        for (name, manifest) in ["amd64", "arm64"].iter().zip(&bench.manifests) {
            bench.state(&format!("{name}/spdx"), "https://spdx.dev/Document", &[manifest]);
        }
        bench.sign("ours", NAME).succeeded();
        bench
    }

    /// A place in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.world.path("project").join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Runs the program in the directory, without a passphrase in the environment.
    pub fn drystone(&self, words: &[&str]) -> Run {
        self.world.drystone(words)
    }

    /// The same with the passphrase.
    pub fn with_passphrase(&self, words: &[&str]) -> Run {
        Run::of(self.world.command(words).env("DRYSTONE_KEY_PASSPHRASE", PASSPHRASE))
    }

    pub fn sign(&self, key: &str, name: &str) -> Run {
        self.drystone(&["sign", "layout", "--key", &format!("{key}.key"), "--as", name])
    }

    pub fn verify(&self, key: &str, words: &[&str]) -> Run {
        let key = format!("{key}.pub");
        self.drystone(&[&["image", "verify", "layout", "--key", &key], words].concat())
    }

    /// Why the image is refused.
    #[track_caller]
    pub fn refused(&self, key: &str) -> String {
        let run = self.verify(key, &[]).ended(1);
        self.normal(run.error())
    }

    pub fn openssl(&self, words: &[&str]) -> Run {
        Run::of(&mut self.world.command_of("openssl", words))
    }

    /// Another program in the directory.
    pub fn command_of(&self, program: &str, words: &[&str]) -> Command {
        self.world.command_of(program, words)
    }

    pub fn normal(&self, text: &str) -> String {
        self.world.normal(text)
    }

    /// Writes a statement into the evidence.
    pub fn state(&self, name: &str, predicate_type: &str, subjects: &[&str]) {
        self.state_that(name, predicate_type, subjects, json!({"name": name}));
    }

    /// The same with a predicate.
    pub fn state_that(&self, name: &str, predicate_type: &str, subjects: &[&str], predicate: Value) {
        let subjects: Vec<Value> = subjects.iter().map(|sha256| json!({"digest": {"sha256": sha256}})).collect();
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": subjects,
            "predicateType": predicate_type,
            "predicate": predicate,
        });
        self.write(&format!("layout/evidence/{name}.intoto.json"), statement.to_string());
    }

    /// The files of the evidence, as paths below it, sorted, with digests and numbers replaced.
    pub fn evidence(&self) -> Vec<String> {
        self.evidence_files().iter().map(|path| self.normal(path)).collect()
    }

    /// The files of the evidence, as paths below it, sorted.
    pub fn evidence_files(&self) -> Vec<String> {
        let root = self.path("layout/evidence");
        let mut files = Vec::new();
        let mut pending = vec![root.clone()];
        while let Some(directory) = pending.pop() {
            for name in drystone::fs::list(&directory).unwrap() {
                let path = directory.join(name);
                match path.is_dir() {
                    true => pending.push(path),
                    false => files.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()),
                }
            }
        }
        files.sort();
        files
    }

    /// The only file of the index's signatures whose name has this end, as a path below `layout/evidence`.
    pub fn signature_file(&self, end: &str) -> String {
        let prefix = format!("signatures/{}/", self.index);
        let is_it = |path: &String| path.starts_with(&prefix) && path.ends_with(end);
        let found: Vec<_> = self.evidence_files().into_iter().filter(is_it).collect();
        assert_eq!(found.len(), 1, "{end}: {found:?}");
        format!("layout/evidence/{}", found[0])
    }

    /// The image's blobs, as paths.
    pub fn blob(&self, digest: &str) -> String {
        format!("layout/blobs/sha256/{digest}")
    }

    /// A document of the image.
    pub fn document(&self, digest: &str) -> Value {
        serde_json::from_slice(&self.read(&self.blob(digest))).unwrap()
    }
}

/// Writes a layout: an index over two platforms, each an image of one layer with one file.
pub fn write_layout(root: &Path, word: &str) -> (String, Vec<String>) {
    let blobs = root.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8], media_type: &str| {
        let digest = Sha256::of(bytes).to_string();
        std::fs::write(blobs.join(&digest), bytes).unwrap();
        json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()})
    };
    let mut manifests = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(architecture.len() as u64);
        header.set_mode(0o444);
        tar.append_data(&mut header, word, architecture.as_bytes()).unwrap();
        let tar = tar.into_inner().unwrap();
        // Two members, as layers of ours have several: the entry, and the end of the archive.
        let member = |part: &[u8]| {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            gzip.write_all(part).unwrap();
            gzip.finish().unwrap()
        };
        let (entry, end) = tar.split_at(1024);
        let layer = put(&[member(entry), member(end)].concat(), "application/vnd.oci.image.layer.v1.tar+gzip");
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", Sha256::of(&tar))]},
            "history": [{"created": "1980-01-01T00:00:00Z"}],
        });
        let config = put(config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json");
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
            "annotations": {"org.opencontainers.image.title": word}});
        let mut manifest = put(manifest.to_string().as_bytes(), MANIFEST);
        manifest["platform"] = json!({"architecture": architecture, "os": "linux"});
        manifests.push(manifest);
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    let mut entry = put(index.to_string().as_bytes(), INDEX);
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "1"});
    let top = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
    std::fs::write(root.join("index.json"), top.to_string()).unwrap();
    std::fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    (hex(&entry), manifests.iter().map(hex).collect())
}

/// The digits of a descriptor's digest.
pub fn hex(descriptor: &Value) -> String {
    descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned()
}
