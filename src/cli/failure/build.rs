//! Failed builds as people read them, and where to look further.

use std::path::Path;

use super::{Class, Failure};
use crate::builder::{BuildFailure, Lesson};
use crate::lock::Verdict;

/// The recipe that a derivation's name is of, and the words that name its target.
fn recipe_of(name: &str) -> (&str, String) {
    let (name, target) = match name.strip_suffix(')').and_then(|name| name.rsplit_once(" (")) {
        Some((name, target)) => (name, format!(" --target {target}")),
        None => (name, String::new()),
    };
    let name = name.strip_suffix(" test").unwrap_or(name);
    (name.rsplit_once('-').map_or(name, |(recipe, _)| recipe), target)
}

/// Where to look further after a failed build.
pub fn look_hints(name: &str, kept: Option<&Path>) -> Vec<String> {
    let (recipe, target) = recipe_of(name);
    let test = if name.contains(" test") { " --test" } else { "" };
    let mut hints = vec![format!("the whole log: drystone log {recipe}{test}{target}")];
    if let Some(kept) = kept {
        hints.push(format!("what it left: {0} (/build is {0}/build, /out is {0}/out)", kept.display()));
    }
    // A shell goes to builds, not to tests.
    hints.extend(match (test.is_empty(), kept) {
        (true, _) => Some(format!("to look around where it failed: drystone shell {recipe} --failed{target}")),
        (false, None) => Some("to look at what it left, run again with --keep-failed".to_owned()),
        (false, Some(_)) => None,
    });
    hints
}

/// What to do about something that is not what the lock says.
pub fn unlocked_hint(name: &str, verdict: Verdict) -> String {
    let (recipe, target) = recipe_of(name);
    match verdict {
        Verdict::Differs | Verdict::Same => {
            format!("to find the cause: drystone audit {recipe}{target}")
        }
        Verdict::Changed | Verdict::Renewed | Verdict::Unknown => {
            format!("if that is meant, write it down: drystone lock --update {recipe}{target}")
        }
    }
}

/// A phase or a test that failed, with the log's end and what it teaches.
pub fn failed_build(failure: &BuildFailure) -> Failure {
    let BuildFailure { name, tail, lessons, kept, .. } = failure;
    let mut message = format!("{failure}\n");
    if !tail.is_empty() {
        message.push_str("its last lines:\n");
        for line in tail {
            message.push_str(&format!("  | {line}\n"));
        }
    }
    for Lesson { cause, mend, .. } in lessons {
        message.push_str(&format!("cause: {cause}\n mend: {mend}\n"));
    }
    let hints = look_hints(name, kept.as_deref());
    Failure { code: Class::Work as u8, messages: vec![message.trim_end().to_owned()], hints }
}
