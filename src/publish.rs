//! Images and what is attested of them, to and from a registry, after the OCI distribution specification 1.1.
//!
//! [`push`] sends what a registry lacks of an image in a layout, [`pull`] brings one back; signatures and attestations
//! go along as [`Artifact`]s, and [`attach`] brings them later. [`resolve`], [`manifest`], [`blob`], [`referrers`] and
//! [`artifacts`] read a remote image without a layout. All of them wait for the network: they are not to be called
//! from within an asynchronous runtime.
//!
//! # What is sent
//! Nothing that is there: each blob is asked for (HEAD), then looked for in other repositories of the registry
//! (cross-repository mount), then sent. Large blobs go in chunks, and a later run goes on where an earlier one broke
//! off, if the registry can. The tag comes last, after everything that it stands for, the artifacts included.
//!
//! # Who asks, and whom
//! Credentials come from podman's and docker's files and helpers, and go to the registry and to the giver of tokens
//! that it names; never to another host, and never in the clear beyond this machine. Connections are encrypted
//! unless [`Access::plain_http`] says otherwise; certificates are checked against the host's authorities, and those
//! that [`Access`] adds.
//!
//! # What is remembered
//! Below [`Access::cache`], for each registry: which repository has which blob, for mounts, and the addresses of
//! uploads that were begun. Losing it costs bytes sent again.
//!
//! # What is pulled
//! An OCI image layout that holds one image, or one index with all that it names. What belongs to it lies beside it
//! in `referrers/`, a layout of its own ([`Layout::artifacts`] reads that, and what was made here).

mod access;
mod attach;
mod challenge;
mod credentials;
mod document;
mod error;
mod evidence;
mod feed;
mod gate;
mod layout;
mod memory;
mod pull;
mod push;
mod reference;
mod registry;
mod upload;

use std::path::Path;

pub use access::{Access, Policy};
pub use credentials::{AuthFiles, CredentialError};
pub use document::Document;
pub use error::PublishError;
pub use layout::Layout;
pub use pull::{Choice, Pulled};
pub use push::Pushed;
pub use reference::{Host, Reference, ReferenceError, Repository, Tag};
pub use registry::{Manifest, Registry};

use crate::attest::{Artifact, Descriptor};
use crate::digest::Sha256;
use crate::progress::Sink;
use registry::Target;

/// Pushes the image of a layout, then what belongs to it, then its tag. Without a tag and a digest in the reference,
/// the tag is the image's name in the layout.
///
/// # Errors
/// When the layout is not whole, or the registry does not take something. The tag is then where it was.
pub fn push(
    registry: &Registry,
    layout: &Layout,
    to: &Reference,
    artifacts: &[Artifact],
    sink: &dyn Sink,
) -> Result<Pushed, PublishError> {
    registry.run(push::push(registry, layout, to, artifacts, sink))
}

/// Puts artifacts into a repository, beside the images that they belong to; gives their digests.
///
/// # Errors
/// When an artifact is none, or the registry does not take it.
pub fn attach(
    registry: &Registry,
    to: &Repository,
    artifacts: &[Artifact],
    sink: &dyn Sink,
) -> Result<Vec<Sha256>, PublishError> {
    registry.run(async {
        let remote = registry.repository(to);
        remote.gate.widen(&[], &format!("push to {}", remote.place())).await?;
        attach::attach_all(&remote, artifacts, sink).await
    })
}

/// Pulls an image into a layout, with what belongs to it.
///
/// # Errors
/// When the image is not there, bytes are not what their digests say, or `output` is something that is not replaced.
/// What was fetched is kept beside the output, for the next try.
pub fn pull(
    registry: &Registry,
    from: &Reference,
    choice: &Choice,
    output: &Path,
    sink: &dyn Sink,
) -> Result<Pulled, PublishError> {
    registry.run(pull::pull(registry, from, choice, output, sink))
}

/// What a reference names: its manifest, checked against its digest.
///
/// # Errors
/// When it is not there, or not what its digest says.
pub fn manifest(registry: &Registry, reference: &Reference) -> Result<Manifest, PublishError> {
    registry.run(async {
        let found = registry.repository(&reference.repository).manifest(&Target::of(reference)?).await?;
        found.map_err(|said| PublishError::NotThere { reference: Box::new(reference.clone()), said })
    })
}

/// The type, digest and size of what a reference names.
///
/// # Errors
/// As [`manifest`].
pub fn resolve(registry: &Registry, reference: &Reference) -> Result<Descriptor, PublishError> {
    manifest(registry, reference).map(|manifest| manifest.descriptor)
}

/// A blob that fits into memory, checked against its digest and size.
///
/// # Errors
/// When it is not there, or other bytes come.
pub fn blob(registry: &Registry, of: &Repository, descriptor: &Descriptor) -> Result<Vec<u8>, PublishError> {
    registry.run(async { registry.repository(of).blob(descriptor).await })
}

/// What refers to a manifest, as the registry lists it, or as clients list it where the registry does not.
///
/// # Errors
/// When the registry does not answer as it should.
pub fn referrers(registry: &Registry, of: &Repository, subject: &Sha256) -> Result<Vec<Descriptor>, PublishError> {
    registry.run(async { attach::referrers(&registry.repository(of), subject).await })
}

/// Everything that belongs to manifests, fetched: what refers to them, what refers to that, and what is under
/// cosign's tags.
///
/// # Errors
/// As [`referrers`] and [`blob`].
pub fn artifacts(registry: &Registry, of: &Repository, subjects: &[Sha256]) -> Result<Vec<Artifact>, PublishError> {
    registry.run(async { attach::artifacts(&registry.repository(of), subjects).await })
}
