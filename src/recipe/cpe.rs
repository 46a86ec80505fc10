//! What the NVD's dictionary calls a program: the key by which scanners look up its vulnerabilities. Knows the form
//! ([NISTIR 7695, "CPE: Naming"](https://csrc.nist.gov/pubs/ir/7695/final)), not the dictionary.

use std::fmt;
use std::str::FromStr;

/// A vendor and a product, as `gnu:sed`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cpe {
    vendor: String,
    product: String,
}

/// A text that is no vendor and product.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is not a vendor and a product: it needs the form gnu:sed, as the NVD's dictionary names them, in lower case and without the version",
    .0.escape_debug()
)]
pub struct CpeError(String);

impl FromStr for Cpe {
    type Err = CpeError;
    fn from_str(text: &str) -> Result<Self, CpeError> {
        let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-+".contains(c);
        let is_word = |word: &&str| !word.is_empty() && word.chars().all(usable);
        let pair = text.split_once(':').filter(|(vendor, product)| is_word(vendor) && is_word(product));
        let (vendor, product) = pair.ok_or_else(|| CpeError(text.to_owned()))?;
        Ok(Self { vendor: vendor.to_owned(), product: product.to_owned() })
    }
}

impl Cpe {
    /// The whole name of one version as a formatted string of CPE 2.3 (section 6.2 there).
    pub fn of_version(&self, version: &str) -> String {
        let Self { vendor, product } = self;
        format!("cpe:2.3:a:{}:{}:{}:*:*:*:*:*:*:*", quoted(vendor), quoted(product), quoted(version))
    }
}

impl fmt::Display for Cpe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.vendor, self.product)
    }
}

/// Letters, digits, `.`, `_` and `-` stand for themselves.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for c in text.chars() {
        if !c.is_ascii_alphanumeric() && !"._-".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_makes_it_a_whole_name() {
        let name = |text: &str, version| text.parse::<Cpe>().unwrap().of_version(version);
        assert_eq!(name("gnu:sed", "4.9"), "cpe:2.3:a:gnu:sed:4.9:*:*:*:*:*:*:*");
        assert_eq!(name("gnu:ncurses", "6.5+20250216"), r"cpe:2.3:a:gnu:ncurses:6.5\+20250216:*:*:*:*:*:*:*");
    }

    #[test]
    fn other_texts_are_told_the_form() {
        for text in ["", "sed", ":sed", "gnu:", "GNU:sed", "gnu:sed:4.9", "cpe:2.3:a:gnu:sed", "gnu: sed"] {
            assert_eq!(text.parse::<Cpe>(), Err(CpeError(text.to_owned())));
        }
    }
}
