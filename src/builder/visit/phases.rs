//! A build's phases as files: what `phase NAME` runs inside.

use std::path::Path;

use crate::builder::BuildError;
use crate::fs;
use crate::plan::quote;
use crate::sandbox::{Action, Step};

/// What a visitor's shell reads first.
pub const PROFILE: &str = "/phases/.profile";

/// The program `phase`.
const PROGRAM: &str = r#"#!/bin/sh
# phase           lists the phases of this build, in order
# phase NAME...   runs them as the build does
[ $# -gt 0 ] || exec cat /phases/.order
for name; do
  if ! [ -f "/phases/$name" ]; then
    echo "phase: this build has no phase \`$name\`; it has:" >&2
    cat /phases/.order >&2
    exit 2
  fi
done
for name; do
  echo "[drystone] $name"
  "/phases/$name" </dev/null || { status=$?; echo "phase: $name: exit status $status" >&2; exit $status; }
done
"#;

/// Steps of one name that follow each other.
#[derive(Debug, Clone)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// The directory that its first step starts in.
    pub dir: String,
    /// What it does.
    pub steps: Vec<Step>,
}

/// A build's phases, in order.
pub fn of_steps(steps: &[Step]) -> Vec<Phase> {
    let mut phases: Vec<Phase> = Vec::new();
    for step in steps {
        match phases.last_mut().filter(|phase| phase.name == step.name) {
            Some(phase) => phase.steps.push(step.clone()),
            None => {
                phases.push(Phase { name: step.name.clone(), dir: step.dir.clone(), steps: vec![step.clone()] });
            }
        }
    }
    phases
}

/// Writes the layer that a visitor finds them in.
///
/// # Errors
/// When it cannot be written.
pub fn write(layer: &Path, build: &str, phases: &[Phase]) -> Result<(), BuildError> {
    let (bin, place) = (layer.join("usr/bin"), layer.join("phases"));
    for directory in [&bin, &place] {
        fs::create_dir_all(directory)?;
    }
    write_program(&bin.join("phase"), PROGRAM)?;
    for phase in phases {
        write_program(&place.join(&phase.name), &script(phase))?;
    }
    let order: String = phases.iter().map(|phase| format!("{}\n", phase.name)).collect();
    fs::write(&place.join(".order"), order)?;
    Ok(fs::write(&place.join(".profile"), format!("unset ENV\nPS1={}\n", quote(&format!("[{build}] $PWD $ "))))?)
}

fn write_program(path: &Path, text: &str) -> Result<(), BuildError> {
    fs::write(path, text)?;
    Ok(fs::set_mode(path, 0o755)?)
}

/// What the steps of a phase do, for the shell.
fn script(phase: &Phase) -> String {
    let mut text = format!("#!/bin/sh\n# The phase `{}`, as the build runs it.\nset -e\n", phase.name);
    for step in &phase.steps {
        match &step.action {
            Action::Exec { argv } | Action::Capture { argv, .. } => {
                let words: Vec<String> = argv.iter().map(|word| quote(word)).collect();
                text.push_str(&format!("cd {}\n{}\n", quote(&step.dir), words.join(" ")));
            }
            Action::Compile(_) => text.push_str(&format!(
                "echo 'phase: drystone itself compiles in `{0}`, without shell or make: to have it run, come in after it \
                 (--failed), or build' >&2\nexit 2\n",
                phase.name
            )),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, words: &[&str]) -> Step {
        let argv = words.iter().map(|word| (*word).to_owned()).collect();
        Step { name: name.into(), dir: "/build/src".into(), action: Action::Exec { argv } }
    }

    #[test]
    fn steps_of_one_name_are_one_phase_whose_script_runs_each_as_the_build_does() {
        let steps =
            [step("patch", &["patch", "-i", "a"]), step("patch", &["patch", "-i", "b"]), step("build", &["make"])];
        let phases = of_steps(&steps);
        assert_eq!(phases.iter().map(|phase| phase.name.as_str()).collect::<Vec<_>>(), ["patch", "build"]);
        assert!(script(&phases[0]).ends_with("set -e\ncd /build/src\npatch -i a\ncd /build/src\npatch -i b\n"));
    }
}
