//! Archives: what we write, what other programs make of it, and what `docker save` writes, old and new.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use drystone::image::read::Form;
use serde_json::json;

use crate::mason::{Image, Layout, digest, listing, owned, read};
use crate::quarry::*;

/// Runs a program; `None` when it is not installed.
fn run(program: &str, words: &[&str]) -> Option<()> {
    let output = match Command::new(program).args(words).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: {program} is not installed");
            return None;
        }
        output => output.unwrap(),
    };
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

fn layers() -> [Vec<Vec<u8>>; 2] {
    let lower = vec![
        owned(directory("bin/"), 0o755, 0, 0),
        owned(file("bin/su", "su"), 0o4755, 0, 0),
        owned(hard_link("bin/sudo", "bin/su"), 0o4755, 0, 0),
        file("gone", "x"),
    ];
    let upper = vec![owned(file("etc/secret", "x"), 0o600, 7, 8), file(".wh.gone", ""), symlink("sh", "bin/su")];
    [lower, upper]
}

fn layout() -> Layout {
    let [lower, upper] = layers();
    Layout::of(&[&lower, &upper])
}

#[test]
fn copies_by_skopeo_have_the_same_root_file_system() {
    let (layout, scratch) = (layout(), tempfile::tempdir().unwrap());
    let at = |name: &str| scratch.path().join(name).display().to_string();
    let original = layout.read().unwrap();
    let copy =
        |to: &str| run("skopeo", &["copy", "--insecure-policy", &format!("oci:{}", layout.path().display()), to]);
    for (to, file, form) in [
        (format!("docker-archive:{}:stones:1", at("docker.tar")), "docker.tar", Form::DockerArchive),
        (format!("oci-archive:{}:1", at("oci.tar")), "oci.tar", Form::LayoutArchive),
        (format!("oci:{}:1", at("oci")), "oci", Form::Layout),
    ] {
        let Some(()) = copy(&to) else { return };
        for name in [at(file), format!("{}:1", at(file))] {
            let copied = read(&name).unwrap();
            assert_eq!(copied.form, form, "{name}");
            assert_eq!(listing(&copied), listing(&original), "{name}");
            let config = |contents: &drystone::image::Contents<usize>| contents.config.clone().unwrap().digest;
            assert_eq!(config(&copied), config(&original), "{name}");
        }
    }
    for (name, compress) in COMPRESSIONS {
        let bytes = compress(&std::fs::read(at("docker.tar")).unwrap());
        std::fs::write(at("packed"), bytes).unwrap();
        assert_eq!(listing(&read(&at("packed")).unwrap()), listing(&original), "{name}");
    }
}

#[test]
fn a_layout_made_by_umoci_is_read() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name).display().to_string();
    let image = format!("{}:latest", at("image"));
    let Some(()) = run("umoci", &["init", "--layout", &at("image")]) else { return };
    run("umoci", &["new", "--image", &image]).unwrap();
    std::fs::create_dir(at("tree")).unwrap();
    std::fs::write(at("tree/file"), "x").unwrap();
    for rounds in 0..2 {
        run("umoci", &["insert", "--rootless", "--image", &image, &at("tree"), "/opt"]).unwrap();
        std::fs::write(at("tree/second"), "y").unwrap();
        let names: Vec<_> = read(&image).unwrap().entries.into_keys().map(String::from).collect();
        let expected: &[&str] = if rounds == 0 { &["opt", "opt/file"] } else { &["opt", "opt/file", "opt/second"] };
        assert_eq!(names, expected);
    }
    run("umoci", &["insert", "--rootless", "--image", &image, "--whiteout", "/opt/file"]).unwrap();
    let names: Vec<_> = read(&image).unwrap().entries.into_keys().map(String::from).collect();
    assert_eq!(names, ["opt", "opt/second"]);
}

#[test]
fn holes_as_gnu_tar_writes_them_are_zeros() {
    let scratch = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(scratch.path().join("holes")).unwrap();
    // More pieces than fit the header of GNU's own format.
    for piece in 0..30 {
        std::os::unix::fs::FileExt::write_at(&file, b"stone", piece * (1 << 18) + 7).unwrap();
    }
    file.set_len(8 << 20).unwrap();
    let expected = digest(&std::fs::read(scratch.path().join("holes")).unwrap());
    let formats: [&[&str]; 4] = [
        &["--format=gnu"],
        &["--format=posix", "--sparse-version=0.0"],
        &["--format=posix", "--sparse-version=0.1"],
        &["--format=posix", "--sparse-version=1.0"],
    ];
    for words in formats {
        let place = scratch.path().join("holes.tar");
        let [place, directory] = [&place, scratch.path()].map(|path| path.to_str().unwrap().to_owned());
        let words = [words, &["--sparse", "-C", &directory, "-cf", &place, "holes"]].concat();
        run("tar", &words).unwrap();
        let layer = std::fs::read(&place).unwrap();
        assert!(layer.len() < 1 << 20, "{words:?}: tar has written the holes");
        let layout = Layout::bare();
        let image = layout.image(&Image::of(&[layer]));
        layout.index(&[image]);
        let contents = layout.read().unwrap();
        let drystone::image::read::Kind::File(file) = &contents.entries["holes"].kind else { panic!("a file") };
        assert_eq!((file.size, *file.examined), (8 << 20, 8 << 20), "{words:?}");
        assert_eq!(format!("sha256:{}", file.digest), expected, "{words:?}");
    }
}

/// The members of an archive.
type Members = BTreeMap<String, Vec<u8>>;

fn write(place: &Path, members: &[Vec<u8>]) {
    std::fs::write(place, tar(members)).unwrap();
}

/// What Docker before version 25 saves: layers under the ids of version 1, one of them a link to another.
#[test]
fn an_old_docker_archive_links_a_layer_that_it_has_twice() {
    let scratch = tempfile::tempdir().unwrap();
    let place = scratch.path().join("saved.tar");
    let layer = tar(&[file("a", "x")]);
    let image = Image::of(&[layer.clone(), layer.clone()]);
    let config = image.config.to_string();
    let name = digest(config.as_bytes()).replace("sha256:", "") + ".json";
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let list = json!([{ "Config": name, "RepoTags": ["stones:1"], "Layers": ["aa/layer.tar", "bb/layer.tar"] }]);
    let members = [
        directory("aa/"),
        file("aa/VERSION", "1.0"),
        file("aa/layer.tar", &text(&layer)),
        symlink("bb/layer.tar", "../aa/layer.tar"),
        file(name.as_str(), &config),
        file("manifest.json", &list.to_string()),
        file("repositories", "{}"),
    ];
    write(&place, &members);
    let contents = read(&format!("{}:stones:1", place.display())).unwrap();
    assert_eq!((contents.form, contents.layers.len(), contents.entries.len()), (Form::DockerArchive, 2, 1));
    assert_eq!((contents.manifest, contents.layers[0].digest), (None, None));

    // A second member of the same name, which some readers take and others do not.
    write(&place, &[&members[..], &[file("manifest.json", "[]")]].concat());
    let refusal = read(place.to_str().unwrap()).err().unwrap();
    assert!(refusal.ends_with("is malformed: the archive has it twice"), "{refusal}");
    let circle = [&members[..3], &[symlink("bb/layer.tar", "../bb/layer.tar")], &members[4..]].concat();
    write(&place, &circle);
    let refusal = read(place.to_str().unwrap()).err().unwrap();
    assert!(refusal.ends_with("it is a link that leads in a circle"), "{refusal}");
    // The configuration's name is a digest, and must be its own.
    let mut altered = members.clone();
    altered[4] = file(name.as_str(), &config.replace("65532", "00000"));
    write(&place, &altered);
    let refusal = read(place.to_str().unwrap()).err().unwrap();
    assert!(refusal.contains("it was altered; copy the image again"), "{refusal}");
    let refusal = read(&format!("{}:2", place.display())).err().unwrap();
    assert!(refusal.ends_with("has no image tagged 2; it has stones:1"), "{refusal}");
}

/// What Docker saves since version 25: an OCI layout that has `manifest.json` as well.
#[test]
fn a_new_docker_archive_must_show_the_same_image_to_old_and_new_readers() {
    let (layout, scratch) = (layout(), tempfile::tempdir().unwrap());
    let place = scratch.path().join("saved.tar");
    let mut members = Members::new();
    for name in ["oci-layout", "index.json"] {
        members.insert(name.to_owned(), std::fs::read(layout.path().join(name)).unwrap());
    }
    for blob in std::fs::read_dir(layout.path().join("blobs/sha256")).unwrap() {
        let path = blob.unwrap().path();
        let name = format!("blobs/sha256/{}", path.file_name().unwrap().display());
        members.insert(name, std::fs::read(&path).unwrap());
    }
    let contents = layout.read().unwrap();
    let blob = |digest: &drystone::digest::Sha256| format!("blobs/sha256/{digest}");
    let config = blob(&contents.config.as_ref().unwrap().digest);
    let layers: Vec<_> = contents.layers.iter().map(|layer| blob(layer.digest.as_ref().unwrap())).collect();
    let mut save = |list: serde_json::Value| {
        members.insert("manifest.json".to_owned(), list.to_string().into_bytes());
        let mut archive = ::tar::Builder::new(std::fs::File::create(&place).unwrap());
        for (name, bytes) in &members {
            let mut header = ::tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            archive.append_data(&mut header, name, bytes.as_slice()).unwrap();
        }
        archive.finish().unwrap();
        read(place.to_str().unwrap())
    };
    let honest = save(json!([{ "Config": config, "RepoTags": null, "Layers": layers }])).unwrap();
    assert_eq!((honest.form, honest.manifest), (Form::LayoutArchive, contents.manifest));
    assert_eq!(listing(&honest), listing(&contents));
    let refusal = save(json!([{ "Config": config, "RepoTags": null, "Layers": layers[..1] }])).err().unwrap();
    assert!(refusal.ends_with("so a runtime may see what is not checked here"), "{refusal}");
}

#[test]
fn a_file_that_is_no_image_says_what_it_is() {
    let scratch = tempfile::tempdir().unwrap();
    let place = scratch.path().join("file");
    let refusal = |bytes: &[u8]| {
        std::fs::write(&place, bytes).unwrap();
        let text = read(place.to_str().unwrap()).err().unwrap();
        text.replace(place.to_str().unwrap(), "FILE").split(';').next().unwrap().to_owned()
    };
    assert_eq!(refusal(b"name = \"jq\""), "FILE is no image that can be read: it is a file, but not a tar archive");
    assert_eq!(refusal(&gzip(b"text")), "FILE is no image that can be read: it is a file, but not a tar archive");
    assert_eq!(
        refusal(&tar(&[file("README", ""), file("src/main.rs", "")])),
        "FILE is no image that can be read: it is an archive without `oci-layout` and `manifest.json` (it holds \
         README, src)"
    );
    assert_eq!(
        refusal(&tar(&[directory("usr/"), file("etc/passwd", "")])),
        "FILE is no image that can be read: it is the archive of a root file system"
    );
    let whole = tar(&[file("manifest.json", &"x".repeat(2000))]);
    assert_eq!(refusal(&whole[..1024]), "FILE: the entry `manifest.json` is truncated");
}
