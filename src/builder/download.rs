//! The thread that fetches sources and listens for ctrl-c while a plan is carried out.

use std::path::Path;
use std::sync::mpsc::Sender;

use super::schedule::News;
use super::{BuildError, Options};
use crate::digest::Sha256;
use crate::fetch::{Fetcher, Mirrors, Policy, Request};
use crate::http::Client;
use crate::progress::Sink;
use crate::recipe::Source;
use crate::sandbox::Stop;
use crate::store::Store;

/// What the downloads need.
pub struct Downloads<'a> {
    /// Where sources go.
    pub store: &'a Store,
    /// How the run was asked for.
    pub options: &'a Options,
    /// Who hears of progress.
    pub sink: &'a dyn Sink,
    /// What ctrl-c stops.
    pub stop: &'a Stop,
}

impl Downloads<'_> {
    /// Fetches all of `sources`, some at a time, and tells of each, until `over` resolves: what is not there by then
    /// is not wanted any more (a later run goes on with it). An interrupt stops the sandboxes and ends this at once.
    pub fn run(&self, sources: Vec<Source>, news: &Sender<News>, over: tokio::sync::oneshot::Receiver<()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                let source = crate::fs::failed("start the network's runtime in", self.store.root())(error);
                let _ = news.send(News::Broken(source.into()));
                return;
            }
        };
        runtime.block_on(async {
            let work = async {
                if let Err(error) = self.fetch(sources, news).await {
                    let _ = news.send(News::Broken(error));
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = work => {}
                _ = over => {}
                () = interrupted() => {
                    self.stop.stop();
                    let _ = news.send(News::Broken(BuildError::Interrupted));
                }
            }
        });
    }

    async fn fetch(&self, sources: Vec<Source>, news: &Sender<News>) -> Result<(), BuildError> {
        if sources.is_empty() {
            return Ok(());
        }
        let env = |name: &str| std::env::var(name).ok();
        let mirrors = Mirrors::from_host(&env, Path::new("/"))?;
        let client = Client::new(mirrors.routes())?;
        let policy = Policy { offline: self.options.offline, ..Policy::default() };
        let parallel = policy.parallel;
        let fetcher = Fetcher { store: self.store, client: &client, mirrors: &mirrors, policy, sink: self.sink };
        let queue = std::cell::RefCell::new(sources.into_iter());
        let next = || queue.borrow_mut().next();
        let worker = async || {
            while let Some(source) = next() {
                let sha256: Sha256 = source.sha256;
                let request = Request { label: source.file_name(), sha256, locations: source.locations };
                let fetched = fetcher.fetch(&request).await.map(drop);
                let _ = news.send(News::Fetched(sha256, fetched.map_err(BuildError::from)));
            }
        };
        futures_util::future::join_all((0..parallel).map(|_| worker())).await;
        Ok(())
    }
}

/// Resolves on ctrl-c or a polite request to end.
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without handlers the signals end the process, and what it leaves is swept by the next one.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
