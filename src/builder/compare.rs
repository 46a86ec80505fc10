//! What of a build's outputs is not what it was, or should be: the component, the file, and the kind of change.

use super::BuildError;
use crate::digest::ObjectId;
use crate::plan::Outputs;
use crate::store::Store;

/// How many differing paths of a component are named.
const SHOWN: usize = 5;

/// The first differing files of each component; empty when the outputs are the same.
///
/// # Errors
/// When a manifest cannot be read. One that this store does not have is said to be missing.
pub fn differences(store: &Store, before: &Outputs, after: &Outputs) -> Result<Vec<String>, BuildError> {
    let mut found = Vec::new();
    for (component, old) in before {
        match after.get(component) {
            None => found.push(format!("component {component} is gone")),
            Some(new) if new == old => {}
            Some(new) => found.extend(of_component(store, component, old, new)?),
        }
    }
    let new = after.keys().filter(|component| !before.contains_key(*component));
    found.extend(new.map(|component| format!("component {component} is new")));
    Ok(found)
}

fn of_component(store: &Store, component: &str, old: &ObjectId, new: &ObjectId) -> Result<Vec<String>, BuildError> {
    if !store.has_object(old) {
        return Ok(vec![
            format!("{component}: is {new} instead of {old}"),
            format!("{component}: which files differ is not known, since {} is not in this store", old.short()),
        ]);
    }
    let differences = store.tree(old)?.differences(&store.tree(new)?);
    let shown = differences.iter().take(SHOWN);
    let mut found: Vec<String> =
        shown.map(|difference| format!("{component}: {} {}", difference.path, difference.kind())).collect();
    if differences.len() > SHOWN {
        found.push(format!("{component}: {} more", differences.len() - SHOWN));
    }
    found.push(format!("compare {} and {}", store.object_path(old).display(), store.object_path(new).display()));
    Ok(found)
}
