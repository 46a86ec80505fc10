//! The fields of a TOML table, asked for one by one; what nobody asked for is a fault.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Document;
use crate::recipe::nearest::{listed, nearest};

/// A table that is being read.
pub(super) struct Fields<'d> {
    pub document: &'d Document<'d>,
    table: &'d DeTable<'d>,
    place: Range<usize>,
    owner: String,
    asked: Vec<&'static str>,
    missing: Vec<&'static str>,
}

/// What a field's value can be read as.
pub(super) trait Value: Sized {
    /// The value, or `None` when a fault has been reported.
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self>;
}

impl<'d> Fields<'d> {
    /// `place` is where a missing field is reported, `owner` how the table is called in messages.
    pub fn new(document: &'d Document<'d>, table: &'d DeTable<'d>, place: Range<usize>, owner: &str) -> Self {
        Self { document, table, place, owner: owner.to_owned(), asked: Vec::new(), missing: Vec::new() }
    }

    /// Where the table begins.
    pub fn place(&self) -> Range<usize> {
        self.place.clone()
    }

    /// Adds to how the table is called in messages.
    pub fn qualify(&mut self, more: &str) {
        self.owner.push_str(more);
    }

    /// A field's raw value.
    pub fn value(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.asked.push(key);
        self.table.get(key)
    }

    /// Whether a field is there, whatever it holds.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A field that may be missing.
    pub fn optional<T: Value>(&mut self, key: &'static str) -> Option<T> {
        let value = self.value(key)?;
        T::read(value, self.document)
    }

    /// A field that may be missing, and then is what `T` begins with.
    pub fn or_default<T: Value + Default>(&mut self, key: &'static str) -> T {
        self.optional(key).unwrap_or_default()
    }

    /// A field that must be there.
    pub fn required<T: Value>(&mut self, key: &'static str) -> Option<T> {
        match self.value(key) {
            Some(value) => T::read(value, self.document),
            None => {
                self.missing.push(key);
                None
            }
        }
    }

    /// A field that is a table of its own.
    pub fn table(&mut self, key: &'static str, owner: &str) -> Option<Fields<'d>> {
        let value = self.value(key)?;
        fields_of(value, self.document, owner)
    }

    /// A field that is a table of its own and must be there.
    pub fn required_table(&mut self, key: &'static str, owner: &str) -> Option<Fields<'d>> {
        if !self.has(key) {
            self.missing.push(key);
        }
        self.table(key, owner)
    }

    /// A field that is a list of tables.
    pub fn tables(&mut self, key: &'static str, owner: &str) -> Vec<Fields<'d>> {
        match self.value(key).map(|value| (value, value.get_ref())) {
            None => Vec::new(),
            Some((_, DeValue::Array(items))) => {
                items.iter().filter_map(|item| fields_of(item, self.document, owner)).collect()
            }
            Some((value, _)) => {
                let help = format!("write its heading as {owner}");
                mismatch(value, "a list of tables", self.document, Some(help)).unwrap_or_default()
            }
        }
    }

    /// A field that is a table of tables: each one's name and fields.
    pub fn named_tables(&mut self, key: &'static str) -> Vec<(Spanned<String>, Fields<'d>)> {
        let Some(outer) = self.table(key, key) else { return Vec::new() };
        let read = |(name, value): (&Spanned<_>, &'d Spanned<DeValue<'d>>)| {
            let name = owned(name);
            let fields = fields_of(value, outer.document, &format!("[{key}.{}]", name.get_ref()))?;
            Some((name, fields))
        };
        outer.table.iter().filter_map(read).collect()
    }

    /// Reports a fault of the table as a whole.
    pub fn report(&self, message: impl Into<String>, help: Option<String>) {
        self.document.report(self.place(), message, help);
    }

    /// Reports the fields that nobody has asked for, and those that are missing. A field that is missing because
    /// its name is misspelt is reported once.
    pub fn finish(mut self) {
        for (name, _) in self.table {
            let key: &str = name.get_ref();
            if self.asked.contains(&key) {
                continue;
            }
            let meant = nearest(key, self.asked.iter().copied());
            self.missing.retain(|missing| meant.first() != Some(missing));
            let question =
                if meant.is_empty() { String::new() } else { format!("did you mean {}? ", listed(meant, "or")) };
            let help = format!("{question}valid fields are {}", listed(&self.asked, "and"));
            self.document.report(name.span(), format!("unknown field `{key}` in {}", self.owner), Some(help));
        }
        self.abandon();
    }

    /// Reports what is missing; which other fields are valid is not known.
    pub fn abandon(self) {
        for key in &self.missing {
            self.report(format!("the field `{key}` is missing in {}", self.owner), None);
        }
    }
}

fn fields_of<'d>(value: &'d Spanned<DeValue<'d>>, document: &'d Document<'d>, owner: &str) -> Option<Fields<'d>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(Fields::new(document, table, value.span(), owner)),
        _ => mismatch(value, "a table", document, None),
    }
}

fn owned(name: &Spanned<std::borrow::Cow<'_, str>>) -> Spanned<String> {
    Spanned::new(name.span(), name.get_ref().clone().into_owned())
}

/// Reports a value of the wrong type.
pub(super) fn mismatch<T>(
    value: &Spanned<DeValue<'_>>,
    wanted: &str,
    document: &Document<'_>,
    help: Option<String>,
) -> Option<T> {
    let found = match value.get_ref() {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a truth value",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    document.report(value.span(), format!("expected {wanted}, found {found}"), help);
    None
}

impl Value for String {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        match value.get_ref() {
            DeValue::String(text) => Some(text.clone().into_owned()),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
                let help = format!("write it in quotes: \"{}\"", &document.text[value.span()]);
                mismatch(value, "text", document, Some(help))
            }
            _ => mismatch(value, "text", document, None),
        }
    }
}

impl Value for bool {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        match value.get_ref() {
            DeValue::Boolean(truth) => Some(*truth),
            _ => mismatch(value, "`true` or `false`", document, None),
        }
    }
}

impl Value for u32 {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        match value.get_ref() {
            DeValue::Integer(number) => match Self::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Some(number),
                Err(_) => {
                    document.report(value.span(), "expected a whole number from 0 to 4294967295", None);
                    None
                }
            },
            _ => mismatch(value, "a whole number", document, None),
        }
    }
}

impl<T: Value> Value for Vec<T> {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        match value.get_ref() {
            DeValue::Array(items) => {
                let read: Vec<Option<T>> = items.iter().map(|item| T::read(item, document)).collect();
                read.into_iter().collect()
            }
            DeValue::String(_) => {
                let help = format!("write it in brackets: [{}]", &document.text[value.span()]);
                mismatch(value, "a list", document, Some(help))
            }
            _ => mismatch(value, "a list", document, None),
        }
    }
}

impl<T: Value> Value for Spanned<T> {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        Some(Spanned::new(value.span(), T::read(value, document)?))
    }
}

/// A table whose keys are free, in the file's order.
pub(super) struct Entries<T>(pub Vec<(Spanned<String>, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Value> Value for Entries<T> {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else { return mismatch(value, "a table", document, None) };
        let entry = |(name, value): (&Spanned<_>, &_)| Some((owned(name), T::read(value, document)?));
        Some(Self(table.iter().filter_map(entry).collect()))
    }
}

impl<T: Value> Value for BTreeMap<String, T> {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let entries = Entries::<T>::read(value, document)?;
        Some(entries.0.into_iter().map(|(name, value)| (name.into_inner(), value)).collect())
    }
}

/// One text, or a list of them.
#[derive(Default)]
pub(super) struct OneOrMore(pub Vec<String>);

impl Value for OneOrMore {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        match value.get_ref() {
            DeValue::String(text) => Some(Self(vec![text.clone().into_owned()])),
            DeValue::Array(_) => Vec::read(value, document).map(Self),
            _ => mismatch(value, "text or a list of texts", document, None),
        }
    }
}
