//! The older form of `docker save`: a `manifest.json` that names a configuration and layers beside it. No digest but
//! those in the configuration vouches for them.

use std::collections::BTreeMap;

use super::documents::{self, DockerImage};
use super::layout::{Blob, Found, check_count};
use super::members::Members;
use super::{ReadError, Reference};
use crate::digest::Sha256;

/// Finds the wanted image of an archive.
///
/// # Errors
/// When there is no such image, or a document is missing or malformed.
pub(super) fn find(members: &Members, name: &str, reference: &Reference) -> Result<Found, ReadError> {
    let label = format!("manifest.json of {name}");
    let bytes = members.document("manifest.json", &label)?.ok_or(ReadError::NoBlob { blob: label.clone() })?;
    let image = choose(documents::docker(&bytes, &label)?, name, reference)?;
    let label = format!("the configuration {} of {name}", image.config.escape_debug());
    let bytes = members.document(&image.config, &label)?.ok_or(ReadError::NoBlob { blob: label.clone() })?;
    check_name(&image.config, &bytes, &label)?;
    let configured = documents::configuration(&bytes, &label)?;
    check_count(image.layers.len(), configured.diff_ids.len(), &label)?;
    let layers = image.layers.iter().enumerate().map(|(index, member)| {
        let label = format!("the layer {} ({}) of {name}", index + 1, member.escape_debug());
        let section = members.open(member)?.ok_or_else(|| ReadError::NoBlob { blob: label.clone() })?;
        Ok(Blob { section, label, digest: None, media_type: None, annotations: BTreeMap::new() })
    });
    let layers = layers.collect::<Result<_, ReadError>>()?;
    Ok(Found { manifest: None, annotations: BTreeMap::new(), configured, layers })
}

fn choose(images: Vec<DockerImage>, name: &str, reference: &Reference) -> Result<DockerImage, ReadError> {
    let available: Vec<String> = images.iter().flat_map(|image| image.repo_tags.iter().flatten()).cloned().collect();
    let name = name.to_owned();
    let bears = |image: &DockerImage, tag: &str| {
        // `alpine:3.20` whole, or `3.20` alone.
        let fits = |full: &String| full == tag || full.rsplit_once(':').is_some_and(|(_, short)| short == tag);
        image.repo_tags.iter().flatten().any(fits)
    };
    let mut meant: Vec<&DockerImage> = match reference {
        Reference::Only => images.iter().collect(),
        Reference::Tag(tag) => images.iter().filter(|image| bears(image, tag)).collect(),
        Reference::Digest(digest) => {
            let wanted = format!("sha256:{digest}: this form of archive holds no manifests");
            return Err(ReadError::Unknown { name, wanted, available });
        }
    };
    meant.dedup_by(|one, other| one.config == other.config && one.layers == other.layers);
    match (meant.as_slice(), reference) {
        ([one], _) => Ok((*one).clone()),
        ([], Reference::Tag(tag)) => Err(ReadError::Unknown { name, wanted: format!("tagged {tag}"), available }),
        ([], _) => Err(ReadError::Unknown { name, wanted: "at all".to_owned(), available }),
        _ => Err(ReadError::Several { name, available }),
    }
}

/// A configuration that is named by a digest must have it.
fn check_name(name: &str, bytes: &[u8], label: &str) -> Result<(), ReadError> {
    let stem = name.rsplit('/').next().unwrap_or(name);
    let stem = stem.strip_suffix(".json").unwrap_or(stem);
    let Ok(named) = stem.parse::<Sha256>() else { return Ok(()) };
    match Sha256::of(bytes) {
        found if found == named => Ok(()),
        found => Err(ReadError::Digest { blob: label.to_owned(), found }),
    }
}
