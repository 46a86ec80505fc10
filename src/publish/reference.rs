//! Names of images in registries: `HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]`. Pure.
//!
//! The grammar is that of the OCI distribution specification 1.1 ("Pulling manifests"). The host is never left out:
//! no registry is the default one.

use std::fmt;
use std::str::FromStr;

use crate::digest::Sha256;

/// The longest `HOST/REPOSITORY` that clients take (the specification's implementers' note).
const NAME_LIMIT: usize = 255;
const TAG_LIMIT: usize = 128;

/// A text that names no image in a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` names no image in a registry: {reason}", text.escape_debug())]
pub struct ReferenceError {
    text: String,
    reason: String,
}

/// A registry's host, with its port where it has one: `registry.example.org`, `localhost:5000`, `[::1]:5000`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

impl Host {
    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Host {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let error = |reason: &str| ReferenceError { text: text.to_owned(), reason: reason.to_owned() };
        let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, rest)) => {
                address.parse::<std::net::Ipv6Addr>().map_err(|_| error("what is in brackets is no IPv6 address"))?;
                ("ipv6", rest.strip_prefix(':').or((!rest.is_empty()).then_some("")))
            }
            None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
        };
        let label = |label: &str| {
            let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
            edge(label.as_bytes().first())
                && edge(label.as_bytes().last())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !name.split('.').all(label) {
            return Err(error("its host is made of letters, digits, `-` and `.`"));
        }
        if port.is_some_and(|port| port.starts_with('+') || port.parse::<u16>().is_err()) {
            return Err(error("its port is a number up to 65535"));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository's path in its registry: `library/jq`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository(String);

impl Repository {
    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.split('/').all(is_component) {
            return Ok(Self(text.to_owned()));
        }
        let reason = match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => "a repository is written in lower case",
            false => {
                "a repository is made of lower-case letters and digits, with one `.`, one or two `_`, or some `-` \
                 between them, and `/` between its parts"
            }
        };
        Err(ReferenceError { text: text.to_owned(), reason: reason.to_owned() })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| is_letter(*byte));
    let separators = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).filter(|part| !part.is_empty());
    edge(text.as_bytes().first())
        && edge(text.as_bytes().last())
        && separators.into_iter().all(|one| matches!(one, "." | "_" | "__") || one.bytes().all(|byte| byte == b'-'))
}

/// A tag: a name in a repository that can be moved to another image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits = text.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'));
        match text.as_bytes().first() {
            Some(first) if is_word(*first) && fits && text.len() <= TAG_LIMIT => Ok(Self(text.to_owned())),
            _ => Err(ReferenceError {
                text: text.to_owned(),
                reason: format!(
                    "a tag is up to {TAG_LIMIT} letters, digits, `_`, `.` and `-`, and begins with none of the last two"
                ),
            }),
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name of an image in a registry, or of a whole repository when it has neither tag nor digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The registry.
    pub host: Host,
    /// The repository there.
    pub repository: Repository,
    /// The tag there.
    pub tag: Option<Tag>,
    /// What the image must be, whatever the tag says.
    pub digest: Option<Sha256>,
}

impl Reference {
    /// The same image by its digest alone.
    #[must_use]
    pub fn by_digest(&self, digest: Sha256) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let error = |reason: &str| ReferenceError { text: text.to_owned(), reason: reason.to_owned() };
        let within = |inner: ReferenceError| ReferenceError { text: text.to_owned(), reason: inner.reason };
        if text.contains("://") {
            return Err(error("it is written without a scheme: HOST/REPOSITORY:TAG"));
        }
        let (name, digest) = match text.split_once('@') {
            None => (text, None),
            Some((name, digest)) => {
                let digest = digest.strip_prefix("sha256:").and_then(|digest| digest.parse().ok());
                (
                    name,
                    Some(digest.ok_or_else(|| error("its digest is `sha256:` and 64 lower-case hexadecimal digits"))?),
                )
            }
        };
        let has_host = |first: &str| first == "localhost" || first.contains(['.', ':']);
        let Some((host, rest)) = name.split_once('/').filter(|(first, _)| has_host(first)) else {
            return Err(error("it begins with its registry, such as registry.example.org/ or localhost:5000/"));
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.parse().map_err(within)?)),
            None => (rest, None),
        };
        if host.len() + 1 + repository.len() > NAME_LIMIT {
            return Err(error("host and repository together are longer than 255 characters"));
        }
        let host = host.parse().map_err(within)?;
        Ok(Self { host, repository: repository.parse().map_err(within)?, tag, digest })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, repository, tag, digest } = self;
        write!(f, "{host}/{repository}")?;
        if let Some(tag) = tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = digest {
            write!(f, "@sha256:{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_reference_is_read_and_written_the_same() {
        let whole = format!("registry.example.org:5000/team/jq__x:1.8_2@sha256:{DIGEST}");
        for text in [
            "localhost/jq",
            "localhost:5000/jq:latest",
            "127.0.0.1:5000/a/b/c",
            "[::1]:5000/a-b/c.d:x",
            "[::1]/a",
            &whole,
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
        let read: Reference = whole.parse().unwrap();
        assert_eq!((read.host.as_str(), read.repository.as_str()), ("registry.example.org:5000", "team/jq__x"));
        assert_eq!(read.tag.unwrap().as_str(), "1.8_2");
        assert_eq!(read.digest.unwrap().to_string(), DIGEST);
    }

    #[test]
    fn what_is_no_reference_says_why() {
        for (text, reason) in [
            ("jq:1.8", "it begins with its registry, such as registry.example.org/ or localhost:5000/"),
            ("team/jq", "it begins with its registry, such as registry.example.org/ or localhost:5000/"),
            ("https://localhost/jq", "it is written without a scheme: HOST/REPOSITORY:TAG"),
            ("localhost:x/jq", "its port is a number up to 65535"),
            ("localhost:/jq", "its port is a number up to 65535"),
            ("[::g]/jq", "what is in brackets is no IPv6 address"),
            ("[::1]5000/jq", "its port is a number up to 65535"),
            ("-a.org/jq", "its host is made of letters, digits, `-` and `.`"),
            ("localhost/JQ", "a repository is written in lower case"),
            ("localhost/jq@sha256:12", "its digest is `sha256:` and 64 lower-case hexadecimal digits"),
            ("localhost/jq@md5:12", "its digest is `sha256:` and 64 lower-case hexadecimal digits"),
        ] {
            let error = text.parse::<Reference>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` names no image in a registry: {reason}"));
        }
        for text in
            ["localhost/", "localhost//a", "localhost/a..b", "localhost/a___b", "localhost/a_", "localhost/../a"]
        {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains("a repository is made of lower-case letters"), "{error}");
        }
        for text in ["localhost/a:", "localhost/a:-x", "localhost/a:b:c", &format!("localhost/a:{}", "x".repeat(129))] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains("a tag is up to 128 letters"), "{error}");
        }
        assert!(format!("localhost/{}", "a".repeat(246)).parse::<Reference>().is_err());
    }
}
