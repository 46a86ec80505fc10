//! `drystone store diff`.

use std::path::Path;

use serde::Serialize;

use super::difference::{Component, Derivation, Difference, File, FileSide, Why};
use super::{bytes_bar, counted};
use crate::cli::args::StoreDiff;
use crate::cli::failure::Failure;
use crate::cli::show::escaped;
use crate::store::{Fault, Holding};

/// The whole answer, for machines.
#[derive(Debug, Serialize)]
struct Output<'o> {
    before: String,
    after: String,
    faults: Vec<OutputFault<'o>>,
    #[serde(flatten)]
    difference: &'o Difference,
}

/// Something in a store that is not what its name says.
#[derive(Debug, Serialize)]
struct OutputFault<'o> {
    store: String,
    what: &'o str,
    how: &'o str,
}

/// Compares two stores.
pub fn run(args: &StoreDiff) -> Result<(), Failure> {
    let StoreDiff { before, after, names, json } = args;
    let [old, new] = [open(before)?, open(after)?];
    let difference = Difference::of(&old, &new, names).map_err(|name| {
        let message = format!("neither {} nor {} has {name}", before.display(), after.display());
        Failure::user(message, "what a store has: drystone store ls".to_owned())
    })?;
    let faults: Vec<(&Path, &Fault)> = [(before, &old), (after, &new)]
        .into_iter()
        .flat_map(|(place, holding)| holding.faults.iter().map(|fault| (place.as_path(), fault)))
        .collect();
    if *json {
        let fault =
            |(place, fault): &(&Path, &'_ Fault)| (place.display().to_string(), fault.what.clone(), fault.how.clone());
        let told: Vec<_> = faults.iter().map(fault).collect();
        let faults = told.iter().map(|(store, what, how)| OutputFault { store: store.clone(), what, how }).collect();
        let (before, after) = (before.display().to_string(), after.display().to_string());
        let output = Output { before, after, faults, difference: &difference };
        println!("{}", serde_json::to_string_pretty(&output).expect("this is plain data"));
    } else {
        print(before, after, &difference);
    }
    if !faults.is_empty() {
        let told = faults.iter().map(|(place, Fault { what, how })| format!("{}: {what}: {how}", place.display()));
        let hint = "it was left out; whoever may write there moves it away with `drystone store verify`".to_owned();
        return Err(Failure::faults(told.collect(), vec![hint]));
    }
    if difference.is_none() { Ok(()) } else { Err(Failure::differs()) }
}

fn open(place: &Path) -> Result<Holding, Failure> {
    let total = std::fs::metadata(place).ok().filter(|metadata| metadata.is_file()).map(|metadata| metadata.len());
    let bar = bytes_bar(total);
    let holding = Holding::open(place, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    Ok(holding?)
}

fn print(before: &Path, after: &Path, difference: &Difference) {
    let Difference { components, derivations, same } = difference;
    if difference.is_none() {
        let components = counted(*same, "component");
        println!("{} and {}: the same {components}", before.display(), after.display());
        return;
    }
    println!("--- {}\n+++ {}", before.display(), after.display());
    let (both, one): (Vec<_>, Vec<_>) = components.iter().partition(|component| component.why != Why::OnlyOne);
    both.iter().for_each(|component| print_component(component));
    derivations.iter().for_each(print_derivation);
    if !one.is_empty() {
        println!();
    }
    for component in &one {
        let sign = if component.before.is_some() { '-' } else { '+' };
        println!("{sign} {}", escaped(&component.name));
    }
    println!("\n{}", total(difference));
}

fn print_component(component: &Component) {
    let Component { name, before, after, why, files, inputs } = component;
    let title = match before.as_ref().map(|side| &side.name).filter(|older| *older != name) {
        Some(older) => format!("{older} → {name}"),
        None => name.clone(),
    };
    let said = match why {
        Why::SameKey => "the same key gave other bits: the build is not reproducible",
        Why::OtherInputs => "made of other inputs",
        Why::Unknown | Why::OnlyOne => "no trace tells what it was made of",
    };
    println!("\n{}: {said}", escaped(&title));
    if let Some((before, after)) = before.as_ref().zip(after.as_ref()) {
        println!("  object {} → {}", before.object.short(), after.object.short());
    }
    for change in inputs {
        change.lines().iter().for_each(|line| println!("  {}", escaped(line)));
    }
    print_files(files.as_deref());
}

fn print_derivation(derivation: &Derivation) {
    let Derivation { key, name, output, before, after, files } = derivation;
    println!("\n{} {output}: the same key gave other bits: the build is not reproducible", escaped(name));
    let short = |id: &Option<crate::digest::ObjectId>| id.map_or_else(|| "none".to_owned(), |id| id.short());
    println!("  key {}, object {} → {}", key.short(), short(before), short(after));
    print_files(files.as_deref());
}

fn print_files(files: Option<&[File]>) {
    let Some(files) = files else {
        println!("  which files differ is not known: a manifest is not there");
        return;
    };
    for File { path, before, after } in files {
        let line = match (before, after) {
            (None, Some(after)) => format!("+ {path}  {}", described(after)),
            (Some(before), None) => format!("- {path}  {}", described(before)),
            (Some(before), Some(after)) => format!("~ {path}  {}", aspects(before, after)),
            (None, None) => continue,
        };
        println!("  {}", escaped(&line));
    }
}

fn described(side: &FileSide) -> String {
    let FileSide { kind, mode, bytes, target, .. } = side;
    let bytes = bytes.map(|bytes| format!(", {bytes} bytes")).unwrap_or_default();
    let mode = mode.map(|mode| format!(", {mode}")).unwrap_or_default();
    let target = target.as_ref().map(|target| format!(" to {target}")).unwrap_or_default();
    format!("{kind}{target}{bytes}{mode}")
}

fn aspects(before: &FileSide, after: &FileSide) -> String {
    if before.kind != after.kind {
        return format!("{} → {}", described(before), described(after));
    }
    let mut aspects = Vec::new();
    if before.blake3 != after.blake3 {
        aspects.push(match before.bytes.zip(after.bytes) {
            Some((old, new)) if old == new => format!("other content of {new} bytes"),
            Some((old, new)) => format!("{old} → {new} bytes"),
            None => "other content".to_owned(),
        });
    }
    if let Some((old, new)) = before.target.as_ref().zip(after.target.as_ref()).filter(|(old, new)| old != new) {
        aspects.push(format!("{old} → {new}"));
    }
    if let Some((old, new)) = before.mode.zip(after.mode).filter(|(old, new)| old != new) {
        aspects.push(format!("mode {old} → {new}"));
    }
    aspects.join(", ")
}

fn total(difference: &Difference) -> String {
    let Difference { components, derivations, same } = difference;
    let count = |is: &dyn Fn(&Component) -> bool| components.iter().filter(|component| is(component)).count();
    let differing = count(&|component| component.why != Why::OnlyOne);
    let broken = count(&|component| component.why == Why::SameKey) + derivations.len();
    let only_before = count(&|component| component.after.is_none());
    let only_after = count(&|component| component.before.is_none());
    let broken = if broken > 0 { format!("; {broken} not reproducible") } else { String::new() };
    format!("{same} the same, {differing} differ, {only_before} removed, {only_after} added{broken}")
}
