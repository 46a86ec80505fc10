//! What a recipe could say better: faults that no parser rejects, each with its mend, some with the mended text.
//!
//! Looks at the recipe, its text, its own files and, where it has been built, what its components hold. Pure. What is
//! wrong in itself (an unknown key or licence, a recipe that is not there, a missing test) is the parser's.

mod script;

use std::collections::{BTreeMap, BTreeSet};

use super::format::format;
use super::{Catalog, ComponentName, Location, Recipe, RecipeName, Steps, Test, TestKind};
use crate::path::RelPath;
use crate::tree::Tree;

/// Something that could be better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The rule's name.
    pub rule: &'static str,
    /// The line of the recipe that it is about, counted from one; none where it is about the whole.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub mend: String,
    /// The whole text of the recipe without this fault, where that needs no thought.
    pub fixed: Option<String>,
}

/// What a recipe is looked at with.
pub struct Subject<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// Its file's text.
    pub text: &'a str,
    /// The files in its own directory.
    pub beside: &'a [String],
    /// The first line of each of its patches, by name.
    pub patches: &'a BTreeMap<String, String>,
    /// What its components held when it was last built as it is; empty if it was not.
    pub installed: &'a BTreeMap<ComponentName, Tree>,
    /// All recipes.
    pub catalog: &'a Catalog,
}

/// All remarks on a recipe, by line.
pub fn lint(subject: &Subject<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    remarks.extend(form(subject));
    remarks.extend(facts(subject));
    remarks.extend(sources(subject));
    remarks.extend(local_files(subject));
    remarks.extend(components(subject));
    remarks.extend(tests(subject));
    remarks.extend(scripts(subject));
    remarks.sort_by_key(|remark| remark.line);
    remarks
}

fn remark(rule: &'static str, line: Option<usize>, what: impl Into<String>, mend: impl Into<String>) -> Remark {
    Remark { rule, line, what: what.into(), mend: mend.into(), fixed: None }
}

/// The first line that holds a text.
fn line_of(text: &str, needle: &str) -> Option<usize> {
    text.lines().position(|line| line.contains(needle)).map(|index| index + 1)
}

fn form(subject: &Subject<'_>) -> Option<Remark> {
    let formatted = format(subject.text).ok().filter(|formatted| formatted != subject.text)?;
    let differs = subject.text.lines().zip(formatted.lines()).position(|(old, new)| old != new);
    let mut remark = remark("format", differs.map(|index| index + 1), "it is not formatted", "drystone fmt");
    remark.fixed = Some(formatted);
    Some(remark)
}

fn facts(subject: &Subject<'_>) -> Vec<Remark> {
    let Subject { recipe, text, .. } = subject;
    let mut remarks = Vec::new();
    if recipe.homepage.is_none() && !recipe.sources.is_empty() {
        remarks.push(remark("homepage", None, "it does not say where the project lives", "add `homepage`"));
    }
    if recipe.summary.ends_with('.') {
        let mend = "take the full stop away: it is no sentence";
        remarks.push(remark("summary", line_of(text, "summary"), "the summary ends with a full stop", mend));
    }
    remarks
}

fn sources(subject: &Subject<'_>) -> Vec<Remark> {
    let Subject { recipe, text, .. } = subject;
    let mut remarks = Vec::new();
    for source in &recipe.sources {
        // What a list beside the recipe names needs no reason in it.
        let line = line_of(text, &source.sha256.to_string());
        if line.is_none() {
            continue;
        }
        let reason = line.is_some_and(|line| has_reason(text, line));
        let mirrors_alone = source.locations.iter().all(|location| matches!(location, Location::Debian(_)));
        if mirrors_alone && !reason {
            let mend = "put upstream's URL first, or say above [[source]] why there is none";
            remarks.push(remark("upstream", line, "only a mirror of Debian's is named for a source", mend));
        }
        for location in &source.locations {
            if let Location::Url(url) = location
                && url.starts_with("http:")
                && !reason
            {
                let what = format!("{url} is fetched without encryption: who listens sees what is built");
                let mend = "https, if the server has it; else say so above [[source]]";
                remarks.push(remark("http", line_of(text, "\"http:"), what, mend));
            }
        }
    }
    if let Some(fixed) = with_version(text, &recipe.version) {
        let line = text.lines().zip(fixed.lines()).position(|(old, new)| old != new).map(|index| index + 1);
        let mut remark = remark(
            "version",
            line,
            "a location repeats the version",
            "write `{version}` there, so that an update changes one line",
        );
        remark.fixed = Some(fixed);
        remarks.push(remark);
    }
    remarks
}

/// Whether a comment stands above the [[source]] that a line is in.
fn has_reason(text: &str, line: usize) -> bool {
    let lines: Vec<&str> = text.lines().take(line).collect();
    let heading = lines.iter().rposition(|line| line.trim() == "[[source]]");
    heading.is_some_and(|heading| heading > 0 && lines[heading - 1].trim_start().starts_with('#'))
}

/// The text with `{version}` in the places of locations that repeat the version; `None` where none does.
fn with_version(text: &str, version: &str) -> Option<String> {
    // A short number is in many names by chance.
    if version.len() < 3 || !version.contains('.') {
        return None;
    }
    let schemes = ["\"https://", "\"http://", "\"debian:", "\"crate:", "\"pypi:"];
    let mut changed = false;
    let mend = |line: &str| {
        let mut line = line.to_owned();
        for scheme in schemes {
            let Some(start) = line.find(scheme) else { continue };
            let end = line[start + 1..].find('"').map_or(line.len(), |end| start + 1 + end);
            let url = line[start..end].replace(version, "{version}");
            changed |= url != line[start..end];
            line.replace_range(start..end, &url);
        }
        format!("{line}\n")
    };
    let in_urls = text.lines().map(mend).collect::<String>();
    // The homepage is no location, and knows no placeholder.
    (changed && !in_urls.lines().any(|line| line.starts_with("homepage") && line.contains("{version}")))
        .then_some(in_urls)
}

fn local_files(subject: &Subject<'_>) -> Vec<Remark> {
    let Subject { recipe, beside, patches, .. } = subject;
    let named: BTreeSet<&str> = recipe.files.iter().chain(&recipe.patches).map(|file| file.name.as_str()).collect();
    let mut remarks = Vec::new();
    for file in beside.iter().filter(|file| !named.contains(file.as_str())) {
        let what = format!("{}/{file} is no file or patch of it", recipe.name);
        remarks.push(remark("unused-file", None, what, "name it in `files` or `patches`, or remove it"));
    }
    for (name, first) in *patches {
        if ["---", "diff ", "Index: ", "From "].iter().any(|start| first.starts_with(start)) || first.is_empty() {
            let what = format!("the patch {name} does not say what it is for");
            let mend = "begin it with its reason, in words";
            remarks.push(remark("patch", line_of(subject.text, name), what, mend));
        }
    }
    remarks
}

/// That two components want the same file is a fault that the build finds; a glob of several that wants none is not.
fn components(subject: &Subject<'_>) -> Vec<Remark> {
    let Subject { recipe, text, installed, .. } = subject;
    let paths: Vec<&RelPath> = installed.values().flat_map(|tree| tree.iter().map(|(path, _)| path)).collect();
    let mut remarks = Vec::new();
    if paths.is_empty() {
        return remarks;
    }
    for (name, component) in &recipe.components {
        let line = line_of(text, &format!("[components.{name}]"));
        for glob in component.files.iter().filter(|glob| !paths.iter().any(|path| glob.is_match(path.as_str()))) {
            let what = format!("`{}` of the component `{name}` matches nothing that is installed", glob.glob());
            remarks.push(remark("empty-glob", line, what, "take it away, or mend its spelling"));
        }
    }
    remarks
}

fn tests(subject: &Subject<'_>) -> Option<Remark> {
    let Subject { recipe, text, .. } = subject;
    let says_little = |test: &Test| match &test.kind {
        TestKind::Run(argv) => {
            let asks = |word: &String| ["--version", "-V", "-v", "--help", "-h", "version"].contains(&word.as_str());
            argv.len() == 2 && asks(&argv[1]) || argv.len() == 1 && test.stdin.is_empty() && test.files.is_empty()
        }
        TestKind::Script(script) => script.trim().is_empty() || script.trim() == "true",
    };
    let programs = !recipe.install.utilities.is_empty() || recipe.default_component() != Some(ComponentName::dev());
    if !programs || !recipe.tests.iter().all(says_little) || recipe.sources.is_empty() {
        return None;
    }
    let what = "its tests show that it starts, and not that it works";
    Some(remark("weak-test", line_of(text, "[[test]]"), what, "let one do what the program is for, and compare"))
}

fn scripts(subject: &Subject<'_>) -> Vec<Remark> {
    let Subject { recipe, text, catalog, .. } = subject;
    let mut remarks = Vec::new();
    // Each with the recipes that are there for it alone.
    let mut scripts: Vec<(&str, Vec<&RecipeName>)> = Vec::new();
    for test in &recipe.tests {
        if let TestKind::Script(script) = &test.kind {
            scripts.push((script, test.with.iter().map(|output| &output.recipe).collect()));
        }
    }
    if let Steps::Shell { words, prepare, finish, .. } = &recipe.build.steps {
        let own = [&words.script, prepare, finish].into_iter().flatten();
        scripts.extend(own.map(|script| (script.as_str(), Vec::new())));
    }
    let mut told = BTreeSet::new();
    for (script, with) in &scripts {
        for name in script::commands(script) {
            let Some(what) = script::absent(&name, recipe, with, catalog) else { continue };
            if told.insert(name.clone()) {
                let mend = match script::brought_by(&name, catalog) {
                    Some(recipe) => format!("add `{recipe}` to `[dependencies] build`, or to a test's `with`"),
                    None => "do it with what there is: the recipes' manual tells what a build finds".to_owned(),
                };
                remarks.push(remark("tool", line_of(text, &name), what, mend));
            }
        }
    }
    // The toolchain is where machines differ.
    if catalog.toolchain().recipes.contains(&recipe.name) {
        return remarks;
    }
    for (script, _) in &scripts {
        if let Some(word) = script::machine(script) {
            let what = format!("a script names the machine `{word}`");
            let mend = "`$HOST`, `${HOST%%-*}` and `$CC` are right for every target";
            remarks.push(remark("machine", line_of(text, word), what, mend));
        }
        if let Some(path) = ["/usr/local/", "/home/", "/opt/"].iter().find(|path| script.contains(**path)) {
            let what = format!("a script names {path}, which no sandbox has");
            remarks.push(remark(
                "host-path",
                line_of(text, path),
                what,
                "take it away: files are below /usr, /etc, /var",
            ));
        }
    }
    remarks
}
