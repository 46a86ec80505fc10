//! The names of recipes and components.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that cannot name a recipe or a component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a {kind} name: it needs lower-case letters, digits, `+`, `-`, `_`, `.`, or `[`, and starts with a letter, digit or `[`", text.escape_debug())]
pub struct NameError {
    kind: &'static str,
    text: String,
}

fn is_name(text: &str) -> bool {
    let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '[';
    let rest = |c: char| first(c) || matches!(c, '+' | '-' | '_' | '.');
    text.len() <= 100 && text.starts_with(first) && text.chars().all(rest)
}

macro_rules! name_newtype {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Validates a text.
            ///
            /// # Errors
            /// When it holds anything but the characters that the error lists.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                if is_name(&text) { Ok(Self(text)) } else { Err(NameError { kind: $kind, text }) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name_newtype!(
    /// A recipe's name, unique in a project: `sed`.
    RecipeName,
    "recipe"
);
name_newtype!(
    /// A component's name, unique within its recipe: `bin`, `dev`, `cat`.
    ComponentName,
    "component"
);

impl ComponentName {
    /// The component of headers, static libraries and what else only a build needs.
    pub fn dev() -> Self {
        Self("dev".to_owned())
    }

    /// The component of manual pages and other documentation.
    pub fn doc() -> Self {
        Self("doc".to_owned())
    }

    /// The component of programs.
    pub fn bin() -> Self {
        Self("bin".to_owned())
    }
}

/// What a person names: a recipe's default component (`jq`), or a certain one (`coreutils/cat`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OutputRef {
    /// The recipe.
    pub recipe: RecipeName,
    /// The component; the recipe's default one where it is not said.
    pub component: Option<ComponentName>,
}

impl fmt::Display for OutputRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.component {
            Some(component) => write!(f, "{}/{component}", self.recipe),
            None => write!(f, "{}", self.recipe),
        }
    }
}

impl FromStr for OutputRef {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (recipe, component) = match text.split_once('/') {
            Some((recipe, component)) => (recipe, Some(component.parse()?)),
            None => (text, None),
        };
        Ok(Self { recipe: recipe.parse()?, component })
    }
}

impl TryFrom<String> for OutputRef {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<OutputRef> for String {
    fn from(output: OutputRef) -> Self {
        output.to_string()
    }
}
