//! Why there is no evidence for an image.

use std::path::PathBuf;

use crate::fs::FsError;
use crate::plan::PlanError;
use crate::recipe::RecipeName;
use crate::store::StoreError;

/// Why a bill of materials could not be drawn up.
#[derive(Debug, thiserror::Error)]
pub enum AttestError {
    /// A file of the store that is not what its object's manifest says.
    #[error("{} is corrupt: its bytes are not those that its object's manifest names; verify the store", path.display())]
    Corrupt {
        /// Where it lies.
        path: PathBuf,
    },
    /// A file of the image whose digests were not given.
    #[error("nothing is known of what /{path} hashes to")]
    Unhashed {
        /// The file.
        path: crate::path::RelPath,
    },
    /// A component of the image whose recipe the project does not have.
    #[error("the image holds a component of `{recipe}`, of which the project has no recipe")]
    NoRecipe {
        /// The recipe.
        recipe: RecipeName,
    },
    /// What a recipe needs is not there.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file operation.
    #[error(transparent)]
    Fs(#[from] FsError),
}
