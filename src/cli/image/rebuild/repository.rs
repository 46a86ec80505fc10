//! Finds the files that provenance names: in a project as it is, or in a revision of its git repository.
//!
//! A revision counts only by its files: whatever commit has all of them with the right SHA-256 is as good as any. So
//! the provenance need not name a commit, and the same image keeps the same provenance when something else changes.

use std::collections::VecDeque;
use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::archive::{self, Limits};
use crate::attest::RecordedFile;
use crate::cli::failure::Failure;
use crate::cli::git::git;
use crate::cli::show::escaped;
use crate::digest::Sha256;

/// How many files are named when none fits.
const NAMED: usize = 8;

/// Where the files are.
#[derive(Debug)]
pub enum Place {
    /// A project as it is.
    Project(PathBuf),
    /// A revision, unpacked.
    Revision {
        /// The commit.
        commit: String,
        /// Of which repository.
        repository: String,
        /// Where it was unpacked.
        root: PathBuf,
    },
}

impl Place {
    /// The project's root.
    pub fn root(&self) -> &Path {
        match self {
            Self::Project(root) | Self::Revision { root, .. } => root,
        }
    }

    /// The commit, where it is one.
    pub fn commit(&self) -> Option<&str> {
        match self {
            Self::Project(_) => None,
            Self::Revision { commit, .. } => Some(commit),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project(root) => write!(f, "{}, as they are there", root.display()),
            Self::Revision { commit, repository, .. } => write!(f, "the revision {commit} of {}", escaped(repository)),
        }
    }
}

/// Finds a place that has all these files.
///
/// # Errors
/// When there is none: which files differ from those that are there.
pub fn find(repository: &str, files: &[RecordedFile], scratch: &Path) -> Result<Place, Failure> {
    let there = Path::new(repository);
    let differing = if there.is_dir() { differing(there, files) } else { Vec::new() };
    if there.is_dir() && differing.is_empty() {
        return Ok(Place::Project(there.to_owned()));
    }
    let Some(git) = Git::open(repository, scratch)? else {
        return Err(Failure::found(
            format!("{repository} has other files than those that the image was made from:\n{}", listed(&differing)),
            "name a git repository with --repository, and its history is searched for them",
        ));
    };
    let commits = git.candidates(files)?;
    match git.search(&commits, files)? {
        Some(commit) => git.unpack(&commit, files, scratch),
        None if differing.is_empty() => {
            Err(none(&git, commits.len(), "no revision has all files that the image was made from"))
        }
        None => {
            let message = format!(
                "no revision has all files that the image was made from; now, these differ:\n{}",
                listed(&differing)
            );
            Err(none(&git, commits.len(), &message))
        }
    }
}

fn none(git: &Git, commits: usize, message: &str) -> Failure {
    Failure::found(
        format!("{}: {message}", escaped(&git.name)),
        &format!("{commits} revisions were looked at; if it is in none of the branches here, fetch the others"),
    )
}

/// The files that are not there, or other ones.
fn differing(root: &Path, files: &[RecordedFile]) -> Vec<String> {
    let is_other = |file: &&RecordedFile| match std::fs::read(file.path.under(root)) {
        Ok(bytes) => Sha256::of(&bytes) != file.sha256,
        Err(_) => true,
    };
    let named = |file: &RecordedFile| {
        let missing = if file.path.under(root).exists() { "" } else { " (not there)" };
        format!("{}{missing}", file.path)
    };
    files.iter().filter(is_other).map(named).collect()
}

fn listed(files: &[String]) -> String {
    let mut lines: Vec<String> = files.iter().take(NAMED).map(|file| format!("  {file}")).collect();
    if files.len() > NAMED {
        lines.push(format!("  and {} more", files.len() - NAMED));
    }
    lines.join("\n")
}

/// A git repository, of which only objects are read: neither its index nor its working tree is touched, and none of
/// its hooks runs.
struct Git {
    name: String,
    directory: PathBuf,
    /// The project's directory in the repository, with a slash behind it; empty at the top.
    prefix: String,
}

impl Git {
    /// Opens the repository that a directory belongs to, or clones one. `None` when the directory belongs to none.
    fn open(repository: &str, scratch: &Path) -> Result<Option<Self>, Failure> {
        let name = repository.to_owned();
        if !Path::new(repository).is_dir() {
            let clone = scratch.join("repository.git");
            let mut command = git();
            command.args(["clone", "--quiet", "--bare", "--", repository]).arg(&clone);
            run(&mut command)?;
            return Ok(Some(Self { name, directory: clone, prefix: String::new() }));
        }
        let ask = |question: &str| run(git().args(["-C", repository, "rev-parse", question]));
        let Ok(directory) = ask("--absolute-git-dir") else { return Ok(None) };
        // A bare repository has no working tree to be somewhere in.
        let prefix = ask("--show-prefix").unwrap_or_default();
        let directory = PathBuf::from(line(&directory));
        Ok(Some(Self { name, directory, prefix: line(&prefix).to_owned() }))
    }

    fn command(&self) -> Command {
        let mut command = git();
        // The working directory decides nothing: it is the repository's own.
        command.arg("--git-dir").arg(&self.directory).current_dir(&self.directory);
        command
    }

    fn path(&self, file: &RecordedFile) -> String {
        format!("{}{}", self.prefix, file.path)
    }

    /// The revisions in which one of the files changed, the newest first.
    fn candidates(&self, files: &[RecordedFile]) -> Result<Vec<String>, Failure> {
        let mut command = self.command();
        command.args(["--literal-pathspecs", "rev-list", "--all", "--full-history", "--"]);
        command.args(files.iter().map(|file| self.path(file)));
        let commits = run(&mut command)?;
        Ok(String::from_utf8_lossy(&commits).lines().map(str::to_owned).collect())
    }

    /// The first of these revisions that has all files.
    fn search(&self, commits: &[String], files: &[RecordedFile]) -> Result<Option<String>, Failure> {
        let mut objects = Objects::start(self)?;
        // A file that was wrong in one revision is probably wrong in the next: it is asked for first.
        let mut order: VecDeque<&RecordedFile> = files.iter().collect();
        for commit in commits {
            let mut wrong = None;
            for (at, file) in order.iter().enumerate() {
                let found = objects.blob(&format!("{commit}:{}", self.path(file)))?;
                if found.is_none_or(|bytes| Sha256::of(&bytes) != file.sha256) {
                    wrong = Some(at);
                    break;
                }
            }
            match wrong.and_then(|at| order.remove(at)) {
                None => return Ok(Some(commit.clone())),
                Some(file) => order.push_front(file),
            }
        }
        Ok(None)
    }

    /// Unpacks the project as it is in a revision.
    fn unpack(&self, commit: &str, files: &[RecordedFile], scratch: &Path) -> Result<Place, Failure> {
        let (tar, root) = (scratch.join("revision.tar"), scratch.join("revision"));
        let tree = format!("{commit}:{}", self.prefix.trim_end_matches('/'));
        run(self.command().args(["archive", "--format=tar", "-o"]).arg(&tar).arg(tree))?;
        let label = format!("the revision {commit}");
        archive::unpack(&tar, &label, &root, 0, &Limits::default()).map_err(|error| {
            Failure::found(
                error.to_string(),
                "check the revision out by hand, and name the directory with --repository",
            )
        })?;
        let differing = differing(&root, files);
        if !differing.is_empty() {
            // Attributes of the repository (export-ignore, export-subst, eol) can have that effect.
            return Err(Failure::found(
                format!("{label} unpacks to other files than it holds:\n{}", listed(&differing)),
                "check it out by hand, and name the directory with --repository",
            ));
        }
        Ok(Place::Revision { commit: commit.to_owned(), repository: self.name.clone(), root })
    }
}

/// `git cat-file --batch`, which is asked for one object after another.
struct Objects {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Objects {
    fn start(git: &Git) -> Result<Self, Failure> {
        let mut command = git.command();
        command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(no_git)?;
        let (questions, answers) = child.stdin.take().zip(child.stdout.take()).expect("both are pipes");
        Ok(Self { child, questions, answers: BufReader::new(answers) })
    }

    /// A file's bytes; `None` when it is not there, or no file.
    fn blob(&mut self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let mut head = String::new();
        let mut bytes = Vec::new();
        let mut ask = || {
            writeln!(self.questions, "{name}")?;
            self.answers.read_line(&mut head)?;
            let mut words = head.trim_end().rsplit(' ');
            let size: Option<u64> = words.next().and_then(|size| size.parse().ok());
            let (Some(size), Some(kind)) = (size, words.next()) else { return Ok(None) };
            // The content, and a line feed behind it.
            (&mut self.answers).take(size + 1).read_to_end(&mut bytes)?;
            bytes.pop();
            Ok((kind == "blob").then(|| std::mem::take(&mut bytes)))
        };
        ask().map_err(no_git)
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn line(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default().trim_end_matches('\n')
}

/// What git prints.
fn run(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let output = command.stdin(Stdio::null()).output().map_err(no_git)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::user(
        format!("git: {}", escaped(said.trim())),
        "name the project's git repository with --repository".to_owned(),
    ))
}

fn no_git(error: std::io::Error) -> Failure {
    Failure::user(
        format!("git cannot be run: {error}"),
        "install git, or check the revision out by other means and name the directory with --repository".to_owned(),
    )
}
