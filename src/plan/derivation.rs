//! One build or test, fully resolved, and its key.

use std::collections::BTreeMap;

use super::Origins;
use crate::digest::{DerivationKey, Encoder, Field, ObjectId};
use crate::path::RelPath;
use crate::recipe::{LocalFile, SeedPackage, Source};
use crate::sandbox::{self, Action, Job, Step, Unit};

/// Raised whenever the encoding, or what the builder does with a derivation, changes.
const VERSION: u32 = 1;

/// One build or test, every input by content.
#[derive(Debug, Clone)]
pub struct Derivation {
    /// Its name for people; also hashed, since logs and errors show it.
    pub name: String,
    /// What it is for.
    pub target: String,
    /// What is done.
    pub work: Work,
    /// Whose objects it is made of; for people, and not hashed.
    pub origins: Origins,
}

/// What a derivation does.
#[derive(Debug, Clone)]
pub enum Work {
    /// Unpacks binary packages into one tree.
    Unpack(Unpack),
    /// Runs steps that install files.
    Build(BuildWork),
    /// Runs tests.
    Test(TestWork),
}

/// Binary packages that become one tree.
#[derive(Debug, Clone)]
pub struct Unpack {
    /// The packages.
    pub packages: Vec<SeedPackage>,
    /// The only files that are taken out of them; all where it is empty.
    pub only: Vec<RelPath>,
    /// Symbolic links added to them.
    pub links: BTreeMap<RelPath, String>,
}

/// Steps that install files.
#[derive(Debug, Clone)]
pub struct BuildWork {
    /// Objects united at `/`.
    pub root: Vec<ObjectId>,
    /// Objects united at `/sysroot`.
    pub sysroot: Vec<ObjectId>,
    /// What is unpacked or put below `/build`.
    pub sources: Vec<Source>,
    /// Local files, put at `/build/files`.
    pub files: Vec<LocalFile>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// The steps.
    pub steps: Vec<Step>,
    /// The ELF machine that every binary must be for.
    pub machine: String,
    /// What decides which file belongs to which component, as text.
    pub division: Vec<String>,
}

/// Tests, each in a sandbox of its own.
#[derive(Debug, Clone)]
pub struct TestWork {
    /// The tests.
    pub cases: Vec<Case>,
}

/// One test.
#[derive(Debug, Clone)]
pub struct Case {
    /// Objects united at `/`.
    pub root: Vec<ObjectId>,
    /// Objects united at `/sysroot`.
    pub sysroot: Vec<ObjectId>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Files written to `/build`.
    pub files: BTreeMap<RelPath, String>,
    /// The program and its words.
    pub argv: Vec<String>,
    /// What it reads.
    pub stdin: String,
    /// What it must write, exactly.
    pub stdout: Option<String>,
    /// Texts that its standard output must hold.
    pub stdout_has: Vec<String>,
    /// Texts that its standard error must hold.
    pub stderr_has: Vec<String>,
    /// Its exit status.
    pub status: i32,
    /// What runs the target's programs where the sandbox's processor cannot.
    pub emulator: Option<Emulator>,
}

/// A program that runs those of another machine.
#[derive(Debug, Clone)]
pub struct Emulator {
    /// The ELF machine whose programs it runs.
    pub machine: String,
    /// The object that holds it.
    pub object: ObjectId,
    /// Where it is in that object.
    pub program: RelPath,
}

impl Derivation {
    /// The key, and the inputs that it was hashed from.
    pub fn key(&self) -> (DerivationKey, Vec<Field>) {
        let Self { name, target, work, origins: _ } = self;
        let mut encoder = Encoder::new("drystone-derivation", VERSION);
        encoder.field("name", name);
        encoder.field("target", target);
        match work {
            Work::Unpack(unpack) => encode_unpack(&mut encoder, unpack),
            Work::Build(build) => {
                encoder.field("sandbox", &sandbox::VERSION.to_string());
                encode_build(&mut encoder, build);
            }
            Work::Test(TestWork { cases }) => {
                encoder.field("sandbox", &sandbox::VERSION.to_string());
                encoder.field("cases.len", &cases.len().to_string());
                for (index, case) in cases.iter().enumerate() {
                    encode_case(&mut encoder, &format!("case[{index}]"), case);
                }
            }
        }
        let (digest, fields) = encoder.finish();
        (DerivationKey::from_bytes(*digest.as_bytes()), fields)
    }
}

fn encode_unpack(encoder: &mut Encoder, unpack: &Unpack) {
    let Unpack { packages, only, links } = unpack;
    encoder.field("work", "unpack");
    // Names, versions and locations are for people: the bytes decide.
    encoder.list("package", packages.iter().map(|package| package.sha256));
    if !only.is_empty() {
        encoder.list("only", only.iter().map(RelPath::as_str));
    }
    encode_map(encoder, "link", links.iter().map(|(path, target)| (path.as_str(), target.as_str())));
}

fn encode_build(encoder: &mut Encoder, build: &BuildWork) {
    let BuildWork { root, sysroot, sources, files, env, steps, machine, division } = build;
    encoder.field("work", "build");
    encoder.list("root", root);
    encoder.list("sysroot", sysroot);
    encoder.field("sources.len", &sources.len().to_string());
    for (index, source) in sources.iter().enumerate() {
        let Source { sha256, locations: _, into, strip, unpack } = source;
        encoder.field(&format!("source[{index}].sha256"), &sha256.to_string());
        encoder.field(&format!("source[{index}].into"), into.as_str());
        encoder.field(&format!("source[{index}].strip"), &strip.to_string());
        encoder.field(&format!("source[{index}].unpack"), &unpack.to_string());
        if !unpack {
            encoder.field(&format!("source[{index}].file"), &source.file_name());
        }
    }
    let digests =
        files.iter().map(|LocalFile { name, path: _, digest, sha256: _ }| (name.as_str(), digest.to_string()));
    encode_map(encoder, "file", digests);
    encode_map(encoder, "env", env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    encoder.field("steps.len", &steps.len().to_string());
    for (index, step) in steps.iter().enumerate() {
        encode_step(encoder, &format!("step[{index}]"), step);
    }
    encoder.field("machine", machine);
    encoder.list("division", division);
}

fn encode_map<'a, V: AsRef<str>>(encoder: &mut Encoder, label: &str, map: impl Iterator<Item = (&'a str, V)>) {
    let pairs: Vec<_> = map.collect();
    encoder.field(&format!("{label}.len"), &pairs.len().to_string());
    for (name, value) in pairs {
        encoder.field(&format!("{label}.{name}"), value.as_ref());
    }
}

fn encode_step(encoder: &mut Encoder, label: &str, step: &Step) {
    let Step { name, dir, action } = step;
    encoder.field(&format!("{label}.name"), name);
    encoder.field(&format!("{label}.dir"), dir);
    match action {
        Action::Exec { argv } => encoder.list(&format!("{label}.exec"), argv),
        Action::Capture { argv, stdin: _, stdout: _, stderr: _, status } => {
            encoder.list(&format!("{label}.capture"), argv);
            encoder.field(&format!("{label}.status"), &status.to_string());
        }
        Action::Compile(job) => encode_job(encoder, label, job),
    }
}

fn encode_job(encoder: &mut Encoder, label: &str, job: &Job) {
    let Job { compiler, archiver, target, units, copies } = job;
    encoder.field(&format!("{label}.cc"), cc_version());
    encoder.field(&format!("{label}.compiler"), compiler);
    encoder.field(&format!("{label}.archiver"), archiver);
    encoder.field(&format!("{label}.target"), target);
    encoder.field(&format!("{label}.units.len"), &units.len().to_string());
    for (index, unit) in units.iter().enumerate() {
        let label = format!("{label}.unit[{index}]");
        let Unit { name, library, sources, exclude, include, define, flags, libs } = unit;
        encoder.field(&format!("{label}.name"), name);
        encoder.field(&format!("{label}.library"), &library.to_string());
        for (what, words) in
            [("sources", sources), ("exclude", exclude), ("include", include), ("flags", flags), ("libs", libs)]
        {
            encoder.list(&format!("{label}.{what}"), words);
        }
        let defines = define.iter().map(|(name, value)| match value {
            Some(value) => format!("{name}={value}"),
            None => name.clone(),
        });
        encoder.list(&format!("{label}.define"), defines.collect::<Vec<_>>());
    }
    encode_map(encoder, &format!("{label}.copy"), copies.iter().map(|(to, from)| (to.as_str(), from.as_str())));
}

fn encode_case(encoder: &mut Encoder, label: &str, case: &Case) {
    let Case { root, sysroot, env, files, argv, stdin, stdout, stdout_has, stderr_has, status, emulator } = case;
    encoder.list(&format!("{label}.root"), root);
    encoder.list(&format!("{label}.sysroot"), sysroot);
    encode_map(encoder, &format!("{label}.env"), env.iter().map(|(name, value)| (name.as_str(), value)));
    encode_map(encoder, &format!("{label}.file"), files.iter().map(|(name, text)| (name.as_str(), text)));
    encoder.list(&format!("{label}.argv"), argv);
    encoder.field(&format!("{label}.stdin"), stdin);
    encoder.list(&format!("{label}.stdout"), stdout.as_slice());
    encoder.list(&format!("{label}.stdout-has"), stdout_has);
    encoder.list(&format!("{label}.stderr-has"), stderr_has);
    encoder.field(&format!("{label}.status"), &status.to_string());
    // Fields are named, so that one which is not always there makes no two cases alike.
    if let Some(Emulator { machine, object, program }) = emulator {
        encoder.field(&format!("{label}.emulator.machine"), machine);
        encoder.field(&format!("{label}.emulator.object"), &object.to_string());
        encoder.field(&format!("{label}.emulator.program"), program.as_str());
    }
}

/// The version of the `cc` crate in this binary: how it calls the compiler is part of what a build does.
fn cc_version() -> &'static str {
    const LOCK: &str = include_str!("../../Cargo.lock");
    let package = LOCK.split_once("name = \"cc\"\nversion = \"").map(|(_, rest)| rest);
    package.and_then(|rest| rest.split('"').next()).expect("Cargo.lock lists the cc crate, which this crate uses")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build() -> BuildWork {
        BuildWork {
            root: vec![ObjectId::from_bytes([1; 32])],
            sysroot: Vec::new(),
            sources: Vec::new(),
            files: Vec::new(),
            env: BTreeMap::from([("CFLAGS".into(), "-O2".into())]),
            steps: vec![Step {
                name: "build".into(),
                dir: "/build/src".into(),
                action: Action::Exec { argv: vec!["make".into()] },
            }],
            machine: "x86_64".into(),
            division: Vec::new(),
        }
    }

    fn key(work: BuildWork) -> DerivationKey {
        Derivation { name: "sed-4.9".into(), target: "t".into(), work: Work::Build(work), origins: Origins::new() }
            .key()
            .0
    }

    #[test]
    fn every_input_counts_and_the_fields_explain_which() {
        let plain = key(build());
        assert_eq!(plain, key(build()));
        let mut flags = build();
        flags.env.insert("CFLAGS".into(), "-O3".into());
        assert_ne!(plain, key(flags.clone()));
        let mut input = build();
        input.root[0] = ObjectId::from_bytes([2; 32]);
        assert_ne!(plain, key(input));
        let work = Work::Build(flags);
        let fields = Derivation { name: "x".into(), target: "t".into(), work, origins: Origins::new() }.key().1;
        assert!(fields.contains(&Field { label: "env.CFLAGS".into(), value: "-O3".into() }));
    }

    #[test]
    fn the_cc_crate_is_found_in_the_lock_file() {
        assert!(cc_version().starts_with("1."), "{}", cc_version());
    }
}
