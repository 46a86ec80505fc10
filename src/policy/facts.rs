//! What a file's bytes say, as far as the rules ask. Pure; a function of the bytes alone, so that it can be kept for
//! each content.

use serde::{Deserialize, Serialize};

use super::programs::{self, Program};
use super::{multicall, secrets};
use crate::digest::Sha256;
use crate::elf;

/// The version of what [`examine`] says: facts of another version that were kept are not these.
pub const FACTS_VERSION: u32 = 1;

/// What is known of a file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, as 64 hexadecimal digits.
    pub sha256: String,
    /// What it says as an ELF file, or what is malformed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub elf: Option<Result<Binary, String>>,
    /// The program that its `#!` names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub script: Option<String>,
    /// The shell, interpreter or package manager that it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub program: Option<Program>,
    /// Why it is taken for a program that is many programs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub multi_call: Option<String>,
    /// Why its content cannot be checked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub packed: Option<String>,
    /// The kind of private key that it holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub private_key: Option<String>,
    /// The kind of secret that it holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secret: Option<String>,
}

/// What an ELF file says of itself; see [`elf::Facts`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binary {
    /// Whether a kernel would run it: a program or a shared object, not an object file.
    pub program: bool,
    /// The machine.
    pub machine: String,
    /// The program that would load it.
    pub interpreter: Option<String>,
    /// How many libraries it asks for.
    pub needed: usize,
    /// Whether it is marked as a program for any address.
    pub pie: bool,
    /// Whether it is for one fixed address.
    pub fixed: bool,
    /// Whether it names places to look for libraries in.
    pub rpath: bool,
    /// Whether a part is read-only after relocation.
    pub relro: bool,
    /// Whether all symbols are bound at start.
    pub bind_now: bool,
    /// Whether its stack is not executable.
    pub no_executable_stack: bool,
    /// Whether a segment is both writable and executable.
    pub writable_code: bool,
    /// How many functions check the stack protector's canary, where that can be told.
    pub canary_checks: Option<usize>,
}

/// Says of a file's bytes what the rules ask.
pub fn examine(bytes: &[u8]) -> Facts {
    let (multi_call, packed) = multicall::examine(bytes);
    Facts {
        size: bytes.len() as u64,
        sha256: Sha256::of(bytes).to_string(),
        elf: elf::inspect(bytes).map(|read| read.map(Binary::from)),
        script: script(bytes),
        program: programs::recognise(bytes),
        multi_call: multi_call.map(|found| found.to_string()),
        packed: packed.map(|found| found.to_string()),
        private_key: secrets::private_key(bytes).map(str::to_owned),
        secret: secrets::secret(bytes).map(str::to_owned),
    }
}

impl Facts {
    /// Whether the content alone makes it something that runs.
    pub fn is_program(&self) -> bool {
        self.elf.is_some() || self.script.is_some()
    }
}

impl From<elf::Facts> for Binary {
    fn from(facts: elf::Facts) -> Self {
        Self {
            program: !matches!(facts.kind, elf::Kind::Relocatable | elf::Kind::Other),
            machine: facts.machine,
            interpreter: facts.interpreter,
            needed: facts.needed,
            pie: facts.kind == elf::Kind::Pie,
            fixed: facts.kind == elf::Kind::FixedProgram,
            rpath: facts.rpath,
            relro: facts.relro,
            bind_now: facts.bind_now,
            no_executable_stack: facts.stack_protected,
            writable_code: facts.writable_code,
            canary_checks: facts.canary_checks,
        }
    }
}

/// The interpreter of a `#!` line, as execve(2) reads it.
fn script(bytes: &[u8]) -> Option<String> {
    let line = bytes.strip_prefix(b"#!")?;
    let line = &line[..line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len().min(254))];
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace();
    let first = words.next()?;
    // `#!/usr/bin/env python3`: what runs is the word after it and its options.
    if first.ends_with("/env") {
        return words.find(|word| !word.starts_with('-') && !word.contains('=')).or(Some(first)).map(str::to_owned);
    }
    Some(first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_names_its_interpreter() {
        assert_eq!(script(b"#!/bin/sh -e\necho"), Some("/bin/sh".to_owned()));
        assert_eq!(script(b"#! /usr/bin/env -S LANG=C python3 -I\n"), Some("python3".to_owned()));
        assert_eq!(script(b"#!"), None);
        assert_eq!(script(b"# no script"), None);
    }

    #[test]
    fn facts_survive_being_kept_as_text() {
        let facts = examine(&std::fs::read(std::env::current_exe().unwrap()).unwrap());
        let text = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
    }
}
