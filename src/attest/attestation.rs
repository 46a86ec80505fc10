//! Signed statements about rebuilds in files: [bundles](super::Bundle), kept so that several people's merge.
//!
//! ```text
//! attestations/
//!   KEY/                                 the 64 digits of the key that signed
//!     LABEL-CLAIMS.sigstore.json         what was built, for people; and 12 digits of what is claimed
//! ```
//! Each key has a directory of its own, so two builders never write the same file. Who says the same again replaces
//! what they said before; who says something else adds a file, and what was said before stays said.

use std::path::{Path, PathBuf};

use super::bundle::{BUNDLE, Bundle, BundleError};
use super::evidence::BUNDLE as SUFFIX;
use super::key::{KeyId, PublicKey};
use super::oci::{Annotations, Descriptor, referrer_of_kind};
use super::rebuild::REBUILD;
use super::{Artifact, Keyring, Rebuild, RebuildError};
use crate::fs;

/// The type of an artifact beside an image that is such a bundle. One of its own: the statement is not about the image.
pub const REBUILD_ARTIFACT: &str = "application/vnd.drystone.rebuild.v1+json";
/// How deep directories are looked into.
const DEPTH: usize = 4;
/// The largest file that is read; all recipes of a large project take less than a hundredth of it.
pub const ATTESTATION_LIMIT: u64 = 64 << 20;

/// A signed statement, read; believed only where [`Attestation::verify`] says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Who is said to have signed it.
    pub signer: KeyId,
    /// What it says, believed by nobody yet.
    pub unproven: Rebuild,
    bundle: Bundle,
}

/// Why an attestation counts for nothing.
#[derive(Debug, thiserror::Error)]
pub enum AttestationError {
    /// No bundle, or the signature does not fit.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Nobody's.
    #[error("it does not say which key signed it")]
    Nobody,
    /// It says something else, or contradicts itself.
    #[error(transparent)]
    Statement(#[from] RebuildError),
    /// Larger than any.
    #[error("it is larger than {ATTESTATION_LIMIT} bytes")]
    Large,
}

impl Attestation {
    /// Reads a bundle: its form and what it says. Verifies nothing.
    ///
    /// # Errors
    /// When it is no bundle, names no key, or holds no statement about rebuilds.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, AttestationError> {
        let bundle = Bundle::parse(&bytes)?;
        let signer = bundle.signer().ok_or(AttestationError::Nobody)?;
        let unproven = Rebuild::parse(&bundle.payload()?)?;
        Ok(Self { bytes, signer, unproven, bundle })
    }

    /// What it says, if the key has signed it.
    ///
    /// # Errors
    /// When it says that another key has, or the signature does not fit.
    pub fn verify(&self, key: &PublicKey) -> Result<&Rebuild, BundleError> {
        // The payload that was parsed is the one that is verified: both are the bundle's.
        self.bundle.verify(key)?;
        Ok(&self.unproven)
    }

    /// Where it belongs in a directory of attestations.
    pub fn place(&self) -> PathBuf {
        let name = format!("{}-{}{SUFFIX}", self.label(), &self.unproven.claims()[..12]);
        Path::new(&self.signer.to_string()).join(name)
    }

    /// What is said to have been built, in a word that is a file's name.
    fn label(&self) -> String {
        let last = self.unproven.derivations.last().map_or("", |one| one.name.as_str());
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._+".contains(c) { c } else { '-' };
        // What is built last is what was asked for; never a name that begins with a dot.
        let word: String = last.chars().take(60).map(plain).collect();
        let word = word.trim_matches(['.', '-']);
        match (word, self.unproven.derivations.len()) {
            ("", _) => "rebuild".to_owned(),
            (word, 1) => word.to_owned(),
            (word, count) => format!("{word}-and-{}-more", count - 1),
        }
    }

    /// It as an artifact beside an image.
    pub fn artifact(&self, subject: &Descriptor) -> Artifact {
        let kind = ("dev.sigstore.bundle.predicateType".to_owned(), REBUILD.to_owned());
        referrer_of_kind(subject, REBUILD_ARTIFACT, BUNDLE, self.bytes.clone(), Annotations::from([kind]))
    }

    /// Whether it was said later than another.
    fn is_newer_than(&self, other: &Self) -> bool {
        let at = |one: &Self| humantime::parse_rfc3339(&one.unproven.attested).ok();
        at(self) > at(other)
    }
}

/// What became of an attestation that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is new, or newer than what it replaced.
    New,
    /// The same claims of the same key were there.
    There,
}

/// Puts an attestation where it belongs below a directory. `ring` holds the keys by which it has been verified; without,
/// what is there is never replaced, since anybody could have written what would replace it.
///
/// # Errors
/// When a file cannot be read or written.
pub fn keep(directory: &Path, attestation: &Attestation, ring: Option<&Keyring>) -> fs::Result<Kept> {
    let path = directory.join(attestation.place());
    if path.exists() {
        let there = Attestation::parse(fs::read(&path)?).ok().filter(|there| match ring {
            Some(ring) => is_good(there, ring),
            None => true,
        });
        let stays = match there {
            Some(there) => ring.is_none() || !attestation.is_newer_than(&there),
            None => ring.is_none(),
        };
        if stays {
            return Ok(Kept::There);
        }
    }
    write(directory, attestation)?;
    Ok(Kept::New)
}

fn is_good(attestation: &Attestation, ring: &Keyring) -> bool {
    ring.get(&attestation.signer).is_some_and(|held| attestation.verify(&held.key).is_ok())
}

/// Writes an attestation where it belongs, over what was said there before; gives the file.
///
/// # Errors
/// When it cannot be written.
pub fn write(directory: &Path, attestation: &Attestation) -> fs::Result<PathBuf> {
    let path = directory.join(attestation.place());
    fs::create_dir_all(path.parent().unwrap_or(directory))?;
    fs::replace_file(&path, &attestation.bytes)?;
    Ok(path)
}

/// The files that could be attestations: a file itself, or all below a directory that are named as such; sorted.
///
/// # Errors
/// When a directory cannot be read.
pub fn files(place: &Path) -> fs::Result<Vec<PathBuf>> {
    if place.is_file() {
        return Ok(vec![place.to_owned()]);
    }
    let mut found = Vec::new();
    collect(place, DEPTH, &mut found)?;
    Ok(found)
}

fn collect(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> fs::Result<()> {
    for name in fs::list(directory)? {
        let path = directory.join(&name);
        if path.is_dir() && depth > 0 {
            collect(&path, depth - 1, found)?;
        } else if path.is_file() && name.to_string_lossy().ends_with(SUFFIX) {
            found.push(path);
        }
    }
    Ok(())
}

/// Reads a file that could be an attestation.
///
/// # Errors
/// When it cannot be read. What is wrong with what it holds is the inner error.
pub fn read(path: &Path) -> fs::Result<Result<Attestation, AttestationError>> {
    let size = std::fs::metadata(path).map_err(fs::failed("inspect", path))?.len();
    if size > ATTESTATION_LIMIT {
        return Ok(Err(AttestationError::Large));
    }
    Ok(Attestation::parse(fs::read(path)?))
}

#[cfg(test)]
mod tests {
    use super::super::key::PrivateKey;
    use super::super::rebuild::tests::saying;
    use super::*;

    fn signed(key: &PrivateKey, pairs: &[(u8, u8)], attested: &str) -> Attestation {
        let rebuild = Rebuild { attested: attested.to_owned(), ..saying(pairs) };
        Attestation::parse(Bundle::sign(&rebuild.statement().to_bytes(), key).to_json()).unwrap()
    }

    /// Keys in a directory, as somebody would lay them there.
    fn ring(keys: &[&PrivateKey]) -> Keyring {
        let scratch = tempfile::tempdir().unwrap();
        for (index, key) in keys.iter().enumerate() {
            std::fs::write(scratch.path().join(format!("{index}.pub")), key.public().to_pem()).unwrap();
        }
        Keyring::read(scratch.path()).unwrap()
    }

    #[test]
    fn the_same_claims_have_one_place_and_the_newest_is_there() {
        let scratch = tempfile::tempdir().unwrap();
        let key = PrivateKey::generate().unwrap();
        let ring = ring(&[&key]);
        let old = signed(&key, &[(1, 1)], "2026-01-01T00:00:00Z");
        let new = signed(&key, &[(1, 1)], "2026-02-01T00:00:00Z");
        let other = signed(&key, &[(1, 2)], "2026-01-01T00:00:00Z");
        assert_eq!(old.place(), new.place());
        assert_ne!(old.place(), other.place());
        assert_eq!(keep(scratch.path(), &old, Some(&ring)).unwrap(), Kept::New);
        assert_eq!(keep(scratch.path(), &new, Some(&ring)).unwrap(), Kept::New);
        assert_eq!(keep(scratch.path(), &old, Some(&ring)).unwrap(), Kept::There);
        assert_eq!(keep(scratch.path(), &other, Some(&ring)).unwrap(), Kept::New);
        let found: Vec<_> = files(scratch.path()).unwrap().iter().map(|path| read(path).unwrap().unwrap()).collect();
        assert_eq!(found.len(), 2);
        assert!(found.contains(&new) && found.contains(&other));
    }

    #[test]
    fn what_is_not_verified_replaces_nothing_and_is_replaced_by_what_is() {
        let scratch = tempfile::tempdir().unwrap();
        let key = PrivateKey::generate().unwrap();
        let good = signed(&key, &[(1, 1)], "2026-01-01T00:00:00Z");
        // Somebody else's signature under this key's name, and a later day.
        let theirs = signed(&PrivateKey::generate().unwrap(), &[(1, 1)], "2026-02-01T00:00:00Z");
        let text = String::from_utf8(theirs.bytes).unwrap().replace(&theirs.signer.hint(), &good.signer.hint());
        let forged = Attestation::parse(text.into_bytes()).unwrap();
        assert!(forged.verify(&key.public()).is_err());
        assert_eq!(forged.place(), good.place());
        keep(scratch.path(), &good, None).unwrap();
        assert_eq!(keep(scratch.path(), &forged, None).unwrap(), Kept::There);
        write(scratch.path(), &forged).unwrap();
        assert_eq!(keep(scratch.path(), &good, Some(&ring(&[&key]))).unwrap(), Kept::New);
        assert_eq!(read(&scratch.path().join(good.place())).unwrap().unwrap(), good);
    }

    #[test]
    fn a_name_that_others_wrote_leads_nowhere_else() {
        let key = PrivateKey::generate().unwrap();
        let mut rebuild = saying(&[(1, 1)]);
        rebuild.derivations[0].name = "../../etc/pass\nwd".to_owned();
        let bundle = Bundle::sign(&rebuild.statement().to_bytes(), &key);
        let place = Attestation::parse(bundle.to_json()).unwrap().place();
        assert_eq!(place.components().count(), 2, "{}", place.display());
        assert!(place.file_name().unwrap().to_str().unwrap().starts_with("etc-pass-wd-"), "{}", place.display());
    }

    #[test]
    fn a_file_that_is_larger_than_any_is_not_read() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join(format!("large{SUFFIX}"));
        std::fs::File::create(&path).unwrap().set_len(ATTESTATION_LIMIT + 1).unwrap();
        assert!(matches!(read(&path).unwrap(), Err(AttestationError::Large)));
    }
}
