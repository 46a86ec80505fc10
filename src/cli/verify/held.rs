//! Whether an image holds what the builders agree on. Each layer's object is computed anew from the files that the image
//! has, so nothing has to be believed of it but which component a layer is meant to be.

use serde::Serialize;

use crate::attest::Judged;
use crate::cli::project::Project;
use crate::cli::show::escaped;
use crate::digest::{Blake3, ObjectId};
use crate::image::read::{Contents, Kind, Made};
use crate::plan::Plan;
use crate::recipe::OutputRef;
use crate::tree::{Entry, Tree, TreeError};

/// A layer, held against what is accepted.
#[derive(Debug, Serialize)]
pub struct Held {
    /// What the image that has it is for.
    pub target: String,
    /// Counted from one.
    pub layer: usize,
    /// What the layer is meant to be: `jq/bin`; `None` for one that does not say.
    pub output: Option<String>,
    /// What it is.
    pub object: Option<ObjectId>,
    pub result: Holding,
    /// The first path of it that another layer has replaced or taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covered: Option<String>,
}

/// How a layer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holding {
    /// It is the accepted object.
    Whole,
    /// It is part of the accepted object, whose manifest this store has.
    Part,
    /// Another layer has replaced something of it, or taken it away.
    Covered,
    /// It is something else, or a part, which cannot be told without the object's manifest.
    Other,
    /// The build that it is of is not accepted itself.
    Open,
    /// It says that it is a component which the accepted build does not give.
    Absent,
    /// It says nothing of what it was made from.
    Unknown,
}

/// Holds every layer that is not the spec's own against what was accepted of a plan.
pub fn check(project: &Project, plan: &Plan<'_>, judged: &[Judged], image: &Contents<Blake3>) -> Vec<Held> {
    let target = plan.target().to_string();
    let mut all = Vec::new();
    for (index, layer) in image.layers.iter().enumerate() {
        let number = index + 1;
        match layer.made_from() {
            Some(Made::Spec(_)) => {}
            Some(Made::Outputs(outputs)) => {
                let tree = tree(image, index).ok();
                let covered = image.covered.iter().find(|(_, layer)| **layer == index);
                let covered = covered.map(|(path, _)| path.to_string());
                for one in outputs {
                    let accepted = accepted(plan, judged, &one.output);
                    let covered = covered.clone();
                    let result = holding(project, accepted, tree.as_ref(), covered.is_some());
                    let (output, object) = (Some(one.output.to_string()), tree.as_ref().map(Tree::id));
                    all.push(Held { target: target.clone(), layer: number, output, object, result, covered });
                }
            }
            None => {
                let (target, result) = (target.clone(), Holding::Unknown);
                all.push(Held { target, layer: number, output: None, object: None, result, covered: None });
            }
        }
    }
    all
}

/// How a layer's tree stands to what is accepted of the component that it is meant to be.
fn holding(project: &Project, accepted: Option<Option<ObjectId>>, tree: Option<&Tree>, covered: bool) -> Holding {
    let accepted = match accepted {
        Some(Some(accepted)) => accepted,
        Some(None) => return Holding::Absent,
        None => return Holding::Open,
    };
    let Some(tree) = tree else { return Holding::Other };
    let is_part = |whole: &Tree| tree.iter().all(|(path, entry)| whole.get(path) == Some(entry));
    match tree.id() == accepted {
        // A tree without entries is part of anything, and what lies over it is what runs.
        _ if covered => Holding::Covered,
        true => Holding::Whole,
        false if project.store.tree(&accepted).is_ok_and(|whole| is_part(&whole)) => Holding::Part,
        false => Holding::Other,
    }
}

/// What is accepted of a component: nothing, if the build is not; or what the build gives for it, which may be nothing.
fn accepted(plan: &Plan<'_>, judged: &[Judged], output: &OutputRef) -> Option<Option<ObjectId>> {
    let id = plan.build_of(&output.recipe)?;
    let outputs = judged.iter().find(|one| one.id == id)?.accepted()?;
    Some(output.component.as_ref().and_then(|component| outputs.get(component.as_str())).copied())
}

/// The tree of the files and links that a layer brings; objects have no directories that are empty.
fn tree(image: &Contents<Blake3>, layer: usize) -> Result<Tree, TreeError> {
    let mut tree = Tree::new();
    for (path, entry) in image.entries.iter().filter(|(_, entry)| entry.layer == Some(layer)) {
        let entry = match &entry.kind {
            Kind::Directory => continue,
            Kind::File(file) => Entry::File { executable: entry.mode & 0o111 != 0, digest: *file.examined },
            Kind::Symlink { target } => Entry::Symlink { target: target.clone() },
            // No object holds such a thing.
            Kind::Special(_) => return Err(TreeError::Target { path: path.clone() }),
        };
        tree.insert(path.clone(), entry)?;
    }
    Ok(tree)
}

impl Held {
    /// What is wrong, if anything is that has not been said of the derivation itself.
    pub fn fault(&self) -> Option<String> {
        let layer = format!("layer {} of the image for {}", self.layer, self.target);
        let name = self.output.as_deref().map_or_else(String::new, escaped);
        match self.result {
            Holding::Whole | Holding::Part | Holding::Open => None,
            Holding::Other => {
                let object = self.object.map_or_else(|| "something else".to_owned(), |id| id.short());
                Some(format!("{layer} is not {name} as it is accepted, but {object}"))
            }
            Holding::Covered => {
                let path = self.covered.as_deref().map(escaped).unwrap_or_default();
                Some(format!("{layer} is {name}, and another layer replaces or removes its {path}"))
            }
            Holding::Absent => Some(format!("{layer} says that it is {name}, which the accepted build does not give")),
            Holding::Unknown => Some(format!("{layer} does not say what it was made from")),
        }
    }
}
