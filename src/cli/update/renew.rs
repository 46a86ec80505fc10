//! One recipe to another version: pinned, built and tested in memory first, then written.
//!
//! The recipe's file is exchanged in one step at the very end, so that an interrupted run leaves it as it was. Where a
//! lock file beside it is exchanged, too, that is done right before.

use serde::Serialize;

use super::change::Changes;
use super::lock::NewLock;
use super::look::{Candidate, Subject, Wanted};
use crate::builder::{self, BuildError};
use crate::cli::args::Update;
use crate::cli::carry_out::attempt;
use crate::cli::failure::Failure;
use crate::cli::network::Network;
use crate::cli::project::Project;
use crate::cli::show::{self, Show};
use crate::fs;
use crate::plan::{Outputs, Plan};
use crate::recipe::{Facts, LocalFile, Recipe, RecipeName, SourceFacts, Target};
use crate::store::Store;

/// What an update did.
#[derive(Debug, Serialize)]
pub struct Renewed {
    pub recipe: RecipeName,
    pub from: String,
    pub to: String,
    pub sources: Vec<Source>,
    /// How many tests the recipe has; all have passed.
    pub tests: usize,
    /// The lines of tests in which the version was exchanged.
    pub test_lines: Vec<usize>,
    /// What has changed since the last build; `None` where the store has none.
    pub changes: Option<Changes>,
    /// What people should look at.
    pub notes: Vec<String>,
}

/// A source that was pinned anew.
#[derive(Debug, Serialize)]
pub struct Source {
    pub file: String,
    pub sha256: String,
    /// Which location gave it; `None` where the store had it.
    pub from: Option<String>,
    /// Its bytes before, where the store still has it.
    pub before: Option<u64>,
    pub after: u64,
}

/// Brings a recipe to a version.
///
/// # Errors
/// When a source cannot be had, or the build or a test fails; then the recipe is as it was, in its file and in the
/// catalogue, unless the new facts are to be kept.
pub fn renew(
    project: &mut Project,
    network: &Network,
    subject: &Subject,
    candidate: &Candidate,
    args: &Update,
) -> Result<Renewed, Failure> {
    let sink = show::sink();
    let pinned = pin(project, network, subject, candidate, &*sink);
    sink.end();
    let Pins { facts, sources, lock } = pinned?;
    let edited = subject.text.with(&Facts { version: candidate.version.clone(), sources: facts });
    let last = last_build(project, subject)?;
    let tests = project.catalog.recipe(&subject.name).map_or(0, |recipe| recipe.tests.len());
    let instead = lock.as_ref().map(NewLock::instead).cloned().unwrap_or_default();
    project.catalog.put_with(&subject.below, &edited.text, &instead)?;
    match build(project, subject, candidate, args) {
        Ok(outputs) => {
            write(subject, &edited.text, lock.as_ref())?;
            let changes = last.map(|last| Changes::of(&project.store, &last, &outputs)).transpose()?;
            Ok(Renewed {
                recipe: subject.name.clone(),
                from: subject.version().to_owned(),
                to: candidate.version.clone(),
                sources,
                tests,
                test_lines: edited.tests,
                changes,
                notes: Vec::new(),
            })
        }
        Err(failure) if args.keep && !failure.is_interruption() => {
            write(subject, &edited.text, lock.as_ref())?;
            Err(failure.hinting(format!("{} has the new facts", subject.file.display())))
        }
        Err(failure) => {
            project.catalog.put(&subject.below, &subject.before)?;
            let hint = format!(
                "{} is as it was; with --keep the new facts stay in it, and `drystone log {}` shows the whole log",
                subject.file.display(),
                subject.name
            );
            Err(failure.without_hints().hinting(hint))
        }
    }
}

/// What was fetched for another version.
struct Pins {
    facts: Vec<SourceFacts>,
    sources: Vec<Source>,
    /// The lock file that the main source brings, where the recipe has one.
    lock: Option<NewLock>,
}

/// Fetches and pins all sources that another version has elsewhere.
fn pin(
    project: &Project,
    network: &Network,
    subject: &Subject,
    candidate: &Candidate,
    sink: &dyn Show,
) -> Result<Pins, Failure> {
    let recipe = project.catalog.recipe(&subject.name).expect("a subject is a recipe of the catalogue");
    let size = |path: &std::path::Path| std::fs::metadata(path).map(|metadata| metadata.len());
    let (mut facts, mut sources, mut lock) = (Vec::new(), Vec::new(), None);
    for Wanted { index, urls, locations } in subject.wanted(candidate)? {
        let first = locations.first().map(ToString::to_string).unwrap_or_default();
        let label = first.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
        let pinned = network.pin(&project.store, sink, &label, &locations).map_err(BuildError::from)?;
        let before = project.store.source(&recipe.sources[index].sha256).and_then(|path| size(&path).ok());
        let after = size(&pinned.path).map_err(fs::failed("inspect", &pinned.path))?;
        sources.push(Source {
            file: label,
            sha256: pinned.sha256.to_string(),
            from: pinned.from.map(|from| from.to_string()),
            before,
            after,
        });
        if index == 0 {
            lock = NewLock::of(project, recipe, &candidate.version, &pinned.path)?;
        }
        facts.push(SourceFacts { index, sha256: pinned.sha256, urls });
    }
    Ok(Pins { facts, sources, lock })
}

/// Builds and tests the recipe as the catalogue has it now.
fn build(project: &Project, subject: &Subject, candidate: &Candidate, args: &Update) -> Result<Outputs, Failure> {
    let failures = match attempt(project, &subject.name, &args.running())? {
        Ok(outputs) => return Ok(outputs),
        Err(failures) => failures,
    };
    let patches = failures.iter().find_map(|error| refused_patches(project, subject, candidate, error));
    let failure = Failure::several(failures);
    Err(match patches {
        Some(patches) => failure.because(format!(
            "a patch of {} {} does not apply to {}: {patches}; take it away or make it anew",
            subject.name,
            subject.version(),
            candidate.version
        )),
        None => failure,
    })
}

/// The patches that change the file at which patching failed, if it was that.
fn refused_patches(project: &Project, subject: &Subject, candidate: &Candidate, error: &BuildError) -> Option<String> {
    let BuildError::Failed(failure) = error else { return None };
    let own = format!("{}-{}", subject.name, candidate.version);
    let recipe = project.catalog.recipe(&subject.name).filter(|_| failure.phase == "patch" && failure.name == own)?;
    let patched = failure.tail.iter().rev().find_map(|line| line.strip_prefix("patching file "));
    let changes = |patch: &&LocalFile| {
        let text = fs::read(&patch.path).unwrap_or_default();
        patched.is_some_and(|file| String::from_utf8_lossy(&text).contains(&format!("/{}", file.trim_matches('\''))))
    };
    let named: Vec<&LocalFile> = recipe.patches.iter().filter(changes).collect();
    let named = if named.is_empty() { recipe.patches.iter().collect() } else { named };
    Some(named.iter().map(|patch| patch.name.to_string()).collect::<Vec<_>>().join(" or "))
}

/// What the recipe as it is gave when it was built last.
fn last_build(project: &Project, subject: &Subject) -> Result<Option<Outputs>, Failure> {
    let plan = Plan::new(&project.catalog, &project.target, std::slice::from_ref(&subject.name))?;
    let survey = builder::survey(&plan, &project.store)?;
    if let Some(outputs) = plan.build_of(&subject.name).and_then(|id| survey.outputs(id)) {
        return Ok(Some(outputs.clone()));
    }
    // With another toolchain or other dependencies, say: what people find under the roots is still the last build.
    let default = project.catalog.recipe(&subject.name).and_then(Recipe::default_component);
    let default = default.map_or("bin".to_owned(), |component| component.to_string());
    rooted(&project.store, &project.target, subject, &default)
}

fn rooted(store: &Store, target: &Target, subject: &Subject, default: &str) -> Result<Option<Outputs>, Failure> {
    let stem = format!("{target}/{}-{}", subject.name, subject.version());
    let mut outputs = Outputs::new();
    for (root, object) in store.roots()? {
        let component = match root.strip_prefix(&stem) {
            Some("") => default,
            Some(rest) => match rest.strip_prefix('.') {
                // 1.2 is not 1.2.3.
                Some(component) if !component.starts_with(|c: char| c.is_ascii_digit()) => component,
                _ => continue,
            },
            None => continue,
        };
        if store.has_object(&object) {
            outputs.insert(component.to_owned(), object);
        }
    }
    Ok(Some(outputs).filter(|outputs| !outputs.is_empty()))
}

/// Puts the new text into the file's place, if that is still what was read, and the new lock file into its own.
fn write(subject: &Subject, text: &str, lock: Option<&NewLock>) -> Result<(), Failure> {
    if fs::read_to_string(&subject.file)? != subject.before {
        return Err(Failure::user(
            format!("{} has changed while it was built", subject.file.display()),
            "it was left as it is; run the update again".to_owned(),
        ));
    }
    lock.map_or(Ok(()), NewLock::write)?;
    Ok(fs::replace_file(&subject.file, text.as_bytes())?)
}
