//! The fields of a key as values that people think of: what the encoding spreads over several fields is one.

use std::collections::BTreeMap;

use crate::digest::{Field, ObjectId};
use crate::plan::quote;

/// A value.
pub enum Item {
    /// A program and its words.
    Command(Vec<String>),
    /// One text, or a list of them.
    Texts(Vec<String>),
    /// What is united at a place.
    Objects(Vec<ObjectId>),
}

impl Item {
    /// The value as a text.
    pub fn text(&self) -> String {
        match self {
            Self::Command(words) => match words.as_slice() {
                // What the shell is given is what a recipe says.
                [shell, .., flag, script] if shell == "sh" && flag == "-c" => script.clone(),
                words => words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" "),
            },
            Self::Texts(texts) => texts.join("\n"),
            Self::Objects(ids) => ids.iter().map(ObjectId::to_string).collect::<Vec<_>>().join("\n"),
        }
    }
}

/// Fields as items, each under a name for people.
pub fn items(fields: &[Field]) -> Vec<(String, Item)> {
    let mut items: Vec<(String, Item)> = Vec::new();
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    let steps = step_names(fields);
    for Field { label, value } in fields {
        // A list's length, and a step's name, are told by what else there is.
        if label.ends_with(".len") || steps.contains_key(label.trim_end_matches(".name")) && label.ends_with(".name") {
            continue;
        }
        let base =
            label.strip_suffix(']').and_then(|label| label.rsplit_once('[')).map_or(label.as_str(), |(base, _)| base);
        let name = describe(base, &steps);
        let place = *at.entry(name.clone()).or_insert_with(|| {
            items.push((
                name,
                match base.rsplit('.').next().unwrap_or(base) {
                    "root" | "sysroot" => Item::Objects(Vec::new()),
                    "exec" | "argv" => Item::Command(Vec::new()),
                    _ => Item::Texts(Vec::new()),
                },
            ));
            items.len() - 1
        });
        match &mut items[place].1 {
            Item::Objects(ids) => ids.extend(value.parse::<ObjectId>().ok()),
            Item::Command(texts) | Item::Texts(texts) => texts.push(value.clone()),
        }
    }
    items
}

/// `step[2]` → `` `configure` ``, with a number where several have one name.
fn step_names(fields: &[Field]) -> BTreeMap<String, String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut names = BTreeMap::new();
    for Field { label, value } in fields {
        let step = label.strip_suffix(".name").filter(|label| label.starts_with("step[") && label.ends_with(']'));
        if let Some(step) = step.filter(|step| !step[5..].contains('.')) {
            let count = seen.entry(value).or_default();
            *count += 1;
            let number = if *count > 1 { format!(" {count}") } else { String::new() };
            names.insert(step.to_owned(), format!("`{value}`{number}"));
        }
    }
    names
}

/// A label in words.
fn describe(label: &str, steps: &BTreeMap<String, String>) -> String {
    let counted = |rest: &str, word: &str| {
        let (index, field) = rest.split_once(']')?;
        let number = index.parse::<usize>().ok()? + 1;
        let field = field.trim_start_matches('.');
        Some((format!("{word} {number}"), field.to_owned()))
    };
    if let Some((step, field)) = label.split_once("].").map(|(step, field)| (format!("{step}]"), field))
        && let Some(name) = steps.get(&step)
    {
        return match field {
            "exec" => format!("command of {name}"),
            "dir" => format!("directory of {name}"),
            other => format!("{other} of {name}"),
        };
    }
    if let Some((source, field)) = label.strip_prefix("source[").and_then(|rest| counted(rest, "source")) {
        return format!("{source}: {field}");
    }
    if let Some((test, field)) = label.strip_prefix("case[").and_then(|rest| counted(rest, "test")) {
        return format!("{test}: {}", describe(&field, steps));
    }
    match label.split_once('.') {
        Some(("env", name)) => format!("environment variable {name}"),
        Some(("file", name)) => format!("file {name}"),
        Some(("link", name)) => format!("link {name}"),
        _ => match label {
            "root" => "/",
            "sysroot" => "/sysroot",
            "sandbox" => "version of the sandbox",
            "drystone-derivation" => "version of what a key is made of",
            "argv" => "command",
            "division" => "which file belongs to which component",
            "machine" => "machine that programs are for",
            "package" => "packages",
            other => other,
        }
        .to_owned(),
    }
}
