//! What came of judging an image.

use serde::Serialize;

use crate::path::RelPath;
use crate::recipe::{Rule, Waiver};

/// A rule that is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The path that breaks it; `None` for the image as a whole.
    pub path: Option<RelPath>,
    /// What is wrong there.
    pub what: String,
    /// What to do about it.
    pub mend: String,
}

/// A finding that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waived {
    /// The finding.
    pub finding: Finding,
    /// What takes it away.
    pub waiver: Waiver,
}

/// All findings about an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What breaks the rules, sorted by rule and path.
    pub findings: Vec<Finding>,
    /// What would, were it not waived.
    pub waived: Vec<Waived>,
    /// The executables that are there and may be.
    pub executables: Vec<RelPath>,
}

impl Report {
    /// Whether nothing breaks a rule.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// The report as plain data, in an order that depends on nothing but the image and its policy.
    pub fn plain(&self) -> impl Serialize {
        let finding = |finding: &Finding| PlainFinding {
            rule: finding.rule.name(),
            path: finding.path.as_ref().map(|path| format!("/{path}")),
            what: finding.what.clone(),
            why: finding.rule.reason(),
            mend: finding.mend.clone(),
        };
        PlainReport {
            result: if self.is_clean() { "passed" } else { "failed" },
            rules: Rule::ALL.iter().map(|rule| rule.name()).collect(),
            findings: self.findings.iter().map(finding).collect(),
            waived: self
                .waived
                .iter()
                .map(|waived| PlainWaived {
                    finding: finding(&waived.finding),
                    reason: waived.waiver.reason.clone(),
                    expires: waived.waiver.expires.to_string(),
                })
                .collect(),
            executables: self.executables.iter().map(|path| format!("/{path}")).collect(),
        }
    }
}

#[derive(Serialize)]
struct PlainReport {
    result: &'static str,
    rules: Vec<&'static str>,
    findings: Vec<PlainFinding>,
    waived: Vec<PlainWaived>,
    executables: Vec<String>,
}

#[derive(Serialize)]
struct PlainFinding {
    rule: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    what: String,
    why: &'static str,
    mend: String,
}

#[derive(Serialize)]
struct PlainWaived {
    #[serde(flatten)]
    finding: PlainFinding,
    reason: String,
    expires: String,
}
