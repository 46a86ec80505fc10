//! Images of others become values: what is in them, and what they may not be.

mod archives;
mod directory;
mod documents;
mod layers;
mod mason;
#[path = "../quarry/mod.rs"]
mod quarry;
