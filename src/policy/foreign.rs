//! The inventory of an image that exists, and what a spec says of it. An image tells nothing of itself that counts:
//! which executables may be there, only a spec or a policy says.

use std::collections::BTreeSet;

use super::Facts;
use super::inventory::{Declared, Entry, EntryKind, Inventory};
use crate::image::Contents;
use crate::image::read::{self, Kind};
use crate::path::{RelPath, resolve};
use crate::recipe::ImageSpec;

/// The attribute that holds a file's capabilities (capabilities(7)).
const CAPABILITIES: &str = "security.capability";
/// Where programs stand that bear the name of their component.
const PROGRAM_DIRECTORIES: [&str; 3] = ["bin", "sbin", "libexec"];

impl Inventory {
    /// The inventory of an image that was read.
    pub fn of_contents(contents: &Contents<Facts>, declared: Option<Declared>) -> Self {
        let config = contents.config.as_ref();
        let program = config.and_then(|config| config.entrypoint.first().or(config.cmd.first()));
        Self {
            name: contents.name.clone(),
            architecture: config.map(|config| config.architecture.clone()),
            user: config.map(|config| config.user.clone()),
            program: program.cloned(),
            entries: contents.entries.iter().map(|(path, one)| (path.clone(), entry(one))).collect(),
            declared,
        }
    }
}

fn entry(entry: &read::Entry<Facts>) -> Entry {
    let kind = match &entry.kind {
        Kind::Directory => EntryKind::Directory,
        Kind::Symlink { target } => EntryKind::Symlink { target: target.clone() },
        Kind::File(file) => EntryKind::File(file.examined.clone()),
        Kind::Special(what) => EntryKind::Special(what),
    };
    let capabilities = entry.attributes.contains(CAPABILITIES);
    Entry { kind, mode: entry.mode, owner: entry.owner, capabilities, reason: None }
}

impl Declared {
    /// What a spec says of an image that was read: by `only`, in the words of `entrypoint` and `cmd`, as a component
    /// whose own name or whose recipe's name a program in a usual directory has, or by a `[[file]]` with an executable
    /// mode. Needs no store, so that an image can be checked where nothing is built.
    pub fn of_spec<T>(spec: &ImageSpec, contents: &Contents<T>) -> Self {
        let follow = |absolute: &str| resolve(absolute, |path| contents.step(path));
        let mut named: BTreeSet<RelPath> =
            spec.components.iter().flat_map(|request| request.only.iter().flatten()).cloned().collect();
        let words = spec.config.entrypoint.iter().chain(&spec.config.cmd).filter(|word| word.starts_with('/'));
        named.extend(words.filter_map(|word| follow(word)));
        named.extend(spec.files.iter().filter(|file| file.mode & 0o111 != 0).map(|file| file.path.clone()));
        // Of a component that is named in part, the parts are named.
        let whole = spec.components.iter().filter(|request| request.only.is_none());
        let names: BTreeSet<&str> = whole
            .flat_map(|request| {
                let component = request.output.component.as_ref().map(|component| component.as_str());
                [Some(request.output.recipe.as_str()), component].into_iter().flatten()
            })
            .collect();
        let own = |path: &&RelPath| names.contains(path.file_name()) && is_among_programs(path);
        named.extend(contents.entries.keys().filter(own).cloned());
        // A name may be a link's: what runs is the file that it leads to.
        let led: Vec<RelPath> = named.iter().filter_map(|path| follow(path.as_str())).collect();
        named.extend(led);
        let is_file = |path: &RelPath| contents.entries.get(path).is_some_and(|it| matches!(it.kind, Kind::File(_)));
        named.retain(is_file);
        Self { executables: named, runtime: spec.runtime.clone() }
    }
}

fn is_among_programs(path: &RelPath) -> bool {
    path.parent().is_some_and(|parent| PROGRAM_DIRECTORIES.contains(&parent.file_name()))
}
