//! The programs that keep credentials: `docker-credential-NAME get`, which reads a server's name and writes JSON
//! (the protocol of docker's credential helpers).

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::{CredentialError, Credentials, Secret};
use crate::publish::reference::Host;

/// The user's name by which a helper says that its secret is an identity token.
const TOKEN: &str = "<token>";
/// How a helper says, in its output, that it has nothing: the protocol has no other way.
const NOT_FOUND: [&str; 2] = ["credentials not found", "no credentials server URL"];
/// How much of what a helper says is shown.
const SHOWN: usize = 300;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    username: String,
    secret: String,
}

/// Asks a helper for a server's credentials.
///
/// # Errors
/// When the program is not there, or fails, or does not answer in the protocol's form.
pub(super) fn ask(name: &str, server: &str, path: &Path, host: &Host) -> Result<Credentials, CredentialError> {
    let program = format!("docker-credential-{name}");
    let failed = |source| CredentialError::Helper {
        program: program.clone(),
        path: path.to_owned(),
        host: host.clone(),
        source,
    };
    let answered = |said: String| CredentialError::Answer {
        program: program.clone(),
        path: path.to_owned(),
        host: host.clone(),
        said,
    };
    if name.is_empty() || name.contains('/') {
        return Err(failed(std::io::Error::new(ErrorKind::InvalidInput, "this is no name of a helper")));
    }
    let mut command = Command::new(&program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that ends without reading says why in its output.
        drop(stdin.write_all(server.as_bytes()));
    }
    let output = child.wait_with_output().map_err(failed)?;
    let stdout = Secret::new(String::from_utf8(output.stdout).unwrap_or_default());
    if !output.status.success() {
        if NOT_FOUND.iter().any(|text| stdout.reveal().contains(text)) {
            return Ok(Credentials::None);
        }
        // Standard output of a failed helper is its message; of one that succeeded, the secret.
        let said = format!("{} {}", stdout.reveal().trim(), String::from_utf8_lossy(&output.stderr).trim());
        let said: String = said.trim().chars().take(SHOWN).collect();
        return Err(answered(said.escape_debug().to_string()));
    }
    let found: Found =
        serde_json::from_str(stdout.reveal()).map_err(|_| answered("it wrote no credentials".to_owned()))?;
    let secret = Secret::new(found.secret);
    Ok(match found.username {
        user if user == TOKEN => Credentials::Identity { user, token: secret },
        user => Credentials::Password { user, password: secret },
    })
}
