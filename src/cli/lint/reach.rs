//! Asks the locations of sources whether they have them.

use std::path::Path;

use futures_util::StreamExt as _;
use futures_util::stream;

use crate::cli::failure::Failure;
use crate::digest::Sha256;
use crate::fetch::Mirrors;
use crate::http::Client;
use crate::recipe::{Location, Recipe, Remark};

/// How many locations are asked at once.
const AT_ONCE: usize = 16;

/// The remarks on locations that do not answer, each with its recipe.
pub fn unreachable<'r>(recipes: &[&'r Recipe]) -> Result<Vec<(&'r Recipe, Remark)>, Failure> {
    let env = |name: &str| std::env::var(name).ok();
    let mirrors = Mirrors::from_host(&env, Path::new("/")).map_err(crate::builder::BuildError::from)?;
    let client = Client::new(mirrors.routes()).map_err(crate::builder::BuildError::from)?;
    let locations = recipes.iter().flat_map(|recipe| {
        let sources = recipe.sources.iter();
        sources.flat_map(|source| source.locations.iter().map(|location| (*recipe, location, source.sha256)))
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(crate::fs::failed("start the network's runtime in", Path::new("/")))?;
    let ask = async |(recipe, location, sha256): (&'r Recipe, &'r Location, Sha256)| {
        Some((recipe, remark(recipe, location, answer(&client, &mirrors, location, &sha256).await?)))
    };
    let asked = stream::iter(locations.collect::<Vec<_>>()).map(ask).buffered(AT_ONCE);
    Ok(runtime.block_on(asked.filter_map(async |one| one).collect()))
}

/// Why a location has nothing; `None` when one of its addresses answers.
async fn answer(client: &Client, mirrors: &Mirrors, location: &Location, sha256: &Sha256) -> Option<String> {
    let addresses = match mirrors.resolve(location, sha256) {
        Ok(addresses) => addresses,
        Err(refusal) => return Some(refusal.line()),
    };
    let mut reason = "nobody has it".to_owned();
    for address in addresses {
        let url = match address.locate(client).await {
            Ok(url) => url,
            Err(refusal) => {
                reason = refusal.line();
                continue;
            }
        };
        let file = url.strip_prefix("file://");
        match file {
            Some(file) if Path::new(file).is_file() => return None,
            Some(_) => reason = format!("{url}: no such file"),
            None => match client.get(&url, 0).await {
                Ok(_) => return None,
                Err(error) => reason = error.to_string(),
            },
        }
    }
    Some(reason)
}

fn remark(recipe: &Recipe, location: &Location, reason: String) -> Remark {
    let what = format!("{location} does not give the source: {reason}");
    let mend = match recipe.sources.iter().find(|source| source.locations.contains(location)) {
        Some(source) if source.locations.len() > 1 => {
            "another location of the source may do; look whether it has moved"
        }
        _ => "look where the source has moved to, and add that location",
    };
    Remark { rule: "unreachable", line: None, what, mend: mend.to_owned(), fixed: None }
}
