//! A store with two objects, what is known of them, and a source; and archives that are made by hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use drystone::archive::{EPOCH, Meta, TarWriter};
use drystone::digest::{Blake3, DerivationKey, Field, ObjectId, Sha256};
use drystone::path::RelPath;
use drystone::store::{Exported, Inputs, Selection, Store, Trace};

pub const TARGET: &str = "x86_64-linux-musl";

/// A store in a directory that is removed at the end.
pub struct Bench {
    pub scratch: tempfile::TempDir,
    pub store: Store,
    pub selection: Selection,
    pub wall: ObjectId,
    pub key: DerivationKey,
}

/// What a derivation is made of that nobody ran.
pub fn inputs(flags: &str) -> Inputs {
    let field = |label: &str, value: &str| Field { label: label.to_owned(), value: value.to_owned() };
    Inputs {
        subject: "build wall".to_owned(),
        target: TARGET.to_owned(),
        origins: BTreeMap::new(),
        fields: vec![field("drystone-derivation", "1"), field("name", "wall-1"), field("env.CFLAGS", flags)],
    }
}

/// Makes an object of these files; a name that ends with `@` is a link to its text, one with `*` a program.
pub fn object(store: &Store, files: &[(&str, &str)]) -> ObjectId {
    let scratch = store.scratch().unwrap();
    for (name, text) in files {
        let path = scratch.path().join(name.trim_end_matches(['@', '*']));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if name.ends_with('@') {
            std::os::unix::fs::symlink(text, path).unwrap();
        } else {
            std::fs::write(&path, text).unwrap();
            drystone::fs::set_mode(&path, if name.ends_with('*') { 0o755 } else { 0o644 }).unwrap();
        }
    }
    store.add(scratch.path()).unwrap()
}

impl Bench {
    pub fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(&scratch.path().join("store")).unwrap();
        let wall =
            object(&store, &[("usr/bin/wall*", "ELF of the wall"), ("usr/bin/mur@", "wall"), ("usr/lib/x@", "/etc/x")]);
        let doc = object(&store, &[("usr/share/doc/größe", "A wall is built of stones.\n".repeat(30).as_str())]);
        let inputs = inputs("-O2");
        let key = inputs.key();
        let outputs = BTreeMap::from([("bin".to_owned(), wall), ("doc".to_owned(), doc)]);
        let log = b"laid 3 stones\n";
        let duration = Duration::from_millis(1500);
        store.put_log(&key, log).unwrap();
        store.put_inputs(&key, &inputs).unwrap();
        store.put_trace(&key, &Trace { name: "wall-1".into(), duration, log: Blake3::of(log), outputs }).unwrap();
        let source = scratch.path().join("source");
        std::fs::write(&source, "stones").unwrap();
        let sha256 = Sha256::of(b"stones");
        store.adopt_source(&sha256, &source).unwrap();
        let root = |name: &str, id| (format!("{TARGET}/{name}"), id);
        let selection = Selection {
            objects: [wall, doc].into(),
            traces: [key].into(),
            roots: [root("wall-1", wall), root("wall-1.doc", doc)].into(),
            sources: [sha256].into(),
            logs: true,
            bytes: true,
        };
        for (name, id) in &selection.roots {
            store.set_root(TARGET, name.split_once('/').unwrap().1, id).unwrap();
        }
        Self { scratch, store, selection, wall, key }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Exports the selection; gives the archive's place.
    pub fn export(&self, name: &str) -> (PathBuf, Exported) {
        let path = self.path(name);
        let exported = self.store.export(&self.selection, &path, &|_| ()).unwrap();
        (path, exported)
    }

    /// Another store, with nothing in it.
    pub fn other(&self, name: &str) -> Store {
        Store::open(&self.path(name)).unwrap()
    }
}

/// The names in one of a store's directories, sorted.
pub fn names(store: &Store, directory: &str) -> Vec<String> {
    let names = drystone::fs::list(&store.root().join(directory)).unwrap();
    names.into_iter().map(|name| name.into_string().unwrap()).collect()
}

/// What went wrong, with its causes.
pub fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// A member of an archive that is made by hand.
#[derive(Debug, Clone)]
pub struct Member {
    pub path: String,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub enum Kind {
    Directory,
    File(Vec<u8>, u32),
    Link(String),
    /// A header and content as they are.
    Raw(Vec<u8>),
}

/// The members of an export, to be changed.
pub fn members(export: &Path) -> Vec<Member> {
    let tar = unsealed(export);
    let mut archive = tar::Archive::new(tar.as_slice());
    let member = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let path = String::from_utf8(entry.path_bytes().trim_ascii_end().to_vec()).unwrap();
        let kind = match entry.header().entry_type() {
            tar::EntryType::Directory => Kind::Directory,
            tar::EntryType::Symlink => {
                Kind::Link(String::from_utf8(entry.link_name_bytes().unwrap().to_vec()).unwrap())
            }
            _ => {
                let mut content = Vec::new();
                std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
                Kind::File(content, entry.header().mode().unwrap())
            }
        };
        Member { path: path.trim_end_matches('/').to_owned(), kind }
    };
    archive.entries().unwrap().map(member).collect()
}

/// The tar archive inside of an export.
pub fn unsealed(export: &Path) -> Vec<u8> {
    let bytes = std::fs::read(export).unwrap();
    zstd::decode_all(&bytes[..bytes.len() - 40]).unwrap()
}

/// An export of these members, sealed as if drystone had written it.
pub fn archive(members: &[Member]) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new(), EPOCH);
    let mut tar = Vec::new();
    for Member { path, kind } in members {
        let path = RelPath::new(path.as_str());
        let meta = |mode| Meta { mode, uid: 0, gid: 0 };
        match kind {
            Kind::Directory => writer.directory(&path.unwrap(), meta(0o755)).unwrap(),
            Kind::File(content, mode) => {
                writer.file(&path.unwrap(), meta(*mode), content.len() as u64, content.as_slice()).unwrap();
            }
            Kind::Link(target) => writer.symlink(&path.unwrap(), target).unwrap(),
            Kind::Raw(bytes) => {
                // The end that the writer adds is taken off again.
                let mut before = std::mem::replace(&mut writer, TarWriter::new(Vec::new(), EPOCH)).finish().unwrap();
                before.truncate(before.len() - 1024);
                tar.extend(before);
                tar.extend(bytes);
            }
        }
    }
    tar.extend(writer.finish().unwrap());
    sealed(&tar)
}

/// Compresses and seals a tar archive.
pub fn sealed(tar: &[u8]) -> Vec<u8> {
    resealed(&zstd::encode_all(tar, 3).unwrap())
}

/// The index over members that were changed.
pub fn reindex(members: &mut [Member]) {
    let mut lines: Vec<(String, Blake3)> = Vec::new();
    for member in members.iter().skip(1).filter(|member| !member.path.starts_with("objects/")) {
        let Kind::File(content, _) = &member.kind else { continue };
        lines.push((member.path.clone(), Blake3::of(content)));
    }
    lines.sort();
    let lines: String = lines.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect();
    members[0].kind = Kind::File(format!("drystone-export 1 whole\n{lines}").into_bytes(), 0o444);
}

/// The seal over these bytes, behind them.
pub fn resealed(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes.to_vec();
    sealed.extend([0x5d, 0x2a, 0x4d, 0x18, 32, 0, 0, 0]);
    sealed.extend(Blake3::of(bytes).as_bytes());
    sealed
}
