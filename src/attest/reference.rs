//! What an image is called in a registry, as far as a signature says it. Knows nothing of registries.

use super::SignatureError;

/// `HOST[:PORT]/PATH[:TAG]`, or `NAME[:TAG]`: the grammar of
/// [distribution/reference](https://github.com/distribution/reference/blob/v0.6.0/reference.go), without a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(String);

impl Reference {
    /// Reads a name.
    ///
    /// # Errors
    /// When it is no such name.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let wrong = |reason| Err(SignatureError::Reference { text: text.to_owned(), reason });
        if text.contains("://") {
            return wrong("it has no scheme, only HOST/PATH:TAG");
        }
        if text.contains('@') {
            return wrong("the digest is part of every signature anyway: leave it out");
        }
        let (name, tag) = match text.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (text, None),
        };
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if let Some(tag) = tag
            && (tag.len() > 128 || !tag.starts_with(word) || !tag.chars().all(|c| word(c) || c == '.' || c == '-'))
        {
            return wrong("its tag has other characters than letters, digits, `_`, `.` and `-`");
        }
        let path = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => {
                if !is_host(host) {
                    return wrong("its host is none");
                }
                path
            }
            _ => name,
        };
        if !path.split('/').all(is_component) {
            return wrong(
                "each part of its path needs lower-case letters and digits, with single `.`, `_` or `-` between them",
            );
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_host(host: &str) -> bool {
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "1"));
    let part = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    port.parse::<u16>().is_ok() && name.split('.').all(part)
}

/// Whether a part of a path is words of lower-case letters and digits with `.`, `_`, `__` or dashes between them.
fn is_component(text: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let between = |gap: &str| matches!(gap, "." | "_" | "__") || gap.chars().all(|c| c == '-');
    text.starts_with(word) && text.ends_with(word) && text.split(word).filter(|gap| !gap.is_empty()).all(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_pull_is_a_name() {
        for name in ["jq", "jq:1.8.2", "localhost/jq", "registry.example:5000/team/my__app/x--y:v1_2.3-rc"] {
            assert_eq!(Reference::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_they_cannot_pull_is_said() {
        let refused = |text: &str| Reference::parse(text).unwrap_err().to_string();
        let path =
            "each part of its path needs lower-case letters and digits, with single `.`, `_` or `-` between them";
        for text in ["", "Jq", "a//b", "-a", "a-", "a..b", "a___b", "registry.example/", "a b"] {
            assert_eq!(refused(text), format!("`{text}` is not an image's name: {path}"));
        }
        assert!(refused("https://registry.example/a").ends_with("it has no scheme, only HOST/PATH:TAG"));
        assert!(refused("a@sha256:00").ends_with("the digest is part of every signature anyway: leave it out"));
        assert!(refused("a:").contains("its tag has other characters"));
        assert!(refused("registry.example:port/a").ends_with("its host is none"));
    }
}
