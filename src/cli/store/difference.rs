//! How what two stores hold differs: which components, which files of them, and whether the same key gave them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::builder::root_name;
use crate::cli::why::answer::Changed;
use crate::digest::{DerivationKey, ObjectId};
use crate::path::RelPath;
use crate::plan::explain;
use crate::recipe::OutputRef;
use crate::store::{Derived, Holding};
use crate::tree::Entry;

/// What two stores hold.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// Components that differ, or that only one of them has.
    pub components: Vec<Component>,
    /// Derivations that gave other objects, beside those of the components above.
    pub derivations: Vec<Derivation>,
    /// How many components are the same.
    pub same: usize,
}

/// A component that differs.
#[derive(Debug, Serialize)]
pub struct Component {
    /// `TARGET/NAME`, as the store's roots have it; of another version in the other store, that one's.
    pub name: String,
    pub before: Option<Side>,
    pub after: Option<Side>,
    pub why: Why,
    /// Nothing where a manifest is not there.
    pub files: Option<Vec<File>>,
    /// What it was made of otherwise.
    pub inputs: Vec<Changed>,
}

/// A component in one of the stores.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    pub name: String,
    pub object: ObjectId,
    pub keys: Vec<DerivationKey>,
}

/// Why a component differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The same key gave other bits: it is not reproducible.
    SameKey,
    /// It was made of other inputs.
    OtherInputs,
    /// No trace tells.
    Unknown,
    /// Only one store has it.
    OnlyOne,
}

/// A derivation that gave other objects.
#[derive(Debug, Serialize)]
pub struct Derivation {
    pub key: DerivationKey,
    pub name: String,
    pub output: String,
    pub before: Option<ObjectId>,
    pub after: Option<ObjectId>,
    pub files: Option<Vec<File>>,
}

/// A path that differs.
#[derive(Debug, Serialize)]
pub struct File {
    pub path: RelPath,
    pub before: Option<FileSide>,
    pub after: Option<FileSide>,
}

/// What a path is in one of the stores.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct FileSide {
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// A root, with what is known of where it came from.
struct Unit {
    side: Side,
    /// What tells components of one recipe in several versions: target, subject, output.
    subject: Option<(String, String, String)>,
}

impl Difference {
    /// Compares what two stores hold, or only these recipes and components. `None` when one of those is in neither.
    pub fn of(before: &Holding, after: &Holding, only: &[OutputRef]) -> Result<Self, OutputRef> {
        let [mut old, mut new] = [before, after].map(units);
        if let Some(unknown) = only.iter().find(|name| !old.values().chain(new.values()).any(|unit| unit.is(name))) {
            return Err(unknown.clone());
        }
        for units in [&mut old, &mut new] {
            units.retain(|_, unit| only.is_empty() || only.iter().any(|name| unit.is(name)));
        }
        let mut difference = Self { components: Vec::new(), derivations: Vec::new(), same: 0 };
        for (before_unit, after_unit) in pairs(&mut old, &mut new) {
            if before_unit.side.object == after_unit.side.object {
                difference.same += 1;
            } else {
                difference.components.push(component(before, after, &before_unit, &after_unit));
            }
        }
        difference.components.extend(old.into_values().map(|unit| only_one(Some(unit.side), None)));
        difference.components.extend(new.into_values().map(|unit| only_one(None, Some(unit.side))));
        difference.components.sort_by(|one, other| one.name.cmp(&other.name));
        if only.is_empty() {
            difference.derivations = difference.other_derivations(before, after);
        }
        Ok(difference)
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.components.is_empty() && self.derivations.is_empty()
    }

    /// Derivations that gave other objects, and are not told of by a component.
    fn other_derivations(&self, before: &Holding, after: &Holding) -> Vec<Derivation> {
        let told: BTreeSet<(ObjectId, ObjectId)> = self
            .components
            .iter()
            .filter_map(|one| Some((one.before.as_ref()?.object, one.after.as_ref()?.object)))
            .collect();
        let mut derivations = Vec::new();
        for (key, old) in &before.traces {
            let Some(new) = after.traces.get(key) else { continue };
            let outputs: BTreeSet<&String> = old.trace.outputs.keys().chain(new.trace.outputs.keys()).collect();
            for output in outputs {
                let [one, other] = [old, new].map(|derived| derived.trace.outputs.get(output).copied());
                let is_told = one.zip(other).is_some_and(|pair| told.contains(&pair));
                if one != other && !is_told {
                    derivations.push(Derivation {
                        key: *key,
                        name: new.trace.name.clone(),
                        output: output.clone(),
                        before: one,
                        after: other,
                        files: one.zip(other).and_then(|(one, other)| files((before, &one), (after, &other))),
                    });
                }
            }
        }
        derivations
    }
}

impl Unit {
    /// Whether it is what a name means.
    fn is(&self, name: &OutputRef) -> bool {
        let of_recipe = match &self.subject {
            Some((_, subject, _)) => subject.split_once(' ').is_some_and(|(_, recipe)| recipe == name.recipe.as_str()),
            // No inputs tell: the name up to the version.
            None => {
                let root = self.side.name.split_once('/').map_or("", |(_, name)| name);
                let rest = root.strip_prefix(name.recipe.as_str()).and_then(|rest| rest.strip_prefix('-'));
                rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            }
        };
        let of_component = name.component.as_ref().is_none_or(|component| match &self.subject {
            Some((_, _, output)) => output == component.as_str(),
            None => self.side.name.ends_with(&format!(".{component}")),
        });
        of_recipe && of_component
    }
}

/// What a store's roots name.
fn units(holding: &Holding) -> BTreeMap<String, Unit> {
    let mut by_object: BTreeMap<ObjectId, Vec<(&DerivationKey, &Derived, &str)>> = BTreeMap::new();
    for (key, derived) in &holding.traces {
        for (output, object) in &derived.trace.outputs {
            by_object.entry(*object).or_default().push((key, derived, output));
        }
    }
    let unit = |(name, object): (&String, &ObjectId)| {
        let made =
            by_object.get(object).into_iter().flatten().filter(|(_, derived, output)| gave(name, derived, output));
        let (mut keys, mut subject) = (Vec::new(), None);
        for (key, Derived { inputs, .. }, output) in made {
            keys.push(**key);
            if let Some(inputs) = inputs {
                subject = Some((inputs.target.clone(), inputs.subject.clone(), (*output).to_owned()));
            }
        }
        (name.clone(), Unit { side: Side { name: name.clone(), object: *object, keys }, subject })
    };
    holding.roots.iter().map(unit).collect()
}

/// Whether a derivation's output would be named so.
fn gave(root: &str, derived: &Derived, output: &str) -> bool {
    let Some((target, name)) = root.split_once('/') else { return false };
    // What is for another target than the sandbox's says so behind its name.
    let made = derived.trace.name.split(" (").next().unwrap_or_default();
    let of_target = derived.inputs.as_ref().is_none_or(|inputs| inputs.target == target);
    of_target && [Some(output), None].into_iter().any(|default| root_name(made, output, default) == name)
}

/// Takes out what is in both: by its name, or in another version where each store has one.
fn pairs(old: &mut BTreeMap<String, Unit>, new: &mut BTreeMap<String, Unit>) -> Vec<(Unit, Unit)> {
    let names: Vec<String> = old.keys().filter(|name| new.contains_key(*name)).cloned().collect();
    let mut pairs: Vec<(Unit, Unit)> =
        names.iter().filter_map(|name| Some((old.remove(name)?, new.remove(name)?))).collect();
    let subjects: BTreeSet<_> = old.values().filter_map(|unit| unit.subject.clone()).collect();
    for subject in subjects {
        let one = |units: &BTreeMap<String, Unit>| {
            let mut of = units.iter().filter(|(_, unit)| unit.subject.as_ref() == Some(&subject));
            let first = of.next().map(|(name, _)| name.clone());
            first.filter(|_| of.next().is_none())
        };
        if let Some((before, after)) = one(old).zip(one(new)) {
            pairs.extend(old.remove(&before).zip(new.remove(&after)));
        }
    }
    pairs
}

fn only_one(before: Option<Side>, after: Option<Side>) -> Component {
    let name = before.as_ref().or(after.as_ref()).map(|side| side.name.clone()).unwrap_or_default();
    Component { name, before, after, why: Why::OnlyOne, files: None, inputs: Vec::new() }
}

fn component(before: &Holding, after: &Holding, old: &Unit, new: &Unit) -> Component {
    // The other store knows the key, and not for this object: it may have built both.
    let gave_other = |side: &Side, other: &Holding| {
        let traces = side.keys.iter().filter_map(|key| other.traces.get(key));
        traces.into_iter().any(|derived| derived.trace.outputs.values().all(|object| *object != side.object))
    };
    let why = match () {
        () if gave_other(&old.side, after) || gave_other(&new.side, before) => Why::SameKey,
        () if old.side.keys.is_empty() || new.side.keys.is_empty() => Why::Unknown,
        () => Why::OtherInputs,
    };
    let inputs = if why == Why::OtherInputs { inputs(before, after, old, new) } else { Vec::new() };
    Component {
        name: new.side.name.clone(),
        files: files((before, &old.side.object), (after, &new.side.object)),
        before: Some(old.side.clone()),
        after: Some(new.side.clone()),
        why,
        inputs,
    }
}

/// What the two were made of otherwise, where that was recorded.
fn inputs(before: &Holding, after: &Holding, old: &Unit, new: &Unit) -> Vec<Changed> {
    let recorded = |holding: &'_ Holding, unit: &Unit| {
        let known = unit.side.keys.iter().filter_map(|key| holding.traces.get(key));
        known.filter_map(|derived| derived.inputs.clone()).next_back()
    };
    let Some((old, new)) = recorded(before, old).zip(recorded(after, new)) else { return Vec::new() };
    let changes = explain((&old.fields, &old.origins), (&new.fields, &new.origins));
    changes.into_iter().map(|change| Changed::new(change, None)).collect()
}

/// The paths at which two objects differ.
fn files(before: (&Holding, &ObjectId), after: (&Holding, &ObjectId)) -> Option<Vec<File>> {
    let (old, new) = before.0.tree(before.1).zip(after.0.tree(after.1))?;
    let side = |(holding, id): (&Holding, &ObjectId), path: &RelPath, entry: Option<Entry>| {
        entry.map(|entry| file_side(entry, || holding.size(id, path)))
    };
    let differences = old.differences(new).into_iter();
    let file = differences.map(|difference| File {
        before: side(before, &difference.path, difference.left),
        after: side(after, &difference.path, difference.right),
        path: difference.path,
    });
    Some(file.collect())
}

fn file_side(entry: Entry, size: impl FnOnce() -> Option<u64>) -> FileSide {
    let none = FileSide { kind: "directory", mode: None, blake3: None, bytes: None, target: None };
    match entry {
        Entry::Dir => none,
        Entry::Symlink { target } => FileSide { kind: "symbolic link", target: Some(target), ..none },
        Entry::File { executable, digest } => FileSide {
            kind: "file",
            mode: Some(if executable { "0555" } else { "0444" }),
            blake3: Some(digest.to_string()),
            bytes: size(),
            ..none
        },
    }
}
