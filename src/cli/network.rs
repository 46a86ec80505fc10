//! The network for verbs that look something up themselves: mirrors, a client, and a runtime to wait in.

use std::path::Path;

use super::failure::Failure;
use crate::builder::BuildError;
use crate::fetch::{FetchError, Fetcher, Mirrors, Pinned, Policy};
use crate::fs;
use crate::http::Client;
use crate::progress::Sink;
use crate::recipe::Location;
use crate::store::Store;

/// What a verb asks others with.
pub struct Network {
    /// Where the mirror forms lead.
    pub mirrors: Mirrors,
    /// Who asks.
    pub client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Network {
    /// The network as this machine's own clients have it.
    pub fn open() -> Result<Self, Failure> {
        let env = |name: &str| std::env::var(name).ok();
        let mirrors = Mirrors::from_host(&env, Path::new("/")).map_err(BuildError::from)?;
        let client = Client::new(mirrors.routes()).map_err(BuildError::from)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(fs::failed("start the network's runtime in", Path::new(".")))?;
        Ok(Self { mirrors, client, runtime })
    }

    /// Waits for an answer.
    pub fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// Fetches a file that is not pinned, from the first of some locations that has it.
    pub fn pin(
        &self,
        store: &Store,
        sink: &dyn Sink,
        label: &str,
        locations: &[Location],
    ) -> Result<Pinned, FetchError> {
        // Somebody waits, and there are other places.
        let policy = Policy { tries: 2, ..Policy::default() };
        let fetcher = Fetcher { store, client: &self.client, mirrors: &self.mirrors, policy, sink };
        self.wait(fetcher.pin(label, locations, None))
    }
}
