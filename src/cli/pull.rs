//! `drystone image pull`.

use std::time::Instant;

use serde::Serialize;

use super::args::{Common, ImagePull};
use super::failure::Failure;
use super::{registry, show};
use crate::attest::Platform;
use crate::image;
use crate::publish::{self, Choice, Pulled};
use crate::recipe::Target;

/// What was pulled, for machines.
#[derive(Debug, Serialize)]
struct Output {
    path: String,
    digest: String,
    media_type: String,
    /// What the reference names, where that is an index of which one image was taken.
    named: String,
    fetched: usize,
    bytes: u64,
    there: usize,
    artifacts: Vec<String>,
}

/// Pulls; prints the image's digest.
pub fn run(common: &Common, args: &ImagePull) -> Result<(), Failure> {
    let began = Instant::now();
    let choice = match (&args.platform, args.all) {
        (_, true) => Choice::All,
        (Some(platform), false) => Choice::One(platform.clone()),
        (None, false) => Choice::One(platform_of(&common.target_or_host())?),
    };
    let registry = registry::open(&args.reference.host, &args.access, &[])?;
    let sink = show::sink();
    let pulled = publish::pull(&registry, &args.reference, &choice, &args.output, &*sink);
    sink.end();
    let Pulled { image, named, fetched, bytes, there, artifacts } = pulled?;
    let digest = image.digest.to_string();
    if args.json {
        let output = Output {
            path: args.output.display().to_string(),
            digest,
            media_type: image.media_type,
            named: named.digest.to_string(),
            fetched,
            bytes,
            there,
            artifacts: artifacts.iter().map(|artifact| format!("sha256:{}", artifact.digest())).collect(),
        };
        println!("{}", serde_json::to_string_pretty(&output).expect("this is plain data"));
    } else {
        println!("{digest}");
    }
    let beside = match artifacts.len() {
        0 => String::new(),
        count => format!("; {count} artifacts beside it"),
    };
    show::say(format_args!(
        "{}: {fetched} blobs fetched ({}), {there} were there{beside} ({:.1} s)",
        args.output.display(),
        indicatif::HumanBytes(bytes),
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// The platform that a target's images are for.
fn platform_of(target: &Target) -> Result<Platform, Failure> {
    Ok(image::platform(target)?.parse::<Platform>().expect("a target's platform is one"))
}
