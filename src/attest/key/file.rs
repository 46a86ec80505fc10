//! Keys in files: private ones readable by their owner alone, none ever overwritten.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::{KeyError, PublicKey, Stored};
use crate::fs;

/// The largest file that is read as a key; real ones have a few hundred bytes.
const LIMIT: u64 = 64 << 10;

/// Reads a private key.
///
/// # Errors
/// When others than the owner may read or write the file, it cannot be read, or holds no private key.
pub fn read_private(path: &Path) -> Result<Stored, KeyError> {
    let file = fs::open(path)?;
    let mode = file.metadata().map_err(fs::failed("inspect", path))?.permissions().mode() & 0o7777;
    match Stored::from_pem(&read(file, path)?) {
        Ok(_) if mode & 0o077 != 0 => Err(KeyError::Mode { path: path.to_owned(), mode }),
        stored => stored.map_err(|error| in_file(path, error)),
    }
}

/// Reads a public key.
///
/// # Errors
/// When the file cannot be read, or holds no public key.
pub fn read_public(path: &Path) -> Result<PublicKey, KeyError> {
    PublicKey::from_pem(&read(fs::open(path)?, path)?).map_err(|error| in_file(path, error))
}

fn in_file(path: &Path, error: KeyError) -> KeyError {
    KeyError::File { path: path.to_owned(), source: Box::new(error) }
}

fn read(file: File, path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let mut text = Zeroizing::new(Vec::with_capacity(4096));
    file.take(LIMIT + 1).read_to_end(&mut text).map_err(fs::failed("read", path))?;
    if text.len() as u64 > LIMIT {
        return Err(KeyError::Large { path: path.to_owned(), limit: LIMIT });
    }
    // PEM is ASCII: what is not UTF-8 cannot be one.
    let text = std::str::from_utf8(&text).map_err(|_| in_file(path, KeyError::Pem))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Writes a pair of keys into two new files: the private one (a PEM text) with the mode 0600, the public one with
/// 0644. Both are there in the end, or neither.
///
/// # Errors
/// When one of the files is there already, even as a link to nothing, or cannot be written.
pub fn write_pair(private: (&Path, &str), public: (&Path, &PublicKey)) -> Result<(), KeyError> {
    let (public_path, public) = public;
    write_new(public_path, 0o644, &public.to_pem())?;
    let (private_path, private) = private;
    write_new(private_path, 0o600, private).inspect_err(|_| drop(fs::remove_file(public_path)))
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), KeyError> {
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(KeyError::Occupied { path: path.to_owned() });
        }
        file => file.map_err(fs::failed("create", path))?,
    };
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if let Err(error) = written {
        drop(fs::remove_file(path));
        return Err(fs::failed("write", path)(error).into());
    }
    Ok(())
}
