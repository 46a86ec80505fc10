//! Hash newtypes, their text forms, and the canonical encoding that keys are hashed from.
//!
//! Knows nothing of what is hashed. BLAKE3 (the [specification](https://github.com/BLAKE3-team/BLAKE3-specs))
//! names everything that is ours; SHA-256 (FIPS 180-4) names what others publish: source pins and OCI digests. SHA-1
//! proves nothing any more, but SPDX 2.3 asks for it.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not a digest's lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind} digest: it needs exactly {digits} lower-case hexadecimal digits")]
pub struct ParseError {
    kind: &'static str,
    digits: usize,
    text: String,
}

fn parse_hex<const N: usize>(kind: &'static str, text: &str) -> Result<[u8; N], ParseError> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let error = || ParseError { kind, digits: 2 * N, text: text.to_owned() };
    let bytes = text.as_bytes();
    if bytes.len() != 2 * N {
        return Err(error());
    }
    let mut out = [0; N];
    for (slot, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        let (high, low) = digit(pair[0]).zip(digit(pair[1])).ok_or_else(error)?;
        *slot = high << 4 | low;
    }
    Ok(out)
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0u8; 64];
    let text = &mut text[..2 * bytes.len()];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    f.pad(std::str::from_utf8(text).expect("hexadecimal digits are ASCII"))
}

/// Hashes all that a reader gives, on top of what `hasher` has; returns how many bytes that was.
///
/// # Errors
/// The reader's.
pub fn feed(reader: &mut impl Read, hasher: &mut sha2::Sha256) -> io::Result<u64> {
    use sha2::Digest as _;
    let mut buffer = vec![0; 1 << 18];
    let mut length = 0;
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(length),
            count => {
                hasher.update(&buffer[..count]);
                length += count as u64;
            }
        }
    }
}

macro_rules! digest_newtype {
    ($(#[$doc:meta])* $name:ident, $length:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; $length]);

        impl $name {
            /// Wraps raw digest bytes.
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The raw digest bytes.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// The first 12 digits, for people.
            pub fn short(&self) -> String {
                self.to_string()[..12].to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<Self, ParseError> {
                parse_hex($kind, text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;
            fn try_from(text: String) -> Result<Self, ParseError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> Self {
                digest.to_string()
            }
        }
    };
}

digest_newtype!(
    /// The BLAKE3 of a byte string.
    Blake3,
    32,
    "BLAKE3"
);
digest_newtype!(
    /// The SHA-256 of a byte string, as publishers and OCI registries give it.
    Sha256,
    32,
    "SHA-256"
);
digest_newtype!(
    /// The SHA-1 of a byte string, where a specification insists on it.
    Sha1,
    20,
    "SHA-1"
);
digest_newtype!(
    /// A store object's name: the BLAKE3 of its manifest's text.
    ObjectId,
    32,
    "object"
);
digest_newtype!(
    /// A derivation's name: the BLAKE3 of its canonical encoding.
    DerivationKey,
    32,
    "derivation"
);

impl Blake3 {
    /// Hashes bytes that are in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl Sha256 {
    /// Hashes bytes that are in memory.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }
}

/// The canonical encoding that keys are hashed from, and its explanation, in one walk.
///
/// Every field is a label and a value, both length-prefixed (64-bit little endian), so that no two different
/// sequences of fields have the same bytes. The same calls collect the fields for people: what
/// `plan` shows as the reason of a rebuild cannot drift from what is hashed.
#[derive(Debug)]
pub struct Encoder {
    hasher: blake3::Hasher,
    fields: Vec<Field>,
}

/// One labelled input of a key, as [`Encoder`] hashed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What the input is, for example `env.CFLAGS`.
    pub label: String,
    /// Its value in text form.
    pub value: String,
}

impl Encoder {
    /// Starts the encoding of one kind of thing in one version of its layout, such as `("derivation", 1)`.
    pub fn new(kind: &str, version: u32) -> Self {
        let mut encoder = Self { hasher: blake3::Hasher::new(), fields: Vec::new() };
        encoder.field(kind, &version.to_string());
        encoder
    }

    fn part(&mut self, bytes: &[u8]) {
        self.hasher.update(&(bytes.len() as u64).to_le_bytes());
        self.hasher.update(bytes);
    }

    /// Adds one labelled value.
    pub fn field(&mut self, label: &str, value: &str) {
        self.part(label.as_bytes());
        self.part(value.as_bytes());
        self.fields.push(Field { label: label.to_owned(), value: value.to_owned() });
    }

    /// Adds a sequence: its length, then each value under `label[i]`.
    pub fn list<T: fmt::Display>(
        &mut self,
        label: &str,
        values: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    ) {
        let values = values.into_iter();
        self.field(&format!("{label}.len"), &values.len().to_string());
        for (index, value) in values.enumerate() {
            self.field(&format!("{label}[{index}]"), &value.to_string());
        }
    }

    /// What fields hash to that an encoder gave in the end.
    pub fn again(fields: &[Field]) -> Blake3 {
        let mut encoder = Self { hasher: blake3::Hasher::new(), fields: Vec::new() };
        for Field { label, value } in fields {
            encoder.field(label, value);
        }
        encoder.finish().0
    }

    /// Ends the encoding: the key's digest bytes and the fields that went into it, in order.
    pub fn finish(self) -> (Blake3, Vec<Field>) {
        (Blake3(*self.hasher.finalize().as_bytes()), self.fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_its_text_form_and_nothing_else_parses() {
        let digest = Blake3::of(b"stone");
        assert_eq!(digest.to_string().parse::<Blake3>().unwrap(), digest);
        for bad in ["", "abc", &"g".repeat(64), &digest.to_string().to_uppercase(), &format!("{digest}0")] {
            let error = bad.parse::<Blake3>().unwrap_err().to_string();
            assert_eq!(
                error,
                format!("`{bad}` is not a BLAKE3 digest: it needs exactly 64 lower-case hexadecimal digits")
            );
        }
    }

    #[test]
    fn a_digest_of_another_length_has_its_own_number_of_digits() {
        let text = "a9993e364706816aba3e25717850c26c9cd0d89d";
        assert_eq!(text.parse::<Sha1>().unwrap().to_string(), text);
        assert!(text.parse::<Sha256>().is_err());
        let error = "abc".parse::<Sha1>().unwrap_err().to_string();
        assert_eq!(error, "`abc` is not a SHA-1 digest: it needs exactly 40 lower-case hexadecimal digits");
    }

    #[test]
    fn sha256_agrees_with_the_published_test_vector() {
        // FIPS 180-4, the one-block message "abc".
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Sha256::of(b"abc").to_string(), expected);
    }

    #[test]
    fn moving_a_byte_between_fields_changes_the_key() {
        let key = |fields: &[(&str, &str)]| {
            let mut encoder = Encoder::new("test", 1);
            for (label, value) in fields {
                encoder.field(label, value);
            }
            encoder.finish().0
        };
        assert_ne!(key(&[("a", "bc")]), key(&[("ab", "c")]));
        assert_ne!(key(&[("a", "b"), ("c", "d")]), key(&[("a", "bcd")]));
        assert_eq!(key(&[("a", "b")]), key(&[("a", "b")]));
    }
}
