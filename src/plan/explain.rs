//! What made one derivation another: two lists of fields, as they were hashed, compared in words.
//!
//! The fields are those of [`super::Derivation::key`], so that nothing which changes a key can be left out: a field
//! that has no words of its own is told by its label. Knows nothing of where the older list was kept.

mod items;
mod lines;

use std::collections::{BTreeMap, BTreeSet};

use items::{Item, items};
use lines::differing;
pub use lines::{Line, Mark};

use crate::digest::{Field, ObjectId};

/// Whose objects a derivation is made of: object → `zlib/dev`. For people, and no part of any key.
pub type Origins = BTreeMap<ObjectId, String>;

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A value of one line.
    Value {
        /// What it is: `environment variable CFLAGS`, `source 1: sha256`.
        what: String,
        /// What it was; without, it was not there.
        before: Option<String>,
        /// What it is now; without, it is gone.
        after: Option<String>,
    },
    /// A text of several lines: a script, a list.
    Text {
        /// What it is: `script of configure`.
        what: String,
        /// The lines that differ, and some around them.
        lines: Vec<Line>,
    },
    /// An object among those that are united at a place.
    Object {
        /// The place: `/`, `/sysroot`, or a test's.
        place: String,
        /// Whose it is, if that is known.
        name: String,
        /// What it was; without, it is new.
        before: Option<ObjectId>,
        /// What it is now; without, it is gone.
        after: Option<ObjectId>,
    },
    /// The same objects at a place, in another order.
    Order {
        /// The place.
        place: String,
    },
}

/// What differs between two derivations, in the order of the newer one's fields.
pub fn explain(before: (&[Field], &Origins), after: (&[Field], &Origins)) -> Vec<Change> {
    let (old, new) = (items(before.0), items(after.0));
    let find = |items: &'_ [(String, Item)], what: &str| items.iter().position(|(name, _)| name == what);
    let mut changes = Vec::new();
    for (what, item) in &new {
        let earlier = find(&old, what).map(|at| &old[at].1);
        changes.extend(compare(what, earlier, Some(item), before.1, after.1));
    }
    for (what, item) in old.iter().filter(|(what, _)| find(&new, what).is_none()) {
        changes.extend(compare(what, Some(item), None, before.1, after.1));
    }
    changes
}

fn compare(what: &str, before: Option<&Item>, after: Option<&Item>, old: &Origins, new: &Origins) -> Vec<Change> {
    let objects = |item: Option<&Item>| match item {
        Some(Item::Objects(ids)) => ids.clone(),
        _ => Vec::new(),
    };
    if matches!((before, after), (Some(Item::Objects(_)), _) | (_, Some(Item::Objects(_)))) {
        return compare_objects(what, &objects(before), &objects(after), old, new);
    }
    let (before, after) = (before.map(Item::text), after.map(Item::text));
    if before == after {
        return Vec::new();
    }
    let is_line = |text: &Option<String>| text.as_ref().is_none_or(|text| !text.trim_end().contains('\n'));
    if is_line(&before) && is_line(&after) {
        return vec![Change::Value { what: what.to_owned(), before, after }];
    }
    let lines = differing(&before.unwrap_or_default(), &after.unwrap_or_default());
    vec![Change::Text { what: what.to_owned(), lines }]
}

/// The objects of one place, matched by whose they are.
fn compare_objects(place: &str, before: &[ObjectId], after: &[ObjectId], old: &Origins, new: &Origins) -> Vec<Change> {
    let sorted = |ids: &[ObjectId]| ids.iter().copied().collect::<BTreeSet<_>>();
    if sorted(before) == sorted(after) {
        let same = before == after;
        return if same { Vec::new() } else { vec![Change::Order { place: place.to_owned() }] };
    }
    let name = |id: &ObjectId, origins: &Origins| origins.get(id).cloned().unwrap_or_else(|| id.short());
    let mut gone: Vec<(String, ObjectId)> =
        before.iter().filter(|id| !after.contains(id)).map(|id| (name(id, old), *id)).collect();
    let mut changes = Vec::new();
    for id in after.iter().filter(|id| !before.contains(id)) {
        let name = name(id, new);
        let earlier = gone.iter().position(|(old, _)| *old == name).map(|at| gone.remove(at).1);
        changes.push(Change::Object { place: place.to_owned(), name, before: earlier, after: Some(*id) });
    }
    changes.extend(gone.into_iter().map(|(name, id)| Change::Object {
        place: place.to_owned(),
        name,
        before: Some(id),
        after: None,
    }));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Vec<Field> {
        pairs.iter().map(|(label, value)| Field { label: (*label).into(), value: (*value).into() }).collect()
    }

    fn between(before: &[(&str, &str)], after: &[(&str, &str)]) -> Vec<Change> {
        explain((&fields(before), &Origins::new()), (&fields(after), &Origins::new()))
    }

    fn value(what: &str, before: Option<&str>, after: Option<&str>) -> Change {
        Change::Value { what: what.into(), before: before.map(Into::into), after: after.map(Into::into) }
    }

    #[test]
    fn a_value_is_told_by_its_words_and_one_without_words_by_its_label() {
        let before = [("env.CFLAGS", "-O2"), ("source[0].sha256", "aa"), ("env.GONE", "1"), ("stone", "1")];
        let after = [("env.CFLAGS", "-O3"), ("source[0].sha256", "bb"), ("stone", "2")];
        let expected = [
            value("environment variable CFLAGS", Some("-O2"), Some("-O3")),
            value("source 1: sha256", Some("aa"), Some("bb")),
            value("stone", Some("1"), Some("2")),
            value("environment variable GONE", Some("1"), None),
        ];
        assert_eq!(between(&before, &after), expected);
        assert_eq!(between(&after, &after), []);
    }

    #[test]
    fn a_step_is_known_by_its_name_wherever_it_stands_and_its_script_line_by_line() {
        let step = |index: usize, name: &'static str, script: &'static str| {
            let label = |field: &str| format!("step[{index}].{field}");
            let words = ["sh", "-eu", "-c", script];
            let mut fields = vec![(label("name"), name), (label("exec.len"), "4")];
            fields.extend(words.iter().enumerate().map(|(at, word)| (label(&format!("exec[{at}]")), *word)));
            fields.into_iter().map(|(label, value)| Field { label, value: value.into() }).collect::<Vec<_>>()
        };
        let before = step(0, "build", "one\ntwo\nthree\nfour\nfive");
        let after = [step(0, "prepare", "x"), step(1, "build", "one\ntwo\n3\nfour\nfive")].concat();
        let none = Origins::new();
        let found = explain((&before, &none), (&after, &none));
        let line = |mark, text: &str| Line { mark, text: text.into() };
        let cut = || line(Mark::Cut, "");
        let lines = vec![
            cut(),
            line(Mark::Same, "two"),
            line(Mark::Gone, "three"),
            line(Mark::New, "3"),
            line(Mark::Same, "four"),
            cut(),
        ];
        let expected =
            [value("command of `prepare`", None, Some("x")), Change::Text { what: "command of `build`".into(), lines }];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_object_is_matched_by_whose_it_is() {
        let id = |byte: u8| ObjectId::from_bytes([byte; 32]);
        let root = |ids: &[u8]| {
            let field = |(at, byte): (usize, &u8)| Field { label: format!("root[{at}]"), value: id(*byte).to_string() };
            ids.iter().enumerate().map(field).collect::<Vec<_>>()
        };
        let origins = |pairs: &[(u8, &str)]| pairs.iter().map(|(byte, name)| (id(*byte), (*name).into())).collect();
        let old: Origins = origins(&[(1, "zlib/dev"), (2, "perl/bin"), (3, "m4/bin")]);
        let new: Origins = origins(&[(4, "zlib/dev"), (2, "perl/bin"), (5, "make/bin")]);
        let object = |name: &str, before: Option<u8>, after: Option<u8>| Change::Object {
            place: "/".into(),
            name: name.into(),
            before: before.map(id),
            after: after.map(id),
        };
        let found = explain((&root(&[1, 2, 3]), &old), (&root(&[4, 2, 5]), &new));
        let expected =
            [object("zlib/dev", Some(1), Some(4)), object("make/bin", None, Some(5)), object("m4/bin", Some(3), None)];
        assert_eq!(found, expected);
        let turned = explain((&root(&[1, 2]), &old), (&root(&[2, 1]), &old));
        assert_eq!(turned, [Change::Order { place: "/".into() }]);
    }
}
