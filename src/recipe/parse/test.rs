//! `[[test]]`.

use std::collections::BTreeMap;

use toml::Spanned;

use super::fields::{Entries, Fields, OneOrMore};
use super::outputs::Outputs;
use super::text::{environment, relative, report_repeats};
use crate::path::RelPath;
use crate::recipe::nearest::did_you_mean;
use crate::recipe::{ComponentName, OutputRef, Test, TestKind};

pub(super) fn test(mut fields: Fields<'_>, outputs: &Outputs) -> Option<Test> {
    let kind = kind(&mut fields, outputs);
    let component = fields.optional::<Spanned<ComponentName>>("component");
    if let Some(component) = &component {
        check_component(&fields, component, outputs);
    }
    let with: Vec<Spanned<OutputRef>> = fields.or_default("with");
    report_repeats(&with, fields.document);
    for output in &with {
        fields.document.refer(output.span(), output.get_ref().clone());
    }
    let test = Test {
        kind: kind?,
        component: component.map(Spanned::into_inner),
        with: with.into_iter().map(Spanned::into_inner).collect(),
        env: environment(&mut fields, "env"),
        files: files(&mut fields),
        stdin: fields.or_default("stdin"),
        stdout: fields.optional("stdout"),
        stdout_has: fields.or_default::<OneOrMore>("stdout-has").0,
        stderr_has: fields.or_default::<OneOrMore>("stderr-has").0,
        status: status(&mut fields),
        emulated: fields.optional("emulated").unwrap_or(true),
    };
    if test.stdout.is_some() && !test.stdout_has.is_empty() {
        fields.report("a test has either `stdout` or `stdout-has`", None);
    }
    fields.finish();
    Some(test)
}

fn kind(fields: &mut Fields<'_>, outputs: &Outputs) -> Option<TestKind> {
    let run = fields.optional::<Spanned<Vec<Spanned<String>>>>("run");
    let script = fields.optional::<String>("script");
    match (fields.has("run"), fields.has("script")) {
        (true, false) => {
            let run = run?;
            let Some(program) = run.get_ref().first() else {
                fields.document.report(run.span(), "a test needs a program to run", None);
                return None;
            };
            if outputs.has_utilities() && !fields.has("component") {
                check_utility(fields, program, outputs);
            }
            Some(TestKind::Run(run.into_inner().into_iter().map(Spanned::into_inner).collect()))
        }
        (false, true) => script.map(TestKind::Script),
        (both, _) => {
            let message =
                if both { "a test has either `run` or `script`, not both" } else { "a test needs `run` or `script`" };
            let help = "`run` is a program and its words; `script` is shell text, for libraries";
            fields.report(message, Some(help.to_owned()));
            None
        }
    }
}

// Where a recipe has utilities, the program's name tells which component is tested.
fn check_utility(fields: &Fields<'_>, program: &Spanned<String>, outputs: &Outputs) {
    let name = program.get_ref().rsplit('/').next().unwrap_or_default();
    if !name.parse().is_ok_and(|name| outputs.can_have(&name)) {
        let message = format!("no utility of this recipe can be named `{name}`");
        fields.document.report(program.span(), message, Some("say which `component` is tested".to_owned()));
    }
}

fn check_component(fields: &Fields<'_>, component: &Spanned<ComponentName>, outputs: &Outputs) {
    if !outputs.can_have(component.get_ref()) {
        let name = component.get_ref().as_str();
        let message = format!("this recipe has no component `{name}`");
        fields.document.report(component.span(), message, did_you_mean(name, outputs.named()));
    }
}

fn files(fields: &mut Fields<'_>) -> BTreeMap<RelPath, String> {
    let entries: Entries<String> = fields.or_default("files");
    let document = fields.document;
    let file = |(name, text): (Spanned<String>, String)| Some((relative(name.get_ref(), name.span(), document)?, text));
    entries.0.into_iter().filter_map(file).collect()
}

fn status(fields: &mut Fields<'_>) -> i32 {
    let Some(status) = fields.optional::<Spanned<u32>>("status") else { return 0 };
    u8::try_from(*status.get_ref()).map(i32::from).unwrap_or_else(|_| {
        fields.document.report(status.span(), "an exit status is a number from 0 to 255", None);
        0
    })
}
