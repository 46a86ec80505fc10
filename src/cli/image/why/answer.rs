//! The answer to why a path is in an image: as a value, for machines, and as lines. Knows nothing of how it was found.

use indicatif::HumanBytes;
use serde::Serialize;

/// Why a path is in an image.
#[derive(Debug, Default, Serialize)]
pub struct Answer {
    pub image: String,
    pub path: String,
    /// The links on the way, in their order.
    pub links: Vec<Link>,
    pub is: What,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<LayerFacts>,
    /// From the spec to the component, a line each.
    pub because: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<RecipeFacts>,
    pub sources: Vec<SourceFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectFacts>,
    /// What could not be found out, and what would help.
    pub unknown: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Link {
    pub path: String,
    pub target: String,
}

/// What is at the end of the way.
#[derive(Debug, Default, Serialize)]
pub struct What {
    pub path: String,
    pub kind: String,
    pub mode: String,
    pub owner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct LayerFacts {
    /// Counted from one.
    pub number: usize,
    pub of: usize,
    pub origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct RecipeFacts {
    pub name: String,
    pub version: String,
    pub license: String,
    pub summary: String,
    pub file: String,
    /// The recipes of the libraries that it is linked with.
    pub libraries: Vec<String>,
    /// Local files and patches of the recipe.
    pub local: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct SourceFacts {
    pub sha256: String,
    pub places: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct ObjectFacts {
    pub id: String,
    /// Where a store has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl Answer {
    /// As people read it: a word at the left tells what the lines are.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} in {}", self.path, self.image)];
        let mut add = |word: &str, texts: Vec<String>| {
            for (index, text) in texts.into_iter().enumerate() {
                let word = if index == 0 { word } else { "" };
                lines.push(format!("  {word:<9}{text}"));
            }
        };
        add("link", self.links.iter().map(|link| format!("{} → {}", link.path, link.target)).collect());
        add("is", self.is.lines());
        add("layer", self.layer.iter().flat_map(LayerFacts::lines).collect());
        add("because", self.because.clone());
        add("recipe", self.recipe.iter().flat_map(RecipeFacts::lines).collect());
        for source in &self.sources {
            let mut texts = vec![format!("sha256:{}", source.sha256)];
            texts.extend(source.places.iter().cloned());
            add("source", texts);
        }
        add(
            "object",
            self.object.iter().flat_map(|object| [Some(object.id.clone()), object.path.clone()]).flatten().collect(),
        );
        add("unknown", self.unknown.clone());
        lines
    }
}

impl What {
    fn lines(&self) -> Vec<String> {
        let Self { path, kind, mode, owner, bytes, sha256, blake3 } = self;
        let size = bytes.map(|bytes| format!(" of {}", HumanBytes(bytes))).unwrap_or_default();
        let mut lines = vec![format!("{path}, {kind}{size}, mode {mode}, owner {owner}")];
        lines.extend(sha256.iter().map(|digest| format!("sha256:{digest}")));
        lines.extend(blake3.iter().map(|digest| format!("blake3:{digest}")));
        lines
    }
}

impl LayerFacts {
    fn lines(&self) -> Vec<String> {
        let Self { number, of, origin, digest } = self;
        let mut lines = vec![format!("{number} of {of}: {origin}")];
        lines.extend(digest.clone());
        lines
    }
}

impl RecipeFacts {
    fn lines(&self) -> Vec<String> {
        let Self { name, version, license, summary, file, libraries, local } = self;
        let mut lines = vec![format!("{name} {version}, {license}: {summary}"), file.clone()];
        if !libraries.is_empty() {
            lines.push(format!("linked with {}", libraries.join(", ")));
        }
        if !local.is_empty() {
            lines.push(format!("with {}", local.join(", ")));
        }
        lines
    }
}
