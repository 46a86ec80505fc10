//! Signed statements: the DSSE envelope, in a sigstore bundle, as a referrer of the image.
//!
//! What is signed is the pre-authentication encoding of a payload and its type
//! ([DSSE 1.0](https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md)). The bundle is version 0.3
//! ([sigstore's protobuf](https://github.com/sigstore/protobuf-specs/blob/v0.3.0/protos/sigstore_bundle.proto)),
//! with a hint to the key in place of a certificate and without a log's entry. In a registry it is the only layer
//! of a manifest whose subject is the image's, with the annotations that cosign 3 looks for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::Artifact;
use super::document::created;
use super::key::{KeyId, PrivateKey, PublicKey};
use super::oci::{Annotations, Descriptor, referrer, to_json};

/// The media type of a bundle, and the type of an artifact that is one.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The media type of a statement.
pub const STATEMENT: &str = "application/vnd.in-toto+json";

const CREATED: &str = "org.opencontainers.image.created";
const CONTENT: &str = "dev.sigstore.bundle.content";
const PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";

/// A signed statement with what is needed to verify it, as JSON in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    public_key: PublicKeyHint,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PublicKeyHint {
    hint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Signature {
    sig: String,
}

/// Why a bundle is not to be believed.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Not JSON, or with other fields: signed with a certificate, for example.
    #[error("this is not a sigstore bundle with a statement signed by a key")]
    Json(#[from] serde_json::Error),
    /// Another version.
    #[error("the bundle is of the type `{}`, not {BUNDLE}", .0.escape_debug())]
    Type(String),
    /// Something other than a statement is signed.
    #[error("what is signed is of the type `{}`, not {STATEMENT}", .0.escape_debug())]
    Payload(String),
    /// Not base64.
    #[error("the bundle's {0} is not base64")]
    Base64(&'static str),
    /// It says that another key signed it.
    #[error("it says that the key `{}` signed it", .0.escape_debug())]
    OtherKey(String),
    /// The signature is not this key's for this payload.
    #[error("its signature does not fit: it was altered after the key signed it")]
    Signature,
}

/// The bytes that are signed: each part with its length, so that no two payloads have the same.
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

impl Bundle {
    /// Signs a statement.
    pub fn sign(statement: &[u8], key: &PrivateKey) -> Self {
        let signature = key.sign(&pre_authentication_encoding(STATEMENT, statement));
        Self {
            media_type: BUNDLE.to_owned(),
            verification_material: Material { public_key: PublicKeyHint { hint: key.public().id().hint() } },
            dsse_envelope: Envelope {
                payload: STANDARD.encode(statement),
                payload_type: STATEMENT.to_owned(),
                signatures: vec![Signature { sig: STANDARD.encode(signature) }],
            },
        }
    }

    /// Reads a bundle; verifies nothing.
    ///
    /// # Errors
    /// When it is not of this version, or not a statement signed by a key.
    pub fn parse(json: &[u8]) -> Result<Self, BundleError> {
        let bundle: Self = serde_json::from_slice(json)?;
        if bundle.media_type != BUNDLE {
            return Err(BundleError::Type(bundle.media_type));
        }
        if bundle.dsse_envelope.payload_type != STATEMENT {
            return Err(BundleError::Payload(bundle.dsse_envelope.payload_type));
        }
        Ok(bundle)
    }

    /// The bundle as it is stored.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }

    /// The key that is said to have signed it; `None` when the hint is of another kind than ours.
    pub fn signer(&self) -> Option<KeyId> {
        KeyId::from_hint(&self.verification_material.public_key.hint)
    }

    /// The payload, believed by nobody yet.
    ///
    /// # Errors
    /// When it is not base64.
    pub fn payload(&self) -> Result<Vec<u8>, BundleError> {
        STANDARD.decode(&self.dsse_envelope.payload).map_err(|_| BundleError::Base64("payload"))
    }

    /// The payload, if the key has signed it.
    ///
    /// # Errors
    /// When it says that another key has signed it, or none of its signatures is this key's.
    pub fn verify(&self, key: &PublicKey) -> Result<Vec<u8>, BundleError> {
        let hint = &self.verification_material.public_key.hint;
        let other = || BundleError::OtherKey(self.signer().map_or_else(|| hint.clone(), |signer| signer.to_string()));
        // Without a hint only trying tells.
        if !hint.is_empty() && self.signer() != Some(key.id()) {
            return Err(other());
        }
        let payload = self.payload()?;
        let signed = pre_authentication_encoding(&self.dsse_envelope.payload_type, &payload);
        for Signature { sig } in &self.dsse_envelope.signatures {
            let signature = STANDARD.decode(sig).map_err(|_| BundleError::Base64("signature"))?;
            if key.verifies(&signed, &signature) {
                return Ok(payload);
            }
        }
        Err(if hint.is_empty() { other() } else { BundleError::Signature })
    }
}

/// A bundle as a registry stores it.
pub(super) fn artifact(subject: &Descriptor, bundle: Vec<u8>, predicate_type: &str) -> Artifact {
    let annotations =
        [(CREATED, created()), (CONTENT, "dsse-envelope".to_owned()), (PREDICATE_TYPE, predicate_type.to_owned())];
    let annotations = annotations.map(|(name, value)| (name.to_owned(), value));
    referrer(subject, BUNDLE, bundle, Annotations::from(annotations))
}
