//! `drystone store import`.

use std::time::Instant;

use super::{bytes_bar, counted};
use crate::cli::args::{Common, StoreImport};
use crate::cli::failure::Failure;
use crate::cli::project;
use crate::cli::show::{escaped, say};
use crate::fs;
use crate::store::{Imported, Taken};

/// Imports; prints the digest of the export's index.
pub fn run(common: &Common, args: &StoreImport) -> Result<(), Failure> {
    let began = Instant::now();
    let StoreImport { file, trust_traces } = args;
    let store = project::store(common)?;
    let metadata = std::fs::metadata(file).map_err(fs::failed("read", file))?;
    let bar = bytes_bar(Some(metadata.len()));
    let taken = if *trust_traces { Taken::Traces } else { Taken::Objects };
    let imported = store.import(file, taken, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let Imported { index, objects, present, sources, traces, left, other, renamed } = imported?;
    println!("{index}");
    for (name, own) in &renamed {
        say(format_args!("{} means another object here; the imported one is {}", escaped(name), escaped(own)));
    }
    let mut new = vec![counted(objects, "object")];
    new.extend((sources > 0).then(|| counted(sources, "source")));
    new.extend(trust_traces.then(|| counted(traces, "trace")));
    say(format_args!(
        "{}: imported {}; {} there before ({:.1} s)",
        file.display(),
        new.join(", "),
        counted(present, "object"),
        began.elapsed().as_secs_f64()
    ));
    if left > 0 {
        let traces = counted(left, "trace");
        say(format_args!("left out: {traces}; --trust-traces takes them, on the word of whoever made the file"));
    }
    if other.is_empty() {
        return Ok(());
    }
    let messages = other.iter().map(|other| {
        let name = escaped(&other.name);
        format!("{name} gave other objects here than in the file, of the same inputs (key {})", other.key.short())
    });
    let hint = format!(
        "what this store says of it stays; to see the difference: drystone store diff STORE {}",
        file.display()
    );
    Err(Failure::faults(messages.collect(), vec![hint]))
}
