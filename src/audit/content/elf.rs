//! ELF files: which sections differ.

use std::collections::BTreeMap;

use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSection as _};

use super::{ChangeKind, Found, binary};

/// How many differing sections are told of with their bytes.
const SHOWN: usize = 3;

/// Compares two ELF files section by section; `None` when one of them is none.
pub fn compare(old: &[u8], new: &[u8]) -> Option<Found> {
    let (before, after) = (sections(old)?, sections(new)?);
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let mut lines = Vec::new();
    let mut shown = 0;
    for name in names {
        match (before.get(name), after.get(name)) {
            (Some(one), Some(other)) if one == other => {}
            (Some(one), Some(other)) if shown < SHOWN => {
                shown += 1;
                lines.extend(binary::lines(one, other).into_iter().map(|line| format!("section {name}: {line}")));
            }
            (Some(_), Some(_)) => lines.push(format!("section {name} differs, too")),
            (Some(_), None) => lines.push(format!("section {name} is gone")),
            (None, _) => lines.push(format!("section {name} is new")),
        }
    }
    if lines.is_empty() {
        lines = binary::lines(old, new).into_iter().map(|line| format!("outside of all sections: {line}")).collect();
    }
    Some(Found::new(ChangeKind::Elf, lines))
}

/// The sections' bytes. What bears one name several times is numbered.
fn sections(bytes: &[u8]) -> Option<BTreeMap<String, &[u8]>> {
    if !bytes.starts_with(crate::elf::MAGIC) {
        return None;
    }
    let file = ElfFile64::<Endianness>::parse(bytes).ok()?;
    let mut found = BTreeMap::new();
    for section in file.sections() {
        let name = section.name().unwrap_or("?").to_owned();
        let Ok(data) = section.data() else { continue };
        let mut unique = name.clone();
        let mut number = 1;
        while found.contains_key(&unique) {
            number += 1;
            unique = format!("{name} ({number})");
        }
        found.insert(unique, data);
    }
    Some(found)
}
