//! Why a request failed. Knows of no request what it was for; URLs are shown without their secrets.

use std::error::Error;

use reqwest::StatusCode;

use super::exchange::Downgraded;
use super::{Address, without_password};

/// A request that failed. URLs are shown without their password.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The client itself could not be made, for example because the host has no certificate store.
    #[error("cannot set up the HTTP client")]
    Setup(#[source] reqwest::Error),
    /// The text is no URL that HTTP can ask for.
    #[error("{url}: not a usable URL")]
    Url {
        /// The text.
        url: String,
        /// What is wrong with it.
        #[source]
        source: reqwest::Error,
    },
    /// No connection: the name, the network, the proxy, the certificate.
    #[error("{url}: cannot connect")]
    Connect {
        /// What was asked for.
        url: String,
        /// What went wrong.
        #[source]
        source: reqwest::Error,
    },
    /// The connection was there, and then broke or fell silent.
    #[error("{url}: the transfer was interrupted")]
    Interrupted {
        /// What was asked for.
        url: String,
        /// What went wrong.
        #[source]
        source: reqwest::Error,
    },
    /// Redirects that do not end.
    #[error("{url}: redirects without end")]
    Redirect {
        /// What was asked for.
        url: String,
    },
    /// An answer that is not the document.
    #[error("{url}: the server answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// What it answered.
        status: StatusCode,
    },
    /// The server sent another part than the one asked for, or has no such part.
    #[error("{url}: the server does not give the bytes from {offset} on")]
    Range {
        /// What was asked for.
        url: String,
        /// The first byte asked for.
        offset: u64,
    },
    /// A document larger than any real one.
    #[error("{url}: larger than {limit} bytes, which no such document is")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The most that is taken.
        limit: usize,
    },
    /// The server cannot prove that it is the one that was asked for.
    #[error("{url}: the server's certificate is not to be trusted")]
    Certificate {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// The server speaks something else than TLS.
    #[error("{url}: the server does not speak TLS")]
    NotTls {
        /// What was asked for.
        url: String,
    },
    /// An encrypted server's answer that leads to an address that is not.
    #[error("{url}: the server leads to an address that is not encrypted")]
    Downgrade {
        /// What was asked for.
        url: String,
    },
    /// Bytes have stopped to move, and nobody said why.
    #[error("{url}: the server has fallen silent")]
    Silent {
        /// What was asked for.
        url: String,
    },
    /// A text that is no address, or one that HTTP cannot ask.
    #[error("`{text}` is no http or https address")]
    Address {
        /// The text.
        text: String,
    },
    /// A value that no header can hold.
    #[error("{url}: the header `{name}` cannot have the value that it is to have")]
    Header {
        /// What was to be asked for.
        url: String,
        /// The header.
        name: String,
    },
}

impl HttpError {
    /// Whether the same request may succeed later: connection errors, and the statuses 408, 429 and 5xx.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Interrupted { .. } | Self::Silent { .. } => true,
            Self::Status { status, .. } => {
                matches!(*status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
                    || status.is_server_error()
            }
            Self::Setup(_)
            | Self::Url { .. }
            | Self::Redirect { .. }
            | Self::Range { .. }
            | Self::TooLarge { .. }
            | Self::Certificate { .. }
            | Self::NotTls { .. }
            | Self::Downgrade { .. }
            | Self::Address { .. }
            | Self::Header { .. } => false,
        }
    }

    /// Of a request whose address may be shown only in part.
    pub(super) fn of_exchange(address: &Address, source: reqwest::Error) -> Self {
        let url = address.to_string();
        if deepest::<Downgraded>(&source).is_some() {
            return Self::Downgrade { url };
        }
        Self::of_request(&url, source)
    }

    pub(super) fn of_request(url: &str, source: reqwest::Error) -> Self {
        let url = without_password(url);
        let source = source.without_url();
        match deepest::<rustls::Error>(&source) {
            Some(rustls::Error::InvalidMessage(_)) => return Self::NotTls { url },
            Some(error @ rustls::Error::InvalidCertificate(_)) => {
                return Self::Certificate { url, source: error.clone() };
            }
            _ => {}
        }
        if source.is_builder() {
            Self::Url { url, source }
        } else if source.is_redirect() {
            Self::Redirect { url }
        } else if source.is_connect() {
            Self::Connect { url, source }
        } else {
            Self::Interrupted { url, source }
        }
    }
}

/// The error of a kind among the causes of another; `std::io::Error` hides what it wraps from `source`.
fn deepest<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut current = Some(error);
    while let Some(error) = current {
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let wrapped = wrapped.and_then(|inner| deepest(inner as &(dyn Error + 'static)));
        if let Some(found) = error.downcast_ref().or(wrapped) {
            return Some(found);
        }
        current = error.source();
    }
    None
}
