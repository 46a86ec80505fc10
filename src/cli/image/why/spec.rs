//! Why a path is in the image that a spec makes: computed from the plan and the store, without writing an image.

use std::path::Path;

use super::answer::{Answer, LayerFacts, ObjectFacts, What};
use super::{follow, origin};
use crate::builder::survey;
use crate::cli::args::Common;
use crate::cli::failure::Failure;
use crate::cli::image::build::parts;
use crate::cli::project::Project;
use crate::digest::Sha256;
use crate::fs;
use crate::image::{self, Content, Kind, Node, Origin, Reason, Rootfs};
use crate::path::{RelPath, Step};
use crate::plan::{Plan, closure};
use crate::recipe::{ImageSpec, OutputRef, RecipeName, SpecPart};

/// Answers for a spec.
pub fn answer(common: &Common, file: &Path, path: &str) -> Result<Answer, Failure> {
    let project = Project::open(common)?;
    let spec = project.catalog.load_image_spec(file)?;
    let text = fs::read_to_string(file)?;
    let rootfs = composed(&project, &spec, file)?;
    let look = |path: &RelPath| {
        rootfs.get(path).map(|node| match &node.inode.kind {
            Kind::Directory => Step::Directory,
            Kind::Symlink { target } => Step::Link(target),
            Kind::File(_) => Step::Other,
        })
    };
    let image = format!("the image of {}", file.display());
    let all: Vec<&RelPath> = rootfs.iter().map(|(path, _)| path).collect();
    let (end, links) = follow(&image, path, look, all.into_iter())?;
    let node = rootfs.get(&end).expect("a path that was followed to its end is there");
    let mut answer =
        Answer { image, path: path.to_owned(), links, is: what(&project, &end, node)?, ..Answer::default() };
    answer.layer = Some(layer(&rootfs, node));
    match &node.reason {
        Reason::Component(component) => of_component(&project, &spec, &text, &rootfs, node, component, &mut answer)?,
        reason => answer.because = vec![own(&spec, &text, &end, reason)],
    }
    Ok(answer)
}

/// The spec's root file system, if all that it takes is built.
fn composed(project: &Project, spec: &ImageSpec, file: &Path) -> Result<Rootfs, Failure> {
    let wanted: Vec<OutputRef> = spec.components.iter().map(|request| request.output.clone()).collect();
    let mut recipes: Vec<RecipeName> =
        closure(&project.catalog, &wanted)?.into_iter().map(|(recipe, _)| recipe).collect();
    recipes.sort();
    recipes.dedup();
    let plan = Plan::new(&project.catalog, &project.target, &recipes)?;
    let survey = survey(&plan, &project.store)?;
    let missing = |recipe: &&RecipeName| plan.build_of(recipe).is_none_or(|id| survey.outputs(id).is_none());
    if let Some(recipe) = recipes.iter().find(missing) {
        let message = format!("what {} takes is not built: {recipe} is missing", file.display());
        return Err(Failure::user(message, format!("build it first: drystone build {recipe}")));
    }
    Ok(image::compose(spec, &parts(project, &plan, &survey, spec)?)?)
}

fn what(project: &Project, path: &RelPath, node: &Node) -> Result<What, Failure> {
    let inode = &node.inode;
    let mut what = What {
        path: format!("/{path}"),
        kind: "a directory".to_owned(),
        mode: format!("{:04o}", inode.mode),
        owner: format!("{}:{}", inode.owner.uid, inode.owner.gid),
        ..What::default()
    };
    if let Kind::File(content) = &inode.kind {
        what.kind = if inode.mode & 0o111 != 0 { "an executable file" } else { "a file" }.to_owned();
        let bytes = match content {
            Content::Inline(bytes) => bytes.clone(),
            Content::Object { id, digest } => {
                what.blake3 = Some(digest.to_string());
                fs::read(&path.under(&project.store.object_path(id)))?
            }
        };
        what.bytes = Some(bytes.len() as u64);
        what.sha256 = Some(Sha256::of(&bytes).to_string());
    }
    Ok(what)
}

fn layer(rootfs: &Rootfs, node: &Node) -> LayerFacts {
    let origin = match &rootfs.layers()[node.layer].origin {
        Origin::Spec => "the spec".to_owned(),
        Origin::Object { outputs, .. } => outputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    LayerFacts { number: node.layer + 1, of: rootfs.layers().len(), origin, digest: None }
}

fn of_component(
    project: &Project,
    spec: &ImageSpec,
    text: &str,
    rootfs: &Rootfs,
    node: &Node,
    component: &OutputRef,
    answer: &mut Answer,
) -> Result<(), Failure> {
    answer.because = origin::because(&project.catalog, spec, text, component)?;
    if let Some((recipe, sources)) = origin::recipe(project, &component.recipe) {
        (answer.recipe, answer.sources) = (Some(recipe), sources);
    }
    if let Origin::Object { id, .. } = &rootfs.layers()[node.layer].origin {
        let path = project.store.object_path(id).display().to_string();
        answer.object = Some(ObjectFacts { id: id.to_string(), path: Some(path) });
    }
    Ok(())
}

/// What of the spec itself brings a path.
fn own(spec: &ImageSpec, text: &str, path: &RelPath, reason: &Reason) -> String {
    let part = match reason {
        Reason::File => SpecPart::Path("file", path),
        Reason::Directory => SpecPart::Path("directory", path),
        Reason::Link => SpecPart::Path("link", path),
        Reason::Accounts => SpecPart::Accounts,
        Reason::Workdir | Reason::Component(_) => SpecPart::Config("workdir"),
        Reason::Writable => SpecPart::Writable(path),
    };
    let says = match reason {
        Reason::File => "brings it, as a [[file]] or above one",
        Reason::Directory => "brings it, as a [[directory]] or above one",
        Reason::Link => "brings it, as a [[link]] or above one",
        Reason::Accounts => "declares the users and groups that it lists",
        Reason::Workdir | Reason::Component(_) => "makes it the working directory, or what lies above that",
        Reason::Writable => "makes it writable, so that it must be there to be mounted on",
    };
    format!("{} {says}", origin::place(&spec.file, text, part))
}
