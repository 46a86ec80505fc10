//! Whether a second build gave the same outputs as the first.

use super::BuildError;
use crate::plan::Outputs;
use crate::store::Store;

/// How many differing paths of a component are named.
const SHOWN: usize = 5;

/// The first differing files of each component; empty when the outputs are the same.
pub fn differences(store: &Store, before: &Outputs, after: &Outputs) -> Result<Vec<String>, BuildError> {
    let mut found = Vec::new();
    for (component, old) in before {
        match after.get(component) {
            None => found.push(format!("component {component} is gone")),
            Some(new) if new == old => {}
            Some(new) => {
                let differences = store.tree(old)?.differences(&store.tree(new)?);
                let shown = differences.iter().take(SHOWN);
                found.extend(shown.map(|difference| match (&difference.left, &difference.right) {
                    (Some(_), None) => format!("{component}: {} is gone", difference.path),
                    (None, _) => format!("{component}: {} is new", difference.path),
                    (Some(_), Some(_)) => format!("{component}: {} differs", difference.path),
                }));
                if differences.len() > SHOWN {
                    found.push(format!("{component}: {} more", differences.len() - SHOWN));
                }
                found.push(format!(
                    "compare {} and {}",
                    store.object_path(old).display(),
                    store.object_path(new).display()
                ));
            }
        }
    }
    let new = after.keys().filter(|component| !before.contains_key(*component));
    found.extend(new.map(|component| format!("component {component} is new")));
    Ok(found)
}
