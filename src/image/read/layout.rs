//! From an OCI layout's index over the wanted tag and platform to one image's configuration and layers.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use super::documents::{self, Configured, Descriptor, DockerImage, Manifest, PlatformFacts};
use super::members::{Members, Section};
use super::{Platform, ReadError, Reference, json};
use crate::digest::Sha256;
use crate::fs;

const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The whole name, as containerd and newer Dockers write it.
const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// The most layers that an image may have; Docker takes 127.
const MAX_LAYERS: usize = 1024;
/// How deep indexes may name indexes.
const MAX_DEPTH: usize = 3;

/// An image whose documents were read and whose layers were found.
pub(super) struct Found {
    pub manifest: Option<Sha256>,
    pub annotations: BTreeMap<String, String>,
    pub configured: Configured,
    pub layers: Vec<Blob>,
}

/// A layer that is to be read.
pub(super) struct Blob {
    pub section: Section,
    /// What it is called in errors.
    pub label: String,
    pub digest: Option<Sha256>,
    pub media_type: Option<String>,
    pub annotations: BTreeMap<String, String>,
}

/// A layout: its parts and its name.
struct Layout<'m> {
    members: &'m Members,
    name: &'m str,
}

/// Finds the wanted image of a layout.
///
/// # Errors
/// When there is no such image, or a document is missing, altered or malformed.
pub(super) fn find(
    members: &Members,
    name: &str,
    reference: &Reference,
    platform: &Platform,
) -> Result<Found, ReadError> {
    let layout = Layout { members, name };
    let descriptor = layout.image(layout.top(reference)?, platform, MAX_DEPTH)?;
    let (digest, manifest) = layout.manifest(&descriptor)?;
    layout.whole(digest, manifest)
}

/// What the wanted image of a layout is for: each platform once, in the order of its index.
///
/// # Errors
/// As [`find`]; also when two images are for the same platform, of which readers would choose this or that.
pub(super) fn platforms(members: &Members, name: &str, reference: &Reference) -> Result<Vec<Platform>, ReadError> {
    let layout = Layout { members, name };
    let mut found = Vec::new();
    layout.platforms(layout.top(reference)?, MAX_DEPTH, &mut found)?;
    Ok(found)
}

impl Layout<'_> {
    /// What the layout's own list says of the wanted image.
    fn top(&self, reference: &Reference) -> Result<Descriptor, ReadError> {
        let label = format!("index.json of {}", self.name);
        let bytes = self.members.document("index.json", &label)?.ok_or(ReadError::NoBlob { blob: label.clone() })?;
        self.choose(documents::index(&bytes, &label)?.manifests, reference)
    }

    fn label(&self, what: &str, digest: &Sha256) -> String {
        format!("the {what} sha256:{digest} of {}", self.name)
    }

    /// The image that is meant, among those that the layout lists.
    fn choose(&self, listed: Vec<Descriptor>, reference: &Reference) -> Result<Descriptor, ReadError> {
        let (name, available) = (self.name.to_owned(), tags(&listed));
        let images = || listed.iter().filter(|descriptor| descriptor.may_be_image() && !is_attached(descriptor));
        let mut meant: Vec<&Descriptor> = match reference {
            Reference::Only => images().collect(),
            Reference::Tag(tag) => images().filter(|descriptor| has_tag(descriptor, tag)).collect(),
            Reference::Digest(digest) => {
                let text = format!("sha256:{digest}");
                listed.iter().filter(|descriptor| descriptor.digest == text).collect()
            }
        };
        // One image may have several tags.
        meant.dedup_by(|one, other| one.digest == other.digest);
        match (meant.as_slice(), reference) {
            ([one], _) => Ok((*one).clone()),
            ([], Reference::Tag(tag)) => Err(ReadError::Unknown { name, wanted: format!("tagged {tag}"), available }),
            ([], Reference::Digest(digest)) => {
                Err(ReadError::Unknown { name, wanted: format!("sha256:{digest}"), available })
            }
            ([], Reference::Only) => Err(ReadError::Unknown { name, wanted: "at all".to_owned(), available }),
            _ => Err(ReadError::Several { name, available }),
        }
    }

    /// The manifest's descriptor for a platform, found through indexes.
    fn image(&self, descriptor: Descriptor, platform: &Platform, depth: usize) -> Result<Descriptor, ReadError> {
        if !descriptor.is_index() {
            return Ok(descriptor);
        }
        let (depth, images) = self.listed(&descriptor, depth)?;
        let fits = |descriptor: &&Descriptor| descriptor.platform.as_ref().is_some_and(|one| is_for(one, platform));
        let chosen = match images.as_slice() {
            [only] => Some(only),
            several => several.iter().find(fits),
        };
        match chosen {
            Some(chosen) => self.image(chosen.clone(), platform, depth),
            None => {
                let one = |facts: &PlatformFacts| {
                    let variant = facts.variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
                    format!("{}/{}{variant}", facts.os, facts.architecture).escape_debug().to_string()
                };
                let available = images.iter().filter_map(|image| image.platform.as_ref()).map(one).collect();
                Err(ReadError::Platform { name: self.name.to_owned(), wanted: platform.to_string(), available })
            }
        }
    }

    /// The images of an index, and how many indexes deeper they may lie.
    fn listed(&self, index: &Descriptor, depth: usize) -> Result<(usize, Vec<Descriptor>), ReadError> {
        let (digest, bytes) = self.document(index, "index")?;
        let label = self.label("index", &digest);
        let Some(depth) = depth.checked_sub(1) else {
            let reason = "it is an index in an index in an index".to_owned();
            return Err(ReadError::Unsupported { document: label, reason });
        };
        let mut images = documents::index(&bytes, &label)?.manifests;
        images.retain(Descriptor::may_be_image);
        Ok((depth, images))
    }

    /// Adds what an image is for.
    fn platforms(&self, descriptor: Descriptor, depth: usize, found: &mut Vec<Platform>) -> Result<(), ReadError> {
        if descriptor.is_index() {
            let (depth, images) = self.listed(&descriptor, depth)?;
            return images.into_iter().try_for_each(|image| self.platforms(image, depth, found));
        }
        let platform = match descriptor.platform {
            Some(PlatformFacts { os, architecture, variant }) => Platform { os, architecture, variant },
            None => {
                let (_, manifest) = self.manifest(&descriptor)?;
                (&self.configured(&manifest)?.config).into()
            }
        };
        if found.contains(&platform) {
            let (document, reason) = (self.name.to_owned(), format!("it holds two images for {platform}"));
            return Err(ReadError::Malformed { document, reason });
        }
        found.push(platform);
        Ok(())
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<(Sha256, Manifest), ReadError> {
        let (digest, bytes) = self.document(descriptor, "manifest")?;
        let manifest = documents::manifest(&bytes, &self.label("manifest", &digest))?;
        Ok((digest, manifest))
    }

    fn configured(&self, manifest: &Manifest) -> Result<Configured, ReadError> {
        let (digest, bytes) = self.document(&manifest.config, "configuration")?;
        let label = self.label("configuration", &digest);
        let configured = documents::configuration(&bytes, &label)?;
        check_count(manifest.layers.len(), configured.diff_ids.len(), &label)?;
        Ok(configured)
    }

    /// The configuration and the layers of a manifest.
    fn whole(&self, digest: Sha256, manifest: Manifest) -> Result<Found, ReadError> {
        let configured = self.configured(&manifest)?;
        let Manifest { layers, annotations, .. } = manifest;
        let layers = layers.into_iter().enumerate().map(|(index, layer)| {
            let digest = layer.sha256(&self.label("manifest", &digest))?;
            let label = format!("the layer {} (sha256:{digest}) of {}", index + 1, self.name);
            let section = self.blob(&digest, layer.size, &label)?;
            let (media_type, annotations) = (Some(layer.media_type), layer.annotations.unwrap_or_default());
            Ok(Blob { section, label, digest: Some(digest), media_type, annotations })
        });
        let layers = layers.collect::<Result<_, ReadError>>()?;
        Ok(Found { manifest: Some(digest), annotations: annotations.unwrap_or_default(), configured, layers })
    }

    /// A blob of the announced size.
    fn blob(&self, digest: &Sha256, size: u64, label: &str) -> Result<Section, ReadError> {
        let section = self.members.open(&format!("blobs/sha256/{digest}"))?;
        let section = section.ok_or_else(|| ReadError::NoBlob { blob: label.to_owned() })?;
        if section.length() != size {
            let (blob, found) = (label.to_owned(), section.length());
            return Err(ReadError::Size { blob, expected: size, found });
        }
        Ok(section)
    }

    /// A document, whose bytes are those that its descriptor names.
    fn document(&self, descriptor: &Descriptor, what: &str) -> Result<(Sha256, Vec<u8>), ReadError> {
        let digest = descriptor.sha256(&format!("a descriptor of the {what} in {}", self.name))?;
        let label = self.label(what, &digest);
        let mut section = self.blob(&digest, descriptor.size, &label)?;
        if section.length() > json::LARGEST {
            let reason = format!("it has more than {} bytes", json::LARGEST);
            return Err(ReadError::Malformed { document: label, reason });
        }
        let mut bytes = Vec::new();
        section.read_to_end(&mut bytes).map_err(fs::failed("read", Path::new(&label)))?;
        match Sha256::of(&bytes) {
            found if found == digest => Ok((digest, bytes)),
            found => Err(ReadError::Digest { blob: label, found }),
        }
    }
}

/// Sees to it that a newer `docker save`, which is a layout and has Docker's list of images as well, shows the same
/// image by both.
///
/// # Errors
/// When the list names no image of that configuration and those layers.
pub(super) fn check_docker(members: &Members, name: &str, found: &Found) -> Result<(), ReadError> {
    let label = format!("manifest.json of {name}");
    let Some(bytes) = members.document("manifest.json", &label)? else { return Ok(()) };
    let blob = |digest: &Sha256| format!("blobs/sha256/{digest}");
    let config = blob(&found.configured.config.digest);
    let layers: Vec<_> = found.layers.iter().filter_map(|layer| layer.digest.as_ref()).map(blob).collect();
    let same = |image: &DockerImage| image.config == config && image.layers == layers;
    if documents::docker(&bytes, &label)?.iter().any(same) {
        return Ok(());
    }
    let reason = "it names another image than index.json does, so a runtime may see what is not checked here";
    Err(ReadError::Malformed { document: label, reason: reason.to_owned() })
}

/// Sees to it that the manifest and the configuration speak of the same number of layers.
pub(super) fn check_count(layers: usize, diff_ids: usize, label: &str) -> Result<(), ReadError> {
    let malformed = |reason| Err(ReadError::Malformed { document: label.to_owned(), reason });
    if layers != diff_ids {
        return malformed(format!("it has {diff_ids} diffIDs, and the manifest {layers} layers"));
    }
    if layers > MAX_LAYERS {
        return malformed(format!("it has {layers} layers; no runtime takes more than {MAX_LAYERS}"));
    }
    Ok(())
}

/// Whether it is a signature or an attestation under cosign's tags.
fn is_attached(descriptor: &Descriptor) -> bool {
    descriptor.annotation(REF_NAME).is_some_and(|tag| {
        tag.starts_with("sha256-") && [".sig", ".att", ".sbom"].iter().any(|ending| tag.ends_with(ending))
    })
}

fn has_tag(descriptor: &Descriptor, tag: &str) -> bool {
    descriptor.annotation(REF_NAME) == Some(tag) || descriptor.annotation(CONTAINERD_NAME) == Some(tag)
}

fn tags(listed: &[Descriptor]) -> Vec<String> {
    let images = listed.iter().filter(|descriptor| descriptor.may_be_image() && !is_attached(descriptor));
    images.filter_map(|image| image.annotation(REF_NAME)).map(|tag| tag.escape_debug().to_string()).collect()
}

fn is_for(facts: &PlatformFacts, platform: &Platform) -> bool {
    let variant = platform.variant.is_none() || facts.variant == platform.variant;
    facts.os == platform.os && facts.architecture == platform.architecture && variant
}
