//! A bill of materials as a CycloneDX document: [CycloneDX 1.6](https://cyclonedx.org/docs/1.6/json/) in JSON.
//!
//! # What is a component
//! The image (`container`) is what the document is about. Below it, at the top level: each component of the image
//! (`application`, or `data` where it has no program), each library inside programs (`library`, with the property
//! `drystone:linkage` = `static`), and the spec's own files. A component's files are nested in it (`file`), links
//! and directories with them, told apart by `drystone:kind`. The graph says which component depends on which, and
//! which libraries are inside it; it is complete, and says so.
//!
//! A package that was patched has its upstream as the ancestor in its pedigree, and the patches with the
//! vulnerabilities that they mend: a scanner that goes by the version alone can be told.
//!
//! The serial number is a hash over all else in the document: another document has another number.

mod model;

use super::bill::{self, Archive, Bill, Item, ItemKind, Library, LibraryOrigin, Package};
use super::document::{TOOL, TOOL_VERSION, created, uuid};
use super::identity::Identity;
use super::licenses::is_listed;
use super::purl::of_image;
use crate::digest::Sha256;
use model::{
    Component, Composition, Dependency, Diff, Document, ExternalReference, Hash, Issue, License, Lifecycle,
    ListedLicense, Metadata, Organization, Patch, Pedigree, Property, Tools,
};

const IMAGE: &str = "image";
/// Recipes say it of themselves; nobody has concluded it.
const DECLARED: &str = "declared";

/// Draws up the document of an image that is known by `identity`.
pub fn cyclonedx(bill: &Bill, identity: &Identity) -> String {
    let mut components: Vec<Component> = (0..bill.components.len()).map(|place| component(bill, place)).collect();
    components.extend(bill.libraries.iter().map(|one| library(bill, one)));
    let own = bill.items.iter().filter(|item| item.components.is_empty());
    components.extend(own.map(|item| file("spec", item)));
    let dependencies = dependencies(bill);
    let mut document = Document {
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: String::new(),
        version: 1,
        metadata: metadata(bill, identity),
        components,
        compositions: vec![Composition {
            aggregate: "complete",
            assemblies: vec![IMAGE.to_owned()],
            dependencies: dependencies.iter().map(|one| one.reference.clone()).collect(),
        }],
        dependencies,
    };
    document.serial_number = format!("urn:uuid:{}", uuid(&Sha256::of(text(&document).as_bytes())));
    text(&document)
}

fn text(document: &Document) -> String {
    serde_json::to_string(document).expect("a document is plain data")
}

fn metadata(bill: &Bill, identity: &Identity) -> Metadata {
    let tool = Component {
        kind: "application",
        name: TOOL.to_owned(),
        version: Some(TOOL_VERSION.to_owned()),
        ..Component::default()
    };
    Metadata {
        timestamp: created(),
        lifecycles: [Lifecycle { phase: "build" }],
        tools: Tools { components: [tool] },
        component: image(bill, identity),
        supplier: supplier(bill),
    }
}

fn image(bill: &Bill, identity: &Identity) -> Component {
    let (hashes, purl) = match identity {
        Identity::Manifest(digest) => {
            let purl = of_image(&bill.name, &bill.tag, &bill.target, digest);
            (vec![hash("SHA-256", digest)], Some(purl.to_string()))
        }
        Identity::Config(digest) => (vec![hash("SHA-256", digest)], None),
        Identity::Directory(_) => (Vec::new(), None),
    };
    Component {
        kind: "container",
        reference: IMAGE.to_owned(),
        supplier: supplier(bill),
        name: bill.name.clone(),
        version: Some(bill.tag.clone()),
        hashes,
        purl,
        properties: vec![property("drystone:target", bill.target.to_string())],
        ..Component::default()
    }
}

fn component(bill: &Bill, place: usize) -> Component {
    let own = &bill.components[place];
    let reference = component_ref(own);
    let files = bill.items.iter().filter(|item| item.components.contains(&place));
    Component {
        kind: if own.has_programs { "application" } else { "data" },
        components: files.map(|item| file(&reference, item)).collect(),
        properties: vec![
            property("drystone:object", format!("blake3:{}", own.object)),
            property("drystone:output", own.output.to_string()),
        ],
        supplier: supplier(bill),
        name: own.name(),
        ..described(&own.package, reference)
    }
}

fn library(bill: &Bill, library: &Library) -> Component {
    let linkage = property("drystone:linkage", "static".to_owned());
    let (supplier, origin) = match &library.origin {
        LibraryOrigin::Recipe(_, id) => (supplier(bill), property("drystone:object", format!("blake3:{id}"))),
        LibraryOrigin::Seed(seed) => {
            let debian = Organization { name: "Debian".to_owned() };
            (Some(debian), property("drystone:seed", seed.clone()))
        }
    };
    Component {
        kind: "library",
        supplier,
        properties: vec![linkage, origin],
        ..described(&library.package, library_ref(library))
    }
}

/// What the software itself says, whoever holds it.
fn described(package: &Package, reference: String) -> Component {
    let mut external_references: Vec<ExternalReference> = package.archives.iter().flat_map(distributions).collect();
    external_references.extend(package.homepage.iter().map(|url| ExternalReference {
        kind: "website",
        url: url.clone(),
        hashes: Vec::new(),
    }));
    Component {
        reference,
        name: package.name.clone(),
        version: Some(package.version.clone()),
        description: Some(package.summary.clone()),
        licenses: vec![license(&package.license)],
        cpe: package.cpe.clone(),
        purl: Some(package.purl.to_string()),
        pedigree: pedigree(package),
        external_references,
        ..Component::default()
    }
}

/// Where an archive is published; a Debian pool's or registry's place is named as recipes name it.
fn distributions(archive: &Archive) -> impl Iterator<Item = ExternalReference> + '_ {
    archive.locations.iter().map(|location| ExternalReference {
        kind: if archive.file_name.ends_with(".deb") { "distribution" } else { "source-distribution" },
        url: location.to_string(),
        hashes: vec![hash("SHA-256", &archive.sha256)],
    })
}

fn license(declared: &str) -> License {
    if is_listed(declared) {
        return License::Listed { license: ListedLicense { id: declared.to_owned(), acknowledgement: DECLARED } };
    }
    License::Expression { expression: declared.to_owned(), acknowledgement: DECLARED }
}

fn pedigree(package: &Package) -> Option<Pedigree> {
    let patch = |patch: &bill::Patch| Patch {
        kind: "unofficial",
        diff: Diff { url: patch.path.clone() },
        resolves: patch.resolves.iter().map(|id| Issue { kind: "security", id: id.clone() }).collect(),
    };
    let upstream = || Component {
        kind: "library",
        name: package.name.clone(),
        version: Some(package.version.clone()),
        purl: Some(package.purl.to_string()),
        ..Component::default()
    };
    (!package.patches.is_empty())
        .then(|| Pedigree { ancestors: vec![upstream()], patches: package.patches.iter().map(patch).collect() })
}

/// A path as a component, within what brings it.
fn file(owner: &str, item: &Item) -> Component {
    let path = format!("/{}", item.path);
    let (kind, hashes) = match &item.kind {
        ItemKind::Directory => ("directory", Vec::new()),
        ItemKind::Symlink { .. } => ("link", Vec::new()),
        ItemKind::File(digests) => (
            "file",
            vec![hash("SHA-1", &digests.sha1), hash("SHA-256", &digests.sha256), hash("BLAKE3", &digests.blake3)],
        ),
    };
    let mut properties = vec![property("drystone:kind", kind.to_owned())];
    match &item.kind {
        ItemKind::File(digests) => properties.push(property("drystone:size", digests.size.to_string())),
        ItemKind::Symlink { target } => properties.push(property("drystone:target", target.clone())),
        ItemKind::Directory => {}
    }
    properties.push(property("drystone:mode", format!("{:04o}", item.mode)));
    properties.push(property("drystone:owner", format!("{}:{}", item.owner.uid, item.owner.gid)));
    Component {
        kind: "file",
        reference: format!("{owner}:{path}"),
        name: path,
        hashes,
        properties,
        ..Component::default()
    }
}

/// The graph; who depends on nothing is listed too, since silence would not say so.
fn dependencies(bill: &Bill) -> Vec<Dependency> {
    let components: Vec<String> = bill.components.iter().map(component_ref).collect();
    let libraries: Vec<String> = bill.libraries.iter().map(library_ref).collect();
    let mut graph = vec![Dependency { reference: IMAGE.to_owned(), depends_on: components.clone() }];
    for (component, reference) in bill.components.iter().zip(&components) {
        let needs = component.needs.iter().map(|place| components[*place].clone());
        let linked = component.libraries.iter().map(|place| libraries[*place].clone());
        graph.push(Dependency { reference: reference.clone(), depends_on: needs.chain(linked).collect() });
    }
    graph.extend(libraries.into_iter().map(|reference| Dependency { reference, depends_on: Vec::new() }));
    graph
}

fn component_ref(component: &bill::Component) -> String {
    format!("component:{}", component.output)
}

fn library_ref(library: &Library) -> String {
    match &library.origin {
        LibraryOrigin::Recipe(name, _) => format!("library:{name}"),
        LibraryOrigin::Seed(name) => format!("seed:{name}"),
    }
}

fn supplier(bill: &Bill) -> Option<Organization> {
    bill.vendor.as_ref().map(|vendor| Organization { name: vendor.clone() })
}

fn hash(alg: &'static str, digest: &impl ToString) -> Hash {
    Hash { alg, content: digest.to_string() }
}

fn property(name: &'static str, value: String) -> Property {
    Property { name, value }
}
