//! Package URLs: names of packages that scanners and advisories share. Follows
//! [ECMA-427](https://ecma-international.org/publications-and-standards/standards/ecma-427/); knows nothing of what
//! is packaged.

use std::collections::BTreeMap;
use std::fmt;

use crate::digest::Sha256;
use crate::recipe::Target;

/// A package URL in its canonical form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purl {
    kind: &'static str,
    namespace: Option<String>,
    name: String,
    version: Option<String>,
    qualifiers: BTreeMap<&'static str, String>,
}

impl Purl {
    /// A package of a type that the specification registers, such as `generic`.
    pub fn new(kind: &'static str, name: impl Into<String>) -> Self {
        Self { kind, namespace: None, name: name.into(), version: None, qualifiers: BTreeMap::new() }
    }

    /// In a namespace.
    #[must_use]
    pub fn within(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Of a version.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// With a qualifier; its key must be lower-case letters and `_`. An empty value is none.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.qualifiers.insert(key, value);
        }
        self
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name, version, qualifiers } = self;
        write!(f, "pkg:{kind}/")?;
        for segment in namespace.iter().flat_map(|namespace| namespace.split('/')) {
            write!(f, "{}/", encoded(segment))?;
        }
        f.write_str(&encoded(name))?;
        if let Some(version) = version {
            write!(f, "@{}", encoded(version))?;
        }
        for (index, (key, value)) in qualifiers.iter().enumerate() {
            write!(f, "{}{key}={}", if index == 0 { '?' } else { '&' }, encoded(value))?;
        }
        Ok(())
    }
}

/// The package URL of an image that is known by its manifest's digest.
pub(super) fn of_image(name: &str, tag: &str, target: &Target, manifest: &Sha256) -> Purl {
    // The last part is the name; where an image is published is not known yet.
    let name = name.rsplit('/').next().unwrap_or(name);
    let machine = target.0.split('-').next().unwrap_or_default();
    // As Go names architectures, and with it OCI.
    let architecture = match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    Purl::new("oci", name).version(format!("sha256:{manifest}")).with("arch", architecture).with("tag", tag)
}

/// Percent-encoding as section 5.4 has it: letters, digits, `.-_~` and the colon stand for themselves.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification_come_out_as_it_writes_them() {
        let openssl = || Purl::new("generic", "openssl").version("1.1.10g");
        assert_eq!(openssl().to_string(), "pkg:generic/openssl@1.1.10g");
        let from = openssl()
            .with("download_url", "https://openssl.org/source/openssl-1.1.0g.tar.gz")
            .with("checksum", "sha256:de4d501267da");
        assert_eq!(
            from.to_string(),
            "pkg:generic/openssl@1.1.10g?checksum=sha256:de4d501267da\
             &download_url=https:%2F%2Fopenssl.org%2Fsource%2Fopenssl-1.1.0g.tar.gz"
        );
        let git = Purl::new("generic", "bitwarderl")
            .with("vcs_url", "git+https://git.fsfe.org/dxtr/bitwarderl@cc55108da32")
            .with("checksum", "");
        assert_eq!(
            git.to_string(),
            "pkg:generic/bitwarderl?vcs_url=git%2Bhttps:%2F%2Fgit.fsfe.org%2Fdxtr%2Fbitwarderl%40cc55108da32"
        );
        let image =
            Purl::new("oci", "debian").version("sha256:244fd47e07d10").with("tag", "latest").with("arch", "amd64");
        assert_eq!(image.to_string(), "pkg:oci/debian@sha256:244fd47e07d10?arch=amd64&tag=latest");
        let curl = Purl::new("deb", "curl").within("debian").version("7.50.3-1").with("arch", "i386");
        assert_eq!(curl.to_string(), "pkg:deb/debian/curl@7.50.3-1?arch=i386");
    }

    #[test]
    fn what_separates_is_encoded_where_it_does_not() {
        let odd = Purl::new("generic", "a/b@c").within("x y/ü").version("1+2?#&=%");
        assert_eq!(odd.to_string(), "pkg:generic/x%20y/%C3%BC/a%2Fb%40c@1%2B2%3F%23%26%3D%25");
    }
}
