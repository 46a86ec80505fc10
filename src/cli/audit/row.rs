//! The results of an audit, a row for each thing that was audited.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Pair;
use crate::audit::{Change, ChangeKind};
use crate::lock::Verdict;
use crate::plan::Outputs;

/// What was found of one recipe's build, one set of seeds or one image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// `sed 4.9`, `seeds debian-12`, or the spec's path.
    pub what: String,
    /// What it is for; nothing for an image.
    pub target: Option<String>,
    /// The derivation's key.
    pub key: Option<String>,
    /// What the first build gave: component → object.
    #[serde(default, skip_serializing_if = "Outputs::is_empty")]
    pub outputs: Outputs,
    /// How the first build stands to the lock.
    pub first: First,
    /// How the second build stands to the first.
    pub second: Second,
    /// How long both took, in seconds.
    pub seconds: (f64, f64),
}

/// How a first build stands to the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum First {
    /// It is what everybody must get.
    Locked,
    /// The lock does not say.
    NotLocked,
    /// The locked derivation gave something else here.
    Differs,
    /// The lock is of other inputs.
    Changed,
    /// It failed, or what it needs did.
    Failed,
}

/// How a second build stands to the first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Second {
    /// The same bits.
    Same,
    /// Other bits.
    Differs(Differs),
    /// It failed where the first went well.
    Failed {
        /// How.
        error: String,
        /// Why.
        cause: Option<Found>,
    },
    /// It was not made.
    None,
}

/// Other bits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Differs {
    /// Why, where that was looked for.
    pub cause: Option<Found>,
    /// What differs.
    pub changes: Vec<Change>,
    /// The two trees of each component that differs.
    pub trees: Vec<Pair>,
}

/// A cause that was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Found {
    /// The cause.
    pub title: String,
    /// The axes that make the difference, where it is these.
    pub axes: Vec<String>,
    /// What usually mends it.
    pub mend: String,
    /// How many rebuilds it took to find it.
    pub rebuilds: usize,
}

impl From<Verdict> for First {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Same | Verdict::Renewed => Self::Locked,
            Verdict::Unknown => Self::NotLocked,
            Verdict::Differs => Self::Differs,
            Verdict::Changed => Self::Changed,
        }
    }
}

impl First {
    fn word(self) -> &'static str {
        match self {
            Self::Locked => "as locked",
            Self::NotLocked => "not locked",
            Self::Differs => "NOT AS LOCKED",
            Self::Changed => "changed since",
            Self::Failed => "FAILED",
        }
    }
}

impl Row {
    /// Whether it is what it must be, as far as anybody has said.
    pub fn is_good(&self) -> bool {
        !matches!(self.first, First::Differs | First::Failed) && matches!(self.second, Second::Same)
    }

    /// The pairs of trees that differ.
    pub fn trees(&self) -> Vec<(PathBuf, PathBuf)> {
        match &self.second {
            Second::Differs(differs) => differs.trees.clone(),
            Second::Same | Second::Failed { .. } | Second::None => Vec::new(),
        }
    }

    fn second_word(&self) -> String {
        let because = |cause: &Option<Found>| match cause {
            Some(Found { title, .. }) => format!(": {title}"),
            None => String::new(),
        };
        match &self.second {
            Second::Same => "same".to_owned(),
            Second::Differs(differs) => format!("DIFFERS{}", because(&differs.cause)),
            Second::Failed { cause, .. } => format!("FAILED{}", because(cause)),
            Second::None => "-".to_owned(),
        }
    }

    /// What there is to say beside the table's line.
    fn details(&self) -> Vec<String> {
        let found = |cause: &Option<Found>| {
            cause.iter().map(|found| format!("found with {} rebuilds; mend: {}", found.rebuilds, found.mend)).collect()
        };
        match &self.second {
            Second::Same | Second::None => Vec::new(),
            Second::Failed { error, cause } => {
                let mut lines: Vec<String> = error.lines().map(str::to_owned).collect();
                lines.extend::<Vec<String>>(found(cause));
                lines
            }
            Second::Differs(Differs { cause, changes, trees }) => {
                let mut lines: Vec<String> = found(cause);
                lines.extend(changes.iter().take(SHOWN).flat_map(of_change));
                if changes.len() > SHOWN {
                    lines.push(format!("and {} files more", changes.len() - SHOWN));
                }
                lines.extend(
                    trees.iter().map(|(one, other)| format!("compare {} and {}", one.display(), other.display())),
                );
                lines
            }
        }
    }
}

/// How many differing files are shown.
const SHOWN: usize = 5;

fn of_change(change: &Change) -> Vec<String> {
    let Change { component, path, kind, lines } = change;
    if *kind == ChangeKind::Entry {
        return vec![format!("{component}: {path} {}", lines.join(", "))];
    }
    let mut told = vec![format!("{component}: {path}")];
    told.extend(lines.iter().map(|line| format!("  {}", crate::cli::show::escaped(line))));
    told
}

/// Prints the rows: a table with what is not as it must be told below each line, or JSON.
pub fn print(rows: &[Row], json: bool) {
    if json {
        println!("{}", serde_json::to_string_pretty(rows).expect("this is plain data"));
        return;
    }
    let label = |row: &Row| match &row.target {
        Some(target) => format!("{} {target}", row.what),
        None => row.what.clone(),
    };
    let width = rows.iter().map(|row| label(row).len()).max().unwrap_or_default();
    println!("{:width$}  {:13}  {:>7}  {:>7}  second build", "", "first build", "s", "s");
    for row in rows {
        let (first, second) = row.seconds;
        println!("{:width$}  {:13}  {first:7.1}  {second:7.1}  {}", label(row), row.first.word(), row.second_word());
        row.details().iter().for_each(|line| println!("    {line}"));
    }
    let good = rows.iter().filter(|row| row.is_good()).count();
    println!("{good} of {} reproducible", rows.len());
}
