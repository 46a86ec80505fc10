//! Image signatures in the format that cosign had first, and that skopeo and podman read.
//!
//! What is signed is a small JSON text, the "simple signing" payload of
//! [containers/image](https://github.com/containers/image/blob/v5.34.0/docs/containers-signature.5.md), with
//! cosign's type in it. All signatures of an image are the layers of one manifest, each with its signature as an
//! annotation, under a tag that is made of the image's digest
//! ([cosign's specification](https://github.com/sigstore/cosign/blob/v2.5.0/specs/SIGNATURE_SPEC.md)).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Artifact;
use super::key::{KeyId, PrivateKey, PublicKey};
use super::oci::{CONFIG, Descriptor, Manifest, OciDigest, to_json};
use crate::digest::Sha256;

/// The media type of a payload.
pub(super) const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const TYPE: &str = "cosign container image signature";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// The annotation by which we say which key signed. It proves nothing; it makes for better messages.
const KEY: &str = "io.drystone.key";

/// One signature of one image under one name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageSignature {
    /// Who is said to have signed, where that is known.
    pub signer: Option<KeyId>,
    /// The bytes that are signed.
    pub payload: Vec<u8>,
    /// The signature, base64 of DER.
    pub signature: String,
}

/// What a signature says, once it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What the image is called.
    pub reference: String,
    /// The manifest that is signed.
    pub manifest: Sha256,
}

/// Why a signature is not to be believed.
#[derive(Debug, thiserror::Error)]
pub enum CosignError {
    /// Not base64.
    #[error("the signature is not base64")]
    Base64,
    /// Not this key's, or altered.
    #[error("the signature is not this key's, or was altered")]
    Signature,
    /// What is signed is not JSON of this form.
    #[error("what is signed is not cosign's payload")]
    Payload(#[from] serde_json::Error),
    /// What is signed is something else.
    #[error("what is signed is a `{}`, not a `{TYPE}`", .0.escape_debug())]
    Type(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    critical: Critical,
    /// Free for the signer's use; we have none.
    optional: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    identity: Identity,
    image: Image,
    r#type: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Identity {
    docker_reference: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Image {
    docker_manifest_digest: OciDigest,
}

impl ImageSignature {
    /// Signs a manifest under a name.
    pub fn sign(manifest: &Sha256, reference: &str, key: &PrivateKey) -> Self {
        let payload = to_json(&Payload {
            critical: Critical {
                identity: Identity { docker_reference: reference.to_owned() },
                image: Image { docker_manifest_digest: OciDigest(*manifest) },
                r#type: TYPE.to_owned(),
            },
            optional: Value::Null,
        });
        let signature = STANDARD.encode(key.sign(&payload));
        Self { signer: Some(key.public().id()), payload, signature }
    }

    /// What it says, if the key has signed it.
    ///
    /// # Errors
    /// When the signature is not the key's, or what is signed is not a payload.
    pub fn verify(&self, key: &PublicKey) -> Result<Claim, CosignError> {
        let signature = STANDARD.decode(&self.signature).map_err(|_| CosignError::Base64)?;
        if !key.verifies(&self.payload, &signature) {
            return Err(CosignError::Signature);
        }
        let Payload { critical, optional: _ } = serde_json::from_slice(&self.payload)?;
        if critical.r#type != TYPE {
            return Err(CosignError::Type(critical.r#type));
        }
        Ok(Claim { reference: critical.identity.docker_reference, manifest: critical.image.docker_manifest_digest.0 })
    }

    fn descriptor(&self) -> Descriptor {
        let mut descriptor = Descriptor::of(PAYLOAD, &self.payload);
        descriptor.annotations.insert(SIGNATURE.to_owned(), self.signature.clone());
        if let Some(signer) = self.signer {
            descriptor.annotations.insert(KEY.to_owned(), signer.to_string());
        }
        descriptor
    }
}

/// The tag under which cosign looks for a manifest's signatures.
pub fn tag(manifest: &Sha256) -> String {
    format!("sha256-{manifest}.sig")
}

/// The signatures of a manifest as a registry stores them.
pub(super) fn artifact(manifest: &Sha256, signatures: &[ImageSignature]) -> Artifact {
    let layers = signatures.iter().map(ImageSignature::descriptor).collect();
    let mut artifact = of_layers(layers, tag(manifest));
    artifact.blobs.extend(signatures.iter().map(|signature| signature.payload.clone()));
    artifact.blobs.sort();
    artifact.blobs.dedup();
    artifact
}

/// Our signatures beside those that are under their tag already: it holds one manifest, so whoever puts another there
/// must bring the old layers along. The result's `blobs` are ours alone; the others are where the old manifest is.
///
/// # Errors
/// When what is there is no manifest.
pub fn add_to_published(published: &[u8], ours: &Artifact) -> Result<Artifact, serde_json::Error> {
    let known: Manifest = serde_json::from_slice(published)?;
    let own: Manifest = serde_json::from_slice(&ours.manifest)?;
    let is_there = |layer: &Descriptor| {
        let signature = layer.annotations.get(SIGNATURE);
        known.layers.iter().any(|old| old.digest == layer.digest && old.annotations.get(SIGNATURE) == signature)
    };
    let new: Vec<Descriptor> = own.layers.iter().filter(|layer| !is_there(layer)).cloned().collect();
    if new.is_empty() {
        return Ok(Artifact { manifest: published.to_vec(), blobs: Vec::new(), tag: ours.tag.clone() });
    }
    let mut all = of_layers(known.layers.into_iter().chain(new).collect(), String::new());
    all.tag.clone_from(&ours.tag);
    let payloads = ours.blobs.iter().filter(|blob| Sha256::of(blob) != own.config.digest.0);
    all.blobs.extend(payloads.cloned());
    Ok(all)
}

/// A manifest of layers, with the configuration that an image must have: cosign adds to its list of layers when it
/// signs after us. Payloads are not compressed, so a layer's digest is its diffID.
fn of_layers(layers: Vec<Descriptor>, tag: String) -> Artifact {
    let config = to_json(&Configuration {
        architecture: "",
        os: "",
        rootfs: RootFs { kind: "layers", diff_ids: layers.iter().map(|layer| layer.digest).collect() },
    });
    let manifest = Manifest { layers, ..Manifest::new(Descriptor::of(CONFIG, &config)) };
    Artifact { manifest: manifest.to_bytes(), blobs: vec![config], tag: Some(tag) }
}

#[derive(Serialize)]
struct Configuration {
    architecture: &'static str,
    os: &'static str,
    rootfs: RootFs,
}

#[derive(Serialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<OciDigest>,
}

/// The signatures in an artifact that [`artifact`] or cosign made. Layers of other kinds, and those whose payload
/// is not there, are left out.
pub(super) fn signatures(manifest: &Manifest, blob: impl Fn(&OciDigest) -> Option<Vec<u8>>) -> Vec<ImageSignature> {
    let signed = manifest.layers.iter().filter(|layer| layer.media_type == PAYLOAD);
    let signature = |layer: &Descriptor| {
        Some(ImageSignature {
            signer: layer.annotations.get(KEY).and_then(|key| KeyId::from_hex(key)),
            payload: blob(&layer.digest)?,
            signature: layer.annotations.get(SIGNATURE)?.clone(),
        })
    };
    signed.filter_map(signature).collect()
}
