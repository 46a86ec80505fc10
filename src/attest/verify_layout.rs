//! Verifies a layout on the disk: its blobs, its signatures, and that what lies beside it is what is signed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::evidence::{DocumentFile, StatementFile};
use super::key::PublicKey;
use super::statement::CONTROLS;
use super::verify::{Fault, Need, Report, What, verify};
use super::{Artifact, Checked, Evidence, Layout, SignatureError};
use crate::fs;
use crate::path::RelPath;

/// What was found of a layout.
#[derive(Debug)]
pub struct LayoutReport {
    /// Its signatures.
    pub signatures: Report,
    /// Its blobs.
    pub content: Checked,
}

impl LayoutReport {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.signatures.faults.is_empty() && self.content.faults.is_empty()
    }
}

/// Verifies all of a layout. `referrers` is what belongs to the image beside its evidence, as a registry gave it.
///
/// # Errors
/// When a file cannot be read. What is wrong with the image is the result.
pub fn verify_layout(
    layout: &Layout,
    referrers: &[Artifact],
    key: &PublicKey,
    needs: &[Need],
) -> Result<LayoutReport, SignatureError> {
    let evidence = Evidence::read(layout)?;
    let artifacts = [evidence.artifacts().as_slice(), referrers].concat();
    let mut signatures = verify(layout.subjects(), &artifacts, key, needs);
    for file in &evidence.statements {
        signatures.faults.extend(compare_statement(file, layout, &signatures));
    }
    for document in &evidence.documents {
        signatures.faults.extend(compare_document(document, &signatures));
    }
    let differing = compare_controls(layout, &signatures)?;
    signatures.faults.extend(differing);
    Ok(LayoutReport { signatures, content: layout.check()? })
}

/// A statement's file must be what is signed, for each manifest that it is about.
fn compare_statement(file: &StatementFile, layout: &Layout, report: &Report) -> Option<Fault> {
    let name = file.path.display().to_string();
    let mut about = layout.subjects().iter().filter(|subject| file.statement.is_about(&subject.digest())).peekable();
    if about.peek().is_none() {
        return Some(Fault::Differs { file: name });
    }
    for subject in about {
        let signed = report.verified.iter().filter(|one| one.subject == subject.digest());
        let mut of_type = signed.filter_map(|one| match &one.what {
            What::Statement { payload, statement } if statement.predicate_type == file.statement.predicate_type => {
                Some(payload)
            }
            _ => None,
        });
        match of_type.next() {
            None => return Some(Fault::Unsigned { file: name }),
            Some(first) if *first != file.bytes && !of_type.any(|other| *other == file.bytes) => {
                return Some(Fault::Differs { file: name });
            }
            Some(_) => {}
        }
    }
    None
}

/// A bill of materials by itself must be the predicate of a signed statement, where there is one about such a bill.
fn compare_document(document: &DocumentFile, report: &Report) -> Option<Fault> {
    let json: Value = serde_json::from_slice(&document.bytes).unwrap_or_default();
    let mut predicates = report.verified.iter().filter_map(|one| match &one.what {
        What::Statement { statement, .. } if document.is_of(&statement.predicate_type) => Some(&statement.predicate),
        _ => None,
    });
    let first = predicates.next()?;
    let differs = *first != json && !predicates.any(|predicate| *predicate == json);
    differs.then(|| Fault::Differs { file: document.path.display().to_string() })
}

/// The run-time controls that lie beside the image must be those of a signed statement. They need not be there: a
/// registry keeps the statement alone.
fn compare_controls(layout: &Layout, report: &Report) -> Result<Vec<Fault>, SignatureError> {
    // Each platform may have its own.
    let mut signed: BTreeMap<PathBuf, Vec<&str>> = BTreeMap::new();
    for one in &report.verified {
        let What::Statement { statement, .. } = &one.what else { continue };
        let files = statement.predicate.as_object().filter(|_| statement.predicate_type == CONTROLS);
        for (name, text) in files.into_iter().flatten() {
            if let (Ok(path), Some(text)) = (RelPath::new(name.as_str()), text.as_str()) {
                signed.entry(path.under(layout.root())).or_default().push(text);
            }
        }
    }
    let mut faults = Vec::new();
    for (path, texts) in signed.into_iter().filter(|(path, _)| path.is_file()) {
        let bytes = fs::read(&path)?;
        if !texts.iter().any(|text| text.as_bytes() == bytes) {
            faults.push(Fault::Differs { file: path.display().to_string() });
        }
    }
    Ok(faults)
}
