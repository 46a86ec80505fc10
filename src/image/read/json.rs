//! JSON documents that everybody reads the same way.
//!
//! Parsers differ where a key comes twice (the first counts, or the last), and Go's takes `Layers` for `layers`; so an
//! image could show one list of layers to us and another to a runtime. Such a document is refused. Pure.

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::ReadError;

/// The largest document that is read: what registries take for a manifest, twice.
pub(super) const LARGEST: u64 = 8 << 20;

/// The fields of OCI's documents by which a runtime knows what an image holds and how it runs.
pub(super) const OCI: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "manifests",
    "config",
    "layers",
    "digest",
    "platform",
    "annotations",
    "architecture",
    "os",
    "variant",
    "rootfs",
    "diff_ids",
    "history",
    "empty_layer",
    "User",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "ExposedPorts",
    "StopSignal",
];
/// The fields of Docker's `manifest.json`.
pub(super) const DOCKER: &[&str] = &["Config", "RepoTags", "Layers"];
/// The fields whose own keys are texts that the image's maker chose.
const TEXTS: [&str; 4] = ["annotations", "Labels", "Volumes", "ExposedPorts"];

/// Parses a document of such fields.
///
/// # Errors
/// When it is no JSON, has a key twice, or spells a field's name in another case.
pub(super) fn parse(bytes: &[u8], fields: &'static [&'static str], document: &str) -> Result<Value, ReadError> {
    strict(bytes, fields).map_err(|source| ReadError::Json { document: document.to_owned(), source })
}

/// Parses a text in which no key is there twice, and no name of these fields is spelled in another case.
///
/// # Errors
/// When it is no such text.
pub fn strict(bytes: &[u8], fields: &'static [&'static str]) -> serde_json::Result<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { fields }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Makes a type of a document that was parsed.
pub(super) fn typed<T: DeserializeOwned>(value: &Value, document: &str) -> Result<T, ReadError> {
    T::deserialize(value).map_err(|source| ReadError::Json { document: document.to_owned(), source })
}

/// Reads a value whose keys are these fields, and others that nobody knows.
#[derive(Clone, Copy)]
struct Strict {
    fields: &'static [&'static str],
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element_seed(self)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let misspelled = |field: &&&str| field.eq_ignore_ascii_case(&key) && **field != key;
            if let Some(field) = self.fields.iter().find(misspelled) {
                return Err(A::Error::custom(format!("`{}` is spelled `{field}`", key.escape_debug())));
            }
            let fields = if TEXTS.contains(&key.as_str()) { &[] } else { self.fields };
            let value = access.next_value_seed(Self { fields })?;
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("`{}` is there twice", key.escape_debug())));
            }
            map.insert(key, value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn fault(text: &str) -> String {
        let error = parse(text.as_bytes(), OCI, "the manifest").unwrap_err();
        format!("{error}: {}", error.source().unwrap())
    }

    #[test]
    fn what_two_readers_would_read_differently_is_refused() {
        assert_eq!(fault(r#"{"a": 1, "a": 2}"#), "the manifest is malformed: `a` is there twice at line 1 column 16");
        assert_eq!(
            fault(r#"{"config": {"entrypoint": ["/bin/sh"]}}"#),
            "the manifest is malformed: `entrypoint` is spelled `Entrypoint` at line 1 column 24"
        );
        assert_eq!(
            fault(r#"{"layers": [], "Layers": []}"#),
            "the manifest is malformed: `Layers` is spelled `layers` at line 1 column 23"
        );
        assert!(fault(r#"{"layers": []} {}"#).contains("trailing characters"));
    }

    #[test]
    fn what_people_write_in_labels_is_their_own() {
        let text = r#"{"config": {"Labels": {"user": "a", "USER": "b"}}}"#;
        assert_eq!(parse(text.as_bytes(), OCI, "it").unwrap()["config"]["Labels"]["USER"], "b");
    }
}
