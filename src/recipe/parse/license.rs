//! SPDX licence expressions
//! ([SPDX specification 2.3, annex D](https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/)): their grammar,
//! then the list of identifiers. Bills of materials repeat them, and whoever reads those rejects unknown ones.

use std::iter::Peekable;
use std::vec::IntoIter;

use toml::Spanned;
use toml::de::DeValue;

use super::Document;
use super::fields::Value;
use crate::recipe::nearest::did_you_mean;

/// A licence expression.
pub(super) struct License(pub String);

impl Value for License {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let text = String::read(value, document)?;
        if let Some(reason) = fault(&text) {
            let message = format!("`{text}` is not an SPDX licence expression: {reason}");
            let help =
                "it has the form `GPL-3.0-or-later`, `MIT OR Apache-2.0`, `GPL-2.0-only WITH Linux-syscall-note`";
            document.report(value.span(), message, Some(help.to_owned()));
            return None;
        }
        let unlisted = unlisted(&text);
        for (word, help) in &unlisted {
            let place = document.within(value.span(), word);
            document.report(place, format!("`{word}` is not on SPDX's list"), Some(help.clone()));
        }
        unlisted.is_empty().then_some(Self(text))
    }
}

/// What of an expression is not on SPDX's list, with what to do about it.
fn unlisted(text: &str) -> Vec<(String, String)> {
    let mut unlisted = Vec::new();
    let mut is_exception = false;
    for word in text.split([' ', '(', ')']).filter(|word| !word.is_empty()) {
        match word {
            "AND" | "OR" => {}
            "WITH" => {
                is_exception = true;
                continue;
            }
            exception if is_exception => {
                let known = spdx::identifiers::EXCEPTIONS.iter().map(|exception| exception.name);
                if spdx::exception_id(exception).is_none() {
                    let help = did_you_mean(exception, known);
                    let help = help.unwrap_or_else(|| "exceptions are listed at https://spdx.org/licenses/".to_owned());
                    unlisted.push((exception.to_owned(), help));
                }
            }
            license if license.starts_with("LicenseRef-") || spdx::license_id(license).is_some() => {}
            license => {
                let question = did_you_mean(license, spdx::identifiers::LICENSES.iter().map(|license| license.name));
                let question = question.map(|question| format!("{question} ")).unwrap_or_default();
                let help = format!(
                    "{question}for a licence that is not at https://spdx.org/licenses/, write `LicenseRef-NAME`"
                );
                unlisted.push((license.to_owned(), help));
            }
        }
        is_exception = false;
    }
    unlisted
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
    fn what_is_not_on_the_list_is_told_what_it_may_be() {
        let words = |text| unlisted(text).into_iter().map(|(word, _)| word).collect::<Vec<_>>();
        for text in ["MIT", "GPL-2.0+ AND (MIT OR (Zlib AND LicenseRef-own))", "GPL-2.0-only WITH Linux-syscall-note"] {
            assert_eq!(words(text), [""; 0], "{text}");
        }
        assert_eq!(words("(GPL-3 OR mit) AND Zlib WITH MIT"), ["GPL-3", "mit", "MIT"]);
        assert!(unlisted("Zlibb")[0].1.starts_with("did you mean `Zlib`? "));
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
