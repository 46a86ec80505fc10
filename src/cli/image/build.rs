//! `drystone image build`.

use serde::Serialize;

use crate::builder::Survey;
use crate::cli::args::{self, Common, ImageBuild, Running};
use crate::cli::carry_out::carry_out;
use crate::cli::controls;
use crate::cli::evidence::{Composed, Evidence, SpecText, directory};
use crate::cli::failure::Failure;
use crate::cli::image::locked::Locked;
use crate::cli::judge::{judge, today};
use crate::cli::project::Project;
use crate::cli::scope::{recipes_of, targets_of};
use crate::digest::Sha256;
use crate::image::{self, Compression, Format, Options, Origin, Part, Several, Summary};
use crate::plan::{Plan, closure};
use crate::recipe::{Date, ImageSpec, OutputRef, Target};

/// What was made, for machines.
#[derive(Debug, Serialize)]
struct Made {
    name: String,
    tag: String,
    path: String,
    digest: Option<String>,
    #[serde(flatten)]
    image: Option<MadeImage>,
    /// Of an image for several platforms, what each one's is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<MadeImage>,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct MadeImage {
    target: String,
    manifest: Option<String>,
    config: Option<String>,
    layers: Vec<MadeLayer>,
    files: usize,
}

#[derive(Debug, Serialize)]
struct MadeLayer {
    digest: String,
    diff_id: String,
    bytes: u64,
    origin: String,
}

/// Builds what an image needs and assembles it, for each of its targets; prints its digest.
pub fn run(common: &Common, args: &ImageBuild) -> Result<(), Failure> {
    make(common, args, &|spec, images, written| print(args, spec, images, written))
}

/// The same without a word of what was made.
pub fn quietly(common: &Common, args: &ImageBuild) -> Result<(), Failure> {
    make(common, args, &|_, _, _| ())
}

/// Takes note of what was made.
type Told<'t> = &'t dyn Fn(&ImageSpec, &[Composed<'_>], Written);

fn make(common: &Common, args: &ImageBuild, told: Told<'_>) -> Result<(), Failure> {
    let project = Project::open(common)?;
    let mut text = SpecText::read(&project, &args.spec)?;
    let spec = project.catalog.load_image_spec(&args.spec)?;
    text.read_named(&project, &spec)?;
    let targets = targets(common, &project, &spec, args.format)?;
    let several = targets.len() > 1;
    let whole = common.target.is_none() && args.compression == args::Compression::Gzip;
    let locked = Locked::of(&project, &args.spec, &args.running, whole)?;
    let day = args.judged_on.unwrap_or_else(today);
    let images = targets.into_iter().map(|target| compose(&project, &spec, target, several, &args.running, day));
    let images = images.collect::<Result<Vec<_>, _>>()?;
    let options = |target: &Target| Options {
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
        target: target.clone(),
        links: !args.copy,
    };
    let evidence = Evidence { project: &project, spec: &text, images: &images, args };
    match images.as_slice() {
        [one] => {
            let beside = |made: &Summary| {
                made.manifest.map_or(Ok(()), |digest| locked.hold(&digest))?;
                evidence.of(None, std::slice::from_ref(made))
            };
            let options = options(&one.target);
            let summary = image::write_with(&one.rootfs, &options, &project.store, &args.output, beside)?;
            told(&spec, &images, Written::One(summary));
        }
        several => {
            let beside = |made: &Several| {
                locked.hold(&made.index)?;
                evidence.of(Some(made.index), &made.images)
            };
            let variants: Vec<_> = several.iter().map(|one| (one.target.clone(), &one.rootfs)).collect();
            let options = options(&project.target);
            let written = image::write_several(&variants, &options, &project.store, &args.output, beside)?;
            told(&spec, &images, Written::Several(written));
        }
    }
    Ok(())
}

/// What the image is made for, which its format must be able to hold.
fn targets(common: &Common, project: &Project, spec: &ImageSpec, format: args::Format) -> Result<Vec<Target>, Failure> {
    let targets = targets_of(common, project, spec)?;
    if targets.len() > 1 && matches!(format, args::Format::DockerArchive | args::Format::Rootfs) {
        let listed = targets.iter().map(Target::to_string).collect::<Vec<_>>().join(", ");
        let message = format!("{} is for {listed}, and this format holds an image for one", spec.name);
        return Err(Failure::user(message, "say which with --target, or write an OCI layout or archive".to_owned()));
    }
    Ok(targets)
}

/// Builds what the image needs for a target, and lays it together; waivers count if they hold on `day`.
pub fn compose<'p>(
    project: &'p Project,
    spec: &ImageSpec,
    target: Target,
    several: bool,
    running: &Running,
    day: Date,
) -> Result<Composed<'p>, Failure> {
    let plan = Plan::new(&project.catalog, &target, &recipes_of(project, spec)?)?;
    let of = if several { format!(" for {target}") } else { String::new() };
    let survey = carry_out(project, &plan, running, false, &format!("image {}{of}", spec.name))?;
    let rootfs = image::compose(spec, &parts(project, &plan, &survey, spec)?)?;
    let report = judge(project, spec, &rootfs, &target, day)?;
    let controls = controls::files(&rootfs, &target, &directory("runtime", &target, several)?);
    Ok(Composed { target, plan, survey, rootfs, report, controls })
}

/// What the spec names, each with its run-time closure; `only` counts for what is named, not for what that needs.
pub fn parts(project: &Project, plan: &Plan<'_>, survey: &Survey, spec: &ImageSpec) -> Result<Vec<Part>, Failure> {
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

/// What was written.
enum Written {
    One(Summary),
    Several(Several),
}

fn print(args: &ImageBuild, spec: &ImageSpec, images: &[Composed<'_>], written: Written) {
    let of = |summary: &Summary, composed: &Composed<'_>| made_image(summary, &composed.target);
    let (digest, image, several, bytes, linked) = match &written {
        Written::One(one) => (one.manifest, Some(of(one, &images[0])), Vec::new(), one.size, one.linked),
        Written::Several(several) => {
            let images = several.images.iter().zip(images).map(|(one, composed)| of(one, composed)).collect();
            (Some(several.index), None, images, several.size, 0)
        }
    };
    let path = args.output.display().to_string();
    let digest = digest.as_ref().map(oci);
    let (name, tag) = (spec.name.clone(), spec.tag.clone());
    let made = Made { name, tag, path, digest, image, images: several, bytes };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&made).expect("this is plain data"));
        return;
    }
    if linked > 0 {
        eprintln!(
            "{linked} files are hard links into the store: to change them in place would change the store \
             (--copy makes them the directory's own)"
        );
    }
    for image in &made.images {
        let digest = image.manifest.as_deref().unwrap_or_default();
        eprintln!("  {}: {} files in {} layers, {digest}", image.target, image.files, image.layers.len());
    }
    let what = match &made.image {
        Some(image) => format!("{} files in {} layers", image.files, image.layers.len()),
        None => format!("an image for {} platforms", made.images.len()),
    };
    eprintln!("{}: {what}, {}", made.path, indicatif::HumanBytes(bytes));
    let config = made.image.and_then(|image| image.config);
    println!("{}", made.digest.or(config).unwrap_or(made.path));
}

fn made_image(summary: &Summary, target: &Target) -> MadeImage {
    let layer = |layer: &image::LayerSummary| MadeLayer {
        digest: oci(&layer.digest),
        diff_id: oci(&layer.diff_id),
        bytes: layer.size,
        origin: origin(&layer.origin),
    };
    MadeImage {
        target: target.to_string(),
        manifest: summary.manifest.as_ref().map(oci),
        config: summary.config.as_ref().map(oci),
        layers: summary.layers.iter().map(layer).collect(),
        files: summary.files,
    }
}

fn oci(digest: &Sha256) -> String {
    format!("sha256:{digest}")
}
