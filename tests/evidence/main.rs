//! The evidence of images: what it says, and whether it is true. Drawn up by hand from values, and by the real
//! program of real images; read by what others wrote.

#[path = "../support/mod.rs"]
mod support;

mod bill;
mod clients;
mod documents;
mod images;
mod provenance;
mod python;
mod stability;
mod truth;
mod validators;
