//! `[install]` and `[components.NAME]`: which installed file belongs to what.

use std::collections::BTreeMap;

use globset::GlobMatcher;
use toml::Spanned;

use super::fields::Fields;
use super::text::report_repeats;
use crate::recipe::components::can_exist;
use crate::recipe::{Component, ComponentName, Install, OutputRef};

/// What becomes of the installed files.
pub(super) struct Outputs {
    pub install: Install,
    pub components: BTreeMap<ComponentName, Component>,
    /// Whether no fault has been found in them.
    sound: bool,
}

impl Outputs {
    /// Whether a component may come of the build, as far as the recipe tells.
    pub fn can_have(&self, component: &ComponentName) -> bool {
        !self.sound || can_exist(&self.install, &self.components, component)
    }

    /// The components that the recipe names.
    pub fn named(&self) -> Vec<&str> {
        self.components.keys().map(ComponentName::as_str).chain(["bin", "dev", "doc"]).collect()
    }

    /// Whether files become components of their own.
    pub fn has_utilities(&self) -> bool {
        !self.install.utilities.is_empty()
    }
}

pub(super) fn outputs(fields: &mut Fields<'_>) -> Outputs {
    let faults = fields.document.faults.borrow().len();
    let install = fields.table("install", "[install]").map(install).unwrap_or_default();
    let mut components = BTreeMap::new();
    for (name, table) in fields.named_tables("components") {
        let component = component(table, &install, name.get_ref());
        match name.get_ref().parse::<ComponentName>() {
            Ok(name) => {
                components.extend(component.map(|component| (name, component)));
            }
            Err(error) => fields.document.report(name.span(), error.to_string(), None),
        }
    }
    let sound = fields.document.faults.borrow().len() == faults;
    Outputs { install, components, sound }
}

fn install(mut fields: Fields<'_>) -> Install {
    let install = Install {
        drop: fields.or_default("drop"),
        utilities: fields.or_default("utilities"),
        setuid: fields.or_default("setuid"),
    };
    fields.finish();
    install
}

// What a default rule or `utilities` fills needs no files of its own to have a run-time edge.
fn component(mut fields: Fields<'_>, install: &Install, name: &str) -> Option<Component> {
    let filled = name.parse().is_ok_and(|name| can_exist(install, &BTreeMap::new(), &name));
    let files = if filled { fields.optional("files") } else { fields.required("files") };
    let given = fields.has("files");
    let files: Option<Spanned<Vec<GlobMatcher>>> = files;
    if let Some(files) = files.as_ref().filter(|files| files.get_ref().is_empty()) {
        fields.document.report(files.span(), "the list is empty: a component needs files", None);
    }
    let runtime: Vec<Spanned<OutputRef>> = fields.or_default("runtime");
    report_repeats(&runtime, fields.document);
    for output in &runtime {
        fields.document.refer(output.span(), output.get_ref().clone());
    }
    fields.finish();
    let files = if given { files?.into_inner() } else { Vec::new() };
    Some(Component { files, runtime: runtime.into_iter().map(Spanned::into_inner).collect() })
}
