//! What compresses layers, by name and version: with it, and only with it, the same archive becomes the same blob.

use super::Compression;

const LOCK: &str = include_str!("../../Cargo.lock");

impl Compression {
    /// The encoder in this binary, with its version, such as `zlib-rs 0.6.8`.
    pub fn encoder(self) -> String {
        let name = match self {
            Self::Gzip => "zlib-rs",
            Self::Zstd => "zstd-sys",
        };
        format!("{name} {}", version(name))
    }
}

/// The version of a crate in this binary.
fn version(name: &str) -> &'static str {
    let package = LOCK.split_once(&format!("name = \"{name}\"\nversion = \"")).map(|(_, rest)| rest);
    package.and_then(|rest| rest.split('"').next()).expect("Cargo.lock lists the encoders, which this crate uses")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoders_are_found_in_the_lock_file() {
        assert!(Compression::Gzip.encoder().starts_with("zlib-rs 0."));
        assert!(Compression::Zstd.encoder().contains("+zstd.1."));
    }
}
