//! What lies with an image as evidence, as far as its page shows it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::cli::failure::Failure;
use crate::digest::Sha256;
use crate::fs;
use crate::report::{Finding, Input, Part};

/// What was found.
#[derive(Default)]
pub(super) struct Evidence {
    /// The image's name and tag.
    pub title: Option<(String, String)>,
    /// The components, and the spec's own files as one.
    pub components: Vec<Part>,
    /// What is linked into them.
    pub libraries: Vec<Part>,
    /// The part that brings each path.
    pub owners: BTreeMap<String, String>,
    /// Findings and waived findings.
    pub report: Option<(Vec<Finding>, Vec<Finding>)>,
    /// What the image was made from.
    pub origin: Vec<Input>,
    /// How to make it again.
    pub reproduce: Vec<String>,
}

impl Evidence {
    /// Reads the evidence in a layout. Documents that are about another image are an error.
    pub fn beside(layout: &Path, manifest: Option<Sha256>) -> Result<Self, Failure> {
        let mut evidence = Self::default();
        let place = layout.join("evidence");
        let subject = manifest.map(|digest| digest.to_string()).unwrap_or_default();
        if let Some(bill) = find(&place, "cyclonedx.intoto.json", &subject)? {
            evidence.bill(&bill["predicate"]);
        }
        if let Some(report) = find(&place, "policy.intoto.json", &subject)? {
            let list = |name: &str, mend: fn(&Value) -> String| {
                items(&report["predicate"][name]).map(|one| finding(one, mend(one))).collect()
            };
            let waived = |one: &Value| format!("Waived until {}: {}", text(&one["expires"]), text(&one["reason"]));
            evidence.report = Some((list("findings", |one| text(&one["mend"])), list("waived", waived)));
        }
        if let Some(provenance) = find(&place, "provenance.intoto.json", &subject)? {
            evidence.provenance(&provenance["predicate"]["buildDefinition"], &subject);
        }
        Ok(evidence)
    }

    fn bill(&mut self, bill: &Value) {
        let image = &bill["metadata"]["component"];
        self.title = Some((text(&image["name"]), text(&image["version"])));
        let mut needs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for node in items(&bill["dependencies"]) {
            needs.insert(text(&node["ref"]), items(&node["dependsOn"]).map(text).collect());
        }
        let mut own = Part { id: "spec".to_owned(), name: "the spec's own files".to_owned(), ..Part::default() };
        for component in items(&bill["components"]) {
            let id = text(&component["bom-ref"]);
            if let Some(path) = id.strip_prefix("spec:") {
                self.owners.insert(path.to_owned(), own.id.clone());
                own.summary = "Written by the image spec".to_owned();
                continue;
            }
            for file in items(&component["components"]) {
                self.owners.insert(text(&file["name"]), id.clone());
            }
            let part = part(component, needs.remove(&id).unwrap_or_default());
            let linked = ["library:", "seed:"].iter().any(|kind| id.starts_with(kind));
            if linked { self.libraries.push(part) } else { self.components.push(part) }
        }
        if !own.summary.is_empty() {
            self.components.push(own);
        }
    }

    fn provenance(&mut self, definition: &Value, subject: &str) {
        let parameters = &definition["externalParameters"];
        let spec = &parameters["spec"];
        let digest = |of: &Value| {
            let digests = of["digest"].as_object();
            let first = ["sha256", "blake3"].iter().find_map(|name| Some((name, digests?.get(*name)?)));
            first.map(|(name, value)| format!("{name}:{}", text(value))).unwrap_or_default()
        };
        self.origin.push(Input { kind: "image spec".to_owned(), name: text(&spec["name"]), digest: digest(spec) });
        for input in items(&definition["resolvedDependencies"]) {
            let name = if input["uri"].is_string() { text(&input["uri"]) } else { text(&input["name"]) };
            self.origin.push(Input { kind: text(&input["annotations"]["kind"]), name, digest: digest(input) });
        }
        let word = |name: &str, flag: &str| match text(&parameters[name]) {
            value if value.is_empty() => String::new(),
            value => format!(" {flag} {value}"),
        };
        self.reproduce = vec![
            format!("# in a checkout whose {} has the digest {}", text(&spec["name"]), digest(spec)),
            format!(
                "drystone image build {} -o again{}{}",
                text(&spec["name"]),
                word("format", "--format"),
                word("compression", "--compression")
            ),
            format!("# prints sha256:{subject}"),
            format!("# encoder of the layers: {}", text(&definition["internalParameters"]["encoder"])),
        ];
    }
}

/// A statement about the image; `None` when there is none. Of an image for several platforms each has a directory.
fn find(evidence: &Path, name: &str, subject: &str) -> Result<Option<Value>, Failure> {
    let path = evidence.join(name);
    if path.exists() {
        let statement = read(&path, subject)?;
        let other = || broken(&path, "it is about another image than the one that it lies with".to_owned());
        return statement.ok_or_else(other).map(Some);
    }
    let directories = if evidence.is_dir() { fs::list(evidence)? } else { Vec::new() };
    for path in directories.iter().map(|directory| evidence.join(directory).join(name)).filter(|path| path.is_file()) {
        if let Some(statement) = read(&path, subject)? {
            return Ok(Some(statement));
        }
    }
    Ok(None)
}

/// A statement; `None` when it is not about the image.
fn read(path: &Path, subject: &str) -> Result<Option<Value>, Failure> {
    let document = fs::read_to_string(path)?;
    let statement = serde_json::from_str::<Value>(&document);
    let statement = statement.map_err(|error| broken(path, format!("not JSON: {error}")))?;
    let about = items(&statement["subject"]).any(|one| one["digest"]["sha256"] == subject);
    Ok(about.then_some(statement))
}

fn broken(path: &Path, why: String) -> Failure {
    Failure::user(format!("{}: {why}", path.display()), "build the image again, or remove the file".to_owned())
}

fn part(component: &Value, needs: Vec<String>) -> Part {
    let license = items(&component["licenses"]).next().map(|one| {
        let candidates = [&one["expression"], &one["license"]["id"], &one["license"]["name"]];
        candidates.into_iter().find(|value| value.is_string()).map(text).unwrap_or_default()
    });
    let sources = items(&component["externalReferences"]).filter(|one| one["type"] == "source-distribution");
    let sha256 =
        |one: &Value| items(&one["hashes"]).find(|hash| hash["alg"] == "SHA-256").map(|hash| text(&hash["content"]));
    Part {
        id: text(&component["bom-ref"]),
        name: text(&component["name"]),
        version: text(&component["version"]),
        license: license.unwrap_or_default(),
        summary: text(&component["description"]),
        purl: text(&component["purl"]),
        cpe: text(&component["cpe"]),
        sources: sources.map(|one| (text(&one["url"]), sha256(one).unwrap_or_default())).collect(),
        needs,
        size: 0,
    }
}

fn finding(one: &Value, mend: String) -> Finding {
    Finding {
        rule: text(&one["rule"]),
        path: text(&one["path"]),
        what: text(&one["what"]),
        why: text(&one["why"]),
        mend,
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
