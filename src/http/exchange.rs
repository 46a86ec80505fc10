//! Requests of every method, whose statuses are answers and not errors: what a registry is talked to with.
//!
//! Knows nothing of registries, of credentials, or of trying again. A redirect to another origin loses the
//! `Authorization` header; a redirect from an encrypted address to one that is not is refused. A server may take as
//! long as bytes move: what ends a request is silence, not slowness.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, HeaderName, HeaderValue};
use reqwest::redirect;
use tokio::sync::mpsc::Receiver;

use super::{Address, CONNECT_TIMEOUT, HttpError, IDLE_TIMEOUT};

/// How long a server may take to answer once it has everything: some check a whole upload before they do.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);
/// How long what was sent may stay without any sign that it arrived (tcp(7), `TCP_USER_TIMEOUT`).
const DEAD_CONNECTION: Duration = Duration::from_secs(30);
/// As many as browsers follow.
const REDIRECTS: usize = 10;

/// Certificates, as PEM files hold them.
#[derive(Debug, Clone, Default)]
pub struct Certificates(Vec<reqwest::Certificate>);

impl Certificates {
    /// The certificates of a PEM text; `None` when it holds none.
    pub fn from_pem(text: &[u8]) -> Option<Self> {
        let certificates = reqwest::Certificate::from_pem_bundle(text).ok()?;
        (!certificates.is_empty()).then_some(Self(certificates))
    }

    /// Adds others to these.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }
}

/// A certificate with its key, by which a client makes itself known.
#[derive(Debug, Clone)]
pub struct Identity(reqwest::Identity);

impl Identity {
    /// Reads a PEM text with a certificate, those above it, and the private key; `None` when it is not that.
    pub fn from_pem(text: &[u8]) -> Option<Self> {
        super::install_cryptography();
        reqwest::Identity::from_pem(text).ok().map(Self)
    }
}

/// How a server is reached and believed.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Refuse every address that is not `https`.
    pub encrypted_only: bool,
    /// Connect without any proxy, whatever the environment says.
    pub direct: bool,
    /// Certificate authorities beside the host's.
    pub authorities: Certificates,
    /// Who the client is.
    pub identity: Option<Identity>,
}

/// What is to be done with what an address names (RFC 9110, section 9; PATCH is RFC 5789).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the specification's")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

/// A body that is produced while it is sent.
#[derive(Debug)]
pub struct Flow {
    /// How many bytes come.
    pub length: u64,
    /// The bytes; an error ends the request.
    pub parts: Receiver<io::Result<Vec<u8>>>,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    address: Address,
    headers: Vec<(&'static str, String)>,
    authorization: Option<String>,
    body: Vec<u8>,
}

impl Call {
    /// A request without a body.
    pub fn new(method: Method, address: Address) -> Self {
        Self { method, address, headers: Vec::new(), authorization: None, body: Vec::new() }
    }

    /// Where it goes.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with an `Authorization`, which no log shows.
    #[must_use]
    pub fn authorization(mut self, value: Option<String>) -> Self {
        self.authorization = value;
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, bytes: Vec<u8>) -> Self {
        self.body = bytes;
        self
    }
}

/// When bytes last moved.
#[derive(Debug, Clone)]
struct Pulse(Arc<Mutex<Instant>>);

impl Pulse {
    fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when nothing has moved for so long.
    async fn stopped(&self, limit: Duration) {
        loop {
            let end = self.last() + limit;
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end.into()).await;
        }
    }
}

/// A client for one kind of trust; connections are pooled and shared by its clones.
#[derive(Debug, Clone)]
pub struct Exchange {
    client: reqwest::Client,
    encrypted_only: bool,
}

impl Exchange {
    /// A client.
    ///
    /// # Errors
    /// [`HttpError::Setup`] when certificates cannot be loaded.
    pub fn new(trust: &Trust) -> Result<Self, HttpError> {
        super::install_cryptography();
        let Trust { encrypted_only, direct, authorities, identity } = trust;
        let mut builder = reqwest::Client::builder()
            .user_agent(super::USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_keepalive(DEAD_CONNECTION)
            .tcp_user_timeout(DEAD_CONNECTION)
            .http2_adaptive_window(true)
            .redirect(redirect::Policy::custom(follow))
            .https_only(*encrypted_only)
            .tls_certs_merge(authorities.0.iter().cloned());
        if *direct {
            builder = builder.no_proxy();
        }
        if let Some(Identity(identity)) = identity {
            builder = builder.identity(identity.clone());
        }
        let client = builder.build().map_err(HttpError::Setup)?;
        Ok(Self { client, encrypted_only: *encrypted_only })
    }

    /// Sends a request, and waits for the head of the answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, call: Call) -> Result<Answer, HttpError> {
        // Servers want a length of 0 from these where there is no content (RFC 9110, section 8.6).
        let wants_length = matches!(call.method, Method::Post | Method::Put | Method::Patch);
        let request = self.prepare(&call)?;
        let Call { address, body, .. } = call;
        let request = match body.is_empty() {
            true if wants_length => request.header(CONTENT_LENGTH, 0),
            true => request,
            false => request.body(body),
        };
        let pulse = Pulse(Arc::new(Mutex::new(Instant::now())));
        conclude(&address, request, &pulse).await
    }

    /// Sends a request with a body that is produced on the way, and waits for the head of the answer.
    ///
    /// # Errors
    /// When there is no answer, also when the body ended with an error.
    pub async fn send_flow(&self, call: Call, flow: Flow) -> Result<Answer, HttpError> {
        let Flow { length, parts } = flow;
        let pulse = Pulse(Arc::new(Mutex::new(Instant::now())));
        let parts = Arc::new(Mutex::new(parts));
        let (taken, source) = (pulse.clone(), parts.clone());
        let stream = futures_util::stream::poll_fn(move |context| {
            let next = source.lock().unwrap_or_else(PoisonError::into_inner).poll_recv(context);
            if let Poll::Ready(Some(_)) = next {
                taken.beat();
            }
            next
        });
        let request = self.prepare(&call)?.header(CONTENT_LENGTH, length).body(reqwest::Body::wrap_stream(stream));
        let answer = conclude(&call.address, request, &pulse).await;
        // An answer may come before the end of the body: whoever produces the rest need not.
        parts.lock().unwrap_or_else(PoisonError::into_inner).close();
        answer
    }

    /// The request without its body.
    fn prepare(&self, call: &Call) -> Result<reqwest::RequestBuilder, HttpError> {
        let Call { method, address, headers, authorization, body: _ } = call;
        if self.encrypted_only && !address.is_encrypted() {
            return Err(HttpError::Downgrade { url: address.to_string() });
        }
        let method = match method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let unfit = |name: &str| HttpError::Header { url: address.to_string(), name: name.to_owned() };
        // `identity`: a server that compresses on the fly would change the bytes that the digest is of.
        let mut request = self.client.request(method, address.0.clone()).header(ACCEPT_ENCODING, "identity");
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|_| unfit(name))?;
            request = request.header(HeaderName::from_static(name), value);
        }
        if let Some(value) = authorization {
            let mut value = HeaderValue::from_str(value).map_err(|_| unfit("authorization"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        Ok(request)
    }
}

/// What ends a chain of redirects that leaves encryption.
#[derive(Debug, thiserror::Error)]
#[error("a redirect to an address that is not encrypted")]
pub(super) struct Downgraded;

fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let encrypted = attempt.previous().last().is_some_and(|previous| previous.scheme() == "https");
    if encrypted && attempt.url().scheme() != "https" {
        attempt.error(Downgraded)
    } else if attempt.previous().len() > REDIRECTS {
        attempt.error("too many redirects")
    } else {
        attempt.follow()
    }
}

async fn conclude(address: &Address, request: reqwest::RequestBuilder, pulse: &Pulse) -> Result<Answer, HttpError> {
    let response = tokio::select! {
        response = request.send() => response,
        () = pulse.stopped(ANSWER_TIMEOUT) => return Err(HttpError::Silent { url: address.to_string() }),
    };
    let response = response.map_err(|source| HttpError::of_exchange(address, source))?;
    Ok(Answer { address: Address(response.url().clone()), response })
}

/// What came back: status and headers, and the body that follows.
#[derive(Debug)]
pub struct Answer {
    address: Address,
    response: reqwest::Response,
}

impl Answer {
    /// The status code (RFC 9110, section 15).
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// Where it came from, after redirects: what references in it are seen from.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// A header, if it is there once or more and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// All values of a header.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.response.headers().get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    /// The body's length, where the server tells.
    pub fn length(&self) -> Option<u64> {
        // Of an answer to HEAD only the header tells.
        self.header("content-length").and_then(|value| value.parse().ok()).or_else(|| self.response.content_length())
    }

    /// The first byte that the body is of, and the whole's size, when it is a part (RFC 9110, section 14.4).
    pub fn part(&self) -> Option<(u64, Option<u64>)> {
        super::parse_content_range(self.header("content-range")?)
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When the connection breaks before the announced end, or is silent too long.
    pub async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, HttpError> {
        match tokio::time::timeout(IDLE_TIMEOUT, self.response.chunk()).await {
            Ok(chunk) => chunk.map_err(|source| HttpError::of_exchange(&self.address, source)),
            Err(_) => Err(HttpError::Silent { url: self.address.to_string() }),
        }
    }

    /// The whole body, of which no more than `limit` bytes are taken.
    ///
    /// # Errors
    /// As [`Answer::chunk`]; [`HttpError::TooLarge`] past the limit.
    pub async fn bytes(mut self, limit: usize) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            bytes.extend_from_slice(chunk.as_ref());
            if bytes.len() > limit {
                return Err(HttpError::TooLarge { url: self.address.to_string(), limit });
            }
        }
        Ok(bytes)
    }
}
