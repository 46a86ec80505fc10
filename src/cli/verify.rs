//! `drystone verify`.

mod entry;
mod held;
mod table;

use serde::Serialize;

use super::args::{Common, Verify};
use super::failure::{Failure, chain};
use super::project::Project;
use super::{attest, scope, show};
use crate::attest::{Attestation, Keyring, Threshold, Votes, judge};
use entry::Entry;
use held::Held;

/// What was read before anything was judged.
#[derive(Debug, Default)]
struct Ballot {
    votes: Votes,
    /// How many attestations of the keys were counted.
    counted: usize,
    /// How many are of other keys.
    strangers: usize,
    refused: Vec<Refused>,
}

/// An attestation that counts for nothing.
#[derive(Debug, Serialize)]
struct Refused {
    file: String,
    reason: String,
}

/// The result, for machines.
#[derive(Debug, Serialize)]
struct Output<'a> {
    threshold: String,
    accepted: bool,
    counted: usize,
    strangers: usize,
    refused: &'a [Refused],
    derivations: &'a [Entry],
    /// An image's layers, where one that exists was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<&'a [Held]>,
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
    let mut ballot = Ballot::default();
    for place in &places {
        for (file, attestation) in attest::read_all(place)? {
            match attestation {
                Ok(attestation) => ballot.count(file, &attestation, &ring),
                Err(error) => ballot.refuse(file, &error),
            }
        }
    }
    let mut entries = Vec::new();
    let mut layers: Option<Vec<Held>> = None;
    for scope::Meant { plan, image } in &scope::meant(common, &project, &args.scope)? {
        let all = judge(plan, &ballot.votes, args.threshold)?;
        for judged in &all {
            let entry = Entry::of(&project, plan, &ring, judged, &all)?;
            // What several plans have in common is judged in each, with the same result.
            match entries.iter_mut().find(|known: &&mut Entry| known.is_same(&entry)) {
                Some(known) => known.wanted |= entry.wanted,
                None => entries.push(entry),
            }
        }
        if let Some(image) = image {
            layers.get_or_insert_default().extend(held::check(&project, plan, &all, image));
        }
    }
    conclude(args, &ballot, &entries, layers.as_deref())
}

/// Prints the result.
fn conclude(args: &Verify, ballot: &Ballot, entries: &[Entry], layers: Option<&[Held]>) -> Result<(), Failure> {
    let Ballot { counted, strangers, refused, votes: _ } = ballot;
    let wanted = entries.iter().filter(|entry| entry.wanted);
    let missing = wanted.clone().filter(|entry| entry.outputs.is_none()).count();
    let faults: Vec<String> = layers.into_iter().flatten().filter_map(Held::fault).collect();
    if args.json {
        let output = Output {
            threshold: args.threshold.to_string(),
            accepted: missing == 0 && faults.is_empty(),
            counted: *counted,
            strangers: *strangers,
            refused,
            derivations: entries,
            layers,
        };
        println!("{}", serde_json::to_string_pretty(&output).expect("this is plain data"));
    } else {
        print!("{}", table::of(entries, args.threshold));
    }
    for Refused { file, reason } in refused {
        show::say(format_args!("refused: {}: {reason}", show::escaped(file)));
    }
    let others = if *strangers > 0 { format!(", {strangers} by other keys not counted") } else { String::new() };
    let attestations = if *counted == 1 { "attestation" } else { "attestations" };
    show::say(format_args!("{counted} {attestations} counted{others}"));
    let mut messages = faults;
    if missing > 0 {
        messages.push(format!("{missing} of {} are not accepted by {}", wanted.count(), args.threshold));
    }
    if messages.is_empty() {
        let image = if layers.is_some() { ", and the image holds that" } else { "" };
        show::say(format_args!("accepted by {}{image}", args.threshold));
        return Ok(());
    }
    let hint = "a builder who can settle it builds it and says so: drystone attest make";
    Err(Failure::faults(messages, if missing > 0 { vec![hint.to_owned()] } else { Vec::new() }))
}

impl Ballot {
    /// Counts what one of the keys has signed.
    fn count(&mut self, file: String, attestation: &Attestation, ring: &Keyring) {
        let Some(held) = ring.get(&attestation.signer) else {
            self.strangers += 1;
            return;
        };
        match attestation.verify(&held.key) {
            Ok(rebuild) => {
                self.votes.count(attestation.signer, rebuild);
                self.counted += 1;
            }
            Err(error) => self.refuse(file, &error),
        }
    }

    fn refuse(&mut self, file: String, reason: &dyn std::error::Error) {
        self.refused.push(Refused { file, reason: chain(reason) });
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
