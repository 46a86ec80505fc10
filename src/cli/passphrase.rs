//! Where the passphrase of a key comes from: a file, the environment, or the person at the terminal.

use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::args::Passphrase;
use super::failure::Failure;
use crate::attest::key::{PrivateKey, Stored, read_private};
use crate::fs;

const VARIABLE: &str = "DRYSTONE_KEY_PASSPHRASE";

type Secret = Zeroizing<Vec<u8>>;

/// The passphrase for a new key; a person types it twice.
pub fn for_new_key(args: &Passphrase) -> Result<Secret, Failure> {
    if let Some(given) = given(args)? {
        return Ok(given);
    }
    let first = ask("passphrase for the new key: ")?;
    if *first != *ask("the same again: ")? {
        return Err(Failure::user(
            "the two passphrases differ".to_owned(),
            "nothing was written: try again".to_owned(),
        ));
    }
    Ok(first)
}

/// The private key in a file; the passphrase is looked for only if the key needs one.
pub fn open(path: &Path, args: &Passphrase) -> Result<PrivateKey, Failure> {
    match read_private(path)? {
        Stored::Plain(key) => Ok(key),
        Stored::Sealed(sealed) => {
            let passphrase = match given(args)? {
                Some(given) => given,
                None => ask(&format!("passphrase for {}: ", path.display()))?,
            };
            Ok(sealed.open(&passphrase)?)
        }
    }
}

/// What the file or the environment says.
fn given(args: &Passphrase) -> Result<Option<Secret>, Failure> {
    if let Some(path) = &args.passphrase_file {
        let text = Zeroizing::new(fs::read(path)?);
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        return Ok(Some(Zeroizing::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec())));
    }
    Ok(std::env::var_os(VARIABLE).map(|value| Zeroizing::new(value.into_vec())))
}

fn ask(prompt: &str) -> Result<Secret, Failure> {
    let terminal = console::Term::stderr();
    let nobody = |reason: String| {
        Failure::user(
            format!("the key needs a passphrase, and {reason}"),
            format!("give it with --passphrase-file, or in {VARIABLE}"),
        )
    };
    if !terminal.is_term() {
        return Err(nobody("there is no terminal to ask for it".to_owned()));
    }
    let asked = terminal.write_str(prompt).and_then(|()| terminal.read_secure_line());
    asked
        .map(|line| Zeroizing::new(line.into_bytes()))
        .map_err(|error| nobody(format!("the terminal cannot be asked for it: {error}")))
}
