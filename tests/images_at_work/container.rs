//! A container of runc's: one of the shipped images, with the controls that lie beside it.

use std::io::Write as _;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{DRYSTONE, HOME, Run, TARGET, base, is_root};

/// The user of every image.
const USER: u32 = 65532;

/// An image, unpacked, and what runc is told of it.
pub struct Container {
    directory: TempDir,
    config: Value,
}

/// A container that has been started.
pub struct Running<'a> {
    container: &'a Container,
    name: String,
    /// The process that waits for it.
    pub child: Child,
}

impl Container {
    /// The image of one of the project's specs; `None`, with the reason on standard error, where none can run.
    pub fn of(image: &str) -> Option<Self> {
        Self::of_spec(&Path::new(HOME).join(format!("recipes/images/{image}.toml")))
    }

    /// The image of a spec.
    pub fn of_spec(spec: &Path) -> Option<Self> {
        let made = |program: &str, words: &[&str]| Command::new(program).args(words).output();
        let able = |program: &str, words: &[&str]| made(program, words).is_ok_and(|run| run.status.success());
        if !(is_root() && able("runc", &["--version"]) && able("unshare", &["--mount", "--pid", "--fork", "true"])) {
            eprintln!("skipped: runc is not here, or this user may not make containers");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        for (format, out) in [("oci", "layout"), ("rootfs", "rootfs")] {
            let mut build = Command::new(DRYSTONE);
            build.args(["--project", HOME, "--target", TARGET, "image", "build", "--format", format, "-o"]);
            build.arg(directory.path().join(out)).arg(spec).env("DRYSTONE_STORE", &base().store);
            Run::of(&mut build).succeeded();
        }
        let config = std::fs::read(directory.path().join("layout/runtime/config.json")).unwrap();
        Some(Self { config: serde_json::from_slice(&config).unwrap(), directory })
    }

    /// A file of the image, seen from outside.
    pub fn file(&self, path: &str) -> PathBuf {
        self.directory.path().join("rootfs").join(path)
    }

    /// An empty directory outside that is the image's user's.
    pub fn volume(&self, name: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::create_dir(&path).unwrap();
        chown(&path, Some(USER), Some(USER)).unwrap();
        path
    }

    /// Mounts a directory in place of what would be there.
    pub fn mount(&mut self, from: &Path, to: &str) {
        let mounts = self.config["mounts"].as_array_mut().unwrap();
        mounts.retain(|mount| mount["destination"] != to);
        let options = ["rbind", "nosuid", "nodev", "noexec"];
        mounts.push(json!({ "destination": to, "type": "bind", "source": from, "options": options }));
    }

    /// Lets it reach the servers of the test.
    pub fn share_the_loopback(&mut self) {
        let namespaces = self.config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.retain(|namespace| namespace["type"] != "network");
    }

    /// Adds to the environment.
    pub fn set(&mut self, variable: &str) {
        self.config["process"]["env"].as_array_mut().unwrap().push(variable.into());
    }

    /// Runs other words than the image's own to their end, with a text on standard input.
    pub fn run(&self, words: &[&str], stdin: &str) -> Run {
        let mut running = self.start(words);
        // A program may end before it has read everything.
        let _ = running.child.stdin.take().unwrap().write_all(stdin.as_bytes());
        running.end()
    }

    /// Starts the image's own words, or others.
    pub fn start(&self, words: &[&str]) -> Running<'_> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let count = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("drystone-image-{}-{count}", std::process::id());
        let mut config = self.config.clone();
        if !words.is_empty() {
            config["process"]["args"] = words.into();
        }
        std::fs::write(self.directory.path().join("config.json"), config.to_string()).unwrap();
        let mut run = self.runc(&["run", "--bundle"]);
        run.arg(self.directory.path()).arg(&name);
        let child = run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Running { container: self, name, child }
    }

    fn runc(&self, words: &[&str]) -> Command {
        let mut runc = Command::new("runc");
        runc.arg("--root").arg(self.directory.path().join("state")).args(words);
        runc
    }
}

impl Running<'_> {
    /// Runs a command beside the first one.
    pub fn exec(&self, words: &[&str]) -> Run {
        Run::of(self.container.runc(&["exec", &self.name]).args(words))
    }

    /// Sends a text to a port inside; the run's output is what the server says until it hangs up.
    pub fn ask(&self, port: u16, text: &str) -> Run {
        let state = Run::of(&mut self.container.runc(&["state", &self.name]));
        let state: Value = serde_json::from_str(&state.stdout).unwrap_or_default();
        let network = format!("--net=/proc/{}/ns/net", state["pid"]);
        let talk = format!("exec 3<> /dev/tcp/127.0.0.1/{port} && printf %s \"$1\" >&3 && cat <&3");
        Run::of(Command::new("nsenter").args([&network, "bash", "-c", &talk, "bash", text]))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: &str) {
        Run::of(&mut self.container.runc(&["kill", &self.name, signal])).succeeded();
    }

    /// Waits for its end.
    pub fn end(self) -> Run {
        Run::from(self.child.wait_with_output().unwrap())
    }
}
