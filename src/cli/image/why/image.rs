//! Why a path is in an image that was written: what its layers say, the provenance beside it, and the project here.

use std::path::PathBuf;

use serde_json::Value;

use super::answer::{Answer, LayerFacts, ObjectFacts, SourceFacts, What};
use super::{follow, origin};
use crate::cli::args::{Common, ImageWhy};
use crate::cli::failure::Failure;
use crate::cli::image::component::component;
use crate::cli::image::open::open;
use crate::cli::project::Project;
use crate::digest::Sha256;
use crate::fs;
use crate::image::Provenance;
use crate::image::read::{Contents, Entry, Form, Kind, Made, Source};
use crate::path::RelPath;
use crate::recipe::SpecPart;

/// Where a layout keeps the provenance of its image.
const PROVENANCE: &str = "evidence/provenance.intoto.json";

/// Answers for an image.
pub fn answer(common: &Common, args: &ImageWhy) -> Result<Answer, Failure> {
    let contents = open(common, &args.reading, &args.image, &|_: &[u8]| ())?;
    let (end, links) = follow(&contents.name, &args.path, |path| contents.step(path), contents.entries.keys())?;
    let entry = &contents.entries[&end];
    let mut answer = Answer {
        image: contents.name.clone(),
        path: args.path.clone(),
        links,
        is: what(&end, entry),
        ..Answer::default()
    };
    let layer = entry.layer.and_then(|index| Some((index, contents.layers.get(index)?)));
    let Some((index, layer)) = layer else {
        answer.unknown.push("a directory says of none of its files where it is from".to_owned());
        return Ok(answer);
    };
    answer.layer = Some(LayerFacts {
        number: index + 1,
        of: contents.layers.len(),
        origin: component(&contents.layers, Some(index)),
        digest: layer.digest.or(Some(layer.diff_id)).map(|digest| format!("sha256:{digest}")),
    });
    answer.object = layer.object().map(|id| ObjectFacts { id: id.to_string(), path: None });
    let provenance = provenance(&contents, args, &mut answer)?;
    let project = Project::open(common).ok();
    match layer.made_from() {
        Some(Made::Outputs(outputs)) => {
            // Outputs of one object are alike in all; what is said of one is said of the others.
            if let Some(output) = outputs.first() {
                of_output(project.as_ref(), provenance.as_ref(), output, &mut answer)?;
            }
        }
        Some(Made::Spec(name)) => of_spec(project.as_ref(), provenance.as_ref(), &name, &end, &mut answer),
        None => answer.unknown.push("the layer is another builder's, who says no more of it".to_owned()),
    }
    Ok(answer)
}

fn what(path: &RelPath, entry: &Entry<()>) -> What {
    let (kind, bytes, sha256) = match &entry.kind {
        Kind::File(file) => {
            let kind = if entry.mode & 0o111 != 0 { "an executable file" } else { "a file" };
            (kind, Some(file.size), Some(file.digest.to_string()))
        }
        Kind::Directory => ("a directory", None, None),
        Kind::Symlink { .. } => ("a symbolic link", None, None),
        Kind::Special(what) => (*what, None, None),
    };
    What {
        path: format!("/{path}"),
        kind: kind.to_owned(),
        mode: format!("{:04o}", entry.mode),
        owner: format!("{}:{}", entry.owner.uid, entry.owner.gid),
        bytes,
        sha256,
        blake3: None,
    }
}

/// The provenance beside a layout, if it speaks of this image.
fn provenance(contents: &Contents<()>, args: &ImageWhy, answer: &mut Answer) -> Result<Option<Value>, Failure> {
    let text = match contents.form {
        Form::Layout => fs::read_if_exists(&Source::find(&args.image)?.path.join(PROVENANCE))?,
        _ => None,
    };
    let Some(text) = text else {
        answer.unknown.push(format!("no {PROVENANCE} is beside the image, which would tell the spec and the sources"));
        return Ok(None);
    };
    let statement: Value = serde_json::from_str(&text).unwrap_or_default();
    let manifest = contents.manifest.map(|digest| digest.to_string());
    let mut subjects = statement["subject"].as_array().into_iter().flatten();
    if subjects.any(|subject| subject["digest"]["sha256"].as_str() == manifest.as_deref()) {
        return Ok(Some(statement));
    }
    answer.unknown.push(format!("{PROVENANCE} is of another image"));
    Ok(None)
}

/// The spec that the provenance names, seen from the project, and its text, if the project has it as it was.
fn spec_of(project: Option<&Project>, provenance: Option<&Value>) -> Result<(PathBuf, String), String> {
    let Some(provenance) = provenance else { return Err("which spec named it is not known".to_owned()) };
    let spec = &provenance["predicate"]["buildDefinition"]["externalParameters"]["spec"];
    let name = spec["name"].as_str().unwrap_or_default();
    let Some(project) = project else {
        return Err(format!("the spec {name} is not here: run in its project, or name that with --project"));
    };
    let text = std::fs::read_to_string(project.root.join(name))
        .map_err(|_| format!("the spec {name} is not in this project"))?;
    if spec["digest"]["sha256"] != Sha256::of(text.as_bytes()).to_string() {
        return Err(format!("the spec {name} is not as it was when the image was built"));
    }
    Ok((PathBuf::from(name), text))
}

fn of_output(
    project: Option<&Project>,
    provenance: Option<&Value>,
    output: &Provenance,
    answer: &mut Answer,
) -> Result<(), Failure> {
    match (spec_of(project, provenance), project) {
        (Ok((path, text)), Some(project)) => {
            // As it was when the image was built; the recipes may be others.
            let mut spec = project.catalog.load_image_spec(&project.root.join(&path))?;
            spec.file = path;
            answer.because = origin::because(&project.catalog, &spec, &text, &output.output)?;
        }
        (Ok(_), None) => {}
        (Err(unknown), _) => answer.unknown.push(unknown),
    }
    let recipe = &output.output.recipe;
    match project.and_then(|project| origin::recipe(project, recipe)) {
        Some((facts, sources)) if facts.version == output.version => {
            (answer.recipe, answer.sources) = (Some(facts), sources);
        }
        Some((facts, _)) => {
            let is = format!("{} says {}, the image has {}", facts.file, facts.version, output.version);
            answer.unknown.push(is);
            answer.sources = sources(provenance, recipe.as_str());
        }
        None => {
            answer
                .unknown
                .push(format!("the recipe {recipe} is not here: run in its project, or name that with --project"));
            answer.sources = sources(provenance, recipe.as_str());
        }
    }
    if let (Some(project), Some(object)) = (project, &mut answer.object) {
        let path = object.id.parse().map(|id| project.store.object_path(&id));
        object.path = path.ok().filter(|path| path.is_dir()).map(|path| path.display().to_string());
    }
    Ok(())
}

fn of_spec(project: Option<&Project>, provenance: Option<&Value>, name: &str, path: &RelPath, answer: &mut Answer) {
    match spec_of(project, provenance) {
        Err(unknown) => {
            answer.because = vec![format!("the image spec {name} brings it itself")];
            answer.unknown.push(unknown);
        }
        Ok((file, text)) => {
            let parts = ["file", "directory", "link"].map(|kind| SpecPart::Path(kind, path));
            let found = parts.into_iter().chain([SpecPart::Writable(path)]);
            let part = found.into_iter().find(|part| crate::recipe::spec_line(&text, *part).is_some());
            let place = part.map_or_else(|| file.display().to_string(), |part| origin::place(&file, &text, part));
            answer.because = vec![format!("{place} brings it itself")];
        }
    }
}

/// The sources of a recipe as the provenance has them.
fn sources(provenance: Option<&Value>, recipe: &str) -> Vec<SourceFacts> {
    let dependencies = provenance.map(|statement| &statement["predicate"]["buildDefinition"]["resolvedDependencies"]);
    let dependencies = dependencies.and_then(Value::as_array).into_iter().flatten();
    let own =
        dependencies.filter(|one| one["annotations"]["kind"] == "source" && one["annotations"]["recipe"] == recipe);
    let source = |one: &Value| {
        let places = one["annotations"]["locations"].as_array().into_iter().flatten();
        let places: Vec<_> = places.filter_map(Value::as_str).map(str::to_owned).collect();
        Some(SourceFacts { sha256: one["digest"]["sha256"].as_str()?.to_owned(), places })
    };
    own.filter_map(source).collect()
}
