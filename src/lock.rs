//! What everybody must get: `drystone.lock`, committed beside the recipes. Pure.
//!
//! For each recipe and target the objects of its components, for each set of seeds what it unpacks to, and for each
//! image spec the digest of its image. Because a derivation names its inputs by content, and the lock says what each
//! build gives, every key follows from the recipes and the lock alone: whether the lock belongs to the recipes is
//! known without building anything ([`Lock::keys`]).
//!
//! # The file
//! A line for each thing, sorted by its bytes, so that `git diff` shows what changed and `grep` finds it:
//! ```text
//! image recipes/images/jq.toml sha256:26b358602f85…
//! x86_64-linux-musl jq 1.8.2 (derivation) 3f0c…       the key of the build
//! x86_64-linux-musl jq 1.8.2 bin 9ac4…                the object of a component
//! x86_64-linux-musl seeds:debian-12 - root 51e0…      what a set of seeds unpacks to
//! ```
//! Fields are separated by one space. Lines that begin with `#` and empty ones say nothing.

mod keys;
mod text;

use std::collections::BTreeMap;
use std::fmt;

pub use keys::{Keyed, Keys};
pub use text::LockError;

use crate::digest::{DerivationKey, Sha256};
use crate::plan::{Node, NodeId, Outputs, Plan};
use crate::recipe::{RecipeName, Target};

/// The file's name, in the project's directory.
pub const FILE: &str = "drystone.lock";

/// What has outputs: a recipe's build, or a set of seeds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A recipe.
    Recipe(RecipeName),
    /// A set of seeds, by its name.
    Seeds(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recipe(name) => write!(f, "{name}"),
            Self::Seeds(name) => write!(f, "seeds:{name}"),
        }
    }
}

/// Which outputs: those of a subject for a target.
pub type Place = (Target, Subject);

/// What a subject must give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The recipe's version, for people; `-` for seeds.
    pub version: String,
    /// The derivation that gave it.
    pub key: DerivationKey,
    /// Output name → object.
    pub outputs: Outputs,
}

/// All that is locked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// What each subject must give.
    pub builds: BTreeMap<Place, Locked>,
    /// The image spec's path in the project → the digest of its image: the manifest's, or the index's.
    pub images: BTreeMap<String, Sha256>,
}

/// How something that was built stands to the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is what the lock says.
    Same,
    /// The same derivation gave other objects than it must: it is not reproducible, or the machine is at fault.
    Differs,
    /// Its inputs are others than those that were locked, and so is what they gave.
    Changed,
    /// Its inputs are others than those that were locked, and gave the same all the same.
    Renewed,
    /// The lock does not say.
    Unknown,
}

impl Lock {
    /// What must come of a place.
    pub fn get(&self, place: &Place) -> Option<&Locked> {
        self.builds.get(place)
    }

    /// How what a derivation gave stands to the lock.
    pub fn judge(&self, place: &Place, key: &DerivationKey, outputs: &Outputs) -> Verdict {
        let Some(locked) = self.get(place) else { return Verdict::Unknown };
        match (locked.outputs == *outputs, locked.key == *key) {
            (true, true) => Verdict::Same,
            (true, false) => Verdict::Renewed,
            (false, true) => Verdict::Differs,
            (false, false) => Verdict::Changed,
        }
    }

    /// Takes a plan's node in, in the place of what was locked before.
    pub fn put(&mut self, plan: &Plan<'_>, id: NodeId, key: DerivationKey, outputs: Outputs) {
        let Some(place) = place(plan, id) else { return };
        let recipe = plan.recipe_name(id).and_then(|name| plan.catalog().recipe(name));
        let version = recipe.map_or_else(|| "-".to_owned(), |recipe| recipe.version.clone());
        self.builds.insert(place, Locked { version, key, outputs });
    }
}

/// What the lock calls a node of a plan; a test gives nothing.
pub fn place(plan: &Plan<'_>, id: NodeId) -> Option<Place> {
    let subject = match plan.node(id) {
        Node::Seeds(name) => Subject::Seeds(name.clone()),
        Node::Build(name, _) => Subject::Recipe(name.clone()),
        Node::Test(..) => return None,
    };
    Some((plan.target_of(id).clone(), subject))
}
