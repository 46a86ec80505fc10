//! Where in an image spec something stands, so that it can be told by file and line. Pure.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::path::RelPath;

/// A part of an image spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecPart<'a> {
    /// A component, by its place among the components.
    Component(usize),
    /// The `[[file]]`, `[[directory]]` or `[[link]]` (by that name) of a path, or the first below it.
    Path(&'a str, &'a RelPath),
    /// The writable path of `[[runtime.writable]]`, or the first below it.
    Writable(&'a RelPath),
    /// A field of `[config]`.
    Config(&'a str),
    /// The first `[[user]]` or `[[group]]`.
    Accounts,
}

/// The line of a spec's text, counted from one, on which a part stands. `None` when it is not there.
pub fn spec_line(text: &str, part: SpecPart<'_>) -> Option<usize> {
    let (table, _) = DeTable::parse_recoverable(text);
    let table = table.get_ref();
    let span = match part {
        SpecPart::Component(index) => table.get("components")?.get_ref().as_array()?.get(index)?.span(),
        SpecPart::Path(kind, path) => path_of(table.get(kind)?, path)?,
        SpecPart::Writable(path) => path_of(table.get("runtime")?.get_ref().as_table()?.get("writable")?, path)?,
        SpecPart::Config(field) => table.get("config")?.get_ref().as_table()?.get(field)?.span(),
        SpecPart::Accounts => {
            let first = |kind: &str| Some(table.get(kind)?.get_ref().as_array()?.first()?.span());
            first("user").or_else(|| first("group"))?
        }
    };
    Some(text[..span.start].matches('\n').count() + 1)
}

/// The span of the path of the table that is at a path or, failing that, below it.
fn path_of(tables: &Spanned<DeValue<'_>>, path: &RelPath) -> Option<std::ops::Range<usize>> {
    let at = |wanted: &dyn Fn(&str) -> bool| {
        tables.get_ref().as_array()?.iter().find_map(|table| {
            let value = table.get_ref().as_table()?.get("path")?;
            wanted(value.get_ref().as_str()?.strip_prefix('/')?).then(|| value.span())
        })
    };
    at(&|text| text == path.as_str())
        .or_else(|| at(&|text| text.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_line() {
        let text = r#"name = "x"
components = [
  "jq",
  { name = "git", only = ["/usr/bin/git"] },
]
config = { workdir = "/srv" }

[[user]]
name = "nobody"

[[file]]
path = "/etc/a/b"
[[file]]
path = "/etc/a"

[[runtime.writable]]
path = "/run/x"
"#;
        let path = |text: &str| RelPath::new(text).unwrap();
        let (below, exact, other) = (path("etc"), path("etc/a"), path("et"));
        for (part, line) in [
            (SpecPart::Component(0), Some(3)),
            (SpecPart::Component(1), Some(4)),
            (SpecPart::Component(2), None),
            (SpecPart::Config("workdir"), Some(6)),
            (SpecPart::Accounts, Some(8)),
            (SpecPart::Path("file", &below), Some(12)),
            (SpecPart::Path("file", &exact), Some(14)),
            (SpecPart::Path("file", &other), None),
            (SpecPart::Path("link", &below), None),
            (SpecPart::Writable(&path("run")), Some(17)),
        ] {
            assert_eq!(spec_line(text, part), line, "{part:?}");
        }
    }
}
