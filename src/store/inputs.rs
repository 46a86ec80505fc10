//! What derivations were made of: beside their traces, for people who ask why one was made again.
//!
//! ```text
//! drystone-inputs 1
//! subject build sed
//! target x86_64-linux-musl
//! object OBJECT-ID zlib/dev
//! field "env.CFLAGS" "-O2"
//! ```
//! Labels and values are JSON strings. No key depends on these files: one that is missing explains nothing, and does
//! no other harm.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Result, Store, StoreError};
use crate::digest::{DerivationKey, Encoder, Field, ObjectId};
use crate::fs::{self, Durability};

/// What a derivation was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// What it is about, whatever its version: `build sed`.
    pub subject: String,
    /// What it is for.
    pub target: String,
    /// Whose objects it was made of: object → `zlib/dev`.
    pub origins: BTreeMap<ObjectId, String>,
    /// The fields that its key was hashed from, in order.
    pub fields: Vec<Field>,
}

const HEAD: &str = "drystone-inputs 1";
/// What follows the key in the file's name.
const SUFFIX: &str = ".inputs";

impl Inputs {
    /// The key that the fields hash to: the same walk over them as the one that made the key.
    pub fn key(&self) -> DerivationKey {
        DerivationKey::from_bytes(*Encoder::again(&self.fields).as_bytes())
    }

    pub(super) fn text(&self) -> String {
        let Self { subject, target, origins, fields } = self;
        let mut text = format!("{HEAD}\nsubject {subject}\ntarget {target}\n");
        for (id, name) in origins {
            text.push_str(&format!("object {id} {name}\n"));
        }
        for Field { label, value } in fields {
            let [label, value] = [label, value].map(|text| serde_json::Value::from(text.as_str()));
            text.push_str(&format!("field {label} {value}\n"));
        }
        text
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self> {
        let malformed = |line| StoreError::Trace { path: path.to_owned(), line };
        let mut inputs =
            Self { subject: String::new(), target: String::new(), origins: BTreeMap::new(), fields: Vec::new() };
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return Err(malformed(1));
        }
        for (index, line) in lines.enumerate() {
            let number = index + 2;
            let (word, rest) = line.split_once(' ').ok_or_else(|| malformed(number))?;
            match word {
                "subject" => inputs.subject = rest.to_owned(),
                "target" => inputs.target = rest.to_owned(),
                "object" => {
                    let (id, name) = rest.split_once(' ').ok_or_else(|| malformed(number))?;
                    let id = id.parse().map_err(|_| malformed(number))?;
                    inputs.origins.insert(id, name.to_owned());
                }
                "field" => inputs.fields.push(field(rest).ok_or_else(|| malformed(number))?),
                _ => return Err(malformed(number)),
            }
        }
        Ok(inputs)
    }
}

fn field(text: &str) -> Option<Field> {
    let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let (label, value) = (strings.next()?.ok()?, strings.next()?.ok()?);
    strings.next().is_none().then_some(Field { label, value })
}

impl Store {
    pub(super) fn inputs_path(&self, key: &DerivationKey) -> PathBuf {
        self.root().join("traces").join(format!("{key}{SUFFIX}"))
    }

    /// Records what a derivation is made of.
    pub fn put_inputs(&self, key: &DerivationKey, inputs: &Inputs) -> Result<()> {
        let text = inputs.text();
        let directory = self.session()?.directory();
        Ok(fs::publish(directory, &self.inputs_path(key), text.as_bytes(), Durability::Remakable)?)
    }

    /// What a derivation was made of, if that was recorded.
    pub fn inputs(&self, key: &DerivationKey) -> Result<Option<Inputs>> {
        let path = self.inputs_path(key);
        let text = fs::read_if_exists(&path)?.filter(|text| !text.is_empty());
        text.map(|text| Inputs::parse(&path, &text)).transpose()
    }

    /// The derivation of a subject that was built last before `before`, or last of all, with what it was made of.
    pub fn built_before(
        &self,
        subject: &str,
        target: &str,
        before: Option<&DerivationKey>,
    ) -> Result<Option<(DerivationKey, Inputs)>> {
        let limit = before.and_then(|key| self.built_at(key));
        let mut found: Option<(SystemTime, DerivationKey, Inputs)> = None;
        for name in fs::list(&self.root().join("traces"))? {
            let key = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)?.parse::<DerivationKey>().ok());
            let Some(key) = key.filter(|key| before != Some(key)) else { continue };
            let Some(time) = self.built_at(&key).filter(|time| limit.is_none_or(|limit| *time <= limit)) else {
                continue;
            };
            if found.as_ref().is_some_and(|(latest, ..)| *latest >= time) {
                continue;
            }
            let inputs = self.inputs(&key)?;
            if let Some(inputs) = inputs.filter(|inputs| inputs.subject == subject && inputs.target == target) {
                found = Some((time, key, inputs));
            }
        }
        Ok(found.map(|(_, key, inputs)| (key, inputs)))
    }

    /// When a derivation's trace was written.
    fn built_at(&self, key: &DerivationKey) -> Option<SystemTime> {
        let metadata = std::fs::metadata(self.trace_path(key)).ok()?;
        (metadata.len() > 0).then(|| metadata.modified().ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_survive_their_text_whatever_is_in_a_value() {
        let id = ObjectId::from_bytes([3; 32]);
        let inputs = Inputs {
            subject: "build sed".into(),
            target: "x86_64-linux-musl".into(),
            origins: BTreeMap::from([(id, "zlib/dev".into())]),
            fields: vec![Field { label: "step[0].exec[3]".into(), value: "a \"b\"\nfield c\t\\ \u{1b}".into() }],
        };
        assert_eq!(Inputs::parse(Path::new("x"), &inputs.text()).unwrap(), inputs);
        let error = Inputs::parse(Path::new("x"), "drystone-inputs 1\nfield \"a\"\n").unwrap_err();
        assert_eq!(error.to_string(), "the trace x is not of the form that this drystone reads (line 2)");
    }
}
