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
    Patch, Stock, bill, digests, project_path,
};
pub use cyclonedx::cyclonedx;
pub use identity::Identity;
pub use provenance::{BUILD_TYPE, LOCAL_BUILDER, Made, Request, provenance};
pub use purl::Purl;
pub use spdx::spdx;
pub use statement::{CONTROLS, CYCLONEDX, POLICY_REPORT, PROVENANCE, Resource, SPDX, STATEMENT_TYPE, Statement};
