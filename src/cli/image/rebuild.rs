//! `drystone image rebuild`.

mod compare;
mod repository;

use std::path::{Path, PathBuf};

use clap::ValueEnum as _;

use super::build;
use crate::attest::{self, Layout, Recorded};
use crate::cli::args::{Common, Compression, Format, ImageBuild, ImageRebuild};
use crate::cli::failure::Failure;
use crate::cli::show::{escaped, say};
use crate::cli::{project, registry, show};
use crate::fs;
use crate::publish;
use crate::recipe::{Date, Target};
use compare::Outcome;
use repository::Place;

/// Builds an image again, and compares.
pub fn run(common: &Common, args: &ImageRebuild) -> Result<(), Failure> {
    let scratch = tempfile::tempdir().map_err(fs::failed("make a directory in", &std::env::temp_dir()))?;
    let published = find(args, scratch.path())?;
    let layout = Layout::open(&published)?;
    let recorded = provenance(&layout, &published, &args.image)?;
    let repository = match &args.repository {
        Some(repository) => repository.clone(),
        None => project::find(common)?.display().to_string(),
    };
    let place = repository::find(&repository, &recorded.files, scratch.path())?;
    say(format_args!("the files of the provenance are those of {place}"));
    let output = args.output.clone().unwrap_or_else(|| scratch.path().join("rebuilt"));
    let own = own_common(common, args, &recorded, &place)?;
    build::quietly(&own, &request(args, &recorded, &place, &output)?)?;
    let outcome = Outcome::of(&layout, &output, &recorded, &place)?;
    outcome.print(&args.image, args.json);
    if outcome.same { Ok(()) } else { Err(Failure::differs()) }
}

/// Where the image lies; one of a registry once it is pulled.
fn find(args: &ImageRebuild, scratch: &Path) -> Result<PathBuf, Failure> {
    let named = args.image.strip_prefix("oci:").unwrap_or(&args.image);
    if Path::new(named).exists() {
        return Ok(PathBuf::from(named));
    }
    let reference: publish::Reference = named.parse().map_err(|error| {
        let message = format!("{} is not there, and no image of a registry: {error}", escaped(&args.image));
        Failure::user(message, "name a directory, or HOST/REPO:TAG".to_owned())
    })?;
    let registry = registry::reach(&reference.host, &args.way)?;
    let (place, sink) = (scratch.join("image"), show::sink());
    let pulled = publish::pull(&registry, &reference, &publish::Choice::All, &place, &*sink);
    sink.end();
    pulled?;
    Ok(place)
}

/// What the statements beside the image say of how it was made.
fn provenance(layout: &Layout, place: &Path, name: &str) -> Result<Recorded, Failure> {
    let referrers = publish::Layout::open(place, None)?.referrers()?;
    let mut other = None;
    for statement in attest::statements(layout, &referrers)? {
        if statement.predicate_type != attest::PROVENANCE {
            continue;
        }
        match Recorded::of(&statement) {
            Ok(recorded) => return Ok(recorded),
            Err(error) => other = Some(error),
        }
    }
    let hint = "an image that drystone has built has its provenance in evidence/, or as a referrer in the registry";
    Err(match other {
        Some(error) => Failure::from(error),
        None => Failure::user(format!("there is no provenance beside {}", escaped(name)), hint.to_owned()),
    })
}

/// The command line's own, for the project that was found and what the image was made for.
fn own_common(common: &Common, args: &ImageRebuild, recorded: &Recorded, place: &Place) -> Result<Common, Failure> {
    // A revision that was unpacked has no store of its own.
    let store = match (&common.store, project::find(common)) {
        (Some(store), _) => store.clone(),
        (None, Ok(project)) => project.join("store"),
        (None, Err(_)) => {
            let repository = args.repository.as_deref().map(Path::new).filter(|path| path.join("store").is_dir());
            let store = repository.map(|repository| repository.join("store"));
            store.ok_or_else(|| {
                let message = "there is no project here whose store could be used".to_owned();
                Failure::user(message, "name a store with --store; a new one is made".to_owned())
            })?
        }
    };
    let target = match (recorded.targets.len(), recorded.targets.first()) {
        (1, Some(target)) => Some(target.clone()),
        _ => None,
    };
    Ok(Common { project: Some(place.root().to_owned()), store: Some(store), target })
}

/// The build that the provenance tells of.
fn request(args: &ImageRebuild, recorded: &Recorded, place: &Place, output: &Path) -> Result<ImageBuild, Failure> {
    let compression = match recorded.compression.as_deref() {
        None => Compression::Gzip,
        Some(name) => Compression::from_str(name, false).map_err(|_| {
            let message =
                format!("the provenance names a compression that this drystone does not know: {}", escaped(name));
            Failure::user(message, "take the drystone that built the image".to_owned())
        })?,
    };
    for target in &recorded.targets {
        if Target(target.clone()).architecture().is_none() {
            let message =
                format!("the provenance names a target that this drystone does not know: {}", escaped(target));
            return Err(Failure::user(message, "take the drystone that built the image".to_owned()));
        }
    }
    Ok(ImageBuild {
        spec: recorded.spec.path.under(place.root()),
        output: output.to_owned(),
        format: Format::Oci,
        evidence: None,
        builder_id: recorded.builder.clone(),
        compression,
        // What was waived when the image was published does not keep anybody from building it again.
        judged_on: Some(Date { year: 0, month: 1, day: 1 }),
        copy: false,
        json: false,
        running: args.running.clone(),
    })
}
