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
    /// Inputs that came from another store.
    imported: Vec<String>,
    /// What was asked for and came from another store.
    foreign: Vec<String>,
    /// What was asked for and is not built.
    missing: Vec<String>,
}

/// Attests what was built; prints the file.
pub fn run(common: &Common, args: &AttestMake) -> Result<(), Failure> {
    let project = Project::open(common)?;
    let mut found = Found::default();
    for meant in &scope::meant(common, &project, &args.scope)? {
        found.look(&project, &meant.plan)?;
    }
    found.must_be_ours()?;
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
                Standing::Built { key, .. } if project.store.is_imported(key) => {
                    let names = if wanted { &mut self.foreign } else { &mut self.imported };
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                Standing::Built { key, trace } => {
                    // A tool may be part of several plans.
                    if self.known.insert(*key) {
                        let (target, outputs) = (plan.target_of(id).to_string(), trace.outputs.clone());
                        self.built.push(Rebuilt { name: plan.result_name(id), target, key: *key, outputs });
                    }
                }
                Standing::Ready { .. } | Standing::Waiting if wanted => self.missing.push(name),
                // What was asked for lacks it, and says so.
                Standing::Ready { .. } | Standing::Waiting => {}
            }
        }
        Ok(())
    }

    /// Whether all that was asked for was built here.
    fn must_be_ours(&self) -> Result<(), Failure> {
        let names = |names: &[String]| names.join(", ");
        if !self.missing.is_empty() {
            return Err(Failure::user(
                format!(
                    "not built as the recipes are now, so that there is nothing to attest: {}",
                    names(&self.missing)
                ),
                "build first: drystone build".to_owned(),
            ));
        }
        if !self.foreign.is_empty() {
            return Err(Failure::user(
                format!("not built here, but come from another store: {}", names(&self.foreign)),
                "whoever built them attests them; drystone build --check builds them here, and compares".to_owned(),
            ));
        }
        Ok(())
    }
}
