//! Provenance read back: what somebody needs of it who builds the image again. Believes nothing: it only says what to
//! build, and whether that is the same image shows in its digest.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::BUILD_TYPE;
use crate::attest::read_statement::ReadStatement;
use crate::attest::statement::PROVENANCE;
use crate::digest::Sha256;
use crate::path::{PathError, RelPath};

/// The kinds of dependencies that are files of the project.
const OF_PROJECT: [&str; 8] = ["recipe", "file", "patch", "preset", "toolchain", "seeds", "policy", "spec-source"];

/// How an image was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The image spec.
    pub spec: RecordedFile,
    /// What its programs run on.
    pub targets: BTreeSet<String>,
    /// How layers are compressed, as the command line names it.
    pub compression: Option<String>,
    /// Who built, as a URI.
    pub builder: String,
    /// The version of the sandbox.
    pub sandbox: String,
    /// What compressed the layers.
    pub encoder: Option<String>,
    /// All files of the project that anything was made from, the spec included, sorted.
    pub files: Vec<RecordedFile>,
}

/// A file of the project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordedFile {
    /// Where it is, as seen from the project's root.
    pub path: RelPath,
    /// What its bytes hash to.
    pub sha256: Sha256,
}

/// Why a statement is no provenance from which an image can be built again.
#[derive(Debug, thiserror::Error)]
pub enum ProvenanceError {
    /// A statement about something else.
    #[error("the statement is no provenance, but a {}", .0.escape_debug())]
    Type(String),
    /// Somebody else's.
    #[error("the provenance tells of a build of the type {}, not of drystone's", .0.escape_debug())]
    BuildType(String),
    /// A field is missing or of another kind.
    #[error("the provenance does not have the fields of its type")]
    Fields(#[from] serde_json::Error),
    /// A file that does not lie in the project.
    #[error("the provenance names a file that is not in the project")]
    Path(#[from] PathError),
    /// A file without a digest.
    #[error("the provenance gives no SHA-256 of {}", .0.escape_debug())]
    Digest(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    build_definition: Definition,
    run_details: Details,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    build_type: String,
    external_parameters: External,
    internal_parameters: Internal,
    resolved_dependencies: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct External {
    spec: Descriptor,
    targets: BTreeSet<String>,
    compression: Option<String>,
}

#[derive(Deserialize)]
struct Internal {
    sandbox: String,
    encoder: Option<String>,
}

#[derive(Deserialize)]
struct Details {
    builder: Builder,
}

#[derive(Deserialize)]
struct Builder {
    id: String,
}

#[derive(Deserialize)]
struct Descriptor {
    name: String,
    digest: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, serde_json::Value>,
}

impl Descriptor {
    fn file(&self) -> Result<RecordedFile, ProvenanceError> {
        let sha256 = self.digest.get("sha256").and_then(|digest| digest.parse().ok());
        let sha256 = sha256.ok_or_else(|| ProvenanceError::Digest(self.name.clone()))?;
        Ok(RecordedFile { path: RelPath::new(self.name.as_str())?, sha256 })
    }

    fn is_of_project(&self) -> bool {
        self.annotations.get("kind").and_then(|kind| kind.as_str()).is_some_and(|kind| OF_PROJECT.contains(&kind))
    }
}

impl Recorded {
    /// Reads a statement that is provenance of drystone's.
    ///
    /// # Errors
    /// When it is another statement, or does not say what a rebuild needs.
    pub fn of(statement: &ReadStatement) -> Result<Self, ProvenanceError> {
        if statement.predicate_type != PROVENANCE {
            return Err(ProvenanceError::Type(statement.predicate_type.clone()));
        }
        let build_type = &statement.predicate["buildDefinition"]["buildType"];
        if let Some(other) = build_type.as_str().filter(|build_type| *build_type != BUILD_TYPE) {
            return Err(ProvenanceError::BuildType(other.to_owned()));
        }
        let Predicate { build_definition, run_details } = Predicate::deserialize(&statement.predicate)?;
        let Definition { external_parameters, internal_parameters, resolved_dependencies, build_type } =
            build_definition;
        if build_type != BUILD_TYPE {
            return Err(ProvenanceError::BuildType(build_type));
        }
        let spec = external_parameters.spec.file()?;
        let files = resolved_dependencies.iter().filter(|dependency| dependency.is_of_project());
        let mut files: Vec<RecordedFile> = files.map(Descriptor::file).collect::<Result<_, _>>()?;
        files.push(spec.clone());
        files.sort();
        files.dedup();
        Ok(Self {
            spec,
            targets: external_parameters.targets,
            compression: external_parameters.compression,
            builder: run_details.builder.id,
            sandbox: internal_parameters.sandbox,
            encoder: internal_parameters.encoder,
            files,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn statement(change: impl FnOnce(&mut Value)) -> ReadStatement {
        let digest = json!({ "sha256": Sha256::of(b"x").to_string() });
        let dependency =
            |kind: &str, name: &str| json!({ "name": name, "digest": digest, "annotations": { "kind": kind } });
        let mut statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "wall", "digest": digest }],
            "predicateType": PROVENANCE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": {
                        "spec": { "name": "recipes/images/wall.toml", "digest": digest },
                        "targets": ["x86_64-linux-musl"], "format": "oci", "compression": "gzip",
                    },
                    "internalParameters": { "sandbox": "1", "encoder": "zlib" },
                    "resolvedDependencies": [
                        dependency("source", "wall.tar"),
                        dependency("recipe", "recipes/wall.toml"),
                        dependency("recipe", "recipes/wall.toml"),
                        dependency("seeds", "toolchains/seeds/debian.toml"),
                    ],
                },
                "runDetails": { "builder": { "id": "https://example.org" } },
            },
        });
        change(&mut statement);
        ReadStatement::parse(statement.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_files_of_the_project_are_told_apart_from_what_is_fetched() {
        let recorded = Recorded::of(&statement(|_| ())).unwrap();
        let paths: Vec<&str> = recorded.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["recipes/images/wall.toml", "recipes/wall.toml", "toolchains/seeds/debian.toml"]);
        assert_eq!(recorded.spec.path.as_str(), "recipes/images/wall.toml");
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        let refusal = |change: fn(&mut Value)| Recorded::of(&statement(change)).unwrap_err().to_string();
        assert_eq!(
            refusal(|it| it["predicate"]["buildDefinition"]["buildType"] = json!("https://example.org/make")),
            "the provenance tells of a build of the type https://example.org/make, not of drystone's"
        );
        assert_eq!(
            refusal(|it| it["predicate"]["buildDefinition"]["externalParameters"]["spec"]["name"] = json!("../x")),
            "the provenance names a file that is not in the project"
        );
        assert_eq!(
            refusal(|it| it["predicate"]["buildDefinition"]["resolvedDependencies"][1]["digest"] = json!({})),
            "the provenance gives no SHA-256 of recipes/wall.toml"
        );
        assert_eq!(
            refusal(|it| it["predicate"]["runDetails"] = json!({})),
            "the provenance does not have the fields of its type"
        );
    }
}
