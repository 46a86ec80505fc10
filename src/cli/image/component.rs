//! Which component a path of an image belongs to, as people read it: what its layer says, or the layer itself.

use crate::cli::show::escaped;
use crate::image::read::{Layer, Made};

/// How much of what another builder wrote about a layer is shown.
const LONGEST: usize = 60;

/// The component of a layer: `sed/bin 4.9`, `the spec`, or what another builder says that it did. A plain directory
/// has no layers.
pub fn component(layers: &[Layer], index: Option<usize>) -> String {
    let Some((index, layer)) = index.and_then(|index| Some((index, layers.get(index)?))) else {
        return "the directory".to_owned();
    };
    match layer.made_from() {
        Some(Made::Outputs(outputs)) => {
            escaped(&outputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        Some(Made::Spec(_)) => "the spec".to_owned(),
        None => match &layer.created_by {
            Some(text) => format!("layer {}: {}", index + 1, shortened(text)),
            None => format!("layer {}", index + 1),
        },
    }
}

fn shortened(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", escaped(&words[..end])),
        None => escaped(&words),
    }
}
