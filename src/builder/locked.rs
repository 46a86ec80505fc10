//! Holds what a plan gives to the project's lock.

use super::{BuildError, compare};
use crate::digest::DerivationKey;
use crate::lock::{Lock, Verdict, place};
use crate::plan::{NodeId, Outputs, Plan};
use crate::store::Store;

/// The lock of a run, and how strictly it counts.
#[derive(Debug, Clone)]
pub struct Locking {
    /// What everybody must get.
    pub lock: Lock,
    /// Whether inputs that have changed since are an error, too, and whatever the lock does not know.
    pub strict: bool,
}

/// Holds a node's outputs to the lock.
///
/// # Errors
/// [`BuildError::Unlocked`], when the locked derivation gave something else; where the lock is strict, also when the
/// lock does not know the derivation.
pub fn hold(
    plan: &Plan<'_>,
    store: &Store,
    locking: &Locking,
    id: NodeId,
    key: &DerivationKey,
    outputs: &Outputs,
) -> Result<(), BuildError> {
    let Locking { lock, strict } = locking;
    let Some(place) = place(plan, id) else { return Ok(()) };
    let verdict = lock.judge(&place, key, outputs);
    match (verdict, strict) {
        (Verdict::Same, _) | (Verdict::Renewed | Verdict::Changed | Verdict::Unknown, false) => return Ok(()),
        (Verdict::Differs, _) | (_, true) => {}
    }
    let differences = match lock.get(&place) {
        Some(locked) => compare::differences(store, &locked.outputs, outputs)?,
        None => Vec::new(),
    };
    Err(BuildError::Unlocked { name: plan.name(id), verdict, differences })
}
