//! What a bill says of an image: drawn up from the project's own recipes and a made-up store.

use std::collections::BTreeMap;
use std::path::Path;

use drystone::attest::{AttestError, Bill, FileDigests, ItemKind, LibraryOrigin, ObjectDigests, Stock, bill};
use drystone::digest::{Blake3, ObjectId};
use drystone::image::{Part, compose};
use drystone::path::RelPath;
use drystone::plan::Plan;
use drystone::recipe::{Catalog, ImageSpec, RecipeName, Target, parse_image_spec};
use drystone::tree::{Entry, Tree};

use crate::support::{HOME, TARGET};

/// How the file of a program begins: ELF, 64 bit, little endian, and ET_DYN as its type.
pub const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0 and so on";

/// Objects that nobody has built.
#[derive(Default)]
pub struct Shelf {
    pub parts: Vec<Part>,
    pub stock: Stock,
}

pub fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

fn tree(files: &[(&str, &[u8])]) -> (Tree, ObjectDigests) {
    let (mut tree, mut digests) = (Tree::new(), ObjectDigests::new());
    for (at, bytes) in files {
        let entry = match at.split_once(" -> ") {
            Some((_, target)) => Entry::Symlink { target: target.to_owned() },
            None => {
                digests.insert(path(at), FileDigests::of(bytes));
                Entry::File { executable: bytes.starts_with(b"\x7fELF"), digest: Blake3::of(bytes) }
            }
        };
        tree.insert(path(at.split(" -> ").next().unwrap()), entry).unwrap();
    }
    (tree, digests)
}

impl Shelf {
    /// Puts a component of an image there.
    pub fn part(mut self, output: &str, files: &[(&str, &[u8])]) -> Self {
        let (tree, digests) = tree(files);
        self.stock.digests.insert(tree.id(), digests);
        let output = output.parse().unwrap();
        self.parts.push(Part { output, version: "1".into(), id: tree.id(), tree, only: None, named: true });
        self
    }

    /// Puts a recipe's `dev` component there.
    pub fn library(mut self, recipe: &str, files: &[&str]) -> Self {
        let files: Vec<(&str, &[u8])> = files.iter().map(|file| (*file, b"dev".as_slice())).collect();
        let tree = tree(&files).0;
        self.stock.libraries.insert(recipe.parse().unwrap(), (tree.id(), tree));
        self
    }

    /// curl with its certificates, and the libraries that it could be linked with.
    pub fn curl() -> Self {
        Self::default()
            .part("curl/bin", &[("usr/bin/curl", PROGRAM), ("usr/bin/kurl -> curl", b"")])
            .part("ca-certificates/bundle", &[("etc/ssl/certs/ca-certificates.crt", b"certificates")])
            .library("mbedtls", &["usr/include/mbedtls/x509.h", "usr/lib/libmbedtls.a"])
            .library("zlib", &["usr/include/zlib.h", "usr/lib/libz.a"])
            .library("musl", &["usr/lib/libc.a", "usr/lib/crt1.o"])
            .library("linux-headers", &["usr/include/linux/fs.h"])
    }

    pub fn bill(&self, catalog: &Catalog, spec: &ImageSpec) -> Result<Bill, AttestError> {
        let names: Vec<RecipeName> = self.parts.iter().map(|part| part.output.recipe.clone()).collect();
        let plan = Plan::new(catalog, &Target(TARGET.to_owned()), &names).unwrap();
        bill(&plan, &compose(spec, &self.parts).unwrap(), &self.stock)
    }
}

/// The project's own recipes.
pub fn catalog() -> Catalog {
    Catalog::load(Path::new(HOME)).unwrap()
}

pub fn spec(text: &str) -> ImageSpec {
    let text =
        format!("name = \"acme/curl\"\ntag = \"8\"\ncomponents = [\"curl\"]\nconfig.user = \"65532:65532\"\n{text}");
    parse_image_spec(Path::new("curl.toml"), &text, &|_| Ok(Vec::new())).unwrap()
}

/// Each component with what is inside its programs, and what it needs.
fn relations(bill: &Bill) -> BTreeMap<String, (Vec<&str>, Vec<String>)> {
    let relations = bill.components.iter().map(|component| {
        let libraries = component.libraries.iter().map(|place| bill.libraries[*place].package.name.as_str()).collect();
        let needs = component.needs.iter().map(|place| bill.components[*place].output.to_string()).collect();
        (component.output.to_string(), (libraries, needs))
    });
    relations.collect()
}

#[test]
fn a_program_has_inside_it_what_its_recipe_and_the_toolchain_link() {
    let bill = Shelf::curl().bill(&catalog(), &spec("")).unwrap();
    let relations = relations(&bill);
    let libraries = vec!["mbedtls", "musl", "zlib", "libgcc"];
    assert_eq!(relations["curl/bin"], (libraries, vec!["ca-certificates/bundle".to_owned()]));
    assert_eq!(relations["ca-certificates/bundle"], (vec![], vec![]), "no program, no library");
    let origins: Vec<_> = bill.libraries.iter().map(|library| &library.origin).collect();
    assert!(matches!(origins[..], [_, LibraryOrigin::Recipe(..), _, LibraryOrigin::Seed(_)]), "{origins:?}");
}

#[test]
fn a_dependency_without_an_archive_is_not_inside() {
    let shelf = Shelf::curl().library("zlib", &["usr/include/zlib.h"]);
    let bill = shelf.bill(&catalog(), &spec("")).unwrap();
    assert_eq!(relations(&bill)["curl/bin"].0, ["mbedtls", "musl", "libgcc"]);
}

#[test]
fn a_library_is_not_inside_itself_and_an_object_file_is_no_program() {
    let mut object = PROGRAM.to_vec();
    // ET_REL
    object[16] = 1;
    let shelf = Shelf::default()
        .part("musl/dev", &[("usr/lib/crt1.o", &object)])
        .part("musl/bin", &[("usr/bin/ldd", PROGRAM)])
        .library("musl", &["usr/lib/libc.a"]);
    let bill = shelf.bill(&catalog(), &spec("")).unwrap();
    let relations = relations(&bill);
    assert_eq!(relations["musl/dev"].0, [""; 0]);
    assert_eq!(relations["musl/bin"].0, ["libgcc"]);
}

#[test]
fn packages_say_what_their_recipes_say() {
    let bill = Shelf::curl().bill(&catalog(), &spec("")).unwrap();
    let curl = &bill.components[1];
    assert_eq!((curl.name().as_str(), curl.package.license.as_str()), ("curl", "curl"));
    assert_eq!(bill.components[0].name(), "ca-certificates/bundle");
    let (version, sha256) = (&curl.package.version, &curl.package.archives[0].sha256);
    assert_eq!(
        curl.package.purl.to_string(),
        format!(
            "pkg:generic/curl@{version}?checksum=sha256:{sha256}\
             &download_url=https:%2F%2Fcurl.se%2Fdownload%2Fcurl-{version}.tar.gz"
        )
    );
    assert_eq!(curl.package.cpe, Some(format!("cpe:2.3:a:haxx:curl:{version}:*:*:*:*:*:*:*")));
    assert_eq!(bill.components[0].package.cpe, None, "the dictionary does not know everything");
    let mbedtls = &bill.libraries[0].package;
    assert_eq!(mbedtls.patches[0].path, "recipes/mbedtls/0001-getrandom-with-every-libc.patch");
    let libgcc = &bill.libraries[3].package;
    assert!(libgcc.purl.to_string().starts_with("pkg:deb/debian/libgcc-12-dev@12"), "{}", libgcc.purl);
}

#[test]
fn every_path_is_there_with_whoever_brings_it() {
    let spec = spec("[[file]]\npath = \"/etc/motd\"\ncontent = \"hello\"\nmode = \"0640\"\nowner = \"1:2\"\n");
    let bill = Shelf::curl().bill(&catalog(), &spec).unwrap();
    let lines: Vec<String> = bill
        .items
        .iter()
        .map(|item| {
            let kind = match &item.kind {
                ItemKind::Directory => "directory".to_owned(),
                ItemKind::Symlink { target } => format!("link to {target}"),
                ItemKind::File(file) => format!("{} bytes", file.size),
            };
            let by: Vec<_> = item.components.iter().map(|place| bill.components[*place].name()).collect();
            let owner = format!("{}:{}", item.owner.uid, item.owner.gid);
            format!("{} {kind} {:o} {owner} by {}", item.path, item.mode, by.join(" and "))
        })
        .collect();
    assert_eq!(
        lines,
        [
            "etc directory 755 0:0 by ca-certificates/bundle",
            "etc/motd 5 bytes 640 1:2 by ",
            "etc/ssl directory 755 0:0 by ca-certificates/bundle",
            "etc/ssl/certs directory 755 0:0 by ca-certificates/bundle",
            "etc/ssl/certs/ca-certificates.crt 12 bytes 444 0:0 by ca-certificates/bundle",
            "usr directory 755 0:0 by curl",
            "usr/bin directory 755 0:0 by curl",
            &format!("usr/bin/curl {} bytes 555 0:0 by curl", PROGRAM.len()),
            "usr/bin/kurl link to curl 777 0:0 by curl",
        ]
    );
}

#[test]
fn what_was_not_hashed_is_not_made_up() {
    let mut shelf = Shelf::curl();
    let fault = |shelf: &Shelf| shelf.bill(&catalog(), &spec("")).unwrap_err();
    shelf.stock.digests.remove(&shelf.parts[0].id);
    assert!(matches!(fault(&shelf), AttestError::Unhashed { path } if path.as_str() == "usr/bin/curl"));
    // Hashes of other bytes than the object has.
    let other = ObjectDigests::from([(path("usr/bin/curl"), FileDigests::of(b"other"))]);
    let id: ObjectId = shelf.parts[0].id;
    shelf.stock.digests.insert(id, other);
    assert!(matches!(fault(&shelf), AttestError::Unhashed { .. }));
}
