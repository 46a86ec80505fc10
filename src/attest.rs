//! What is in an image and how it was made, as statements that others can read and verify: bills of materials,
//! provenance, signatures.

mod artifact;
pub mod key;

pub use artifact::Artifact;
