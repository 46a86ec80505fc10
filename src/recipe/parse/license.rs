//! The grammar of SPDX licence expressions
//! ([SPDX specification 3.0, annex B](https://spdx.github.io/spdx-spec/v3.0.1/annexes/spdx-license-expressions/)),
//! without the list of identifiers.

use std::iter::Peekable;
use std::vec::IntoIter;

use toml::Spanned;
use toml::de::DeValue;

use super::Document;
use super::fields::Value;

/// A licence expression.
pub(super) struct License(pub String);

impl Value for License {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        match fault(&text) {
            None => Some(Self(text)),
            Some(reason) => {
                let message = format!("`{text}` is not an SPDX licence expression: {reason}");
                let help =
                    "it has the form `GPL-3.0-or-later`, `MIT OR Apache-2.0`, `GPL-2.0-only WITH Linux-syscall-note`";
                document.report(value.span(), message, Some(help.to_owned()));
                None
            }
        }
    }
}

fn fault(text: &str) -> Option<String> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<String> = spaced.split_whitespace().map(str::to_owned).collect();
    let mut words = words.into_iter().peekable();
    match expression(&mut words) {
        Err(reason) => Some(reason),
        Ok(()) => words.next().map(|word| format!("`{word}` follows where `AND` or `OR` is expected")),
    }
}

// AND binds more tightly than OR; whether a text is an expression does not depend on it.
fn expression(words: &mut Peekable<IntoIter<String>>) -> Result<(), String> {
    loop {
        match words.next().as_deref() {
            Some("(") => {
                expression(words)?;
                if words.next().as_deref() != Some(")") {
                    return Err("a parenthesis is not closed".to_owned());
                }
            }
            license => {
                identifier(license)?;
                if words.next_if_eq("WITH").is_some() {
                    identifier(words.next().as_deref())?;
                }
            }
        }
        if words.next_if(|word| word == "AND" || word == "OR").is_none() {
            return Ok(());
        }
    }
}

fn identifier(word: Option<&str>) -> Result<(), String> {
    let usable = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    match word {
        None => Err("an identifier is missing at the end".to_owned()),
        Some(operator @ ("AND" | "OR" | "WITH" | ")")) => Err(format!("an identifier is missing before `{operator}`")),
        Some(word) if word.strip_suffix('+').unwrap_or(word).chars().all(usable) && word != "+" => Ok(()),
        Some(word) => Err(format!("`{word}` is not an identifier")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_of_the_grammar_pass() {
        for text in [
            "MIT",
            "Apache-2.0 OR MIT",
            "GPL-2.0-only WITH Linux-syscall-note",
            "GPL-2.0+ AND (MIT OR (Zlib AND LicenseRef-own))",
        ] {
            assert_eq!(fault(text), None, "{text}");
        }
    }

    #[test]
    fn each_slip_has_its_reason() {
        for (text, reason) in [
            ("", "an identifier is missing at the end"),
            ("MIT OR", "an identifier is missing at the end"),
            ("OR MIT", "an identifier is missing before `OR`"),
            ("GPL v2", "`v2` follows where `AND` or `OR` is expected"),
            ("MIT or Zlib", "`or` follows where `AND` or `OR` is expected"),
            ("(MIT", "a parenthesis is not closed"),
            ("MIT)", "`)` follows where `AND` or `OR` is expected"),
            ("MIT/Zlib", "`MIT/Zlib` is not an identifier"),
        ] {
            assert_eq!(fault(text).as_deref(), Some(reason), "{text}");
        }
    }
}
