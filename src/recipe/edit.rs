//! A recipe's text, of which only facts are exchanged: its version, the digests and places of its sources, and the
//! version where its tests expect it. All else stays byte for byte: comments, order, layout.
//!
//! Pure. toml_edit tells where each value stands; the text between is not touched. Knows nothing of whether the new
//! facts are true.

use std::ops::Range;

use toml_edit::{Document, Item, TableLike, Value};

use crate::digest::Sha256;

/// A text that cannot be edited: it is not a recipe's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the recipe's text is not as recipes are: {0}")]
pub struct EditError(String);

/// A recipe's text, and where its facts stand in it.
#[derive(Debug, Clone)]
pub struct RecipeText {
    text: String,
    name: String,
    version: Spot,
    sources: Vec<SourceText>,
    /// Where tests say what a program prints.
    expected: Vec<Range<usize>>,
}

/// A source as a recipe writes it.
#[derive(Debug, Clone)]
struct SourceText {
    sha256: Spot,
    urls: Vec<Spot>,
}

/// A string and where it stands, its quotes included.
#[derive(Debug, Clone)]
struct Spot {
    value: String,
    span: Range<usize>,
}

/// New facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The version.
    pub version: String,
    /// The sources that have changed.
    pub sources: Vec<SourceFacts>,
}

/// New facts of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFacts {
    /// Which one, counted from zero.
    pub index: usize,
    /// What it hashes to.
    pub sha256: Sha256,
    /// Its locations, as many as it has, as the recipe is to write them.
    pub urls: Vec<String>,
}

/// An edited text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The whole of it.
    pub text: String,
    /// The lines of tests in which the version was exchanged, counted from one.
    pub tests: Vec<usize>,
}

impl RecipeText {
    /// Finds the facts in a recipe's text.
    ///
    /// # Errors
    /// When the text is no TOML, or a fact is missing.
    pub fn read(text: &str) -> Result<Self, EditError> {
        let document = Document::parse(text).map_err(|error| EditError(error.message().to_owned()))?;
        let root = document.as_table();
        let sources = match root.get("source").and_then(Item::as_array_of_tables) {
            Some(tables) => tables.iter().map(|table| source(table)).collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        let mut expected = Vec::new();
        for table in root.get("test").and_then(Item::as_array_of_tables).into_iter().flatten() {
            for key in ["stdout", "stdout-has", "stderr-has", "script"] {
                strings(table.get(key).and_then(Item::as_value), &mut expected);
            }
        }
        expected.sort_by_key(|span| span.start);
        let (name, version) = (spot(root, "name")?.value, spot(root, "version")?);
        Ok(Self { text: text.to_owned(), name, version, sources, expected })
    }

    /// The version.
    pub fn version(&self) -> &str {
        &self.version.value
    }

    /// The locations of each source, as the recipe writes them.
    pub fn urls(&self) -> Vec<Vec<&str>> {
        self.sources.iter().map(|source| source.urls.iter().map(|url| url.value.as_str()).collect()).collect()
    }

    /// The text with other facts.
    pub fn with(&self, facts: &Facts) -> Edited {
        let mut edits: Vec<(Range<usize>, String)> = vec![self.exchanged(&self.version, &facts.version)];
        for new in &facts.sources {
            let Some(old) = self.sources.get(new.index) else { continue };
            edits.push(self.exchanged(&old.sha256, &new.sha256.to_string()));
            edits.extend(old.urls.iter().zip(&new.urls).map(|(old, new)| self.exchanged(old, new)));
        }
        let places = self.expected_versions();
        let line = |at: usize| 1 + self.text[..at].matches('\n').count();
        let mut tests: Vec<usize> = places.iter().map(|place| line(place.start)).collect();
        tests.dedup();
        edits.extend(places.into_iter().map(|place| (place, facts.version.clone())));
        edits.sort_by_key(|(span, _)| span.start);
        let mut text = String::with_capacity(self.text.len() + 100);
        let mut at = 0;
        for (span, new) in edits {
            text.push_str(&self.text[at..span.start]);
            text.push_str(&new);
            at = span.end;
        }
        text.push_str(&self.text[at..]);
        Edited { text, tests }
    }

    /// The edit that puts a value in a string's place, in the same quotes.
    fn exchanged(&self, old: &Spot, new: &str) -> (Range<usize>, String) {
        let written = &self.text[old.span.clone()];
        // Versions, digests and locations need no escapes, so that both kinds of quotes hold them.
        let quote = if written.starts_with('\'') { '\'' } else { '"' };
        let same = old.value == new;
        (old.span.clone(), if same { written.to_owned() } else { format!("{quote}{new}{quote}") })
    }

    /// Where tests expect the version: as a word of its own, and beside the recipe's name if it is but a number.
    fn expected_versions(&self) -> Vec<Range<usize>> {
        let version = &self.version.value;
        let mut places = Vec::new();
        for span in &self.expected {
            let written = &self.text[span.clone()];
            let own = written.match_indices(version.as_str()).map(|(at, _)| at);
            places.extend(own.filter(|at| self.is_version(written, *at)).map(|at| {
                let start = span.start + at;
                start..start + version.len()
            }));
        }
        places
    }

    fn is_version(&self, text: &str, at: usize) -> bool {
        let (before, after) = (&text[..at], &text[at + self.version.value.len()..]);
        let within = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_' | '~');
        let letter = before.trim_end_matches(['v', 'V', '-', '_']);
        let starts =
            !before.ends_with(within) || letter.len() < before.len() && !letter.ends_with(|c: char| c.is_ascii_digit());
        // A full stop may end a sentence.
        let mut rest = after.chars();
        let ends = match rest.next() {
            Some('.' | '-' | '+' | '~') => !rest.next().is_some_and(|c| c.is_ascii_alphanumeric()),
            Some(c) => !within(c),
            None => true,
        };
        let number = self.version.value.chars().all(|c| c.is_ascii_digit()) && self.version.value.len() < 8;
        let named = before.trim_end_matches([' ', '-', '_', '/', 'v']);
        starts && ends && (!number || named.ends_with(&self.name) || named.ends_with("ersion"))
    }
}

fn source(table: &dyn TableLike) -> Result<SourceText, EditError> {
    let urls = table.get("urls").and_then(Item::as_array).ok_or_else(|| missing("urls"))?;
    let urls = urls.iter().map(|url| string(url).ok_or_else(|| missing("urls"))).collect::<Result<_, _>>()?;
    Ok(SourceText { sha256: spot(table, "sha256")?, urls })
}

fn missing(key: &str) -> EditError {
    EditError(format!("`{key}` is missing"))
}

fn spot(table: &dyn TableLike, key: &str) -> Result<Spot, EditError> {
    table.get(key).and_then(Item::as_value).and_then(string).ok_or_else(|| missing(key))
}

fn string(value: &Value) -> Option<Spot> {
    Some(Spot { value: value.as_str()?.to_owned(), span: value.span()? })
}

fn strings(value: Option<&Value>, found: &mut Vec<Range<usize>>) {
    match value {
        Some(Value::String(_)) => found.extend(value.and_then(Value::span)),
        Some(Value::Array(values)) => values.iter().for_each(|value| strings(Some(value), found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SED: &str = r#"# Streams.
name    = "sed"
version = '4.9'   # the last one
license = "MIT"

[[source]]
urls = [
  "https://example.org/sed-{version}.tar.xz",   # upstream
  "debian:pool/main/s/sed/sed_{version}.orig.tar.xz",
]
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"

[build]
configure = ["--with-4.9"]

[[test]]
run = ["sed", "--version"]
stdout-has = ["sed (GNU sed) 4.9", "v4.9.", "14.9 4.9.1 4.90"]
[[test]]
script = '''
test "$(sed --version)" = sed-4.9   # not 4.9.2
'''
"#;

    fn facts(version: &str, urls: [&str; 2]) -> Facts {
        let sha256 = Sha256::of(b"new");
        Facts {
            version: version.to_owned(),
            sources: vec![SourceFacts { index: 0, sha256, urls: urls.map(str::to_owned).to_vec() }],
        }
    }

    #[test]
    fn only_the_facts_change() {
        let text = RecipeText::read(SED).unwrap();
        assert_eq!(text.version(), "4.9");
        let urls: Vec<String> = text.urls()[0].iter().map(|url| url.replace("orig.tar.xz", "orig.tar.gz")).collect();
        let edited = text.with(&facts("4.10", [&urls[0], &urls[1]]));
        let expected = SED
            .replace("'4.9'   #", "'4.10'   #")
            .replace(&"0".repeat(64), &Sha256::of(b"new").to_string())
            .replace("orig.tar.xz", "orig.tar.gz")
            .replace("sed) 4.9\"", "sed) 4.10\"")
            .replace("\"v4.9.\"", "\"v4.10.\"")
            .replace("= sed-4.9 ", "= sed-4.10 ");
        assert_eq!(edited.text, expected);
        assert_eq!(edited.tests, [18, 21]);
        assert_eq!(RecipeText::read(&edited.text).unwrap().version(), "4.10");
    }

    #[test]
    fn a_version_that_is_but_a_number_is_expected_beside_the_name() {
        let text = SED.replace("4.9", "9").replace("sed) 9", "sed 9");
        let edited = RecipeText::read(&text).unwrap().with(&facts("10", ["a", "b"])).text;
        for kept in ["\"19 9.1 90\"", "\"v9.\"", "--with-9", "not 9.2"] {
            assert!(edited.contains(kept), "{kept}: {edited}");
        }
        for new in ["(GNU sed 10\"", "sed-10 "] {
            assert!(edited.contains(new), "{new}: {edited}");
        }
    }

    #[test]
    fn what_is_no_recipe_is_not_edited() {
        assert_eq!(
            RecipeText::read("name = \"x\"\n").unwrap_err().to_string(),
            "the recipe's text is not as recipes are: `version` is missing"
        );
        assert!(RecipeText::read("name =").is_err());
    }
}
