//! What is in an image and how it was made, as statements that others can read and verify: bills of materials,
//! provenance, signatures.

mod artifact;
mod bill;
mod cyclonedx;
mod digests;
mod document;
mod error;
mod identity;
mod licenses;
mod package;
mod provenance;
mod purl;
mod spdx;
mod statement;

pub use artifact::Artifact;
pub use bill::{Bill, Component, Item, ItemKind, Library, LibraryOrigin, Stock, bill};
pub use cyclonedx::cyclonedx;
pub use digests::{FileDigests, ObjectDigests, digests};
pub use error::AttestError;
pub use identity::Identity;
pub use package::{Archive, Package, Patch, project_path};
pub use provenance::{BUILD_TYPE, LOCAL_BUILDER, Made, Request, provenance};
pub use purl::Purl;
pub use spdx::spdx;
pub use statement::{CYCLONEDX, PROVENANCE, SPDX, STATEMENT_TYPE, Statement, Subject};
