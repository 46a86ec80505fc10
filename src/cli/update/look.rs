//! Which newer versions of a recipe its places list.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::network::Network;
use crate::cli::project::Project;
use crate::fetch::{self, Listed};
use crate::fs;
use crate::recipe::{Location, Match, Recipe, RecipeName, RecipeText, Template, version};

/// How many pages are asked for at a time.
const PARALLEL: usize = 8;

/// A recipe that may be brought to another version.
#[derive(Debug)]
pub struct Subject {
    /// Its name.
    pub name: RecipeName,
    /// Its file.
    pub file: PathBuf,
    /// Its file as seen from the project's root.
    pub below: PathBuf,
    /// What the file holds.
    pub before: String,
    /// Its facts.
    pub text: RecipeText,
    /// Of each source the locations; `None` for one that the version is not in.
    templates: Vec<Vec<Option<Template>>>,
}

/// A version that a recipe may go to.
#[derive(Debug)]
pub struct Candidate {
    /// The version.
    pub version: String,
    /// Which locations list it, by their kind and place.
    pub listed_by: Vec<String>,
    /// The main source's listed names, by the location's place in the recipe.
    matches: BTreeMap<usize, Match>,
}

/// What was found about a recipe.
#[derive(Debug, Default)]
pub struct Findings {
    /// The newer versions, the newest last.
    pub newer: Vec<Candidate>,
    /// What is listed and not taken, and why.
    pub notes: Vec<String>,
    /// Why places list nothing.
    pub silent: Vec<String>,
    /// Whether any place has listed something.
    pub listed: bool,
}

/// One source to be pinned.
#[derive(Debug, Serialize)]
pub struct Wanted {
    /// Which source of the recipe.
    pub index: usize,
    /// Its locations as the recipe is to write them.
    pub urls: Vec<String>,
    /// The same as they are to be tried.
    #[serde(skip)]
    pub locations: Vec<Location>,
}

impl Subject {
    /// Reads a recipe's facts.
    pub fn of(project: &Project, recipe: &Recipe) -> Result<Self, Failure> {
        let before = fs::read_to_string(&recipe.file)?;
        let text = RecipeText::read(&before)?;
        let templates = |urls: &Vec<&str>| urls.iter().map(|url| Template::read(url, text.version())).collect();
        let templates = text.urls().iter().map(templates).collect();
        let below = recipe.file.strip_prefix(&project.root).unwrap_or(&recipe.file).to_owned();
        Ok(Self { name: recipe.name.clone(), file: recipe.file.clone(), below, before, text, templates })
    }

    /// The version that it has.
    pub fn version(&self) -> &str {
        self.text.version()
    }

    /// The sources that another version has elsewhere.
    pub fn wanted(&self, candidate: &Candidate) -> Result<Vec<Wanted>, Failure> {
        let main = self.main();
        let urls = self.text.urls();
        let mut wanted = Vec::new();
        for (index, templates) in self.templates.iter().enumerate() {
            if templates.iter().all(Option::is_none) {
                continue;
            }
            let url = |(at, template): (usize, &Option<Template>)| match (template, candidate.matches.get(&at)) {
                (Some(template), Some(found)) if main == Some(index) => template.at_match(found),
                (Some(template), _) => template.at(&candidate.version),
                (None, _) => urls[index][at].to_owned(),
            };
            let new: Vec<String> = templates.iter().enumerate().map(url).collect();
            // What lists it goes first; what does not have the version in it is another file.
            let mut order: Vec<usize> = (0..new.len()).filter(|at| templates[*at].is_some()).collect();
            order.sort_by_key(|at| main != Some(index) || !candidate.matches.contains_key(at));
            let location = |at: usize| new[at].replace("{version}", &candidate.version).parse::<Location>();
            let locations: Result<Vec<_>, _> = order.into_iter().map(location).collect();
            let locations = locations.map_err(|error| {
                Failure::user(format!("{}: {error}", self.name), "say another version with --to".to_owned())
            })?;
            wanted.push(Wanted { index, urls: new, locations });
        }
        Ok(wanted)
    }

    /// A version that somebody names, as far as it is listed.
    pub fn candidate(&self, findings: Findings, version: &str) -> Candidate {
        let named = findings.newer.into_iter().find(|candidate| candidate.version == version);
        named.unwrap_or_else(|| Candidate {
            version: version.to_owned(),
            listed_by: Vec::new(),
            matches: BTreeMap::new(),
        })
    }

    /// The source whose version is the recipe's: the first that has it in a location.
    fn main(&self) -> Option<usize> {
        self.templates.iter().position(|templates| templates.iter().any(Option::is_some))
    }

    /// The locations that no other version can be told of.
    fn without_version(&self) -> impl Iterator<Item = String> {
        let main = self.main();
        let urls = self.text.urls();
        let pairs = self.templates.iter().enumerate().filter(move |(index, _)| Some(*index) == main);
        let fixed: Vec<String> = pairs
            .flat_map(|(index, templates)| {
                let fixed = templates.iter().enumerate().filter(|(_, template)| template.is_none());
                fixed.map(|(at, _)| urls[index][at].to_owned()).collect::<Vec<_>>()
            })
            .collect();
        fixed.into_iter()
    }

    /// What its places list.
    async fn look(&self, network: &Network, pre: bool) -> Findings {
        let mut findings = Findings::default();
        for url in self.without_version() {
            findings.notes.push(format!("{url} does not have the version in it, and stays as it is"));
        }
        let Some(main) = self.main() else { return findings };
        let mut newer: BTreeMap<String, Candidate> = BTreeMap::new();
        for (at, template) in self.templates[main].iter().enumerate() {
            let Some(template) = template else { continue };
            let place = template.shelf().to_string();
            match fetch::list(template.shelf(), &network.mirrors, &network.client).await {
                Ok(listed) => {
                    findings.listed = true;
                    let (taken, other) = self.sort(template, &listed, pre);
                    findings.notes.extend(other.map(|found| not_taken(&place, &found)));
                    taken.into_iter().for_each(|found| add(&mut newer, at, &place, template, found));
                }
                Err(refusal) => findings.silent.push(refusal.brief()),
            }
        }
        findings.newer = newer.into_values().collect();
        findings.newer.sort_by(|one, other| version::compare(&one.version, &other.version));
        findings
    }

    /// What of a list is newer: all that may be taken, and the newest of what may not.
    fn sort(&self, template: &Template, listed: &[Listed], pre: bool) -> (Vec<Match>, Option<Match>) {
        let (mut taken, mut others) = (Vec::new(), Vec::new());
        for found in listed.iter().filter_map(|listed| template.fit(&listed.name)) {
            // A crate's own version is all that there is to go by where it is not that of what it holds.
            let (new, old) = match &found.version {
                Some(new) => (new, self.version()),
                None => (&found.spelled, template.spelled()),
            };
            let newer = version::compare(new, old).is_gt() && version::counts_alike(new, old);
            match newer && (pre || version::is_release(new)) {
                false => {}
                true if found.version.is_some() && template.is_alike(&found) => taken.push(found),
                true => others.push(found),
            }
        }
        (taken, others.into_iter().max_by(|one, other| version::compare(&one.spelled, &other.spelled)))
    }
}

/// Takes note that a location lists a version.
fn add(newer: &mut BTreeMap<String, Candidate>, at: usize, place: &str, template: &Template, found: Match) {
    let Some(version) = found.version.clone() else { return };
    let fresh = || Candidate { version: version.clone(), listed_by: Vec::new(), matches: BTreeMap::new() };
    let candidate = newer.entry(version.clone()).or_insert_with(fresh);
    match candidate.matches.get(&at) {
        Some(old) if template.distance(old) <= template.distance(&found) => {}
        _ => drop(candidate.matches.insert(at, found)),
    }
    if !candidate.listed_by.iter().any(|by| by == place) {
        candidate.listed_by.push(place.to_owned());
    }
}

/// Why a listed version is not taken.
fn not_taken(place: &str, found: &Match) -> String {
    let Match { spelled, repacked, .. } = found;
    match (found.version.is_some(), repacked.is_empty()) {
        (false, _) => format!("{place}: {spelled} is listed; which version that holds, its name does not say"),
        (true, false) => {
            format!("{place}: {spelled}{repacked} is listed, which Debian has repacked: not upstream's file")
        }
        (true, true) => {
            format!("{place}: {spelled} is listed as upstream has it, not repacked as the recipe's source is")
        }
    }
}

/// Looks all of them up, some at a time; in their order.
pub fn look(network: &Network, subjects: &[Subject], pre: bool) -> Vec<Findings> {
    use futures_util::{StreamExt as _, stream};
    let looks = subjects.iter().map(|subject| subject.look(network, pre));
    network.wait(stream::iter(looks).buffered(PARALLEL).collect())
}

/// Whether a recipe is one of the project's own, and not its toolchain's.
pub fn is_own(project: &Project, recipe: &Recipe) -> bool {
    recipe.file.strip_prefix(&project.root).is_ok_and(|below| below.starts_with(Path::new("recipes")))
}
