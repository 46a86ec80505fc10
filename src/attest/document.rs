//! What the documents have in common: their tool, their time, names that follow from what they say.

use std::time::{Duration, UNIX_EPOCH};

use crate::digest::Sha256;
use crate::image::EPOCH;

/// The program that draws them up.
pub(super) const TOOL: &str = "drystone";
/// Its version.
pub(super) const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");

/// When a document says that it was made: at the image's own fixed time. A real one would make every run's document
/// another one, and could not be checked; when something was signed is for a signature to say.
pub(super) fn created() -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(EPOCH)).to_string()
}

/// A UUID that follows from a digest: version 8 of RFC 9562 (section 5.8), whose other bits are whoever's makes it.
pub(super) fn uuid(digest: &Sha256) -> String {
    let mut bytes: [u8; 16] = digest.as_bytes()[..16].try_into().expect("a SHA-256 has 32 bytes");
    bytes[6] = 0x80 | bytes[6] & 0x0f;
    bytes[8] = 0x80 | bytes[8] & 0x3f;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        let digest = Sha256::from_bytes([0xff; 32]);
        assert_eq!(uuid(&digest), "ffffffff-ffff-8fff-bfff-ffffffffffff");
        assert_eq!(created(), "1980-01-01T00:00:00Z");
    }
}
