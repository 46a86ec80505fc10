//! A private key that a passphrase opens, as cosign keeps it: scrypt (RFC 7914) makes a key of the passphrase, and
//! NaCl's secretbox (XSalsa20-Poly1305) seals the PKCS#8 document with it. What is needed to open it again stands
//! beside it in JSON, under the names that go-securesystemslib gives them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::Aead as _;
use crypto_secretbox::{Key, KeyInit as _, Nonce, XSalsa20Poly1305};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{KeyError, PrivateKey, random};

const KDF: &str = "scrypt";
const CIPHER: &str = "nacl/secretbox";
/// log2 of the cost of new keys. 64 MiB, a tenth of a second: what cosign writes.
const COST: u8 = 16;
/// The costs of keys that cosign has written or reads. A file with another could ask for any amount of memory.
const COSTS: [u8; 3] = [15, COST, 17];
const BLOCK: u32 = 8;
const PARALLEL: u32 = 1;

/// A sealed key: opens with its passphrase.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: Bytes,
}

/// There is nothing in it that would help a reader.
impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed").finish_non_exhaustive()
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    name: String,
    params: Params,
    salt: Bytes,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u64,
    p: u64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cipher {
    name: String,
    nonce: Bytes,
}

/// Bytes that are base64 in JSON.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Bytes(Vec<u8>);

impl TryFrom<String> for Bytes {
    type Error = base64::DecodeError;
    fn try_from(text: String) -> Result<Self, base64::DecodeError> {
        STANDARD.decode(text).map(Self)
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        STANDARD.encode(bytes.0)
    }
}

impl Params {
    /// log2 of the cost.
    fn cost(self) -> Result<u8, KeyError> {
        let Self { n, r, p } = self;
        let known = COSTS.into_iter().find(|cost| 1 << cost == n);
        known.filter(|_| r == u64::from(BLOCK) && p == u64::from(PARALLEL)).ok_or(KeyError::Scrypt { n, r, p })
    }
}

impl Sealed {
    /// Reads the JSON.
    ///
    /// # Errors
    /// When it is not what cosign writes, or asks for more memory than cosign would use.
    pub(super) fn parse(json: &[u8]) -> Result<Self, KeyError> {
        let wrong = |reason: String| KeyError::Sealed { reason };
        let sealed: Self = serde_json::from_slice(json).map_err(|error| wrong(error.to_string()))?;
        if sealed.kdf.name != KDF {
            return Err(wrong(format!("the key derivation `{}` is not {KDF}", sealed.kdf.name.escape_debug())));
        }
        if sealed.cipher.name != CIPHER {
            return Err(wrong(format!("the cipher `{}` is not {CIPHER}", sealed.cipher.name.escape_debug())));
        }
        if sealed.cipher.nonce.0.len() != Nonce::default().len() {
            return Err(wrong("the nonce has not the 24 bytes that it needs".to_owned()));
        }
        sealed.kdf.params.cost()?;
        Ok(sealed)
    }

    /// Seals a PKCS#8 document, with a salt and a nonce that were never used.
    ///
    /// # Errors
    /// When the system has no random numbers to give.
    pub(super) fn seal(pkcs8: &[u8], passphrase: &[u8]) -> Result<Self, KeyError> {
        let (mut salt, mut nonce) = ([0; 32], [0; 24]);
        random(&mut salt)?;
        random(&mut nonce)?;
        let params = Params { n: 1 << COST, r: BLOCK.into(), p: PARALLEL.into() };
        let cipher = cipher(passphrase, &salt, COST);
        let ciphertext = cipher.encrypt(&nonce.into(), pkcs8).expect("a key is shorter than any limit of the cipher");
        Ok(Self {
            kdf: Kdf { name: KDF.to_owned(), params, salt: Bytes(salt.to_vec()) },
            cipher: Cipher { name: CIPHER.to_owned(), nonce: Bytes(nonce.to_vec()) },
            ciphertext: Bytes(ciphertext),
        })
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("this is plain data, and writing to memory cannot fail")
    }

    /// Opens it. Takes up to 128 MiB of memory and a fraction of a second.
    ///
    /// # Errors
    /// When the passphrase is another one, or what was sealed is no P-256 key.
    pub fn open(&self, passphrase: &[u8]) -> Result<PrivateKey, KeyError> {
        let cipher = cipher(passphrase, &self.kdf.salt.0, self.kdf.params.cost()?);
        let nonce = Nonce::from_slice(&self.cipher.nonce.0);
        let opened = cipher.decrypt(nonce, self.ciphertext.0.as_slice()).map_err(|_| KeyError::Passphrase)?;
        PrivateKey::from_pkcs8(&Zeroizing::new(opened))
    }
}

fn cipher(passphrase: &[u8], salt: &[u8], cost: u8) -> XSalsa20Poly1305 {
    let params = scrypt::Params::new(cost, BLOCK, PARALLEL).expect("cosign's parameters are valid");
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase, salt, &params, key.as_mut()).expect("32 bytes are a valid length");
    XSalsa20Poly1305::new(Key::from_slice(key.as_ref()))
}
