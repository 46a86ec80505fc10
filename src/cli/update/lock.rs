//! The lock file of a recipe whose crates it pins: the one that the new release brings takes its place, which it does
//! only with the recipe's new text. Until then the new one lies in the store's scratch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::archive::{self, Limits};
use crate::builder::BuildError;
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::fs;
use crate::recipe::{Recipe, Steps};
use crate::store::Scratch;

/// What a release calls its lock file.
const NAME: &str = "Cargo.lock";

/// A lock file that is to take another's place.
pub struct NewLock {
    /// The file beside the recipe.
    place: PathBuf,
    /// What it held when the new one was taken out.
    before: Vec<u8>,
    /// The new one.
    new: PathBuf,
    /// The file beside the recipe as seen from the project's root, and the one that is to be read in its place.
    instead: BTreeMap<PathBuf, PathBuf>,
    /// Where the new one lies until it is written.
    _scratch: Scratch,
}

impl NewLock {
    /// Takes the lock file out of a recipe's main source in another version. `None` for a recipe that has none.
    ///
    /// # Errors
    /// When the source cannot be unpacked, or brings no lock file.
    pub fn of(project: &Project, recipe: &Recipe, version: &str, source: &Path) -> Result<Option<Self>, Failure> {
        let Steps::Shell { words, .. } = &recipe.build.steps else { return Ok(None) };
        let lock = recipe.files.iter().find(|file| Some(&file.name) == words.crates.as_ref());
        let (Some(lock), Some(main)) = (lock, recipe.sources.first()) else { return Ok(None) };
        let scratch = project.store.scratch()?;
        let unpacked = scratch.path().join("source");
        let label = format!("{} {version}", recipe.name);
        archive::unpack(source, &label, &unpacked, main.strip, &Limits::default())
            .map_err(|source| BuildError::Unpack { name: recipe.name.to_string(), source })?;
        let within = recipe.build.dir.as_ref().map(|dir| dir.under(&unpacked));
        let new = within.iter().chain([&unpacked]).map(|directory| directory.join(NAME)).find(|path| path.is_file());
        let Some(new) = new else {
            return Err(Failure::user(
                format!("{label} brings no {NAME}, so that nothing says which crates it is to be built with"),
                format!("put one for it at {}, and bring the recipe to {version} by hand", lock.path.display()),
            ));
        };
        let below = lock.path.strip_prefix(&project.root).unwrap_or(&lock.path).to_owned();
        let (place, before) = (lock.path.clone(), fs::read(&lock.path)?);
        Ok(Some(Self { place, before, instead: BTreeMap::from([(below, new.clone())]), new, _scratch: scratch }))
    }

    /// Which file is read in the place of which.
    pub fn instead(&self) -> &BTreeMap<PathBuf, PathBuf> {
        &self.instead
    }

    /// Puts the new file into the old one's place, if that is still what was read.
    ///
    /// # Errors
    /// When it is not, or cannot be written.
    pub fn write(&self) -> Result<(), Failure> {
        if fs::read(&self.place)? != self.before {
            return Err(Failure::user(
                format!("{} has changed while its recipe was built", self.place.display()),
                "both were left as they are; run the update again".to_owned(),
            ));
        }
        Ok(fs::replace_file(&self.place, &fs::read(&self.new)?)?)
    }
}
