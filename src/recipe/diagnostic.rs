//! A fault in a file that a person wrote: where it is, what is wrong, what would be right.
//!
//! Knows nothing of what the file means: a span of its text is all that it needs.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One fault, shown in the manner of rustc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file: a project's own as seen from its root, any other as it was given.
    pub file: PathBuf,
    /// Counted from one.
    pub line: usize,
    /// In characters, counted from one.
    pub column: usize,
    /// The source line.
    pub text: String,
    /// How many characters of the line are meant, at least one.
    pub width: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A fault at a span of a file's text, in bytes. Of a span of several lines the first is shown.
    pub(super) fn new(file: &Path, text: &str, span: Range<usize>, message: String, help: Option<String>) -> Self {
        let at = text.floor_char_boundary(span.start);
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[start..].lines().next().unwrap_or("");
        let end = text.ceil_char_boundary(span.end).clamp(at, at.max(start + line.len()));
        Self {
            file: file.to_owned(),
            line: text[..start].matches('\n').count() + 1,
            column: text[start..at].chars().count() + 1,
            text: line.to_owned(),
            width: text[at..end].chars().count().max(1),
            message,
            help,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        // A tab or an escape would move the caret, or worse, away from what it points at.
        let text: String = self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        writeln!(f, "error: {}", self.message)?;
        writeln!(f, "{gutter} --> {}:{number}:{}", self.file.display(), self.column)?;
        writeln!(f, "{gutter}  |")?;
        writeln!(f, "{}", format!(" {number} | {text}").trim_end())?;
        write!(f, "{gutter}  | {}{}", " ".repeat(self.column - 1), "^".repeat(self.width))?;
        match &self.help {
            Some(help) => write!(f, "\n{gutter}  = help: {help}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, span: Range<usize>) -> String {
        Diagnostic::new(Path::new("recipes/x.toml"), text, span, "wrong".into(), Some("right".into())).to_string()
    }

    #[test]
    fn the_caret_stands_below_what_is_meant() {
        let text = "a = 1\nbé = \"ü\"\tx\n";
        let at = text.find("\"ü\"").unwrap();
        assert_eq!(
            shown(text, at..at + 4),
            "error: wrong\n  --> recipes/x.toml:2:6\n   |\n 2 | bé = \"ü\" x\n   |      ^^^\n   = help: right"
        );
    }

    #[test]
    fn a_span_of_several_lines_or_past_the_end_stays_on_its_line() {
        let text = "a = [\n 1\n]";
        assert!(shown(text, 4..11).contains("\n 1 | a = [\n   |     ^\n"));
        assert!(shown(text, 11..11).contains(":3:2\n"));
        assert!(shown("", 0..0).contains(":1:1\n   |\n 1 |\n   | ^\n"));
    }
}
