//! Who signed what of an image: judged from its manifests' digests, the artifacts that belong to them and one key.
//!
//! Pure, and the same for an image on the disk and in a registry. Everything that bears the key's name must be the
//! key's: what was altered is a fault, even beside something that is whole. What other keys have signed is counted,
//! not judged. Nothing is taken from a payload before its signature is verified.

mod fault;
mod need;

use std::collections::{BTreeMap, BTreeSet};

use super::bundle::{BUNDLE, Bundle, BundleError, STATEMENT};
use super::cosign::{self, PAYLOAD};
use super::key::{KeyId, PublicKey};
use super::oci::{Manifest, OciDigest};
use super::read_statement::SIGN;
use super::{Artifact, ReadStatement, Subject};
use crate::digest::Sha256;

pub use fault::Fault;
pub use need::Need;

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// What the key has signed.
    pub verified: Vec<Verified>,
    /// For each manifest how many signatures are not this key's, and whose they are said to be.
    pub others: BTreeMap<Sha256, Others>,
    /// Statements that nobody has signed: the manifest and the predicate's type.
    pub unsigned: Vec<(Sha256, String)>,
    /// Why the image is not to be trusted; empty when it is.
    pub faults: Vec<Fault>,
}

/// One thing that the key has signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The manifest that it is about.
    pub subject: Sha256,
    /// What it says.
    pub what: What,
}

/// What a signature says.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// That the manifest is the image of this name.
    Image {
        /// The name.
        reference: String,
    },
    /// That the manifest is signed; in a bundle, without a name.
    Bundle,
    /// A statement about the manifest.
    Statement {
        /// The bytes that are signed.
        payload: Vec<u8>,
        /// What they say.
        statement: Box<ReadStatement>,
    },
}

impl What {
    /// Its place in a list: what is signed, then what is stated.
    fn rank(&self) -> (u8, &str) {
        match self {
            Self::Image { reference } => (0, reference),
            Self::Bundle => (1, ""),
            Self::Statement { statement, .. } => (2, &statement.predicate_type),
        }
    }
}

/// Signatures that are not this key's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Others {
    /// How many there are.
    pub count: usize,
    /// Whose they are said to be.
    pub signers: Vec<KeyId>,
}

/// Judges an image: its manifests as [`super::subjects`] lists them, and all artifacts that belong to them.
pub fn verify(subjects: &[Subject], artifacts: &[Artifact], key: &PublicKey, needs: &[Need]) -> Report {
    let digests = artifacts.iter().map(Artifact::digest).collect();
    let mut judge = Judge { subjects, artifacts: digests, key, report: Report::default() };
    for artifact in artifacts {
        judge.artifact(artifact);
    }
    judge.unsigned_subjects();
    judge.needs(needs);
    // In whatever order a registry lists them.
    judge.report.verified.sort_by(|one, other| one.what.rank().cmp(&other.what.rank()));
    judge.report
}

struct Judge<'a> {
    subjects: &'a [Subject],
    artifacts: BTreeSet<Sha256>,
    key: &'a PublicKey,
    report: Report,
}

impl Judge<'_> {
    fn subject(&self, digest: &Sha256) -> Option<&Subject> {
        self.subjects.iter().find(|subject| subject.digest() == *digest)
    }

    fn label(&self, digest: &Sha256) -> String {
        self.subject(digest).map_or_else(|| format!("sha256:{digest}"), Subject::label)
    }

    fn artifact(&mut self, artifact: &Artifact) {
        let digest = artifact.digest();
        let manifest: Manifest = match serde_json::from_slice(&artifact.manifest) {
            Ok(manifest) => manifest,
            Err(error) => {
                return self.report.faults.push(Fault::Damaged { artifact: digest, reason: error.to_string() });
            }
        };
        let tagged = artifact.tag.as_deref().and_then(|tag| tag.strip_prefix("sha256-")?.strip_suffix(".sig"));
        let kind = manifest.artifact_type.as_deref().unwrap_or(&manifest.config.media_type);
        let is_cosigns = tagged.is_some() || manifest.layers.iter().any(|layer| layer.media_type == PAYLOAD);
        if !is_cosigns && kind != BUNDLE && kind != STATEMENT {
            return;
        }
        let of = match tagged {
            Some(tagged) => tagged.parse().ok(),
            None => manifest.subject.as_ref().map(|subject| subject.digest.0),
        };
        let Some(of) = of.filter(|of| self.subject(of).is_some()) else {
            // What belongs to something that belongs to the image is not of the image.
            if !of.is_some_and(|of| self.artifacts.contains(&of)) {
                let of = of.map_or_else(|| "nothing that it names".to_owned(), |of| format!("sha256:{of}"));
                self.report.faults.push(Fault::Foreign { artifact: digest, of });
            }
            return;
        };
        let blobs: BTreeMap<Sha256, &Vec<u8>> = artifact.blobs.iter().map(|blob| (Sha256::of(blob), blob)).collect();
        let blob = |digest: &OciDigest| blobs.get(&digest.0).map(|blob| blob.to_vec());
        if is_cosigns {
            return self.image_signatures(of, &manifest, blob);
        }
        for layer in &manifest.layers {
            match blob(&layer.digest) {
                Some(bytes) if kind == BUNDLE => self.bundle(of, &bytes),
                Some(bytes) => self.unsigned_statement(of, &bytes),
                None => {
                    let reason = format!("its layer {} is missing or altered", layer.digest);
                    self.report.faults.push(Fault::Damaged { artifact: digest, reason });
                }
            }
        }
    }

    fn image_signatures(&mut self, of: Sha256, manifest: &Manifest, blob: impl Fn(&OciDigest) -> Option<Vec<u8>>) {
        let what = || "the image signature".to_owned();
        for signature in cosign::signatures(manifest, blob) {
            match signature.verify(self.key) {
                Ok(claim) if claim.manifest == of => {
                    self.verified(of, What::Image { reference: claim.reference });
                }
                Ok(claim) => self.moved(of, what(), format!("sha256:{}", claim.manifest)),
                Err(error) if signature.signer == Some(self.key.id()) => self.altered(of, what(), error.to_string()),
                Err(_) => self.other(of, signature.signer),
            }
        }
    }

    fn bundle(&mut self, of: Sha256, json: &[u8]) {
        let what = || "a signed statement".to_owned();
        let bundle = match Bundle::parse(json) {
            Ok(bundle) => bundle,
            // Signed with a certificate: whole, and nobody's that a key could judge.
            Err(_) if has_certificate(json) => return self.other(of, None),
            Err(error) => return self.altered(of, what(), error.to_string()),
        };
        let payload = match bundle.verify(self.key) {
            Ok(payload) => payload,
            Err(BundleError::OtherKey(_)) => return self.other(of, bundle.signer()),
            Err(error) => return self.altered(of, what(), error.to_string()),
        };
        match ReadStatement::parse(&payload) {
            Err(error) => self.altered(of, what(), error.to_string()),
            Ok(statement) if !statement.is_about(&of) => {
                let subjects: Vec<_> = statement.subjects().map(|subject| format!("sha256:{subject}")).collect();
                let what = format!("the statement {}", statement.predicate_type);
                self.moved(of, what, subjects.join(" and "));
            }
            Ok(statement) if statement.predicate_type == SIGN => self.verified(of, What::Bundle),
            Ok(statement) => self.verified(of, What::Statement { payload, statement: Box::new(statement) }),
        }
    }

    fn unsigned_statement(&mut self, of: Sha256, bytes: &[u8]) {
        match ReadStatement::parse(bytes) {
            Ok(statement) => self.report.unsigned.push((of, statement.predicate_type)),
            Err(error) => self.altered(of, "an unsigned statement".to_owned(), error.to_string()),
        }
    }

    fn verified(&mut self, subject: Sha256, what: What) {
        let one = Verified { subject, what };
        // The same may be beside an image and in what a registry gave.
        if !self.report.verified.contains(&one) {
            self.report.verified.push(one);
        }
    }

    fn altered(&mut self, of: Sha256, what: String, reason: String) {
        let subject = self.label(&of);
        self.report.faults.push(Fault::Altered { subject, what, reason });
    }

    fn moved(&mut self, at: Sha256, what: String, of: String) {
        let subject = self.label(&at);
        self.report.faults.push(Fault::Moved { subject, what, of });
    }

    fn other(&mut self, of: Sha256, signer: Option<KeyId>) {
        let others = self.report.others.entry(of).or_default();
        others.count += 1;
        if let Some(signer) = signer
            && !others.signers.contains(&signer)
        {
            others.signers.push(signer);
        }
    }

    /// Every manifest needs a signature of this key.
    fn unsigned_subjects(&mut self) {
        for subject in self.subjects {
            let digest = subject.digest();
            let is_signature = |what: &What| matches!(what, What::Image { .. } | What::Bundle);
            if self.report.verified.iter().any(|one| one.subject == digest && is_signature(&one.what)) {
                continue;
            }
            let subject = subject.label();
            self.report.faults.push(match self.report.others.get(&digest) {
                Some(others) => Fault::OtherKey { subject, others: others.clone() },
                None => Fault::NotSigned { subject },
            });
        }
    }

    /// What is required of an image must be said of itself, or else of every manifest below it.
    fn needs(&mut self, needs: &[Need]) {
        for need in needs {
            for entry in self.subjects.iter().filter(|subject| subject.parent.is_none()) {
                if self.has(entry, need) {
                    continue;
                }
                let below: Vec<_> =
                    self.subjects.iter().filter(|subject| subject.parent == Some(entry.digest())).collect();
                let without: Vec<_> = below.iter().filter(|subject| !self.has(subject, need)).collect();
                let missing = |subject: &Subject| Fault::Missing { subject: subject.label(), need: need.to_string() };
                // When some have it, the others are what is wrong; when none has, the image as a whole.
                let faults: Vec<Fault> = match without.len() {
                    0 if !below.is_empty() => continue,
                    count if count < below.len() => without.into_iter().map(|subject| missing(subject)).collect(),
                    _ => vec![missing(entry)],
                };
                self.report.faults.extend(faults);
            }
        }
    }

    fn has(&self, subject: &Subject, need: &Need) -> bool {
        self.report.verified.iter().any(|one| {
            one.subject == subject.digest()
                && matches!(&one.what, What::Statement { statement, .. } if need.is_met_by(&statement.predicate_type))
        })
    }
}

/// Whether a bundle is one that a certificate's key has signed.
fn has_certificate(json: &[u8]) -> bool {
    let value: serde_json::Value = serde_json::from_slice(json).unwrap_or_default();
    let material = &value["verificationMaterial"];
    material["certificate"].is_object() || material["x509CertificateChain"].is_object()
}
