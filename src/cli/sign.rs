//! `drystone sign`.

use serde::Serialize;

use super::args::Sign;
use super::failure::Failure;
use super::passphrase;
use crate::attest::{self, Layout, Reference, Signed};

/// What was signed, for machines.
#[derive(Debug, Serialize)]
struct Output {
    key: String,
    signed: Vec<OutputSigned>,
}

#[derive(Debug, Serialize)]
struct OutputSigned {
    digest: String,
    platform: Option<String>,
    names: Vec<String>,
    statements: Vec<String>,
}

/// Signs an image.
pub fn run(args: &Sign) -> Result<(), Failure> {
    let names = args.names.iter().map(|name| Reference::parse(name)).collect::<Result<Vec<_>, _>>()?;
    let layout = Layout::open(&args.layout)?;
    let key = passphrase::open(&args.key, &args.passphrase)?;
    let signed = attest::sign(&layout, &key, &names)?;
    if names.is_empty() {
        let own = signed.first().and_then(|one| one.names.first());
        eprintln!(
            "warning: signed as `{}`, the image's own name. The policies of skopeo and podman compare it with the name \
             that is pulled: give that with --as",
            own.map_or("", String::as_str)
        );
    }
    if args.json {
        let signed = signed.iter().map(OutputSigned::of).collect();
        let output = Output { key: key.public().id().to_string(), signed };
        println!("{}", serde_json::to_string_pretty(&output).expect("this is plain data"));
        return Ok(());
    }
    for Signed { subject, names, statements } in &signed {
        println!("{}: signed as {}", subject.label(), names.join(", "));
        statements.iter().for_each(|name| println!("  statement: {name}"));
    }
    eprintln!("signed with the key {}", key.public().id());
    Ok(())
}

impl OutputSigned {
    fn of(signed: &Signed) -> Self {
        let Signed { subject, names, statements } = signed;
        Self {
            digest: subject.descriptor.digest.to_string(),
            platform: subject.descriptor.platform.as_ref().map(ToString::to_string),
            names: names.clone(),
            statements: statements.clone(),
        }
    }
}
