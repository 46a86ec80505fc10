//! Signs an image layout: its index's entries, every platform's manifest, and every statement about them.
//!
//! The layout itself does not change, so its digest and whatever reads it stay as they are; signatures are files
//! beside it (see `evidence`). They appear all at once: a directory with the old ones and the new ones takes the old
//! one's place. What others have signed stays. The same key and image give the same bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::bundle::Bundle;
use super::cosign::ImageSignature;
use super::evidence::{BUNDLE, DIRECTORY, Evidence, PAYLOAD, SIGNATURE, SIGNATURES};
use super::key::PrivateKey;
use super::{Layout, Reference, SignatureError, Subject, read_statement};
use crate::digest::Sha256;
use crate::fs;

/// What was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The manifest or index.
    pub subject: Subject,
    /// The names under which it is signed.
    pub names: Vec<String>,
    /// The statements about it that are signed, by their files' names.
    pub statements: Vec<String>,
}

/// Files below the directory of signatures.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Signs all of a layout, under these names; without any under the one that the image's own annotations give.
///
/// # Errors
/// When the evidence cannot be read, a statement is about another image, the image has no name, or the signatures
/// cannot be written.
pub fn sign(layout: &Layout, key: &PrivateKey, names: &[Reference]) -> Result<Vec<Signed>, SignatureError> {
    let evidence = Evidence::read(layout)?;
    for file in &evidence.statements {
        let about = |subject: &Subject| file.statement.is_about(&subject.digest());
        if !layout.subjects().iter().any(about) {
            let subjects = file.statement.subjects().collect();
            return Err(SignatureError::Foreign { path: file.path.clone(), subjects });
        }
    }
    let mut files = Files::new();
    let mut signed = Vec::new();
    for subject in layout.subjects() {
        let names = match names {
            [] => vec![own_name(layout, subject)?],
            names => names.to_vec(),
        };
        signed.push(sign_one(subject, &evidence, &names, key, &mut files));
    }
    write(&layout.root().join(DIRECTORY), files)?;
    Ok(signed)
}

/// The name of the index's entry that leads to a subject.
fn own_name(layout: &Layout, subject: &Subject) -> Result<Reference, SignatureError> {
    let mut entry = subject;
    while let Some(parent) = entry.parent {
        let above = layout.subjects().iter().find(|other| other.digest() == parent);
        entry = above.expect("what is below an index was found there");
    }
    match layout.own_name(entry)? {
        Some(name) => Reference::parse(&name),
        None => Err(SignatureError::Reference { text: String::new(), reason: "the image has no title" }),
    }
}

fn sign_one(
    subject: &Subject,
    evidence: &Evidence,
    names: &[Reference],
    key: &PrivateKey,
    files: &mut Files,
) -> Signed {
    let digest = subject.digest();
    let directory = Path::new(&digest.to_string()).join(key.public().id().to_string());
    let mut put = |name: String, bytes: Vec<u8>| drop(files.insert(directory.join(name), bytes));
    for name in names {
        let signature = ImageSignature::sign(&digest, name.as_str(), key);
        let stem = format!("image-{}", Sha256::of(&signature.payload).short());
        put(format!("{stem}{PAYLOAD}"), signature.payload);
        put(format!("{stem}{SIGNATURE}"), signature.signature.into_bytes());
    }
    put(format!("image{BUNDLE}"), Bundle::sign(&read_statement::of_signature(&digest), key).to_json());
    let mut statements = Vec::new();
    for file in evidence.statements.iter().filter(|file| file.statement.is_about(&digest)) {
        put(format!("statement-{}{BUNDLE}", file.name), Bundle::sign(&file.bytes, key).to_json());
        statements.push(file.name.clone());
    }
    let names = names.iter().map(|name| name.as_str().to_owned()).collect();
    Signed { subject: subject.clone(), names, statements }
}

/// Adds files to the signatures. Whoever signs the same image at the same time waits.
fn write(evidence: &Path, files: Files) -> fs::Result<()> {
    fs::create_dir_all(evidence)?;
    let lock = fs::open(evidence)?;
    lock.lock().map_err(fs::failed("lock", evidence))?;
    let place = evidence.join(SIGNATURES);
    let mut all = existing(&place)?;
    all.extend(files);
    let draft = tempfile::Builder::new()
        .prefix(".signatures-")
        .tempdir_in(evidence)
        .map_err(fs::failed("create a directory in", evidence))?;
    let new = draft.path().join(SIGNATURES);
    for (name, bytes) in all {
        let path = new.join(name);
        fs::create_dir_all(path.parent().expect("signatures lie in directories"))?;
        fs::write(&path, bytes)?;
        fs::sync(&path)?;
    }
    fs::replace_tree(&new, &place, &draft.path().join("old"))
}

/// The files below a directory, by their paths there.
fn existing(root: &Path) -> fs::Result<Files> {
    let mut files = Files::new();
    let mut pending = if root.is_dir() { vec![PathBuf::new()] } else { Vec::new() };
    while let Some(directory) = pending.pop() {
        for name in fs::list(&root.join(&directory))? {
            let below = directory.join(name);
            let path = root.join(&below);
            if path.is_dir() { pending.push(below) } else { drop(files.insert(below, fs::read(&path)?)) }
        }
    }
    Ok(files)
}
