//! What builders agree on: the statements of several keys about the same derivations, judged by a threshold. Pure.
//!
//! A vote is what one key says that one derivation gave. Each key has one; a key that says two things of the same
//! derivation has none. What is accepted has the votes that the threshold asks for, and nothing else has. Only the
//! keys that the verifier names count: no statement says whom else to believe.
//!
//! A derivation's key is made of the contents of its inputs. [`judge`] takes these from what has been accepted before,
//! from the seeds upwards, so that it needs recipes and statements and nothing that was built.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::Rebuild;
use super::key::KeyId;
use crate::digest::{DerivationKey, ObjectId};
use crate::plan::{Node, NodeId, Outputs, Plan, PlanError};

/// How many of how many keys must say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// How many must agree.
    pub needed: usize,
    /// How many there are.
    pub of: usize,
}

/// A text that is no threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no threshold: it is K-of-N, such as 2-of-3, with K from 1 to N", .0.escape_debug())]
pub struct ThresholdError(String);

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let numbers = text.split_once("-of-").and_then(|(needed, of)| Some((number(needed)?, number(of)?)));
        match numbers {
            Some((needed, of)) if (1..=of).contains(&needed) => Ok(Self { needed, of }),
            _ => Err(ThresholdError(text.to_owned())),
        }
    }
}

/// A number in digits alone.
fn number(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-of-{}", self.needed, self.of)
    }
}

/// What was said of each derivation, by whom.
#[derive(Debug, Default)]
pub struct Votes(BTreeMap<DerivationKey, BTreeMap<KeyId, BTreeSet<Outputs>>>);

/// One result, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion {
    /// What the derivation is said to have given.
    pub outputs: Outputs,
    /// Who says so, sorted.
    pub keys: Vec<KeyId>,
}

/// What came of the votes on one derivation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is accepted.
    pub accepted: Option<Outputs>,
    /// All results, the one with the most votes first.
    pub opinions: Vec<Opinion>,
    /// The keys that say several things, and what.
    pub double: BTreeMap<KeyId, Vec<Outputs>>,
}

impl Votes {
    /// Counts a statement that a key has signed.
    pub fn count(&mut self, key: KeyId, rebuild: &Rebuild) {
        for one in &rebuild.derivations {
            self.0.entry(one.key).or_default().entry(key).or_default().insert(one.outputs.clone());
        }
    }

    /// Judges what was said of a derivation. Where a low threshold lets several results through, none is accepted: at
    /// most one of them can be right.
    pub fn verdict(&self, derivation: &DerivationKey, threshold: Threshold) -> Verdict {
        let mut verdict = Verdict::default();
        let mut opinions: BTreeMap<&Outputs, Vec<KeyId>> = BTreeMap::new();
        for (key, said) in self.0.get(derivation).into_iter().flatten() {
            match said.iter().collect::<Vec<_>>().as_slice() {
                [one] => opinions.entry(one).or_default().push(*key),
                several => drop(verdict.double.insert(*key, several.iter().copied().cloned().collect())),
            }
        }
        let opinion = |(outputs, keys): (&Outputs, Vec<KeyId>)| Opinion { outputs: outputs.clone(), keys };
        verdict.opinions = opinions.into_iter().map(opinion).collect();
        verdict.opinions.sort_by_key(|opinion| std::cmp::Reverse(opinion.keys.len()));
        let mut enough = verdict.opinions.iter().filter(|opinion| opinion.keys.len() >= threshold.needed);
        verdict.accepted = match (enough.next(), enough.next()) {
            (Some(one), None) => Some(one.outputs.clone()),
            _ => None,
        };
        verdict
    }
}

/// The first component in which two results differ, with what each says of it.
pub fn first_difference<'a>(
    one: &'a Outputs,
    other: &'a Outputs,
) -> Option<(&'a str, Option<&'a ObjectId>, Option<&'a ObjectId>)> {
    let components: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let pairs = components.into_iter().map(|name| (name.as_str(), one.get(name), other.get(name)));
    pairs.into_iter().find(|(_, left, right)| left != right)
}

/// How a build or a set of seeds of a plan stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The node.
    pub id: NodeId,
    /// Whether it was asked for, or else is needed for something that was.
    pub wanted: bool,
    /// Its key and what came of the votes; without, an input is not accepted, so that its key is not known.
    pub verdict: Option<(DerivationKey, Verdict)>,
}

impl Judged {
    /// What is accepted.
    pub fn accepted(&self) -> Option<&Outputs> {
        self.verdict.as_ref().and_then(|(_, verdict)| verdict.accepted.as_ref())
    }
}

/// The builds that were asked for and all that they are made of, each after what it needs; tests are no part of it.
pub fn builds(plan: &Plan<'_>) -> Vec<(NodeId, bool)> {
    let wanted: BTreeSet<NodeId> = plan.wanted().iter().filter_map(|name| plan.build_of(name)).collect();
    let mut needed: BTreeSet<NodeId> = wanted.iter().flat_map(|id| plan.closure_of(*id)).collect();
    needed.extend(&wanted);
    let is_build = |id: &&NodeId| !matches!(plan.node(**id), Node::Test(..)) && needed.contains(id);
    plan.order().iter().filter(is_build).map(|id| (*id, wanted.contains(id))).collect()
}

/// Judges all builds of a plan, each after what it needs.
///
/// # Errors
/// When what was accepted of a recipe lacks a component that another needs.
pub fn judge(plan: &Plan<'_>, votes: &Votes, threshold: Threshold) -> Result<Vec<Judged>, PlanError> {
    let mut accepted: BTreeMap<NodeId, Outputs> = BTreeMap::new();
    let mut all = Vec::new();
    for (id, wanted) in builds(plan) {
        let derivation = plan.derivation(id, &|id| accepted.get(&id))?;
        let verdict = derivation.map(|derivation| {
            let key = derivation.key().0;
            (key, votes.verdict(&key, threshold))
        });
        let judged = Judged { id, wanted, verdict };
        if let Some(outputs) = judged.accepted() {
            accepted.insert(id, outputs.clone());
        }
        all.push(judged);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::super::rebuild::tests::saying;
    use super::*;

    fn key(number: u8) -> KeyId {
        KeyId::from_hex(&format!("{number:02x}").repeat(32)).unwrap()
    }

    fn derivation(number: u8) -> DerivationKey {
        DerivationKey::from_bytes([number; 32])
    }

    fn outputs(number: u8) -> Outputs {
        Outputs::from([("bin".to_owned(), ObjectId::from_bytes([number; 32]))])
    }

    /// Each of these keys says that the first derivation gave these objects.
    fn votes(said: &[(u8, &[u8])]) -> Votes {
        let mut votes = Votes::default();
        for (number, objects) in said {
            objects.iter().for_each(|object| votes.count(key(*number), &saying(&[(1, *object)])));
        }
        votes
    }

    fn accepted(votes: &Votes, threshold: &str) -> Option<Outputs> {
        votes.verdict(&derivation(1), threshold.parse().unwrap()).accepted
    }

    #[test]
    fn what_enough_keys_agree_on_is_accepted() {
        let votes = votes(&[(1, &[7]), (2, &[7]), (3, &[8])]);
        assert_eq!(accepted(&votes, "2-of-3"), Some(outputs(7)));
        assert_eq!(accepted(&votes, "3-of-3"), None);
        let verdict = votes.verdict(&derivation(1), "2-of-3".parse().unwrap());
        let dissent = Opinion { outputs: outputs(8), keys: vec![key(3)] };
        assert_eq!(verdict.opinions, [Opinion { outputs: outputs(7), keys: vec![key(1), key(2)] }, dissent]);
        assert_eq!(votes.verdict(&derivation(2), "1-of-3".parse().unwrap()), Verdict::default());
    }

    #[test]
    fn two_results_that_both_have_enough_are_none() {
        let votes = votes(&[(1, &[7]), (2, &[7]), (3, &[8])]);
        assert_eq!(accepted(&votes, "1-of-3"), None);
    }

    #[test]
    fn a_key_votes_once_and_one_that_says_two_things_not_at_all() {
        assert_eq!(accepted(&votes(&[(1, &[7, 7])]), "2-of-3"), None);
        let votes = votes(&[(1, &[7]), (2, &[7, 8]), (3, &[8])]);
        assert_eq!(accepted(&votes, "2-of-3"), None);
        let verdict = votes.verdict(&derivation(1), "2-of-3".parse().unwrap());
        assert_eq!(verdict.double, BTreeMap::from([(key(2), vec![outputs(7), outputs(8)])]));
    }

    #[test]
    fn a_threshold_is_two_numbers_of_which_the_first_is_not_larger() {
        assert_eq!("2-of-3".parse::<Threshold>().unwrap().to_string(), "2-of-3");
        for bad in ["", "2", "2of3", "0-of-3", "4-of-3", "-1-of-3", "+1-of-3", "2-of-", "2-of-3-of-4"] {
            assert!(bad.parse::<Threshold>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_first_difference_is_named_by_component() {
        let (one, mut other) = (outputs(7), outputs(7));
        assert_eq!(first_difference(&one, &other), None);
        other.insert("dev".to_owned(), ObjectId::from_bytes([9; 32]));
        assert_eq!(first_difference(&one, &other), Some(("dev", None, Some(&ObjectId::from_bytes([9; 32])))));
    }
}
