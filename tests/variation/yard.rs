//! A sandbox over the toolchain, in which a script runs in a world that varies.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use drystone::sandbox::{
    self, Action, Event, Exit, Limits, Outcome, SUPERVISOR_NAME, Spec, Step, Stop, Variation, supervise,
};

use crate::support::{TARGET, base};

/// The sandbox starts the program that runs it anew, as its supervisor. Here that is the tests' own program, which has
/// no `main` to look at its name: what stands in this section is called before that.
#[used]
#[unsafe(link_section = ".init_array")]
static SUPERVISOR: extern "C" fn() = supervisor;

extern "C" fn supervisor() {
    if std::env::args_os().next().is_some_and(|name| name == SUPERVISOR_NAME) {
        supervise();
    }
}

/// Where a step runs.
pub struct Yard {
    directory: tempfile::TempDir,
    pub spec: Spec,
}

impl Yard {
    /// The toolchain's world, but for what varies in it.
    pub fn new(variation: &Variation) -> Self {
        let directory = tempfile::Builder::new().prefix("drystone-").tempdir().unwrap();
        let [build, out] = ["build", "out"].map(|name| directory.path().join(name));
        for place in [&build, &out] {
            std::fs::create_dir(place).unwrap();
        }
        let env = [("PATH", "/usr/bin:/usr/sbin"), ("HOME", "/tmp"), ("LC_ALL", "C"), ("TZ", "UTC")];
        let limits = Limits { time: Duration::from_secs(300), ..Limits::default() };
        let spec = Spec {
            root: ["debian-12-seeds.root", "gcc-musl-driver-"].map(layer).to_vec(),
            sysroot: ["musl-", "linux-headers-"].map(layer).to_vec(),
            build,
            out: Some(out),
            env: BTreeMap::from(env.map(|(name, value)| (name.to_owned(), value.to_owned()))),
            steps: Vec::new(),
            limits,
            emulator: None,
            variation: variation.clone(),
        };
        Self { directory, spec }
    }

    /// Writes a file of `/build`.
    pub fn with(self, name: &str, text: &str) -> Self {
        std::fs::write(self.directory.path().join("build").join(name), text).unwrap();
        self
    }

    /// Reads a file of `/build`.
    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join("build").join(name)).unwrap()
    }

    /// Runs one step; gives how it ended and what it printed.
    pub fn run(&mut self, action: Action) -> (Exit, String) {
        self.spec.steps = vec![Step { name: "step".to_owned(), dir: "/build".to_owned(), action }];
        let printed = Mutex::new(String::new());
        let hear = |event| {
            if let Event::Line(line) = event {
                let mut printed = printed.lock().unwrap();
                printed.push_str(&String::from_utf8_lossy(&line));
                printed.push('\n');
            }
        };
        // A build has a directory of its own; here one follows another.
        let _ = std::fs::remove_dir(self.directory.path().join("world"));
        let exit = sandbox::run(&self.spec, None, &Stop::default(), &hear).unwrap();
        (exit, printed.into_inner().unwrap())
    }

    /// Runs a script, which must succeed; gives what it printed.
    #[track_caller]
    pub fn printed(&mut self, script: &str) -> String {
        let (exit, printed) = self.run(shell(script));
        assert_eq!(exit.outcome, Outcome::Success, "{printed}");
        printed
    }
}

/// A shell's step.
pub fn shell(script: &str) -> Action {
    Action::Exec { argv: ["sh", "-eu", "-c", script].map(str::to_owned).to_vec() }
}

/// What a script prints in a world that varies so.
#[track_caller]
pub fn printed(variation: &Variation, script: &str) -> String {
    Yard::new(variation).printed(script)
}

/// What a C program prints that is compiled in the same world: its `main`, with the toolchain's compiler.
#[track_caller]
pub fn computed(variation: &Variation, body: &str) -> String {
    let text = format!(
        "#define _GNU_SOURCE\n#include <errno.h>\n#include <limits.h>\n#include <linux/futex.h>\n#include <sched.h>\n\
         #include <stdint.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sys/auxv.h>\n\
         #include <sys/random.h>\n#include <sys/socket.h>\n#include <sys/syscall.h>\n#include <sys/sysinfo.h>\n\
         #include <sys/time.h>\n#include <time.h>\n#include <unistd.h>\nint main(void)\n{{\n{body}\nreturn 0;\n}}\n"
    );
    let mut yard = Yard::new(variation).with("probe.c", &text);
    yard.printed("x86_64-linux-musl-gcc -O1 probe.c -o /tmp/probe; /tmp/probe")
}

/// An object of the toolchain, by the beginning of its name.
fn layer(name: &str) -> PathBuf {
    let roots = base().store.join("roots").join(TARGET);
    let mut found: Vec<_> = drystone_names(&roots).into_iter().filter(|root| root.starts_with(name)).collect();
    found.sort();
    roots.join(found.first().unwrap_or_else(|| panic!("the store has no {name}"))).canonicalize().unwrap()
}

fn drystone_names(directory: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
