//! What is in an image: components, the libraries inside their programs, files. A value; the formats that others
//! read are made from it. Pure: what files hash to is given.
//!
//! # Libraries inside programs
//! A statically linked program holds code of every library that it was linked with. Those are the recipe's target
//! dependencies, with theirs, as far as they have something to link: a `dev` component with an archive (`*.a`). One
//! that only has headers is not in the list, and neither is what only a build runs. To these come the libraries of the
//! preset, as Rust has one, and what the toolchain says that it links into every program. A component without a
//! program has no library in it.
//!
//! It is what was there to be linked: which of a library's functions a program took is no longer to be seen in it.

mod digests;
mod error;
mod kept;
mod package;

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::{ObjectId, Sha256};
use crate::image::{Content, Inode, Kind, Origin, Rootfs};
use crate::path::RelPath;
use crate::plan::Plan;
use crate::recipe::{Linked, OutputRef, Owner, Recipe, RecipeName, Target};
use crate::tree::Tree;

pub use digests::{FileDigests, ObjectDigests, digests};
pub use error::AttestError;
pub use kept::object_digests;
pub(super) use package::seed_purl;
pub use package::{Archive, Package, Patch, project_path};

/// The label by which a spec says who distributes the image (OCI image specification, "Pre-Defined Annotation Keys").
const VENDOR: &str = "org.opencontainers.image.vendor";

/// What is in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The image's name.
    pub name: String,
    /// Its tag.
    pub tag: String,
    /// What its programs run on.
    pub target: Target,
    /// Who distributes it, where the spec says so.
    pub vendor: Option<String>,
    /// The components, sorted by output.
    pub components: Vec<Component>,
    /// The libraries inside their programs: those of recipes by name, then those of seeds.
    pub libraries: Vec<Library>,
    /// Every path, in the order of its bytes.
    pub items: Vec<Item>,
}

/// A component of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Which.
    pub output: OutputRef,
    /// What is known of its recipe.
    pub package: Package,
    /// The object that it is.
    pub object: ObjectId,
    /// Whether the image has a program of it.
    pub has_programs: bool,
    /// The libraries inside its programs: places in [`Bill::libraries`].
    pub libraries: Vec<usize>,
    /// What it needs beside it at run time: places in [`Bill::components`].
    pub needs: Vec<usize>,
}

/// A library that is inside programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// What is known of it.
    pub package: Package,
    /// Where it comes from.
    pub origin: LibraryOrigin,
}

/// Where a library comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LibraryOrigin {
    /// A recipe built it: this is the object that programs were linked with.
    Recipe(RecipeName, ObjectId),
    /// It came as it is from the seed package of this name.
    Seed(String),
}

/// A path of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where.
    pub path: RelPath,
    /// What it is.
    pub kind: ItemKind,
    /// Its permission bits.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
    /// The components that bring it: places in [`Bill::components`]. None: the spec itself does.
    pub components: Vec<usize>,
}

/// What a path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemKind {
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Its text.
        target: String,
    },
    /// A regular file.
    File(FileDigests),
}

/// What a bill is drawn up from, beside the plan and the root file system.
#[derive(Debug, Default)]
pub struct Stock {
    /// What the files of the image's objects hash to.
    pub digests: BTreeMap<ObjectId, ObjectDigests>,
    /// The `dev` component of every recipe of the plan that has one.
    pub libraries: BTreeMap<RecipeName, (ObjectId, Tree)>,
}

/// Draws up the bill of an image.
///
/// # Errors
/// When the image holds what the plan or the stock does not know.
pub fn bill(plan: &Plan<'_>, rootfs: &Rootfs, stock: &Stock) -> Result<Bill, AttestError> {
    let clerk = Clerk { plan, rootfs, stock };
    let held = clerk.components()?;
    let origins: BTreeSet<&LibraryOrigin> = held.iter().flat_map(|held| &held.libraries).collect();
    let place = |origin: &LibraryOrigin| origins.iter().position(|known| *known == origin);
    let components = held.iter().map(|own| {
        Ok(Component {
            output: own.output.clone(),
            package: Package::of_recipe(clerk.recipe(&own.output.recipe)?, plan.catalog().root()),
            object: own.object,
            has_programs: own.has_programs,
            libraries: own.libraries.iter().filter_map(place).collect(),
            needs: clerk.needs(&own.output, &held)?,
        })
    });
    Ok(Bill {
        name: rootfs.name().to_owned(),
        tag: rootfs.tag().to_owned(),
        target: plan.target().clone(),
        vendor: rootfs.config().labels.get(VENDOR).cloned(),
        components: components.collect::<Result<_, AttestError>>()?,
        libraries: origins.iter().map(|origin| clerk.library(origin)).collect::<Result<_, _>>()?,
        items: clerk.items(&held)?,
    })
}

impl Bill {
    /// The regular files with what they hash to.
    pub fn files(&self) -> impl Iterator<Item = (&Item, &FileDigests)> + Clone {
        self.items.iter().filter_map(|item| match &item.kind {
            ItemKind::File(digests) => Some((item, digests)),
            ItemKind::Directory | ItemKind::Symlink { .. } => None,
        })
    }

    /// The root file system by one hash, as in-toto's `dirHash` defines it: the SHA-256 of what `sha256sum` prints
    /// of all regular files, sorted.
    pub fn directory_hash(&self) -> Sha256 {
        let lines: String = self.files().map(|(item, file)| format!("{}  {}\n", file.sha256, item.path)).collect();
        Sha256::of(lines.as_bytes())
    }
}

impl Component {
    /// Its name for people: the recipe's, with the component's where that is not the recipe's main one.
    pub fn name(&self) -> String {
        match &self.output.component {
            Some(component) if component.as_str() != "bin" => format!("{}/{component}", self.output.recipe),
            _ => self.output.recipe.to_string(),
        }
    }
}

/// A component before everything is known of it.
struct Held {
    output: OutputRef,
    object: ObjectId,
    has_programs: bool,
    libraries: BTreeSet<LibraryOrigin>,
}

/// Draws up the parts of a bill.
struct Clerk<'a> {
    plan: &'a Plan<'a>,
    rootfs: &'a Rootfs,
    stock: &'a Stock,
}

impl Clerk<'_> {
    fn recipe(&self, name: &RecipeName) -> Result<&Recipe, AttestError> {
        self.plan.catalog().recipe(name).ok_or_else(|| AttestError::NoRecipe { recipe: name.clone() })
    }

    /// The components of all layers, sorted.
    fn components(&self) -> Result<Vec<Held>, AttestError> {
        let mut held = Vec::new();
        for layer in self.rootfs.layers() {
            let Origin::Object { id, outputs } = &layer.origin else { continue };
            let mut has_programs = false;
            for (path, inode) in &layer.entries {
                has_programs |= self.digests(path, inode)?.is_some_and(|file| file.is_program);
            }
            for output in outputs.iter().map(|provenance| &provenance.output) {
                let libraries = if has_programs { self.linked(&output.recipe)? } else { BTreeSet::new() };
                held.push(Held { output: output.clone(), object: *id, has_programs, libraries });
            }
        }
        held.sort_by(|left, right| left.output.cmp(&right.output));
        Ok(held)
    }

    /// What is inside the programs of a recipe.
    fn linked(&self, recipe: &RecipeName) -> Result<BTreeSet<LibraryOrigin>, AttestError> {
        let toolchain = self.plan.catalog().toolchain();
        let mut names = self.plan.linked_libraries(self.recipe(recipe)?)?;
        let mut linked = BTreeSet::new();
        for part in &toolchain.linked {
            match part {
                Linked::Recipe(name) => names.push(name.clone()),
                Linked::Seed(library) => {
                    linked.insert(LibraryOrigin::Seed(library.package.clone()));
                }
            }
        }
        for name in names.into_iter().filter(|name| name != recipe) {
            if let Some((id, tree)) = self.stock.libraries.get(&name)
                && tree.iter().any(|(path, _)| path.as_str().ends_with(".a"))
            {
                linked.insert(LibraryOrigin::Recipe(name, *id));
            }
        }
        Ok(linked)
    }

    fn library(&self, origin: &LibraryOrigin) -> Result<Library, AttestError> {
        let catalog = self.plan.catalog();
        let package = match origin {
            LibraryOrigin::Recipe(name, _) => Package::of_recipe(self.recipe(name)?, catalog.root()),
            LibraryOrigin::Seed(name) => {
                let toolchain = catalog.toolchain();
                let library = toolchain.linked.iter().find_map(|part| match part {
                    Linked::Seed(library) if library.package == *name => Some(library),
                    Linked::Seed(_) | Linked::Recipe(_) => None,
                });
                let found =
                    library.and_then(|library| Some((library, toolchain.seed_of(library, self.plan.target())?)));
                let (library, (seed, set)) = found.expect("the catalogue rejects a link to an unknown seed");
                Package::of_seed(library, seed, set)
            }
        };
        Ok(Library { package, origin: origin.clone() })
    }

    /// Which of the image's components one of them needs at run time.
    fn needs(&self, output: &OutputRef, held: &[Held]) -> Result<Vec<usize>, AttestError> {
        let components = &self.recipe(&output.recipe)?.components;
        let runtime = output.component.as_ref().and_then(|component| components.get(component));
        let mut needs = Vec::new();
        for needed in runtime.iter().flat_map(|component| &component.runtime) {
            let component = match &needed.component {
                Some(component) => Some(component.clone()),
                None => self.recipe(&needed.recipe)?.default_component(),
            };
            let needed = OutputRef { recipe: needed.recipe.clone(), component };
            needs.extend(held.iter().position(|held| held.output == needed));
        }
        needs.sort_unstable();
        needs.dedup();
        Ok(needs)
    }

    fn items(&self, held: &[Held]) -> Result<Vec<Item>, AttestError> {
        let mut brought: BTreeMap<&RelPath, BTreeSet<usize>> = BTreeMap::new();
        for layer in self.rootfs.layers() {
            let Origin::Object { outputs, .. } = &layer.origin else { continue };
            for output in outputs.iter().map(|provenance| &provenance.output) {
                let Some(place) = held.iter().position(|held| held.output == *output) else { continue };
                layer.entries.keys().for_each(|path| {
                    brought.entry(path).or_default().insert(place);
                });
            }
        }
        let items = self.rootfs.iter().map(|(path, node)| {
            let kind = match &node.inode.kind {
                Kind::Directory => ItemKind::Directory,
                Kind::Symlink { target } => ItemKind::Symlink { target: target.clone() },
                Kind::File(Content::Inline(bytes)) => ItemKind::File(FileDigests::of(bytes)),
                Kind::File(Content::Object { .. }) => {
                    let digests = self.digests(path, &node.inode)?;
                    ItemKind::File(digests.ok_or_else(|| AttestError::Unhashed { path: path.clone() })?.clone())
                }
            };
            let components = brought.get(path).into_iter().flatten().copied().collect();
            Ok(Item { path: path.clone(), kind, mode: node.inode.mode, owner: node.inode.owner, components })
        });
        items.collect()
    }

    /// What a file of an object hashes to; nothing where it is none.
    fn digests(&self, path: &RelPath, inode: &Inode) -> Result<Option<&FileDigests>, AttestError> {
        let Kind::File(Content::Object { id, digest }) = &inode.kind else { return Ok(None) };
        let known = self.stock.digests.get(id).and_then(|files| files.get(path));
        let known = known.filter(|known| known.blake3 == *digest);
        known.map(Some).ok_or_else(|| AttestError::Unhashed { path: path.clone() })
    }
}
