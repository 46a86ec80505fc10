//! `drystone image diff`.

use super::difference::{Changed, Difference, Field, Named, Side, Summary};
use super::open::open;
use crate::cli::args::{Common, ImageDiff};
use crate::cli::failure::Failure;
use crate::cli::show::escaped;

/// Compares two images.
pub fn run(common: &Common, args: &ImageDiff) -> Result<(), Failure> {
    let read = |image: &str| open(common, &args.reading, image, &|_: &[u8]| ());
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    let difference = Difference::of(&before, &after);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&difference).expect("this is plain data"));
    } else if difference.is_none() {
        println!("{}", same(&difference, after.entries.len()));
    } else {
        print(&difference);
    }
    if difference.is_none() { Ok(()) } else { Err(Failure::differs()) }
}

fn same(difference: &Difference, paths: usize) -> String {
    let Difference { before, after, .. } = difference;
    let stored = match (&before.manifest, &after.manifest) {
        (Some(one), Some(other)) if one == other => format!("the same image, {one}"),
        (Some(_), Some(_)) => {
            format!("the same {paths} paths and configuration, in other layers or otherwise compressed")
        }
        _ => format!("the same {paths} paths and configuration"),
    };
    format!("{} and {}: {stored}", escaped(&before.name), escaped(&after.name))
}

/// Prints a difference for people.
pub fn print(difference: &Difference) {
    let Difference { before, after, config, files, summary } = difference;
    for (sign, Named { name, manifest, config }) in [("---", before), ("+++", after)] {
        let digest = manifest.as_ref().or(config.as_ref()).map(|digest| format!(" {digest}")).unwrap_or_default();
        println!("{sign} {}{digest}", escaped(name));
    }
    if !config.is_empty() {
        println!("\nconfiguration");
    }
    config.iter().for_each(|field| println!("  {}", escaped(&field_line(field))));
    for group in files.chunk_by(|one, next| one.component == next.component) {
        println!("\n{}", group[0].component);
        group.iter().for_each(|changed| println!("  {}", file_line(changed)));
    }
    println!("\n{}", total(summary, config.len()));
}

fn field_line(field: &Field) -> String {
    let Field { field, before, after } = field;
    match (before, after) {
        (Some(before), Some(after)) => format!("~ {field}: {before} → {after}"),
        (Some(before), None) => format!("- {field}: {before}"),
        (None, after) => format!("+ {field}: {}", after.clone().unwrap_or_default()),
    }
}

fn file_line(changed: &Changed) -> String {
    let Changed { path, before, after, .. } = changed;
    match (before, after) {
        (None, Some(after)) => format!("+ {path}  {}", described(after)),
        (Some(before), None) => format!("- {path}  {}", described(before)),
        (Some(before), Some(after)) => format!("~ {path}  {}", aspects(before, after).join(", ")),
        (None, None) => String::new(),
    }
}

fn described(side: &Side) -> String {
    let Side { kind, mode, owner, bytes, target, .. } = side;
    match (bytes, target) {
        (Some(bytes), _) => format!("{kind}, {bytes} bytes, {mode} {owner}"),
        (None, Some(target)) => format!("{kind} to {}", escaped(target)),
        (None, None) => format!("{kind}, {mode} {owner}"),
    }
}

/// What of a path differs.
fn aspects(before: &Side, after: &Side) -> Vec<String> {
    if before.kind != after.kind {
        return vec![format!("{} → {}", described(before), described(after))];
    }
    let mut aspects = Vec::new();
    if before.sha256 != after.sha256 {
        let (old, new) = (before.bytes.unwrap_or_default(), after.bytes.unwrap_or_default());
        aspects.push(match new.cast_signed() - old.cast_signed() {
            0 => format!("other content of {new} bytes"),
            more => format!("{old} → {new} bytes ({more:+})"),
        });
    }
    if let (Some(old), Some(new)) = (&before.target, &after.target)
        && old != new
    {
        aspects.push(format!("{} → {}", escaped(old), escaped(new)));
    }
    if before.mode != after.mode {
        aspects.push(format!("mode {} → {}", before.mode, after.mode));
    }
    if before.owner != after.owner {
        aspects.push(format!("owner {} → {}", before.owner, after.owner));
    }
    if before.attributes != after.attributes {
        let shown = |names: &[String]| if names.is_empty() { "none".to_owned() } else { escaped(&names.join(" ")) };
        aspects.push(format!("attributes {} → {}", shown(&before.attributes), shown(&after.attributes)));
    }
    aspects
}

fn total(summary: &Summary, fields: usize) -> String {
    let Summary { added, removed, changed, bytes } = summary;
    let config = match fields {
        0 => String::new(),
        1 => "; a field of the configuration differs".to_owned(),
        fields => format!("; {fields} fields of the configuration differ"),
    };
    format!("{added} added, {removed} removed, {changed} changed; {bytes:+} bytes{config}")
}
