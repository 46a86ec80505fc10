//! A bill of materials as an SPDX document: [SPDX 2.3](https://spdx.github.io/spdx-spec/v2.3/) in JSON.
//!
//! # What is a package
//! The image, each component, each library inside programs, and each archive that something was made from. The
//! image DESCRIBES-ed CONTAINS the components; a component CONTAINS its files, STATIC_LINKs its libraries, DEPENDS_ON
//! what it needs at run time, and is GENERATED_FROM archives, as libraries are. A library of the seeds is
//! CONTAINED_BY its Debian package, since nothing was generated.
//!
//! # What is claimed
//! Licences are what recipes declare; nobody has concluded anything from looking into files, and the document says
//! so. `filesAnalyzed` is true where the document lists the files, which then are all of them, with the
//! verification code over them (section 7.9); a package of which it is false may not have any (section 7.8). SPDX
//! 2.3 knows a file by its bytes, so links, which have none, stand in a comment; directories stand nowhere. A file's
//! BLAKE3 stands in its comment too: spdx-tools takes every BLAKE3 checksum to be too short.
//!
//! The namespace is a hash over all else in the document: another document has another name.

mod model;

use std::collections::{BTreeMap, BTreeSet};

use sha1::Digest as _;

use super::bill::{Archive, Bill, Component, FileDigests, Item, ItemKind, Library, LibraryOrigin, Package, Patch};
use super::document::{TOOL, TOOL_VERSION, created, uuid};
use super::identity::Identity;
use super::licenses::own;
use super::purl::{Purl, of_image};
use crate::digest::{Sha1, Sha256};
use model::{
    Checksum, CreationInfo, Document, ExternalRef, ExtractedLicense, File, NO_ASSERTION, Relationship, VerificationCode,
};

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const IMAGE: &str = "SPDXRef-Image";
/// What the specification offers to those who have no place of their own for documents (section 6.5).
const NAMESPACES: &str = "https://spdx.org/spdxdocs";
const TIME: &str = "The time is fixed, so that the same image has the same document; it is the image's own.";

/// Draws up the document of an image that is known by `identity`.
pub fn spdx(bill: &Bill, identity: &Identity) -> String {
    let mut draft = Draft { bill, packages: Vec::new(), links: BTreeSet::new(), own: BTreeMap::new() };
    draft.image(identity);
    (0..bill.components.len()).for_each(|place| draft.component(place));
    (0..bill.libraries.len()).for_each(|place| draft.library(place));
    draft.archives();
    let files = bill.files().map(|(item, digests)| file(item, digests)).collect();
    let mut document = Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        name: format!("{}:{}", bill.name, bill.tag),
        document_namespace: String::new(),
        creation_info: creation_info(bill),
        has_extracted_licensing_infos: extracted(draft.own),
        packages: draft.packages,
        files,
        relationships: draft.links.into_iter().collect(),
    };
    let name = uuid(&Sha256::of(text(&document).as_bytes()));
    document.document_namespace = format!("{NAMESPACES}/{TOOL}-{}-{name}", bill.name.replace('/', "-"));
    text(&document)
}

fn text(document: &Document) -> String {
    serde_json::to_string(document).expect("a document is plain data")
}

fn creation_info(bill: &Bill) -> CreationInfo {
    let mut creators = vec![format!("Tool: {TOOL}-{TOOL_VERSION}")];
    creators.extend(bill.vendor.iter().map(|vendor| format!("Organization: {vendor}")));
    // Section 6.7: major and minor.
    let list = spdx::license_version().rsplitn(2, '.').last().unwrap_or_default();
    CreationInfo { created: created(), creators, license_list_version: list.to_owned(), comment: TIME }
}

/// What SPDX has no text for is explained by whose licence it is.
fn extracted(own: BTreeMap<String, BTreeSet<String>>) -> Vec<ExtractedLicense> {
    let explain = |(id, packages): (String, BTreeSet<String>)| {
        let packages = packages.into_iter().collect::<Vec<_>>().join(", ");
        ExtractedLicense {
            extracted_text: format!("This licence is not on the SPDX list. Its text is in the source of {packages}."),
            name: id.trim_start_matches("LicenseRef-").to_owned(),
            license_id: id,
        }
    };
    own.into_iter().map(explain).collect()
}

/// The document while it grows.
struct Draft<'a> {
    bill: &'a Bill,
    packages: Vec<model::Package>,
    links: BTreeSet<Relationship>,
    /// The licences that are not on the list, each with the packages that have it.
    own: BTreeMap<String, BTreeSet<String>>,
}

impl Draft<'_> {
    fn link(&mut self, from: &str, how: &'static str, to: &str) {
        let (spdx_element_id, related_spdx_element) = (from.to_owned(), to.to_owned());
        self.links.insert(Relationship { spdx_element_id, relationship_type: how, related_spdx_element });
    }

    fn image(&mut self, identity: &Identity) {
        let bill = self.bill;
        let mut image = model::Package::new(IMAGE.to_owned(), bill.name.clone(), "CONTAINER");
        image.version_info = Some(bill.tag.clone());
        image.supplier = supplier(bill);
        image.comment = symbolic_links(bill.items.iter().filter(|item| item.components.is_empty()));
        if let Identity::Manifest(digest) | Identity::Config(digest) = identity {
            image.checksums = vec![checksum("SHA256", digest)];
        }
        if let Identity::Manifest(digest) = identity {
            image.external_refs.push(purl(&of_image(&bill.name, &bill.tag, &bill.target, digest)));
        }
        verify(&mut image, bill.files().map(|(_, file)| file));
        self.packages.push(image);
        self.link(DOCUMENT, "DESCRIBES", IMAGE);
        for (item, _) in bill.files().filter(|(item, _)| item.components.is_empty()) {
            self.link(IMAGE, "CONTAINS", &file_id(item));
        }
    }

    fn component(&mut self, place: usize) {
        let bill = self.bill;
        let component = &bill.components[place];
        let id = component_id(component);
        let mut package = model::Package::new(
            id.clone(),
            component.name(),
            if component.has_programs { "APPLICATION" } else { "FILE" },
        );
        self.describe(&mut package, &component.package);
        package.supplier = supplier(bill);
        package.source_info = Some(built_by(&component.package));
        package.external_refs.push(object(&component.object));
        let own: Vec<&Item> = bill.items.iter().filter(|item| item.components.contains(&place)).collect();
        package.comment = symbolic_links(own.iter().copied());
        let files = bill.files().filter(|(item, _)| item.components.contains(&place));
        verify(&mut package, files.clone().map(|(_, file)| file));
        self.packages.push(package);
        self.link(IMAGE, "CONTAINS", &id);
        for (item, _) in files {
            self.link(&id, "CONTAINS", &file_id(item));
        }
        for library in &component.libraries {
            self.link(&id, "STATIC_LINK", &library_id(&bill.libraries[*library]));
        }
        for needed in &component.needs {
            self.link(&id, "DEPENDS_ON", &component_id(&bill.components[*needed]));
        }
        for archive in &component.package.archives {
            self.link(&id, "GENERATED_FROM", &archive_id(archive));
        }
    }

    fn library(&mut self, place: usize) {
        let bill = self.bill;
        let library = &bill.libraries[place];
        let id = library_id(library);
        let mut package = model::Package::new(id.clone(), library.package.name.clone(), "LIBRARY");
        self.describe(&mut package, &library.package);
        let origin = match &library.origin {
            LibraryOrigin::Recipe(_, identifier) => {
                package.supplier = supplier(bill);
                package.source_info = Some(built_by(&library.package));
                package.external_refs.push(object(identifier));
                "GENERATED_FROM"
            }
            LibraryOrigin::Seed(seed) => {
                package.supplier = "Organization: Debian".to_owned();
                package.source_info = Some(format!("taken as it is from the seed package {seed}"));
                "CONTAINED_BY"
            }
        };
        self.packages.push(package);
        for archive in &library.package.archives {
            self.link(&id, origin, &archive_id(archive));
        }
    }

    /// What the software itself says, whoever holds it.
    fn describe(&mut self, package: &mut model::Package, software: &Package) {
        for id in own(&software.license) {
            self.own.entry(id.to_owned()).or_default().insert(format!("{} {}", software.name, software.version));
        }
        package.license_declared.clone_from(&software.license);
        package.version_info = Some(software.version.clone());
        package.homepage.clone_from(&software.homepage);
        package.summary = Some(software.summary.clone());
        package.external_refs.push(purl(&software.purl));
        package.external_refs.extend(software.cpe.iter().map(|cpe| ExternalRef {
            reference_category: "SECURITY",
            reference_type: "cpe23Type",
            reference_locator: cpe.clone(),
        }));
    }

    /// Every archive once, whoever was made from it.
    fn archives(&mut self) {
        let bill = self.bill;
        let of_components = bill.components.iter().map(|component| (&component.package, "SOURCE"));
        let of_libraries = bill.libraries.iter().map(|library| {
            let purpose = if matches!(library.origin, LibraryOrigin::Seed(_)) { "ARCHIVE" } else { "SOURCE" };
            (&library.package, purpose)
        });
        let mut archives = BTreeMap::new();
        for (package, purpose) in of_components.chain(of_libraries) {
            for archive in &package.archives {
                archives.entry((&archive.file_name, archive.sha256)).or_insert((archive, package, purpose));
            }
        }
        for (archive, package, purpose) in archives.into_values() {
            self.packages.push(source(archive, package, purpose));
        }
    }
}

/// An archive as a package. Of its licence nothing is claimed: a source holds more than what is built from it.
fn source(archive: &Archive, made: &Package, purpose: &'static str) -> model::Package {
    let mut package = model::Package::new(archive_id(archive), archive.file_name.clone(), purpose);
    let (version, purls) = archive.registered().unzip();
    package.version_info = Some(version.unwrap_or(&made.version).to_owned());
    package.external_refs.extend(purls.as_ref().map(purl));
    package.package_file_name = Some(archive.file_name.clone());
    package.download_location = archive.url().unwrap_or(NO_ASSERTION).to_owned();
    package.checksums = vec![checksum("SHA256", &archive.sha256)];
    if let Some(publisher) = archive.publisher() {
        package.supplier = format!("Organization: {publisher}");
    }
    if !archive.locations.is_empty() {
        let places: Vec<String> = archive.locations.iter().map(ToString::to_string).collect();
        package.source_info = Some(format!("found at {}", places.join(", ")));
    }
    package
}

fn file(item: &Item, digests: &FileDigests) -> File {
    File {
        file_name: format!("./{}", item.path),
        id: file_id(item),
        file_types: if digests.is_program { &["BINARY"] } else { &[] },
        checksums: vec![checksum("SHA1", &digests.sha1), checksum("SHA256", &digests.sha256)],
        license_concluded: NO_ASSERTION,
        copyright_text: NO_ASSERTION,
        comment: format!("blake3:{}", digests.blake3),
    }
}

/// The verification code of section 7.9: the SHA-1 of all files' SHA-1, sorted. Without files there is nothing to
/// analyse.
fn verify<'a>(package: &mut model::Package, files: impl Iterator<Item = &'a FileDigests>) {
    let mut digests: Vec<String> = files.map(|file| file.sha1.to_string()).collect();
    digests.sort_unstable();
    if !digests.is_empty() {
        let code = Sha1::from_bytes(sha1::Sha1::digest(digests.concat()).into());
        package.package_verification_code =
            Some(VerificationCode { package_verification_code_value: code.to_string() });
        package.files_analyzed = true;
    }
}

fn symbolic_links<'a>(items: impl Iterator<Item = &'a Item>) -> Option<String> {
    let lines: Vec<String> = items
        .filter_map(|item| match &item.kind {
            ItemKind::Symlink { target } => Some(format!("/{} -> {target}", item.path)),
            ItemKind::Directory | ItemKind::File(_) => None,
        })
        .collect();
    (!lines.is_empty()).then(|| format!("Symbolic links: {}", lines.join(", ")))
}

fn built_by(package: &Package) -> String {
    let patch = |patch: &Patch| format!("{} (sha256:{})", patch.path, patch.sha256);
    let patches: Vec<String> = package.patches.iter().map(patch).collect();
    let patched = if patches.is_empty() { String::new() } else { format!(", patched with {}", patches.join(", ")) };
    format!("built by the recipe {}{patched}", package.name)
}

fn supplier(bill: &Bill) -> String {
    bill.vendor.as_ref().map_or_else(|| NO_ASSERTION.to_owned(), |vendor| format!("Organization: {vendor}"))
}

fn checksum(algorithm: &'static str, digest: &impl ToString) -> Checksum {
    Checksum { algorithm, checksum_value: digest.to_string() }
}

fn purl(purl: &Purl) -> ExternalRef {
    ExternalRef { reference_category: "PACKAGE-MANAGER", reference_type: "purl", reference_locator: purl.to_string() }
}

fn object(id: &impl ToString) -> ExternalRef {
    let reference_locator = format!("blake3:{}", id.to_string());
    ExternalRef { reference_category: "OTHER", reference_type: "drystone-object", reference_locator }
}

fn component_id(component: &Component) -> String {
    identifier("Component", &component.output.to_string())
}

fn library_id(library: &Library) -> String {
    match &library.origin {
        LibraryOrigin::Recipe(name, _) => identifier("Library", name.as_str()),
        LibraryOrigin::Seed(name) => identifier("Seed", name),
    }
}

fn archive_id(archive: &Archive) -> String {
    format!("SPDXRef-Source-{}", archive.sha256)
}

fn file_id(item: &Item) -> String {
    identifier("File", item.path.as_str())
}

/// An identifier may have letters, digits, `.` and `-` (section 7.2). A slash becomes `-`; whatever else is neither
/// letter nor digit becomes `.` and its code, so that no two texts have the same.
fn identifier(kind: &str, text: &str) -> String {
    let mut id = format!("SPDXRef-{kind}-");
    for byte in text.bytes() {
        match byte {
            b'/' => id.push('-'),
            byte if byte.is_ascii_alphanumeric() => id.push(char::from(byte)),
            byte => id.push_str(&format!(".{byte:02X}")),
        }
    }
    id
}
