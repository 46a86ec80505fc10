//! How an image came to be: [SLSA v1](https://slsa.dev/spec/v1.0/provenance) provenance as a statement.
//!
//! # The build type
//! [`BUILD_TYPE`]: `drystone image build` ran on a project. Everything is built from sources, by recipes, in a sandbox
//! without a network; then an image is assembled from the results as a spec says.
//!
//! | `externalParameters` | what it is |
//! | --- | --- |
//! | `spec` | the image spec: its path in the project, and its digests |
//! | `image`, `tag` | what the spec names the image |
//! | `targets` | what its programs run on |
//! | `format`, `compression` | what was written |
//!
//! `internalParameters` name what else decides bytes: the sandbox's version, and the encoder of the layers.
//!
//! `resolvedDependencies` are all files that anything was made from, told apart by the annotation `kind`: `recipe`,
//! with its `file`s and `patch`es, `preset`, `toolchain`, `seeds`, `source` (the upstream address as `uri`, all places in
//! `locations`), `seed` (a binary package), `spec-file` (a file of the spec's own, by its path in the image), `spec-source` (where its bytes were read from, if
//! they do not stand in the spec), `policy` (one that the spec shares
//! with others) and `object` (a component that the image holds, as the BLAKE3 of its manifest). To rebuild the image,
//! nothing else is needed but drystone itself.
//!
//! `byproducts` are the objects that all builds gave, each with the key of its derivation.
//!
//! There are no times and no invocation: the same image has the same provenance. When it was signed, and by whom, is
//! for the signature to say.

mod model;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::bill::{Archive, project_path, seed_purl};
use super::document::{TOOL, TOOL_VERSION};
use super::statement::{PROVENANCE, Resource, Statement};
use crate::digest::{Blake3, DerivationKey, Sha256};
use crate::image::{Content, Kind, Origin, Reason, Rootfs};
use crate::plan::{Node, NodeId, Outputs, Plan};
use crate::recipe::{Catalog, Recipe};
use crate::sandbox;
pub use read::{ProvenanceError, Recorded, RecordedFile};

use model::{BuildDefinition, Builder, Descriptor, External, Internal, Predicate, RunDetails, SpecFile};

/// How this provenance is to be read; the module's header says it.
pub const BUILD_TYPE: &str = "https://drystone.io/image-build/v1";
/// A builder of which nothing is promised: somebody ran drystone.
pub const LOCAL_BUILDER: &str = "https://drystone.io/builders/local";

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The image spec's path, as seen from the project's root.
    pub spec: String,
    /// What the spec's text hashed to.
    pub spec_sha256: Sha256,
    /// The same.
    pub spec_blake3: Blake3,
    /// The shared policies that the spec names: path and hash.
    pub policies: Vec<(String, Sha256)>,
    /// The files that the spec adds from beside it: path and hash.
    pub sources: Vec<(String, Sha256)>,
    /// What was written, as the command line names it.
    pub format: String,
    /// How layers are compressed, where they are, as the command line names it.
    pub compression: Option<String>,
    /// What compressed them: an encoder and its version.
    pub encoder: Option<String>,
    /// The URI of who built: what a verifier trusts or does not.
    pub builder: String,
}

/// What was done for one target.
#[derive(Clone, Copy)]
pub struct Made<'a> {
    /// What was planned.
    pub plan: &'a Plan<'a>,
    /// What each build's derivation was, and what it gave.
    pub built: &'a dyn Fn(NodeId) -> Option<(DerivationKey, &'a Outputs)>,
    /// The image.
    pub rootfs: &'a Rootfs,
}

/// Tells how an image was made, for one target or several.
pub fn provenance(subjects: Vec<Resource>, request: &Request, made: &[Made<'_>]) -> Statement {
    let Request { spec, spec_sha256, spec_blake3, policies, sources, format, compression, encoder, builder } = request;
    let mut dependencies = BTreeSet::new();
    for (kind, files) in [("policy", policies), ("spec-source", sources)] {
        dependencies.extend(files.iter().map(|(name, sha256)| Descriptor::new(kind, name.clone()).sha256(sha256)));
    }
    let mut byproducts = BTreeSet::new();
    for made in made {
        dependencies.extend(inputs(made.plan));
        dependencies.extend(parts(made.plan, made.rootfs));
        byproducts.extend(objects(made));
    }
    let digest = [("blake3", spec_blake3.to_string()), ("sha256", spec_sha256.to_string())];
    let predicate = Predicate {
        build_definition: BuildDefinition {
            build_type: BUILD_TYPE,
            external_parameters: External {
                spec: SpecFile { name: spec.clone(), digest: BTreeMap::from(digest) },
                image: made.first().map(|made| made.rootfs.name().to_owned()),
                tag: made.first().map(|made| made.rootfs.tag().to_owned()),
                targets: made.iter().map(|made| made.plan.target().to_string()).collect(),
                format: format.clone(),
                compression: compression.clone(),
            },
            internal_parameters: Internal { sandbox: sandbox::VERSION.to_string(), encoder: encoder.clone() },
            resolved_dependencies: dependencies.into_iter().collect(),
        },
        run_details: RunDetails {
            builder: Builder { id: builder.clone(), version: BTreeMap::from([(TOOL, TOOL_VERSION)]) },
            byproducts: byproducts.into_iter().collect(),
        },
    };
    Statement::new(subjects, PROVENANCE, &predicate)
}

/// The files that a plan's builds and tests are made from.
fn inputs(plan: &Plan<'_>) -> Vec<Descriptor> {
    let catalog = plan.catalog();
    let toolchain = catalog.toolchain();
    let mut inputs = vec![local("toolchain", catalog, &toolchain.file, &toolchain.sha256)];
    let seeds = plan.order().iter().filter_map(|id| match plan.node(*id) {
        Node::Seeds(name) => plan.seed_set(name),
        Node::Build(..) | Node::Test(..) => None,
    });
    for seeds in seeds {
        inputs.push(local("seeds", catalog, &seeds.file, &seeds.sha256));
        for seed in &seeds.packages {
            let purl = seed_purl(seed, &seeds.name).to_string();
            let descriptor = Descriptor::new("seed", seed.name.clone()).sha256(&seed.sha256).at(Some(purl));
            inputs.push(descriptor.found_at(vec![seed.location.to_string()]));
        }
    }
    let recipes = plan.order().iter().filter_map(|id| plan.recipe_name(*id)).filter_map(|name| catalog.recipe(name));
    for recipe in recipes {
        inputs.extend(of_recipe(catalog, recipe));
    }
    inputs
}

fn of_recipe(catalog: &Catalog, recipe: &Recipe) -> Vec<Descriptor> {
    let mut inputs = vec![local("recipe", catalog, &recipe.file, &recipe.sha256)];
    for (kind, files) in [("file", &recipe.files), ("patch", &recipe.patches)] {
        for file in files {
            let descriptor = local(kind, catalog, &file.path, &file.sha256).blake3(&file.digest);
            inputs.push(descriptor.noting("recipe", recipe.name.to_string()));
        }
    }
    if let Some(preset) = catalog.preset_of(recipe) {
        inputs.push(local("preset", catalog, &preset.file, &preset.sha256));
    }
    for source in &recipe.sources {
        let archive = Archive::of(source);
        let places: Vec<String> = archive.locations.iter().map(ToString::to_string).collect();
        let uri = archive.url().map(str::to_owned).or_else(|| places.first().cloned());
        let descriptor = Descriptor::new("source", archive.file_name.clone()).sha256(&archive.sha256).at(uri);
        inputs.push(descriptor.found_at(places).noting("recipe", recipe.name.to_string()));
    }
    inputs
}

fn local(kind: &'static str, catalog: &Catalog, path: &Path, sha256: &Sha256) -> Descriptor {
    Descriptor::new(kind, project_path(catalog.root(), path)).sha256(sha256)
}

/// What the image itself was assembled from: objects, and what the spec brings.
fn parts(plan: &Plan<'_>, rootfs: &Rootfs) -> Vec<Descriptor> {
    let mut parts = Vec::new();
    for layer in rootfs.layers() {
        let Origin::Object { id, outputs } = &layer.origin else { continue };
        for output in outputs {
            let descriptor = Descriptor::new("object", output.output.to_string()).object(id);
            parts.push(descriptor.noting("target", plan.target().to_string()));
        }
    }
    for (path, node) in rootfs.iter() {
        if let (Kind::File(Content::Inline(bytes)), Reason::File) = (&node.inode.kind, &node.reason) {
            parts.push(Descriptor::new("spec-file", format!("/{path}")).sha256(&Sha256::of(bytes)));
        }
    }
    parts
}

/// What all builds gave.
fn objects(made: &Made<'_>) -> Vec<Descriptor> {
    let mut objects = Vec::new();
    for id in made.plan.order() {
        let Some((key, outputs)) = (made.built)(*id) else { continue };
        let of = match made.plan.node(*id) {
            Node::Seeds(name) => name.clone(),
            Node::Build(recipe, _) => recipe.to_string(),
            Node::Test(..) => continue,
        };
        for (output, object) in outputs {
            let descriptor = Descriptor::new("object", format!("{of}/{output}")).object(object);
            let descriptor = descriptor.noting("derivation", format!("blake3:{key}"));
            objects.push(descriptor.noting("target", made.plan.target_of(*id).to_string()));
        }
    }
    objects
}
