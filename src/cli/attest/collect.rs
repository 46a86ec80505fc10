//! `drystone attest collect`.

use std::path::Path;

use serde::Serialize;

use crate::attest::attestation::{ATTESTATION_LIMIT, Kept, keep};
use crate::attest::{Attestation, AttestationError, Keyring, REBUILD_ARTIFACT};
use crate::cli::args::{AttestCollect, Common, RegistryAccess};
use crate::cli::failure::{Failure, chain};
use crate::cli::{registry, show};
use crate::publish::{self, Reference};

/// What became of one attestation, for machines.
#[derive(Debug, Serialize)]
struct Entry {
    from: String,
    key: Option<String>,
    derivations: usize,
    /// `new`, `there`, `stranger` or `refused`.
    result: &'static str,
    path: Option<String>,
    reason: Option<String>,
}

/// Something that may be an attestation, and where it was found.
type Found = (String, Result<Attestation, AttestationError>);

/// Gathers attestations; prints the files that are new.
pub fn run(common: &Common, args: &AttestCollect) -> Result<(), Failure> {
    let directory = super::directory(common, args.output.as_deref())?;
    let ring = args.keys.as_deref().map(Keyring::read).transpose()?;
    let mut entries = Vec::new();
    for from in &args.from {
        let found = match Path::new(from).exists() {
            true => super::read_all(Path::new(from))?,
            false => in_registry(from, &args.access)?,
        };
        for (place, attestation) in found {
            entries.push(take(&directory, place, attestation, ring.as_ref())?);
        }
    }
    report(args, &entries);
    match entries.iter().any(|entry| entry.result == "refused") {
        true => Err(Failure::differs()),
        false => Ok(()),
    }
}

fn take(
    directory: &Path,
    from: String,
    attestation: Result<Attestation, AttestationError>,
    ring: Option<&Keyring>,
) -> Result<Entry, Failure> {
    let mut entry = Entry { from, key: None, derivations: 0, result: "refused", path: None, reason: None };
    let attestation = match attestation {
        Ok(attestation) => attestation,
        Err(error) => return Ok(Entry { reason: Some(chain(&error)), ..entry }),
    };
    entry.key = Some(attestation.signer.to_string());
    entry.derivations = attestation.unproven.derivations.len();
    if let Some(ring) = ring {
        let Some(held) = ring.get(&attestation.signer) else { return Ok(Entry { result: "stranger", ..entry }) };
        if let Err(error) = attestation.verify(&held.key) {
            return Ok(Entry { reason: Some(chain(&error)), ..entry });
        }
    }
    entry.result = match keep(directory, &attestation, ring)? {
        Kept::New => "new",
        Kept::There => "there",
    };
    Ok(Entry { path: Some(directory.join(attestation.place()).display().to_string()), ..entry })
}

/// What lies beside an image of a registry.
fn in_registry(from: &str, access: &RegistryAccess) -> Result<Vec<Found>, Failure> {
    let reference: Reference = from.parse().map_err(|error| {
        let message = format!("{from} is not there, and no image of a registry: {error}");
        Failure::user(message, "name a file, a directory, or HOST/REPO:TAG".to_owned())
    })?;
    let registry = registry::open(&reference.host, access, &[])?;
    let image = publish::resolve(&registry, &reference)?;
    let beside = publish::referrers(&registry, &reference.repository, &image.digest.0)?;
    let mut found = Vec::new();
    for one in beside.iter().filter(|one| one.artifact_type.as_deref() == Some(REBUILD_ARTIFACT)) {
        let place = reference.by_digest(one.digest.0);
        let manifest = publish::manifest(&registry, &place)?;
        for layer in &manifest.document.layers {
            let attestation = match layer.size > ATTESTATION_LIMIT {
                true => Err(AttestationError::Large),
                false => Attestation::parse(publish::blob(&registry, &reference.repository, layer)?),
            };
            found.push((place.to_string(), attestation));
        }
    }
    Ok(found)
}

fn report(args: &AttestCollect, entries: &[Entry]) {
    if args.json {
        println!("{}", serde_json::to_string_pretty(entries).expect("this is plain data"));
    } else {
        let new = entries.iter().filter(|entry| entry.result == "new");
        new.filter_map(|entry| entry.path.as_ref()).for_each(|path| println!("{path}"));
    }
    for entry in entries.iter().filter(|entry| entry.result == "refused") {
        let reason = entry.reason.as_deref().unwrap_or_default();
        show::say(format_args!("refused: {}: {reason}", show::escaped(&entry.from)));
    }
    let words = [("new", "new"), ("there", "there already"), ("stranger", "by other keys"), ("refused", "refused")];
    let counted = words.map(|(result, word)| (entries.iter().filter(|entry| entry.result == result).count(), word));
    let counts = counted.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    match counts.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => show::say(format_args!("no attestations there")),
        counts => show::say(format_args!("attestations: {counts}")),
    }
}
