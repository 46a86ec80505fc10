//! What the end-to-end stories share: a [`World`], a project and a store of their own in a temporary directory, on
//! which they run the real program.
//!
//! The toolchain is built once, in a store that all stories share (`$DRYSTONE_TEST_STORE`, or one below the target
//! directory), and is linked from there into each world's store. Nothing else is shared: each story begins with a
//! store in which exactly the toolchain is built.

#![allow(dead_code, reason = "each story uses its own part")]

use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The program under test.
pub const DRYSTONE: &str = env!("CARGO_BIN_EXE_drystone");
/// The directory of this project.
pub const HOME: &str = env!("CARGO_MANIFEST_DIR");
/// What everything is built for.
pub const TARGET: &str = "x86_64-linux-musl";

/// A project with a store, in a directory that is removed at the end.
pub struct World {
    directory: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        // A world that cannot be removed is no fault of the story's.
        let _ = drystone::fs::remove_tree(&self.directory);
    }
}

impl World {
    /// A project without recipes, in whose store the toolchain is built.
    pub fn new() -> Self {
        let world = Self::bare();
        base().link_into(&world.store());
        world
    }

    /// A project without recipes, and no store.
    pub fn bare() -> Self {
        let directory = tempfile::Builder::new().prefix("drystone-").tempdir().unwrap().keep();
        // Other users have to reach it in the stories that have some.
        std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
        let world = Self { directory };
        for name in ["project/recipes", "home"] {
            std::fs::create_dir_all(world.path(name)).unwrap();
        }
        symlink(Path::new(HOME).join("toolchains"), world.path("project/toolchains")).unwrap();
        world
    }

    /// A place in the world's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Where the store is.
    pub fn store(&self) -> PathBuf {
        self.path("store")
    }

    /// Writes a recipe, or another file of the project, named by its path there.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path("project").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Gives the project toolchains of its own, and says where: as files, not a link to this project's.
    pub fn own_toolchains(&self) -> PathBuf {
        let place = self.path("project/toolchains");
        std::fs::remove_file(&place).unwrap();
        drystone::fs::copy_tree(&Path::new(HOME).join("toolchains"), &place).unwrap();
        place
    }

    /// Writes a recipe that has `body` after its facts, and a test that finds nothing.
    pub fn recipe(&self, name: &str, body: &str) {
        let facts = format!("name = {name:?}\nversion = \"1\"\nsummary = \"A probe\"\nlicense = \"MIT\"\n");
        self.write(&format!("recipes/{name}.toml"), &format!("{facts}{body}\n[[test]]\nscript = \"true\"\n"));
    }

    /// Writes a recipe that is one shell script.
    pub fn script(&self, name: &str, script: &str) {
        self.recipe(name, &format!("[build]\npreset = \"script\"\nscript = '''\n{script}\n'''\n"));
    }

    /// The program, with words, in the project and in an environment of nothing but `PATH` and `HOME`.
    pub fn command(&self, words: &[&str]) -> Command {
        self.command_of(DRYSTONE, words)
    }

    /// The same with another program, which comes before the words (`sh`, `unshare`, a copy).
    pub fn command_of(&self, program: impl AsRef<OsStr>, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(words).current_dir(self.path("project")).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", self.path("home"));
        command.env("DRYSTONE_STORE", self.store());
        command
    }

    /// Runs the program to its end.
    pub fn drystone(&self, words: &[&str]) -> Run {
        Run::of(&mut self.command(words))
    }

    /// What `drystone log` says.
    pub fn log(&self, name: &str) -> String {
        self.drystone(&["log", name]).succeeded().stdout
    }

    /// What a script printed: the log without drystone's own lines.
    pub fn printed(&self, name: &str) -> String {
        self.log(name).lines().filter(|line| !line.starts_with("[drystone] ")).map(|line| format!("{line}\n")).collect()
    }

    /// The names in one of the store's directories, sorted.
    pub fn names(&self, directory: &str) -> Vec<String> {
        let names = drystone::fs::list(&self.store().join(directory)).unwrap();
        names.into_iter().map(|name| name.into_string().unwrap()).collect()
    }

    /// The plan as `drystone plan --format json` gives it.
    pub fn plan(&self, name: &str) -> Vec<Value> {
        let run = self.drystone(&["plan", name, "--format", "json"]).succeeded();
        serde_json::from_str(&run.stdout).unwrap()
    }

    /// A text without what differs from run to run: places, digests and durations.
    pub fn normal(&self, text: &str) -> String {
        let places = [("store", "STORE"), ("project", "PROJECT"), ("home", "HOME"), ("", "WORLD")];
        let text = places.iter().fold(text.to_owned(), |text, (name, word)| {
            text.replace(self.path(name).to_str().unwrap().trim_end_matches('/'), word)
        });
        without_durations(&without_digests(&without_sessions(&text)))
    }
}

/// How a run of a program ended.
#[derive(Debug)]
pub struct Run {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Run {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    /// Itself, if the exit code is 0.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        self.ended(0)
    }

    /// Itself, if the exit code is `code`.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that standard error holds a text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "standard error does not hold {text:?}:\n{}", self.stderr);
        self
    }

    /// The error and its hints, without the progress before them.
    pub fn error(&self) -> &str {
        self.stderr.find("error: ").map_or("", |at| &self.stderr[at..])
    }

    /// The store paths that were printed.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.stdout.lines().map(PathBuf::from).collect()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// The shared store, and what of it is the toolchain.
pub struct Base {
    /// Where it is.
    pub store: PathBuf,
    toolchain: Vec<Value>,
}

/// The shared store, with the toolchain built; the first story on a machine waits for that.
pub fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(Base::build)
}

impl Base {
    fn build() -> Self {
        let store = std::env::var_os("DRYSTONE_TEST_STORE").map(PathBuf::from);
        let store = store.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("store"));
        let world = World::bare();
        // The one real source beside the toolchain's that a story needs comes along.
        world.write("recipes/zlib.toml", &real_recipe("zlib"));
        let mut build = Command::new(DRYSTONE);
        // In the developer's own environment: it may say where the mirrors and proxies are.
        build.args(["build", "zlib"]).current_dir(world.path("project")).env("DRYSTONE_STORE", &store);
        let built = Run::of(&mut build);
        assert_eq!(built.code, Some(0), "the toolchain cannot be built:\n{}", built.stderr);
        let plan = Run::of(world.command(&["plan", "zlib", "--format", "json"]).env("DRYSTONE_STORE", &store));
        let nodes: Vec<Value> = serde_json::from_str(&plan.succeeded().stdout).unwrap();
        let name = |node: &Value| node["name"].as_str().unwrap().to_owned();
        let toolchain = nodes.into_iter().filter(|node| !name(node).starts_with("zlib-")).collect();
        Self { store, toolchain }
    }

    /// Makes a store in which the toolchain is built, its objects and all sources being links to the shared one.
    pub fn link_into(&self, store: &Path) {
        drystone::store::Store::open(store).unwrap();
        let link = |name: &str| symlink(self.store.join(name), store.join(name)).unwrap();
        let copy = |name: &str| std::fs::copy(self.store.join(name), store.join(name)).map(|_| ()).unwrap();
        for source in drystone::fs::list(&self.store.join("sources")).unwrap() {
            link(&format!("sources/{}", source.to_str().unwrap()));
        }
        let mut objects = Vec::new();
        for node in &self.toolchain {
            let key = node["key"].as_str().unwrap();
            copy(&format!("traces/{key}"));
            copy(&format!("logs/{key}.zst"));
            objects.extend(node["outputs"].as_object().unwrap().values().map(|id| id.as_str().unwrap()));
        }
        objects.sort_unstable();
        objects.dedup();
        for id in &objects {
            link(&format!("objects/{id}"));
            copy(&format!("manifests/{id}"));
        }
        let roots = format!("roots/{TARGET}");
        std::fs::create_dir_all(store.join(&roots)).unwrap();
        for name in drystone::fs::list(&self.store.join(&roots)).unwrap() {
            let root = Path::new(&roots).join(name);
            let target = std::fs::read_link(self.store.join(&root)).unwrap();
            if objects.iter().any(|id| target.ends_with(id)) {
                symlink(target, store.join(&root)).unwrap();
            }
        }
    }
}

/// The text of one of the project's own recipes.
pub fn real_recipe(name: &str) -> String {
    std::fs::read_to_string(Path::new(HOME).join("recipes").join(format!("{name}.toml"))).unwrap()
}

/// Whether this is root, who may become others.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The processes of this machine in whose command line a word stands.
pub fn processes_with(word: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(word)).collect()
}

/// Waits until something is so.
#[track_caller]
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    // Far beyond anything that can happen on a busy machine; only a failing test ever waits so long.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while !condition() {
        assert!(std::time::Instant::now() < until, "waited too long until {what}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Replaces every digest, and every beginning of one that is shown for people.
fn without_digests(text: &str) -> String {
    let mut normal = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let length = rest[start..].find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len() - start);
        let word = &rest[start..start + length];
        let digest = matches!(length, 12 | 64) && word.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        normal.push_str(&rest[..start]);
        normal.push_str(if digest { "DIGEST" } else { word });
        rest = &rest[start + length..];
    }
    normal + rest
}

/// Replaces the random part of the names of the store's working directories.
fn without_sessions(text: &str) -> String {
    let mut parts = text.split("/tmp/run-");
    let mut normal = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        normal.push_str("/tmp/run-RANDOM");
        normal.push_str(part.find('/').map_or("", |at| &part[at..]));
    }
    normal
}

/// Replaces the number of every `1.5 s` and `15 ms`.
fn without_durations(text: &str) -> String {
    let line = |line: &str| {
        let mut words: Vec<&str> = line.split(' ').collect();
        for index in 1..words.len() {
            let unit = words[index].trim_end_matches([')', ',']);
            let number = words[index - 1].trim_start_matches('(');
            if matches!(unit, "s" | "ms") && number.parse::<f64>().is_ok() {
                words[index - 1] = if words[index - 1].starts_with('(') { "(N" } else { "N" };
            }
        }
        words.join(" ")
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

impl World {
    /// Makes a source archive of these files; returns the recipe's lines that fetch it.
    pub fn source(&self, name: &str, files: &[(&str, &str)]) -> String {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, format!("{name}/{path}"), text.as_bytes()).unwrap();
        }
        let bytes = archive.into_inner().unwrap();
        let place = self.path(&format!("{name}.tar"));
        std::fs::write(&place, &bytes).unwrap();
        let sha256 = drystone::digest::Sha256::of(&bytes);
        format!("[[source]]\nsha256 = \"{sha256}\"\nurls = [\"file://{}\"]\n", place.display())
    }
}

/// Runs a shell script as root of a user namespace with mounts of its own.
pub fn in_namespace(world: &World, script: &str) -> Run {
    Run::of(&mut world.command_of("unshare", &["-Urm", "sh", "-euc", script, "sh", DRYSTONE]))
}
