//! What a layer that we wrote says it was made from. Its maker's word: whoever alters an image can alter that too.

use super::Layer;
use crate::digest::ObjectId;
use crate::image::Provenance;
use crate::image::oci::{MADE_BY, MADE_OF_SPEC, OBJECT};

/// What a layer was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// Components that are one object.
    Outputs(Vec<Provenance>),
    /// The image spec of this name, with what it brings itself.
    Spec(String),
}

impl Layer {
    /// What the layer was made from, if its history says so in our words.
    pub fn made_from(&self) -> Option<Made> {
        let text = self.created_by.as_ref()?.strip_prefix(MADE_BY)?;
        if let Some(name) = text.strip_prefix(MADE_OF_SPEC) {
            return Some(Made::Spec(name.to_owned()));
        }
        let outputs = text.split(", ").map(|one| {
            let (output, version) = one.rsplit_once(' ')?;
            Some(Provenance { output: output.parse().ok()?, version: version.to_owned() })
        });
        outputs.collect::<Option<_>>().map(Made::Outputs)
    }

    /// The object that the layer holds, if it says so.
    pub fn object(&self) -> Option<ObjectId> {
        self.annotations.get(OBJECT)?.parse().ok()
    }
}
