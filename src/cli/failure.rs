//! Errors as people read them: what happened, the chain of causes, what to do, and the exit code.

mod build;
mod publish;
mod rebuilds;
mod store;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use build::{failed_build, look_hints, unlocked_hint};

use crate::attest::key::KeyError;
use crate::attest::{AttestError, ProvenanceError, SignatureError};
use crate::builder::BuildError;
use crate::fs::FsError;
use crate::image::{ImageError, ReadError};
use crate::plan::PlanError;
use crate::recipe::{CatalogError, Diagnostic, EditError};
use crate::sandbox::{SandboxError, SetupError};

/// Whose fault it is; the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A build failed, or a check found something.
    Work = 1,
    /// A mistake in the command line or in a file that a person wrote.
    User = 2,
    /// This machine lacks something.
    Machine = 3,
    /// The user stopped it.
    Interrupted = 130,
}

/// What ends a verb.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    /// Whole messages, each of one error.
    messages: Vec<String>,
    hints: Vec<String>,
}

impl Failure {
    fn new(class: Class, error: &dyn Error) -> Self {
        Self { code: class as u8, messages: vec![chain(error)], hints: hints(error) }
    }

    /// A check that found something, said already.
    pub fn found(message: String, hint: &str) -> Self {
        Self { code: Class::Work as u8, messages: vec![message], hints: vec![hint.to_owned()] }
    }

    /// A check that found several things.
    pub fn faults(messages: Vec<String>, hints: Vec<String>) -> Self {
        Self { code: Class::Work as u8, messages, hints }
    }

    /// A comparison that found a difference, shown already.
    pub fn differs() -> Self {
        Self { code: Class::Work as u8, messages: Vec::new(), hints: Vec::new() }
    }

    /// A mistake of the user's.
    pub fn user(message: String, hint: String) -> Self {
        Self { code: Class::User as u8, messages: vec![message], hints: vec![hint] }
    }

    /// There is no project here.
    pub fn no_project(place: &Path) -> Self {
        Self::user(
            format!("{} is not in a project: there is no directory with recipes/ and toolchains/", place.display()),
            "change to one, or name it with --project".to_owned(),
        )
    }

    /// A program that somebody had run ended with this status; it has said why itself.
    pub fn status(status: u8) -> Self {
        Self { code: status, messages: Vec::new(), hints: Vec::new() }
    }

    /// Several things that failed in one run.
    pub fn several(errors: Vec<BuildError>) -> Self {
        let mut all = errors.into_iter().map(Self::from);
        let mut whole = all.next().expect("a failed run has a failure");
        for failure in all {
            whole.messages.extend(failure.messages);
            whole.hints.extend(failure.hints);
        }
        whole.hints.dedup();
        whole
    }

    /// Two verbs' worth of failures as one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.messages.extend(other.messages);
        self.hints.extend(other.hints);
        self.hints.dedup();
        self
    }

    /// The same with one more hint.
    #[must_use]
    pub fn hinting(mut self, hint: String) -> Self {
        self.hints.push(hint);
        self
    }

    /// The same without its hints, where they do not hold.
    #[must_use]
    pub fn without_hints(mut self) -> Self {
        self.hints.clear();
        self
    }

    /// The same with a message before the others: what they mean for what was asked.
    #[must_use]
    pub fn because(mut self, message: String) -> Self {
        self.messages.insert(0, message);
        self
    }

    /// Whether the user stopped it.
    pub fn is_interruption(&self) -> bool {
        self.code == Class::Interrupted as u8
    }

    /// Its first line.
    pub fn headline(&self) -> String {
        let first = self.messages.first().and_then(|message| message.lines().next()).unwrap_or_default();
        first.strip_prefix("error: ").unwrap_or(first).to_owned()
    }

    /// Prints it; gives the exit code.
    pub fn report(&self) -> ExitCode {
        let red = console::Style::new().for_stderr().red().bold();
        let cyan = console::Style::new().for_stderr().cyan();
        let mut out = std::io::stderr().lock();
        for message in &self.messages {
            // Diagnostics bring their own heading.
            let _ = match message.strip_prefix("error: ") {
                Some(text) => writeln!(out, "{} {text}", red.apply_to("error:")),
                None => writeln!(out, "{} {message}", red.apply_to("error:")),
            };
        }
        for hint in &self.hints {
            let _ = writeln!(out, "{} {hint}", cyan.apply_to("hint:"));
        }
        ExitCode::from(self.code)
    }
}

/// An error and what caused it, each once.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// The file operation at the bottom of an error, if there is one.
fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        current = error.source();
    }
    None
}

fn hints(error: &dyn Error) -> Vec<String> {
    let mut source = error.source();
    let mut hints = Vec::new();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            hints.extend(io_hint(io.kind()).map(str::to_owned));
        }
        source = cause.source();
    }
    hints
}

fn io_hint(kind: std::io::ErrorKind) -> Option<&'static str> {
    use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match kind {
        StorageFull | QuotaExceeded => {
            Some("the disk is full; nothing was published half: free some space and run again")
        }
        ReadOnlyFilesystem => Some("the file system is read-only; name another store with --store"),
        PermissionDenied => Some("this user may not write there; name another store with --store"),
        _ => None,
    }
}

/// How a kernel facility that the sandbox takes is enabled.
fn facility_hint(error: &SetupError) -> String {
    match error.facility.as_str() {
        "user-namespaces" => "unprivileged user namespaces are needed. Look at: sysctl user.max_user_namespaces (must not \
             be 0), kernel.unprivileged_userns_clone (must be 1, on Debian kernels), \
             kernel.apparmor_restrict_unprivileged_userns (must be 0, on Ubuntu). In a container, the outer runtime must \
             allow unshare(2), clone(2) with CLONE_NEWUSER, and mount(2)"
            .to_owned(),
        "overlay" => "overlayfs in user namespaces is needed (Linux 5.11 or newer, CONFIG_OVERLAY_FS): modprobe overlay; \
             a store on a file system that cannot be a lower layer (some network file systems) has to be moved with --store"
            .to_owned(),
        "proc" => "a new /proc cannot be mounted: the outer container masks parts of its own. Run it with an unmasked /proc \
             (podman: --security-opt unmask=ALL; docker: --security-opt systempaths=unconfined)"
            .to_owned(),
        "seccomp" => "seccomp filters are needed (CONFIG_SECCOMP_FILTER)".to_owned(),
        "binfmt-misc" => "tests for another machine run under an emulator, which the kernel starts: that takes Linux 6.7 \
             or newer with CONFIG_BINFMT_MISC (modprobe binfmt_misc)"
            .to_owned(),
        "tmpfs" => "tmpfs is needed (CONFIG_TMPFS), and the memory to fill it".to_owned(),
        other => format!("there is no build without a sandbox; what failed is `{other}`"),
    }
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        Self { hints: hints(&error), messages: vec![chain(&error)], code: Class::User as u8 }
    }
}

impl From<Vec<Diagnostic>> for Failure {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self {
            code: Class::User as u8,
            messages: diagnostics.iter().map(ToString::to_string).collect(),
            hints: Vec::new(),
        }
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        Self::new(Class::User, &error)
    }
}

impl From<FsError> for Failure {
    fn from(error: FsError) -> Self {
        Self::new(Class::Machine, &error)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let of_machine = find::<FsError>(&error).is_some();
        Self::new(if of_machine { Class::Machine } else { Class::User }, &error)
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        let of_machine = find::<FsError>(&error).is_some() || find::<std::io::Error>(&error).is_some();
        let of_store = matches!(error, ImageError::Corrupt { .. } | ImageError::Blob { .. } | ImageError::Store(_));
        let class = if of_machine || of_store { Class::Machine } else { Class::User };
        Self::new(class, &error)
    }
}

impl From<AttestError> for Failure {
    fn from(error: AttestError) -> Self {
        match error {
            AttestError::Plan(error) => error.into(),
            AttestError::Store(error) => error.into(),
            AttestError::NoRecipe { .. } => Self::new(Class::User, &error),
            AttestError::Corrupt { .. } | AttestError::Unhashed { .. } | AttestError::Fs(_) => {
                Self::new(Class::Machine, &error)
            }
        }
    }
}

impl From<ProvenanceError> for Failure {
    fn from(error: ProvenanceError) -> Self {
        Self::new(Class::User, &error)
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let class = match error {
            KeyError::Fs(_) | KeyError::Random { .. } => Class::Machine,
            _ => Class::User,
        };
        let mut failure = Self::new(class, &error);
        if matches!(&error, KeyError::EmptyPassphrase) {
            failure.hints.push("for a key that needs none: --no-passphrase".to_owned());
        }
        failure
    }
}

impl From<SignatureError> for Failure {
    fn from(error: SignatureError) -> Self {
        let class = match error {
            SignatureError::Fs(_) => Class::Machine,
            SignatureError::Blob(_) => Class::Work,
            _ => Class::User,
        };
        let mut failure = Self::new(class, &error);
        if matches!(&error, SignatureError::Reference { .. }) {
            failure.hints.push("name it as it is pulled: --as registry.example/repository:tag".to_owned());
        }
        failure
    }
}

fn quoted(names: &[impl std::fmt::Display]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        let mut failure = Self::new(Class::User, &error);

        match &error {
            PlanError::UnknownRecipe { nearest, .. } if !nearest.is_empty() => {
                failure.hints.push(format!("the nearest: {}", quoted(nearest)));
            }
            PlanError::UnknownTarget { known, .. } => failure.hints.push(format!("it can for {}", quoted(known))),
            PlanError::UnknownComponent { component, available, .. } => {
                let near = crate::recipe::nearest(component.as_str(), available.iter().map(String::as_str));
                failure.hints.push(match near.is_empty() {
                    false => format!("the nearest: {}", quoted(&near)),
                    true => format!("it has {}", quoted(available)),
                });
            }
            _ => {}
        }
        failure
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Plan(error) => error.into(),
            BuildError::Store(error) => error.into(),
            BuildError::Failed(failure) => failed_build(&failure),
            BuildError::Interrupted => Self::new(Class::Interrupted, &BuildError::Interrupted),
            BuildError::Sandbox { source: SandboxError::Setup(ref setup), .. } => {
                let mut failure = Self::new(Class::Machine, &error);
                failure.hints.push(facility_hint(setup));
                failure
            }
            BuildError::Sandbox { .. } | BuildError::Fs(_) | BuildError::Client(_) | BuildError::Fetch(_) => {
                Self::new(Class::Machine, &error)
            }
            BuildError::Mirrors(_) => Self::new(Class::User, &error),
            BuildError::NoPhase { ref phases, .. } => {
                let mut failure = Self::new(Class::User, &error);
                failure.hints.push(format!("it has {}", quoted(phases)));
                failure
            }
            BuildError::Occupied { .. } => {
                let mut failure = Self::new(Class::User, &error);
                failure.hints.push("name another place".to_owned());
                failure
            }
            BuildError::Terminal(_) => Self::new(Class::Machine, &error),
            BuildError::Unpack { .. } if find::<FsError>(&error).is_some() => Self::new(Class::Machine, &error),
            BuildError::Rules { ref name, ref kept, .. } | BuildError::Components { ref name, ref kept, .. } => {
                let mut failure = Self::new(Class::Work, &error);
                failure.hints.extend(look_hints(name, kept.as_deref()));
                failure
            }
            BuildError::Unlocked { ref name, verdict, .. } => {
                let mut failure = Self::new(Class::Work, &error);
                failure.hints.push(unlocked_hint(name, verdict));
                failure
            }
            BuildError::Unpack { .. } | BuildError::Seeds(_) | BuildError::Differs { .. } => {
                Self::new(Class::Work, &error)
            }
        }
    }
}
