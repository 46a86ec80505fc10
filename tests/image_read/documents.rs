//! An image whose documents lie, or that is not whole, is refused with the name of what is wrong.

use drystone::image::read::Form;
use serde_json::json;

use crate::mason::{Image, Layout, descriptor, digest, read, read_for};
use crate::quarry::{directory, file, gzip, tar};

fn simple() -> Layout {
    Layout::of(&[&[directory("d/")], &[file("d/f", "x")]])
}

/// The path of a simple image's last layer.
fn last_layer(layout: &Layout) -> std::path::PathBuf {
    layout.blob_path(&digest(&gzip(&tar(&[file("d/f", "x")]))))
}

#[test]
fn an_image_says_what_its_documents_say() {
    let layout = Layout::bare();
    let mut image = Image::of(&[gzip(&tar(&[file("f", "x")])), gzip(&tar(&[file("g", "x")]))]);
    image.config["created"] = "1980-01-01T00:00:00Z".into();
    image.config["variant"] = "v2".into();
    image.config["config"] = json!({
        "User": "1:2", "Env": ["A=b"], "Entrypoint": ["/f"], "Cmd": null, "Labels": { "a": "b" },
        "WorkingDir": "", "ExposedPorts": { "80/tcp": {} }, "Volumes": { "/v": {} }, "StopSignal": "SIGTERM",
    });
    image.config["history"] =
        json!([{ "created_by": "first" }, { "created_by": "nothing", "empty_layer": true }, { "comment": "x" }]);
    image.manifest["layers"][0]["annotations"] = json!({ "io.drystone.object": "0123" });
    image.manifest["annotations"] = json!({ "title": "t" });
    let manifest = layout.image(&image);
    layout.index(std::slice::from_ref(&manifest));
    let contents = layout.read().unwrap();
    assert_eq!(contents.form, Form::Layout);
    assert_eq!(format!("sha256:{}", contents.manifest.unwrap()), manifest["digest"]);
    assert_eq!(contents.annotations["title"], "t");
    let config = contents.config.unwrap();
    assert_eq!((config.platform().as_str(), config.user.as_str()), ("linux/amd64/v2", "1:2"));
    assert_eq!((config.entrypoint, config.cmd, config.env), (vec!["/f".to_owned()], vec![], vec!["A=b".to_owned()]));
    assert_eq!((config.workdir, config.stop_signal.as_deref()), (None, Some("SIGTERM")));
    assert!(config.labels["a"] == "b" && config.ports.contains("80/tcp") && config.volumes.contains("/v"));
    let [first, second] = contents.layers.as_slice() else { panic!("two layers") };
    assert_eq!((first.created_by.as_deref(), second.created_by.as_deref()), (Some("first"), None));
    assert_eq!(first.annotations["io.drystone.object"], "0123");
    assert_eq!(format!("sha256:{}", first.digest.unwrap()), image.manifest["layers"][0]["digest"]);
    assert_eq!(format!("sha256:{}", first.diff_id), image.config["rootfs"]["diff_ids"][0]);
}

#[test]
fn a_blob_that_is_missing_cut_or_altered_is_named() {
    let layer = "the layer 2 (sha256:…) of IMAGE";
    let layout = simple();
    std::fs::remove_file(last_layer(&layout)).unwrap();
    assert_eq!(layout.refusal(), format!("{layer} is missing: the image is not whole; copy it again"));

    let layout = simple();
    let blob = std::fs::read(last_layer(&layout)).unwrap();
    std::fs::write(last_layer(&layout), &blob[..blob.len() - 1]).unwrap();
    let (all, cut) = (blob.len(), blob.len() - 1);
    assert_eq!(
        layout.refusal(),
        format!("{layer} has {cut} bytes, but {all} are announced: it was cut or altered; copy the image again")
    );
    // Anywhere in it: in the compression's header, which nothing else covers, in the data, in the checksum.
    for at in [4, blob.len() / 2, blob.len() - 6] {
        let layout = simple();
        let mut blob = blob.clone();
        blob[at] ^= 1;
        std::fs::write(last_layer(&layout), &blob).unwrap();
        assert_eq!(
            layout.refusal(),
            format!("{layer} has the digest sha256:…: it was altered; copy the image again"),
            "byte {at}"
        );
    }
}

#[test]
fn an_altered_document_is_named() {
    let layout = simple();
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(layout.path().join("index.json")).unwrap()).unwrap();
    let place = layout.blob_path(index["manifests"][0]["digest"].as_str().unwrap());
    let text = std::fs::read_to_string(&place).unwrap();
    std::fs::write(&place, text.replace("+gzip", "+gzap")).unwrap();
    assert_eq!(
        layout.refusal(),
        "the manifest sha256:… of IMAGE has the digest sha256:…: it was altered; copy the image again"
    );
    std::fs::remove_file(&place).unwrap();
    assert_eq!(layout.refusal(), "the manifest sha256:… of IMAGE is missing: the image is not whole; copy it again");
}

#[test]
fn a_diff_id_that_is_not_the_layers_own_is_told() {
    let layout = Layout::bare();
    let mut image = Image::of(&[gzip(&tar(&[file("f", "x")]))]);
    image.config["rootfs"]["diff_ids"][0] = digest(b"another").into();
    let manifest = layout.image(&image);
    layout.index(&[manifest]);
    assert_eq!(
        layout.refusal(),
        "the layer 1 (sha256:…) of IMAGE has the diffID sha256:…, but the configuration says sha256:…: the image is \
         not what it says it is"
    );
    image.config["rootfs"]["diff_ids"] = json!([]);
    let manifest = layout.image(&image);
    layout.index(&[manifest]);
    assert_eq!(
        layout.refusal(),
        "the configuration sha256:… of IMAGE is malformed: it has 0 diffIDs, and the manifest 1 layers"
    );
}

/// Why an image whose manifest was changed cannot be read.
#[track_caller]
fn refused_with(change: impl FnOnce(&mut Image)) -> String {
    let layout = Layout::bare();
    let mut image = Image::of(&[gzip(&tar(&[file("f", "x")]))]);
    change(&mut image);
    let manifest = layout.image(&image);
    layout.index(&[manifest]);
    layout.refusal()
}

#[test]
fn a_document_of_two_meanings_is_refused() {
    assert_eq!(
        refused_with(|image| image.manifest["manifests"] = json!([])),
        "the manifest sha256:… of IMAGE is malformed: it is a manifest and lists manifests as well"
    );
    let twice = refused_with(|image| image.config["config"]["entrypoint"] = json!(["/bin/sh"]));
    assert!(
        twice.starts_with("the configuration sha256:… of IMAGE is malformed: `entrypoint` is spelled `Entrypoint`")
    );
    let layout = simple();
    let index = std::fs::read_to_string(layout.path().join("index.json")).unwrap();
    layout.write("index.json", index.replacen('{', r#"{"layers":[],"#, 1));
    assert_eq!(layout.refusal(), "index.json of IMAGE is malformed: it is an index and has layers as well");
    layout.write("index.json", index.replacen('{', r#"{"manifests":[],"#, 1));
    assert!(layout.refusal().starts_with("index.json of IMAGE is malformed: `manifests` is there twice"));
}

#[test]
fn what_is_no_container_image_says_what_it_is() {
    assert_eq!(
        refused_with(|image| image.manifest["config"]["mediaType"] = "application/vnd.example.chart+json".into()),
        "the manifest sha256:… of IMAGE cannot be read: it is no container image, but an artifact of the type \
         application/vnd.example.chart+json"
    );
    assert_eq!(
        refused_with(|image| image.manifest["layers"][0]["mediaType"] =
            "application/vnd.oci.image.layer.v1.tar+gzip+encrypted".into()),
        "the manifest sha256:… of IMAGE cannot be read: it has a layer of the type \
         application/vnd.oci.image.layer.v1.tar+gzip+encrypted"
    );
    assert_eq!(
        refused_with(|image| image.manifest["schemaVersion"] = 1.into()),
        "the manifest sha256:… of IMAGE cannot be read: its schemaVersion is not 2"
    );
    let refusal = refused_with(|image| image.manifest["layers"][0]["digest"] = "sha512:00".into());
    assert_eq!(
        refusal,
        "the manifest sha256:… of IMAGE cannot be read: `sha512:00` is not a digest of the form sha256:HEX"
    );
    let escape = refused_with(|image| image.manifest["layers"][0]["digest"] = "sha256:../../etc/passwd".into());
    assert!(escape.ends_with("is not a digest of the form sha256:HEX"), "{escape}");
}

#[test]
fn of_several_images_one_is_chosen_by_its_tag_or_digest() {
    let layout = Layout::bare();
    let tagged = |tag: &str, content: &str| {
        let mut manifest = layout.image(&Image::of(&[gzip(&tar(&[file(content, "x")]))]));
        manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        manifest
    };
    let (one, two) = (tagged("1", "one"), tagged("2", "two"));
    // What is attached to an image is none.
    let mut signature = tagged("sha256-0123.sig", "signature");
    let mut referrer = tagged("x", "referrer");
    referrer["artifactType"] = "application/vnd.example.report".into();
    layout.index(&[signature.clone(), referrer.clone(), one.clone()]);
    let place = layout.path().display().to_string();
    let names = |name: String| read(&name).map(|contents| contents.entries.into_keys().next().unwrap().to_string());
    assert_eq!(names(place.clone()).unwrap(), "one");
    signature["annotations"] = json!(null);
    layout.index(&[one.clone(), two.clone(), referrer]);
    assert_eq!(
        names(place.clone()).unwrap_err(),
        format!("{place} holds several images: say which, as {place}:TAG; it has 1, 2")
    );
    assert_eq!(names(format!("{place}:2")).unwrap(), "two");
    assert_eq!(names(format!("{place}@{}", two["digest"].as_str().unwrap())).unwrap(), "two");
    assert_eq!(names(format!("{place}:3")).unwrap_err(), format!("{place} has no image tagged 3; it has 1, 2"));
    assert_eq!(
        names(format!("{place}.gone:3")).unwrap_err(),
        format!(
            "there is no image {place}.gone:3: it must be an image layout, an archive or a directory on this machine"
        )
    );
}

#[test]
fn of_an_index_the_platform_is_chosen() {
    let layout = Layout::bare();
    let image = |architecture: &str, variant: Option<&str>| {
        let mut image = Image::of(&[gzip(&tar(&[file(architecture, variant.unwrap_or("x"))]))]);
        image.config["architecture"] = architecture.into();
        let mut manifest = layout.image(&image);
        manifest["platform"] = json!({ "os": "linux", "architecture": architecture, "variant": variant });
        manifest
    };
    // BuildKit lists provenance beside the images.
    let mut attestation = image("unknown", None);
    attestation["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    let manifests = [image("amd64", None), image("arm64", Some("v8")), attestation];
    let index = json!({ "schemaVersion": 2, "manifests": manifests }).to_string();
    let nested = layout.blob("application/vnd.oci.image.index.v1+json", index.as_bytes());
    layout.index(&[nested]);
    let place = layout.path().display().to_string();
    let architecture =
        |platform| read_for(&place, platform, Default::default()).map(|it| it.config.unwrap().architecture);
    assert_eq!(architecture("linux/arm64").unwrap(), "arm64");
    assert_eq!(architecture("linux/arm64/v8").unwrap(), "arm64");
    assert_eq!(architecture("linux/amd64").unwrap(), "amd64");
    assert_eq!(
        architecture("linux/s390x").unwrap_err(),
        format!("{place} is not made for linux/s390x; it has linux/amd64, linux/arm64/v8")
    );
    // One that names itself would be followed for ever.
    let mut index = descriptor("application/vnd.oci.image.index.v1+json", b"");
    for _ in 0..4 {
        let text = json!({ "schemaVersion": 2, "manifests": [index] }).to_string();
        index = layout.blob("application/vnd.oci.image.index.v1+json", text.as_bytes());
    }
    layout.index(&[index]);
    assert_eq!(layout.refusal(), "the index sha256:… of IMAGE cannot be read: it is an index in an index in an index");
}
