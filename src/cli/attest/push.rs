//! `drystone attest push`.

use serde::Serialize;

use crate::attest::Artifact;
use crate::cli::args::{AttestPush, Common};
use crate::cli::failure::Failure;
use crate::cli::{registry, show};
use crate::publish;

/// What was pushed, for machines.
#[derive(Debug, Serialize)]
struct Output {
    image: String,
    attached: Vec<String>,
}

/// Puts attestations beside an image; prints their digests.
pub fn run(common: &Common, args: &AttestPush) -> Result<(), Failure> {
    let places = match args.from.as_slice() {
        [] => vec![super::directory(common, None)?],
        named => named.to_vec(),
    };
    let mut attestations = Vec::new();
    for place in &places {
        for (file, attestation) in super::read_all(place)? {
            // What nobody can read is not spread further.
            attestations.push(attestation.map_err(|error| {
                Failure::from(error).because(format!("nothing was pushed: {} is no attestation", show::escaped(&file)))
            })?);
        }
    }
    if attestations.is_empty() {
        let message = "there is no attestation to push".to_owned();
        return Err(Failure::user(message, "make one: drystone attest make NAME --key …".to_owned()));
    }
    let registry = registry::open(&args.image.host, &args.access, &[])?;
    let image = publish::resolve(&registry, &args.image)?;
    let artifacts: Vec<Artifact> = attestations.iter().map(|attestation| attestation.artifact(&image)).collect();
    let sink = show::sink();
    let attached = publish::attach(&registry, &args.image.repository, &artifacts, &*sink);
    sink.end();
    let attached: Vec<String> = attached?.iter().map(|digest| format!("sha256:{digest}")).collect();
    let name = args.image.by_digest(image.digest.0).to_string();
    let count = attached.len();
    if args.json {
        let output = Output { image: name.clone(), attached };
        println!("{}", serde_json::to_string_pretty(&output).expect("this is plain data"));
    } else {
        attached.iter().for_each(|digest| println!("{digest}"));
    }
    show::say(format_args!("{count} beside {name}"));
    Ok(())
}
