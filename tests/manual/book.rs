//! The manual as its sources have it: chapters, their fenced blocks, headings and links.

use std::path::{Path, PathBuf};

use crate::support::HOME;

/// Where the chapters are.
pub fn directory() -> PathBuf {
    Path::new(HOME).join("docs/src")
}

/// One chapter.
pub struct Chapter {
    /// Its file's name.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// A fenced block.
#[derive(Debug, Clone)]
pub struct Block {
    /// Where it begins, as `FILE:LINE`.
    pub place: String,
    /// The language and the words after it.
    pub info: Vec<String>,
    /// What stands in it.
    pub text: String,
    /// Whether nothing stands between it and the block before.
    pub follows: bool,
}

impl Block {
    /// Whether it is of a language and has a word.
    pub fn is(&self, language: &str, word: &str) -> bool {
        self.info.first().is_some_and(|own| own == language) && self.info[1..].iter().any(|own| own == word)
    }
}

/// All chapters that the table of contents names, in its order.
pub fn chapters() -> Vec<Chapter> {
    let contents = std::fs::read_to_string(directory().join("SUMMARY.md")).unwrap();
    let files: Vec<String> = links(&contents).into_iter().map(|(_, to)| to).collect();
    assert!(files.len() > 15, "the table of contents is read wrongly: {files:?}");
    let chapter = |file: String| {
        let text = std::fs::read_to_string(directory().join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        Chapter { file, text }
    };
    files.into_iter().map(chapter).collect()
}

/// One chapter by its file's name.
pub fn chapter(file: &str) -> Chapter {
    chapters().into_iter().find(|chapter| chapter.file == file).unwrap_or_else(|| panic!("there is no {file}"))
}

impl Chapter {
    /// Its fenced blocks.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let (mut open, mut follows) = (None::<Block>, false);
        for (number, line) in self.text.lines().enumerate() {
            match (&mut open, line.strip_prefix("```")) {
                (None, Some(info)) => {
                    let info = info.split(',').map(str::to_owned).collect();
                    let place = format!("{}:{}", self.file, number + 1);
                    open = Some(Block { place, info, text: String::new(), follows });
                }
                (None, None) => follows &= line.is_empty(),
                (Some(_), Some(rest)) => {
                    assert!(rest.is_empty(), "{}:{}: a block in a block", self.file, number + 1);
                    blocks.extend(open.take());
                    follows = true;
                }
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
            }
        }
        assert!(open.is_none(), "{}: a block has no end", self.file);
        blocks
    }

    /// Its lines outside of blocks.
    pub fn prose(&self) -> Vec<&str> {
        let mut inside = false;
        let outside = |line: &&str| {
            let fence = line.starts_with("```");
            inside ^= fence;
            !inside && !fence
        };
        self.text.lines().filter(outside).collect()
    }

    /// The anchors of its headings, as mdbook forms them.
    pub fn anchors(&self) -> Vec<String> {
        let anchor = |line: &str| {
            let text = line.strip_prefix('#')?.trim_start_matches('#').trim();
            let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            Some(kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect())
        };
        self.prose().into_iter().filter_map(anchor).collect()
    }
}

/// The links of a text: what is shown, and where they lead.
pub fn links(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, middle) in text.match_indices("](") {
        let shown = text[..at].rfind('[').map_or("", |start| &text[start + 1..at]);
        let rest = &text[at + middle.len()..];
        let to = rest.find(')').map_or("", |end| &rest[..end]);
        found.push((shown.to_owned(), to.to_owned()));
    }
    found
}
