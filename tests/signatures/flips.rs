//! One bit of a key, a payload, a signature or a bundle is another: that is an error, and never a panic.

use drystone::attest::key::{PrivateKey, PublicKey, Stored};
use drystone::attest::{Bundle, ImageSignature, ReadStatement};
use drystone::digest::Sha256;
use proptest::prelude::{ProptestConfig, any, proptest};

const SEALED: &str = include_str!("keys/cosign-1.key");
const STATEMENT: &str = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"0000000000000000000000000000000000000000000000000000000000000000"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{}}"#;

/// Every text that differs in one bit; what is no text any more is left out.
fn flipped(text: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    (0..text.len() * 8).map(|bit| {
        let mut other = text.to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        (bit, other)
    })
}

fn key() -> PrivateKey {
    match Stored::from_pem(SEALED).unwrap() {
        Stored::Sealed(sealed) => sealed.open(crate::bench::PASSPHRASE.as_bytes()).unwrap(),
        Stored::Plain(_) => panic!("the key is sealed"),
    }
}

/// The key in a text, if there is any.
fn read(pem: &[u8]) -> Option<PrivateKey> {
    match Stored::from_pem(std::str::from_utf8(pem).ok()?).ok()? {
        Stored::Plain(key) => Some(key),
        Stored::Sealed(sealed) => sealed.open(crate::bench::PASSPHRASE.as_bytes()).ok(),
    }
}

#[test]
fn a_plain_private_key() {
    let pem = key().to_plain_pem().unwrap();
    assert!(read(pem.as_bytes()).is_some());
    for (bit, other) in flipped(pem.as_bytes()) {
        assert!(read(&other).is_none(), "bit {bit}");
    }
}

#[test]
fn a_public_key() {
    let pem = key().public().to_pem();
    let id = key().public().id();
    for (bit, other) in flipped(pem.as_bytes()) {
        let key = std::str::from_utf8(&other).ok().and_then(|text| PublicKey::from_pem(text).ok());
        assert!(key.is_none_or(|key| key.id() != id), "bit {bit}");
    }
}

#[test]
fn an_image_signature() {
    let good = ImageSignature::sign(&Sha256::of(b"manifest"), "registry.example/a:1", &key());
    let public = key().public();
    assert!(good.verify(&public).is_ok());
    for (bit, payload) in flipped(&good.payload) {
        assert!(ImageSignature { payload, ..good.clone() }.verify(&public).is_err(), "bit {bit} of the payload");
    }
    for (bit, signature) in flipped(good.signature.as_bytes()) {
        let Ok(signature) = String::from_utf8(signature) else { continue };
        assert!(ImageSignature { signature, ..good.clone() }.verify(&public).is_err(), "bit {bit} of the signature");
    }
}

#[test]
fn a_bundle() {
    let public = key().public();
    let good = Bundle::sign(STATEMENT.as_bytes(), &key()).to_json();
    let judge = |json: &[u8]| Bundle::parse(json).and_then(|bundle| bundle.verify(&public));
    assert_eq!(judge(&good).unwrap(), STATEMENT.as_bytes());
    for (bit, other) in flipped(&good) {
        assert!(judge(&other).is_err(), "bit {bit}");
    }
}

#[test]
fn a_statement_does_not_panic() {
    for (_, other) in flipped(STATEMENT.as_bytes()) {
        let _ = ReadStatement::parse(&other).map(|statement| statement.is_about(&Sha256::of(b"")));
    }
}

proptest! {
    // Opening a key takes a tenth of a second.
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_sealed_private_key(bit in 0..SEALED.len() * 8) {
        let mut other = SEALED.as_bytes().to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&other).is_none(), "bit {bit}");
    }

    #[test]
    fn anything_at_all(bytes in any::<Vec<u8>>()) {
        assert!(read(&bytes).is_none());
        assert!(Bundle::parse(&bytes).is_err());
        assert!(ReadStatement::parse(&bytes).is_err());
        let signature = String::from_utf8_lossy(&bytes).into_owned();
        let other = ImageSignature { signer: None, payload: bytes, signature };
        assert!(other.verify(&key_of_nobody()).is_err());
    }
}

/// A key that need not be opened first.
fn key_of_nobody() -> PublicKey {
    PublicKey::from_pem(include_str!("keys/cosign-2.5.pub")).unwrap()
}
