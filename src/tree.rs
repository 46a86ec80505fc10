//! A tree of directories, files and symbolic links as a value, and its manifest.
//!
//! Pure: knows digests of files but neither their bytes nor where they lie. Owners, times, extended attributes
//! and hard links do not exist here, and a file's mode is one bit: executable (0555) or not (0444).
//!
//! # The manifest
//! One line for each entry, sorted by the bytes of its path, each ended by a line feed; fields are separated by a
//! tab, which sorts below every character that a path may hold, so that `LC_ALL=C sort` gives the same order:
//! ```text
//! usr/bin<TAB>d                    a directory
//! usr/bin/sed<TAB>x<TAB>BLAKE3     an executable file
//! usr/share/sed<TAB>f<TAB>BLAKE3   any other file
//! usr/bin/gsed<TAB>l<TAB>sed       a symbolic link and its target
//! ```
//! The [`ObjectId`] is the BLAKE3 of that text.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use crate::digest::{Blake3, ObjectId, ParseError};
use crate::path::{PathError, RelPath};

/// What one path of a tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A directory.
    Dir,
    /// A regular file.
    File {
        /// Whether its mode is 0555 (else 0444).
        executable: bool,
        /// The BLAKE3 of its bytes.
        digest: Blake3,
    },
    /// A symbolic link.
    Symlink {
        /// The link's text, as it is.
        target: String,
    },
}

/// Why a tree or a manifest is not one.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A path is listed twice with different content.
    #[error("`{0}` is there twice")]
    Duplicate(RelPath),
    /// Something lies below a path that is not a directory.
    #[error("`{below}` lies below `{path}`, which is not a directory")]
    NotADirectory {
        /// The path that would have to be a directory.
        path: RelPath,
        /// What lies below it.
        below: RelPath,
    },
    /// A link's target that a manifest cannot hold.
    #[error("the symbolic link `{path}` has a target that is empty or holds a control character")]
    Target {
        /// The link.
        path: RelPath,
    },
    /// A manifest line that is not of the documented form.
    #[error("line {line} of the manifest is not of the form PATH<TAB>d|x|f|l[<TAB>VALUE]")]
    Line {
        /// Counted from one.
        line: usize,
    },
    /// A manifest whose lines are not sorted.
    #[error("line {line} of the manifest is out of order")]
    Order {
        /// Counted from one.
        line: usize,
    },
    /// A path in a manifest.
    #[error("in the manifest")]
    Path(#[from] PathError),
    /// A digest in a manifest.
    #[error("in the manifest")]
    Digest(#[from] ParseError),
}

/// A path at which two trees differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub path: RelPath,
    /// What the first tree has there.
    pub left: Option<Entry>,
    /// What the second tree has there.
    pub right: Option<Entry>,
}

impl Difference {
    /// The kind of change, as a person is told it after the path: `is new`, `has other content`.
    pub fn kind(&self) -> String {
        match (&self.left, &self.right) {
            (None, _) => "is new".to_owned(),
            (_, None) => "is gone".to_owned(),
            (
                Some(Entry::File { executable: before, digest: old }),
                Some(Entry::File { executable: now, digest: new }),
            ) => match (before == now, *now) {
                (true, _) => "has other content".to_owned(),
                (false, true) if old == new => "is executable now".to_owned(),
                (false, false) if old == new => "is not executable any more".to_owned(),
                (false, true) => "has other content, and is executable now".to_owned(),
                (false, false) => "has other content, and is not executable any more".to_owned(),
            },
            (Some(Entry::Symlink { target: old }), Some(Entry::Symlink { target: new })) => {
                format!("leads to {new} instead of {old}")
            }
            (Some(left), Some(right)) => format!("is {} instead of {}", right.noun(), left.noun()),
        }
    }
}

impl Entry {
    /// What it is, with its article.
    fn noun(&self) -> &'static str {
        match self {
            Self::Dir => "a directory",
            Self::File { .. } => "a file",
            Self::Symlink { .. } => "a symbolic link",
        }
    }
}

/// A set of entries in which each one's parents are directories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<RelPath, Entry>,
}

impl Tree {
    /// The tree without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry, and the directories above it. An entry that is there already in the same form is no error.
    ///
    /// # Errors
    /// When the path is taken by something else, lies below a file or link, or a link's target is not a text line.
    pub fn insert(&mut self, path: RelPath, entry: Entry) -> Result<(), TreeError> {
        if let Entry::Symlink { target } = &entry
            && (target.is_empty() || target.chars().any(char::is_control))
        {
            return Err(TreeError::Target { path });
        }
        // From the inside out: the first directory that is there already has all its own parents.
        let mut missing = Vec::new();
        let mut above = path.parent();
        while let Some(directory) = above {
            match self.entries.get(&directory) {
                Some(Entry::Dir) => break,
                Some(_) => return Err(TreeError::NotADirectory { path: directory, below: path }),
                None => above = directory.parent(),
            }
            missing.push(directory);
        }
        match self.entries.entry(path) {
            Slot::Occupied(slot) if *slot.get() != entry => return Err(TreeError::Duplicate(slot.key().clone())),
            Slot::Occupied(_) => {}
            Slot::Vacant(slot) => {
                slot.insert(entry);
            }
        }
        self.entries.extend(missing.into_iter().map(|directory| (directory, Entry::Dir)));
        Ok(())
    }

    /// What is at a path.
    pub fn get(&self, path: &RelPath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// All entries in the order of their paths' bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&RelPath, &Entry)> {
        self.entries.iter()
    }

    /// How many entries there are, directories included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The manifest's text, as the module's header describes it.
    pub fn manifest(&self) -> String {
        let mut text = String::with_capacity(self.entries.len() * 100);
        for (path, entry) in &self.entries {
            text.push_str(path.as_str());
            match entry {
                Entry::Dir => text.push_str("\td"),
                Entry::File { executable, digest } => {
                    text.push_str(if *executable { "\tx\t" } else { "\tf\t" });
                    text.push_str(&digest.to_string());
                }
                Entry::Symlink { target } => {
                    text.push_str("\tl\t");
                    text.push_str(target);
                }
            }
            text.push('\n');
        }
        text
    }

    /// The object that this tree is.
    pub fn id(&self) -> ObjectId {
        ObjectId::from_bytes(*Blake3::of(self.manifest().as_bytes()).as_bytes())
    }

    /// Reads a manifest back; the inverse of [`Tree::manifest`], strict to the byte.
    ///
    /// # Errors
    /// When a line is malformed, out of order, a duplicate, or lies below something that is not a directory.
    pub fn from_manifest(text: &str) -> Result<Self, TreeError> {
        let mut tree = Self::new();
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(TreeError::Line { line: text.lines().count() });
        }
        for (index, line) in text.split_terminator('\n').enumerate() {
            let line_number = index + 1;
            let mut fields = line.splitn(3, '\t');
            let (path, kind, value) = (fields.next().unwrap_or(""), fields.next(), fields.next());
            let path = RelPath::new(path)?;
            let entry = match (kind, value) {
                (Some("d"), None) => Entry::Dir,
                (Some("x"), Some(digest)) => Entry::File { executable: true, digest: digest.parse()? },
                (Some("f"), Some(digest)) => Entry::File { executable: false, digest: digest.parse()? },
                (Some("l"), Some(target)) => Entry::Symlink { target: target.to_owned() },
                _ => return Err(TreeError::Line { line: line_number }),
            };
            if tree.entries.last_key_value().is_some_and(|(last, _)| *last >= path) {
                return Err(TreeError::Order { line: line_number });
            }
            let before = tree.len();
            tree.insert(path, entry)?;
            // More than one new entry: a directory above this one has no line of its own before it.
            if tree.len() != before + 1 {
                return Err(TreeError::Order { line: line_number });
            }
        }
        Ok(tree)
    }

    /// All paths at which two trees differ, in order.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut paths: Vec<&RelPath> = self.entries.keys().chain(other.entries.keys()).collect();
        paths.sort();
        paths.dedup();
        paths
            .into_iter()
            .filter(|path| self.get(path) != other.get(path))
            .map(|path| Difference {
                path: path.clone(),
                left: self.get(path).cloned(),
                right: other.get(path).cloned(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    fn file(content: &str) -> Entry {
        Entry::File { executable: false, digest: Blake3::of(content.as_bytes()) }
    }

    fn sample() -> Tree {
        let mut tree = Tree::new();
        tree.insert(path("usr/bin/sed"), Entry::File { executable: true, digest: Blake3::of(b"elf") }).unwrap();
        tree.insert(path("usr/bin/gsed"), Entry::Symlink { target: "sed".into() }).unwrap();
        tree.insert(path("usr/bin-x"), file("x")).unwrap();
        tree
    }

    #[test]
    fn the_manifest_lists_every_entry_in_byte_order() {
        let elf = Blake3::of(b"elf");
        let x = Blake3::of(b"x");
        assert_eq!(
            sample().manifest(),
            format!("usr\td\nusr/bin\td\nusr/bin-x\tf\t{x}\nusr/bin/gsed\tl\tsed\nusr/bin/sed\tx\t{elf}\n")
        );
    }

    #[test]
    fn a_manifest_reads_back_to_the_same_tree_and_no_other_text_is_taken_for_it() {
        let text = sample().manifest();
        assert_eq!(Tree::from_manifest(&text).unwrap(), sample());
        let swapped = "b\td\na\td\n";
        assert!(matches!(Tree::from_manifest(swapped), Err(TreeError::Order { line: 2 })));
        assert!(matches!(Tree::from_manifest("a/b\td\n"), Err(TreeError::Order { line: 1 })));
        assert!(matches!(Tree::from_manifest("a\td"), Err(TreeError::Line { line: 1 })));
        assert!(matches!(Tree::from_manifest("a\tq\n"), Err(TreeError::Line { line: 1 })));
        assert!(matches!(Tree::from_manifest("../a\td\n"), Err(TreeError::Path(_))));
    }

    #[test]
    fn nothing_lies_below_a_file_and_no_path_means_two_things() {
        let mut tree = sample();
        let below = tree.insert(path("usr/bin/sed/x"), file("x")).unwrap_err();
        assert_eq!(below.to_string(), "`usr/bin/sed/x` lies below `usr/bin/sed`, which is not a directory");
        let twice = tree.insert(path("usr/bin/sed"), file("y")).unwrap_err();
        assert_eq!(twice.to_string(), "`usr/bin/sed` is there twice");
        assert_eq!(tree, sample());
    }

    #[test]
    fn differences_name_each_path_once() {
        let mut other = sample();
        other.insert(path("usr/new"), Entry::Dir).unwrap();
        let found: Vec<_> = sample().differences(&other).into_iter().map(|d| d.path.to_string()).collect();
        assert_eq!(found, ["usr/new"]);
    }

    #[test]
    fn a_difference_says_what_kind_it_is() {
        let kind = |left: Option<Entry>, right: Option<Entry>| Difference { path: path("x"), left, right }.kind();
        let link = |target: &str| Some(Entry::Symlink { target: target.into() });
        let program = |content: &str| Some(Entry::File { executable: true, digest: Blake3::of(content.as_bytes()) });
        assert_eq!(kind(None, Some(Entry::Dir)), "is new");
        assert_eq!(kind(link("a"), None), "is gone");
        assert_eq!(kind(link("a"), link("b")), "leads to b instead of a");
        assert_eq!(kind(program("a"), program("b")), "has other content");
        assert_eq!(kind(Some(file("a")), program("a")), "is executable now");
        assert_eq!(kind(program("a"), Some(file("b"))), "has other content, and is not executable any more");
        assert_eq!(kind(program("a"), link("b")), "is a symbolic link instead of a file");
    }
}
