//! Runs a recipe's tests, each in a sandbox of its own.

use std::path::Path;

use super::BuildError;
use super::execute::Job;
use crate::fs;
use crate::plan::{Case, TestWork};
use crate::sandbox::{Action, Emulator, Outcome, Spec, Step, Variation};

/// How much of an output an error quotes, in characters.
const QUOTED: usize = 2000;

/// Runs the tests in order.
///
/// # Errors
/// The first test that fails, with what it wrote.
pub fn run(job: &Job<'_>, work: &TestWork) -> Result<(), BuildError> {
    for (index, case) in work.cases.iter().enumerate() {
        let directory = job.scratch.path().join(format!("case-{index}"));
        run_case(job, index, case, &directory)?;
    }
    Ok(())
}

fn run_case(job: &Job<'_>, index: usize, case: &Case, directory: &Path) -> Result<(), BuildError> {
    let build = directory.join("build");
    fs::create_dir_all(&build)?;
    for (path, text) in &case.files {
        let path = path.under(&build);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, text)?;
    }
    let [stdin, stdout, stderr] = ["stdin", "stdout", "stderr"].map(|name| directory.join(name));
    fs::write(&stdin, &case.stdin)?;
    let name = format!("test {}", index + 1);
    let action = Action::Capture {
        argv: case.argv.clone(),
        stdin,
        stdout: stdout.clone(),
        stderr: stderr.clone(),
        status: case.status,
    };
    let spec = Spec {
        root: job.objects(&case.root),
        sysroot: job.objects(&case.sysroot),
        build,
        out: None,
        env: case.env.clone(),
        steps: vec![Step { name: name.clone(), dir: "/build".to_owned(), action }],
        limits: job.executor.options.limits.clone(),
        emulator: case.emulator.as_ref().map(|emulator| Emulator {
            machine: emulator.machine.clone(),
            program: emulator.program.under(&job.executor.store.object_path(&emulator.object)),
        }),
        variation: Variation::default(),
    };
    let outcome = job.sandbox(&spec)?;
    let (stdout, stderr) = (fs::read(&stdout)?, fs::read(&stderr)?);
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let fault = match outcome {
        Outcome::Failed { how, .. } => Some(how),
        Outcome::Limit { limit, .. } => Some(format!("over the limit of {limit}")),
        Outcome::Success => fault(case, &stdout, &stderr),
    };
    let Some(fault) = fault else { return Ok(()) };
    job.log.line(format!("[drystone] ran {}", command(&case.argv)).as_bytes());
    for (stream, text) in [("standard output", &stdout), ("standard error", &stderr)] {
        if !text.is_empty() {
            job.log.line(format!("[drystone] its {stream}:").as_bytes());
            text.chars().take(QUOTED).collect::<String>().lines().for_each(|line| job.log.line(line.as_bytes()));
        }
    }
    Err(job.failed(name, fault))
}

/// What is wrong with what a program wrote.
fn fault(case: &Case, stdout: &str, stderr: &str) -> Option<String> {
    let lacks = |stream: &str, text: &str, wanted: &[String]| {
        let missing = wanted.iter().find(|wanted| !text.contains(wanted.as_str()));
        missing.map(|missing| format!("its {stream} does not hold {missing:?}"))
    };
    if let Some(wanted) = case.stdout.as_ref().filter(|wanted| *wanted != stdout) {
        let quoted: String = stdout.chars().take(QUOTED).collect();
        return Some(format!("its standard output should be {wanted:?} but is {quoted:?}"));
    }
    lacks("standard output", stdout, &case.stdout_has).or_else(|| lacks("standard error", stderr, &case.stderr_has))
}

/// A command as people write it; a script only by its first line.
fn command(argv: &[String]) -> String {
    argv.iter()
        .map(|word| crate::plan::quote(word.lines().find(|line| !line.is_empty()).unwrap_or("")))
        .collect::<Vec<_>>()
        .join(" ")
}
