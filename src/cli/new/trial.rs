//! Trials of a draft: it is built, and what that shows goes into it, until it builds or nothing more can be learnt.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::builder::{BuildError, BuildFailure};
use crate::cli::args::Running;
use crate::cli::carry_out::attempt;
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::cli::show::say;
use crate::elf;
use crate::fs;
use crate::path::RelPath;
use crate::plan::Outputs;
use crate::recipe::{AssignmentFault, RecipeName};
use crate::tree::Entry;

use super::draft::{Draft, LOCK, Test};

/// How often a draft is built at most: each time it has learnt something.
const ROUNDS: usize = 12;
/// From how many programs on each is a component of its own.
const MANY: usize = 6;

/// How the trials ended.
pub enum End {
    /// It builds and passes its test.
    Builds { programs: Vec<String> },
    /// It does not, and why.
    Fails(Failure),
}

/// Builds a draft until it builds.
///
/// # Errors
/// When nothing could be tried, or the user stopped it.
pub fn trial(
    project: &mut Project,
    name: &RecipeName,
    draft: &mut Draft,
    running: &Running,
    unsure: &mut Vec<String>,
) -> Result<End, Failure> {
    let file = PathBuf::from(format!("recipes/{name}.toml"));
    // Nothing is written into the project before the end.
    let scratch = project.store.scratch()?;
    let mut instead = BTreeMap::new();
    if let Some(lock) = &draft.lock {
        let kept = scratch.path().join(LOCK);
        fs::write(&kept, lock)?;
        instead.insert(file.with_extension("").join(LOCK), kept);
    }
    let mut programs = Vec::new();
    let mut last = None;
    for _ in 0..ROUNDS {
        project.catalog.put_with(&file, &draft.text(), &instead)?;
        let failures = match attempt(project, name, running)? {
            Ok(outputs) if draft.test == Test::None => {
                programs = look(project, draft, &outputs, unsure)?;
                if draft.test == Test::None {
                    return Ok(End::Builds { programs });
                }
                continue;
            }
            Ok(_) => return Ok(End::Builds { programs }),
            Err(failures) => failures,
        };
        let learnt: Vec<String> = failures.iter().flat_map(|error| learn(project, draft, error, unsure)).collect();
        let failure = Failure::several(failures);
        if failure.is_interruption() {
            return Err(failure);
        }
        if learnt.is_empty() {
            return Ok(End::Fails(failure));
        }
        learnt.iter().for_each(|what| say(format_args!("{name}: {what}")));
        last = Some(failure);
    }
    Ok(End::Fails(last.expect("only a failed round is followed by another")))
}

/// Takes what a failure says into the draft; says what that was.
fn learn(project: &Project, draft: &mut Draft, error: &BuildError, unsure: &mut Vec<String>) -> Vec<String> {
    let own = format!("{}-{}", draft.name, draft.version);
    match error {
        BuildError::Failed(failure) if failure.name == own => lessons(project, draft, failure),
        BuildError::Failed(failure) if failure.name == format!("{own} test") => weaken(draft, unsure),
        BuildError::Components { source, .. } if source.recipe.as_str() == draft.name => {
            source.faults.iter().flat_map(|fault| place(draft, fault, unsure)).collect()
        }
        _ => Vec::new(),
    }
}

/// The dependencies that a failed build has asked for.
fn lessons(project: &Project, draft: &mut Draft, failure: &BuildFailure) -> Vec<String> {
    let mut learnt = Vec::new();
    for lesson in &failure.lessons {
        let by_pkg_config = lesson.mend.contains("PKG_CONFIG_LIBDIR") && !draft.pkg_config;
        if by_pkg_config && project.catalog.recipes().any(|recipe| recipe.name.as_str() == "pkgconf") {
            draft.pkg_config = true;
            draft.build.push("pkgconf".to_owned());
            learnt.push("libraries are looked for with pkg-config".to_owned());
        }
        let Some((key, recipes)) = &lesson.dependency else { continue };
        let list = if *key == "target" { &mut draft.target } else { &mut draft.build };
        let new = recipes.iter().find(|recipe| **recipe != draft.name);
        if let Some(new) = new.filter(|new| !list.contains(new)) {
            learnt.push(format!("{}; `{new}` brings it", lesson.cause));
            list.push(new.clone());
            list.sort();
        }
    }
    learnt
}

/// Another first test in the place of one that does not pass.
fn weaken(draft: &mut Draft, unsure: &mut Vec<String>) -> Vec<String> {
    draft.test = match &draft.test {
        Test::Version { program, word: "--version" } => Test::Version { program: program.clone(), word: "-V" },
        Test::Version { program, .. } => {
            unsure.push(format!("the test: {program} does not tell its version when asked by --version or -V"));
            Test::Present(format!("usr/bin/{program}"))
        }
        Test::Library { library, .. } => {
            unsure.push(format!("the test: lib{library}.a cannot be linked just so"));
            Test::Present(format!("sysroot/usr/lib/lib{library}.a"))
        }
        Test::None | Test::Present(_) => return Vec::new(),
    };
    vec!["its first test does not pass; another is tried".to_owned()]
}

/// A place for files that no component has.
fn place(draft: &mut Draft, fault: &AssignmentFault, unsure: &mut Vec<String>) -> Vec<String> {
    let AssignmentFault::Unclaimed { paths, .. } = fault else { return Vec::new() };
    let mut learnt = Vec::new();
    for path in paths {
        let (glob, needed) = home(path, &draft.name);
        let list = if needed { &mut draft.bin } else { &mut draft.drop };
        if !list.contains(&glob) {
            list.push(glob.clone());
            let what = match needed {
                true => format!("{glob} goes into the component bin"),
                false => format!("{glob} is dropped"),
            };
            unsure.push(format!("the components: {what}, as a guess"));
            learnt.push(what);
        }
    }
    learnt
}

/// The glob that takes a file, and whether programs may need it.
fn home(path: &RelPath, name: &str) -> (String, bool) {
    let parts: Vec<&str> = path.as_str().split('/').collect();
    let own = |part: &str| part.starts_with(name);
    match parts.as_slice() {
        ["usr", kind @ ("share" | "lib"), first, _, ..] => (format!("usr/{kind}/{first}/**"), own(first)),
        ["etc", first] => (format!("etc/{first}"), true),
        ["etc", first, ..] => (format!("etc/{first}/**"), own(first)),
        [.., _] if parts.len() <= 3 => (path.to_string(), false),
        _ => (format!("{}/**", parts[..parts.len().min(2)].join("/")), false),
    }
}

/// What a built draft holds: its programs' names, its components and its first test.
fn look(
    project: &Project,
    draft: &mut Draft,
    outputs: &Outputs,
    unsure: &mut Vec<String>,
) -> Result<Vec<String>, Failure> {
    let (mut programs, mut scripts, mut headers, mut libraries) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut places: Vec<String> = Vec::new();
    for object in outputs.values() {
        for (path, entry) in project.store.tree(object)?.iter() {
            let text = path.as_str();
            let place = ["usr/bin/", "usr/sbin/"].into_iter().find(|place| text.starts_with(place));
            match (place, entry) {
                (Some(place), Entry::File { executable: true, .. }) => {
                    let bytes = fs::read(&path.under(&project.store.object_path(object)))?;
                    let list = if bytes.starts_with(elf::MAGIC) { &mut programs } else { &mut scripts };
                    list.push(path.file_name().to_owned());
                    if !places.iter().any(|known| known.starts_with(place)) {
                        places.push(format!("{place}*"));
                    }
                }
                (None, Entry::File { .. }) if text.ends_with(".h") => {
                    headers.extend(text.strip_prefix("usr/include/").map(str::to_owned));
                }
                (None, Entry::File { .. }) if text.ends_with(".a") => {
                    let library = path.file_name().strip_prefix("lib").and_then(|name| name.strip_suffix(".a"));
                    libraries.extend(library.map(str::to_owned));
                }
                _ => {}
            }
        }
    }
    if !scripts.is_empty() {
        let scripts = scripts.join(", ");
        unsure
            .push(format!("{scripts}: a script needs its interpreter where it runs; drop it, or say so in `runtime`"));
    }
    if programs.len() >= MANY && draft.bin.is_empty() {
        unsure.push(
            "the components: each program is one of its own; what they need of each other is not known".to_owned(),
        );
        draft.utilities = places;
    }
    let own = |names: &[String]| {
        let like = names.iter().find(|name| **name == draft.name);
        like.or_else(|| names.iter().find(|name| name.contains(draft.name.trim_start_matches("lib"))))
            .or(names.first())
            .cloned()
    };
    draft.test = match (own(&programs), own(&headers), own(&libraries)) {
        (Some(program), ..) => Test::Version { program, word: "--version" },
        (None, Some(header), Some(library)) => Test::Library { header, library },
        _ => {
            unsure.push("the test: nothing that was installed is a program or a library".to_owned());
            Test::None
        }
    };
    Ok(programs)
}
