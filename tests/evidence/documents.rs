//! What the documents say of a made-up image, and that they hold together: nothing refers to what is not there.

use std::collections::BTreeSet;

use drystone::attest::{Bill, Identity, cyclonedx, spdx};
use drystone::digest::Sha256;
use serde_json::Value;

use crate::bill::{Shelf, catalog, spec};
use crate::images;

fn bill() -> Bill {
    let spec =
        spec("[[file]]\npath = \"/etc/motd\"\ncontent = \"hello\"\n[[link]]\npath = \"/bin\"\ntarget = \"usr/bin\"\n");
    Shelf::curl().bill(&catalog(), &spec).unwrap()
}

fn identity() -> Identity {
    Identity::Manifest(Sha256::of(b"manifest"))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn texts<'a>(value: &'a Value, list: &str, field: &str) -> Vec<&'a str> {
    value[list].as_array().into_iter().flatten().map(|one| one[field].as_str().unwrap()).collect()
}

/// `FROM HOW TO` of every relationship.
fn relationships(document: &Value) -> Vec<String> {
    let line = |one: &Value| {
        let word = |field: &str| one[field].as_str().unwrap().trim_start_matches("SPDXRef-").to_owned();
        format!("{} {} {}", word("spdxElementId"), word("relationshipType"), word("relatedSpdxElement"))
    };
    document["relationships"].as_array().unwrap().iter().map(line).collect()
}

/// That every identifier is there once, and every relationship between two that are there.
fn check_spdx(document: &Value) {
    let ids = [texts(document, "packages", "SPDXID"), texts(document, "files", "SPDXID"), vec!["SPDXRef-DOCUMENT"]];
    let ids = ids.concat();
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(known.len(), ids.len(), "an identifier is there twice");
    for end in ["spdxElementId", "relatedSpdxElement"] {
        let dangling: Vec<_> =
            texts(document, "relationships", end).into_iter().filter(|id| !known.contains(id)).collect();
        assert_eq!(dangling, [""; 0]);
    }
}

/// All components, however deep.
fn all_components<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    for component in value["components"].as_array().into_iter().flatten() {
        found.push(component);
        all_components(component, found);
    }
}

/// That every reference is there once, and every edge of the graph leads to one.
fn check_cyclonedx(document: &Value) {
    let mut components = vec![&document["metadata"]["component"]];
    all_components(document, &mut components);
    let references: Vec<&str> = components.iter().map(|one| one["bom-ref"].as_str().unwrap()).collect();
    let known: BTreeSet<&str> = references.iter().copied().collect();
    assert_eq!(known.len(), references.len(), "a reference is there twice");
    let mut nodes = BTreeSet::new();
    for dependency in document["dependencies"].as_array().unwrap() {
        let node = dependency["ref"].as_str().unwrap();
        assert!(known.contains(node) && nodes.insert(node), "{node}");
        for edge in dependency["dependsOn"].as_array().into_iter().flatten() {
            assert!(known.contains(edge.as_str().unwrap()), "{node} depends on {edge}, which is not there");
        }
    }
    for (list, field) in [("assemblies", "image"), ("dependencies", "image")] {
        let listed = document["compositions"][0][list].as_array().unwrap();
        assert!(listed.iter().all(|one| known.contains(one.as_str().unwrap())) && listed.contains(&field.into()));
    }
}

#[test]
fn the_relationships_of_spdx_tell_what_holds_what_and_what_was_made_from_what() {
    let document = parsed(&spdx(&bill(), &identity()));
    check_spdx(&document);
    let bill = bill();
    let source = |package: &drystone::attest::Package| format!("Source-{}", package.archives[0].sha256);
    let mut expected = vec![
        "DOCUMENT DESCRIBES Image".to_owned(),
        "Image CONTAINS Component-ca.2Dcertificates-bundle".to_owned(),
        "Image CONTAINS Component-curl-bin".to_owned(),
        "Image CONTAINS File-etc-motd".to_owned(),
        "Component-curl-bin CONTAINS File-usr-bin-curl".to_owned(),
        "Component-curl-bin DEPENDS_ON Component-ca.2Dcertificates-bundle".to_owned(),
        "Component-ca.2Dcertificates-bundle CONTAINS File-etc-ssl-certs-ca.2Dcertificates.2Ecrt".to_owned(),
        format!("Component-curl-bin GENERATED_FROM {}", source(&bill.components[1].package)),
        format!("Component-ca.2Dcertificates-bundle GENERATED_FROM {}", source(&bill.components[0].package)),
        format!("Seed-libgcc.2D12.2Ddev CONTAINED_BY {}", source(&bill.libraries[3].package)),
    ];
    for (library, place) in [("mbedtls", 0), ("musl", 1), ("zlib", 2)] {
        expected.push(format!("Component-curl-bin STATIC_LINK Library-{library}"));
        expected.push(format!("Library-{library} GENERATED_FROM {}", source(&bill.libraries[place].package)));
    }
    expected.push("Component-curl-bin STATIC_LINK Seed-libgcc.2D12.2Ddev".to_owned());
    expected.sort();
    let mut found = relationships(&document);
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn files_are_analysed_where_they_are_listed_and_nowhere_else() {
    let document = parsed(&spdx(&bill(), &identity()));
    for package in document["packages"].as_array().unwrap() {
        let id = package["SPDXID"].as_str().unwrap();
        let has_files = id == "SPDXRef-Image" || id.starts_with("SPDXRef-Component-");
        assert_eq!(package["filesAnalyzed"], has_files, "{id}");
        assert_eq!(package["packageVerificationCode"].is_object(), has_files, "{id}");
    }
    assert_eq!(
        texts(&document, "files", "fileName"),
        ["./etc/motd", "./etc/ssl/certs/ca-certificates.crt", "./usr/bin/curl"]
    );
    assert_eq!(document["packages"][0]["comment"], "Symbolic links: /bin -> usr/bin");
}

#[test]
fn the_graph_of_cyclonedx_tells_what_is_inside_what() {
    let document = parsed(&cyclonedx(&bill(), &identity()));
    check_cyclonedx(&document);
    let node = |name: &str| {
        let nodes = document["dependencies"].as_array().unwrap();
        nodes.iter().find(|node| node["ref"] == name).unwrap()["dependsOn"].clone()
    };
    assert_eq!(node("image"), serde_json::json!(["component:ca-certificates/bundle", "component:curl/bin"]));
    assert_eq!(
        node("component:curl/bin"),
        serde_json::json!([
            "component:ca-certificates/bundle",
            "library:mbedtls",
            "library:musl",
            "library:zlib",
            "seed:libgcc-12-dev"
        ])
    );
    assert_eq!(node("library:zlib"), Value::Null);
    let mut paths = Vec::new();
    all_components(&document, &mut paths);
    let paths: BTreeSet<_> =
        paths.iter().filter(|one| one["type"] == "file").map(|one| one["name"].as_str().unwrap()).collect();
    let listed: BTreeSet<_> = bill().items.iter().map(|item| format!("/{}", item.path)).collect();
    assert_eq!(paths, listed.iter().map(String::as_str).collect(), "every path of the image");
}

#[test]
fn a_patched_library_tells_which_patches_and_what_they_mend() {
    let shelf = Shelf::default().part("sqlite/bin", &[("usr/bin/sqlite3", crate::bill::PROGRAM)]);
    let document = parsed(&cyclonedx(&shelf.bill(&catalog(), &spec("")).unwrap(), &identity()));
    let pedigree = &document["components"][0]["pedigree"];
    assert_eq!(pedigree["ancestors"][0]["name"], "sqlite");
    let first = &pedigree["patches"][0];
    assert_eq!(first["resolves"], serde_json::json!([{ "type": "security", "id": "CVE-2025-6965" }]));
    assert_eq!(first["diff"]["url"], "recipes/sqlite/0001-CVE-2025-6965-limit-aggregate-terms.patch");
}

#[test]
fn an_image_is_named_by_what_it_is_known_by() {
    let bill = bill();
    let digest = Sha256::of(b"manifest");
    let both = |identity: Identity| {
        (
            parsed(&spdx(&bill, &identity))["packages"][0].clone(),
            parsed(&cyclonedx(&bill, &identity))["metadata"]["component"].clone(),
        )
    };
    let (package, component) = both(Identity::Manifest(digest));
    let purl = format!("pkg:oci/curl@sha256:{digest}?arch=amd64&tag=8");
    assert_eq!(
        (&package["externalRefs"][0]["referenceLocator"], &component["purl"]),
        (&purl.as_str().into(), &purl.as_str().into())
    );
    let (package, component) = both(Identity::Config(digest));
    assert_eq!(package["checksums"][0]["checksumValue"], digest.to_string());
    assert_eq!((&package["externalRefs"], &component["purl"]), (&Value::Null, &Value::Null));
    let (package, component) = both(Identity::Directory(digest));
    assert_eq!((&package["checksums"], &component["hashes"]), (&Value::Null, &Value::Null));
}

#[test]
fn the_documents_of_a_real_image_hold_together() {
    let image = images::own();
    check_spdx(&image.json("sbom.spdx.json"));
    check_cyclonedx(&image.json("sbom.cdx.json"));
    for (statement, document) in [("spdx", "sbom.spdx.json"), ("cyclonedx", "sbom.cdx.json")] {
        let statement = image.json(&format!("{statement}.intoto.json"));
        assert_eq!(statement["predicate"], image.json(document));
        assert_eq!(statement["subject"][0]["digest"]["sha256"], image.digest.as_str());
    }
}
