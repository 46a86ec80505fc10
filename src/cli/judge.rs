//! Holds an image that is being made against its policy, before anything of it is written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::failure::Failure;
use super::project::Project;
use crate::digest::{Blake3, ObjectId};
use crate::fs::{self, FsError};
use crate::image::{Content, Kind, Rootfs};
use crate::path::RelPath;
use crate::policy::{self, Facts, Finding, Inventory, Report};
use crate::recipe::{Date, ImageSpec};

/// Judges a root file system by the spec's policy.
///
/// # Errors
/// All findings that are not waived, or that an object's file cannot be read.
pub fn judge(project: &Project, spec: &ImageSpec, rootfs: &Rootfs) -> Result<Report, Failure> {
    let inventory = Inventory::of_rootfs(rootfs, project.target.architecture(), &facts(project, rootfs)?);
    let report = policy::judge(&spec.policy, &inventory, today());
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
    let mut contents: BTreeMap<Blake3, (ObjectId, &RelPath)> = BTreeMap::new();
    for (path, node) in rootfs.iter() {
        if let Kind::File(Content::Object { id, digest }) = &node.inode.kind {
            contents.entry(*digest).or_insert((*id, path));
        }
    }
    let contents: Vec<_> = contents.into_iter().collect();
    let examined: Result<_, FsError> = contents
        .par_iter()
        .map(|(digest, (id, path))| {
            let bytes = fs::read(&path.under(&project.store.object_path(id)))?;
            Ok((*digest, Arc::new(policy::examine(&bytes))))
        })
        .collect();
    Ok(examined?)
}

/// The day by the clock, in UTC.
pub fn today() -> Date {
    let text = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let part = |range: std::ops::Range<usize>| text[range].parse::<u16>().expect("RFC 3339 begins with YYYY-MM-DD");
    let narrow = |number: u16| u8::try_from(number).expect("two digits fit");
    Date { year: part(0..4), month: narrow(part(5..7)), day: narrow(part(8..10)) }
}
