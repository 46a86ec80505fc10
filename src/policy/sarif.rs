//! A report in [SARIF 2.1.0](https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html), as code scanners and
//! their viewers exchange findings. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Finding, Report};
use crate::digest::Encoder;
use crate::path::RelPath;
use crate::recipe::{Rule, Waiver};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// The base that paths of the image are seen from.
const BASE: &str = "IMAGE";
/// What identifies a finding from one run to the next: its rule, its path, and which of several there.
const FINGERPRINT: &str = "drystone/v1";

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    original_uri_base_ids: BTreeMap<&'static str, Base>,
    column_kind: &'static str,
    results: Vec<Outcome>,
}

#[derive(Serialize)]
struct Base {
    description: Text,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Described>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    id: &'static str,
    short_description: Text,
    full_description: Text,
    help: Text,
    default_configuration: Level,
}

#[derive(Serialize)]
struct Level {
    level: &'static str,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    partial_fingerprints: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Physical,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    uri: String,
    uri_base_id: &'static str,
}

#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    status: &'static str,
    justification: String,
}

/// A report on an image as a SARIF log. What is waived is in it as suppressed.
pub fn sarif(report: &Report, image: &str) -> impl Serialize {
    let text = |text: &str| Text { text: text.to_owned() };
    let rules = Rule::ALL.iter().map(|rule| Described {
        id: rule.name(),
        short_description: text(rule.summary().trim()),
        full_description: text(&sentence(rule.reason())),
        help: text(&format!("{} {}", rule.summary().trim(), sentence(rule.reason()))),
        default_configuration: Level { level: "error" },
    });
    let mut seen = BTreeMap::new();
    let found = report.findings.iter().map(|finding| (finding, None));
    let waived = report.waived.iter().map(|waived| (&waived.finding, Some(&waived.waiver)));
    let results = found.chain(waived).map(|(finding, waiver)| outcome(finding, waiver, &mut seen)).collect();
    let driver = Driver { name: "drystone", version: env!("CARGO_PKG_VERSION"), rules: rules.collect() };
    let base = Base { description: Text { text: format!("The root file system of the image {image}.") } };
    let original_uri_base_ids = BTreeMap::from([(BASE, base)]);
    let run = Run { tool: Tool { driver }, original_uri_base_ids, column_kind: "unicodeCodePoints", results };
    Log { schema: SCHEMA, version: "2.1.0", runs: [run] }
}

fn outcome<'f>(
    finding: &'f Finding,
    waiver: Option<&Waiver>,
    seen: &mut BTreeMap<(Rule, &'f Option<RelPath>), usize>,
) -> Outcome {
    let Finding { rule, path, what, mend } = finding;
    let count = seen.entry((*rule, path)).or_default();
    *count += 1;
    let mut encoder = Encoder::new("finding", 1);
    encoder.field("rule", rule.name());
    encoder.field("path", path.as_ref().map_or("", RelPath::as_str));
    encoder.field("count", &count.to_string());
    let place = path.as_ref().map_or_else(|| "The image".to_owned(), |path| format!("/{path}"));
    let suppressions = waiver.map(|Waiver { reason, expires, .. }| Suppression {
        kind: "external",
        status: "accepted",
        justification: format!("{reason} (until {expires})"),
    });
    Outcome {
        rule_id: rule.name(),
        rule_index: Rule::ALL.iter().position(|known| known == rule).expect("all rules are listed"),
        level: "error",
        message: Text { text: format!("{place}: {what}. {}", sentence(mend)) },
        locations: [Location {
            physical_location: Physical {
                // What is about the whole image is at its root.
                artifact_location: Artifact {
                    uri: path.as_ref().map_or_else(|| ".".to_owned(), |path| escaped(path.as_str())),
                    uri_base_id: BASE,
                },
            },
        }],
        partial_fingerprints: BTreeMap::from([(FINGERPRINT, encoder.finish().0.to_string())]),
        suppressions: suppressions.into_iter().collect(),
    }
}

/// With a capital at its beginning and a full stop at its end.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{stop}", rest.as_str())
}

/// A path as a relative reference (RFC 3986): what is not unreserved is escaped.
fn escaped(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_escaped_where_a_uri_would_read_it_otherwise() {
        assert_eq!(escaped("usr/bin/["), "usr/bin/%5B");
        assert_eq!(escaped("a b/ü?#%"), "a%20b/%C3%BC%3F%23%25");
    }

    #[test]
    fn findings_of_one_rule_and_path_are_told_apart_and_keep_their_fingerprints() {
        let finding = |what: &str| Finding {
            rule: Rule::ExecutableStack,
            path: Some(RelPath::new("bin/x").unwrap()),
            what: what.to_owned(),
            mend: "link it otherwise".to_owned(),
        };
        let prints = |findings: Vec<Finding>| {
            let report = Report { findings, ..Report::default() };
            let log = serde_json::to_value(sarif(&report, "x")).unwrap();
            let results = log["runs"][0]["results"].as_array().unwrap().clone();
            results.iter().map(|result| result["partialFingerprints"][FINGERPRINT].to_string()).collect::<Vec<_>>()
        };
        let two = prints(vec![finding("one"), finding("two")]);
        assert_ne!(two[0], two[1]);
        assert_eq!(prints(vec![finding("in other words")]), two[..1]);
    }
}
