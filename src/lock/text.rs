//! The lock's text: see the module's header for its form.

use std::collections::BTreeMap;

use super::{Lock, Locked, Place, Subject};
use crate::digest::{DerivationKey, ObjectId, Sha256};
use crate::plan::Outputs;
use crate::recipe::{ComponentName, RecipeName, Target};

/// What a subject's derivation key stands under, among its components: no component can be named so.
const DERIVATION: &str = "(derivation)";
const IMAGE: &str = "image";
const SEEDS: &str = "seeds:";
const HEAD: &str = "\
# What everybody must get: an object for each component, a digest for each image.
# `drystone lock` compares it with the recipes, `drystone lock --update` writes it.
";

/// A text that is no lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// A line of another form.
    #[error("line {line} of the lock is not of the form `{form}`: {reason}")]
    Line {
        /// Counted from one.
        line: usize,
        /// The form that it looks like.
        form: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that is locked twice.
    #[error("line {line} of the lock says for the second time what `{what}` gives")]
    Twice {
        /// Counted from one.
        line: usize,
        /// What.
        what: String,
    },
    /// Outputs without the derivation that gave them.
    #[error("the lock has outputs of `{0}`, but no line for its `(derivation)`")]
    NoDerivation(String),
    /// What a merge leaves behind.
    #[error("line {line} of the lock is a mark of a merge conflict")]
    Conflict {
        /// Counted from one.
        line: usize,
    },
}

const BUILD_FORM: &str = "TARGET RECIPE VERSION COMPONENT OBJECT";
const IMAGE_FORM: &str = "image SPEC sha256:DIGEST";

#[derive(Default)]
struct Draft {
    version: String,
    key: Option<DerivationKey>,
    outputs: Outputs,
}

impl Lock {
    /// The file's text.
    pub fn text(&self) -> String {
        let mut lines: Vec<String> =
            self.images.iter().map(|(spec, digest)| format!("{IMAGE} {spec} sha256:{digest}")).collect();
        for ((target, subject), Locked { version, key, outputs }) in &self.builds {
            lines.push(format!("{target} {subject} {version} {DERIVATION} {key}"));
            lines.extend(outputs.iter().map(|(output, id)| format!("{target} {subject} {version} {output} {id}")));
        }
        lines.sort();
        let mut text = HEAD.to_owned();
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// When a line has another form, or something is said twice.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        let mut lock = Self::default();
        let mut drafts: BTreeMap<Place, Draft> = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark)) {
                return Err(LockError::Conflict { line: number });
            }
            match line.strip_prefix(IMAGE).and_then(|rest| rest.strip_prefix(' ')) {
                Some(rest) => lock.read_image(number, rest)?,
                None => read_build(number, line, &mut drafts)?,
            }
        }
        for ((target, subject), Draft { version, key, outputs }) in drafts {
            let key = key.ok_or_else(|| LockError::NoDerivation(format!("{target} {subject}")))?;
            lock.builds.insert((target, subject), Locked { version, key, outputs });
        }
        Ok(lock)
    }

    fn read_image(&mut self, line: usize, rest: &str) -> Result<(), LockError> {
        let wrong = |reason: String| LockError::Line { line, form: IMAGE_FORM, reason };
        let (spec, digest) = rest.rsplit_once(' ').ok_or_else(|| wrong("a field is missing".to_owned()))?;
        let digest = digest.strip_prefix("sha256:").ok_or_else(|| wrong(format!("`{digest}` has no `sha256:`")))?;
        let digest: Sha256 = digest.parse().map_err(|error| wrong(format!("{error}")))?;
        match self.images.insert(spec.to_owned(), digest) {
            Some(_) => Err(LockError::Twice { line, what: spec.to_owned() }),
            None => Ok(()),
        }
    }
}

fn read_build(line: usize, text: &str, drafts: &mut BTreeMap<Place, Draft>) -> Result<(), LockError> {
    let wrong = |reason: String| LockError::Line { line, form: BUILD_FORM, reason };
    let fields: Vec<&str> = text.split(' ').collect();
    let [target, subject, version, output, digest] = fields.as_slice() else {
        return Err(wrong(format!("it has {} fields", fields.len())));
    };
    let subject = match subject.strip_prefix(SEEDS) {
        Some(name) => Subject::Seeds(name.to_owned()),
        None => Subject::Recipe(RecipeName::new(*subject).map_err(|error| wrong(error.to_string()))?),
    };
    let draft = drafts.entry((Target((*target).to_owned()), subject)).or_default();
    let twice = || LockError::Twice { line, what: fields[..4].join(" ") };
    if !draft.version.is_empty() && draft.version != *version {
        return Err(wrong(format!("a line above has the version `{}`", draft.version)));
    }
    (*version).clone_into(&mut draft.version);
    if *output == DERIVATION {
        let key = digest.parse().map_err(|error| wrong(format!("{error}")))?;
        return draft.key.replace(key).map_or(Ok(()), |_| Err(twice()));
    }
    ComponentName::new(*output).map_err(|error| wrong(error.to_string()))?;
    let id: ObjectId = digest.parse().map_err(|error| wrong(format!("{error}")))?;
    draft.outputs.insert((*output).to_owned(), id).map_or(Ok(()), |_| Err(twice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ObjectId {
        ObjectId::from_bytes([byte; 32])
    }

    fn sample() -> Lock {
        let mut lock = Lock::default();
        let place = |name: &str| (Target("x86_64-linux-musl".into()), Subject::Recipe(RecipeName::new(name).unwrap()));
        let locked = |byte, outputs: &[&str]| Locked {
            version: "4.9".into(),
            key: DerivationKey::from_bytes([byte; 32]),
            outputs: outputs.iter().map(|name| ((*name).to_owned(), id(byte))).collect(),
        };
        lock.builds.insert(place("sed"), locked(1, &["doc", "bin"]));
        lock.builds.insert(place("musl"), locked(2, &["dev"]));
        let seeds = (Target("x86_64-linux-musl".into()), Subject::Seeds("debian-12".into()));
        lock.builds.insert(seeds, Locked { version: "-".into(), ..locked(3, &["root"]) });
        lock.images.insert("recipes/images/a spec.toml".into(), Sha256::of(b"image"));
        lock
    }

    #[test]
    fn a_lock_is_a_sorted_line_for_each_thing_and_reads_back() {
        let text = sample().text();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let begins: Vec<String> = lines.iter().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect();
        assert_eq!(
            begins,
            [
                "image recipes/images/a spec.toml",
                "x86_64-linux-musl musl 4.9 (derivation)",
                "x86_64-linux-musl musl 4.9 dev",
                "x86_64-linux-musl sed 4.9 (derivation)",
                "x86_64-linux-musl sed 4.9 bin",
                "x86_64-linux-musl sed 4.9 doc",
                "x86_64-linux-musl seeds:debian-12 - (derivation)",
                "x86_64-linux-musl seeds:debian-12 - root",
            ]
        );
        assert_eq!(Lock::parse(&text).unwrap(), sample());
    }

    #[test]
    fn a_line_that_is_wrong_is_told_with_its_number() {
        let says = |text: &str| Lock::parse(text).unwrap_err().to_string();
        let object = id(1);
        assert_eq!(
            says("# head\n\nx86_64-linux-musl sed bin\n"),
            "line 3 of the lock is not of the form `TARGET RECIPE VERSION COMPONENT OBJECT`: it has 3 fields"
        );
        assert!(says("t sed 4.9 bin abc").contains("`abc` is not"), "{}", says("t sed 4.9 bin abc"));
        assert!(says(&format!("t SED 4.9 bin {object}")).contains("`SED` is not a recipe name"));
        let twice = format!("t sed 4.9 bin {object}\n").repeat(2);
        assert_eq!(says(&twice), "line 2 of the lock says for the second time what `t sed 4.9 bin` gives");
        let lines = format!("t sed 4.9 bin {object}\nt sed 4.8 doc {object}\n");
        assert!(says(&lines).ends_with("a line above has the version `4.9`"), "{}", says(&lines));
        let alone = format!("t sed 4.9 bin {object}\n");
        assert_eq!(says(&alone), "the lock has outputs of `t sed`, but no line for its `(derivation)`");
        assert_eq!(says("<<<<<<< mine\n"), "line 1 of the lock is a mark of a merge conflict");
        assert_eq!(
            says("image recipes/images/jq.toml md5:1"),
            "line 1 of the lock is not of the form `image SPEC sha256:DIGEST`: `md5:1` has no `sha256:`"
        );
    }

    #[test]
    fn no_key_and_no_image_is_locked_twice() {
        let object = id(1);
        for (line, what) in [
            (format!("t sed 4.9 (derivation) {object}\n"), "t sed 4.9 (derivation)"),
            (format!("image jq.toml sha256:{object}\n"), "jq.toml"),
        ] {
            let error = Lock::parse(&line.repeat(2)).unwrap_err().to_string();
            assert_eq!(error, format!("line 2 of the lock says for the second time what `{what}` gives"));
        }
    }
}
