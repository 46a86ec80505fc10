//! Holds an inventory against a policy. Each group of rules has a file; here they are put together and waived.

mod access;
mod binaries;
mod content;
mod execution;
mod programs;

use std::collections::BTreeSet;

use super::{Finding, Inventory, Report, Waived};
use crate::path::RelPath;
use crate::recipe::{Date, Policy, Rule, Waiver};

/// Says what of an image breaks a policy. `today` is the day on which waivers are judged.
pub fn judge(policy: &Policy, inventory: &Inventory, today: Date) -> Report {
    let mut findings = Findings::default();
    let executables = programs::judge(policy, inventory, &mut findings);
    binaries::judge(inventory, &mut findings);
    access::judge(policy, inventory, &mut findings);
    content::judge(policy, inventory, &mut findings);
    execution::judge(policy, inventory, &mut findings);
    let mut report = waive(findings.found.into_iter().collect(), &policy.waivers, today);
    report.executables = executables;
    report
}

/// The findings so far, each once.
#[derive(Default)]
struct Findings {
    found: BTreeSet<Finding>,
}

impl Findings {
    fn add(&mut self, rule: Rule, path: &RelPath, what: impl Into<String>, mend: impl Into<String>) {
        self.found.insert(Finding { rule, path: Some(path.clone()), what: what.into(), mend: mend.into() });
    }

    fn add_whole(&mut self, rule: Rule, what: impl Into<String>, mend: impl Into<String>) {
        self.found.insert(Finding { rule, path: None, what: what.into(), mend: mend.into() });
    }
}

/// Takes away what is waived, and adds what is wrong with the waivers themselves.
fn waive(found: Vec<Finding>, waivers: &[Waiver], today: Date) -> Report {
    let mut report = Report::default();
    let mut used = vec![false; waivers.len()];
    for finding in found {
        let fits = |waiver: &Waiver| waiver.rule == finding.rule && waiver.path == finding.path;
        let index = waivers.iter().position(|waiver| fits(waiver) && waiver.expires >= today);
        used.iter_mut().zip(waivers).filter(|(_, waiver)| fits(waiver)).for_each(|(used, _)| *used = true);
        match index {
            Some(index) => report.waived.push(Waived { finding, waiver: waivers[index].clone() }),
            None => report.findings.push(finding),
        }
    }
    for (waiver, used) in waivers.iter().zip(used) {
        let Waiver { rule, path, reason, expires } = waiver;
        let of = format!("the waiver of `{rule}` ({reason})");
        let finding = |rule, what, mend: &str| Finding { rule, path: path.clone(), what, mend: mend.to_owned() };
        if *expires < today {
            let mend = "mend what it waives, or decide again and give it a new day";
            report.findings.push(finding(Rule::ExpiredWaiver, format!("{of} was good until {expires}"), mend));
        } else if !used {
            let mend = "take it out, or write the rule and the path as a finding has them";
            report.findings.push(finding(Rule::UnusedWaiver, format!("{of} waives nothing"), mend));
        }
    }
    report.findings.sort();
    report
}

#[cfg(test)]
mod tests;
