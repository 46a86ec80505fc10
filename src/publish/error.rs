//! Why an image did not get to or from a registry.

use std::path::PathBuf;

use super::credentials::CredentialError;
use super::reference::{Host, Reference};
use crate::attest::{Platform, SignatureError};
use crate::digest::Sha256;
use crate::fs::FsError;
use crate::http::HttpError;
use crate::image::ImageError;

/// Why an image did not get to or from a registry.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A directory that is no image layout.
    #[error("{} is not an OCI image layout: {reason}", path.display())]
    NoLayout {
        /// The directory.
        path: PathBuf,
        /// What it lacks.
        reason: &'static str,
    },
    /// A layout that does not hold the image that was named.
    #[error("{} holds no image named `{}`; {}", path.display(), name.escape_debug(), names_of(names))]
    NoImage {
        /// The layout.
        path: PathBuf,
        /// What was named.
        name: String,
        /// What it holds.
        names: Vec<String>,
    },
    /// A layout with several images, of which none was named.
    #[error("{} holds several images: name one as {}:NAME; {}", path.display(), path.display(), names_of(names))]
    Several {
        /// The layout.
        path: PathBuf,
        /// What it holds.
        names: Vec<String>,
    },
    /// A document that is not what its type says.
    #[error("{what} cannot be read")]
    Document {
        /// Which.
        what: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A document that does not hold together.
    #[error("{what} cannot be used: {reason}")]
    Unfit {
        /// Which.
        what: String,
        /// Why.
        reason: String,
    },
    /// A blob that a manifest names and the layout lacks.
    #[error("{} lacks the blob sha256:{digest}, which its manifest names: make the layout again", layout.display())]
    Missing {
        /// The layout.
        layout: PathBuf,
        /// The blob.
        digest: Sha256,
    },
    /// A blob of the layout that is not of its size.
    #[error("{} has {found} bytes, but its manifest names {expected}: make the layout again", path.display())]
    Length {
        /// The blob.
        path: PathBuf,
        /// What the manifest names.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// A blob of the layout that is not what its name says.
    #[error("{} has been altered: its bytes are sha256:{found}; make the layout again", path.display())]
    Altered {
        /// The blob.
        path: PathBuf,
        /// What it is.
        found: Sha256,
    },
    /// An image that is not the one that its name in the registry asks for.
    #[error("the image is sha256:{found}, not what {reference} names")]
    Other {
        /// What was named.
        reference: Box<Reference>,
        /// What the layout holds.
        found: Sha256,
    },
    /// A reference without tag and digest where one is needed.
    #[error("{reference} names a repository: add :TAG or @sha256:DIGEST")]
    NoTag {
        /// The reference.
        reference: Box<Reference>,
    },
    /// The request did not get through.
    #[error("cannot {doing}")]
    Http {
        /// What was to be done.
        doing: String,
        /// What went wrong.
        #[source]
        source: HttpError,
    },
    /// The registry answered that it will not, or cannot.
    #[error("cannot {doing}: {host} answered {status}{}", said_of(said))]
    Answer {
        /// What was to be done.
        doing: String,
        /// Who answered.
        host: Host,
        /// The HTTP status.
        status: u16,
        /// What the registry said.
        said: String,
    },
    /// The registry wants to know who asks.
    #[error("cannot {doing}: {host} {}{}", who_of(user.as_deref()), looked_of(looked))]
    Refused {
        /// What was to be done.
        doing: String,
        /// Who refused.
        host: Host,
        /// Whose credentials were refused; `None` when there were none.
        user: Option<String>,
        /// Where credentials were looked for.
        looked: Vec<PathBuf>,
    },
    /// Credentials that would be sent in the clear.
    #[error(
        "{host} asks for credentials over plain HTTP, where everybody on the way could read them; they are not sent"
    )]
    Clear {
        /// Who asked.
        host: Host,
    },
    /// A way of asking for credentials that is not known.
    #[error("{host} asks for credentials in a way that this drystone does not know: `{}`", challenge.escape_debug())]
    Challenge {
        /// Who asked.
        host: Host,
        /// How.
        challenge: String,
    },
    /// Credentials that cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// A file of certificates that holds none.
    #[error("{} holds no {what} in PEM form", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// `certificate`, or `certificate with its key`.
        what: &'static str,
    },
    /// The registry does not have the image.
    #[error("{reference} is not there{}", said_of(said))]
    NotThere {
        /// What was asked for.
        reference: Box<Reference>,
        /// What the registry said.
        said: String,
    },
    /// The registry gave other bytes than those that were asked for.
    #[error("{host} gave other bytes than {what}: they are {found}")]
    WrongBytes {
        /// Who gave them.
        host: Host,
        /// What was asked for.
        what: String,
        /// What came.
        found: String,
    },
    /// An index without the platform that is wanted.
    #[error("{reference} has no image for {wanted}; {}", platforms_of(there))]
    NoPlatform {
        /// The index.
        reference: Box<Reference>,
        /// What was wanted.
        wanted: Box<Platform>,
        /// What there is.
        there: Vec<String>,
    },
    /// The registry's list of referrers is rewritten by others all the time.
    #[error("the list of what belongs to sha256:{subject} is changed by others all the time: try again later")]
    Crowded {
        /// What the artifacts belong to.
        subject: Sha256,
    },
    /// Another process pulls to the same place.
    #[error("another process is pulling to {}", path.display())]
    Busy {
        /// The output.
        path: PathBuf,
    },
    /// Evidence beside the image that cannot be read.
    #[error(transparent)]
    Evidence(Box<SignatureError>),
    /// The output cannot be written there.
    #[error(transparent)]
    Output(#[from] ImageError),
    /// A file operation.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl From<SignatureError> for PublishError {
    fn from(error: SignatureError) -> Self {
        Self::Evidence(Box::new(error))
    }
}

impl PublishError {
    /// Whether the same may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Http { source, .. } => source.is_transient(),
            Self::Answer { status, .. } => is_transient(*status),
            _ => false,
        }
    }
}

/// Whether a status may be another one later (RFC 9110, section 15; 429 is RFC 6585).
pub(super) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..)
}

fn names_of(names: &[String]) -> String {
    match names {
        [] => "its images have no names".to_owned(),
        names => format!("it holds {}", names.join(", ")),
    }
}

fn platforms_of(there: &[String]) -> String {
    match there {
        [] => "it names no platforms".to_owned(),
        there => format!("it has {}", there.join(", ")),
    }
}

fn said_of(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

fn who_of(user: Option<&str>) -> String {
    match user {
        Some(user) => format!("does not accept the credentials of `{}`", user.escape_debug()),
        None => "wants credentials, and there are none for it".to_owned(),
    }
}

fn looked_of(looked: &[PathBuf]) -> String {
    let looked: Vec<_> = looked.iter().map(|path| path.display().to_string()).collect();
    if looked.is_empty() { String::new() } else { format!(" (looked in {})", looked.join(", ")) }
}
