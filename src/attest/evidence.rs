//! What lies beside an image in its layout: `evidence/`, statements and bills of materials, and who signed what.
//!
//! ```text
//! evidence/
//!   NAME.intoto.json                   an in-toto statement about the image or one of its manifests, unsigned
//!   sbom.spdx.json, sbom.cdx.json      the bills of materials by themselves
//!   signatures/MANIFEST/KEY/           both 64 hexadecimal digits
//!     image-NUMBER.payload.json, .sig  cosign's signature of the manifest: what is signed, and the signature
//!     image.sigstore.json              the same as cosign 3 signs: a bundle
//!     statement-NAME.sigstore.json     a signed statement: a bundle
//! ```
//!
//! Statements may lie in directories of their own, one for each platform for example. No file is needed: an image
//! without evidence is an image. [`Evidence::artifacts`] is what belongs to the image in a registry. Verifies nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::bundle::{self, Bundle, STATEMENT};
use super::cosign::{self, ImageSignature};
use super::key::KeyId;
use super::oci::{Annotations, referrer};
use super::statement::{CYCLONEDX, SPDX};
use super::{Artifact, Layout, ReadStatement, SignatureError, Subject};
use crate::digest::Sha256;
use crate::fs;

/// The directory, below the layout's.
pub(super) const DIRECTORY: &str = "evidence";
/// The signatures' directory, below that.
pub(super) const SIGNATURES: &str = "signatures";
pub(super) const PAYLOAD: &str = ".payload.json";
pub(super) const SIGNATURE: &str = ".sig";
pub(super) const BUNDLE: &str = ".sigstore.json";
const STATEMENT_FILE: &str = ".intoto.json";
/// File, media type, and the type of the predicates that hold such a document.
const DOCUMENTS: [(&str, &str, &str); 2] =
    [("sbom.spdx.json", "application/spdx+json", SPDX), ("sbom.cdx.json", "application/vnd.cyclonedx+json", CYCLONEDX)];

/// What belongs to the image of a layout in a registry; see [`Evidence::artifacts`].
///
/// # Errors
/// When the directory is no layout, a document of the image is missing or altered, or the evidence cannot be read.
pub fn artifacts(layout: &Path) -> Result<Vec<Artifact>, SignatureError> {
    Ok(Evidence::read(&Layout::open(layout)?)?.artifacts())
}

/// All statements about the image of a layout, signed or not, believed by nobody yet: those beside it, and those in
/// `referrers`, as a registry gave them.
///
/// # Errors
/// As [`artifacts`].
pub fn statements(layout: &Layout, referrers: &[Artifact]) -> Result<Vec<ReadStatement>, SignatureError> {
    let evidence = Evidence::read(layout)?;
    let blobs = [evidence.artifacts().as_slice(), referrers].concat().into_iter().flat_map(|artifact| artifact.blobs);
    let read = |blob: Vec<u8>| {
        let payload = Bundle::parse(&blob).and_then(|bundle| bundle.payload()).unwrap_or(blob);
        ReadStatement::parse(&payload).ok()
    };
    let about =
        |statement: &ReadStatement| layout.subjects().iter().any(|subject| statement.is_about(&subject.digest()));
    Ok(blobs.filter_map(read).filter(about).collect())
}

/// All of an image's evidence.
#[derive(Debug)]
pub struct Evidence {
    /// Statements as they were made.
    pub statements: Vec<StatementFile>,
    /// Bills of materials by themselves.
    pub documents: Vec<DocumentFile>,
    /// The signatures of each manifest.
    pub signatures: BTreeMap<Sha256, Signatures>,
    subjects: Vec<Subject>,
}

/// A statement in a file.
#[derive(Debug)]
pub struct StatementFile {
    /// The file.
    pub path: PathBuf,
    /// Its name without what all such names end with; with the directory's before it, if it lies in one.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it says.
    pub statement: ReadStatement,
}

/// A bill of materials in a file.
#[derive(Debug)]
pub struct DocumentFile {
    /// The file.
    pub path: PathBuf,
    /// What it is.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
    predicate: &'static str,
}

impl DocumentFile {
    /// Whether predicates of a type are such documents.
    pub(super) fn is_of(&self, predicate_type: &str) -> bool {
        predicate_type == self.predicate
    }
}

/// The signatures of one manifest.
#[derive(Debug, Default)]
pub struct Signatures {
    /// cosign's, sorted by key and name.
    pub image: Vec<ImageSignature>,
    /// Bundles, sorted by key and name; those of the manifest itself and those of statements about it.
    pub bundles: Vec<Vec<u8>>,
}

impl Evidence {
    /// Reads a layout's evidence. What nobody needs for an image is not read: signatures of other manifests, for
    /// example.
    ///
    /// # Errors
    /// When a file cannot be read, or a statement is none.
    pub fn read(layout: &Layout) -> Result<Self, SignatureError> {
        let subjects = layout.subjects().to_vec();
        let mut evidence =
            Self { statements: Vec::new(), documents: Vec::new(), signatures: BTreeMap::new(), subjects };
        let root = layout.root().join(DIRECTORY);
        if !root.is_dir() {
            return Ok(evidence);
        }
        evidence.read_directory(&root, "")?;
        for subject in layout.subjects() {
            let directory = root.join(SIGNATURES).join(subject.digest().to_string());
            if directory.is_dir() {
                evidence.signatures.insert(subject.digest(), Signatures::read(&directory)?);
            }
        }
        Ok(evidence)
    }

    fn read_directory(&mut self, directory: &Path, prefix: &str) -> Result<(), SignatureError> {
        for name in fs::list(directory)? {
            let path = directory.join(&name);
            let Some(name) = name.to_str() else { continue };
            if path.is_dir() {
                // A dot marks what is being written.
                if prefix.is_empty() && name != SIGNATURES && !name.starts_with('.') {
                    self.read_directory(&path, &format!("{name}."))?;
                }
            } else if let Some(stem) = name.strip_suffix(STATEMENT_FILE) {
                let bytes = fs::read(&path)?;
                let statement = ReadStatement::parse(&bytes)
                    .map_err(|source| SignatureError::Statement { path: path.clone(), source })?;
                self.statements.push(StatementFile { path, name: format!("{prefix}{stem}"), bytes, statement });
            } else if let Some((_, media_type, predicate)) = DOCUMENTS.into_iter().find(|(file, ..)| *file == name) {
                let bytes = fs::read(&path)?;
                self.documents.push(DocumentFile { path, media_type, bytes, predicate });
            }
        }
        Ok(())
    }

    /// What belongs to the image in a registry: for each manifest its signatures under cosign's tag and its bundles;
    /// then statements and bills of materials. A statement that somebody has signed is in its bundle, and not there
    /// a second time.
    pub fn artifacts(&self) -> Vec<Artifact> {
        let mut artifacts = Vec::new();
        let mut signed: Vec<(Sha256, Vec<u8>)> = Vec::new();
        for subject in &self.subjects {
            let Some(signatures) = self.signatures.get(&subject.digest()) else { continue };
            if !signatures.image.is_empty() {
                artifacts.push(cosign::artifact(&subject.digest(), &signatures.image));
            }
            for json in &signatures.bundles {
                // What is damaged goes along as it is: whoever verifies it says so.
                let payload = Bundle::parse(json).and_then(|bundle| bundle.payload()).unwrap_or_default();
                let predicate_type = ReadStatement::parse(&payload).map(|statement| statement.predicate_type);
                artifacts.push(bundle::artifact(
                    &subject.descriptor,
                    json.clone(),
                    &predicate_type.unwrap_or_default(),
                ));
                signed.push((subject.digest(), payload));
            }
        }
        for file in &self.statements {
            for subject in self.subjects.iter().filter(|subject| file.statement.is_about(&subject.digest())) {
                let known =
                    signed.iter().any(|(digest, payload)| *digest == subject.digest() && *payload == file.bytes);
                if !known {
                    artifacts.push(referrer(&subject.descriptor, STATEMENT, file.bytes.clone(), Annotations::new()));
                }
            }
        }
        for document in &self.documents {
            for subject in self.subjects_of(document) {
                let bytes = document.bytes.clone();
                artifacts.push(referrer(&subject.descriptor, document.media_type, bytes, Annotations::new()));
            }
        }
        artifacts
    }

    /// What a bill of materials is of: it does not say so itself, but the statement beside it that has it as its
    /// predicate does. Without one, it is of the whole image.
    fn subjects_of(&self, document: &DocumentFile) -> Vec<&Subject> {
        let beside = self.statements.iter().filter(|file| file.path.parent() == document.path.parent());
        let mut of = Vec::new();
        if let Ok(json) = serde_json::from_slice::<serde_json::Value>(&document.bytes) {
            for file in beside.filter(|file| file.statement.predicate == json) {
                of.extend(self.subjects.iter().filter(|subject| file.statement.is_about(&subject.digest())));
            }
        }
        if of.is_empty() {
            of.extend(self.subjects.iter().filter(|subject| subject.parent.is_none()));
        }
        of
    }
}

impl Signatures {
    /// Reads the directory of one manifest.
    fn read(directory: &Path) -> fs::Result<Self> {
        let mut signatures = Self::default();
        for key in fs::list(directory)? {
            let of_key = directory.join(&key);
            if !of_key.is_dir() {
                continue;
            }
            let signer = key.to_str().and_then(KeyId::from_hex);
            for name in fs::list(&of_key)? {
                let path = of_key.join(&name);
                let name = name.to_string_lossy();
                if let Some(stem) = name.strip_suffix(PAYLOAD) {
                    let beside = of_key.join(format!("{stem}{SIGNATURE}"));
                    // One without a signature is one that does not fit.
                    let signature = if beside.is_file() { fs::read(&beside)? } else { Vec::new() };
                    let signature = String::from_utf8_lossy(signature.trim_ascii()).into_owned();
                    signatures.image.push(ImageSignature { signer, payload: fs::read(&path)?, signature });
                } else if name.ends_with(BUNDLE) {
                    signatures.bundles.push(fs::read(&path)?);
                }
            }
        }
        Ok(signatures)
    }
}
