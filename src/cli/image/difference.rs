//! How two images differ: which paths of which component, and which fields of the configuration. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::component::component;
use crate::image::Contents;
use crate::image::read::{Entry, Kind};
use crate::path::RelPath;

/// All differences.
#[derive(Debug, Serialize)]
pub struct Difference {
    pub before: Named,
    pub after: Named,
    pub config: Vec<Field>,
    pub files: Vec<Changed>,
    pub summary: Summary,
}

/// Which image it is.
#[derive(Debug, Serialize)]
pub struct Named {
    pub name: String,
    pub manifest: Option<String>,
    pub config: Option<String>,
}

/// A field of the configuration that differs.
#[derive(Debug, PartialEq, Serialize)]
pub struct Field {
    pub field: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// A path that differs.
#[derive(Debug, Serialize)]
pub struct Changed {
    pub path: String,
    pub component: String,
    pub before: Option<Side>,
    pub after: Option<Side>,
}

/// What a path is in one of the images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    pub kind: &'static str,
    /// In octal.
    pub mode: String,
    pub owner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
pub struct Summary {
    pub added: usize,
    pub removed: usize,
    pub changed: usize,
    /// How many bytes more the files have.
    pub bytes: i64,
}

impl Difference {
    /// Compares two images.
    pub fn of<T>(before: &Contents<T>, after: &Contents<T>) -> Self {
        let files = files(before, after);
        let mut summary = Summary::default();
        for changed in &files {
            match (&changed.before, &changed.after) {
                (None, _) => summary.added += 1,
                (_, None) => summary.removed += 1,
                _ => summary.changed += 1,
            }
        }
        summary.bytes = after.size().cast_signed() - before.size().cast_signed();
        let document = |contents: &Contents<T>| contents.config.as_ref().map(|config| config.document.clone());
        let config = fields(document(before).unwrap_or_default(), document(after).unwrap_or_default());
        Self { before: named(before), after: named(after), config, files, summary }
    }

    /// Whether they are the same to whoever runs them.
    pub fn is_none(&self) -> bool {
        self.config.is_empty() && self.files.is_empty()
    }
}

fn named<T>(contents: &Contents<T>) -> Named {
    let oci = |digest| format!("sha256:{digest}");
    Named {
        name: contents.name.clone(),
        manifest: contents.manifest.map(oci),
        config: contents.config.as_ref().map(|config| oci(config.digest)),
    }
}

fn files<T>(before: &Contents<T>, after: &Contents<T>) -> Vec<Changed> {
    let mut paths: Vec<&RelPath> = before.entries.keys().chain(after.entries.keys()).collect();
    paths.sort();
    paths.dedup();
    let changed = |path: &&RelPath| {
        let entries = [before, after].map(|contents| contents.entries.get(*path));
        let [old, new] = entries.map(|entry| entry.map(side));
        let of = |contents: &Contents<T>, entry: Option<&Entry<T>>| {
            entry.map(|entry| component(&contents.layers, entry.layer))
        };
        let component = match (of(before, entries[0]), of(after, entries[1])) {
            (Some(old), Some(new)) if old != new => format!("{old} → {new}"),
            (old, new) => new.or(old).unwrap_or_default(),
        };
        (old != new).then(|| Changed { path: format!("/{path}"), component, before: old, after: new })
    };
    let mut files: Vec<Changed> = paths.iter().filter_map(changed).collect();
    files.sort_by(|one, other| (&one.component, &one.path).cmp(&(&other.component, &other.path)));
    files
}

fn side<T>(entry: &Entry<T>) -> Side {
    let (kind, bytes, sha256, target) = match &entry.kind {
        Kind::Directory => ("directory", None, None, None),
        Kind::File(file) => ("file", Some(file.size), Some(file.digest.to_string()), None),
        Kind::Symlink { target } => ("symbolic link", None, None, Some(target.clone())),
        Kind::Special(what) => (*what, None, None, None),
    };
    Side {
        kind,
        mode: format!("{:04o}", entry.mode),
        owner: format!("{}:{}", entry.owner.uid, entry.owner.gid),
        bytes,
        sha256,
        target,
        attributes: entry.attributes.iter().cloned().collect(),
    }
}

/// The fields of two configurations that differ; those that only name the layers are told by the files.
fn fields(before: Value, after: Value) -> Vec<Field> {
    const OF_LAYERS: [&str; 2] = ["rootfs", "history"];
    let [mut before, after] = [before, after].map(|document| {
        let mut fields = BTreeMap::new();
        if let Value::Object(map) = document {
            for (key, value) in map.into_iter().filter(|(key, _)| !OF_LAYERS.contains(&key.as_str())) {
                flatten(&key, value, &mut fields);
            }
        }
        fields
    });
    let mut differing = Vec::new();
    for (field, after) in after {
        let old = before.remove(&field);
        if old.as_ref() != Some(&after) {
            differing.push(Field { field, before: old, after: Some(after) });
        }
    }
    differing.extend(before.into_iter().map(|(field, old)| Field { field, before: Some(old), after: None }));
    differing.sort_by(|one, other| one.field.cmp(&other.field));
    differing
}

/// The fields whose objects are sets.
const SETS: [&str; 2] = [".ExposedPorts", ".Volumes"];

/// Objects become fields with longer names, `config.Labels["a.b"]`; all else stays. What is null or empty is not there.
fn flatten(name: &str, value: Value, fields: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                let longer = if plain { format!("{name}.{key}") } else { format!("{name}[{key:?}]") };
                // A set, as OCI has it: the key says all.
                let is_member = SETS.iter().any(|set| name.ends_with(set));
                flatten(&longer, if is_member { Value::Bool(true) } else { value }, fields);
            }
        }
        Value::Null => {}
        Value::Array(values) if values.is_empty() => {}
        Value::String(text) if text.is_empty() => {}
        value => {
            fields.insert(name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_compared_by_name_and_layers_are_left_out() {
        let before = json!({
            "config": { "User": "0", "Labels": { "a.b": "x" }, "Cmd": null, "ExposedPorts": { "80/tcp": {} } },
            "rootfs": { "diff_ids": ["x"] }, "history": [],
        });
        let after = json!({
            "config": { "User": "1", "Labels": {}, "Env": ["A=b"], "ExposedPorts": { "80/tcp": {} } },
            "rootfs": { "diff_ids": ["y"] },
        });
        let field = |field: &str, before: Value, after: Value| {
            let said = |value: Value| Some(value).filter(|value| !value.is_null());
            Field { field: field.to_owned(), before: said(before), after: said(after) }
        };
        assert_eq!(
            fields(before, after),
            [
                field("config.Env", Value::Null, json!(["A=b"])),
                field("config.Labels[\"a.b\"]", json!("x"), Value::Null),
                field("config.User", json!("0"), json!("1")),
            ]
        );
    }
}
