//! What can go wrong with exports of stores.

use super::{Class, Failure};
use crate::store::{ExportError, Wrong};

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Store(error) => error.into(),
            ExportError::Fs(error) => error.into(),
            ExportError::Write { .. } => Self::new(Class::Machine, &error),
            ExportError::Corrupt { .. } => Self::new(Class::Work, &error)
                .hinting("what is corrupt is found and moved away by: drystone store verify".to_owned()),
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
