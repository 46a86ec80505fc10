//! What came of a rebuild: whether the digests are the same, and if not, where the images differ.

use std::path::Path;

use serde::Serialize;

use super::repository::Place;
use crate::attest::{Layout, Recorded, Subject};
use crate::cli::failure::Failure;
use crate::cli::image::component::component;
use crate::cli::image::diff;
use crate::cli::image::difference::Difference;
use crate::cli::show::escaped;
use crate::image::read::{self, Contents, Limits, Platform, Source};
use crate::image::{Compression, encoder};
use crate::sandbox;

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Whether the image has the same digest.
    pub same: bool,
    published: String,
    rebuilt: String,
    /// Of the project's repository; nothing where the files were as they are.
    revision: Option<String>,
    /// What made the image otherwise than this drystone does.
    tools: Vec<Tool>,
    platforms: Vec<OfPlatform>,
}

/// A part of drystone whose version decides bytes.
#[derive(Debug, Serialize)]
struct Tool {
    what: &'static str,
    then: String,
    now: String,
}

/// One platform's image.
#[derive(Debug, Serialize)]
struct OfPlatform {
    platform: String,
    published: Option<String>,
    rebuilt: Option<String>,
    layers: Vec<OfLayer>,
    /// Nothing where it is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Difference>,
}

/// A layer that differs.
#[derive(Debug, Serialize)]
struct OfLayer {
    number: usize,
    component: String,
    /// The diffIDs.
    published: Option<String>,
    rebuilt: Option<String>,
}

impl Outcome {
    /// Compares the image in a layout with the one that was built.
    pub fn of(published: &Layout, rebuilt: &Path, recorded: &Recorded, place: &Place) -> Result<Self, Failure> {
        let rebuilt = Layout::open(rebuilt)?;
        let top = |layout: &Layout| layout.subjects().iter().find(|one| one.parent.is_none()).map(digest);
        let tops = [published, &rebuilt].map(|layout| top(layout).expect("a layout that was opened names an image"));
        let [old, new] = tops;
        let same = old == new;
        let platforms = if same { Vec::new() } else { platforms(published, &rebuilt)? };
        let tools = if same { Vec::new() } else { tools(recorded) };
        let revision = place.commit().map(str::to_owned);
        Ok(Self { same, published: old, rebuilt: new, revision, tools, platforms })
    }

    /// Prints it.
    pub fn print(&self, image: &str, json: bool) {
        if json {
            println!("{}", serde_json::to_string_pretty(self).expect("this is plain data"));
            return;
        }
        let Self { same, published, rebuilt, tools, platforms, .. } = self;
        if *same {
            println!("{}: the same image, {published}", escaped(image));
            return;
        }
        println!("{}: another image: {published} → {rebuilt}", escaped(image));
        for Tool { what, then, now } in tools {
            println!("  {what}: {} → {}", escaped(then), escaped(now));
        }
        for OfPlatform { platform, published, rebuilt, layers, difference } in platforms {
            let shown = |digest: &Option<String>| digest.clone().unwrap_or_else(|| "none".to_owned());
            if published == rebuilt {
                println!("\n{}: the same, {}", escaped(platform), shown(published));
                continue;
            }
            println!("\n{}: {} → {}", escaped(platform), shown(published), shown(rebuilt));
            for OfLayer { number, component, published, rebuilt } in layers {
                println!("  layer {number} ({component}): {} → {}", shown(published), shown(rebuilt));
            }
            match difference {
                Some(difference) if !difference.is_none() => diff::print(difference),
                Some(_) => println!("  the same paths and configuration, in other layers or otherwise compressed"),
                None => {}
            }
        }
    }
}

fn digest(subject: &Subject) -> String {
    subject.descriptor.digest.to_string()
}

/// What of drystone has changed since.
fn tools(recorded: &Recorded) -> Vec<Tool> {
    let mut tools = Vec::new();
    let mut note = |what, then: &str, now: &str| {
        if then != now {
            tools.push(Tool { what, then: then.to_owned(), now: now.to_owned() });
        }
    };
    note("version of the sandbox", &recorded.sandbox, &sandbox::VERSION.to_string());
    let zstd = recorded.compression.as_deref() == Some("zstd");
    if let Some(then) = &recorded.encoder {
        note("encoder of the layers", then, encoder(if zstd { Compression::Zstd } else { Compression::Gzip }));
    }
    tools
}

fn platforms(published: &Layout, rebuilt: &Layout) -> Result<Vec<OfPlatform>, Failure> {
    let [old, new] = [read_all(published)?, read_all(rebuilt)?];
    let name = |contents: &Contents<()>| contents.config.as_ref().map(|config| config.platform()).unwrap_or_default();
    let mut names: Vec<String> = old.iter().chain(&new).map(name).collect();
    names.sort();
    names.dedup();
    let of = |platform: String| {
        let [before, after] = [&old, &new].map(|all| all.iter().find(|contents| name(contents) == platform));
        let digest = |contents: Option<&Contents<()>>| Some(format!("sha256:{}", contents?.manifest?));
        let (published, rebuilt) = (digest(before), digest(after));
        let both = before.zip(after).filter(|_| published != rebuilt);
        OfPlatform {
            platform,
            layers: both.map(|(before, after)| layers(before, after)).unwrap_or_default(),
            difference: both.map(|(before, after)| difference(before, after)),
            published,
            rebuilt,
        }
    };
    Ok(names.into_iter().map(of).collect())
}

fn difference(before: &Contents<()>, after: &Contents<()>) -> Difference {
    let mut difference = Difference::of(before, after);
    // Where they lie says nothing: one of them, or both, in a directory that goes away.
    "published".clone_into(&mut difference.before.name);
    "rebuilt".clone_into(&mut difference.after.name);
    difference
}

/// The image of each platform in a layout.
fn read_all(layout: &Layout) -> Result<Vec<Contents<()>>, Failure> {
    let top = layout.subjects().iter().find(|one| one.parent.is_none()).map(digest).unwrap_or_default();
    let source = Source::find(&format!("{}@{top}", layout.root().display()))?;
    let mut all = Vec::new();
    for subject in layout.subjects().iter().filter(|subject| subject.descriptor.is_manifest()) {
        let platform = subject.descriptor.platform.as_ref().map(|platform| Platform {
            os: platform.os.clone(),
            architecture: platform.architecture.clone(),
            variant: platform.variant.clone(),
        });
        // A manifest that stands alone is read whatever it is for.
        let platform = platform.unwrap_or(Platform { os: "linux".into(), architecture: String::new(), variant: None });
        all.push(read::contents(&source, &platform, Limits::default(), &|_: &[u8]| ())?);
    }
    Ok(all)
}

fn layers(before: &Contents<()>, after: &Contents<()>) -> Vec<OfLayer> {
    let count = before.layers.len().max(after.layers.len());
    let layer = |index: usize| {
        let diff_id = |contents: &Contents<()>| Some(format!("sha256:{}", contents.layers.get(index)?.diff_id));
        let of = if index < after.layers.len() { after } else { before };
        OfLayer {
            number: index + 1,
            component: component(&of.layers, Some(index)),
            published: diff_id(before),
            rebuilt: diff_id(after),
        }
    };
    (0..count).map(layer).filter(|layer| layer.published != layer.rebuilt).collect()
}
