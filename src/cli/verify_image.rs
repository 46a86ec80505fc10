//! `drystone image verify`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::ImageVerify;
use super::failure::Failure;
use super::{registry, show};
use crate::attest::key::{KeyId, read_public};
use crate::attest::{Checked, Fault, Layout, LayoutReport, Report, Subject, Verified, What, verify_layout};
use crate::fs;
use crate::publish;

/// What was verified, for machines.
#[derive(Debug, Serialize)]
struct Output {
    key: String,
    verified: Vec<OutputVerified>,
    blobs: usize,
    layers: usize,
    faults: Vec<String>,
}

#[derive(Debug, Serialize)]
struct OutputVerified {
    digest: String,
    platform: Option<String>,
    kind: &'static str,
    /// The name that is signed, or the predicate's type.
    value: Option<String>,
}

/// Verifies an image, on the disk or in a registry.
pub fn run(args: &ImageVerify) -> Result<(), Failure> {
    let key = read_public(&args.key)?;
    // An image of a registry is pulled whole, so that its layers are verified too; it is removed in the end.
    let scratch = tempfile::tempdir().map_err(fs::failed("make a directory in", &std::env::temp_dir()))?;
    let place =
        if Path::new(&args.image).exists() { PathBuf::from(&args.image) } else { pulled(args, scratch.path())? };
    let layout = Layout::open(&place)?;
    let referrers = publish::Layout::open(&place, None)?.referrers()?;
    let report = verify_layout(&layout, &referrers, &key, &args.require)?;
    if args.json {
        print_json(key.id(), layout.subjects(), &report);
    } else {
        print(layout.subjects(), &report.signatures);
        print_content(&report.content);
    }
    if report.is_good() {
        eprintln!("verified with the key {}", key.id());
        return Ok(());
    }
    let LayoutReport { signatures, content } = report;
    let mut messages: Vec<String> = content.faults.iter().map(ToString::to_string).collect();
    messages.extend(signatures.faults.iter().map(ToString::to_string));
    Err(Failure::faults(messages, hints(args, &signatures.faults)))
}

/// Where the image of a registry lies, once it is pulled.
fn pulled(args: &ImageVerify, scratch: &Path) -> Result<PathBuf, Failure> {
    let reference: publish::Reference = args.image.parse().map_err(|error| {
        let message = format!("{} is not there, and no image of a registry: {error}", args.image);
        Failure::user(message, "name a directory, or HOST/REPO:TAG".to_owned())
    })?;
    let registry = registry::open(&reference.host, &args.access, &[])?;
    let (place, sink) = (scratch.join("image"), show::sink());
    let pulled = publish::pull(&registry, &reference, &publish::Choice::All, &place, &*sink);
    sink.end();
    pulled?;
    Ok(place)
}

/// What can be done, for each kind of fault once.
fn hints(args: &ImageVerify, faults: &[Fault]) -> Vec<String> {
    let has = |of: fn(&Fault) -> bool| faults.iter().any(of);
    let mut hints = Vec::new();
    if has(|fault| matches!(fault, Fault::NotSigned { .. } | Fault::Unsigned { .. } | Fault::Differs { .. })) {
        hints.push(format!("whoever vouches for it signs it: drystone sign {} --key …", args.image));
    }
    if has(|fault| matches!(fault, Fault::OtherKey { .. })) {
        hints.push(format!("{} is the key of somebody else than its signer", args.key.display()));
    }
    hints
}

fn print(subjects: &[Subject], report: &Report) {
    for subject in subjects {
        println!("{}", subject.label());
        for Verified { what, .. } in report.verified.iter().filter(|one| one.subject == subject.digest()) {
            match what {
                What::Image { reference } => println!("  signed as {reference}"),
                What::Bundle => println!("  signed, as a bundle"),
                What::Statement { statement, .. } => println!("  stated: {}", statement.predicate_type),
            }
        }
        for (_, predicate_type) in report.unsigned.iter().filter(|(digest, _)| *digest == subject.digest()) {
            println!("  not signed: {predicate_type}");
        }
        if let Some(others) = report.others.get(&subject.digest()) {
            println!("  by other keys, not judged: {}", others.count);
        }
    }
}

fn print_content(content: &Checked) {
    let Checked { blobs, layers, faults } = content;
    if faults.is_empty() {
        println!("{blobs} blobs are what their digests say, {layers} layers what the configuration says");
    }
}

fn print_json(key: KeyId, subjects: &[Subject], report: &LayoutReport) {
    let LayoutReport { signatures, content } = report;
    let verified = signatures.verified.iter().map(|Verified { subject, what }| {
        let of = subjects.iter().find(|other| other.digest() == *subject);
        let (kind, value) = match what {
            What::Image { reference } => ("image", Some(reference.clone())),
            What::Bundle => ("bundle", None),
            What::Statement { statement, .. } => ("statement", Some(statement.predicate_type.clone())),
        };
        let platform = of.and_then(|of| of.descriptor.platform.as_ref()).map(ToString::to_string);
        OutputVerified { digest: format!("sha256:{subject}"), platform, kind, value }
    });
    let output = Output {
        key: key.to_string(),
        verified: verified.collect(),
        blobs: content.blobs,
        layers: content.layers,
        faults: content
            .faults
            .iter()
            .map(ToString::to_string)
            .chain(signatures.faults.iter().map(ToString::to_string))
            .collect(),
    };
    println!("{}", serde_json::to_string_pretty(&output).expect("this is plain data"));
}
