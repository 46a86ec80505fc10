//! What an ELF file says of itself, as far as the rules for static programs ask. Pure; knows no rules.
//!
//! Follows the System V gABI, "Object Files" and "Program Loading"; the GNU extensions are those of binutils.

use object::elf;
use object::read::elf::{Dyn as _, ElfFile64, FileHeader as _, ProgramHeader as _};
use object::{Endianness, Object as _, ObjectSection as _};

/// The first bytes of every ELF file.
pub const MAGIC: &[u8; 4] = b"\x7fELF";

/// What kind of file it is (`e_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `ET_REL`: an object file.
    Relocatable,
    /// `ET_EXEC`: a program for one fixed address.
    FixedProgram,
    /// `ET_DYN` marked with `DF_1_PIE`: a program for any address.
    Pie,
    /// `ET_DYN` without the mark: a shared library.
    SharedObject,
    /// Anything else, such as a core dump.
    Other,
}

/// What an ELF file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The kind of file.
    pub kind: Kind,
    /// `x86_64`, `aarch64`, or the number of another machine.
    pub machine: String,
    /// The program that would load it (`PT_INTERP`).
    pub interpreter: Option<String>,
    /// How many libraries it asks for (`DT_NEEDED`).
    pub needed: usize,
    /// Whether it names places to look for libraries in (`DT_RPATH`, `DT_RUNPATH`).
    pub rpath: bool,
    /// Whether a part is read-only after relocation (`PT_GNU_RELRO`).
    pub relro: bool,
    /// Whether all symbols are bound at start (`DF_BIND_NOW`, `DF_1_NOW` or `DT_BIND_NOW`).
    pub bind_now: bool,
    /// Whether it says that its stack is not executable (`PT_GNU_STACK` without `PF_X`).
    pub stack_protected: bool,
    /// Whether a segment is both writable and executable.
    pub writable_code: bool,
    /// Whether it carries a build id (`.note.gnu.build-id`).
    pub build_id: bool,
    /// How many functions compare the stack protector's canary before they return. `None` where the machine code
    /// does not show it.
    pub canary_checks: Option<usize>,
}

/// Reads an ELF file; `None` when the bytes are no ELF file at all.
///
/// # Errors
/// A text that says what is malformed, or that the file is not 64-bit.
pub fn inspect(bytes: &[u8]) -> Option<Result<Facts, String>> {
    bytes.starts_with(MAGIC).then(|| read(bytes).map_err(|error| error.to_string()))
}

/// How much of a file [`is_program`] looks at: the header's fields up to `e_type`.
pub const START: usize = 18;

/// Whether a file that begins with these bytes is one that a kernel can start or load: `ET_EXEC` or `ET_DYN`.
pub fn is_program(start: &[u8]) -> bool {
    let Some(header) = start.first_chunk::<START>().filter(|header| header.starts_with(MAGIC)) else { return false };
    let kind = [header[16], header[17]];
    // EI_DATA: the byte order of all that follows.
    let kind = if header[5] == elf::ELFDATA2MSB.0 { u16::from_be_bytes(kind) } else { u16::from_le_bytes(kind) };
    kind == elf::ET_EXEC.0 || kind == elf::ET_DYN.0
}

fn read(bytes: &[u8]) -> Result<Facts, object::Error> {
    let file = ElfFile64::<Endianness>::parse(bytes)?;
    let (header, endian) = (file.elf_header(), file.endian());
    let mut facts = Facts {
        kind: Kind::Other,
        machine: machine(header.e_machine(endian).0),
        interpreter: None,
        needed: 0,
        rpath: false,
        relro: false,
        bind_now: false,
        stack_protected: false,
        writable_code: false,
        build_id: file.sections().any(|section| section.name() == Ok(".note.gnu.build-id")),
        canary_checks: (header.e_machine(endian) == elf::EM_X86_64).then_some(0),
    };
    let mut flags_1 = 0;
    for segment in file.elf_program_headers() {
        if let Some(path) = segment.interpreter(endian, bytes)? {
            facts.interpreter = Some(String::from_utf8_lossy(path).into_owned());
        }
        let (kind, flags) = (segment.p_type(endian), segment.p_flags(endian));
        facts.relro |= kind == elf::PT_GNU_RELRO;
        facts.stack_protected |= kind == elf::PT_GNU_STACK && flags.0 & elf::PF_X.0 == 0;
        facts.writable_code |= kind == elf::PT_LOAD && flags.0 & elf::PF_X.0 != 0 && flags.0 & elf::PF_W.0 != 0;
        if let Some(checks) = &mut facts.canary_checks
            && kind == elf::PT_LOAD
            && flags.0 & elf::PF_X.0 != 0
        {
            *checks += canary_checks(segment.data(endian, bytes).unwrap_or_default());
        }
        for entry in segment.dynamic(endian, bytes)?.unwrap_or_default() {
            let value = entry.d_val(endian);
            match entry.d_tag(endian) {
                elf::DT_NEEDED => facts.needed += 1,
                elf::DT_RPATH | elf::DT_RUNPATH => facts.rpath = true,
                elf::DT_BIND_NOW => facts.bind_now = true,
                elf::DT_FLAGS => facts.bind_now |= value & elf::DF_BIND_NOW.0 != 0,
                elf::DT_FLAGS_1 => flags_1 = value,
                _ => {}
            }
        }
    }
    facts.bind_now |= flags_1 & elf::DF_1_NOW.0 != 0;
    facts.kind = match header.e_type(endian) {
        elf::ET_REL => Kind::Relocatable,
        elf::ET_EXEC => Kind::FixedProgram,
        elf::ET_DYN if flags_1 & elf::DF_1_PIE.0 != 0 => Kind::Pie,
        elf::ET_DYN => Kind::SharedObject,
        _ => Kind::Other,
    };
    Ok(facts)
}

/// Counts `sub`, `xor` and `cmp` of a register with `%fs:0x28`, where the x86-64 psABI keeps the canary: each is a
/// function's last look at it. The thread's own copy of it is written by `mov`, which does not count.
fn canary_checks(code: &[u8]) -> usize {
    const ADDRESS: &[u8] = b"\x25\x28\0\0\0";
    let is_check = |at: &usize| {
        let Some(&[segment, prefix, opcode, register]) = at.checked_sub(4).map(|from| &code[from..*at]) else {
            return false;
        };
        // `register` is the ModRM byte: no base register (100), a SIB byte follows (the address's 0x25).
        segment == 0x64 && prefix & 0xfb == 0x48 && [0x2b, 0x33, 0x3b].contains(&opcode) && register & 0xc7 == 0x04
    };
    memchr::memmem::find_iter(code, ADDRESS).filter(is_check).count()
}

fn machine(number: u16) -> String {
    match object::elf::Machine(number) {
        elf::EM_X86_64 => "x86_64".to_owned(),
        elf::EM_AARCH64 => "aarch64".to_owned(),
        other => format!("machine {}", other.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dynamic_program_of_the_host_says_so() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let facts = inspect(&own).unwrap().unwrap();
        assert_eq!(facts.kind, Kind::Pie);
        assert!(facts.interpreter.is_some() && facts.needed > 0);
        assert!(is_program(&own[..START]));
        assert_eq!(facts.machine, std::env::consts::ARCH);
    }

    #[test]
    fn other_bytes_are_no_elf_and_half_an_elf_is_an_error() {
        assert!(inspect(b"#!/bin/sh").is_none());
        assert!(inspect(MAGIC).unwrap().is_err());
        assert!(!is_program(b"#!/bin/sh\n# a script") && !is_program(MAGIC));
    }
}
