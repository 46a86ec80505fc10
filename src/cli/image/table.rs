//! A report as people read it: findings by rule, each rule with why it matters and what mends it.

use std::fmt::Write as _;

use console::Style;

use crate::cli::show::escaped;
use crate::policy::{Finding, Report, Waived};
use crate::recipe::Rule;

/// How many places of a rule are shown; whoever has hundreds mends the first or asks for JSON.
const SHOWN: usize = 12;
/// How wide the paths' column is at most.
const WIDTH: usize = 44;

/// The report's text. Colours only where they are for the terminal.
pub fn of(report: &Report, terminal: bool) -> String {
    let style = |style: Style| if terminal { style } else { style.force_styling(false) };
    let (red, yellow) = (style(Style::new().red().bold()), style(Style::new().yellow()));
    let mut text = String::new();
    for group in report.findings.chunk_by(|one, next| one.rule == next.rule) {
        let rule = group[0].rule;
        let count = if group.len() > 1 { format!(" ({})", group.len()) } else { String::new() };
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{}{count}: {}", red.apply_to(rule), rule.reason());
        places(group, &mut text);
        text.push('\n');
    }
    if !report.waived.is_empty() {
        let _ = writeln!(text, "{}", yellow.apply_to("waived"));
        report.waived.iter().for_each(|waived| waiver(waived, &mut text));
        text.push('\n');
    }
    text
}

fn place(finding: &Finding) -> String {
    finding.path.as_ref().map_or_else(|| "the image".to_owned(), |path| format!("/{path}"))
}

/// The mend with the path taken out, so that one for many places is shown once.
fn mend(finding: &Finding) -> String {
    match &finding.path {
        Some(path) => finding.mend.replace(&format!("/{path}"), "PATH"),
        None => finding.mend.clone(),
    }
}

fn places(group: &[Finding], text: &mut String) {
    let shown = &group[..group.len().min(SHOWN)];
    let width = shown.iter().map(|finding| place(finding).chars().count()).max().unwrap_or_default().min(WIDTH);
    let one_mend = group.iter().all(|finding| mend(finding) == mend(&group[0]));
    for finding in shown {
        let _ = writeln!(text, "  {:width$}  {}", place(finding), escaped(&finding.what));
        if !one_mend {
            let _ = writeln!(text, "  {:width$}  mend: {}", "", escaped(&finding.mend));
        }
    }
    if group.len() > shown.len() {
        let _ = writeln!(text, "  … and {} more (--format json has all)", group.len() - shown.len());
    }
    if one_mend {
        let mend = if group.len() > 1 { mend(&group[0]) } else { group[0].mend.clone() };
        let _ = writeln!(text, "  mend: {}", escaped(&mend));
    }
}

fn waiver(waived: &Waived, text: &mut String) {
    let Waived { finding, waiver } = waived;
    let rule: Rule = finding.rule;
    let _ = writeln!(text, "  {}  {rule}: {}", place(finding), escaped(&finding.what));
    let _ = writeln!(text, "    until {}: {}", waiver.expires, waiver.reason);
}
