//! `drystone attest make`.

use std::collections::BTreeSet;

use serde::Serialize;

use super::state;
use crate::attest::attestation::write;
use crate::attest::{Attestation, Bundle, Rebuild, Rebuilt, builds};
use crate::builder::{Standing, survey};
use crate::cli::args::{AttestMake, Common};
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::cli::{passphrase, scope, show};
use crate::digest::DerivationKey;
use crate::plan::Plan;

/// What was attested, for machines.
#[derive(Debug, Serialize)]
struct Output<'a> {
    path: String,
    key: String,
    statement: &'a Rebuild,
    /// What was not built here, and is not attested.
    imported: &'a [String],
}

/// What of some plans was built here, and what was not.
#[derive(Debug, Default)]
struct Found {
    built: Vec<Rebuilt>,
    known: BTreeSet<DerivationKey>,
    imported: Vec<String>,
}

/// Attests what was built; prints the file.
pub fn run(common: &Common, args: &AttestMake) -> Result<(), Failure> {
    let project = Project::open(common)?;
    let mut found = Found::default();
    for plan in scope::plans(common, &project, &args.scope)? {
        found.look(&project, &plan)?;
    }
    let key = passphrase::open(&args.key, &args.passphrase)?;
    let id = key.public().id();
    let rebuild = Rebuild {
        builder: state::builder(args.builder_id.as_deref(), id),
        system: state::system()?,
        project: state::project(&project.root)?,
        attested: state::now(),
        derivations: found.built,
    };
    let bundle = Bundle::sign(&rebuild.statement().to_bytes(), &key);
    let attestation = Attestation::parse(bundle.to_json()).expect("what was written just now can be read");
    let path = write(&super::directory(common, args.output.as_deref())?, &attestation)?;
    if args.json {
        let (path, key) = (path.display().to_string(), id.to_string());
        let output = Output { path, key, statement: &rebuild, imported: &found.imported };
        println!("{}", serde_json::to_string_pretty(&output).expect("this is plain data"));
    } else {
        println!("{}", path.display());
    }
    for name in &found.imported {
        show::say(format_args!("not attested: {name} came from another store"));
    }
    let count = rebuild.derivations.len();
    let derivations = if count == 1 { "derivation" } else { "derivations" };
    show::say(format_args!("{count} {derivations} attested with the key {id}"));
    Ok(())
}

impl Found {
    /// Looks up what of a plan was built.
    fn look(&mut self, project: &Project, plan: &Plan<'_>) -> Result<(), Failure> {
        let survey = survey(plan, &project.store)?;
        for (id, wanted) in builds(plan) {
            let name = plan.name(id);
            match survey.standing(id) {
                Standing::Built { key, .. } if wanted && project.store.is_imported(key) => return Err(not_ours(&name)),
                Standing::Built { key, .. } if project.store.is_imported(key) => {
                    if !self.imported.contains(&name) {
                        self.imported.push(name);
                    }
                }
                Standing::Built { key, trace } => {
                    // A tool may be part of several plans.
                    if self.known.insert(*key) {
                        let (target, outputs) = (plan.target_of(id).to_string(), trace.outputs.clone());
                        self.built.push(Rebuilt { name: plan.result_name(id), target, key: *key, outputs });
                    }
                }
                Standing::Ready { .. } | Standing::Waiting if wanted => return Err(not_built(&name)),
                // What was asked for lacks it, and says so.
                Standing::Ready { .. } | Standing::Waiting => {}
            }
        }
        Ok(())
    }
}

fn not_built(name: &str) -> Failure {
    Failure::user(
        format!("{name} is not built as its recipe is now, so there is nothing to attest"),
        "build it first: drystone build".to_owned(),
    )
}

fn not_ours(name: &str) -> Failure {
    Failure::user(
        format!("{name} was not built here, but came from another store: whoever built it attests it"),
        "drystone build --check builds it here, and says whether the result is the same".to_owned(),
    )
}
