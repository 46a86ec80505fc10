//! An HTTP client for downloads, and one for everything else: the only code that opens a socket.
//!
//! [`Client`] asks for files and pages, [`Exchange`] sends requests of every method. Neither knows what is asked for,
//! nor of trying again: they say for each error whether trying again can help.
//! Bytes are never trusted for having come over TLS; callers verify them by digest. Proxies come from the environment
//! (`http_proxy`, `https_proxy`, `no_proxy`) unless a [`Route`] says otherwise, certificate authorities from the host's
//! store (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured). Semantics follow RFC 9110; ranges its section 14.

mod address;
mod error;
mod exchange;

use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{Response, StatusCode, Url};

pub use address::{Address, form};
pub use error::HttpError;
pub use exchange::{Answer, Call, Certificates, Exchange, Flow, Identity, Method, Trust};

const USER_AGENT: &str = concat!("drystone/", env!("CARGO_PKG_VERSION"));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a server may be silent in the middle of an answer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The largest answer that [`Client::document`] takes: index pages are far smaller.
const DOCUMENT_LIMIT: usize = 64 << 20;

/// The URL as it may be shown: a password in it is replaced by `***`.
pub fn without_password(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => match parsed.set_password(Some("***")) {
            Ok(()) => parsed.into(),
            Err(()) => url.to_owned(),
        },
        _ => url.to_owned(),
    }
}

/// How URLs with a prefix are reached, where that is not for the environment to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The URLs that this is about start with this text.
    pub prefix: String,
    /// The proxy's URL; `None` connects directly.
    pub proxy: Option<String>,
}

/// The client: connections are pooled and shared by its clones.
#[derive(Debug, Clone)]
pub struct Client {
    plain: reqwest::Client,
    routed: Vec<(String, reqwest::Client)>,
}

impl Client {
    /// A client that reaches each URL by the first route whose prefix it has, else as the environment says.
    ///
    /// # Errors
    /// [`HttpError::Setup`] when the host's certificates cannot be loaded or a proxy's URL is wrong.
    pub fn new(routes: &[Route]) -> Result<Self, HttpError> {
        install_cryptography();
        let plain = builder().build().map_err(HttpError::Setup)?;
        let mut routed = Vec::new();
        for route in routes {
            let builder = match &route.proxy {
                Some(proxy) => builder().proxy(reqwest::Proxy::all(proxy).map_err(HttpError::Setup)?),
                None => builder().no_proxy(),
            };
            routed.push((route.prefix.clone(), builder.build().map_err(HttpError::Setup)?));
        }
        Ok(Self { plain, routed })
    }

    fn request(&self, url: &str) -> reqwest::RequestBuilder {
        let routed = self.routed.iter().find(|(prefix, _)| url.starts_with(prefix.as_str()));
        // `identity`: a server that compresses on the fly would change the bytes that the digest is of.
        routed.map_or(&self.plain, |(_, client)| client).get(url).header(ACCEPT_ENCODING, "identity")
    }

    /// Asks for a file from byte `offset` on. A server that does not know ranges sends it from the start:
    /// see [`Body::start`].
    ///
    /// # Errors
    /// When no usable answer begins; [`HttpError::Range`] only when `offset` is not 0.
    pub async fn get(&self, url: &str, offset: u64) -> Result<Body, HttpError> {
        let mut request = self.request(url);
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let response = request.send().await.map_err(|source| HttpError::of_request(url, source))?;
        let url = without_password(url);
        match response.status() {
            StatusCode::OK => {
                let size = response.content_length();
                Ok(Body { url, start: 0, size, response })
            }
            StatusCode::PARTIAL_CONTENT if offset > 0 => match content_range(&response) {
                Some((start, size)) if start == offset => Ok(Body { url, start, size, response }),
                _ => Err(HttpError::Range { url, offset }),
            },
            StatusCode::RANGE_NOT_SATISFIABLE if offset > 0 => Err(HttpError::Range { url, offset }),
            status => Err(HttpError::Status { url, status }),
        }
    }

    /// Asks for a small text, such as an index page.
    ///
    /// # Errors
    /// When the whole of it does not arrive, or it is unreasonably large.
    pub async fn document(&self, url: &str, accept: &str) -> Result<Document, HttpError> {
        let response = self.request(url).header(ACCEPT, accept).send().await;
        let response = response.map_err(|source| HttpError::of_request(url, source))?;
        if response.status() != StatusCode::OK {
            return Err(HttpError::Status { url: without_password(url), status: response.status() });
        }
        let base = response.url().clone();
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let mut body = Body { url: without_password(url), start: 0, size: None, response };
        let mut bytes = Vec::new();
        while let Some(chunk) = body.chunk().await? {
            bytes.extend_from_slice(chunk.as_ref());
            if bytes.len() > DOCUMENT_LIMIT {
                return Err(HttpError::TooLarge { url: body.url, limit: DOCUMENT_LIMIT });
            }
        }
        Ok(Document { base, content_type, text: String::from_utf8_lossy(&bytes).into_owned() })
    }
}

/// Says whose cryptography TLS uses.
fn install_cryptography() {
    // Err means that the process already has a provider, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(IDLE_TIMEOUT)
        .http2_adaptive_window(true)
}

/// First byte and size of the whole, of `Content-Range: bytes 5-9/10` (RFC 9110, section 14.4).
fn content_range(response: &Response) -> Option<(u64, Option<u64>)> {
    parse_content_range(response.headers().get(CONTENT_RANGE)?.to_str().ok()?)
}

fn parse_content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, size) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, size.trim().parse().ok()))
}

/// An answer under way.
#[derive(Debug)]
pub struct Body {
    url: String,
    start: u64,
    size: Option<u64>,
    response: Response,
}

impl Body {
    /// Where in the file the body begins: the offset asked for, or 0 from a server that does not know ranges.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The size of the whole file in bytes, where the server tells.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`HttpError::Interrupted`] when the connection breaks before the announced end, or is silent too long.
    pub async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, HttpError> {
        let interrupted =
            |source: reqwest::Error| HttpError::Interrupted { url: self.url.clone(), source: source.without_url() };
        self.response.chunk().await.map_err(interrupted)
    }
}

/// A small text with what is needed to read it.
#[derive(Debug, Clone)]
pub struct Document {
    base: Url,
    /// The media type as the server gives it.
    pub content_type: String,
    /// The text.
    pub text: String,
}

impl Document {
    /// A reference in the document as an absolute URL, seen from where redirects led; `None` when it is no URL.
    pub fn resolve(&self, reference: &str) -> Option<String> {
        self.base.join(reference).ok().map(String::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_gives_the_first_byte_and_the_size_where_it_is_known() {
        assert_eq!(parse_content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(parse_content_range("bytes 5-9/*"), Some((5, None)));
        for bad in ["", "5-9/10", "bytes */10", "items 5-9/10", "bytes 5-9", "bytes x-9/10"] {
            assert_eq!(parse_content_range(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        assert_eq!(without_password("https://me:secret@example.org/a?b"), "https://me:***@example.org/a?b");
        assert_eq!(without_password("https://me@example.org/a"), "https://me@example.org/a");
        assert_eq!(without_password("no url: at all@all"), "no url: at all@all");
    }
}
