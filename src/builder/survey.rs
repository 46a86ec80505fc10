//! What of a plan is in the store already.

use std::collections::BTreeMap;

use super::BuildError;
use crate::digest::DerivationKey;
use crate::plan::{NodeId, Outputs, Plan};
use crate::store::{Store, Trace};

/// How a node stands.
#[derive(Debug, Clone)]
pub enum Standing {
    /// Its derivation has a trace, and all objects are there.
    Built {
        /// The derivation's key.
        key: DerivationKey,
        /// What it gave.
        trace: Trace,
    },
    /// All its inputs are built, but it is not.
    Ready {
        /// The derivation's key.
        key: DerivationKey,
    },
    /// An input is not built, so its key is not known yet.
    Waiting,
}

/// The standing of every node of a plan.
#[derive(Debug, Default)]
pub struct Survey {
    standings: BTreeMap<NodeId, Standing>,
}

impl Survey {
    /// How a node stands.
    pub fn standing(&self, id: NodeId) -> &Standing {
        self.standings.get(&id).unwrap_or(&Standing::Waiting)
    }

    /// What a node gave, if it is built.
    pub fn outputs(&self, id: NodeId) -> Option<&Outputs> {
        match self.standings.get(&id)? {
            Standing::Built { trace, .. } => Some(&trace.outputs),
            Standing::Ready { .. } | Standing::Waiting => None,
        }
    }

    /// Whether nothing is left to do.
    pub fn is_complete(&self) -> bool {
        self.standings.values().all(|standing| matches!(standing, Standing::Built { .. }))
    }

    /// Takes note of a node.
    pub(super) fn set(&mut self, id: NodeId, standing: Standing) {
        self.standings.insert(id, standing);
    }
}

/// Looks every node of a plan up in the store. Reads only.
///
/// # Errors
/// When a component is missing or the store cannot be read.
pub fn survey(plan: &Plan<'_>, store: &Store) -> Result<Survey, BuildError> {
    let mut survey = Survey::default();
    for id in plan.order() {
        let standing = look(plan, store, &survey, *id)?;
        survey.set(*id, standing);
    }
    Ok(survey)
}

/// Looks one node up, whose inputs have been looked up before.
pub(super) fn look(plan: &Plan<'_>, store: &Store, survey: &Survey, id: NodeId) -> Result<Standing, BuildError> {
    let Some(derivation) = plan.derivation(id, &|id| survey.outputs(id))? else { return Ok(Standing::Waiting) };
    let key = derivation.key().0;
    Ok(match store.trace(&key)? {
        Some(trace) => Standing::Built { key, trace },
        None => Standing::Ready { key },
    })
}

/// The name under which an output is kept alive and found by people: `sed-4.9`, `coreutils-9.7.cat`.
pub fn root_name(build: &str, output: &str, default: Option<&str>) -> String {
    let build = build.replace(' ', "-");
    if default == Some(output) { build } else { format!("{build}.{output}") }
}
