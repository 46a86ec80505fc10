//! Licence expressions as documents may hold them: every identifier is on SPDX's list, or is a `LicenseRef-` that
//! the document explains ([SPDX 2.3](https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/), annex D).

use std::collections::BTreeSet;

/// What begins an identifier that is not on the list.
const OWN: &str = "LicenseRef-";

/// A licence expression that a document may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expression {
    /// The text.
    pub text: String,
    /// The identifiers in it that are not on the list.
    pub own: BTreeSet<String>,
}

impl Expression {
    /// Takes a recipe's expression, of which the parser has checked the grammar. An identifier that is not on the
    /// list gets the prefix that says so, and with it its exception.
    pub fn new(declared: &str) -> Self {
        let spaced = declared.replace('(', "( ").replace(')', " )");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let (mut own, mut parts) = (BTreeSet::new(), Vec::new());
        let mut rest = words.as_slice();
        while let [word, after @ ..] = rest {
            let (part, after) = match after {
                ["WITH", exception, after @ ..] => (with(word, exception), after),
                _ => (plain(word), after),
            };
            own.extend(part.split(' ').next().filter(|id| id.starts_with(OWN)).map(str::to_owned));
            parts.push(part);
            rest = after;
        }
        Self { text: parts.join(" ").replace("( ", "(").replace(" )", ")"), own }
    }

    /// The identifier, where the expression is nothing but one of the list.
    pub fn single(&self) -> Option<&str> {
        spdx::license_id(&self.text).map(|_| self.text.as_str())
    }
}

fn is_listed(license: &str) -> bool {
    spdx::license_id(license.strip_suffix('+').unwrap_or(license)).is_some()
}

fn plain(word: &str) -> String {
    if matches!(word, "(" | ")" | "AND" | "OR") || word.starts_with(OWN) || is_listed(word) {
        return word.to_owned();
    }
    // A `+` may not stand in such a name.
    format!("{OWN}{}", word.replace('+', "-or-later"))
}

fn with(license: &str, exception: &str) -> String {
    if is_listed(license) && spdx::exception_id(exception).is_some() {
        return format!("{license} WITH {exception}");
    }
    let license = plain(license);
    let prefix = if license.starts_with(OWN) { "" } else { OWN };
    format!("{prefix}{}-WITH-{exception}", license.replace('+', "-or-later"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_the_list_stays_as_it_is() {
        for text in [
            "MIT",
            "GPL-2.0+",
            "MIT AND ICU AND CC-BY-3.0",
            "(MIT OR Zlib) AND (curl AND blessing)",
            "GPL-3.0-or-later WITH GCC-exception-3.1",
        ] {
            assert_eq!(Expression::new(text), Expression { text: text.to_owned(), own: BTreeSet::new() });
        }
        assert_eq!(Expression::new("MIT").single(), Some("MIT"));
        assert_eq!(Expression::new("MIT OR Zlib").single(), None);
    }

    #[test]
    fn what_is_not_says_so() {
        let own = |text: &str| {
            let Expression { text, own } = Expression::new(text);
            format!("{text} | {}", own.into_iter().collect::<Vec<_>>().join(" "))
        };
        assert_eq!(own("LicenseRef-own OR MIT"), "LicenseRef-own OR MIT | LicenseRef-own");
        assert_eq!(own("(Odd-1.0 OR MIT)"), "(LicenseRef-Odd-1.0 OR MIT) | LicenseRef-Odd-1.0");
        assert_eq!(own("Odd-1.0+"), "LicenseRef-Odd-1.0-or-later | LicenseRef-Odd-1.0-or-later");
        let exception = "LicenseRef-GPL-2.0-only-WITH-odd-exception";
        assert_eq!(own("GPL-2.0-only WITH odd-exception"), format!("{exception} | {exception}"));
        assert_eq!(Expression::new("Odd-1.0").single(), None);
    }
}
