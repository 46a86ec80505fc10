//! The answer to why something is built again: as a value, for machines, and as lines.

use serde::Serialize;

use crate::cli::show::escaped;
use crate::digest::{DerivationKey, ObjectId};
use crate::plan::{Change, Line, Mark};
use crate::tree::Difference;

/// How many files, and how many names, are spelled out in lines.
const SHOWN: usize = 8;

/// Why something is built again.
#[derive(Debug, Serialize)]
pub struct Answer {
    pub name: String,
    pub status: Status,
    pub key: Option<DerivationKey>,
    /// The build that it is compared with.
    pub last: Option<DerivationKey>,
    pub changes: Vec<Changed>,
    /// What has to be built first.
    pub first: Vec<String>,
    /// Why there is no comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// What is looked at when its outputs change.
    pub dependents: Vec<String>,
    /// What is looked at when theirs do.
    pub further: Vec<String>,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Built,
    ToBuild,
    Waiting,
}

/// Something that changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Changed {
    Value {
        what: String,
        before: Option<String>,
        after: Option<String>,
    },
    Text {
        what: String,
        /// As in a unified difference: each begins with `-`, `+` or a space.
        lines: Vec<String>,
    },
    Object {
        place: String,
        name: String,
        before: Option<ObjectId>,
        after: Option<ObjectId>,
        /// `+`, `-` or `~` and a path; nothing where one of the objects is not in the store.
        #[serde(skip_serializing_if = "Option::is_none")]
        files: Option<Vec<String>>,
    },
    Order {
        place: String,
    },
}

impl Changed {
    /// A change, with the files that differ where that is known.
    pub fn new(change: Change, files: Option<Vec<Difference>>) -> Self {
        match change {
            Change::Value { what, before, after } => Self::Value { what, before, after },
            Change::Text { what, lines } => Self::Text { what, lines: lines.iter().map(text).collect() },
            Change::Object { place, name, before, after } => {
                let files = files.map(|files| files.iter().map(file).collect());
                Self::Object { place, name, before, after, files }
            }
            Change::Order { place } => Self::Order { place },
        }
    }

    /// As people read it.
    pub fn lines(&self) -> Vec<String> {
        let missing = |value: &Option<String>| value.as_deref().map_or_else(|| "(none)".to_owned(), shortened);
        match self {
            Self::Value { what, before, after } => {
                vec![format!("{what}: {} → {}", missing(before), missing(after))]
            }
            Self::Text { what, lines } => {
                let own = lines.iter().map(|line| format!("  {line}"));
                [format!("{what}:")].into_iter().chain(own).collect()
            }
            Self::Object { place, name, before, after, files } => {
                let short = |id: &ObjectId| id.short();
                let what = match (before, after) {
                    (Some(before), Some(after)) => format!("{} → {}", short(before), short(after)),
                    (None, Some(after)) => format!("new, {}", short(after)),
                    (Some(before), None) => format!("gone, was {}", short(before)),
                    (None, None) => "gone".to_owned(),
                };
                let mut lines = vec![format!("{name} in {place}: {what}")];
                match files {
                    Some(files) => lines.extend(some(files).into_iter().map(|file| format!("  {file}"))),
                    None if before.is_some() && after.is_some() => {
                        lines.push("  (the older one is no longer in the store)".to_owned());
                    }
                    None => {}
                }
                lines
            }
            Self::Order { place } => vec![format!("{place}: the same objects in another order")],
        }
    }
}

/// A value for people: of a digest, its beginning.
fn shortened(value: &str) -> String {
    let is_digest = value.len() == 64 && value.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    if is_digest { value[..12].to_owned() } else { value.to_owned() }
}

fn text(line: &Line) -> String {
    match line.mark {
        Mark::Gone => format!("-{}", line.text),
        Mark::New => format!("+{}", line.text),
        Mark::Same => format!(" {}", line.text),
        Mark::Cut => " …".to_owned(),
    }
}

fn file(difference: &Difference) -> String {
    let mark = match (&difference.left, &difference.right) {
        (None, _) => '+',
        (_, None) => '-',
        _ => '~',
    };
    format!("{mark} {}", difference.path)
}

/// The first of some names, and how many more there are.
fn some(names: &[String]) -> Vec<String> {
    let mut shown: Vec<String> = names.iter().take(SHOWN).cloned().collect();
    if names.len() > SHOWN {
        shown.push(format!("and {} more", names.len() - SHOWN));
    }
    shown
}

impl Answer {
    /// As people read it.
    pub fn lines(&self) -> Vec<String> {
        let Self { name, status, changes, first, unknown, dependents, further, .. } = self;
        let mut lines = Vec::new();
        let heading = match (status, changes.is_empty()) {
            _ if unknown.is_some() => format!("{name}:"),
            (Status::Built, true) => format!("{name} is built, of the same inputs as before"),
            (Status::Built, false) => format!("{name} was built again because of"),
            (Status::ToBuild, _) => format!("{name} is to be built again because of"),
            (Status::Waiting, true) => format!("{name} itself has not changed since its last build"),
            (Status::Waiting, false) => format!("{name} has changed since its last build"),
        };
        lines.push(heading);
        lines.extend(unknown.iter().map(|unknown| format!("  {unknown}")));
        for change in changes {
            lines.extend(change.lines().iter().map(|line| format!("  {}", escaped(line))));
        }
        if !first.is_empty() {
            lines.push(format!("to be built before it: {}", some(first).join(", ")));
        }
        if dependents.is_empty() {
            lines.push("nothing is made of it".to_owned());
        } else {
            lines.push(format!("looked at when its files change: {}", some(dependents).join(", ")));
        }
        if !further.is_empty() {
            lines.push(format!("and behind those, when theirs do: {}", some(further).join(", ")));
        }
        lines
    }
}
