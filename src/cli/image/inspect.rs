//! `drystone image inspect`.

use std::collections::BTreeMap;
use std::path::Path;

use indicatif::HumanBytes;
use serde::Serialize;

use super::component::component;
use super::open::open;
use crate::cli::args::{Common, ImageInspect};
use crate::cli::failure::Failure;
use crate::cli::show::escaped;
use crate::fs;
use crate::image::Contents;
use crate::image::read::{Config, Form, Kind, Source};

/// The directories of a layout that hold what belongs to its image beside the image itself.
const BESIDE: [&str; 2] = ["evidence", "runtime"];

/// An image, for machines.
#[derive(Serialize)]
struct Inspected {
    name: String,
    form: String,
    manifest: Option<String>,
    config_digest: Option<String>,
    platform: Option<String>,
    config: Option<serde_json::Value>,
    annotations: BTreeMap<String, String>,
    layers: Vec<InspectedLayer>,
    components: BTreeMap<String, Share>,
    total: Share,
    beside: Vec<Beside>,
}

#[derive(Serialize)]
struct InspectedLayer {
    digest: Option<String>,
    diff_id: String,
    bytes: u64,
    media_type: Option<String>,
    component: String,
    object: Option<String>,
}

/// What a component has of the image.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Share {
    files: usize,
    links: usize,
    directories: usize,
    others: usize,
    bytes: u64,
}

/// A file that belongs to the image.
#[derive(Serialize)]
struct Beside {
    path: String,
    bytes: u64,
}

/// Shows an image.
pub fn run(common: &Common, args: &ImageInspect) -> Result<(), Failure> {
    let contents = open(common, &args.reading, &args.image, &|_: &[u8]| ())?;
    let beside = match contents.form {
        Form::Layout => beside(&Source::find(&args.image)?.path)?,
        _ => Vec::new(),
    };
    let inspected = inspected(&contents, beside);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&inspected).expect("this is plain data"));
    } else {
        print(&inspected, contents.config.as_ref());
    }
    Ok(())
}

fn inspected(contents: &Contents<()>, beside: Vec<Beside>) -> Inspected {
    let oci = |digest| format!("sha256:{digest}");
    let (components, total) = shares(contents);
    let layers = contents.layers.iter().enumerate().map(|(index, layer)| InspectedLayer {
        digest: layer.digest.map(oci),
        diff_id: oci(layer.diff_id),
        bytes: layer.size,
        media_type: layer.media_type.clone(),
        component: component(&contents.layers, Some(index)),
        object: layer.object().map(|id| id.to_string()),
    });
    let config = contents.config.as_ref();
    Inspected {
        name: contents.name.clone(),
        form: contents.form.to_string(),
        manifest: contents.manifest.map(oci),
        config_digest: config.map(|config| oci(config.digest)),
        platform: config.map(Config::platform),
        config: config.map(|config| config.document.clone()),
        annotations: contents.annotations.clone(),
        layers: layers.collect(),
        components,
        total,
        beside,
    }
}

/// What each component has, and all have together. Of a file's several names each counts, its bytes once.
fn shares(contents: &Contents<()>) -> (BTreeMap<String, Share>, Share) {
    let mut shares: BTreeMap<Option<usize>, Share> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for entry in contents.entries.values() {
        let share = shares.entry(entry.layer).or_default();
        match &entry.kind {
            Kind::File(file) => {
                share.files += 1;
                share.bytes += if seen.insert(file.inode) { file.size } else { 0 };
            }
            Kind::Symlink { .. } => share.links += 1,
            Kind::Directory => share.directories += 1,
            Kind::Special(_) => share.others += 1,
        }
    }
    let mut total = Share::default();
    let mut components: BTreeMap<String, Share> = BTreeMap::new();
    for (layer, share) in shares {
        let known = components.entry(component(&contents.layers, layer)).or_default();
        for sum in [known, &mut total] {
            sum.files += share.files;
            sum.links += share.links;
            sum.directories += share.directories;
            sum.others += share.others;
            sum.bytes += share.bytes;
        }
    }
    (components, total)
}

/// The files that belong to a layout's image.
fn beside(layout: &Path) -> Result<Vec<Beside>, Failure> {
    let mut found = Vec::new();
    for directory in BESIDE {
        let place = layout.join(directory);
        if !place.is_dir() {
            continue;
        }
        for name in fs::list(&place)? {
            let path = place.join(&name);
            let metadata = std::fs::symlink_metadata(&path).map_err(fs::failed("inspect", &path))?;
            if metadata.is_file() {
                let path = format!("{directory}/{}", name.to_string_lossy());
                found.push(Beside { path, bytes: metadata.len() });
            }
        }
    }
    Ok(found)
}

fn print(inspected: &Inspected, config: Option<&Config>) {
    println!("{} ({})", escaped(&inspected.name), inspected.form);
    for (name, value) in facts(inspected, config) {
        println!("  {name:<12}{}", escaped(&value));
    }
    if !inspected.layers.is_empty() {
        println!("\nlayers");
    }
    for (index, layer) in inspected.layers.iter().enumerate() {
        let short = layer.digest.as_ref().unwrap_or(&layer.diff_id);
        let size = HumanBytes(layer.bytes).to_string();
        println!("  {:>3}  {}  {size:>11}  {}", index + 1, &short[..19], layer.component);
    }
    println!("\nfiles");
    let width = inspected.components.keys().map(|name| name.chars().count()).max().unwrap_or_default().max(5);
    let total = ("total".to_owned(), inspected.total);
    for (name, share) in inspected.components.iter().chain([(&total.0, &total.1)]) {
        let size = HumanBytes(share.bytes).to_string();
        println!("  {name:width$}  {size:>11}  {}", counts(share));
    }
    if !inspected.beside.is_empty() {
        println!("\nbeside it");
    }
    for Beside { path, bytes } in &inspected.beside {
        println!("  {:>11}  {}", HumanBytes(*bytes).to_string(), escaped(path));
    }
}

/// What the image says of itself, with names.
fn facts(inspected: &Inspected, config: Option<&Config>) -> Vec<(&'static str, String)> {
    let mut facts: Vec<(&'static str, String)> = Vec::new();
    facts.extend(inspected.manifest.clone().map(|digest| ("manifest", digest)));
    facts.extend(inspected.config_digest.clone().map(|digest| ("config", digest)));
    let Some(config) = config else { return facts };
    let words = |words: &[String]| (!words.is_empty()).then(|| shown(words));
    let list =
        |values: Vec<&String>| (!values.is_empty()).then(|| values.into_iter().cloned().collect::<Vec<_>>().join(", "));
    let user = if config.user.is_empty() { "not set, so root".to_owned() } else { config.user.clone() };
    facts.push(("platform", config.platform()));
    facts.extend(config.created.clone().map(|created| ("created", created)));
    facts.push(("user", user));
    facts.extend(words(&config.entrypoint).map(|words| ("entrypoint", words)));
    facts.extend(words(&config.cmd).map(|words| ("cmd", words)));
    facts.extend(config.workdir.clone().map(|workdir| ("workdir", workdir)));
    facts.extend(config.env.iter().map(|variable| ("env", variable.clone())));
    facts.extend(list(config.ports.iter().collect()).map(|ports| ("ports", ports)));
    facts.extend(list(config.volumes.iter().collect()).map(|volumes| ("volumes", volumes)));
    facts.extend(config.stop_signal.clone().map(|signal| ("stop signal", signal)));
    facts.extend(config.labels.iter().map(|(key, value)| ("label", format!("{key} = {value}"))));
    facts
}

/// Words, those in quotes that could be taken for several.
fn shown(words: &[String]) -> String {
    let plain = |word: &String| !word.is_empty() && !word.contains([' ', '"', '\'', '\\']);
    let words = words.iter().map(|word| if plain(word) { word.clone() } else { format!("{word:?}") });
    words.collect::<Vec<_>>().join(" ")
}

fn counts(share: &Share) -> String {
    let count = |number: usize, one: &str, many: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        number => Some(format!("{number} {many}")),
    };
    let counts = [
        count(share.files, "file", "files"),
        count(share.links, "link", "links"),
        count(share.directories, "directory", "directories"),
        count(share.others, "device or pipe", "devices or pipes"),
    ];
    counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
