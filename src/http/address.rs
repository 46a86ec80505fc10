//! An absolute URL: where to ask, and as much of it as may be shown.
//!
//! Knows nothing of what is asked. User, password and query are never shown: upload addresses carry secrets there.

use std::fmt;

use reqwest::Url;

use super::HttpError;

/// An absolute `http` or `https` URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(pub(super) Url);

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`HttpError::Address`] when the text is no absolute `http` or `https` URL.
    pub fn parse(text: &str) -> Result<Self, HttpError> {
        let usable = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let url = Url::parse(text).ok().filter(usable);
        url.map(Self).ok_or_else(|| HttpError::Address { text: super::without_password(text) })
    }

    /// A reference that stands in an answer from here (RFC 3986, section 5), for example in a `Location`.
    ///
    /// # Errors
    /// [`HttpError::Address`] when it leads to nothing that HTTP can ask for.
    pub fn join(&self, reference: &str) -> Result<Self, HttpError> {
        let joined =
            self.0.join(reference).map_err(|_| HttpError::Address { text: format!("a reference in {self}") })?;
        Self::parse(joined.as_str())
    }

    /// The same with one more parameter in its query.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Whether both are of one scheme, host and port: what a secret for one may be sent to (RFC 6454).
    pub fn same_origin(&self, other: &Self) -> bool {
        self.0.origin() == other.0.origin()
    }

    /// Whether what is sent there is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether it can only be this machine (RFC 6761, section 6.3; RFC 6890).
    pub fn is_loopback(&self) -> bool {
        let name = self.0.host_str().unwrap_or_default();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        name == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// The whole of it, with all secrets: for remembering, not for showing.
    pub fn reveal(&self) -> &str {
        self.0.as_str()
    }
}

/// Fields as the body of a form (`application/x-www-form-urlencoded`, the URL standard, section 5).
pub fn form(fields: &[(&str, &str)]) -> String {
    let mut url = Url::parse("form:").expect("this is a URL");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.origin().ascii_serialization(), self.0.path())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_no_secret() {
        let address = Address::parse("https://me:secret@example.org:5000/v2/a/uploads/1?_state=secret#x").unwrap();
        assert_eq!(address.to_string(), "https://example.org:5000/v2/a/uploads/1");
        assert_eq!(format!("{address:?}"), "Address(https://example.org:5000/v2/a/uploads/1)");
        assert!(address.reveal().contains("_state=secret"));
    }

    #[test]
    fn references_are_resolved_and_queries_grow() {
        let base = Address::parse("https://example.org/v2/a/blobs/uploads/").unwrap();
        let next = base.join("/v2/a/blobs/uploads/7?state=x").unwrap().with("digest", "sha256:ab");
        assert_eq!(next.reveal(), "https://example.org/v2/a/blobs/uploads/7?state=x&digest=sha256%3Aab");
        assert!(next.same_origin(&base));
        assert!(!base.join("https://example.org:8443/x").unwrap().same_origin(&base));
        assert!(!base.join("http://example.org/x").unwrap().same_origin(&base));
        assert!(!base.join("https://other.example.org/x").unwrap().same_origin(&base));
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (host, loopback) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.9.9.9:5000", true),
            ("[::1]:5000", true),
            ("[::2]", false),
            ("128.0.0.1", false),
            ("localhost.example.org", false),
            ("127.0.0.1.example.org", false),
        ] {
            assert_eq!(Address::parse(&format!("http://{host}/v2/")).unwrap().is_loopback(), loopback, "{host}");
        }
    }

    #[test]
    fn a_form_is_encoded() {
        assert_eq!(form(&[("a", "1 &2"), ("b", "repository:x:pull,push")]), "a=1+%262&b=repository%3Ax%3Apull%2Cpush");
    }

    #[test]
    fn only_http_is_an_address() {
        for bad in ["", "example.org/x", "file:///etc/passwd", "unix:/run/x"] {
            assert!(matches!(Address::parse(bad), Err(HttpError::Address { .. })), "{bad}");
        }
        assert!(Address::parse("https://example.org").unwrap().join("ftp://example.org/x").is_err());
    }
}
