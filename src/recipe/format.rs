//! The one form of a project's TOML files: spaces and blank lines, and nothing that means anything.
//!
//! Lines keep their order and comments their place. What stands in strings of several lines is left as it is. A file
//! that is formatted already comes out unchanged, and what comes out says the same as what went in.

use std::ops::ControlFlow;

/// A file that cannot be formatted, since it is no TOML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not TOML: {0}")]
pub struct FormatError(String);

/// Formats a text: no blanks at the ends of lines, ` = ` between key and value, lists of several lines indented by two,
/// one blank line before a table (and its comment), never two, none at the start, one newline at the end.
///
/// # Errors
/// For a text that is no TOML.
pub fn format(text: &str) -> Result<String, FormatError> {
    let before = meaning(text)?;
    let mut out = Layout::default();
    for line in text.lines() {
        out.line(line);
    }
    let formatted = out.finish();
    debug_assert_eq!(meaning(&formatted).as_ref(), Ok(&before), "formatting must not change what a file says");
    Ok(formatted)
}

fn meaning(text: &str) -> Result<toml::Table, FormatError> {
    text.parse().map_err(|error: toml::de::Error| FormatError(error.message().to_owned()))
}

/// Where the next line begins.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Outside,
    /// In a string between three of these quotes.
    Inside(char),
}

#[derive(Default)]
struct Layout {
    lines: Vec<String>,
    /// Comments that belong to what comes next.
    comments: Vec<String>,
    place: Place,
    /// Lists that are open.
    depth: usize,
    /// A blank line stood here.
    gap: bool,
}

impl Layout {
    fn line(&mut self, line: &str) {
        if let Place::Inside(_) = self.place {
            let (place, depth) = scan(line, self.place, self.depth);
            // After the closing quotes blanks mean nothing.
            let kept = if place == Place::Outside { line.trim_end() } else { line };
            self.lines.push(kept.to_owned());
            (self.place, self.depth) = (place, depth);
            return;
        }
        let trimmed = line.trim();
        if trimmed.is_empty() {
            // In a list a blank line says nothing.
            if self.depth == 0 {
                self.flush_comments();
                self.gap = true;
            }
        } else if self.depth > 0 {
            let closing = trimmed.chars().take_while(|c| *c == ']').count();
            let indent = "  ".repeat(self.depth.saturating_sub(closing));
            self.value(&format!("{indent}{}", line.trim_start()));
        } else if trimmed.starts_with('#') {
            self.comments.push(trimmed.to_owned());
        } else if trimmed.starts_with('[') {
            self.gap = true;
            self.flush_comments();
            self.lines.push(trimmed.to_owned());
        } else {
            self.flush_comments();
            self.value(&spaced(line.trim_start()));
        }
    }

    /// A line with a value, or a part of one, that may go on.
    fn value(&mut self, line: &str) {
        (self.place, self.depth) = scan(line, self.place, self.depth);
        self.lines.push(if self.place == Place::Outside { line.trim_end().to_owned() } else { line.to_owned() });
    }

    /// Puts the blank line that is due, then the comments.
    fn flush_comments(&mut self) {
        if self.comments.is_empty() && self.lines.last().is_none_or(String::is_empty) {
            self.gap = false;
            return;
        }
        if self.gap && !self.lines.is_empty() && self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(String::new());
        }
        self.gap = false;
        self.lines.append(&mut self.comments);
    }

    fn finish(mut self) -> String {
        self.flush_comments();
        while self.lines.last().is_some_and(String::is_empty) {
            self.lines.pop();
        }
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// A key and its value with one space on each side of the sign.
fn spaced(line: &str) -> String {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '=' => return format!("{} = {}", line[..at].trim_end(), line[at + 1..].trim_start()),
            None => {}
        }
    }
    line.to_owned()
}

/// Follows a line of values to its end: whether it ends within a string of several lines, and how many lists are open.
fn scan(line: &str, place: Place, depth: usize) -> (Place, usize) {
    let (mut place, mut depth, mut rest) = (place, depth, line);
    while !rest.is_empty() {
        let step = match place {
            Place::Inside(quote) => leave(&mut rest, quote).map(|()| place = Place::Outside),
            Place::Outside => outside(&mut rest, &mut place, &mut depth),
        };
        if step.is_none() {
            break;
        }
    }
    (place, depth)
}

/// Skips to behind the closing quotes of a string of several lines; `None` when they are not in this line.
fn leave(rest: &mut &str, quote: char) -> Option<()> {
    let closing = quote.to_string().repeat(3);
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote == '"' {
            escaped = true;
        } else if rest[at..].starts_with(&closing) {
            // Up to two more quotes may belong to the string.
            *rest = rest[at + 3..].trim_start_matches(quote);
            return Some(());
        }
    }
    *rest = "";
    None
}

/// Goes one token on; `None` at a comment.
fn outside(rest: &mut &str, place: &mut Place, depth: &mut usize) -> Option<()> {
    let first = rest.chars().next()?;
    match first {
        '#' => return None,
        '[' => *depth += 1,
        ']' => *depth = depth.saturating_sub(1),
        '"' | '\'' => {
            let triple = first.to_string().repeat(3);
            if let Some(after) = rest.strip_prefix(&triple) {
                (*rest, *place) = (after, Place::Inside(first));
            } else {
                skip_string(rest, first);
            }
            return Some(());
        }
        _ => {}
    }
    *rest = &rest[first.len_utf8()..];
    Some(())
}

fn skip_string(rest: &mut &str, quote: char) {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).try_for_each(|(at, c)| {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote == '"' {
            escaped = true;
        } else if c == quote {
            return ControlFlow::Break(at + 1);
        }
        ControlFlow::Continue(())
    });
    *rest = match end {
        ControlFlow::Break(end) => &rest[end..],
        ControlFlow::Continue(()) => "",
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spaces_and_blank_lines_take_one_form() {
        let text = "\n\nname=\"x\"  \nversion  =   '1'\n# of the source\n\n\n# and more\n[[source]]\nurls = [\n\"a\",\n     [\"b\"], # c\n\n   ]\n[build]\npreset = \"make\"\n\n\n\nmake = []\n\n";
        let formatted = "name = \"x\"\nversion = '1'\n# of the source\n\n# and more\n[[source]]\nurls = [\n  \"a\",\n  [\"b\"], # c\n]\n\n[build]\npreset = \"make\"\n\nmake = []\n";
        assert_eq!(format(text).unwrap(), formatted);
        assert_eq!(format(formatted).unwrap(), formatted);
    }

    #[test]
    fn strings_of_several_lines_stay_as_they_are() {
        let text =
            "a = \"\"\"\n[not a table]   \n\n\n  x=1\n\"\"\"\nb = '''\n# no comment \n'''   \n[t]\n\"k=1\"=\"[\"\n";
        let formatted =
            "a = \"\"\"\n[not a table]   \n\n\n  x=1\n\"\"\"\nb = '''\n# no comment \n'''\n\n[t]\n\"k=1\" = \"[\"\n";
        assert_eq!(format(text).unwrap(), formatted);
    }

    #[test]
    fn what_is_no_toml_is_not_touched() {
        assert!(format("a = [").is_err());
    }

    fn line() -> impl Strategy<Value = String> {
        let lines = [
            "a = 1",
            "b=[",
            "  'x',",
            "]",
            "",
            "# c",
            "[t]",
            "[[u]]",
            "s = \"\"\"",
            "\"\"\"",
            "l = '''",
            "'''",
            "k=\"\\\"#\"",
            "  v = [[1],[2]]  ",
        ];
        prop::sample::select(lines.to_vec()).prop_map(str::to_owned)
    }

    proptest! {
        #[test]
        fn what_it_says_stays_and_the_form_is_final(lines in prop::collection::vec(line(), 0..12)) {
            let text = lines.join("\n");
            if let Ok(formatted) = format(&text) {
                prop_assert_eq!(meaning(&formatted), meaning(&text));
                prop_assert_eq!(format(&formatted).unwrap(), formatted);
            }
        }
    }
}
