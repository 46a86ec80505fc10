//! `drystone new`.

mod draft;
mod inspect;
mod license;
mod origin;
mod trial;

use super::args::{Common, New};
use super::failure::Failure;
use super::network::Network;
use super::project::Project;
use super::show::{self, escaped, say};
use crate::archive::{self, Limits};
use crate::builder::BuildError;
use crate::fetch::Pinned;
use crate::fs;
use crate::recipe::RecipeName;
use draft::{Draft, LOCK, Test};
use inspect::{Findings, System, inspect};
use origin::Origin;
use trial::{End, trial};

/// Writes the recipe of something new.
pub fn run(common: &Common, args: &New) -> Result<(), Failure> {
    let mut project = Project::open(common)?;
    let network = Network::open()?;
    let origins = Origin::of(&args.what, args.release.as_deref(), &network)?;
    let name = name(&project, args, &origins[0])?;
    let file = project.root.join("recipes").join(format!("{name}.toml"));
    let (origin, pinned) = fetched(&project, &network, &origins)?;
    let (mut draft, mut unsure) = look(&project, &name, origin, &pinned)?;
    let end = match args.no_build || draft.preset.is_none() {
        true => None,
        false => Some(trial(&mut project, &name, &mut draft, &args.running(), &mut unsure)?),
    };
    if let Some(lock) = &draft.lock {
        let beside = file.with_extension("");
        fs::create_dir_all(&beside)?;
        fs::write_new(&beside.join(LOCK), lock)?;
    }
    fs::write_new(&file, draft.text())?;
    println!("{}", file.display());
    say(format_args!("{name} {}: {}", draft.version, described(&draft, end.as_ref())));
    unsure.iter().for_each(|what| say(format_args!("  unsure  {}", escaped(what))));
    match end {
        Some(End::Fails(failure)) => {
            let hint =
                format!("{} is written as far as it goes; look at it, then: drystone build {name}", file.display());
            Err(failure.hinting(hint))
        }
        _ => Ok(()),
    }
}

/// The recipe's name, which nothing here has yet.
fn name(project: &Project, args: &New, origin: &Origin) -> Result<RecipeName, Failure> {
    let name = match &args.name {
        Some(name) => name.clone(),
        None => RecipeName::new(origin.name.as_str())
            .map_err(|error| Failure::user(error.to_string(), "name it: --name NAME".to_owned()))?,
    };
    match project.catalog.recipe(&name) {
        Some(there) => Err(Failure::user(
            format!("there is a recipe `{name}` already: {}", there.file.display()),
            format!("to bring it to another version: drystone update {name}; for another name: --name NAME"),
        )),
        None => Ok(name),
    }
}

/// Fetches and pins the first source that is there.
fn fetched<'o>(project: &Project, network: &Network, origins: &'o [Origin]) -> Result<(&'o Origin, Pinned), Failure> {
    let sink = show::sink();
    let mut first = None;
    for origin in origins {
        match network.pin(&project.store, &*sink, &origin.label(), &[origin.location()?]) {
            Ok(pinned) => {
                sink.end();
                return Ok((origin, pinned));
            }
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    sink.end();
    Err(BuildError::from(first.expect("an origin has at least one form")).into())
}

/// Unpacks the source; what it says is the first draft.
fn look(
    project: &Project,
    name: &RecipeName,
    origin: &Origin,
    Pinned { sha256, path, .. }: &Pinned,
) -> Result<(Draft, Vec<String>), Failure> {
    let scratch = project.store.scratch()?;
    let source = scratch.path().join("source");
    let unpacked = archive::unpack(path, &origin.label(), &source, 1, &Limits::default());
    unpacked.map_err(|source| BuildError::Unpack { name: name.to_string(), source })?;
    let Findings { system, license, homepage, summary, mut unsure } = inspect(&source, &origin.name)?;
    let mut preset = system.preset().filter(|preset| project.catalog.preset(preset).is_some());
    let mut lock = None;
    if preset.is_none() {
        unsure.insert(0, no_preset(project, system));
    } else if system == System::Other("cargo") {
        lock = fs::read_if_exists(&source.join(LOCK))?.map(String::into_bytes);
        if lock.is_none() {
            preset = None;
            unsure.insert(0, format!("the build: the source brings no {LOCK}, which the preset cargo needs"));
        }
    }
    let remark = (!origin.repacked.is_empty()).then(|| "Debian's archive is not quite upstream's.".to_owned());
    let draft = Draft {
        name: name.to_string(),
        version: origin.version.clone(),
        summary: summary.unwrap_or_else(|| format!("{name}, which is to be described here")),
        license: license.unwrap_or_else(|| "LicenseRef-unknown".to_owned()),
        homepage,
        sha256: *sha256,
        url: origin.url.clone(),
        remark,
        target: Vec::new(),
        build: Vec::new(),
        pkg_config: false,
        preset: preset.map(str::to_owned),
        lock,
        drop: Vec::new(),
        utilities: Vec::new(),
        bin: Vec::new(),
        test: Test::None,
    };
    Ok((draft, unsure))
}

/// Why nobody knows how it is built.
fn no_preset(project: &Project, system: System) -> String {
    let presets = project.catalog.presets().chain(["cc"]).collect::<Vec<_>>().join(", ");
    match system.preset() {
        Some(other) => {
            format!("the build: it is built with {other}, and there is no preset for that; presets are {presets}")
        }
        None => format!("the build: it has neither configure nor a Makefile; presets are {presets}"),
    }
}

fn described(draft: &Draft, end: Option<&End>) -> String {
    let how = draft.preset.as_deref().unwrap_or("no preset");
    let result = match end {
        None => "not built".to_owned(),
        Some(End::Builds { programs }) if programs.is_empty() => "it builds; it has no programs".to_owned(),
        Some(End::Builds { programs }) => format!("it builds; its programs are {}", programs.join(", ")),
        Some(End::Fails(_)) => "it does not build yet".to_owned(),
    };
    format!("{how}, {}; {result}", draft.license)
}
