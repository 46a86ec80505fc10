//! `drystone verify`.

mod entry;
mod table;

use super::args::{Common, Verify};
use super::failure::Failure;
use super::project::Project;
use super::{attest, scope, show};
use crate::attest::{Keyring, Threshold, Votes, judge};
use entry::Entry;

/// What was read before anything was judged.
struct Ballot {
    votes: Votes,
    /// How many attestations of the keys were counted.
    counted: usize,
    /// How many are of other keys.
    strangers: usize,
}

/// Says what enough builders agree on.
pub fn run(common: &Common, args: &Verify) -> Result<(), Failure> {
    let project = Project::open(common)?;
    let ring = Keyring::read(&args.keys)?;
    must_fit(args.threshold, &ring, args)?;
    let places = match args.attestations.as_slice() {
        [] => vec![attest::directory(common, None)?],
        named => named.to_vec(),
    };
    let mut ballot = Ballot { votes: Votes::default(), counted: 0, strangers: 0 };
    for place in &places {
        for (file, attestation) in attest::read_all(place)? {
            match attestation {
                Ok(attestation) => ballot.count(&file, &attestation, &ring),
                Err(error) => attest::refused(&file, &error),
            }
        }
    }
    let mut entries = Vec::new();
    for plan in scope::plans(common, &project, &args.scope)? {
        let all = judge(&plan, &ballot.votes, args.threshold)?;
        for judged in &all {
            let entry = Entry::of(&project, &plan, &ring, judged, &all)?;
            // What several plans have in common is judged in each, with the same result.
            match entries.iter_mut().find(|known: &&mut Entry| known.is_same(&entry)) {
                Some(known) => known.wanted |= entry.wanted,
                None => entries.push(entry),
            }
        }
    }
    conclude(args, &ballot, &entries)
}

/// Prints the result.
fn conclude(args: &Verify, ballot: &Ballot, entries: &[Entry]) -> Result<(), Failure> {
    if args.json {
        println!("{}", serde_json::to_string_pretty(entries).expect("this is plain data"));
    } else {
        print!("{}", table::of(entries, args.threshold));
    }
    let Ballot { counted, strangers, .. } = ballot;
    let others = if *strangers > 0 { format!(", {strangers} by other keys not counted") } else { String::new() };
    show::say(format_args!("{counted} attestations counted{others}"));
    let wanted = entries.iter().filter(|entry| entry.wanted);
    let missing = wanted.clone().filter(|entry| entry.outputs.is_none()).count();
    match missing {
        0 => {
            show::say(format_args!("accepted by {}", args.threshold));
            Ok(())
        }
        _ => Err(Failure::found(
            format!("{missing} of {} are not accepted by {}", wanted.count(), args.threshold),
            "a builder who can settle it builds it and says so: drystone attest make",
        )),
    }
}

impl Ballot {
    /// Counts what one of the keys has signed.
    fn count(&mut self, file: &str, attestation: &crate::attest::Attestation, ring: &Keyring) {
        let Some(held) = ring.get(&attestation.signer) else {
            self.strangers += 1;
            return;
        };
        match attestation.verify(&held.key) {
            Ok(rebuild) => {
                self.votes.count(attestation.signer, rebuild);
                self.counted += 1;
            }
            Err(error) => attest::refused(file, &error),
        }
    }
}

/// The number of keys is part of what is asked for: a key that was forgotten or added is a mistake.
fn must_fit(threshold: Threshold, ring: &Keyring, args: &Verify) -> Result<(), Failure> {
    if threshold.of == ring.len() {
        return Ok(());
    }
    let names: Vec<String> = ring.iter().map(|(_, held)| show::escaped(&held.name)).collect();
    let (count, place) = (ring.len(), args.keys.display());
    Err(Failure::user(
        format!("{threshold} is about {} keys, but {place} holds {count}: {}", threshold.of, names.join(", ")),
        format!("every key in the directory counts: say K-of-{count}, or take keys away or add some"),
    ))
}
