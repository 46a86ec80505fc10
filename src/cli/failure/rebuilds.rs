//! What went wrong with attestations of rebuilds, as people read it.

use super::{Class, Failure};
use crate::attest::{AttestationError, KeyringError};

impl From<KeyringError> for Failure {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Key(error) => error.into(),
            KeyringError::Fs(error) => error.into(),
            KeyringError::Empty { .. } => Self::new(Class::User, &error)
                .hinting("builders give theirs away: drystone keys public NAME.key > NAME.pub".to_owned()),
            KeyringError::Twice { .. } => Self::new(Class::User, &error),
        }
    }
}

impl From<AttestationError> for Failure {
    fn from(error: AttestationError) -> Self {
        Self::new(Class::Work, &error)
    }
}
