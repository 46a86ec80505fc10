//! What is in an image and how it was made, as statements that others can read and verify: bills of materials,
//! provenance, signatures.

mod artifact;
mod bill;
mod cyclonedx;
mod document;
mod identity;
mod licenses;
mod provenance;
mod purl;
mod spdx;
mod statement;

pub use artifact::Artifact;
pub use bill::{
    Archive, AttestError, Bill, Component, FileDigests, Item, ItemKind, Library, LibraryOrigin, ObjectDigests, Package,
    Patch, Stock, bill, digests, object_digests, project_path,
};
pub use cyclonedx::cyclonedx;
pub use identity::Identity;
pub use provenance::{BUILD_TYPE, LOCAL_BUILDER, Made, Request, provenance};
pub use purl::Purl;
pub use spdx::spdx;
pub use statement::{CONTROLS, CYCLONEDX, POLICY_REPORT, PROVENANCE, Resource, SPDX, STATEMENT_TYPE, Statement};
mod bundle;
mod cosign;
mod error;
mod evidence;
pub mod key;
mod layout;
mod oci;
mod read_statement;
mod reference;
mod sign;
mod subject;
mod verify;
mod verify_layout;

pub use bundle::{BUNDLE, Bundle, BundleError, STATEMENT, pre_authentication_encoding};
pub use cosign::{Claim, CosignError, ImageSignature, add_to_published, tag};
pub use error::{BlobFault, SignatureError};
pub use evidence::{DocumentFile, Evidence, Signatures, StatementFile, artifacts};
pub use layout::{Checked, Layout};
pub use oci::{Annotations, Descriptor, DigestError, OciDigest, Platform};
pub use read_statement::{ReadStatement, StatementError};
pub use reference::Reference;
pub use sign::{Signed, sign};
pub use subject::{Subject, subjects};
pub use verify::{Fault, Need, Others, Report, Verified, What, verify};
pub use verify_layout::{LayoutReport, verify_layout};

/// The time that every document states: [`crate::archive::EPOCH`], as text.
const EPOCH_TEXT: &str = "1980-01-01T00:00:00Z";
