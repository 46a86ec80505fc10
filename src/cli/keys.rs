//! `drystone keys`.

use std::path::{Path, PathBuf};

use super::args::{Keys, KeysNew, KeysPublic, KeysVerb};
use super::failure::Failure;
use super::passphrase;
use crate::attest::key::{KeyError, PrivateKey, write_pair};

/// Makes and shows keys.
pub fn run(args: &Keys) -> Result<(), Failure> {
    match &args.verb {
        KeysVerb::New(args) => new(args),
        KeysVerb::Public(args) => public(args),
    }
}

fn new(args: &KeysNew) -> Result<(), Failure> {
    let with = |extension: &str| {
        let mut name = args.output.clone().into_os_string();
        name.push(extension);
        PathBuf::from(name)
    };
    let (private_path, public_path) = (with(".key"), with(".pub"));
    // Said before anybody has thought of a passphrase; the files are created so that they cannot replace others.
    for path in [&private_path, &public_path] {
        if path.symlink_metadata().is_ok() {
            return Err(KeyError::Occupied { path: path.clone() }.into());
        }
    }
    let key = PrivateKey::generate()?;
    let text = match args.no_passphrase {
        true => key.to_plain_pem()?,
        false => key.to_sealed_pem(&passphrase::for_new_key(&args.passphrase)?)?,
    };
    write_pair((&private_path, &text), (&public_path, &key.public()))?;
    let secret = if args.no_passphrase { ", and nothing protects it but the file's mode" } else { "" };
    eprintln!("{}: the private key{secret}", private_path.display());
    eprintln!("{}: the public key, for whoever verifies", public_path.display());
    println!("{}", key.public().id());
    Ok(())
}

fn public(args: &KeysPublic) -> Result<(), Failure> {
    let path: &Path = &args.key;
    print!("{}", passphrase::open(path, &args.passphrase)?.public().to_pem());
    Ok(())
}
