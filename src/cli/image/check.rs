//! `drystone image check`.

use std::io::Write as _;
use std::path::Path;

use serde::Serialize;

use super::open::open;
use super::table;
use crate::cli::args::{Common, ImageCheck, ReportFormat};
use crate::cli::failure::Failure;
use crate::cli::judge::today;
use crate::cli::show;
use crate::fs;
use crate::image::Contents;
use crate::image::read::{self, Limits, Source};
use crate::policy::{self, Declared, Facts, Inventory, Report};
use crate::recipe::{self, ImageSpec, Policy, Rule};

/// A report with what it is about, for machines.
#[derive(Serialize)]
struct Checked<'a, R> {
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<String>,
    judged_on: String,
    #[serde(flatten)]
    report: R,
}

/// Judges an image.
pub fn run(common: &Common, args: &ImageCheck) -> Result<(), Failure> {
    let spec = args.spec.as_deref().map(recipe::load_image_spec).transpose()?;
    let policy = rules(args, spec.as_ref())?;
    let today = args.today.unwrap_or_else(today);
    let contents = open(common, &args.reading, &args.image, &policy::examine)?;
    let declared = spec.as_ref().map(|spec| Declared::of_spec(spec, &contents));
    let report = policy::judge(&policy, &Inventory::of_contents(&contents, declared), today);
    let text = match args.format {
        ReportFormat::Table => table::of(&report, args.output.is_none()),
        ReportFormat::Json => {
            let oci = |digest| format!("sha256:{digest}");
            json(&Checked {
                image: &contents.name,
                manifest: contents.manifest.map(oci),
                config: contents.config.as_ref().map(|config| oci(config.digest)),
                judged_on: today.to_string(),
                report: report.plain(),
            })
        }
        ReportFormat::Sarif => json(&policy::sarif(&report, &contents.name)),
    };
    write(&text, args.output.as_deref())?;
    show::say(format_args!("{}", summary(&contents, &report, &today)));
    if args.reading.platform.is_none() {
        note_others(&contents);
    }
    verdict(&contents.name, &report)
}

/// The rules that the command line names; the strict defaults where it names none.
fn rules(args: &ImageCheck, spec: Option<&ImageSpec>) -> Result<Policy, Failure> {
    let file = args.policy.as_deref().map(recipe::load_policy).transpose()?;
    Ok(file.unwrap_or_default().joined(spec.map(|spec| spec.policy.clone()).unwrap_or_default()))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("this is plain data") + "\n"
}

fn write(text: &str, output: Option<&Path>) -> Result<(), Failure> {
    match output {
        Some(path) => Ok(fs::write(path, text)?),
        None => {
            // A reader that has seen enough (`| head`) is no error.
            let _ = std::io::stdout().write_all(text.as_bytes());
            Ok(())
        }
    }
}

/// What was checked, in a line.
fn summary(contents: &Contents<Facts>, report: &Report, today: &recipe::Date) -> String {
    let Contents { name, form, entries, layers, .. } = contents;
    let layers = match layers.len() {
        0 => String::new(),
        1 => " in a layer".to_owned(),
        count => format!(" in {count} layers"),
    };
    let (paths, rules, allowed) = (entries.len(), Rule::ALL.len(), report.executables.len());
    let waived = match report.waived.len() {
        0 => String::new(),
        count => format!("; waived: {count}"),
    };
    format!(
        "{name} ({form}): {paths} paths{layers} held to {rules} rules as of {today}; named executables: {allowed}{waived}"
    )
}

/// Says for what else the image is, which was not judged.
fn note_others(contents: &Contents<Facts>) {
    let Some(judged) = contents.config.as_ref().map(|config| config.platform()) else { return };
    // The image has been read: what could be wrong with its documents has been said.
    let all = Source::find(&contents.name).and_then(|source| read::platforms(&source, Limits::default()));
    let others: Vec<String> =
        all.into_iter().flatten().map(|one| one.to_string()).filter(|one| *one != judged).collect();
    if !others.is_empty() {
        let (judged, others) = (show::escaped(&judged), show::escaped(&others.join(", ")));
        show::say(format_args!("note: judged is what {judged} gets; --platform takes another: {others}"));
    }
}

fn verdict(name: &str, report: &Report) -> Result<(), Failure> {
    let mut rules: Vec<Rule> = report.findings.iter().map(|finding| finding.rule).collect();
    rules.dedup();
    let message = match (rules.len(), report.findings.len()) {
        (0, _) => {
            show::say(format_args!("{name} breaks no rule"));
            return Ok(());
        }
        (1, 1) => format!("{name} breaks a rule"),
        (1, places) => format!("{name} breaks a rule in {places} places"),
        (rules, places) => format!("{name} breaks {rules} rules in {places} places"),
    };
    Err(Failure::found(
        message,
        "mend the image, or name in a policy (--policy, --spec) what it may have, with a reason",
    ))
}
