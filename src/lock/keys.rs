//! Whether a lock belongs to the recipes: every key computed from the recipes and what the lock says of their inputs.

use std::collections::BTreeMap;

use super::{Lock, Place, place};
use crate::digest::DerivationKey;
use crate::plan::{Node, Plan, PlanError};

/// How a build of a plan stands to a lock, before anything is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyed {
    /// Its key is the locked one.
    Same,
    /// Its key is another: its recipe, a source, or what an input gives has changed since.
    Changed {
        /// The key that it has now.
        now: DerivationKey,
    },
    /// The lock does not say what it gives.
    Missing,
    /// The lock does not say what one of its inputs gives, so its key is not known.
    Open,
}

/// The standing of every build and set of seeds of a plan.
pub type Keys = BTreeMap<Place, Keyed>;

impl Lock {
    /// Computes the key of every derivation of a plan from the outputs that are locked.
    ///
    /// # Errors
    /// When the recipes name a component that the lock's outputs lack.
    pub fn keys(&self, plan: &Plan<'_>) -> Result<Keys, PlanError> {
        let mut keys = Keys::new();
        let outputs = |id| self.get(&place(plan, id)?).map(|locked| &locked.outputs);
        for id in plan.order().iter().filter(|id| !matches!(plan.node(**id), Node::Test(..))) {
            let place = place(plan, *id).expect("what is no test has a place");
            let now = plan.derivation(*id, &outputs)?.map(|derivation| derivation.key().0);
            let keyed = match (self.get(&place), now) {
                (None, _) => Keyed::Missing,
                (Some(_), None) => Keyed::Open,
                (Some(locked), Some(now)) if locked.key == now => Keyed::Same,
                (Some(_), Some(now)) => Keyed::Changed { now },
            };
            keys.insert(place, keyed);
        }
        Ok(keys)
    }
}
