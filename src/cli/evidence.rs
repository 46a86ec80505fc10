//! What is written beside an image: what is in it, and how it was made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::ValueEnum as _;
use clap::builder::PossibleValue;
use rayon::prelude::*;

use super::args::{self, ImageBuild};
use super::failure::Failure;
use super::project::Project;
use crate::attest::{
    self, Bill, CONTROLS, CYCLONEDX, Identity, Made, ObjectDigests, POLICY_REPORT, Request, Resource, SPDX, Statement,
    Stock,
};
use crate::builder::{Standing, Survey};
use crate::digest::{Blake3, DerivationKey, ObjectId, Sha256};
use crate::fs::{self, Durability};
use crate::image::{Beside, Compression, Origin, Rootfs, Summary, encoder, platform};
use crate::path::RelPath;
use crate::plan::{Node, NodeId, Outputs, Plan};
use crate::policy::Report;
use crate::recipe::{ComponentName, ImageSpec, Target};

/// An image spec's text, read before anything is made of it.
pub struct SpecText {
    /// Its path, as seen from the project.
    name: String,
    sha256: Sha256,
    blake3: Blake3,
    /// The shared policies that it names, with their hashes.
    policies: Vec<(String, Sha256)>,
    /// The files that it adds from beside it, with their hashes.
    sources: Vec<(String, Sha256)>,
}

impl SpecText {
    /// Reads it.
    pub fn read(project: &Project, file: &Path) -> Result<Self, Failure> {
        let text = fs::read(file)?;
        let (sha256, blake3) = (Sha256::of(&text), Blake3::of(&text));
        Ok(Self { name: name(project, file), sha256, blake3, policies: Vec::new(), sources: Vec::new() })
    }

    /// Reads what the spec turned out to name.
    pub fn read_named(&mut self, project: &Project, spec: &ImageSpec) -> Result<(), Failure> {
        for file in &spec.policy.files {
            self.policies.push((name(project, file), Sha256::of(&fs::read(file)?)));
        }
        for file in &spec.files {
            let source = file.source.as_ref();
            self.sources.extend(source.map(|source| (name(project, source), Sha256::of(&file.content))));
        }
        Ok(())
    }
}

/// How a file is called, wherever the project lies.
fn name(project: &Project, file: &Path) -> String {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    attest::project_path(&whole(project.catalog.root()), &whole(file))
}

/// An image for one target, all but written.
pub struct Composed<'p> {
    pub target: Target,
    pub plan: Plan<'p>,
    pub survey: Survey,
    pub rootfs: Rootfs,
    pub report: Report,
    pub controls: Beside,
}

/// The directory of a layout that holds what is said of one image: `name` itself, or of an image for `several`
/// platforms one below it, such as `evidence/linux-arm64`.
pub fn directory(name: &str, target: &Target, several: bool) -> Result<RelPath, Failure> {
    let platform = if several { format!("/{}", platform(target)?.replace('/', "-")) } else { String::new() };
    Ok(RelPath::new(format!("{name}{platform}")).expect("platforms are plain words"))
}

/// What evidence is drawn from.
pub struct Evidence<'a> {
    pub project: &'a Project,
    pub spec: &'a SpecText,
    pub images: &'a [Composed<'a>],
    pub args: &'a ImageBuild,
}

impl Evidence<'_> {
    /// All that lies beside an image that is written: its evidence, and how its container runs. `index` is the name of
    /// an image for several platforms. The evidence is written to the directory that the command line names, too.
    pub fn of(&self, index: Option<Sha256>, made: &[Summary]) -> Result<Beside, Failure> {
        let mut beside: Beside = self.images.iter().flat_map(|image| image.controls.clone()).collect();
        if self.args.format == args::Format::Oci || self.args.evidence.is_some() {
            let documents = self.documents(index, made)?;
            if let Some(to) = &self.args.evidence {
                for (path, bytes) in &documents {
                    let file = to.join(path.as_str().trim_start_matches("evidence/"));
                    let directory = file.parent().unwrap_or(to);
                    fs::create_dir_all(directory)?;
                    fs::publish(directory, &file, bytes, Durability::Flushed)?;
                }
            }
            beside.extend(documents);
        }
        Ok(beside)
    }

    fn documents(&self, index: Option<Sha256>, made: &[Summary]) -> Result<Beside, Failure> {
        let mut documents = Beside::new();
        let mut subjects: Vec<Resource> = Vec::new();
        if let (Some(index), Some(image)) = (index, self.images.first()) {
            subjects.push(Identity::Manifest(index).subject(image.rootfs.name()));
        }
        for (image, made) in self.images.iter().zip(made) {
            let bill = attest::bill(&image.plan, &image.rootfs, &self.stock(image)?)?;
            let identity = match (made.manifest, made.config) {
                (Some(manifest), _) => Identity::Manifest(manifest),
                (None, Some(config)) => Identity::Config(config),
                (None, None) => Identity::Directory(bill.directory_hash()),
            };
            let directory = directory("evidence", &image.target, index.is_some())?;
            let own = of_image(image, &bill, &identity);
            documents.extend(own.into_iter().map(|(name, bytes)| (below(&directory, name), bytes)));
            subjects.push(identity.subject(image.rootfs.name()));
        }
        let built: Vec<_> = self.images.iter().map(|image| |id: NodeId| built(&image.survey, id)).collect();
        let whole = self.images.iter().zip(&built);
        let whole: Vec<_> =
            whole.map(|(image, built)| Made { plan: &image.plan, built, rootfs: &image.rootfs }).collect();
        let provenance = attest::provenance(subjects, &self.request(), &whole);
        let evidence = RelPath::new("evidence").expect("a plain word is a path");
        documents.insert(below(&evidence, "provenance.intoto.json"), provenance.to_bytes());
        Ok(documents)
    }

    fn request(&self) -> Request {
        let ImageBuild { format, compression, builder_id, .. } = self.args;
        let compression = match format {
            args::Format::Oci | args::Format::OciArchive => Some(*compression),
            args::Format::DockerArchive | args::Format::Rootfs => None,
        };
        let word = |value: Option<PossibleValue>| value.map(|value| value.get_name().to_owned());
        let encoder_of = |compression| match compression {
            args::Compression::Gzip => encoder(Compression::Gzip),
            args::Compression::Zstd => encoder(Compression::Zstd),
        };
        Request {
            spec: self.spec.name.clone(),
            spec_sha256: self.spec.sha256,
            spec_blake3: self.spec.blake3,
            policies: self.spec.policies.clone(),
            sources: self.spec.sources.clone(),
            format: word(format.to_possible_value()).unwrap_or_default(),
            compression: compression.and_then(|compression| word(compression.to_possible_value())),
            encoder: compression.map(encoder_of).map(str::to_owned),
            builder: builder_id.clone(),
        }
    }

    /// What is known of the objects that the image and its programs are made of.
    fn stock(&self, image: &Composed<'_>) -> Result<Stock, Failure> {
        let Composed { plan, survey, rootfs, .. } = image;
        let store = &self.project.store;
        let mut libraries = BTreeMap::new();
        for id in plan.order() {
            let Node::Build(recipe, target) = plan.node(*id) else { continue };
            if target != plan.target() {
                continue;
            }
            let outputs = survey.outputs(*id);
            if let Some(object) = outputs.and_then(|outputs| outputs.get(ComponentName::dev().as_str())) {
                libraries.insert(recipe.clone(), (*object, store.tree(object)?));
            }
        }
        let objects: BTreeSet<ObjectId> = rootfs
            .layers()
            .iter()
            .filter_map(|layer| match &layer.origin {
                Origin::Object { id, .. } => Some(*id),
                Origin::Spec => None,
            })
            .collect();
        let hash = |id: ObjectId| -> Result<(ObjectId, ObjectDigests), Failure> {
            Ok((id, attest::object_digests(store, &id)?))
        };
        let digests = objects.into_par_iter().map(hash).collect::<Result<_, _>>()?;
        Ok(Stock { digests, libraries })
    }
}

/// The documents about one image.
fn of_image(image: &Composed<'_>, bill: &Bill, identity: &Identity) -> Vec<(&'static str, Vec<u8>)> {
    let subjects = || vec![identity.subject(image.rootfs.name())];
    let (spdx, cyclonedx) = (attest::spdx(bill, identity), attest::cyclonedx(bill, identity));
    let statements = [
        ("spdx.intoto.json", Statement::of_document(subjects(), SPDX, &spdx)),
        ("cyclonedx.intoto.json", Statement::of_document(subjects(), CYCLONEDX, &cyclonedx)),
        ("policy.intoto.json", Statement::new(subjects(), POLICY_REPORT, &image.report.plain())),
        ("controls.intoto.json", Statement::new(subjects(), CONTROLS, &controls(&image.controls))),
    ];
    let mut documents = vec![("sbom.spdx.json", spdx.into_bytes()), ("sbom.cdx.json", cyclonedx.into_bytes())];
    documents.extend(statements.iter().map(|(name, statement)| (*name, statement.to_bytes())));
    documents
}

/// The run-time controls, as one value that can be signed: each file's name with its text.
fn controls(files: &Beside) -> BTreeMap<String, String> {
    let file = |(path, bytes): (&RelPath, &Vec<u8>)| (path.to_string(), String::from_utf8_lossy(bytes).into_owned());
    files.iter().map(file).collect()
}

fn built(survey: &Survey, id: NodeId) -> Option<(DerivationKey, &Outputs)> {
    match survey.standing(id) {
        Standing::Built { key, trace } => Some((*key, &trace.outputs)),
        Standing::Ready { .. } | Standing::Waiting => None,
    }
}

fn below(directory: &RelPath, name: &str) -> RelPath {
    RelPath::new(format!("{directory}/{name}")).expect("the documents' names are plain")
}
