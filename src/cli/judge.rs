//! Holds an image that is being made against its policy, before anything of it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use rayon::prelude::*;

use super::failure::Failure;
use super::project::Project;
use crate::digest::{Blake3, Encoder, ObjectId};
use crate::fs::{self, FsError};
use crate::image::{Content, Kind, Rootfs};
use crate::path::RelPath;
use crate::policy::{self, Facts, Finding, Inventory, Report};
use crate::recipe::{Date, ImageSpec, Target};
use crate::store::Cached;
use crate::tree::Entry;

/// What kept facts are called in the store's cache.
const KIND: &str = "facts";

/// Judges a root file system by the spec's policy, its waivers as on a day.
///
/// # Errors
/// All findings that are not waived, or that an object's file cannot be read.
pub fn judge(
    project: &Project,
    spec: &ImageSpec,
    rootfs: &Rootfs,
    target: &Target,
    day: Date,
) -> Result<Report, Failure> {
    let inventory = Inventory::of_rootfs(rootfs, target.architecture(), &facts(project, rootfs)?);
    let report = policy::judge(&spec.policy, &inventory, day);
    if report.is_clean() {
        return Ok(report);
    }
    let message = format!("the image {} breaks {}:\n{}", rootfs.name(), count(&report), text(&report.findings));
    Err(Failure::found(
        message,
        "nothing was written; a finding is mended in the spec, or waived with a reason and a day",
    ))
}

fn count(report: &Report) -> String {
    match report.findings.len() {
        1 => "a rule".to_owned(),
        many => format!("rules in {many} places"),
    }
}

/// The findings, each rule with why it matters.
fn text(findings: &[Finding]) -> String {
    let mut lines = Vec::new();
    let mut last = None;
    for finding in findings {
        let Finding { rule, path, what, mend } = finding;
        if last.replace(*rule) != Some(*rule) {
            lines.push(format!("\n  {rule}: {}", rule.reason()));
        }
        let place = path.as_ref().map_or_else(|| "the image".to_owned(), |path| format!("/{path}"));
        lines.push(format!("    {place}: {what}\n      {mend}"));
    }
    lines.join("\n")
}

/// What is known of every content that the root file system has.
fn facts(project: &Project, rootfs: &Rootfs) -> Result<BTreeMap<Blake3, Arc<Facts>>, Failure> {
    let objects: BTreeSet<ObjectId> = rootfs
        .iter()
        .filter_map(|(_, node)| match &node.inode.kind {
            Kind::File(Content::Object { id, .. }) => Some(*id),
            _ => None,
        })
        .collect();
    let known: Vec<_> = objects.par_iter().map(|id| facts_of_object(project, id)).collect::<Result<_, Failure>>()?;
    Ok(known.into_iter().flatten().collect())
}

/// What is known of an object's files: kept in the store, since it follows from their bytes alone.
fn facts_of_object(project: &Project, id: &ObjectId) -> Result<Vec<(Blake3, Arc<Facts>)>, Failure> {
    let mut key = Encoder::new("facts", policy::FACTS_VERSION);
    key.field("object", &id.to_string());
    let (key, _) = key.finish();
    if let Some(facts) = project.store.cached(KIND, &key)?.and_then(|entry| kept(&entry)) {
        return Ok(facts);
    }
    let tree = project.store.tree(id)?;
    let files: BTreeMap<Blake3, &RelPath> = tree
        .iter()
        .filter_map(|(path, entry)| match entry {
            Entry::File { digest, .. } => Some((*digest, path)),
            _ => None,
        })
        .collect();
    let examine = |(digest, path): (&Blake3, &&RelPath)| {
        let bytes = fs::read(&path.under(&project.store.object_path(id)))?;
        Ok((*digest, Arc::new(policy::examine(&bytes))))
    };
    let facts: Vec<_> = files.par_iter().map(examine).collect::<Result<_, FsError>>()?;
    let note = |(digest, facts): &(Blake3, Arc<Facts>)| {
        (digest.to_string(), serde_json::to_string(&**facts).expect("facts are plain data"))
    };
    let entry = Cached { object: *id, blob: None, notes: facts.iter().map(note).collect() };
    project.store.put_cached(KIND, &key, &entry, None)?;
    Ok(facts)
}

/// The facts of an entry; `None` when they are not what this drystone writes.
fn kept(entry: &Cached) -> Option<Vec<(Blake3, Arc<Facts>)>> {
    let note =
        |(digest, text): (&String, &String)| Some((digest.parse().ok()?, Arc::new(serde_json::from_str(text).ok()?)));
    entry.notes.iter().map(note).collect()
}

/// The day by the clock, in UTC.
pub fn today() -> Date {
    let text = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let part = |range: std::ops::Range<usize>| text[range].parse::<u16>().expect("RFC 3339 begins with YYYY-MM-DD");
    let narrow = |number: u16| u8::try_from(number).expect("two digits fit");
    Date { year: part(0..4), month: narrow(part(5..7)), day: narrow(part(8..10)) }
}
