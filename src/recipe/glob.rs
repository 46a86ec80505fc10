//! What a glob means: `*` stays within a directory, `**` does not, and `{a,}` may be empty.

use globset::{Error, Glob, GlobBuilder};

/// Reads a glob.
pub(super) fn glob(text: &str) -> Result<Glob, Error> {
    GlobBuilder::new(text).literal_separator(true).empty_alternates(true).build()
}
