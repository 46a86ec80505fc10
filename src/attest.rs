//! What is in an image and how it was made, as statements that others can read and verify: bills of materials,
//! provenance, signatures.
//!
//! A [`Bill`] of an image becomes the documents [`spdx`] and [`cyclonedx`]; they, [`provenance`] and what others say
//! of the image become [`Statement`]s. [`sign`] signs an image in its [`Layout`] and all statements about it, with a
//! [`key::PrivateKey`]; [`verify_layout`] verifies that, and [`verify`] the same of manifests and [`Artifact`]s from
//! anywhere. [`artifacts`] is what belongs to an image in a registry.
//!
//! A [`Rebuild`] is what somebody says to have built, an [`Attestation`] the same signed; [`judge`] tells what several
//! builders agree on.

mod artifact;
pub mod attestation;
mod bill;
mod bundle;
mod cosign;
mod cyclonedx;
mod document;
mod error;
mod evidence;
mod identity;
pub mod key;
mod keyring;
mod layout;
mod licenses;
mod oci;
mod provenance;
mod purl;
mod read_statement;
mod rebuild;
mod reference;
mod sign;
mod spdx;
mod statement;
mod subject;
mod verify;
mod verify_layout;
mod votes;

pub use artifact::Artifact;
pub use attestation::{Attestation, AttestationError, REBUILD_ARTIFACT};
pub use bill::{
    Archive, AttestError, Bill, Component, FileDigests, Item, ItemKind, Library, LibraryOrigin, ObjectDigests, Package,
    Patch, Stock, bill, digests, object_digests, project_path,
};
pub use bundle::{BUNDLE, Bundle, BundleError, STATEMENT, pre_authentication_encoding};
pub use cosign::{Claim, CosignError, ImageSignature, add_to_published, tag};
pub use cyclonedx::cyclonedx;
pub use error::{BlobFault, SignatureError};
pub use evidence::{DocumentFile, Evidence, Signatures, StatementFile, artifacts, statements};
pub use identity::Identity;
pub use keyring::{Held, Keyring, KeyringError};
pub use layout::{Checked, Layout};
pub use oci::{Annotations, Descriptor, DigestError, INDEX, MANIFEST, OciDigest, Platform, PlatformError};
pub use provenance::{BUILD_TYPE, LOCAL_BUILDER, Made, ProvenanceError, Recorded, RecordedFile, Request, provenance};
pub use purl::Purl;
pub use read_statement::{ReadStatement, StatementError};
pub use rebuild::{
    Builder, LockDigest, OBJECT_DIGEST, ProjectState, REBUILD, Rebuild, RebuildError, Rebuilt, Revision, System,
};
pub use reference::Reference;
pub use sign::{Signed, sign};
pub use spdx::spdx;
pub use statement::{CONTROLS, CYCLONEDX, POLICY_REPORT, PROVENANCE, Resource, SPDX, STATEMENT_TYPE, Statement};
pub use subject::{Subject, subjects};
pub use verify::{Fault, Need, Others, Report, Verified, What, verify};
pub use verify_layout::{LayoutReport, verify_layout};
pub use votes::{Judged, Opinion, Threshold, ThresholdError, Verdict, Votes, builds, first_difference, judge};
