//! What went wrong between us and a registry, as people read it.

use super::{Class, Failure, find};
use crate::fs::FsError;
use crate::http::HttpError;
use crate::publish::{CredentialError, PublishError};

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let error = match error {
            PublishError::Output(error) => return error.into(),
            PublishError::Evidence(error) => return (*error).into(),
            PublishError::Fs(error) => return error.into(),
            other => other,
        };
        let mut failure = Self::new(class(&error), &error);
        failure.hints.extend(hint(&error));
        failure
    }
}

fn class(error: &PublishError) -> Class {
    use PublishError as E;
    match error {
        E::Missing { .. } | E::Length { .. } | E::Altered { .. } | E::Unfit { .. } | E::WrongBytes { .. } => {
            Class::Work
        }
        E::Document { .. } => Class::Work,
        E::NoLayout { .. } | E::NoImage { .. } | E::Several { .. } | E::Other { .. } | E::NoTag { .. } => Class::User,
        E::Refused { .. } | E::Clear { .. } | E::Certificate { .. } | E::NotThere { .. } => Class::User,
        E::NoPlatform { .. } | E::Busy { .. } => Class::User,
        E::Answer { status: 400..=499, .. } if !error.is_transient() => Class::User,
        E::Credentials(_) if find::<FsError>(error).is_none() => Class::User,
        E::Http { .. } | E::Answer { .. } | E::Challenge { .. } | E::Credentials(_) | E::Crowded { .. } => {
            Class::Machine
        }
        E::Output(_) | E::Evidence(_) | E::Fs(_) => Class::Machine,
    }
}

/// What to do about it.
fn hint(error: &PublishError) -> Option<String> {
    use PublishError as E;
    Some(match error {
        E::Refused { host, .. } => format!("log in: podman login {host}, docker login {host} or skopeo login {host}"),
        E::Clear { .. } => "leave out --plain-http; a certificate authority of your own is named with --ca".to_owned(),
        E::Answer { status: 400, .. } => {
            "a registry with TLS answers so to --plain-http; leave it out, or look whether this is a registry"
                .to_owned()
        }
        E::Answer { status: 403, host, .. } => {
            format!("whoever is logged in to {host} may not do that: log in as somebody who may, or ask its keepers")
        }
        E::Answer { status: 404, .. } => {
            "no such repository, or one that you may not see: some registries want it made before the first push"
                .to_owned()
        }
        E::Answer { status: 405, .. } => {
            "the registry does not take pushes: it may be a mirror, or read-only".to_owned()
        }
        E::Answer { status: 413, .. } => {
            "something before the registry refuses large requests: its keepers can raise the limit".to_owned()
        }
        E::Answer { .. } if error.is_transient() => {
            "the registry has a difficulty of its own: run the same again later, it goes on where it can".to_owned()
        }
        E::Http { source, .. } => return network_hint(source),
        E::Credentials(CredentialError::Helper { program, .. }) => {
            format!("install {program}, or take its name out of that file")
        }
        _ => return None,
    })
}

fn network_hint(error: &HttpError) -> Option<String> {
    Some(match error {
        HttpError::Certificate { .. } => {
            "name the authority that signed it with --ca FILE, or put it in certs.d (see --cert-dir in the help)".to_owned()
        }
        HttpError::NotTls { .. } => "a registry without TLS is reached with --plain-http".to_owned(),
        error if error.is_transient() => {
            "look at the host's name, the network and the proxy (https_proxy, no_proxy); run the same again, it goes on \
             where it can"
                .to_owned()
        }
        HttpError::Downgrade { .. } => {
            "nothing is sent in the clear; the registry's keepers have to tell it that it is reached by https".to_owned()
        }
        _ => return None,
    })
}
