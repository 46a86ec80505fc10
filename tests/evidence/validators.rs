//! What others wrote reads the documents, and each of them is seen to refuse a spoiled one.

use std::path::Path;

use drystone::attest::{Identity, cyclonedx, spdx};
use drystone::digest::Sha256;
use serde_json::{Value, json};

use crate::bill::{Shelf, catalog, spec};
use crate::images::{elsewhere, own, sampler};
use crate::python::{python, run};
use crate::support::Run;

const SPDX: &str = "from spdx_tools.spdx.clitools.pyspdxtools import main; main()";

/// Checks the schema strictly, then that the library's own model takes it.
const CYCLONEDX: &str = "\
import json, sys
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
text = open(sys.argv[1]).read()
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
if error: sys.exit(f'invalid: {error.data.message}')
assert Bom.from_json(json.loads(text)).validate()
";

const NTIA: &str = "import sys; from ntia_conformance_checker.main import main; sys.exit(main())";

/// The framework's own types, generated from its definitions: a field that they do not have is an error.
const STATEMENT: &str = "\
import json, sys
from google.protobuf.json_format import ParseDict
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Fields
value = json.load(open(sys.argv[1]))
Statement.copy_from_pb(ParseDict(value, Fields())).validate()
if value['predicateType'] == 'https://slsa.dev/provenance/v1': ParseDict(value['predicate'], Provenance())
";

fn check(program: &str, words: &[&str]) -> Option<Run> {
    Some(run(python()?, program, words))
}

/// A document with one thing changed, as a file.
fn spoiled(document: &Value, spoil: impl Fn(&mut Value)) -> tempfile::NamedTempFile {
    let mut value = document.clone();
    spoil(&mut value);
    assert_ne!(value, *document, "nothing was spoiled");
    let file = tempfile::Builder::new().suffix(".spdx.json").tempfile().unwrap();
    std::fs::write(file.path(), value.to_string()).unwrap();
    file
}

fn word(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn spdx_tools_reads_the_document_and_refuses_a_spoiled_one() {
    let image = own();
    let Some(read) = check(SPDX, &["-i", word(&image.file("sbom.spdx.json"))]) else { return };
    read.succeeded();
    let document = image.json("sbom.spdx.json");
    let refuses = |what: &str, message: &str, spoil: fn(&mut Value)| {
        let file = spoiled(&document, spoil);
        let run = check(SPDX, &["-i", word(file.path())]).unwrap().ended(1);
        assert!(run.stderr.contains(message), "{what}: {}", run.stderr);
    };
    refuses("a dangling relationship", "SPDXRef-Nobody", |document| {
        document["relationships"][0]["relatedSpdxElement"] = json!("SPDXRef-Nobody");
    });
    refuses("a licence that is not on the list", "Unrecognized license reference", |document| {
        document["packages"][1]["licenseDeclared"] = json!("Odd-1.0");
    });
    refuses("a file without SHA-1", "must contain a SHA1", |document| {
        document["files"][0]["checksums"].as_array_mut().unwrap().remove(0);
    });
    refuses("files in a package that has none", "files_analyzed is False", |document| {
        document["packages"][0]["filesAnalyzed"] = json!(false);
        document["packages"][0].as_object_mut().unwrap().remove("packageVerificationCode");
    });
    refuses("a CPE of another form", "cpe23Type", |document| {
        let references = document["packages"].as_array_mut().unwrap().iter_mut();
        let mut references = references.flat_map(|package| package["externalRefs"].as_array_mut()).flatten();
        references.find(|one| one["referenceType"] == "cpe23Type").unwrap()["referenceLocator"] = json!("gnu:sed");
    });
}

#[test]
fn cyclonedx_python_lib_reads_the_document_and_refuses_a_spoiled_one() {
    let image = own();
    let Some(read) = check(CYCLONEDX, &[word(&image.file("sbom.cdx.json"))]) else { return };
    read.succeeded();
    let document = image.json("sbom.cdx.json");
    let refuses = |what: &str, spoil: fn(&mut Value)| {
        let file = spoiled(&document, spoil);
        let run = check(CYCLONEDX, &[word(file.path())]).unwrap().ended(1);
        assert!(run.stderr.contains("invalid: "), "{what}: {}", run.stderr);
    };
    refuses("a hash that is too short", |document| {
        document["components"][0]["components"][0]["hashes"] = json!([{ "alg": "SHA-1", "content": "abc" }]);
    });
    refuses("a licence that is not on the list", |document| {
        document["components"][0]["licenses"] = json!([{ "license": { "id": "Odd-1.0" } }]);
    });
    refuses("a field that is not in the schema", |document| document["author"] = json!("me"));
    refuses("a serial number of another form", |document| document["serialNumber"] = json!("1"));
}

/// Each of them, for a project whose recipes have a licence that SPDX does not list.
#[test]
fn licences_that_are_not_on_the_list_are_explained() {
    let project = elsewhere();
    let recipe = project.path().join("recipes/less.toml");
    let text = std::fs::read_to_string(&recipe).unwrap();
    let odd = text.replace("license = \"", "license = \"(LicenseRef-odd AND LicenseRef-even) OR ");
    std::fs::write(&recipe, odd).unwrap();
    let image = sampler(project.path());
    let document = image.json("sbom.spdx.json");
    let explained = document["hasExtractedLicensingInfos"].as_array().unwrap();
    let ids: Vec<_> = explained.iter().map(|one| one["licenseId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["LicenseRef-even", "LicenseRef-odd"]);
    let Some(read) = check(SPDX, &["-i", word(&image.file("sbom.spdx.json"))]) else { return };
    read.succeeded();
    check(CYCLONEDX, &[word(&image.file("sbom.cdx.json"))]).unwrap().succeeded();
}

/// NTIA's minimum elements, of which the supplier is one: the spec's vendor label says it.
#[test]
fn an_image_with_a_vendor_has_the_minimum_elements() {
    let image = own();
    let Some(checked) = check(NTIA, &[word(&image.file("sbom.spdx.json"))]) else { return };
    let checked = checked.succeeded();
    assert!(checked.stdout.contains("Conformant: True"), "{}{}", checked.stdout, checked.stderr);
    let file = spoiled(&image.json("sbom.spdx.json"), |document| {
        document["packages"][0]["supplier"] = json!("NOASSERTION");
    });
    let checked = check(NTIA, &[word(file.path())]).unwrap();
    assert!(!checked.stdout.contains("Conformant: True"), "{}", checked.stdout);
}

#[test]
fn in_toto_s_own_types_read_the_statements() {
    let image = own();
    for name in ["spdx", "cyclonedx", "provenance"] {
        let Some(read) = check(STATEMENT, &[word(&image.file(&format!("{name}.intoto.json")))]) else { return };
        read.succeeded();
    }
    let provenance = image.json("provenance.intoto.json");
    let file = spoiled(&provenance, |statement| statement["subject"][0]["digest"] = json!({}));
    check(STATEMENT, &[word(file.path())]).unwrap().ended(1);
    let file = spoiled(&provenance, |statement| statement["predicate"]["buildDefinition"]["builtType"] = json!("x"));
    check(STATEMENT, &[word(file.path())]).unwrap().ended(1);
}

/// An image without a program, a library or a file of its own has documents too.
#[test]
fn a_document_of_almost_nothing_is_valid() {
    let Some(python) = python() else { return };
    let shelf = Shelf::default().part("ca-certificates/bundle", &[("etc/ssl/certs/bundle.crt -> x", b"")]);
    let bill = shelf.bill(&catalog(), &spec("")).unwrap();
    let identity = Identity::Directory(Sha256::of(b""));
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    std::fs::write(at("x.spdx.json"), spdx(&bill, &identity)).unwrap();
    std::fs::write(at("x.cdx.json"), cyclonedx(&bill, &identity)).unwrap();
    run(python, SPDX, &["-i", word(&at("x.spdx.json"))]).succeeded();
    run(python, CYCLONEDX, &[word(&at("x.cdx.json"))]).succeeded();
}
