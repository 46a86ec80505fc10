//! The default components, and which components a recipe can have.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use globset::GlobSet;

use crate::path::RelPath;
use crate::path::glob;
use crate::recipe::{Component, ComponentName, Install, Recipe, Test, TestKind};

const ALWAYS_DROPPED: &[&str] = &["**/*.la", "usr/share/info/dir", "usr/lib/charset.alias"];

const DEV: &[&str] = &[
    "usr/include/**",
    "usr/lib/**/*.a",
    "usr/lib/*.o",
    "usr/lib/pkgconfig/**",
    "usr/share/pkgconfig/**",
    "usr/lib/cmake/**",
    "usr/share/aclocal/**",
    "usr/bin/*-config",
];

const DOC: &[&str] = &["usr/share/{man,info,doc,gtk-doc}/**"];

const BIN: &[&str] = &["usr/{bin,sbin,libexec}/**"];

static DROPPED: LazyLock<GlobSet> = LazyLock::new(|| glob_set(ALWAYS_DROPPED));

static DEFAULTS: LazyLock<[(ComponentName, GlobSet); 3]> = LazyLock::new(|| {
    [
        (ComponentName::dev(), glob_set(DEV)),
        (ComponentName::doc(), glob_set(DOC)),
        (ComponentName::bin(), glob_set(BIN)),
    ]
});

fn glob_set(globs: &[&str]) -> GlobSet {
    let mut set = GlobSet::builder();
    for text in globs {
        set.add(glob(text).expect("the default globs are valid"));
    }
    set.build().expect("the default globs are valid")
}

pub(super) fn is_always_dropped(path: &RelPath) -> bool {
    DROPPED.is_match(path)
}

/// The default component of a path; the first that matches.
pub(super) fn default_rule(path: &RelPath) -> Option<ComponentName> {
    DEFAULTS.iter().find(|(_, globs)| globs.is_match(path)).map(|(name, _)| name.clone())
}

/// Whether a component may come of a build: it is explicit, a default one, or named as a utility can be.
pub(in crate::recipe) fn can_exist(
    install: &Install,
    components: &BTreeMap<ComponentName, Component>,
    component: &ComponentName,
) -> bool {
    let by_default = DEFAULTS.iter().any(|(name, _)| name == component);
    by_default
        || components.contains_key(component)
        || install.utilities.iter().any(|glob| last_part_matches(glob.glob().glob(), component.as_str()))
}

fn last_part_matches(pattern: &str, name: &str) -> bool {
    let last = pattern.rsplit('/').next().unwrap_or(pattern);
    // Braces that span a slash leave half a glob: then only the build can tell.
    glob(last).map_or(true, |glob| glob.compile_matcher().is_match(name))
}

impl Recipe {
    /// The component that the recipe's name alone means; `None` where each utility is a component of its own.
    pub fn default_component(&self) -> Option<ComponentName> {
        let bin = ComponentName::bin();
        if self.components.contains_key(&bin) {
            return Some(bin);
        }
        if !self.install.utilities.is_empty() {
            return None;
        }
        let beside = [ComponentName::dev(), ComponentName::doc()];
        let mut own = self.components.keys().filter(|name| !beside.contains(name));
        match (own.next(), own.next()) {
            (Some(only), None) => Some(only.clone()),
            _ => Some(bin),
        }
    }

    /// Whether a component may come of the build, as far as the recipe tells.
    pub fn can_have(&self, component: &ComponentName) -> bool {
        can_exist(&self.install, &self.components, component)
    }

    /// The component whose closure a test's root holds; `None` for a script that says none, which sees them all.
    pub fn tested_component(&self, test: &Test) -> Option<ComponentName> {
        let utility = |run: &[String]| {
            let name = run.first()?.rsplit('/').next()?;
            ComponentName::new(name).ok().filter(|name| self.can_have(name))
        };
        match (&test.component, &test.kind) {
            (Some(component), _) => Some(component.clone()),
            (None, TestKind::Run(run)) if !self.install.utilities.is_empty() => utility(run),
            (None, TestKind::Run(_)) => self.default_component(),
            (None, TestKind::Script(_)) => None,
        }
    }
}
