//! `WWW-Authenticate`: how a registry wants to be told who asks (RFC 9110, section 11.6.1). Pure.

use std::collections::BTreeMap;

/// One way that a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// The scheme, in lower case: `basic`, `bearer`.
    pub scheme: String,
    /// Its parameters, names in lower case.
    pub parameters: BTreeMap<String, String>,
}

impl Challenge {
    /// A parameter, if it says anything.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// The challenges of a header's value; what follows something unreadable is left out.
pub(super) fn parse(value: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let Some((word, after)) = token(rest) else { return challenges };
        // A name with `=` belongs to the challenge before it; a word without begins the next one.
        match after.trim_start().strip_prefix('=') {
            Some(after) if !challenges.is_empty() => {
                let Some((value, after)) = value_of(after.trim_start()) else { return challenges };
                if let Some(challenge) = challenges.last_mut() {
                    challenge.parameters.insert(word.to_ascii_lowercase(), value);
                }
                rest = after;
            }
            Some(_) => return challenges,
            None => {
                challenges.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: BTreeMap::new() });
                rest = after;
            }
        }
    }
}

/// A token at the beginning, and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A token or quoted string at the beginning, and what follows it.
fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        // Some servers forget the quotes around URLs and scopes.
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> Vec<String> {
        let one = |challenge: Challenge| {
            let parameters: Vec<_> =
                challenge.parameters.iter().map(|(name, value)| format!("{name}=<{value}>")).collect();
            format!("{} {}", challenge.scheme, parameters.join(" ")).trim_end().to_owned()
        };
        parse(value).into_iter().map(one).collect()
    }

    #[test]
    fn challenges_are_told_apart() {
        assert_eq!(shown(r#"Basic realm="a, \"b\" = c""#), [r#"basic realm=<a, "b" = c>"#]);
        assert_eq!(
            shown(r#"Bearer realm="https://a.example/token",service="r",scope="repository:a/b:pull,push""#),
            ["bearer realm=<https://a.example/token> scope=<repository:a/b:pull,push> service=<r>"]
        );
        assert_eq!(
            shown(r#"Negotiate, Basic realm=x , BEARER Realm = "y""#),
            ["negotiate", "basic realm=<x>", "bearer realm=<y>"]
        );
        assert_eq!(
            shown(r#"Bearer realm=https://a.example/t,service=r"#),
            ["bearer realm=<https://a.example/t> service=<r>"]
        );
    }

    #[test]
    fn what_cannot_be_read_ends_the_list() {
        assert_eq!(shown(""), [""; 0]);
        assert_eq!(shown("=x"), [""; 0]);
        assert_eq!(shown("a=b"), [""; 0]);
        assert_eq!(shown(r#"Basic realm="never ends"#), ["basic"]);
        assert_eq!(shown("Basic \u{1}"), ["basic"]);
    }
}
