//! An image beside what the lock says of its spec.

use std::path::Path;

use super::build::compose;
use crate::cli::args::Running;
use crate::cli::failure::Failure;
use crate::cli::judge::today;
use crate::cli::project::Project;
use crate::cli::show;
use crate::digest::Sha256;
use crate::image::{self, Beside, Compression, Format, ImageError, Options};
use crate::recipe::Target;

/// The digest that a spec's image must have.
pub struct Locked {
    spec: String,
    /// Without one the lock says nothing of it.
    digest: Option<Sha256>,
    strict: bool,
}

impl Locked {
    /// What the project's lock says of a spec. The digest is that of the `whole` image, for all its platforms and in
    /// the default compression: of others the lock says nothing.
    ///
    /// # Errors
    /// When the lock cannot be read.
    pub fn of(project: &Project, spec: &Path, running: &Running, whole: bool) -> Result<Self, Failure> {
        let spec = name(project, spec);
        let digest = project.lock_for(running)?.and_then(|lock| lock.images.get(&spec)).copied();
        Ok(Self { spec, digest: digest.filter(|_| whole), strict: running.locked && whole })
    }

    /// Holds an image to the lock. A spec is no input that the lock could tell from its result, so that an image which
    /// is another one is an error only where that was asked for.
    ///
    /// # Errors
    /// When the run is strict and the digest is another, or is not known.
    pub fn hold(&self, digest: &Sha256) -> Result<(), Failure> {
        let message = match self.digest {
            Some(locked) if locked == *digest => return Ok(()),
            Some(locked) => format!("{} gives sha256:{digest}, and the lock says sha256:{locked}", self.spec),
            None if self.strict => format!("{} is not in the lock", self.spec),
            None => return Ok(()),
        };
        let hint = format!(
            "if the spec or a recipe was changed on purpose, write it down: drystone lock --update {}",
            self.spec
        );
        if self.strict {
            return Err(Failure::found(message, &hint));
        }
        show::say(format_args!("note: {message}; {hint}"));
        Ok(())
    }
}

/// What the lock calls a spec: its path in the project, or as it was given where it lies elsewhere.
pub fn name(project: &Project, spec: &Path) -> String {
    let absolute = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (root, path) = (absolute(&project.root), absolute(spec));
    path.strip_prefix(&root).unwrap_or(spec).display().to_string()
}

/// Builds what a spec's image needs for all its platforms, and computes the image's digest; keeps nothing but what
/// the store keeps.
///
/// # Errors
/// When the spec has faults, a build fails, or the policy finds something.
pub fn digest(project: &Project, file: &Path, running: &Running) -> Result<Sha256, Failure> {
    let spec = project.catalog.load_image_spec(file)?;
    let default = || vec![project.catalog.toolchain().build_target.clone()];
    let targets = if spec.targets.is_empty() { default() } else { spec.targets.clone() };
    let several = targets.len() > 1;
    let images = targets.into_iter().map(|target| compose(project, &spec, target, several, running, today()));
    let images = images.collect::<Result<Vec<_>, _>>()?;
    let scratch = project.store.scratch()?;
    let output = scratch.path().join("image");
    let options = |target: &Target| Options {
        format: Format::Oci,
        compression: Compression::Gzip,
        target: target.clone(),
        links: true,
    };
    match images.as_slice() {
        [one] => {
            let nothing = |_: &_| Ok::<_, ImageError>(Beside::new());
            let made = image::write_with(&one.rootfs, &options(&one.target), &project.store, &output, nothing)?;
            Ok(made.manifest.expect("a layout has a manifest"))
        }
        several => {
            let variants: Vec<_> = several.iter().map(|one| (one.target.clone(), &one.rootfs)).collect();
            let nothing = |_: &_| Ok::<_, ImageError>(Beside::new());
            let options = options(&project.target);
            Ok(image::write_several(&variants, &options, &project.store, &output, nothing)?.index)
        }
    }
}
