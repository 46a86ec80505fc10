//! Keys against published vectors, and what of them can be seen.

use super::*;

/// RFC 6979, A.2.5: the curve P-256, SHA-256, the message "sample".
#[test]
fn signatures_are_those_of_rfc_6979() {
    let scalar: Vec<u8> = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    let key = PrivateKey(SigningKey::from_slice(&scalar).unwrap());
    let r = hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716");
    let s = hex("f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
    let der = [&[0x30, 0x46, 2, 0x21, 0][..], &r, &[2, 0x21, 0], &s].concat();
    assert_eq!(key.sign(b"sample"), der);
    assert!(key.public().verifies(b"sample", &der));
    assert!(!key.public().verifies(b"simple", &der));
}

fn hex(text: &str) -> Vec<u8> {
    text.parse::<Sha256>().unwrap().as_bytes().to_vec()
}

#[test]
fn a_key_survives_its_files() {
    let key = PrivateKey::generate().unwrap();
    let sealed = key.to_sealed_pem(b"passphrase").unwrap();
    let Stored::Sealed(sealed) = Stored::from_pem(&sealed).unwrap() else { panic!("the key is not sealed") };
    assert_eq!(sealed.open(b"passphrase").unwrap().sign(b"stone"), key.sign(b"stone"));
    assert!(matches!(sealed.open(b"Passphrase"), Err(KeyError::Passphrase)));
    let Stored::Plain(plain) = Stored::from_pem(&key.to_plain_pem().unwrap()).unwrap() else {
        panic!("the key is sealed")
    };
    assert_eq!(plain.sign(b"stone"), key.sign(b"stone"));
    assert_eq!(PublicKey::from_pem(&key.public().to_pem()).unwrap(), key.public());
}

#[test]
fn two_keys_and_two_seals_of_one_key_differ() {
    let (one, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    assert_ne!(one.public().id(), other.public().id());
    assert_ne!(one.to_sealed_pem(b"passphrase").unwrap(), one.to_sealed_pem(b"passphrase").unwrap());
}

#[test]
fn debug_output_tells_whose_key_it_is_and_nothing_of_it() {
    let key = PrivateKey::generate().unwrap();
    assert_eq!(format!("{key:?}"), format!("PrivateKey {{ public: {:?}, .. }}", key.public().id()));
    let sealed = Stored::from_pem(&key.to_sealed_pem(b"passphrase").unwrap()).unwrap();
    assert_eq!(format!("{sealed:?}"), "Sealed(Sealed { .. })");
}

/// A file says itself how much memory opening it takes.
#[test]
fn a_key_that_asks_for_other_scrypt_parameters_is_refused_before_it_is_opened() {
    let json = |n: u64, r: u64, p: u64| {
        format!(
            r#"{{"kdf":{{"name":"scrypt","params":{{"N":{n},"r":{r},"p":{p}}},"salt":""}},"cipher":{{"name":"nacl/secretbox","nonce":"{}"}},"ciphertext":""}}"#,
            STANDARD.encode([0; 24])
        )
    };
    for n in [32_768, 65_536, 131_072] {
        assert!(Sealed::parse(json(n, 8, 1).as_bytes()).is_ok());
    }
    for (n, r, p) in [(0, 8, 1), (16_384, 8, 1), (262_144, 8, 1), (1 << 63, 8, 1), (65_536, 1 << 20, 1), (65_536, 8, 9)]
    {
        let error = Sealed::parse(json(n, r, p).as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the sealed key asks for scrypt with N={n}, r={r}, p={p}; cosign's are r=8, p=1 and an N of 32768, \
                 65536 or 131072"
            )
        );
    }
}

#[test]
fn what_is_sealed_otherwise_is_said() {
    let key = PrivateKey::generate().unwrap();
    let (_, json) = pem::decode_vec(key.to_sealed_pem(b"passphrase").unwrap().as_bytes())
        .map(|(label, json)| (label.to_owned(), json))
        .unwrap();
    let json = String::from_utf8(json).unwrap();
    let refused = |from: &str, to: &str| {
        assert!(json.contains(from), "{json}");
        Sealed::parse(json.replace(from, to).as_bytes()).unwrap_err().to_string()
    };
    let damaged = "the sealed key is damaged, or not what cosign writes: ";
    assert_eq!(refused("\"scrypt\"", "\"argon2\""), format!("{damaged}the key derivation `argon2` is not scrypt"));
    assert_eq!(refused("nacl/secretbox", "aes"), format!("{damaged}the cipher `aes` is not nacl/secretbox"));
    assert_eq!(
        refused("\"nonce\":\"", "\"nonce\":\"AAAA"),
        format!("{damaged}the nonce has not the 24 bytes that it needs")
    );
    assert!(refused("\"salt\"", "\"pepper\"").starts_with(damaged));
}
