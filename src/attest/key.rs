//! Signing keys: ECDSA on P-256 with SHA-256, in the files that cosign writes and reads.
//!
//! A private key is a PEM text with one of four labels: cosign's own two, which are sealed with a passphrase (see
//! `sealed`), and the plain `PRIVATE KEY` (PKCS#8, RFC 5958) and `EC PRIVATE KEY` (SEC 1, RFC 5915). A public key
//! is a `PUBLIC KEY` (RFC 5280's SubjectPublicKeyInfo). Signatures are ASN.1 DER, and deterministic (RFC 6979): the
//! same key signs the same bytes in the same way. A private key is wiped from memory when it is dropped, and no
//! message and no debug output holds it. Knows nothing of what is signed, and asks nobody for a passphrase.

mod error;
mod file;
mod sealed;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::SecretKey;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use p256::pkcs8::der::pem;
use p256::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding,
};
use zeroize::Zeroizing;

use crate::digest::Sha256;

pub use error::KeyError;
pub use file::{read_private, read_public, write_pair};
pub use sealed::Sealed;

const PUBLIC: &str = "PUBLIC KEY";
const PKCS8: &str = "PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";
const SIGSTORE: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// What cosign wrote before version 2.
const COSIGN: &str = "ENCRYPTED COSIGN PRIVATE KEY";

/// A public key's name: the SHA-256 of its SubjectPublicKeyInfo in DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Sha256);

impl KeyId {
    /// The form in which sigstore's bundles give it as a hint: base64.
    pub fn hint(&self) -> String {
        STANDARD.encode(self.0.as_bytes())
    }

    /// The key that a bundle's hint names; `None` for hints of another kind.
    pub fn from_hint(hint: &str) -> Option<Self> {
        let bytes = STANDARD.decode(hint).ok()?;
        Some(Self(Sha256::from_bytes(bytes.try_into().ok()?)))
    }

    /// The key that 64 hexadecimal digits name.
    pub fn from_hex(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key that signs.
#[derive(Clone)]
pub struct PrivateKey(SigningKey);

/// Tells whose key it is, never the key.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("public", &self.public().id()).finish_non_exhaustive()
    }
}

/// What a file with a private key holds.
#[derive(Debug)]
pub enum Stored {
    /// The key as it is.
    Plain(PrivateKey),
    /// A key that a passphrase opens.
    Sealed(Sealed),
}

impl Stored {
    /// Reads a PEM text.
    ///
    /// # Errors
    /// When it is no PEM text, has another label, or holds no P-256 key.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        // openssl puts the curve's parameters before a key of this kind.
        let text = text.rfind("-----BEGIN ").map_or(text, |start| &text[start..]);
        let (label, bytes) = pem::decode_vec(text.as_bytes()).map_err(|_| KeyError::Pem)?;
        let bytes = Zeroizing::new(bytes);
        match label {
            PKCS8 => PrivateKey::from_pkcs8(&bytes).map(Self::Plain),
            SEC1 => {
                let key = SecretKey::from_sec1_der(&bytes).map_err(|_| KeyError::Curve)?;
                Ok(Self::Plain(PrivateKey(key.into())))
            }
            SIGSTORE | COSIGN => Sealed::parse(&bytes).map(Self::Sealed),
            PUBLIC => Err(KeyError::Public),
            other => Err(KeyError::Label { label: other.to_owned() }),
        }
    }
}

impl PrivateKey {
    /// A new key, from the system's random numbers.
    ///
    /// # Errors
    /// When the system has none to give.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            random(bytes.as_mut())?;
            // Fails for zero and for what is not below the group's order: once in four thousand million times.
            if let Ok(key) = SigningKey::from_slice(bytes.as_ref()) {
                return Ok(Self(key));
            }
        }
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_der(der).map(Self).map_err(|_| KeyError::Curve)
    }

    /// The key as cosign writes it: a PEM text that the passphrase opens.
    ///
    /// # Errors
    /// When the passphrase is empty, or the system has no random numbers to give.
    pub fn to_sealed_pem(&self, passphrase: &[u8]) -> Result<Zeroizing<String>, KeyError> {
        if passphrase.is_empty() {
            return Err(KeyError::EmptyPassphrase);
        }
        let der = self.0.to_pkcs8_der().map_err(|_| KeyError::Curve)?;
        let sealed = Sealed::seal(der.as_bytes(), passphrase)?;
        pem::encode_string(SIGSTORE, LineEnding::LF, &sealed.to_json()).map(Zeroizing::new).map_err(|_| KeyError::Pem)
    }

    /// The key in PKCS#8, readable by whoever reads the text.
    ///
    /// # Errors
    /// None that a key which exists can cause.
    pub fn to_plain_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.0.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Curve)
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }

    /// The signature of a message, in DER.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: DerSignature = self.0.sign(message);
        signature.as_bytes().to_vec()
    }
}

/// A key that verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a PEM text.
    ///
    /// # Errors
    /// When it is no PEM text, a private key, or no P-256 key.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let label = pem::decode_label(text.as_bytes()).map_err(|_| KeyError::Pem)?;
        match label {
            PUBLIC => VerifyingKey::from_public_key_pem(text).map(Self).map_err(|_| KeyError::Curve),
            PKCS8 | SEC1 | SIGSTORE | COSIGN => Err(KeyError::Private),
            other => Err(KeyError::Label { label: other.to_owned() }),
        }
    }

    /// The key as a PEM text.
    pub fn to_pem(&self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).expect("a point of the curve can be encoded")
    }

    /// Its name.
    pub fn id(&self) -> KeyId {
        let der = self.0.to_public_key_der().expect("a point of the curve can be encoded");
        KeyId(Sha256::of(der.as_bytes()))
    }

    /// Whether this key's owner has signed a message.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        DerSignature::try_from(signature).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

/// Fills a buffer with random bytes.
fn random(buffer: &mut [u8]) -> Result<(), KeyError> {
    getrandom::fill(buffer).map_err(|error| KeyError::Random { reason: error.to_string() })
}

#[cfg(test)]
mod tests;
