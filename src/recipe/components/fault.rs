//! What keeps a build's files from being components, and the line of the recipe that would mend it.

use std::fmt::{self, Write as _};

use crate::path::RelPath;
use crate::recipe::nearest::listed;
use crate::recipe::{ComponentName, NameError, RecipeName};

/// A build's files that cannot be divided among the recipe's components.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the files that `{recipe}` installs do not fit its components{}", lines(faults))]
pub struct AssignmentError {
    /// Whose files.
    pub recipe: RecipeName,
    /// At least one.
    pub faults: Vec<AssignmentFault>,
}

/// One reason of an [`AssignmentError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssignmentFault {
    /// Files that no component claims.
    Unclaimed {
        /// All of them.
        paths: Vec<RelPath>,
        /// The recipe's default component, which may be the one to have them.
        component: Option<ComponentName>,
    },
    /// A file that several explicit components claim.
    Contested {
        /// The file.
        path: RelPath,
        /// The components.
        components: Vec<ComponentName>,
    },
    /// An explicit component that gets no file.
    Unmatched {
        /// The component.
        component: ComponentName,
        /// Its globs; none where it counts on the default rules or on `utilities`.
        globs: Vec<String>,
    },
    /// A utility whose file name cannot be a component's name.
    Unnameable {
        /// The file.
        path: RelPath,
        /// Why.
        error: NameError,
    },
    /// The default component `bin` has files, and the recipe's name would mean another component.
    Shadowed {
        /// What the recipe's name would mean.
        default: ComponentName,
    },
}

fn lines(faults: &[AssignmentFault]) -> String {
    faults.iter().fold(String::new(), |mut text, fault| {
        write!(text, "\n{fault}").expect("writing to a String does not fail");
        text
    })
}

impl fmt::Display for AssignmentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclaimed { paths, component } => unclaimed(f, paths, component.as_ref()),
            Self::Contested { path, components } => write!(
                f,
                "{path} is claimed by the components {}\n  help: make their globs disjoint",
                listed(components, "and")
            ),
            Self::Unmatched { component, globs } if globs.is_empty() => {
                write!(f, "the component `{component}` gets no file\n  help: say its `files`, or remove it")
            }
            Self::Unmatched { component, globs } => {
                write!(f, "the component `{component}` gets no file: nothing matches {}", listed(globs, "or"))
            }
            Self::Unnameable { path, error } => write!(
                f,
                "{path} cannot be a component named as its file: {error}\n  help: add {} to `files` under [components.NAME]",
                quoted(path.as_str())
            ),
            Self::Shadowed { default } => write!(
                f,
                "programs are in the component `bin`, but the recipe's name alone would mean `{default}`\n  \
                 help: add the line [components.bin], and the name means `bin`"
            ),
        }
    }
}

fn unclaimed(f: &mut fmt::Formatter<'_>, paths: &[RelPath], component: Option<&ComponentName>) -> fmt::Result {
    writeln!(f, "no component claims")?;
    for path in paths {
        writeln!(f, "  {path}")?;
    }
    let mut globs: Vec<String> = paths.iter().map(|path| quoted(&covering_glob(path))).collect();
    globs.dedup();
    let component = component.map_or("NAME", ComponentName::as_str);
    write!(
        f,
        "  help: add {} to `files` under [components.{component}], or to `drop` under [install]",
        globs.join(", ")
    )
}

/// `usr/share/misc/magic.mgc` is covered by `usr/share/misc/**`; what is nearer to the root only by itself.
fn covering_glob(path: &RelPath) -> String {
    match path.ancestors().nth(2) {
        Some(directory) => format!("{directory}/**"),
        None => path.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
