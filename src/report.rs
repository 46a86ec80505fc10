//! An image and its evidence as one page: self-contained HTML that needs no network, and no JavaScript for what
//! matters.
//!
//! [`page`] is pure, and its bytes follow from the [`Page`] alone. Knows nothing of where the facts come from. The
//! script that the page carries sorts and filters its tables; without it they are whole and in order. A content
//! security policy in the page itself lets it load nothing.

mod graph;
mod html;
mod treemap;

pub use html::page;

/// Everything that the page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The image's name.
    pub name: String,
    /// Its tag, where one is known.
    pub tag: Option<String>,
    /// The manifest's digest, `sha256:…`.
    pub digest: Option<String>,
    /// Facts in pairs: platform, user, entry point, …
    pub facts: Vec<(String, String)>,
    /// The components, largest first, and what the spec itself brings.
    pub components: Vec<Part>,
    /// What is linked into them.
    pub libraries: Vec<Part>,
    /// Every file and link, by path.
    pub files: Vec<File>,
    /// Every program, with how it is hardened.
    pub binaries: Vec<Binary>,
    /// What breaks the policy.
    pub findings: Vec<Finding>,
    /// What would, were it not waived.
    pub waived: Vec<Finding>,
    /// Whether a policy's report was found with the image; without one the findings are those of the strict defaults.
    pub judged: bool,
    /// The layers, lowest first.
    pub layers: Vec<Layer>,
    /// What the provenance says the image was made from: the spec, then recipes, sources and seeds.
    pub origin: Vec<Input>,
    /// How to make the same image again, a command for each line; empty where nothing is known.
    pub reproduce: Vec<String>,
}

/// A component, or a library that is linked into one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// What it is called in the bill of materials; unique.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, as an SPDX expression.
    pub license: String,
    /// What it is, in a sentence.
    pub summary: String,
    /// Its package URL.
    pub purl: String,
    /// Its CPE.
    pub cpe: String,
    /// Where its source comes from, and its SHA-256.
    pub sources: Vec<(String, String)>,
    /// The ids of what it needs or holds.
    pub needs: Vec<String>,
    /// Bytes of its files.
    pub size: u64,
}

/// A file or a link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// Absolute.
    pub path: String,
    /// What it is: `file`, `program`, `link → TARGET`.
    pub kind: String,
    /// Permission bits in octal, and the owner.
    pub access: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its content.
    pub sha256: String,
    /// The id of the part that brings it; the spec's own have none.
    pub part: Option<String>,
}

/// A program and its hardening.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Binary {
    /// Absolute.
    pub path: String,
    /// Each property by name, and whether the program has it; `None` where that cannot be told.
    pub properties: Vec<(&'static str, Option<bool>)>,
}

/// A finding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: String,
    /// The path; empty for the image as a whole.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// Why it matters.
    pub why: String,
    /// What to do, or why it is waived and until when.
    pub mend: String,
}

/// A layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layer {
    /// What it was made from.
    pub origin: String,
    /// Bytes as stored.
    pub size: u64,
    /// Its digest.
    pub digest: String,
    /// The digest of its archive.
    pub diff_id: String,
}

/// Something that the image was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    /// What it is: a spec, a recipe, a source, a seed, an object, …
    pub kind: String,
    /// Its name or URL.
    pub name: String,
    /// `ALGORITHM:DIGEST`.
    pub digest: String,
}

/// Bytes as people read them.
fn bytes(size: u64) -> String {
    indicatif::HumanBytes(size).to_string()
}
