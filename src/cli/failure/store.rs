//! What can go wrong with stores and with exports of them.

use super::{Class, Failure};
use crate::store::{ExportError, StoreError, Wrong};

/// What to do about something that is corrupt.
const MOVE_AWAY: &str = "what is corrupt is found and moved away by: drystone store verify";

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let of_user = matches!(error, StoreError::NotAStore { .. });
        let failure = Self::new(if of_user { Class::User } else { Class::Machine }, &error);
        match error {
            StoreError::Trace { .. } | StoreError::Altered { .. } | StoreError::Digest { .. } => {
                failure.hinting(MOVE_AWAY.to_owned())
            }
            _ => failure,
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Store(error) => error.into(),
            ExportError::Fs(error) => error.into(),
            ExportError::Write { .. } => Self::new(Class::Machine, &error),
            ExportError::Corrupt { .. } => Self::new(Class::Work, &error).hinting(MOVE_AWAY.to_owned()),
            ExportError::Unsound(ref unsound) if matches!(unsound.wrong, Wrong::NoBytes) => {
                Self::new(Class::User, &error).hinting(
                    "whoever has the objects exports them: drystone store export, without --manifests".to_owned(),
                )
            }
            ExportError::Unsound(_) => Self::new(Class::Work, &error)
                .hinting("nothing of the file that does not prove itself was taken; get it again".to_owned()),
        }
    }
}
