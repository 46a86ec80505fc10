//! A node and its inputs' outputs become a [`Derivation`].

use std::collections::BTreeMap;

use super::closure::{closure, find};
use super::derivation::{BuildWork, Case, Derivation, Emulator, TestWork, Unpack, Work};
use super::{Node, NodeId, Origins, Outputs, Plan, PlanError, SEEDS_OUTPUT, fill};
use crate::archive::EPOCH;
use crate::digest::ObjectId;
use crate::recipe::{
    CcTarget, CcUnit, ComponentName, OutputRef, Recipe, RecipeName, Steps, Target, Test, TestKind, Words,
};
use crate::sandbox::{Action, Job, Step, Unit};

/// Where programs are looked for, in builds and in tests.
const PATH: &str = "/usr/bin:/usr/sbin";

/// The outputs of the nodes that are built.
type Built<'a> = &'a dyn Fn(NodeId) -> Option<&'a Outputs>;

impl Plan<'_> {
    /// The derivation of a node; `None` while one of its inputs is not built.
    ///
    /// # Errors
    /// When a component that it needs does not exist.
    pub fn derivation<'a>(&self, id: NodeId, built: Built<'a>) -> Result<Option<Derivation>, PlanError> {
        if self.inputs(id).into_iter().any(|input| built(input).is_none()) {
            return Ok(None);
        }
        let target = self.target_of(id);
        let resolver = Resolver { plan: self, target, built };
        let work = match self.node(id) {
            Node::Seeds(name) => {
                let seeds = self.seed_set(name).expect("a node names seeds of the catalogue");
                let (packages, only) = (seeds.packages.clone(), seeds.only.clone());
                Work::Unpack(Unpack { packages, only, links: seeds.links.clone() })
            }
            Node::Build(name, _) => Work::Build(resolver.build(find(self.catalog, name)?)?),
            Node::Test(name, _) => {
                let recipe = find(self.catalog, name)?;
                let emulated = self.facts(target).emulator.is_some();
                let tests = recipe.tests.iter().filter(|test| test.emulated || !emulated);
                let cases = tests.map(|test| resolver.case(recipe, test));
                Work::Test(TestWork { cases: cases.collect::<Result<_, _>>()? })
            }
        };
        let origins = self.origins(id, built);
        Ok(Some(Derivation { name: self.name(id), target: target.to_string(), work, origins }))
    }

    /// Whose objects a node is made of.
    fn origins<'a>(&self, id: NodeId, built: Built<'a>) -> Origins {
        let mut origins = Origins::new();
        for input in self.inputs(id) {
            let owner = self.subject(input);
            let owner = owner.split_once(' ').map_or(owner.as_str(), |(_, name)| name);
            let is_abroad = self.target_of(input) != self.target_of(id);
            let target = if is_abroad { format!(" ({})", self.target_of(input)) } else { String::new() };
            for (output, object) in built(input).into_iter().flatten() {
                origins.entry(*object).or_insert_with(|| format!("{owner}/{output}{target}"));
            }
        }
        origins
    }

    /// The object of a component for the plan's target.
    ///
    /// # Errors
    /// When the recipe's build did not give it.
    pub fn object<'a>(
        &self,
        built: Built<'a>,
        recipe: &RecipeName,
        component: &ComponentName,
    ) -> Result<ObjectId, PlanError> {
        self.object_for(built, recipe, component, self.target())
    }

    fn object_for<'a>(
        &self,
        built: Built<'a>,
        recipe: &RecipeName,
        component: &ComponentName,
        target: &Target,
    ) -> Result<ObjectId, PlanError> {
        let outputs = self.build_for(recipe, target).and_then(built);
        outputs.and_then(|outputs| outputs.get(component.as_str())).copied().ok_or_else(|| {
            PlanError::UnknownComponent {
                recipe: recipe.clone(),
                component: component.clone(),
                available: outputs.into_iter().flat_map(|outputs| outputs.keys().cloned()).collect(),
            }
        })
    }
}

struct Resolver<'p, 'a> {
    plan: &'p Plan<'p>,
    /// What the build or test is for.
    target: &'p Target,
    built: Built<'a>,
}

impl Resolver<'_, '_> {
    fn object(&self, recipe: &RecipeName, component: &ComponentName) -> Result<ObjectId, PlanError> {
        self.plan.object_for(self.built, recipe, component, self.target)
    }

    fn closure(&self, outputs: &[OutputRef], target: &Target) -> Result<Vec<ObjectId>, PlanError> {
        let named = closure(self.plan.catalog, outputs)?;
        let object = |(recipe, component): &(_, _)| self.plan.object_for(self.built, recipe, component, target);
        named.iter().map(object).collect()
    }

    /// `/` of a build: the recipe's tools, the toolchain's, the seeds.
    fn root(&self, recipe: &Recipe) -> Result<Vec<ObjectId>, PlanError> {
        let mut root: Vec<ObjectId> = Vec::new();
        for (recipe, target) in self.plan.tools(recipe, self.target) {
            let objects = self.closure(&[OutputRef { recipe, component: None }], &target)?;
            root.extend(objects.into_iter().filter(|id| !root.contains(id)).collect::<Vec<_>>());
        }
        root.extend(self.plan.seeds(recipe, self.target).filter_map(|seeds| self.seeds(&seeds.name)));
        Ok(root)
    }

    fn seeds(&self, name: &str) -> Option<ObjectId> {
        self.plan.seeds_of(name).and_then(self.built).and_then(|outputs| outputs.get(SEEDS_OUTPUT)).copied()
    }

    /// `/sysroot` of a build: the libraries that it links with, then the toolchain's.
    fn sysroot(&self, recipe: &Recipe) -> Result<Vec<ObjectId>, PlanError> {
        let libraries = self.plan.libraries(recipe)?;
        libraries.iter().map(|library| self.object(library, &ComponentName::dev())).collect()
    }

    /// The environment that every build has, before the recipe's own.
    fn env(&self) -> BTreeMap<String, String> {
        let (host, build) = (self.target.to_string(), self.plan.facts(self.target).build.clone());
        let mut env: BTreeMap<String, String> = [
            ("PATH", PATH),
            ("HOME", "/tmp"),
            ("TZ", "UTC"),
            ("LC_ALL", "C"),
            ("SOURCE_DATE_EPOCH", EPOCH.to_string().as_str()),
            ("OUT", "/out"),
            ("SYSROOT", "/sysroot"),
            ("HOST", &host),
            ("BUILD", &build),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        for (name, value) in &self.plan.catalog.toolchain().env {
            env.insert(name.clone(), value.replace("${HOST}", &host).replace("${BUILD}", &build));
        }
        env
    }

    fn build(&self, recipe: &Recipe) -> Result<BuildWork, PlanError> {
        let mut env = self.env();
        env.extend(recipe.build.env.clone());
        let files = recipe.files.iter().chain(&recipe.patches).cloned().collect();
        Ok(BuildWork {
            root: self.root(recipe)?,
            sysroot: self.sysroot(recipe)?,
            sources: recipe.sources.clone(),
            files,
            steps: self.steps(recipe, &env),
            env,
            machine: self.plan.facts(self.target).machine.clone(),
            division: division(recipe),
        })
    }

    fn steps(&self, recipe: &Recipe, env: &BTreeMap<String, String>) -> Vec<Step> {
        let exec = |name: &str, dir: &str, argv: &[&str]| Step {
            name: name.to_owned(),
            dir: dir.to_owned(),
            action: Action::Exec { argv: argv.iter().map(|word| (*word).to_owned()).collect() },
        };
        let mut steps: Vec<Step> = recipe
            .patches
            .iter()
            .map(|patch| {
                let file = format!("/build/files/{}", patch.name);
                exec("patch", "/build/src", &["patch", "-p1", "--fuzz=0", "--no-backup-if-mismatch", "-i", &file])
            })
            .collect();
        let dir = match &recipe.build.dir {
            Some(dir) => format!("/build/src/{dir}"),
            None => "/build/src".to_owned(),
        };
        let shell = |name: &str, script: &str| exec(name, &dir, &["sh", "-eu", "-c", script]);
        match &recipe.build.steps {
            Steps::Shell { preset, words, prepare, finish } => {
                steps.extend(prepare.iter().map(|script| shell("prepare", script)));
                steps.extend(self.phases(preset, words).iter().map(|(name, script)| shell(name, script)));
                steps.extend(finish.iter().map(|script| shell("finish", script)));
            }
            Steps::Cc(target) => {
                let action = Action::Compile(self.job(target, env));
                steps.push(Step { name: "compile".to_owned(), dir, action });
            }
        }
        steps
    }

    fn phases(&self, preset: &str, words: &Words) -> Vec<(String, String)> {
        let preset = self.plan.catalog.preset(preset).expect("the catalogue rejects a recipe with an unknown preset");
        preset.phases.iter().map(|phase| (phase.name.clone(), fill(&phase.script, words))).collect()
    }

    fn job(&self, target: &CcTarget, env: &BTreeMap<String, String>) -> Job {
        let CcTarget { units, copies } = target;
        let tool = |name: &str, default: &str| env.get(name).cloned().unwrap_or_else(|| default.to_owned());
        let host = self.target.to_string();
        // Rust names a vendor where the triplet does not.
        let triple = host.split_once('-').map_or(host.clone(), |(machine, rest)| format!("{machine}-unknown-{rest}"));
        Job {
            compiler: tool("CC", "cc"),
            archiver: tool("AR", "ar"),
            target: triple,
            units: units.iter().cloned().map(unit).collect(),
            copies: copies.clone(),
        }
    }

    fn case(&self, recipe: &Recipe, test: &Test) -> Result<Case, PlanError> {
        let Test { kind, component: _, with, env, files, stdin, stdout, stdout_has, stderr_has, status, emulated: _ } =
            test;
        let mut scene = match kind {
            TestKind::Run(argv) => self.bare_scene(recipe, test, argv)?,
            TestKind::Script(script) => self.workshop_scene(recipe, script, with)?,
        };
        scene.env.extend(env.clone());
        Ok(Case {
            root: scene.root,
            sysroot: scene.sysroot,
            env: scene.env,
            files: files.clone(),
            argv: scene.argv,
            stdin: stdin.clone(),
            stdout: stdout.clone(),
            stdout_has: stdout_has.clone(),
            stderr_has: stderr_has.clone(),
            status: *status,
            emulator: self.emulator(),
        })
    }

    /// What runs the target's programs where the sandbox's processor cannot.
    fn emulator(&self) -> Option<Emulator> {
        let emulator = self.plan.facts(self.target).emulator.as_ref()?;
        let machine = self.plan.facts(self.target).machine.clone();
        Some(Emulator { machine, object: self.seeds(&emulator.seeds.name)?, program: emulator.program.clone() })
    }

    /// Where a program is run without a shell: its component's run-time closure is all that there is.
    fn bare_scene(&self, recipe: &Recipe, test: &Test, argv: &[String]) -> Result<Scene, PlanError> {
        let component = recipe.tested_component(test);
        let mut outputs = vec![OutputRef { recipe: recipe.name.clone(), component }];
        outputs.extend_from_slice(&test.with);
        let env = [("PATH", PATH), ("HOME", "/tmp"), ("TZ", "UTC"), ("LC_ALL", "C")];
        Ok(Scene {
            root: self.closure(&outputs, self.target)?,
            sysroot: Vec::new(),
            env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            argv: argv.to_vec(),
        })
    }

    /// Where a script is run: the build's world, with all that the build gave laid over it.
    fn workshop_scene(&self, recipe: &Recipe, script: &str, with: &[OutputRef]) -> Result<Scene, PlanError> {
        let (mut outputs, mut sysroot) = (with.to_vec(), Vec::new());
        let own = self.plan.build_for(&recipe.name, self.target).and_then(self.built);
        for component in own.into_iter().flat_map(Outputs::keys) {
            let component = ComponentName::new(component.clone()).expect("a build's outputs are components");
            if component == ComponentName::dev() {
                sysroot.push(self.object(&recipe.name, &component)?);
            } else if component != ComponentName::doc() {
                outputs.push(OutputRef { recipe: recipe.name.clone(), component: Some(component) });
            }
        }
        let mut root = self.closure(&outputs, self.target)?;
        // A recipe of the toolchain is among its own tools.
        let tools: Vec<_> = self.root(recipe)?.into_iter().filter(|id| !root.contains(id)).collect();
        root.extend(tools);
        sysroot.extend(self.sysroot(recipe)?);
        let argv = ["sh", "-eu", "-c", script].map(str::to_owned).into();
        Ok(Scene { root, sysroot, env: self.env(), argv })
    }
}

/// What a test's program finds around it.
struct Scene {
    root: Vec<ObjectId>,
    sysroot: Vec<ObjectId>,
    env: BTreeMap<String, String>,
    argv: Vec<String>,
}

fn unit(unit: CcUnit) -> Unit {
    let CcUnit { name, library, sources, exclude, include, define, flags, libs } = unit;
    Unit { name, library, sources, exclude, include, define, flags, libs }
}

/// Everything in a recipe that decides which file belongs to which component.
fn division(recipe: &Recipe) -> Vec<String> {
    let mut lines = Vec::new();
    let install = &recipe.install;
    lines.extend(install.drop.iter().map(|glob| format!("drop {}", glob.glob())));
    lines.extend(install.utilities.iter().map(|glob| format!("utilities {}", glob.glob())));
    lines.extend(install.setuid.iter().map(|path| format!("setuid {path}")));
    for (name, component) in &recipe.components {
        lines.extend(component.files.iter().map(|glob| format!("component {name} {}", glob.glob())));
    }
    lines
}
