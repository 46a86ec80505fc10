//! What came of the votes on one derivation, with the names that its readers know.

use std::cmp::Reverse;

use serde::Serialize;

use crate::attest::key::KeyId;
use crate::attest::{Judged, Keyring, Opinion, Verdict, first_difference};
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::cli::show::escaped;
use crate::digest::{DerivationKey, ObjectId};
use crate::plan::{Outputs, Plan};
use crate::store::Store;

/// A derivation, for machines; what people read is made of it.
#[derive(Debug, Serialize)]
pub struct Entry {
    pub name: String,
    pub target: String,
    /// Whether it was asked for.
    pub wanted: bool,
    /// Its key, if what it is made of is accepted.
    pub key: Option<DerivationKey>,
    /// What is accepted.
    pub outputs: Option<Outputs>,
    /// What is said, and by whom; the result with the most votes first.
    pub votes: Vec<Vote>,
    /// Who says several things, and has no vote for that.
    pub double: Vec<Double>,
    /// Who says nothing of it.
    pub silent: Vec<String>,
    /// What it needs that is not accepted.
    pub waits_for: Vec<String>,
    /// What this store has; no vote.
    pub here: Option<Here>,
}

/// A result.
#[derive(Debug, Serialize)]
pub struct Vote {
    pub keys: Vec<String>,
    pub outputs: Outputs,
    /// Where it differs from the first.
    pub difference: Option<Difference>,
}

/// A key that contradicts itself.
#[derive(Debug, Serialize)]
pub struct Double {
    pub key: String,
    pub outputs: Vec<Outputs>,
    pub difference: Option<Difference>,
}

/// What this store has of a derivation.
#[derive(Debug, Serialize)]
pub struct Here {
    pub outputs: Outputs,
    /// Whether it came from another store.
    pub imported: bool,
}

/// The first component in which two results differ.
#[derive(Debug, Serialize)]
pub struct Difference {
    pub component: String,
    /// What the first says.
    pub one: Option<ObjectId>,
    /// What the other says.
    pub other: Option<ObjectId>,
    /// The first file that differs, where both objects are in this store.
    pub file: Option<String>,
}

impl Entry {
    /// Puts together what is known of a judged derivation, one of `all` of its plan.
    pub fn of(
        project: &Project,
        plan: &Plan<'_>,
        ring: &Keyring,
        judged: &Judged,
        all: &[Judged],
    ) -> Result<Self, Failure> {
        let store = &project.store;
        let none = Verdict::default();
        let (key, verdict) = match &judged.verdict {
            Some((key, verdict)) => (Some(*key), verdict),
            None => (None, &none),
        };
        let name = |id: &KeyId| ring.get(id).map_or_else(|| id.to_string(), |held| escaped(&held.name));
        let double = verdict.double.iter().map(|(key, said)| Double {
            key: name(key),
            outputs: said.clone(),
            difference: said.split_first().and_then(|(one, rest)| Difference::between(store, one, rest.first()?)),
        });
        let spoke = |id: &KeyId| {
            verdict.double.contains_key(id) || verdict.opinions.iter().any(|opinion| opinion.keys.contains(id))
        };
        let silent = ring.iter().filter(|(id, _)| key.is_some() && !spoke(id));
        let trace = key.map(|key| store.trace(&key)).transpose()?.flatten();
        let imported = key.is_some_and(|key| store.is_imported(&key));
        Ok(Self {
            name: plan.name(judged.id),
            target: plan.target_of(judged.id).to_string(),
            wanted: judged.wanted,
            key,
            outputs: verdict.accepted.clone(),
            votes: votes(store, verdict, &name),
            double: sorted(double, |double| double.key.clone()),
            silent: sorted(silent.map(|(id, _)| name(id)), String::clone),
            waits_for: if key.is_none() { waits_for(plan, judged, all) } else { Vec::new() },
            here: trace.map(|trace| Here { outputs: trace.outputs, imported }),
        })
    }

    /// Whether two entries are of one derivation.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.target == other.target && self.key == other.key
    }
}

/// The results by their number of votes, then by the names of those who say so.
fn votes(store: &Store, verdict: &Verdict, name: &dyn Fn(&KeyId) -> String) -> Vec<Vote> {
    let said = verdict.opinions.iter().map(|Opinion { outputs, keys }| {
        let keys = sorted(keys.iter().map(name), String::clone);
        Vote { keys, outputs: outputs.clone(), difference: None }
    });
    let mut votes = sorted(said, |vote| (Reverse(vote.keys.len()), vote.keys.clone()));
    if let Some((first, others)) = votes.split_first_mut() {
        others.iter_mut().for_each(|one| one.difference = Difference::between(store, &first.outputs, &one.outputs));
    }
    votes
}

fn sorted<T, K: Ord>(all: impl Iterator<Item = T>, by: impl Fn(&T) -> K) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_by_key(by);
    all
}

/// The inputs of a derivation that are not accepted.
fn waits_for(plan: &Plan<'_>, judged: &Judged, all: &[Judged]) -> Vec<String> {
    let inputs = plan.inputs(judged.id);
    let missing = all.iter().filter(|one| inputs.contains(&one.id) && one.accepted().is_none());
    missing.map(|one| plan.name(one.id)).collect()
}

impl Difference {
    /// The first difference between two results, down to the file where the store can tell.
    fn between(store: &Store, one: &Outputs, other: &Outputs) -> Option<Self> {
        let (component, one, other) = first_difference(one, other)?;
        let (one, other) = (one.copied(), other.copied());
        let file = one.zip(other).and_then(|(one, other)| {
            // What is not in the store, or not whole, tells nothing; that is no fault here.
            let (one, other) = (store.tree(&one).ok()?, store.tree(&other).ok()?);
            Some(one.differences(&other).first()?.path.to_string())
        });
        Some(Self { component: component.to_owned(), one, other, file })
    }
}
