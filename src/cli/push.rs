//! `drystone image push`.

use std::time::Instant;

use serde::Serialize;

use super::args::ImagePush;
use super::failure::Failure;
use super::{registry, show};
use crate::publish::{self, Layout, Pushed};

/// What was pushed, for machines.
#[derive(Debug, Serialize)]
struct Output {
    reference: String,
    digest: String,
    media_type: String,
    tag: Option<String>,
    tagged: bool,
    blobs: Blobs,
    manifests: usize,
    attached: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Blobs {
    there: usize,
    mounted: usize,
    sent: usize,
    bytes: u64,
}

/// Pushes; prints the image's name by digest.
pub fn run(args: &ImagePush) -> Result<(), Failure> {
    let began = Instant::now();
    let layout = Layout::find(&args.layout)?;
    let artifacts = layout.artifacts()?;
    let registry = registry::open(&args.reference.host, &args.access, &args.mount_from)?;
    let sink = show::sink();
    let pushed = publish::push(&registry, &layout, &args.reference, &artifacts, &*sink);
    sink.end();
    let pushed = pushed?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&Output::of(&pushed)).expect("this is plain data"));
    } else {
        println!("{}", pushed.reference.by_digest(pushed.image.digest.0));
    }
    show::say(format_args!("{} ({:.1} s)", summary(&pushed), began.elapsed().as_secs_f64()));
    Ok(())
}

/// What was done, in a line.
fn summary(pushed: &Pushed) -> String {
    let Pushed { reference, image: _, there, mounted, sent, bytes, manifests, tagged, attached } = pushed;
    let name = match &reference.tag {
        Some(tag) => format!("{}/{}:{tag}", reference.host, reference.repository),
        None => format!("{}/{}", reference.host, reference.repository),
    };
    let mut parts = vec![match (sent, mounted, manifests) {
        (0, 0, 0) => "nothing to push, all is there".to_owned(),
        _ => format!("{sent} blobs sent ({}), {mounted} mounted, {there} were there", indicatif::HumanBytes(*bytes)),
    }];
    if !attached.is_empty() {
        parts.push(format!("{} artifacts beside it", attached.len()));
    }
    if *tagged && (*sent, *mounted) == (0, 0) {
        parts.push("tagged".to_owned());
    }
    format!("{name}: {}", parts.join("; "))
}

impl Output {
    fn of(pushed: &Pushed) -> Self {
        let Pushed { reference, image, there, mounted, sent, bytes, manifests, tagged, attached } = pushed;
        Self {
            reference: reference.by_digest(image.digest.0).to_string(),
            digest: image.digest.to_string(),
            media_type: image.media_type.clone(),
            tag: reference.tag.as_ref().map(ToString::to_string),
            tagged: *tagged,
            blobs: Blobs { there: *there, mounted: *mounted, sent: *sent, bytes: *bytes },
            manifests: *manifests,
            attached: attached.iter().map(|digest| format!("sha256:{digest}")).collect(),
        }
    }
}
