//! A registry, and one repository of it: requests that go through its gate, and are tried again when that can help.
//!
//! Knows the endpoints of the distribution specification for manifests and blobs; nothing of layouts, uploads or
//! what belongs together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;

use super::access::{Access, Policy};
use super::document::{ACCEPT, Document, is_document};
use super::error::{PublishError, is_transient};
use super::gate::{Gate, Pass};
use super::memory::Memory;
use super::reference::{Host, Reference, Repository, Tag};
use crate::attest::{Descriptor, OciDigest};
use crate::digest::Sha256;
use crate::http::{Address, Answer, Call, Exchange, Flow, HttpError, Method};

/// How many questions are asked at a time: each is a round trip and little else.
pub(super) const QUESTIONS: usize = 16;
/// Twice what registries should take ("Pushing manifests").
pub(super) const MANIFEST_LIMIT: u64 = 8 << 20;
/// The most of an error's body that is read.
const SAID_LIMIT: usize = 1 << 16;
/// How much of what a registry says is shown.
const SHOWN: usize = 300;
/// The longest that a registry may make us wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A registry: a host, how it is reached, and what is known of it.
pub struct Registry {
    host: Host,
    base: Address,
    exchange: Exchange,
    access: Access,
    gates: Mutex<BTreeMap<Repository, Arc<Gate>>>,
    runtime: tokio::runtime::Runtime,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({})", self.host)
    }
}

impl Registry {
    /// Makes ready for a registry; asks it nothing yet.
    ///
    /// # Errors
    /// When certificates cannot be read.
    pub fn open(host: &Host, access: Access) -> Result<Self, PublishError> {
        let setup = |source: HttpError| PublishError::Http { doing: format!("make ready for {host}"), source };
        let scheme = if access.plain_http { "http" } else { "https" };
        let base = Address::parse(&format!("{scheme}://{host}/v2/")).map_err(setup)?;
        let mut trust = access.trust(host)?;
        // A proxy cannot reach what is this machine's own.
        trust.direct = base.is_loopback();
        let exchange = Exchange::new(&trust).map_err(setup)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(crate::fs::failed("start the network's runtime in", std::path::Path::new(".")))?;
        let gates = Mutex::new(BTreeMap::new());
        Ok(Self { host: host.clone(), base, exchange, access, gates, runtime })
    }

    /// Its host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    pub(super) fn memory(&self) -> Memory {
        Memory::of(self.access.cache.as_deref(), &self.host)
    }

    pub(super) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// One of its repositories.
    pub(super) fn repository(&self, name: &Repository) -> Remote<'_> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates.entry(name.clone()).or_insert_with(|| {
            let files = self.access.auth_files.clone();
            Arc::new(Gate::new(self.host.clone(), name.clone(), self.exchange.clone(), files))
        });
        Remote { registry: self, name: name.clone(), gate: gate.clone() }
    }
}

/// What a manifest is asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Tag(Tag),
    Digest(Sha256),
}

impl Target {
    /// What a reference names: its digest, else its tag.
    pub fn of(reference: &Reference) -> Result<Self, PublishError> {
        match (&reference.digest, &reference.tag) {
            (Some(digest), _) => Ok(Self::Digest(*digest)),
            (None, Some(tag)) => Ok(Self::Tag(tag.clone())),
            (None, None) => Err(PublishError::NoTag { reference: Box::new(reference.clone()) }),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, "{tag}"),
            Self::Digest(digest) => write!(f, "sha256:{digest}"),
        }
    }
}

/// A manifest or index as a registry gave it, checked against its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its type, digest and size.
    pub descriptor: Descriptor,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What they say.
    pub document: Document,
}

/// One repository of a registry.
pub(super) struct Remote<'a> {
    pub registry: &'a Registry,
    pub name: Repository,
    pub gate: Arc<Gate>,
}

impl Remote<'_> {
    pub fn policy(&self) -> &Policy {
        &self.registry.access.policy
    }

    /// The address of something in the repository.
    pub fn address(&self, path: &str) -> Result<Address, PublishError> {
        let joined = self.registry.base.join(&format!("{}/{path}", self.name));
        joined.map_err(|source| self.http(&format!("ask for {path}"), source))
    }

    /// The same repository in words.
    pub fn place(&self) -> String {
        format!("{}/{}", self.registry.host, self.name)
    }

    pub fn http(&self, doing: &str, source: HttpError) -> PublishError {
        PublishError::Http { doing: doing.to_owned(), source }
    }

    /// What a request to an address is to be sent with: nothing, if it is not the registry's own.
    async fn pass(&self, address: &Address, doing: &str) -> Result<Option<Pass>, PublishError> {
        match address.same_origin(&self.registry.base) {
            true => self.gate.pass(doing).await.map(Some),
            false => Ok(None),
        }
    }

    /// Sends a request, through the gate if it is the registry's, and again when that can help. The answer may have
    /// any status that does not tell to come again.
    pub async fn ask(&self, call: &Call, doing: &str) -> Result<Answer, PublishError> {
        let (mut failures, mut challenged) = (0, false);
        loop {
            let pass = self.pass(call.address(), doing).await?;
            let authorized = call.clone().authorization(pass.as_ref().and_then(|pass| pass.authorization.clone()));
            let (error, wait) = match self.registry.exchange.send(authorized).await {
                Ok(answer) if answer.status() == 401 => match pass {
                    Some(pass) if !challenged => {
                        self.gate.answer(&answer, &pass, doing).await?;
                        challenged = true;
                        continue;
                    }
                    _ => return Err(self.gate.refusal(doing).await),
                },
                Ok(answer) if is_transient(answer.status()) => {
                    let wait = retry_after(&answer);
                    (self.unexpected(answer, doing).await, wait)
                }
                Ok(answer) => return Ok(answer),
                Err(source) => (self.http(doing, source), None),
            };
            failures += 1;
            if !error.is_transient() || failures >= self.policy().tries || wait.is_some_and(|wait| wait > LONGEST_WAIT)
            {
                return Err(error);
            }
            tokio::time::sleep(wait.unwrap_or_else(|| self.policy().pause_after(failures))).await;
        }
    }

    /// Sends a request with a body that is produced on the way, once. `None` when a challenge has been taken up, and
    /// the same may be sent again.
    pub async fn ask_once(&self, call: Call, flow: Flow, doing: &str) -> Result<Option<Answer>, PublishError> {
        let pass = self.pass(call.address(), doing).await?;
        let call = call.authorization(pass.as_ref().and_then(|pass| pass.authorization.clone()));
        let answer = self.registry.exchange.send_flow(call, flow).await;
        let answer = answer.map_err(|source| self.http(doing, source))?;
        match pass {
            Some(pass) if answer.status() == 401 => self.gate.answer(&answer, &pass, doing).await.map(|()| None),
            _ => Ok(Some(answer)),
        }
    }

    /// The answer, if its status is one of these.
    pub async fn expect(&self, answer: Answer, statuses: &[u16], doing: &str) -> Result<Answer, PublishError> {
        if statuses.contains(&answer.status()) { Ok(answer) } else { Err(self.unexpected(answer, doing).await) }
    }

    /// The error that an answer is.
    pub async fn unexpected(&self, answer: Answer, doing: &str) -> PublishError {
        let (host, status) = (self.registry.host.clone(), answer.status());
        PublishError::Answer { doing: doing.to_owned(), host, status, said: said(answer).await }
    }

    /// Whether the repository has a blob.
    pub async fn has_blob(&self, digest: &Sha256) -> Result<bool, PublishError> {
        let doing = format!("look for sha256:{} in {}", digest.short(), self.place());
        let call = Call::new(Method::Head, self.address(&format!("blobs/sha256:{digest}"))?);
        let answer = self.expect(self.ask(&call, &doing).await?, &[200, 404], &doing).await?;
        Ok(answer.status() == 200)
    }

    /// The digest of the manifest that is there; `None` when none is, or the registry does not tell.
    pub async fn has_manifest(&self, target: &Target) -> Result<Option<Sha256>, PublishError> {
        let doing = format!("look for {target} in {}", self.place());
        let call = Call::new(Method::Head, self.address(&format!("manifests/{target}"))?).header("accept", ACCEPT);
        let answer = self.expect(self.ask(&call, &doing).await?, &[200, 404], &doing).await?;
        if answer.status() == 404 {
            return Ok(None);
        }
        let told = answer.header("docker-content-digest").and_then(|digest| digest.strip_prefix("sha256:"));
        let told = told.and_then(|digest| digest.parse().ok());
        Ok(match target {
            Target::Digest(digest) => Some(told.unwrap_or(*digest)),
            Target::Tag(_) => told,
        })
    }

    /// The manifest that is there; `None` when there is none.
    pub async fn manifest(&self, target: &Target) -> Result<Result<Manifest, String>, PublishError> {
        let doing = format!("get the manifest {target} of {}", self.place());
        let call = Call::new(Method::Get, self.address(&format!("manifests/{target}"))?).header("accept", ACCEPT);
        let answer = self.expect(self.ask(&call, &doing).await?, &[200, 404], &doing).await?;
        if answer.status() == 404 {
            return Ok(Err(said(answer).await));
        }
        let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        let (media_type, told) = (header("content-type"), header("docker-content-digest"));
        let bytes = answer.bytes(MANIFEST_LIMIT as usize).await.map_err(|source| self.http(&doing, source))?;
        // Parameters of the type are to be ignored ("Pulling manifests").
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        let what = format!("{target} of {}", self.place());
        let mut descriptor = Descriptor::of(media_type, &bytes);
        let wrong = |expected: &str| PublishError::WrongBytes {
            host: self.registry.host.clone(),
            what: format!("{what}, which is {expected}"),
            found: descriptor.digest.to_string(),
        };
        match target {
            Target::Digest(digest) if *digest != descriptor.digest.0 => {
                return Err(wrong(&OciDigest(*digest).to_string()));
            }
            _ if told.starts_with("sha256:") && told != descriptor.digest.to_string() => return Err(wrong(&told)),
            _ => {}
        }
        let document = Document::read(&bytes, &what)?;
        match &document.media_type {
            Some(own) if is_document(&descriptor) && *own != descriptor.media_type => {
                let reason = format!("it came as {media_type}, but calls itself {own}");
                return Err(PublishError::Unfit { what, reason });
            }
            Some(own) => descriptor.media_type.clone_from(own),
            None => {}
        }
        descriptor.artifact_type = document.artifact_type.clone();
        Ok(Ok(Manifest { descriptor, bytes, document }))
    }

    /// Puts a manifest there. Says whether the registry has taken note of its `subject` ("Pushing manifests with
    /// subject").
    pub async fn put_manifest(&self, target: &Target, media_type: &str, bytes: &[u8]) -> Result<bool, PublishError> {
        let doing = format!("put the manifest {target} into {}", self.place());
        let call = Call::new(Method::Put, self.address(&format!("manifests/{target}"))?)
            .header("content-type", media_type)
            .body(bytes.to_vec());
        let answer = self.expect(self.ask(&call, &doing).await?, &[200, 201, 202], &doing).await?;
        let (digest, told) = (OciDigest(Sha256::of(bytes)).to_string(), answer.header("docker-content-digest"));
        match told.filter(|told| told.starts_with("sha256:") && *told != digest) {
            None => Ok(answer.header("oci-subject").is_some()),
            Some(told) => Err(PublishError::WrongBytes {
                host: self.registry.host.clone(),
                what: format!("{digest}, which was put there as {target}"),
                found: told.to_owned(),
            }),
        }
    }

    /// A blob that fits into memory, checked against its digest and size.
    pub async fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, PublishError> {
        let Descriptor { digest, size, .. } = descriptor;
        let doing = format!("get sha256:{} of {}", digest.0.short(), self.place());
        let call = Call::new(Method::Get, self.address(&format!("blobs/{digest}"))?);
        let answer = self.expect(self.ask(&call, &doing).await?, &[200], &doing).await?;
        let bytes = answer.bytes(usize::try_from(*size).unwrap_or(usize::MAX)).await;
        let bytes = bytes.map_err(|source| self.http(&doing, source))?;
        let found = Descriptor::of("", &bytes);
        if found.digest != *digest || found.size != *size {
            return Err(self.wrong_blob(descriptor, &found.digest.0, found.size));
        }
        Ok(bytes)
    }

    /// The error for a blob that is not what its descriptor says.
    pub fn wrong_blob(&self, descriptor: &Descriptor, found: &Sha256, size: u64) -> PublishError {
        PublishError::WrongBytes {
            host: self.registry.host.clone(),
            what: format!("the blob {} of {} bytes", descriptor.digest, descriptor.size),
            found: format!("sha256:{found}, {size} bytes"),
        }
    }
}

/// Runs futures, so many at a time, until one fails; the results are in the futures' order.
pub(super) async fn all<T>(
    futures: impl Iterator<Item = impl Future<Output = Result<T, PublishError>>>,
    at_a_time: usize,
) -> Result<Vec<T>, PublishError> {
    let numbered =
        futures.enumerate().map(|(number, future)| async move { Ok::<_, PublishError>((number, future.await?)) });
    let unordered = stream::iter(numbered).buffer_unordered(at_a_time.max(1));
    let mut done: Vec<(usize, T)> = unordered.try_collect::<Vec<_>>().await?;
    done.sort_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

/// How long a server asks to wait (RFC 9110, section 10.2.3). A date is taken for the usual pause.
pub(super) fn retry_after(answer: &Answer) -> Option<Duration> {
    answer.header("retry-after").and_then(|value| value.trim().parse().ok()).map(Duration::from_secs)
}

/// What a registry says of an error ("Error codes"), as it may be shown.
async fn said(answer: Answer) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let bytes = answer.bytes(SAID_LIMIT).await.unwrap_or_default();
    let text = match serde_json::from_slice::<Errors>(&bytes) {
        Ok(Errors { errors }) => {
            let one = |One { code, message }: &One| match (code.is_empty(), message.is_empty()) {
                (false, false) => format!("{message} ({code})"),
                _ => format!("{message}{code}"),
            };
            errors.iter().map(one).collect::<Vec<_>>().join("; ")
        }
        // A page for people, or nothing.
        Err(_) => String::new(),
    };
    text.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}
