//! Which statements there must be of an image, as people say it.

use std::fmt;
use std::str::FromStr;

use crate::attest::statement::{CYCLONEDX, POLICY_REPORT, PROVENANCE, SPDX};

/// A kind of statement that an image can be required to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// How it was made: SLSA provenance, version 1.
    Provenance,
    /// What is in it: SPDX or CycloneDX.
    Sbom,
    /// Which rules it keeps.
    Policy,
    /// A predicate's type, as a URI.
    Predicate(String),
}

impl FromStr for Need {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "provenance" => Ok(Self::Provenance),
            "sbom" => Ok(Self::Sbom),
            "policy" => Ok(Self::Policy),
            uri if uri.contains("://") => Ok(Self::Predicate(uri.to_owned())),
            _ => Err("it must be provenance, sbom, policy, or the URI of a predicate's type".to_owned()),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provenance => "provenance",
            Self::Sbom => "sbom",
            Self::Policy => "policy",
            Self::Predicate(uri) => uri,
        })
    }
}

impl Need {
    /// Whether predicates of a type are what is needed.
    pub(super) fn is_met_by(&self, predicate_type: &str) -> bool {
        match self {
            Self::Provenance => predicate_type == PROVENANCE,
            Self::Sbom => predicate_type == SPDX || predicate_type == CYCLONEDX,
            Self::Policy => predicate_type == POLICY_REPORT,
            Self::Predicate(uri) => uri == predicate_type,
        }
    }
}
