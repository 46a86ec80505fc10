//! `drystone image`, and `drystone image build`.

mod check;
mod component;
mod diff;
mod difference;
mod inspect;
mod open;
mod report;
mod table;
mod why;

use serde::Serialize;

use super::args::{self, Common, Image, ImageBuild, ImageVerb};
use super::carry_out::carry_out;
use super::controls;
use super::evidence::{Evidence, SpecText};
use super::failure::Failure;
use super::judge::judge;
use super::project::Project;
use super::{pull, push, verify_image};
use crate::builder::Survey;
use crate::image::{self, Compression, Format, Options, Origin, Part, Summary};
use crate::plan::{Plan, closure};
use crate::recipe::{ImageSpec, OutputRef, RecipeName, Target};

/// Does what a verb below `image` says.
pub fn run(common: &Common, args: &Image) -> Result<(), Failure> {
    match &args.verb {
        ImageVerb::Build(args) => build(common, args),
        ImageVerb::Verify(args) => verify_image::run(args),
        ImageVerb::Check(args) => check::run(common, args),
        ImageVerb::Inspect(args) => inspect::run(common, args),
        ImageVerb::Diff(args) => diff::run(common, args),
        ImageVerb::Why(args) => why::run(common, args),
        ImageVerb::Report(args) => report::run(common, args),
        ImageVerb::Push(args) => push::run(args),
        ImageVerb::Pull(args) => pull::run(common, args),
    }
}

/// What was made, for machines.
#[derive(Debug, Serialize)]
struct Made {
    name: String,
    tag: String,
    path: String,
    digest: Option<String>,
    config: Option<String>,
    layers: Vec<MadeLayer>,
    files: usize,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct MadeLayer {
    digest: String,
    diff_id: String,
    bytes: u64,
    origin: String,
}

fn build(common: &Common, args: &ImageBuild) -> Result<(), Failure> {
    let project = Project::open(common)?;
    let mut text = SpecText::read(&project, &args.spec)?;
    let spec = project.catalog.load_image_spec(&args.spec)?;
    text.read_policies(&project, &spec.policy.files)?;
    check_targets(&project, &spec)?;
    let wanted: Vec<OutputRef> = spec.components.iter().map(|request| request.output.clone()).collect();
    let mut recipes: Vec<RecipeName> =
        closure(&project.catalog, &wanted)?.into_iter().map(|(recipe, _)| recipe).collect();
    recipes.sort();
    recipes.dedup();
    let plan = Plan::new(&project.catalog, &project.target, &recipes)?;
    let what = format!("image {}", spec.name);
    let survey = carry_out(&project, &plan, &args.running, false, &what)?;
    let parts = parts(&project, &plan, &survey, &spec)?;
    let rootfs = image::compose(&spec, &parts)?;
    let report = judge(&project, &spec, &rootfs)?;
    let controls = controls::files(&rootfs, &project.target);
    let options = Options {
        format: match args.format {
            args::Format::Oci => Format::Oci,
            args::Format::OciArchive => Format::OciArchive,
            args::Format::DockerArchive => Format::DockerArchive,
            args::Format::Rootfs => Format::Rootfs,
        },
        compression: match args.compression {
            args::Compression::Gzip => Compression::Gzip,
            args::Compression::Zstd => Compression::Zstd,
        },
        target: project.target.clone(),
        links: !args.copy,
    };
    let evidence = Evidence {
        project: &project,
        plan: &plan,
        survey: &survey,
        spec: &text,
        report: &report,
        controls: &controls,
        args,
    };
    let beside = |made: &Summary| {
        let mut files = evidence.of(&rootfs, made)?;
        files.extend(controls.clone());
        Ok::<_, Failure>(files)
    };
    let summary = image::write_with(&rootfs, &options, &project.store, &args.output, beside)?;
    print(args, &spec, &summary);
    Ok(())
}

/// The spec's targets must be the one that is built for: an image for several platforms is not made yet, and none of
/// them may be left out unseen.
fn check_targets(project: &Project, spec: &ImageSpec) -> Result<(), Failure> {
    let others: Vec<_> =
        spec.targets.iter().filter(|target| **target != project.target).map(Target::to_string).collect();
    if others.is_empty() {
        return Ok(());
    }
    let message = format!("{} is for {} too, and images are made for one target", spec.name, others.join(", "));
    Err(Failure::user(message, "leave `targets` out of the spec, and name the target with --target".to_owned()))
}

/// What the spec names, each with its run-time closure; `only` counts for what is named, not for what that needs.
fn parts(project: &Project, plan: &Plan<'_>, survey: &Survey, spec: &ImageSpec) -> Result<Vec<Part>, Failure> {
    let mut parts: Vec<Part> = Vec::new();
    for request in &spec.components {
        for (index, (recipe, component)) in
            closure(&project.catalog, std::slice::from_ref(&request.output))?.into_iter().enumerate()
        {
            let id = plan.object(&|id| survey.outputs(id), &recipe, &component)?;
            let version = project.catalog.recipe(&recipe).map(|recipe| recipe.version.clone()).unwrap_or_default();
            let only = if index == 0 { request.only.clone() } else { None };
            let output = OutputRef { recipe, component: Some(component) };
            match parts.iter_mut().find(|part| part.output == output) {
                // Named whole by one and in part by another: it is there whole.
                Some(known) => {
                    known.named |= index == 0;
                    known.only = known.only.take().zip(only).map(|(mut paths, more)| {
                        paths.extend(more);
                        paths
                    })
                }
                None => {
                    parts.push(Part { output, version, id, tree: project.store.tree(&id)?, only, named: index == 0 })
                }
            }
        }
    }
    Ok(parts)
}

/// What a layer is made from: `sed/bin 4.9`.
fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Spec => "spec".to_owned(),
        Origin::Object { outputs, .. } => {
            outputs.iter().map(|one| format!("{} {}", one.output, one.version)).collect::<Vec<_>>().join(", ")
        }
    }
}

fn print(args: &ImageBuild, spec: &ImageSpec, summary: &Summary) {
    let Summary { manifest, config, layers, size, files, linked } = summary;
    let oci = |digest: &crate::digest::Sha256| format!("sha256:{digest}");
    let made = Made {
        name: spec.name.clone(),
        tag: spec.tag.clone(),
        path: args.output.display().to_string(),
        digest: manifest.as_ref().map(oci),
        config: config.as_ref().map(oci),
        layers: layers
            .iter()
            .map(|layer| MadeLayer {
                digest: oci(&layer.digest),
                diff_id: oci(&layer.diff_id),
                bytes: layer.size,
                origin: origin(&layer.origin),
            })
            .collect(),
        files: *files,
        bytes: *size,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&made).expect("this is plain data"));
        return;
    }
    if *linked > 0 {
        eprintln!(
            "{linked} files are hard links into the store: to change them in place would change the store \
             (--copy makes them the directory's own)"
        );
    }
    eprintln!("{}: {files} files in {} layers, {}", made.path, layers.len(), indicatif::HumanBytes(*size));
    match made.digest.or(made.config) {
        Some(digest) => println!("{digest}"),
        None => println!("{}", made.path),
    }
}
