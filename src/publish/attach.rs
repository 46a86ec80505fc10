//! What belongs to an image, in a registry: manifests with a `subject`, and those under cosign's tags.
//!
//! A registry with the referrers API lists a manifest with a subject by itself, and says so when it takes one. For
//! others the list is kept by clients, as an index under a tag made of the subject's digest ("Referrers tag schema").
//! It is read, added to and written; then read again, since somebody else may have written in between. What others
//! have put there stays.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::document::Document;
use super::error::PublishError;
use super::push::{blobs_of, push_blobs};
use super::reference::Tag;
use super::registry::{MANIFEST_LIMIT, Manifest, QUESTIONS, Remote, Target, all};
use crate::attest::{Artifact, Descriptor, INDEX, MANIFEST, OciDigest, add_to_published};
use crate::digest::Sha256;
use crate::http::{Call, Method};
use crate::progress::Sink;

/// How often a list that others write meanwhile is written again.
const ROUNDS: usize = 5;
/// More pages than any list has.
const PAGES: usize = 100;
/// How deep is looked for what belongs to what belongs to an image.
const DEPTH: usize = 3;
/// The largest blob of an artifact that is taken.
const BLOB_LIMIT: u64 = 256 << 20;
/// What cosign puts behind the digest in its tags.
const COSIGN: [&str; 2] = [".sig", ".att"];

/// An artifact with what its manifest says.
struct Attached<'a> {
    artifact: &'a Artifact,
    descriptor: Descriptor,
    subject: Option<Descriptor>,
    target: Target,
}

/// Puts artifacts beside the image that they belong to; gives their digests.
pub(super) async fn attach_all(
    remote: &Remote<'_>,
    artifacts: &[Artifact],
    sink: &dyn Sink,
) -> Result<Vec<Sha256>, PublishError> {
    if artifacts.is_empty() {
        return Ok(Vec::new());
    }
    let artifacts = beside_others(remote, artifacts).await?;
    let attached = artifacts.iter().map(Attached::read).collect::<Result<Vec<_>, _>>()?;
    let mut blobs: Vec<Vec<u8>> = artifacts.iter().flat_map(|artifact| artifact.blobs.iter().cloned()).collect();
    blobs.sort();
    blobs.dedup();
    push_blobs(remote, &blobs_of(&blobs), sink).await?;
    let before = all(attached.iter().map(|one| remote.has_manifest(&one.target)), QUESTIONS).await?;
    // For each subject what belongs to it, and whether the registry has taken note of that by itself.
    let mut subjects: BTreeMap<Sha256, (Vec<&Attached<'_>>, bool)> = BTreeMap::new();
    for (one, before) in attached.iter().zip(before) {
        let is_new = before != Some(one.descriptor.digest.0);
        let noted =
            is_new && remote.put_manifest(&one.target, &one.descriptor.media_type, &one.artifact.manifest).await?;
        if let Some(subject) = &one.subject {
            let entry = subjects.entry(subject.digest.0).or_default();
            entry.0.push(one);
            entry.1 |= noted;
        }
    }
    for (subject, (attached, noted)) in subjects {
        // When nothing was put there, only asking tells how the registry keeps its lists.
        if !noted && by_api(remote, &subject).await?.is_none() {
            list(remote, &subject, &attached).await?;
        }
    }
    Ok(attached.iter().map(|one| one.descriptor.digest.0).collect())
}

impl<'a> Attached<'a> {
    fn read(artifact: &'a Artifact) -> Result<Self, PublishError> {
        let what = format!("the artifact sha256:{}", artifact.digest());
        let document = Document::read(&artifact.manifest, &what)?;
        let mut descriptor = Descriptor::of(document.media_type.as_deref().unwrap_or(MANIFEST), &artifact.manifest);
        descriptor.artifact_type = document.kind();
        descriptor.annotations = document.annotations;
        let target = match &artifact.tag {
            Some(tag) => Target::Tag(
                tag.parse::<Tag>().map_err(|error| PublishError::Unfit { what, reason: error.to_string() })?,
            ),
            None => Target::Digest(descriptor.digest.0),
        };
        Ok(Self { artifact, descriptor, subject: document.subject, target })
    }
}

/// The artifacts with what there is of others under cosign's tags, in the registry or in the list itself: such a tag
/// holds all of an image's signatures.
async fn beside_others(remote: &Remote<'_>, artifacts: &[Artifact]) -> Result<Vec<Artifact>, PublishError> {
    let mut all: Vec<Artifact> = Vec::new();
    for artifact in artifacts {
        let Some(tag) = artifact.tag.as_ref().filter(|tag| COSIGN.iter().any(|word| tag.ends_with(word))) else {
            all.push(artifact.clone());
            continue;
        };
        let fault = |source| PublishError::Document { what: format!("{tag} of {}", remote.place()), source };
        if let Some(earlier) = all.iter_mut().find(|earlier| earlier.tag == artifact.tag) {
            let joined = add_to_published(&earlier.manifest, artifact).map_err(fault)?;
            earlier.manifest = joined.manifest;
            earlier.blobs.extend(joined.blobs);
            continue;
        }
        let target = Attached::read(artifact)?.target;
        all.push(match remote.manifest(&target).await? {
            Ok(published) => add_to_published(&published.bytes, artifact).map_err(fault)?,
            Err(_) => artifact.clone(),
        });
    }
    Ok(all)
}

/// The tag of the list that clients keep themselves.
fn list_tag(subject: &Sha256) -> Target {
    Target::Tag(format!("sha256-{subject}").parse().expect("a digest makes a tag"))
}

/// Adds to the list that clients keep themselves.
async fn list(remote: &Remote<'_>, subject: &Sha256, attached: &[&Attached<'_>]) -> Result<(), PublishError> {
    let tag = list_tag(subject);
    for _ in 0..ROUNDS {
        let known = listed(remote, &tag).await?;
        let is_there = |one: &Attached<'_>| {
            let digests = known.iter().flat_map(|list| &list.document.manifests).map(|entry| entry.digest.0);
            digests.into_iter().any(|digest| digest == one.descriptor.digest.0)
        };
        let new: Vec<_> = attached.iter().filter(|one| !is_there(one)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let empty = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] });
        // As a free value: what others have written there stays, known here or not.
        let mut index: Value = match &known {
            Some(list) => serde_json::from_slice(&list.bytes)
                .map_err(|source| PublishError::Document { what: format!("{tag} of {}", remote.place()), source })?,
            None => empty,
        };
        let entries = new.iter().map(|one| serde_json::to_value(&one.descriptor).expect("this is plain data"));
        match index.get_mut("manifests").and_then(Value::as_array_mut) {
            Some(manifests) => manifests.extend(entries),
            None => index["manifests"] = entries.collect(),
        }
        let bytes = serde_json::to_vec(&index).expect("this is plain data");
        remote.put_manifest(&tag, INDEX, &bytes).await?;
    }
    Err(PublishError::Crowded { subject: *subject })
}

/// The list that clients keep themselves, if there is one.
async fn listed(remote: &Remote<'_>, tag: &Target) -> Result<Option<Manifest>, PublishError> {
    match remote.manifest(tag).await? {
        Err(_) => Ok(None),
        Ok(list) if list.descriptor.media_type == INDEX => Ok(Some(list)),
        Ok(list) => Err(PublishError::Unfit {
            what: format!("{tag} of {}", remote.place()),
            reason: format!(
                "it should be the index of what belongs to an image, but is {}",
                list.descriptor.media_type
            ),
        }),
    }
}

/// What belongs to a manifest, as the registry lists it.
pub(super) async fn referrers(remote: &Remote<'_>, subject: &Sha256) -> Result<Vec<Descriptor>, PublishError> {
    if let Some(list) = by_api(remote, subject).await? {
        return Ok(list);
    }
    let list = listed(remote, &list_tag(subject)).await?;
    Ok(list.map(|list| list.document.manifests).unwrap_or_default())
}

/// What the referrers API lists; `None` when the registry does not have it ("Listing referrers").
async fn by_api(remote: &Remote<'_>, subject: &Sha256) -> Result<Option<Vec<Descriptor>>, PublishError> {
    let doing = format!("ask what belongs to sha256:{} in {}", subject.short(), remote.place());
    let mut address = remote.address(&format!("referrers/{}", OciDigest(*subject)))?;
    let mut all = Vec::new();
    for _ in 0..PAGES {
        let call = Call::new(Method::Get, address.clone()).header("accept", INDEX);
        let answer = remote.ask(&call, &doing).await?;
        // Registries without the API answer what they answer to any unknown address.
        if matches!(answer.status(), 400 | 404 | 405) {
            return Ok(None);
        }
        let answer = remote.expect(answer, &[200], &doing).await?;
        if !answer.header("content-type").is_some_and(|kind| kind.starts_with(INDEX)) {
            return Ok(None);
        }
        let next = answer.headers("link").into_iter().find_map(next_page).map(|next| answer.address().join(next));
        let bytes = answer.bytes(MANIFEST_LIMIT as usize).await.map_err(|source| remote.http(&doing, source))?;
        all.extend(Document::read(&bytes, &format!("the list of what belongs to {}", OciDigest(*subject)))?.manifests);
        match next {
            None => break,
            Some(next) => address = next.map_err(|source| remote.http(&doing, source))?,
        }
    }
    Ok(Some(all))
}

/// The target of `<URL>; rel="next"` (RFC 8288).
fn next_page(link: &str) -> Option<&str> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = |parameter: &str| {
        let (name, value) = parameter.trim().split_once('=').unwrap_or_default();
        name.trim().eq_ignore_ascii_case("rel") && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
    };
    parameters.split(';').any(is_next).then_some(target)
}

/// Everything that belongs to manifests: what refers to them, what refers to that, and what is under cosign's tags.
pub(super) async fn artifacts(remote: &Remote<'_>, subjects: &[Sha256]) -> Result<Vec<Artifact>, PublishError> {
    let mut found: Vec<Artifact> = Vec::new();
    let mut pending = subjects.to_vec();
    for _ in 0..DEPTH {
        let lists = all(pending.iter().map(|subject| referrers(remote, subject)), QUESTIONS).await?;
        let mut next: Vec<Sha256> = lists.into_iter().flatten().map(|entry| entry.digest.0).collect();
        next.sort();
        next.dedup();
        next.retain(|digest| !found.iter().any(|artifact| artifact.digest() == *digest));
        for digest in &next {
            found.extend(artifact(remote, &Target::Digest(*digest)).await?);
        }
        pending = next;
    }
    for subject in subjects {
        for word in COSIGN {
            let tag = format!("sha256-{subject}{word}").parse().expect("a digest makes a tag");
            let Some(tagged) = artifact(remote, &Target::Tag(tag)).await? else { continue };
            found.retain(|artifact| artifact.digest() != tagged.digest());
            found.push(tagged);
        }
    }
    Ok(found)
}

/// A manifest with its blobs; `None` when it is not there, as entries of deleted manifests may be left over.
async fn artifact(remote: &Remote<'_>, target: &Target) -> Result<Option<Artifact>, PublishError> {
    let Ok(Manifest { bytes, document, .. }) = remote.manifest(target).await? else { return Ok(None) };
    let mut blobs = Vec::new();
    for descriptor in document.blobs() {
        if descriptor.size > BLOB_LIMIT {
            let what = format!("the artifact {target} of {}", remote.place());
            return Err(PublishError::Unfit { what, reason: format!("a blob of it has {} bytes", descriptor.size) });
        }
        let bytes = remote.blob(descriptor).await?;
        if !blobs.contains(&bytes) {
            blobs.push(bytes);
        }
    }
    let tag = match target {
        Target::Tag(tag) => Some(tag.to_string()),
        Target::Digest(_) => None,
    };
    Ok(Some(Artifact { manifest: bytes, blobs, tag }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        assert_eq!(next_page(r#"</v2/a/referrers/x?n=2>; rel="next""#), Some("/v2/a/referrers/x?n=2"));
        assert_eq!(next_page("<x>; title=y; REL=next"), Some("x"));
        assert_eq!(next_page(r#"<x>; rel="prev""#), None);
        assert_eq!(next_page("x; rel=next"), None);
    }
}
