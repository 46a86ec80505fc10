//! Placeholder.
/// The fixed time.
pub const EPOCH: u64 = 315_532_800;
