//! `drystone why`.

pub(super) mod answer;

use std::collections::BTreeMap;

use answer::{Answer, Changed, Status};

use super::args::{Common, Why};
use super::failure::Failure;
use super::project::Project;
use crate::builder::{Standing, Survey, survey};
use crate::digest::DerivationKey;
use crate::plan::{Change, NodeId, Outputs, Plan, PlanError, explain};
use crate::store::Inputs;

/// Says which input makes a recipe be built again, and what that has looked at in turn.
pub fn run(common: &Common, args: &Why) -> Result<(), Failure> {
    let project = Project::open(common)?;
    if project.catalog.recipe(&args.name).is_none() {
        let nearest = project.catalog.nearest(args.name.as_str());
        return Err(PlanError::UnknownRecipe { name: args.name.to_string(), nearest }.into());
    }
    let all = project.catalog.recipes_for(&project.target);
    let plan = Plan::new(&project.catalog, &project.target, &all)?;
    let survey = survey(&plan, &project.store)?;
    let id = if args.test { plan.test_of(&args.name) } else { plan.build_of(&args.name) };
    let id = id.expect("a plan has the builds that it was asked for");
    let answer = Reason { project: &project, plan: &plan, survey: &survey }.answer(id)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer).expect("this is plain data"));
    } else {
        answer.lines().iter().for_each(|line| println!("{line}"));
    }
    Ok(())
}

struct Reason<'a> {
    project: &'a Project,
    plan: &'a Plan<'a>,
    survey: &'a Survey,
}

impl Reason<'_> {
    fn answer(&self, id: NodeId) -> Result<Answer, Failure> {
        let (status, key) = match self.survey.standing(id) {
            Standing::Built { key, .. } => (Status::Built, Some(*key)),
            Standing::Ready { key } => (Status::ToBuild, Some(*key)),
            Standing::Waiting => (Status::Waiting, None),
        };
        let (direct, further) = self.dependents(id);
        let mut answer = Answer {
            name: self.plan.name(id),
            status,
            key,
            last: None,
            changes: Vec::new(),
            first: self.unbuilt_inputs(id),
            unknown: None,
            dependents: direct,
            further,
        };
        let last = self.last(id, key.filter(|_| status == Status::Built).as_ref())?;
        match (last, self.presumed(id)?) {
            (None, _) => answer.unknown = Some(self.no_last(id, status)?),
            (Some(_), None) => {
                answer.unknown = Some("an input of it was never built, so what it will be made of is not known".into());
            }
            (Some((last, before)), Some(after)) => {
                answer.last = Some(last);
                let changes = explain((&before.fields, &before.origins), (&after.fields, &after.origins)).into_iter();
                answer.changes = changes.map(|change| self.changed(change)).collect::<Result<_, _>>()?;
            }
        }
        Ok(answer)
    }

    /// The build of the same subject before `key`, or the last of all.
    fn last(&self, id: NodeId, key: Option<&DerivationKey>) -> Result<Option<(DerivationKey, Inputs)>, Failure> {
        let target = self.plan.target_of(id).to_string();
        Ok(self.project.store.built_before(&self.plan.subject(id), &target, key)?)
    }

    /// Why there is nothing to compare with.
    fn no_last(&self, id: NodeId, status: Status) -> Result<String, Failure> {
        let recorded = match self.survey.standing(id) {
            Standing::Built { key, .. } => self.project.store.inputs(key)?.is_some(),
            Standing::Ready { .. } | Standing::Waiting => false,
        };
        Ok(match (status, recorded) {
            (Status::Built, true) => "the store knows of no earlier build of it".into(),
            (Status::Built, false) => "what it was made of was not recorded when it was built".into(),
            _ => "the store knows of no build of it whose inputs were recorded".into(),
        })
    }

    /// What a node is made of now. What is not built yet is taken to give what it gave last.
    fn presumed(&self, id: NodeId) -> Result<Option<Inputs>, Failure> {
        let mut presumed: BTreeMap<NodeId, Outputs> = BTreeMap::new();
        for input in self.plan.inputs(id) {
            let outputs = match self.survey.outputs(input) {
                Some(outputs) => Some(outputs.clone()),
                None => match self.last(input, None)? {
                    Some((key, _)) => self.project.store.trace(&key)?.map(|trace| trace.outputs),
                    None => None,
                },
            };
            let Some(outputs) = outputs else { return Ok(None) };
            presumed.insert(input, outputs);
        }
        let derivation = match self.plan.derivation(id, &|id| presumed.get(&id)) {
            Ok(derivation) => derivation,
            // A component that is new in a recipe that is not built.
            Err(PlanError::UnknownComponent { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(derivation.map(|derivation| Inputs {
            subject: self.plan.subject(id),
            target: derivation.target.clone(),
            fields: derivation.key().1,
            origins: derivation.origins,
        }))
    }

    /// What is to be built before a node can be, the deepest first.
    fn unbuilt_inputs(&self, id: NodeId) -> Vec<String> {
        let inputs = self.plan.closure_of(id);
        let unbuilt = self.plan.order().iter().filter(|id| inputs.contains(id) && self.survey.outputs(**id).is_none());
        unbuilt.map(|id| self.plan.name(*id)).collect()
    }

    /// The nodes that are made of this one, and those behind them; tests after builds.
    fn dependents(&self, id: NodeId) -> (Vec<String>, Vec<String>) {
        let mut others: Vec<NodeId> = self.plan.order().iter().filter(|other| **other != id).copied().collect();
        others.sort_by_key(|other| self.plan.node(*other));
        let mut direct = Vec::new();
        let mut further = Vec::new();
        for other in &others {
            if self.plan.inputs(*other).contains(&id) {
                direct.push(self.plan.name(*other));
            } else if self.plan.closure_of(*other).contains(&id) {
                further.push(self.plan.name(*other));
            }
        }
        (direct, further)
    }

    /// A change, with the files in which an object differs.
    fn changed(&self, change: Change) -> Result<Changed, Failure> {
        let store = &self.project.store;
        let files = match &change {
            Change::Object { before: Some(before), after: Some(after), .. }
                if store.has_object(before) && store.has_object(after) =>
            {
                Some(store.tree(before)?.differences(&store.tree(after)?))
            }
            _ => None,
        };
        Ok(Changed::new(change, files))
    }
}
