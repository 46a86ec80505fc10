//! What every ELF file must be.

use super::Findings;
use crate::path::RelPath;
use crate::policy::{Binary, Inventory};
use crate::recipe::Rule;

pub(super) fn judge(inventory: &Inventory, findings: &mut Findings) {
    for (path, _, facts) in inventory.files() {
        match &facts.elf {
            None => {}
            Some(Err(why)) => {
                let mend = "build it again; if it is data, do not let it begin like an ELF file";
                findings.add(Rule::MalformedElf, path, format!("an ELF file that cannot be read: {why}"), mend);
            }
            Some(Ok(binary)) => one(inventory, path, binary, findings),
        }
    }
}

fn one(inventory: &Inventory, path: &RelPath, binary: &Binary, findings: &mut Findings) {
    let mut add = |rule, what: String, mend: &str| findings.add(rule, path, what, mend);
    if let Some(architecture) = &inventory.architecture
        && machine(architecture).is_some_and(|machine| machine != binary.machine)
    {
        let what = format!("it is for {}, the image for {architecture}", binary.machine);
        add(Rule::Platform, what, "build it for the image's target");
    }
    if !binary.program {
        return;
    }
    if let Some(loader) = &binary.interpreter {
        add(Rule::Static, format!("it is loaded by {loader}"), "link it with -static-pie");
    } else if binary.needed > 0 {
        add(Rule::Static, format!("it needs {} shared libraries", binary.needed), "link it with -static-pie");
    }
    if binary.fixed {
        add(Rule::Pie, "it runs at one fixed address".to_owned(), "link it with -static-pie");
    } else if !binary.pie {
        let what = "a shared library, or a program that is not marked as one for any address";
        add(Rule::Pie, what.to_owned(), "link it into the program that uses it, with -static-pie");
    }
    if !binary.relro {
        let what = "it has no part that is read-only after relocation".to_owned();
        add(Rule::Relro, what, "link it with -Wl,-z,relro");
    }
    if !binary.bind_now {
        add(Rule::BindNow, "its symbols are bound lazily".to_owned(), "link it with -Wl,-z,now");
    }
    if !binary.no_executable_stack {
        let mend = "link it with -Wl,-z,noexecstack, and mark assembler files with .note.GNU-stack";
        add(Rule::ExecutableStack, "its stack may be executed".to_owned(), mend);
    }
    if binary.writable_code {
        let what = "a segment is both writable and executable".to_owned();
        add(Rule::ExecutableStack, what, "link it without -N or a linker script of its own");
    }
    if binary.canary_checks == Some(0) {
        let what = "no function checks a canary".to_owned();
        add(Rule::StackProtector, what, "compile it with -fstack-protector-strong");
    }
    if binary.rpath {
        let what = "it names places to look for libraries in".to_owned();
        add(Rule::Rpath, what, "link it without -rpath");
    }
}

/// The ELF machine of an OCI architecture.
fn machine(architecture: &str) -> Option<&'static str> {
    match architecture {
        "amd64" => Some("x86_64"),
        "arm64" => Some("aarch64"),
        _ => None,
    }
}
