//! What is written beside an image: what is in it, and how it was made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use clap::builder::PossibleValue;
use rayon::prelude::*;

use super::args::{self, ImageBuild};
use super::failure::Failure;
use super::project::Project;
use crate::attest::{
    self, Bill, CONTROLS, CYCLONEDX, Identity, Made, ObjectDigests, POLICY_REPORT, Request, SPDX, Statement, Stock,
};
use crate::builder::{Standing, Survey};
use crate::digest::{Blake3, DerivationKey, ObjectId, Sha256};
use crate::fs::{self, Durability};
use crate::image::{Beside, Compression, Origin, Rootfs, Summary, encoder};
use crate::path::RelPath;
use crate::plan::{Node, NodeId, Outputs, Plan};
use crate::policy::Report;
use crate::recipe::ComponentName;

/// An image spec's text, read before anything is made of it.
pub struct SpecText {
    /// Its path, as seen from the project.
    name: String,
    sha256: Sha256,
    blake3: Blake3,
    /// The shared policies that it names, with their hashes.
    policies: Vec<(String, Sha256)>,
}

impl SpecText {
    /// Reads it.
    pub fn read(project: &Project, file: &Path) -> Result<Self, Failure> {
        let text = fs::read(file)?;
        let (sha256, blake3) = (Sha256::of(&text), Blake3::of(&text));
        Ok(Self { name: name(project, file), sha256, blake3, policies: Vec::new() })
    }

    /// Reads what the spec turned out to name.
    pub fn read_policies(&mut self, project: &Project, files: &[PathBuf]) -> Result<(), Failure> {
        for file in files {
            self.policies.push((name(project, file), Sha256::of(&fs::read(file)?)));
        }
        Ok(())
    }
}

/// How a file is called, wherever the project lies.
fn name(project: &Project, file: &Path) -> String {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    attest::project_path(&whole(project.catalog.root()), &whole(file))
}

/// What evidence is drawn from.
pub struct Evidence<'a> {
    pub project: &'a Project,
    pub plan: &'a Plan<'a>,
    pub survey: &'a Survey,
    pub spec: &'a SpecText,
    pub report: &'a Report,
    pub controls: &'a Beside,
    pub args: &'a ImageBuild,
}

impl Evidence<'_> {
    /// The evidence of an image that is written, for its layout. Written to the directory that the command line
    /// names, too.
    pub fn of(&self, rootfs: &Rootfs, made: &Summary) -> Result<Beside, Failure> {
        if self.args.format != args::Format::Oci && self.args.evidence.is_none() {
            return Ok(Beside::new());
        }
        let bill = attest::bill(self.plan, rootfs, &self.stock(rootfs)?)?;
        let documents = self.documents(&bill, rootfs, made);
        if let Some(directory) = &self.args.evidence {
            fs::create_dir_all(directory)?;
            for (name, bytes) in &documents {
                fs::publish(directory, &directory.join(name), bytes, Durability::Flushed)?;
            }
        }
        let place = |name| RelPath::new(format!("evidence/{name}")).expect("the documents' names are plain");
        Ok(documents.into_iter().map(|(name, bytes)| (place(name), bytes)).collect())
    }

    fn documents(&self, bill: &Bill, rootfs: &Rootfs, made: &Summary) -> Vec<(&'static str, Vec<u8>)> {
        let identity = match (made.manifest, made.config) {
            (Some(manifest), _) => Identity::Manifest(manifest),
            (None, Some(config)) => Identity::Config(config),
            (None, None) => Identity::Directory(bill.directory_hash()),
        };
        let subjects = vec![identity.subject(rootfs.name())];
        let (spdx, cyclonedx) = (attest::spdx(bill, &identity), attest::cyclonedx(bill, &identity));
        let built = |id: NodeId| self.built(id);
        let whole = Made { plan: self.plan, built: &built, rootfs };
        let statements = [
            ("spdx.intoto.json", Statement::of_document(subjects.clone(), SPDX, &spdx)),
            ("cyclonedx.intoto.json", Statement::of_document(subjects.clone(), CYCLONEDX, &cyclonedx)),
            ("policy.intoto.json", Statement::new(subjects.clone(), POLICY_REPORT, &self.report.plain())),
            ("controls.intoto.json", Statement::new(subjects.clone(), CONTROLS, &self.controls())),
            ("provenance.intoto.json", attest::provenance(subjects, &self.request(), &[whole])),
        ];
        let mut documents = vec![("sbom.spdx.json", spdx.into_bytes()), ("sbom.cdx.json", cyclonedx.into_bytes())];
        documents.extend(statements.iter().map(|(name, statement)| (*name, statement.to_bytes())));
        documents
    }

    /// The run-time controls, as one value that can be signed: each file's name with its text.
    fn controls(&self) -> BTreeMap<String, String> {
        let file =
            |(path, bytes): (&RelPath, &Vec<u8>)| (path.to_string(), String::from_utf8_lossy(bytes).into_owned());
        self.controls.iter().map(file).collect()
    }

    fn built(&self, id: NodeId) -> Option<(DerivationKey, &Outputs)> {
        match self.survey.standing(id) {
            Standing::Built { key, trace } => Some((*key, &trace.outputs)),
            Standing::Ready { .. } | Standing::Waiting => None,
        }
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
            format: word(format.to_possible_value()).unwrap_or_default(),
            compression: compression.and_then(|compression| word(compression.to_possible_value())),
            encoder: compression.map(encoder_of).map(str::to_owned),
            builder: builder_id.clone(),
        }
    }

    /// What is known of the objects that the image and its programs are made of.
    fn stock(&self, rootfs: &Rootfs) -> Result<Stock, Failure> {
        let store = &self.project.store;
        let mut libraries = BTreeMap::new();
        for id in self.plan.order() {
            let Node::Build(recipe, target) = self.plan.node(*id) else { continue };
            if target != self.plan.target() {
                continue;
            }
            let outputs = self.survey.outputs(*id);
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
