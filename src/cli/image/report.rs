//! `drystone image report`: what is known of an image, gathered for its page.
//!
//! The files and the hardening are read from the image itself, as are the strict defaults' findings where no report
//! lies with it. What they are for, where they come from and what was waived is what its evidence says.

mod evidence;

use evidence::Evidence;

use super::component::component;
use super::open::open;
use crate::cli::args::{Common, ImageReport};
use crate::cli::failure::Failure;
use crate::cli::judge::today;
use crate::fs;
use crate::image::Contents;
use crate::image::read::{Form, Kind, Source};
use crate::policy::{self, Binary, Facts, Inventory};
use crate::recipe::Policy;
use crate::report::{self, File, Finding, Layer, Page, Part};

/// Writes the page.
pub fn run(common: &Common, args: &ImageReport) -> Result<(), Failure> {
    let contents = open(common, &args.reading, &args.image, &policy::examine)?;
    let evidence = match contents.form {
        Form::Layout => Evidence::beside(&Source::find(&args.image)?.path, contents.manifest)?,
        _ => Evidence::default(),
    };
    let page = page(&contents, evidence);
    fs::write(&args.output, report::page(&page))?;
    eprintln!(
        "{}: {} files, {} programs, {} findings",
        args.output.display(),
        page.files.len(),
        page.binaries.len(),
        page.findings.len()
    );
    Ok(())
}

fn page(contents: &Contents<Facts>, evidence: Evidence) -> Page {
    let Evidence { title, mut components, libraries, owners, report, origin, reproduce } = evidence;
    let files: Vec<File> =
        contents.entries.iter().filter_map(|(path, entry)| file(path.as_str(), entry, &owners)).collect();
    if components.is_empty() {
        components = by_layer(contents);
    }
    for part in &mut components {
        part.size +=
            files.iter().filter(|file| file.part.as_ref() == Some(&part.id)).map(|file| file.size).sum::<u64>();
    }
    components.sort_by(|left, right| right.size.cmp(&left.size).then_with(|| left.id.cmp(&right.id)));
    let judged = report.is_some();
    let (findings, waived) = report.unwrap_or_else(|| (strict(contents), Vec::new()));
    let (name, tag) = title.map_or_else(|| (contents.name.clone(), None), |(name, tag)| (name, Some(tag)));
    Page {
        name,
        tag,
        digest: contents.manifest.as_ref().map(|digest| format!("sha256:{digest}")),
        facts: facts(contents),
        components,
        libraries,
        binaries: binaries(contents),
        files,
        findings,
        waived,
        judged,
        layers: layers(contents),
        origin,
        reproduce,
    }
}

fn file(
    path: &str,
    entry: &crate::image::read::Entry<Facts>,
    owners: &std::collections::BTreeMap<String, String>,
) -> Option<File> {
    let path = format!("/{path}");
    let (kind, size, sha256) = match &entry.kind {
        Kind::Directory => return None,
        Kind::File(file) if file.examined.is_program() => ("program".to_owned(), file.size, file.digest.to_string()),
        Kind::File(file) => ("file".to_owned(), file.size, file.digest.to_string()),
        Kind::Symlink { target } => (format!("link → {target}"), 0, String::new()),
        Kind::Special(what) => ((*what).to_owned(), 0, String::new()),
    };
    let access = format!("{:04o} {}:{}", entry.mode, entry.owner.uid, entry.owner.gid);
    let part = owners.get(&path).cloned().or_else(|| owners.is_empty().then(|| layer_id(entry.layer)).flatten());
    Some(File { path, kind, access, size, sha256, part })
}

fn layer_id(layer: Option<usize>) -> Option<String> {
    layer.map(|index| format!("layer:{index}"))
}

/// Where no bill of materials tells what brings a file, its layer does.
fn by_layer(contents: &Contents<Facts>) -> Vec<Part> {
    let part = |(index, layer): (usize, &crate::image::read::Layer)| Part {
        id: format!("layer:{index}"),
        name: component(&contents.layers, Some(index)),
        summary: layer.created_by.clone().unwrap_or_default(),
        ..Part::default()
    };
    contents.layers.iter().enumerate().map(part).collect()
}

fn facts(contents: &Contents<Facts>) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let Some(config) = &contents.config else { return facts };
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            facts.push((name.to_owned(), value));
        }
    };
    add("platform", format!("{}/{}", config.os, config.architecture));
    add("runs", config.entrypoint.iter().chain(&config.cmd).cloned().collect::<Vec<_>>().join(" "));
    add("as user", if config.user.is_empty() { "root".to_owned() } else { config.user.clone() });
    add("in", config.workdir.clone().unwrap_or_default());
    add("environment", config.env.join(" "));
    add("ports", config.ports.iter().cloned().collect::<Vec<_>>().join(" "));
    add("configuration", format!("sha256:{}", config.digest));
    facts
}

fn layers(contents: &Contents<Facts>) -> Vec<Layer> {
    let layer = |(index, layer): (usize, &crate::image::read::Layer)| Layer {
        origin: component(&contents.layers, Some(index)),
        size: layer.size,
        digest: layer.digest.as_ref().map(|digest| format!("sha256:{digest}")).unwrap_or_default(),
        diff_id: format!("sha256:{}", layer.diff_id),
    };
    contents.layers.iter().enumerate().map(layer).collect()
}

fn binaries(contents: &Contents<Facts>) -> Vec<report::Binary> {
    let mut binaries = Vec::new();
    for (path, entry) in &contents.entries {
        if let Kind::File(file) = &entry.kind
            && let Some(Ok(binary)) = &file.examined.elf
        {
            binaries.push(report::Binary { path: format!("/{path}"), properties: properties(binary) });
        }
    }
    binaries
}

fn properties(binary: &Binary) -> Vec<(&'static str, Option<bool>)> {
    vec![
        ("static", Some(binary.interpreter.is_none() && binary.needed == 0)),
        ("any address", Some(binary.pie)),
        ("RELRO", Some(binary.relro)),
        ("bind now", Some(binary.bind_now)),
        ("no exec stack", Some(binary.no_executable_stack)),
        ("W^X", Some(!binary.writable_code)),
        ("stack protector", binary.canary_checks.map(|checks| checks > 0)),
        ("no rpath", Some(!binary.rpath)),
    ]
}

/// What the strict defaults find, where no report lies with the image.
fn strict(contents: &Contents<Facts>) -> Vec<Finding> {
    let report = policy::judge(&Policy::default(), &Inventory::of_contents(contents, None), today());
    let finding = |one: policy::Finding| Finding {
        rule: one.rule.name().to_owned(),
        path: one.path.map(|path| format!("/{path}")).unwrap_or_default(),
        what: one.what,
        why: one.rule.reason().to_owned(),
        mend: one.mend,
    };
    report.findings.into_iter().map(finding).collect()
}
